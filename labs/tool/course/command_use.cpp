// command_use.cpp: `labs/lab use`: which component of a part the checks of the others run on.
#include "commands.hpp"
#include "grading.hpp"
#include "notes.hpp"
#include "terminal.hpp"

#include <filesystem>

namespace lab {
namespace {

constexpr std::string_view usage =
    "usage: labs/lab use [library|solutions|mine NN]\n\n"
    "Chooses the component of chapter NN that the checks of your other chapters run on. The "
    "library's\n"
    "is used unless another was chosen. Without words: shows what was chosen.\n";

int print_choices() {
  const Notes notes;
  for (const Part& part : all_parts()) {
    const std::string view = notes.get("use", part.number);
    print("  " + part.number + "  " + pad(part.name, 14) + (view.empty() ? "library" : view) +
          "\n");
  }
  return finish(exit_fine);
}

}  // namespace

int run_use(std::vector<std::string> given) {
  Arguments arguments(std::move(given));
  if (arguments.flag("--help")) return print(usage), finish(exit_fine);
  const auto& words = arguments.words();
  if (arguments.error().empty() && words.empty()) return print_choices();
  if (!arguments.error().empty() || words.size() != 2)
    return complain(exit_usage, (arguments.error().empty() ? "a view and a chapter are needed"
                                                           : arguments.error()) +
                                    "\n\n" + std::string(usage));
  const auto part = find_part(words[1]);
  if (!part) return no_such_chapter(words[1]);
  const std::string& view = words[0];
  if (view != "library" && view != "solutions" && view != "mine")
    return complain(exit_usage, "there is no view \"" + view +
                                    "\" to use; these exist: library, solutions, mine");
  const std::string folder = *folder_of(view, *part);
  if (!folder.empty() && !std::filesystem::exists(project_root() + "/" + folder))
    return complain(exit_failure, "there is no " + folder +
                                      (view == "mine" ? " yet: labs/lab start " + part->number
                                                      : ": the solutions were not handed out"));
  Notes().set("use", part->number, view == "library" ? "" : view);
  print("checks of other chapters run on " + header_in(folder, *part) + "\n");
  return finish(exit_fine);
}

}  // namespace lab
