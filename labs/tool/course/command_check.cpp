// command_check.cpp: `labs/lab check`: grades a chapter, step by step, and shows the verdicts.
#include "commands.hpp"
#include "contract.hpp"
#include "grading.hpp"
#include "notes.hpp"
#include "process.hpp"
#include "slow_lane.hpp"
#include "terminal.hpp"
#include "text.hpp"
#include "verdicts.hpp"

#include <algorithm>
#include <filesystem>
#include <future>

namespace lab {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view usage =
    "usage: labs/lab check NN[.STEP] [--view lab|mine|solutions|library] [--wait] [--seed N]\n\n"
    "Builds the steps of a chapter and prints a verdict for each. When all are done, the slow "
    "lane\n"
    "follows behind: the steps under sanitizers, and the engine on your component.\n"
    "  --view   whose component: mine (labs/mine, the default when it is there), lab (as "
    "shipped),\n"
    "           solutions (the textbook's) or library (the one that ships)\n"
    "  --wait   waits for the slow lane and shows it\n"
    "  --seed   other random cases than the usual ones; any whole number\n"
    "Exit code 0 only when every step is done, and with --wait the slow lane too.\n";

// After the course was updated a lab may promise something else than the student's copy of it.
void print_contract_change(const Chapter& chapter) {
  if (chapter.view != "mine") return;
  const std::string labs_file = header_in(*folder_of("lab", chapter.part), chapter.part);
  const std::string own_file = header_in(chapter.folder, chapter.part);
  const auto labs = contract_of(read_text(project_root() + "/" + labs_file).value_or(""));
  const auto own = contract_of(read_text(project_root() + "/" + own_file).value_or(""));
  const std::size_t shared = std::min(labs.size(), own.size());
  std::size_t at = 0;
  while (at < shared && labs[at].text == own[at].text)
    ++at;
  if (at == labs.size() && at == own.size()) return;
  const auto shown = [at](const std::string& file, const std::vector<Line>& lines) {
    if (at == lines.size()) return file + "\n  (ends before)\n";
    return file + ":" + std::to_string(lines[at].number) + "\n  " + lines[at].text + "\n";
  };
  print("  " + paint(Tone::note, "the contract is not the lab's") +
        ": tests hold you to the lab's. Its first difference:\n");
  print_below(shown(labs_file, labs) + shown(own_file, own));
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
          " in " + own_header(chapter.part) + "\n");
  } else {
    print("  next: step " + next->id + " in " + header_in(chapter.folder, chapter.part) + "\n");
  }
  return is_complete ? exit_fine : exit_failure;
}

// What the slow lane says, or that it was started.
void print_slow_lane(const Chapter& chapter) {
  const std::string verdict = slow_verdict(chapter);
  if (verdict == "done") {
    print("  " + paint(Tone::good, "the slow lane too: sanitizers and the engine on it") + "\n");
  } else if (verdict == "wrong") {
    print("  " + paint(Tone::bad, "the slow lane found something") + ": labs/lab check " +
          chapter.part.number + " --wait\n");
  } else {
    if (verdict.empty()) start_slow_lane(chapter);
    print("  " +
          paint(Tone::faint,
                "sanitizers and the engine run behind it; ask again, or wait: "
                "labs/lab check " +
                    chapter.part.number + " --wait") +
          "\n");
  }
}

void note_verdicts(const Chapter& chapter) {
  Notes notes;
  for (const Step& step : chapter.steps)
    notes.set("step", step.id, step.verdict == Verdict::done ? "done" : "begun");
}

int grade(Chapter& chapter, bool waits, std::uint64_t seed) {
  const std::uint64_t began_ms = clock_ms();
  std::string errors;
  if (!prepare(chapter, errors))
    return complain(exit_failure, "the step reporter does not compile\n" + errors);
  print(paint(Tone::strong, chapter.part.number + " " + chapter.part.name) + "  " +
        header_in(chapter.folder, chapter.part) + "\n");
  print_contract_change(chapter);

  // A few steps are built and run at once; verdicts appear in order.
  std::vector<Step>& steps = chapter.steps;
  const auto at_once = static_cast<std::size_t>(processor_count());
  std::vector<std::future<void>> trials(steps.size());
  std::size_t started = 0;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    for (; started < steps.size() && started < i + at_once; ++started) {
      trials[started] = std::async(std::launch::async, [&chapter, &step = steps[started], seed] {
        std::string executable;
        if (build(chapter, step, executable)) run_step(step, executable, {.seed = seed});
      });
    }
    trials[i].get();
    print_step(steps[i], i > 0 ? &steps[i - 1] : nullptr);
  }
  int code = print_sum(chapter, steps, began_ms);
  if (chapter.view == "mine") note_verdicts(chapter);
  const bool is_whole = steps.size() == find_steps(chapter.part).size();
  if (code == exit_fine && waits && !run_slow_lane(chapter)) code = exit_failure;
  if (code == exit_fine && !waits && is_whole && chapter.view == "mine") print_slow_lane(chapter);
  return finish(code);
}

// Takes out of the steps all but the one that was asked for.
bool choose_step(Chapter& chapter, const std::string& id) {
  std::vector<Step>& steps = chapter.steps;
  steps.erase(
      std::remove_if(steps.begin(), steps.end(), [&](const Step& step) { return step.id != id; }),
      steps.end());
  return !steps.empty();
}

}  // namespace

std::vector<std::string> chosen_folders(const Part& part) {
  std::vector<std::string> folders;
  const Notes notes;
  for (const Part& other : all_parts()) {
    const std::string view = notes.get("use", other.number);
    if (view.empty() || other.number == part.number) continue;
    const std::string folder = folder_of(view, other).value_or("");
    if (!folder.empty() && fs::exists(project_root() + "/" + folder)) folders.push_back(folder);
  }
  return folders;
}

int run_check(std::vector<std::string> given) {
  Arguments arguments(std::move(given));
  if (arguments.flag("--help")) return print(usage), finish(exit_fine);
  const auto asked = arguments.option("--view");
  const auto seed = arguments.option("--seed");
  const bool waits = arguments.flag("--wait");
  const bool is_slow = arguments.flag("--slow");  // what start_slow_lane() runs
  const auto& words = arguments.words();
  if (!arguments.error().empty() || words.size() > 1) {
    return complain(exit_usage, (words.size() > 1 ? "one chapter at a time" : arguments.error()) +
                                    "\n\n" + std::string(usage));
  }
  if (seed && !parse_number(*seed))
    return complain(exit_usage, "\"" + *seed + "\" is no seed: a whole number is");
  const std::string name = words.empty() ? "" : words[0];
  const std::size_t dot = name.find('.');
  const auto part = find_part(name.substr(0, dot));
  if (!part || find_steps(*part).empty()) return no_such_chapter(name);
  const bool has_own = fs::exists(project_root() + "/labs/mine/" + part->folder + "/lsmith");
  const std::string view = asked.value_or(has_own ? "mine" : "lab");
  const auto folder = folder_of(view, *part);
  if (!folder)
    return complain(exit_usage, "there is no view \"" + view +
                                    "\"; these exist: lab, mine, solutions, library");
  if (!fs::exists(project_root() + "/" + header_in(*folder, *part)))
    return complain(exit_usage, "there is no " + header_in(*folder, *part));
  Chapter chapter = make_chapter(*part, view, *folder);
  if (view == "mine") chapter.others = chosen_folders(*part);
  if (dot != name.npos && !choose_step(chapter, part->number + name.substr(dot)))
    return complain(exit_usage,
                    "chapter " + part->number + " has no step " + part->number + name.substr(dot));
  if (is_slow) return finish(run_slow_lane(chapter) ? exit_fine : exit_failure);
  return grade(chapter, waits, seed ? *parse_number(*seed) : 0);
}

// The chapter that the student is in: the first of their own that is not done.
std::string chapter_at_hand() {
  for (const Part& part : all_parts())
    if (fs::exists(project_root() + "/" + own_header(part)) && first_open_step(part))
      return part.number;
  return {};
}

int run_replay(std::vector<std::string> given) {
  constexpr std::string_view replay_usage =
      "usage: labs/lab replay SEED [NN[.STEP]]\n\n"
      "Checks a chapter, or the one that you are in, with the random cases of that seed: those of\n"
      "`check --seed`, of a grade, or of somebody else's failure.\n";
  Arguments arguments(std::move(given));
  if (arguments.flag("--help")) return print(replay_usage), finish(exit_fine);
  const auto& words = arguments.words();
  if (!arguments.error().empty() || words.empty() || words.size() > 2)
    return complain(exit_usage,
                    "a seed is wanted, and a chapter if you like\n\n" + std::string(replay_usage));
  const std::string chapter = words.size() == 2 ? words[1] : chapter_at_hand();
  if (chapter.empty())
    return complain(exit_usage, "no chapter of yours is open: say which one, labs/lab replay " +
                                    words[0] + " NN");
  return run_check({chapter, "--seed", words[0]});
}

}  // namespace lab
