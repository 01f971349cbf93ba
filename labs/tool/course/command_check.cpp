// command_check.cpp: `labs/lab check`: grades a chapter, step by step.
//
// Each step is a file of tests/<part> whose name begins with a digit; it becomes an executable of
// its own, in one view, and prints a verdict (tests/support/step_reporter.cpp). What never changes
// while a student works, doctest and the standard library, is compiled ahead and kept.
#include "commands.hpp"
#include "process.hpp"
#include "project.hpp"
#include "terminal.hpp"
#include "text.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <system_error>

#include <unistd.h>
#include <csignal>
#include <cstring>

namespace lab {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view usage =
    "usage: labs/lab check NN [--view lab|mine|solutions|library]\n\n"
    "Builds the steps of a chapter and prints a verdict for each. The view says whose component "
    "is\n"
    "tested: mine (labs/mine, the default when it is there), lab (as shipped), solutions (the\n"
    "textbook's) or library (the one that ships). Exit code 0 only when every step is done.\n";

constexpr int time_limit_ms = 10'000;

// What became of a step.
enum class Verdict { done, wrong, not_started, needs, does_not_compile, crashed, hangs };

struct Step {
  std::string source;  // from the project's root
  std::string name;    // "1_insert_and_get_test"
  std::string id;      // "01.1"
  Verdict verdict = Verdict::wrong;
  std::string needs;  // the step that comes first
  std::string said;   // the verdict that its executable printed
  std::string last_case;
  std::vector<std::string> story;  // what is shown below the verdict
  int points = 0;
  int points_max = 0;
};

struct Chapter {
  Part part;
  std::string view;    // as it was asked for
  std::string folder;  // put before include/; empty for the library
  std::string cache;   // of all chapters
  std::vector<std::string> compile;
  std::vector<Step> steps;
};

// What a step is worth, by its declaration: `const lab::Step step{"01.1", 10, …`.
int points_of(const std::string& source) {
  const std::string text = read_text(project_root() + "/" + source).value_or("");
  const std::size_t declared = text.find("lab::Step ");
  const std::size_t comma = declared == text.npos ? text.npos : text.find(',', declared);
  return comma == text.npos ? 0 : std::atoi(text.c_str() + comma + 1);
}

std::vector<Step> find_steps(const Part& part) {
  std::vector<Step> steps;
  std::error_code error;
  const std::string folder = "tests/" + part.name;
  for (const auto& entry : fs::directory_iterator(project_root() + "/" + folder, error)) {
    const std::string name = entry.path().stem().string();
    if (entry.path().extension() != ".cpp" || name.empty() || name[0] < '0' || name[0] > '9')
      continue;
    Step step;
    step.source = folder + "/" + name + ".cpp";
    step.name = name;
    step.points_max = points_of(step.source);
    step.id = part.number + "." + name.substr(0, name.find('_'));
    steps.push_back(std::move(step));
  }
  std::sort(steps.begin(), steps.end(), [](const Step& a, const Step& b) {
    return std::atoi(a.name.c_str()) < std::atoi(b.name.c_str());
  });
  return steps;
}

// ---- Compiling
// -------------------------------------------------------------------------------------

constexpr std::string_view precompiled =
    "#include <algorithm>\n#include <atomic>\n#include <cstdint>\n#include <deque>\n#include "
    "<map>\n"
    "#include <memory>\n#include <mutex>\n#include <condition_variable>\n#include <optional>\n"
    "#include <set>\n#include <string>\n#include <string_view>\n#include <thread>\n#include "
    "<vector>\n"
    "#include <doctest/doctest.h>\n";

std::vector<std::string> joined(std::vector<std::string> words, std::vector<std::string> more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

bool is_clang(const std::vector<std::string>& compile) {
  return run(joined(compile, {"--version"}), {{}, true, 0}).output.find("clang") !=
         std::string::npos;
}

std::string hash_name(const std::vector<std::string>& words) {
  std::size_t hash = 0;
  for (const std::string& word : words)
    hash = hash * 31 + std::hash<std::string>()(word);
  return std::to_string(hash);
}

bool is_newer(const std::string& path, const std::string& than) {
  std::error_code error;
  const auto a = fs::last_write_time(path, error);
  const auto b = fs::last_write_time(than, error);
  return error || a > b;
}

// Compiles into a file of another name first, so that what stands under `result` is always whole.
bool compile_once(const std::vector<std::string>& words, const std::string& result,
                  std::string& errors) {
  const std::string draft = result + "." + std::to_string(getpid());
  const Outcome outcome = run(joined(words, {"-o", draft}), {project_root(), true, 0});
  errors = outcome.output;
  std::error_code error;
  if (outcome.ok()) fs::rename(draft, result, error);
  fs::remove(draft, error);
  return outcome.ok();
}

// Makes what all steps share: the precompiled header, and the reporter with its main.
bool prepare(Chapter& chapter, std::string& errors) {
  const std::string source = project_root() + "/tests/support/step_reporter.cpp";
  const std::string header = chapter.cache + "/steps.hpp";
  const std::string compiled = header + (is_clang(chapter.compile) ? ".pch" : ".gch");
  const std::string reporter = chapter.cache + "/step_reporter.o";
  if (!fs::exists(header)) std::ofstream(header) << precompiled;
  auto first = std::async(std::launch::async, [&, words = chapter.compile] {
    std::string ignored;
    return fs::exists(compiled) ||
           compile_once(joined(words, {"-x", "c++-header", header}), compiled, ignored);
  });
  const bool has_reporter = (fs::exists(reporter) && !is_newer(source, reporter) &&
                             !is_newer(project_root() + "/tests/support/step.hpp", reporter)) ||
                            compile_once(joined(chapter.compile, {"-c", source}), reporter, errors);
  if (first.get()) chapter.compile.insert(chapter.compile.end(), {"-include", header});
  return has_reporter;
}

// The first error in the student's own file, with the lines that the compiler shows below it; else
// the first error there is.
std::vector<std::string> first_error(const std::string& output, const std::string& own) {
  std::vector<std::string> lines;
  bool is_own = false;
  for (std::size_t at = 0; at < output.size();) {
    const std::size_t end = std::min(output.find('\n', at), output.size());
    const std::string line = output.substr(at, end - at);
    at = end + 1;
    if (line.find("error:") != std::string::npos) {
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
    else if (!lines.empty() && lines.back() != "" && line.find("error:") != line.npos)
      lines.push_back("");
  }
  while (!lines.empty() && lines.back().empty())
    lines.pop_back();
  if (lines.empty()) lines.push_back(output.substr(0, 400));
  return lines;
}

std::string trimmed(std::string text) {
  text.erase(0, std::min(text.find_first_not_of(' '), text.size()));
  return text;
}

// Builds a step's executable; what does not compile is its verdict.
bool build(const Chapter& chapter, Step& step, std::string& executable) {
  const std::string folder = chapter.cache + "/" + chapter.part.folder + "-" + chapter.view;
  executable = folder + "/" + step.name;
  std::error_code error;
  fs::create_directories(folder, error);
  std::vector<std::string> words = chapter.compile;
  if (!chapter.folder.empty()) words.push_back("-I" + chapter.folder);
  words = joined(words, {"-Iinclude", "-Itests", step.source, chapter.cache + "/step_reporter.o"});
  std::string errors;
  if (compile_once(words, executable, errors)) return true;
  step.verdict = Verdict::does_not_compile;
  step.story = first_error(errors, chapter.folder);
  return false;
}

// ---- Running
// ----------------------------------------------------------------------------------------

const char* signal_text(int signal) {
  switch (signal) {
    case SIGSEGV:
      return "it read or wrote memory that is not its own (segmentation fault)";
    case SIGABRT:
      return "it was aborted: an assert did not hold, or an exception left noexcept code";
    case SIGFPE:
      return "it divided by zero";
    case SIGBUS:
      return "it read memory that is not there (bus error)";
    case SIGILL:
      return "it met an illegal instruction";
    default:
      return strsignal(signal);
  }
}

// Reads `name: text` lines; those of a failure are indented and are its story.
void read_report(const std::string& output, Step& step) {
  std::string told_case;
  for (std::size_t at = 0; at < output.size();) {
    const std::size_t end = std::min(output.find('\n', at), output.size());
    const std::string line = output.substr(at, end - at);
    at = end + 1;
    const std::size_t colon = line.find(": ");
    if (colon == line.npos) continue;
    const std::string name = line.substr(0, colon);
    const std::string text = line.substr(colon + 2);
    if (name == "case") step.last_case = text;
    if (name == "verdict") step.said = text;
    if (name == "verdict" && text.compare(0, 6, "needs ") == 0)
      step.needs = text.substr(6, text.find(' ', 6) - 6);
    if (name.compare(0, 2, "  ") != 0) continue;
    if (step.last_case != told_case) {
      if (!step.story.empty()) step.story.push_back("");
      step.story.push_back(step.last_case);
      told_case = step.last_case;
    }
    step.story.push_back("  " + pad(trimmed(name), 9) + " " + text);
  }
}

void judge(Step& step, const Outcome& outcome) {
  read_report(outcome.output, step);
  const std::string culprit = step.last_case.empty() ? "before its first case" : step.last_case;
  if (outcome.timed_out) {
    step.verdict = Verdict::hangs;
    step.story = {culprit,
                  "  it had not ended after " + std::to_string(time_limit_ms / 1000) + " s"};
  } else if (outcome.signal != 0) {
    step.verdict = Verdict::crashed;
    step.story = {culprit, std::string("  ") + signal_text(outcome.signal)};
  } else {
    switch (outcome.exit_code) {
      case 0:
        step.verdict = step.said == "done" ? Verdict::done : Verdict::wrong;
        if (step.said.empty()) step.story = {culprit, "  the program ended in the middle of it"};
        break;
      case 2:
        step.verdict = Verdict::not_started;
        break;
      case 3:
        step.verdict = Verdict::needs;
        break;
      default:
        step.verdict = Verdict::wrong;
    }
  }
  if (step.verdict == Verdict::done) step.points = step.points_max;
}

// ---- Showing
// ----------------------------------------------------------------------------------------

std::string verdict_text(const Step& step) {
  switch (step.verdict) {
    case Verdict::done:
      return paint(Tone::good, "✓ done");
    case Verdict::wrong:
      return paint(Tone::bad, "✗ wrong");
    case Verdict::not_started:
      return paint(Tone::faint, "· not started");
    case Verdict::needs:
      return paint(Tone::note, "· needs " + step.needs + " first");
    case Verdict::does_not_compile:
      return paint(Tone::bad, "✗ does not compile");
    case Verdict::crashed:
      return paint(Tone::bad, "✗ crashed");
    case Verdict::hangs:
      return paint(Tone::bad, "✗ hangs");
  }
  return {};
}

// "1_insert_and_get_test" as "insert and get".
std::string title_of(const Step& step) {
  std::string title = step.name.substr(step.name.find('_') + 1);
  title = title.substr(0, title.rfind("_test"));
  std::replace(title.begin(), title.end(), '_', ' ');
  return title;
}

void print_step(const Step& step) {
  const std::string points =
      step.points_max == 0 ? ""
                           : std::to_string(step.points) + "/" + std::to_string(step.points_max);
  print("  " + pad(step.id, 6) + pad(title_of(step), 38) + pad(points, -7) + "  " +
        verdict_text(step) + "\n");
  for (const std::string& line : step.story)
    print(line.empty() ? "      │\n" : "      │ " + line + "\n");
}

int print_sum(const Chapter& chapter, const std::vector<Step>& steps, std::uint64_t began_ms) {
  int points = 0, points_max = 0, done = 0;
  const Step* next = nullptr;
  for (const Step& step : steps) {
    points += step.points;
    points_max += step.points_max;
    done += step.verdict == Verdict::done;
    if (step.verdict != Verdict::done && next == nullptr) next = &step;
  }
  const bool is_complete = next == nullptr;
  print("\n  " + paint(is_complete ? Tone::good : Tone::note, bar(points, points_max, 24)) + "  " +
        std::to_string(done) + " of " + std::to_string(steps.size()) + " steps, " +
        std::to_string(points) + " of " + std::to_string(points_max) + " points, " +
        as_decimal(static_cast<double>(clock_ms() - began_ms) / 1000, 1) + " s\n");
  if (is_complete) {
    const bool is_all = steps.size() == find_steps(chapter.part).size();
    print("  " + paint(Tone::good, is_all ? "the chapter is complete" : "the step is complete") +
          "\n");
  } else if (chapter.view == "lab") {
    print("  start with: labs/lab start " + chapter.part.number + ", then write step " + next->id +
          " in labs/mine/" + chapter.part.folder + "/lsmith/" + chapter.part.header + "\n");
  } else {
    print("  next: step " + next->id + " in " +
          (chapter.folder.empty() ? "include" : chapter.folder) + "/lsmith/" + chapter.part.header +
          "\n");
  }
  return is_complete ? exit_fine : exit_failure;
}

// ---- The command
// -----------------------------------------------------------------------------------

// The folder of a view, from the project's root; nothing when there is no such view.
std::optional<std::string> folder_of(const std::string& view, const Part& part) {
  if (view == "library") return "";
  if (view == "lab") return "labs/" + part.folder;
  if (view == "mine") return "labs/mine/" + part.folder;
  if (view == "solutions") return "solutions/" + part.folder;
  return std::nullopt;
}

int no_such_chapter(const std::string& name) {
  std::string chapters;
  for (const Part& part : all_parts())
    if (!find_steps(part).empty()) chapters += "\n  " + part.number + "  " + part.name;
  return complain(exit_usage, (name.empty() ? "which chapter?"
                                            : "there is no chapter \"" + name + "\" to grade;") +
                                  " these exist:" + (chapters.empty() ? " none yet" : chapters));
}

int grade(Chapter& chapter) {
  const std::uint64_t began_ms = clock_ms();
  std::string errors;
  std::error_code error;
  fs::create_directories(chapter.cache, error);
  if (!prepare(chapter, errors))
    return complain(exit_failure, "the step reporter does not compile\n" + errors);
  print(paint(Tone::strong, chapter.part.number + " " + chapter.part.name) + "  " +
        (chapter.folder.empty() ? "include" : chapter.folder) + "/lsmith/" + chapter.part.header +
        "\n");

  // Builds run ahead of the runs, a few at once; verdicts appear in order.
  std::vector<Step>& steps = chapter.steps;
  const auto ahead = static_cast<std::size_t>(processor_count());
  std::vector<std::future<bool>> builds(steps.size());
  std::vector<std::string> executables(steps.size());
  std::size_t started = 0;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    for (; started < steps.size() && started < i + ahead; ++started) {
      builds[started] = std::async(std::launch::async, [&, at = started] {
        return build(chapter, steps[at], executables[at]);
      });
    }
    if (builds[i].get())
      judge(steps[i], run({executables[i]}, {project_root(), true, time_limit_ms}));
    print_step(steps[i]);
    std::fflush(stdout);
  }
  return finish(print_sum(chapter, steps, began_ms));
}

}  // namespace

int run_check(std::vector<std::string> given) {
  Arguments arguments(std::move(given));
  if (arguments.flag("--help")) return print(usage), finish(exit_fine);
  const auto asked = arguments.option("--view");
  const auto& words = arguments.words();
  if (!arguments.error().empty() || words.size() > 1) {
    return complain(exit_usage, (words.size() > 1 ? "one chapter at a time" : arguments.error()) +
                                    "\n\n" + std::string(usage));
  }
  const std::string name = words.empty() ? "" : words[0];
  const std::size_t dot = name.find('.');
  const auto part = find_part(name.substr(0, dot));
  std::vector<Step> steps = part ? find_steps(*part) : std::vector<Step>();
  if (steps.empty()) return no_such_chapter(name);
  if (dot != name.npos) {
    const std::string id = part->number + name.substr(dot);
    steps.erase(
        std::remove_if(steps.begin(), steps.end(), [&](const Step& step) { return step.id != id; }),
        steps.end());
    if (steps.empty())
      return complain(exit_usage, "chapter " + part->number + " has no step " + id);
  }
  const bool has_own = fs::exists(project_root() + "/labs/mine/" + part->folder + "/lsmith");
  Chapter chapter{*part, asked.value_or(has_own ? "mine" : "lab"), {}, {}, {}, std::move(steps)};
  const auto folder = folder_of(chapter.view, *part);
  if (!folder)
    return complain(exit_usage, "there is no view \"" + chapter.view +
                                    "\"; these exist: lab, mine, solutions, library");
  if (!folder->empty() && !fs::exists(project_root() + "/" + *folder + "/lsmith/" + part->header))
    return complain(exit_usage, "there is no " + *folder + "/lsmith/" + part->header);
  chapter.folder = *folder;
  chapter.compile = joined(
      compiler_words(), {"-std=c++20", "-O0", "-pthread", "-DDOCTEST_CONFIG_SUPER_FAST_ASSERTS"});
  if (const char* const doctest = std::getenv("DOCTEST_FOLDER"))
    chapter.compile.push_back("-I" + std::string(doctest));
  chapter.cache = project_root() + "/build/check/" + hash_name(chapter.compile);
  return grade(chapter);
}

int run_start(std::vector<std::string> given) {
  Arguments arguments(std::move(given));
  if (arguments.flag("--help")) {
    print(
        "usage: labs/lab start NN\n\nCopies the lab of a chapter to labs/mine, where you work on "
        "it.\n");
    return finish(exit_fine);
  }
  const auto& words = arguments.words();
  if (!arguments.error().empty()) return complain(exit_usage, arguments.error());
  const auto part = words.size() == 1 ? find_part(words[0]) : std::nullopt;
  const std::string from = part ? "labs/" + part->folder : "";
  if (!part || !fs::exists(project_root() + "/" + from))
    return no_such_chapter(words.empty() ? "" : words[0]);
  const std::string to = "labs/mine/" + part->folder;
  if (fs::exists(project_root() + "/" + to))
    return complain(exit_failure, to + " is there already and stays as it is");
  std::error_code error;
  fs::create_directories(project_root() + "/labs/mine", error);
  fs::copy(project_root() + "/" + from, project_root() + "/" + to, fs::copy_options::recursive,
           error);
  if (error) return complain(exit_failure, to + ": " + error.message());
  print("yours: " + to + "/lsmith/" + part->header + "\nread:  book/" + part->folder +
        ".md\nthen:  labs/lab check " + part->number + "\n");
  return finish(exit_fine);
}

}  // namespace lab
