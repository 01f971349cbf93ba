// command_hint.cpp: `labs/lab hint` and `reveal`: help, as much as was asked for.
//
// The hints stand in the chapter's page, folded: three for each step, each saying more than the one
// before.
//
//   <details><summary>Hint 03.2, first</summary>
//
//   …
//   </details>
#include "commands.hpp"
#include "grading.hpp"
#include "notes.hpp"
#include "process.hpp"
#include "terminal.hpp"
#include "text.hpp"

#include <algorithm>
#include <filesystem>

namespace lab {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view hint_usage =
    "usage: labs/lab hint NN.STEP [--level 1|2|3]\n\n"
    "Shows a hint for a step: the first time where to look, then the idea, then the way. They are\n"
    "the folded ones of the chapter's page.\n";
constexpr std::string_view reveal_usage =
    "usage: labs/lab reveal NN [--anyway]\n\n"
    "Shows the textbook's solution beside yours, once all steps of the chapter are done.\n";
constexpr int levels = 3;

std::string trimmed(const std::string& text) {
  const std::size_t begin = text.find_first_not_of('\n');
  const std::size_t end = text.find_last_not_of('\n');
  return begin == text.npos ? "" : text.substr(begin, end + 1 - begin);
}

// A hint's text in the chapter's page; empty when it is not there.
std::string hint_of(const Part& part, const std::string& step, int level) {
  constexpr const char* names[levels] = {"first", "second", "third"};
  const std::string page = read_text(project_root() + "/book/" + part.folder + ".md").value_or("");
  const std::string front =
      "<details><summary>Hint " + step + ", " + names[level - 1] + "</summary>\n";
  const std::size_t begin = page.find(front);
  const std::size_t end = begin == page.npos ? begin : page.find("</details>", begin);
  if (end == page.npos) return {};
  return trimmed(page.substr(begin + front.size(), end - begin - front.size()));
}

}  // namespace

int run_hint(std::vector<std::string> given) {
  Arguments arguments(std::move(given));
  if (arguments.flag("--help")) return print(hint_usage), finish(exit_fine);
  const auto asked = arguments.option("--level");
  const auto& words = arguments.words();
  if (!arguments.error().empty() || words.size() != 1)
    return complain(exit_usage, (arguments.error().empty() ? "which step?" : arguments.error()) +
                                    "\n\n" + std::string(hint_usage));
  const std::size_t dot = words[0].find('.');
  const auto part = find_part(words[0].substr(0, dot));
  if (!part) return no_such_chapter(words[0]);
  const std::string step = part->number + (dot == words[0].npos ? ".1" : words[0].substr(dot));
  Notes notes;
  const auto shown = parse_number(notes.get("hint", step)).value_or(0);
  const auto next = std::min<std::uint64_t>(shown + 1, levels);
  const auto level = asked ? parse_number(*asked).value_or(0) : next;
  if (level < 1 || level > levels) return complain(exit_usage, "--level takes 1, 2 or 3");
  const std::string text = hint_of(*part, step, static_cast<int>(level));
  if (text.empty()) return complain(exit_usage, "there is no hint for step " + step);
  print(paint(Tone::strong, "Hint " + step + ", " + std::to_string(level) + " of 3") + "\n\n" +
        text + "\n");
  if (level < levels) print("\n" + paint(Tone::faint, "more: labs/lab hint " + step) + "\n");
  notes.set("hint", step, std::to_string(std::max(shown, level)));
  return finish(exit_fine);
}

int run_reveal(std::vector<std::string> given) {
  Arguments arguments(std::move(given));
  if (arguments.flag("--help")) return print(reveal_usage), finish(exit_fine);
  const bool is_wanted_anyway = arguments.flag("--anyway");
  const auto part = only_chapter(arguments, reveal_usage);
  if (!part) return exit_usage;
  if (!fs::exists(project_root() + "/" + own_header(*part)))
    return complain(exit_failure, "there is no " + own_header(*part) + " to show it beside");
  if (!is_wanted_anyway && first_open_step(*part))
    return complain(exit_failure, "not all steps of chapter " + part->number +
                                      " are done yet (labs/lab check " + part->number +
                                      "); --anyway shows it now");
  const std::string solution = header_in(*folder_of("solutions", *part), *part);
  if (!fs::exists(project_root() + "/" + solution))
    return complain(exit_failure, "there is no " + solution +
                                      ": these labs were handed out without their solutions");
  const int columns = is_live() ? terminal_columns() : 2 * 100 + 3;
  print(paint(Tone::strong, pad(own_header(*part), columns / 2) + " " + solution) + "\n");
  std::fflush(stdout);
  const Outcome outcome = run({"diff", "--side-by-side", "--expand-tabs", "--width",
                               std::to_string(columns), own_header(*part), solution},
                              {project_root(), false, 0});
  if (outcome.exit_code > 1 || outcome.signal != 0)
    return complain(exit_failure,
                    "diff could not compare " + own_header(*part) + " with " + solution);
  return finish(exit_fine);
}

}  // namespace lab
