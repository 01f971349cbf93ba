// command_start.cpp: `labs/lab start` and `reset`: the student's copy of a lab.
#include "commands.hpp"
#include "grading.hpp"
#include "notes.hpp"
#include "process.hpp"
#include "terminal.hpp"

#include <filesystem>
#include <system_error>

namespace lab {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view start_usage =
    "usage: labs/lab start NN\n\nCopies the lab of a chapter to labs/mine, where you work on it.\n";
constexpr std::string_view reset_usage =
    "usage: labs/lab reset NN\n\nPuts the lab as shipped in place of yours. Yours is kept, in "
    "labs/mine/kept.\n";

// A folder in labs/mine/kept that nothing is in yet.
std::string place_to_keep(const Part& part) {
  const std::string front = "labs/mine/kept/" + part.folder + "-";
  int number = 1;
  while (fs::exists(project_root() + "/" + front + std::to_string(number)))
    ++number;
  return front + std::to_string(number);
}

void print_start(const Part& part) {
  print("yours: " + own_header(part) + "\nread:  book/" + part.folder +
        ".md\nthen:  labs/lab check " + part.number + "\n");
}

}  // namespace

int no_such_chapter(const std::string& name) {
  std::string chapters;
  for (const Part& part : all_parts())
    if (!find_steps(part).empty()) chapters += "\n  " + part.number + "  " + part.name;
  return complain(exit_usage, (name.empty() ? "which chapter?"
                                            : "there is no chapter \"" + name + "\" to grade;") +
                                  " these exist:" + (chapters.empty() ? " none yet" : chapters));
}

std::optional<Part> only_chapter(Arguments& arguments, std::string_view usage) {
  const auto& words = arguments.words();
  if (!arguments.error().empty() || words.size() > 1) {
    const std::string error = words.size() > 1 ? "one chapter at a time" : arguments.error();
    complain(exit_usage, error + "\n\n" + std::string(usage));
    return std::nullopt;
  }
  const auto part = words.empty() ? std::nullopt : find_part(words[0]);
  if (!part) no_such_chapter(words.empty() ? "" : words[0]);
  return part;
}

std::string own_header(const Part& part) {
  return header_in(*folder_of("mine", part), part);
}

std::optional<Step> first_open_step(const Part& part) {
  const Notes notes;
  for (Step& step : find_steps(part))
    if (notes.get("step", step.id) != "done") return std::move(step);
  return std::nullopt;
}

bool copy_lab(const Part& part) {
  std::error_code error;
  const std::string to = project_root() + "/labs/mine/" + part.folder;
  fs::create_directories(project_root() + "/labs/mine", error);
  fs::copy(project_root() + "/labs/" + part.folder, to, fs::copy_options::recursive, error);
  if (error) complain(exit_failure, to + ": " + error.message());
  // While the student reads, what all checks of the chapter need is compiled.
  if (!error && is_live())
    start_detached({"nice", course_program(), "check", part.number, "--view", "lab"},
                   project_root() + "/build/ahead-" + part.number + ".txt");
  return !error;
}

int run_start(std::vector<std::string> given) {
  Arguments arguments(std::move(given));
  if (arguments.flag("--help")) return print(start_usage), finish(exit_fine);
  const auto part = only_chapter(arguments, start_usage);
  if (!part) return exit_usage;
  if (fs::exists(project_root() + "/labs/mine/" + part->folder))
    return complain(exit_failure, "labs/mine/" + part->folder + " is there already and stays as " +
                                      "it is; labs/lab reset " + part->number + " begins anew");
  if (!copy_lab(*part)) return exit_failure;
  print_start(*part);
  return finish(exit_fine);
}

int run_reset(std::vector<std::string> given) {
  Arguments arguments(std::move(given));
  if (arguments.flag("--help")) return print(reset_usage), finish(exit_fine);
  const auto part = only_chapter(arguments, reset_usage);
  if (!part) return exit_usage;
  const std::string own = "labs/mine/" + part->folder;
  if (!fs::exists(project_root() + "/" + own))
    return complain(exit_failure, "there is no " + own + " yet: labs/lab start " + part->number);
  const std::string kept = place_to_keep(*part);
  std::error_code error;
  fs::create_directories(project_root() + "/labs/mine/kept", error);
  fs::rename(project_root() + "/" + own, project_root() + "/" + kept, error);
  if (error) return complain(exit_failure, kept + ": " + error.message());
  print("kept:  " + kept + "\n");
  if (!copy_lab(*part)) return exit_failure;
  Notes notes;
  for (const Step& step : find_steps(*part))
    notes.set("step", step.id, "");
  print_start(*part);
  return finish(exit_fine);
}

}  // namespace lab
