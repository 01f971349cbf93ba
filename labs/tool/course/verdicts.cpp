// verdicts.cpp: what is shown of a step.
#include "verdicts.hpp"

#include "command.hpp"
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

}  // namespace

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
  for (std::size_t at = 0; at < story.size();) {
    const std::size_t end = std::min(story.find('\n', at), story.size());
    print(end == at ? "      │\n" : "      │ " + story.substr(at, end - at) + "\n");
    at = end + 1;
  }
}

void print_step(const Step& step) {
  const std::string points =
      step.points_max == 0 ? ""
                           : std::to_string(step.points) + "/" + std::to_string(step.points_max);
  print("  " + pad(step.id, 6) + pad(title_of(step), 38) + pad(points, -7) + "  " +
        verdict_text(step) + "\n");
  if (step.is_told)
    print_below("the same error");
  else if (step.verdict != Verdict::needs)
    print_below(story_of(step));
  std::fflush(stdout);
}

}  // namespace lab
