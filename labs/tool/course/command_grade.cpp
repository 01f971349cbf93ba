// command_grade.cpp: `labs/lab grade`: grades what students handed in.
//
// Of a submission only the headers of the parts are taken, each into a folder of its own below
// build/: nothing else that was handed in is compiled, and nothing of it is changed. Each case runs
// in a process of its own with limits of time, memory and files. The reports are written again
// after each step, so what they hold is valid at any moment. handed_in.hpp says what is refused.
#include "commands.hpp"
#include "grade_reports.hpp"
#include "grading.hpp"
#include "handed_in.hpp"
#include "terminal.hpp"
#include "text.hpp"
#include "verdicts.hpp"

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <system_error>

namespace lab {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view usage =
    "usage: labs/lab grade SUBMISSION… [--only NN,NN…] [--junit FILE] [--gradescope FILE] "
    "[--seed N] [--seconds N]\n\n"
    "A submission is a folder as labs/mine is (NN-part/lsmith/part.hpp), a repository that has\n"
    "labs/mine, or a single header named as its part's. Chapters that are not there are left out,\n"
    "unless --only names them: then they count, with no points. Exit code 0 when all was graded,\n"
    "whatever the grades.\n\n"
    "A header is refused that is a link, or that includes the component that it is to replace or\n"
    "others' files; and grading stops at a submission that changed the course. But what was\n"
    "handed in runs with your rights, and in one process with its tests: who wants to deceive\n"
    "can print a verdict and exit. Run it in a container, each submission in one of its own, and\n"
    "look at who has full marks.\n\n"
    "  --junit       writes JUnit's XML\n"
    "  --gradescope  writes Gradescope's results.json; of one submission\n"
    "  --seed        other random cases than students see in check\n"
    "  --seconds     what a case may take, 20 if it is not said\n";

struct Request {
  std::vector<std::string> submissions;
  std::vector<Part> parts;
  bool is_every_part_due = false;  // those that --only names
  Trial trial;
  std::string junit;
  std::string gradescope;
};

// The header of a part in a submission; empty when it is not there.
std::string find_header(const std::string& submission, const Part& part) {
  const std::string in_folder = "/" + part.folder + "/lsmith/" + part.header;
  for (const std::string& path : {submission + in_folder, submission + "/labs/mine" + in_folder,
                                  submission + "/" + part.header})
    if (fs::is_regular_file(path)) return path;
  const bool is_header = fs::path(submission).filename() == part.header;
  return is_header && fs::is_regular_file(submission) ? submission : "";
}

// Takes a copy of the header to where only it is. The folder, from the project's root.
std::string take(const std::string& header, const std::string& place, const Part& part) {
  const std::string folder = "build/grade/" + place + "/" + part.folder;
  std::error_code error;
  const std::string copy = project_root() + "/" + header_in(folder, part);
  fs::create_directories(fs::path(copy).parent_path(), error);
  fs::copy_file(header, copy, fs::copy_options::overwrite_existing, error);
  return error ? "" : folder;
}

bool write_reports(const Request& request, const std::vector<Submission>& graded) {
  for (const auto& [path, text] : {std::pair{request.junit, as_junit(graded)},
                                   std::pair{request.gradescope, as_gradescope(graded.back())}})
    if (!path.empty() && !write_text(path, text))
      return complain(exit_failure, path + " could not be written"), false;
  return true;
}

// Grades a part; false when a report could not be written or the tests themselves do not compile.
bool grade_part(const Request& request, const Part& part, const std::string& folder,
                const std::string& why_not, std::vector<Submission>& graded) {
  const std::string place = std::to_string(graded.size());
  Chapter chapter = make_chapter(part, "grade-" + place, folder);
  std::string errors;
  if (!prepare(chapter, errors))
    return complain(exit_failure, "the step reporter does not compile\n" + errors), false;
  for (Step& step : chapter.steps) {
    const std::uint64_t began_ms = clock_ms();
    std::string executable;
    if (folder.empty()) {
      step.why = why_not;
    } else if (build(chapter, step, executable)) {
      run_step(step, executable, request.trial);
    }
    print_step(step);
    graded.back().steps.push_back(step);
    graded.back().seconds += static_cast<double>(clock_ms() - began_ms) / 1000;
    if (!write_reports(request, graded)) return false;
  }
  return true;
}

bool grade(const Request& request, const std::string& path, std::vector<Submission>& graded) {
  graded.push_back({fs::path(path).lexically_normal().filename().string(), {}, 0});
  if (graded.back().name.empty()) graded.back().name = path;
  print(paint(Tone::strong, graded.back().name) + "\n");
  bool is_empty = true;
  for (const Part& part : request.parts) {
    const std::string header = find_header(path, part);
    if (header.empty() && !request.is_every_part_due) continue;
    is_empty = false;
    const std::string place = std::to_string(graded.size());
    const std::string fault =
        header.empty() ? "there is no " + part.header : fault_of_header(header, path, part);
    const std::string folder = fault.empty() ? take(header, place, part) : "";
    if (fault.empty() && folder.empty())
      return complain(exit_failure, header + " could not be read"), false;
    if (!grade_part(request, part, folder, fault, graded)) return false;
  }
  if (is_empty)
    print("  " + paint(Tone::bad, "nothing to grade") + ": no NN-part/lsmith/part.hpp in " + path +
          "\n");
  print("  " + std::to_string(graded.back().points()) + " of " +
        std::to_string(graded.back().points_max()) + " points\n\n");
  return write_reports(request, graded);
}

// Reads a time limit; why it can not be read, or nothing.
std::string read_seconds(const std::string& text, int& limit_ms) {
  const auto seconds = parse_number(text);
  if (!seconds || *seconds < 1 || *seconds > 3600) return "--seconds takes a number from 1 to 3600";
  limit_ms = static_cast<int>(*seconds) * 1000;
  return {};
}

// The parts that --only names, or all; false, after a complaint, when it names none.
bool choose_parts(const std::optional<std::string>& only, Request& request) {
  request.parts = all_parts();
  if (!only) return true;
  request.is_every_part_due = true;
  request.parts.clear();
  std::istringstream names(*only);
  for (std::string name; std::getline(names, name, ',');) {
    const auto part = find_part(name);
    if (!part) return no_such_chapter(name), false;
    request.parts.push_back(*part);
  }
  return true;
}

}  // namespace

int run_grade(std::vector<std::string> given) {
  Arguments arguments(std::move(given));
  if (arguments.flag("--help")) return print(usage), finish(exit_fine);
  Request request;
  request.junit = arguments.option("--junit").value_or("");
  request.gradescope = arguments.option("--gradescope").value_or("");
  const auto only = arguments.option("--only");
  const auto seconds = arguments.option("--seconds");
  const auto seed = arguments.option("--seed");
  request.submissions = arguments.words();
  std::string error = arguments.error();
  if (error.empty() && request.submissions.empty()) error = "which submission?";
  if (error.empty() && request.submissions.size() > 1 && !request.gradescope.empty())
    error = "--gradescope takes one submission at a time";
  if (error.empty() && seconds) error = read_seconds(*seconds, request.trial.case_limit_ms);
  if (error.empty() && seed && !parse_number(*seed)) error = "--seed takes a whole number";
  for (const std::string& path : request.submissions)
    if (error.empty() && !fs::exists(path)) error = "there is no " + path;
  if (!error.empty()) return complain(exit_usage, error + "\n\n" + std::string(usage));
  if (!choose_parts(only, request)) return exit_usage;
  if (seed) request.trial.seed = *parse_number(*seed);

  const CourseFiles before = read_course_files();
  std::vector<Submission> graded;
  for (const std::string& path : request.submissions) {
    if (!grade(request, path, graded)) return exit_failure;
    if (const std::string file = changed_file(before, read_course_files()); !file.empty())
      return complain(exit_failure, path + " changed " + file +
                                        " while it was graded: restore the course, and believe "
                                        "none of its grades, nor those behind it");
  }
  return finish(exit_fine);
}

}  // namespace lab
