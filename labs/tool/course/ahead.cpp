// ahead.cpp: finds the headers, copies and compiles them.
#include "ahead.hpp"

#include "compiling.hpp"
#include "contract.hpp"
#include "process.hpp"

#include <algorithm>
#include <filesystem>
#include <future>
#include <map>
#include <set>
#include <sstream>
#include <system_error>

namespace lab {
namespace {

namespace fs = std::filesystem;

// Headers by their names ("lsmith/wal.hpp"), with their texts.
using Headers = std::map<std::string, std::string>;

Headers read_headers() {
  Headers headers;
  const std::string folder = project_root() + "/include/";
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(folder, error))
    if (entry.path().extension() == ".hpp")
      headers[entry.path().string().substr(folder.size())] =
          read_text(entry.path().string()).value_or("");
  return headers;
}

bool reaches(const Headers& headers, const std::string& from, const std::string& to,
             std::set<std::string>& seen) {
  if (from == to) return true;
  const auto found = headers.find(from);
  if (found == headers.end() || !seen.insert(from).second) return false;
  for (const Line& line : lines_of(found->second)) {
    const std::string name = included_header(line.text);
    if (!name.empty() && reaches(headers, name, to, seen)) return true;
  }
  return false;
}

// A header whose classes' functions are elsewhere. Its first line, a comment, makes room for the
// pragma, so that the numbers of the lines stay.
std::string with_pragma(const std::string& name, const std::string& text) {
  return "#line 1 \"include/" + name + "\"\n#pragma interface" + text.substr(text.find('\n'));
}

// Whether nothing in include/ has changed since `made`.
bool is_fresh(const std::string& made) {
  std::error_code error;
  if (!fs::exists(made)) return false;
  for (const auto& entry : fs::recursive_directory_iterator(project_root() + "/include", error))
    if (is_newer(entry.path().string(), made)) return false;
  return true;
}

struct Files {
  std::string folder;
  std::string header = folder + "/ahead.hpp";
  std::string source = folder + "/ahead.cpp";
  std::string object = folder + "/ahead.o";
};

// The headers that the steps include, by whatever way.
std::set<std::string> included_by(const Chapter& chapter, const std::vector<std::string>& compile) {
  std::vector<std::string> words = joined(compile, {"-MM", "-Iinclude", "-Itests"});
  for (const Step& step : find_steps(chapter.part))
    words.push_back(step.source);
  std::set<std::string> names;
  std::istringstream text(run(words, {project_root(), true, 0}).output);
  for (std::string word; text >> word;)
    if (word.compare(0, 15, "include/lsmith/") == 0) names.insert(word.substr(8));
  return names;
}

void write_sources(const Files& files, const Chapter& chapter, const std::set<std::string>& wanted,
                   std::string_view standard) {
  const Headers headers = read_headers();
  std::string pragmas, includes;
  for (const std::string& name : wanted) {
    const auto found = headers.find(name);
    std::set<std::string> seen;
    if (found == headers.end() || reaches(headers, name, "lsmith/" + chapter.part.header, seen))
      continue;
    write_text(files.folder + "/" + name, with_pragma(name, found->second));
    pragmas += "#pragma implementation \"" + fs::path(name).filename().string() + "\"\n";
    if (name.find("/detail/") == name.npos) includes += "#include <" + name + ">\n";
  }
  write_text(files.header, std::string(standard) + includes);
  write_text(files.source, pragmas + includes);
}

}  // namespace

void make_ahead(Chapter& chapter, const std::vector<std::string>& compile,
                std::string_view standard) {
  if (is_clang() || !chapter.others.empty()) return;
  const Files files{chapter.cache + "/ahead-" + chapter.part.number};
  const std::string own = "-I" + files.folder;
  if (!is_fresh(files.object)) {
    std::error_code error;
    fs::remove_all(files.folder, error);
    write_sources(files, chapter, included_by(chapter, compile), standard);
    auto header = std::async(std::launch::async, [&] {
      std::string ignored;
      return compile_once(joined(compile, {own, "-x", "c++-header", files.header}),
                          files.header + ".gch", ignored);
    });
    std::string ignored;
    const bool has_object =
        compile_once(joined(chapter.compile, {own, "-c", files.source}), files.object, ignored);
    if (!header.get() || !has_object) return;
  }
  chapter.ahead = joined(compile, {"-include", files.header});
  chapter.ahead_last = {own, files.object};
}

}  // namespace lab
