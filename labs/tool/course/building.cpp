// building.cpp: compiles the steps, and finds the error that helps.
#include "ahead.hpp"
#include "compiling.hpp"
#include "component.hpp"
#include "contract.hpp"
#include "grading.hpp"
#include "process.hpp"

#include <cstdlib>
#include <filesystem>
#include <future>
#include <system_error>

namespace lab {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view precompiled =
    "#include <algorithm>\n#include <atomic>\n#include <cstdint>\n#include <deque>\n#include "
    "<map>\n"
    "#include <memory>\n#include <mutex>\n#include <condition_variable>\n#include <optional>\n"
    "#include <set>\n#include <string>\n#include <string_view>\n#include <thread>\n#include "
    "<vector>\n"
    "#include <doctest/doctest.h>\n";

// The first error in the student's own file, with the lines that the compiler shows below it; else
// the first error there is.
std::string first_error(const std::string& output, const std::string& own) {
  std::vector<std::string> lines;
  bool is_own = false;
  for (const auto& [number, line] : lines_of(output)) {
    const bool is_error = line.find("error:") != line.npos ||
                          line.find("undefined reference") != line.npos ||
                          line.find("undefined symbol") != line.npos;
    if (is_error) {
      const bool is_better = !own.empty() && line.find(own) != std::string::npos && !is_own;
      if (lines.empty() || is_better) {
        lines = {line};
        is_own = is_better;
        continue;
      }
    }
    const bool goes_on = !lines.empty() && lines.size() < 6 && !line.empty() && line[0] == ' ';
    if (goes_on && lines.back() != "")
      lines.push_back(line);
    else if (!lines.empty() && lines.back() != "" && is_error)
      lines.push_back("");
  }
  while (!lines.empty() && lines.back().empty())
    lines.pop_back();
  if (lines.empty()) return output.substr(0, 400);
  std::string text;
  for (const std::string& line : lines)
    text += (text.empty() ? "" : "\n") + line;
  return text;
}

// Makes what does not depend on the component.
bool prepare_shared(Chapter& chapter, std::string& errors, const std::string& main) {
  const std::lock_guard lock(mutex_of(chapter.cache));  // several threads may want the same files
  std::error_code error;
  fs::create_directories(chapter.cache, error);
  const std::string source = project_root() + "/tests/support/" + main + ".cpp";
  const std::string header = chapter.cache + "/steps.hpp";
  const std::string compiled = header + precompiled_suffix();
  chapter.main_object = chapter.cache + "/" + main + ".o";
  if (!fs::exists(header)) write_text(header, std::string(precompiled));
  auto first = std::async(std::launch::async, [&, words = chapter.compile] {
    std::string ignored;
    return fs::exists(compiled) ||
           compile_once(joined(words, {"-x", "c++-header", header}), compiled, ignored);
  });
  const bool is_fresh = !is_newer(source, chapter.main_object) &&
                        !is_newer(project_root() + "/tests/support/step.hpp", chapter.main_object);
  const bool has_main = is_fresh || compile_once(joined(chapter.compile, {"-c", source}),
                                                 chapter.main_object, errors);
  if (first.get()) chapter.compile.insert(chapter.compile.end(), {"-include", header});
  return has_main;
}

// How often a header's stubs throw the step's id.
std::size_t stubs_of(const std::string& folder, const Part& part, const std::string& step) {
  const auto text = read_text(project_root() + "/" + header_in(folder, part)).value_or("");
  const std::string stub = "\"" + step + " is not yet written\"";
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find(stub, at)) != text.npos; ++at)
    ++count;
  return count;
}

}  // namespace

Chapter make_chapter(const Part& part, std::string view, std::string folder,
                     const std::vector<std::string>& flags) {
  Chapter chapter;
  chapter.part = part;
  chapter.view = std::move(view);
  chapter.folder = std::move(folder);
  chapter.steps = find_steps(part);
  for (Step& step : chapter.steps) {
    const std::size_t stubs = stubs_of(*folder_of("lab", part), part, step.id);
    step.is_untouched = stubs > 0 && stubs == stubs_of(chapter.folder, part, step.id);
  }
  chapter.compile = joined(
      compiler_words(),
      {"-std=c++20", "-pthread", "-DDOCTEST_CONFIG_SUPER_FAST_ASSERTS", "-DLSMITH_SCHEDULED"});
  chapter.compile = joined(std::move(chapter.compile), flags);
  // The usual linker takes twice as long as either of these.
  if (has_program("ld.lld"))
    chapter.compile.push_back("-fuse-ld=lld");
  else if (has_program("ld.gold"))
    chapter.compile.push_back("-fuse-ld=gold");
  if (const char* const doctest = std::getenv("DOCTEST_FOLDER"))
    chapter.compile.push_back("-I" + std::string(doctest));
  chapter.cache = project_root() + "/build/check/" + hash_name(chapter.compile);
  return chapter;
}

bool prepare(Chapter& chapter, std::string& errors, const std::string& main) {
  const std::vector<std::string> plain = chapter.compile;
  if (!prepare_shared(chapter, errors, main)) return false;
  if (main != "step_reporter") return true;
  make_ahead(chapter, plain, precompiled);
  make_component(chapter);
  return true;
}

bool build(const Chapter& chapter, const std::vector<std::string>& sources, const std::string& name,
           std::string& executable, std::string& errors) {
  const std::string folder = folder_of(chapter);
  executable = folder + "/" + name;
  std::error_code error;
  fs::create_directories(folder, error);
  if (link_component(chapter, sources, executable)) return true;
  const bool is_ahead = !chapter.ahead.empty();
  std::vector<std::string> words = words_with(chapter, chapter.folder, is_ahead);
  words = joined(joined(std::move(words), {chapter.main_object}), sources);
  if (is_ahead) words.push_back(chapter.ahead_object);
  if (compile_once(words, executable, errors)) return true;
  errors = first_error(errors, chapter.folder);
  return false;
}

bool build(const Chapter& chapter, Step& step, std::string& executable) {
  if (build(chapter, {step.source}, step.name, executable, step.why)) return true;
  step.verdict = Verdict::does_not_compile;
  return false;
}

}  // namespace lab
