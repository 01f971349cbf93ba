// command_check.cpp: `labs/lab check`: grades a chapter, step by step, and shows the verdicts.
#include "commands.hpp"
#include "grading.hpp"
#include "terminal.hpp"

#include "process.hpp"

#include <algorithm>
#include <filesystem>
#include <future>

namespace lab {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view usage =
    "usage: labs/lab check NN [--view lab|mine|solutions|library]\n\n"
    "Builds the steps of a chapter and prints a verdict for each. The view says whose component "
    "is\n"
    "tested: mine (labs/mine, the default when it is there), lab (as shipped), solutions (the\n"
    "textbook's) or library (the one that ships). Exit code 0 only when every step is done.\n";

constexpr int time_limit_ms = 20'000;  // of a step that takes a second on a quiet machine

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

// What is shown below the verdict: why it ended, or the cases that did not hold.
std::string story_of(const Step& step) {
  if (step.verdict == Verdict::does_not_compile) return step.why;
  if (!step.why.empty())
    return (step.last_case.empty() ? "before its first case" : step.last_case) + "\n  " + step.why;
  std::string story;
  for (const Failure& failure : step.failures) {
    story += (story.empty() ? "" : "\n\n") + failure.name;
    for (const auto& [name, text] : failure.lines)
      story += "\n  " + pad(name, 9) + " " + text;
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
  print_below(story_of(step));
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

int grade(Chapter& chapter) {
  const std::uint64_t began_ms = clock_ms();
  std::string errors;
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
    if (builds[i].get()) run_step(steps[i], executables[i], time_limit_ms);
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
  const std::string view = asked.value_or(has_own ? "mine" : "lab");
  const auto folder = folder_of(view, *part);
  if (!folder)
    return complain(exit_usage, "there is no view \"" + view +
                                    "\"; these exist: lab, mine, solutions, library");
  if (!folder->empty() && !fs::exists(project_root() + "/" + *folder + "/lsmith/" + part->header))
    return complain(exit_usage, "there is no " + *folder + "/lsmith/" + part->header);
  Chapter chapter = make_chapter(*part, view, *folder);
  chapter.steps = std::move(steps);
  return grade(chapter);
}

}  // namespace lab
