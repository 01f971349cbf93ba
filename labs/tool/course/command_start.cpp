// command_start.cpp: `labs/lab start`: copies a lab to the student's own folder.
#include "commands.hpp"
#include "grading.hpp"

#include <filesystem>
#include <system_error>

namespace lab {

namespace fs = std::filesystem;

int no_such_chapter(const std::string& name) {
  std::string chapters;
  for (const Part& part : all_parts())
    if (!find_steps(part).empty()) chapters += "\n  " + part.number + "  " + part.name;
  return complain(exit_usage, (name.empty() ? "which chapter?"
                                            : "there is no chapter \"" + name + "\" to grade;") +
                                  " these exist:" + (chapters.empty() ? " none yet" : chapters));
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
