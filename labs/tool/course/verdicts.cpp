// verdicts.cpp: what is shown of a step.
#include "verdicts.hpp"

#include "command.hpp"
#include "contract.hpp"
#include "terminal.hpp"

#include <algorithm>

namespace lab {
namespace {

std::string story_of(const Case& each) {
  std::string story = each.name;
  for (const auto& [name, text] : each.lines)
    story += "\n  " + pad(name, 9) + " " + text;
  if (!each.why.empty()) story += "\n  " + each.why;
  return story;
}

// A verdict with its mark, in its colour.
std::string painted(const Step& step) {
  const std::string words = words_of(step);
  switch (step.verdict) {
    case Verdict::done:
      return paint(Tone::good, "✓ " + words);
    case Verdict::not_started:
      return paint(Tone::faint, "· " + words);
    case Verdict::needs:
      return paint(Tone::note, "· " + words);
    default:
      return paint(Tone::bad, "✗ " + words);
  }
}

}  // namespace

std::string words_of(const Step& step) {
  switch (step.verdict) {
    case Verdict::done:
      return "done";
    case Verdict::wrong:
      return "wrong";
    case Verdict::not_started:
      return "not started";
    case Verdict::needs:
      return "needs " + step.needs + " first";
    case Verdict::does_not_compile:
      return "does not compile";
    case Verdict::crashed:
      return "crashed";
    case Verdict::hangs:
      return "hangs";
  }
  return {};
}

std::string title_of(const Step& step) {
  std::string title = step.name.substr(step.name.find('_') + 1);
  title = title.substr(0, title.rfind("_test"));
  std::replace(title.begin(), title.end(), '_', ' ');
  return title;
}

std::string story_of(const Step& step, std::size_t cases_max) {
  std::string story = step.why;
  std::size_t shown = 0, failures = 0;
  for (const Case& each : step.cases) {
    if (!each.is_failure() || ++failures > cases_max) continue;
    story += (story.empty() ? "" : "\n\n") + story_of(each);
    ++shown;
  }
  if (failures > shown) {
    const std::size_t more = failures - shown;
    story += "\n\nand " + counted(more, "case", "cases") + " more";
  }
  return story;
}

void print_below(const std::string& story) {
  for (const Line& line : lines_of(story))
    print(line.text.empty() ? "      │\n" : "      │ " + line.text + "\n");
}

void print_step(const Step& step, const Step* before) {
  const std::string points =
      step.points_max == 0 ? ""
                           : std::to_string(step.points) + "/" + std::to_string(step.points_max);
  print("  " + pad(step.id, 6) + pad(title_of(step), 38) + pad(points, -7) + "  " + painted(step) +
        "\n");
  const bool is_told = before != nullptr && !step.why.empty() && step.why == before->why;
  if (is_told)
    print_below("the same error");
  else if (step.verdict != Verdict::needs)
    print_below(story_of(step));
  std::fflush(stdout);
}

}  // namespace lab
