// judging.cpp: runs the cases of a step and reads their reports.
#include "contract.hpp"
#include "grading.hpp"
#include "process.hpp"
#include "terminal.hpp"

#include <algorithm>
#include <csignal>
#include <cstring>

namespace lab {

namespace {

constexpr int hangs_max = 2;  // after that a step is not waited for any longer

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
    case SIGXFSZ:
      return "it wrote a file that is too large";
    default:
      return strsignal(signal);
  }
}

// What one run of an executable printed, which ran one case or none.
struct Report {
  Case run;
  std::string verdict;
};

// Reads `name: text` lines; those of a failure are indented.
Report read_report(const std::string& output) {
  Report report;
  for (const Line& line : lines_of(output)) {
    const std::size_t colon = line.text.find(": ");
    if (colon == line.text.npos) continue;
    const std::string name = line.text.substr(0, colon);
    const std::string text = line.text.substr(colon + 2);
    if (name == "case") report.run.name = text;
    if (name == "verdict") report.verdict = text;
    if (name.compare(0, 2, "  ") == 0)
      report.run.lines.emplace_back(name.substr(name.find_first_not_of(' ')), text);
  }
  return report;
}

void judge(Report& report, const Outcome& outcome, int time_limit_ms) {
  Case& run = report.run;
  if (outcome.timed_out) {
    run.verdict = Verdict::hangs;
    run.why = "it had not ended after " + std::to_string(time_limit_ms / 1000) + " s";
  } else if (outcome.signal != 0) {
    run.verdict = Verdict::crashed;
    run.why = signal_text(outcome.signal);
  } else if (report.verdict.empty()) {
    run.verdict = Verdict::crashed;
    run.why = "the program ended in the middle of it, with exit code " +
              std::to_string(outcome.exit_code);
  } else if (outcome.exit_code == 2) {
    run.verdict = Verdict::not_started;
  } else if (outcome.exit_code == 3) {
    run.verdict = Verdict::needs;
  } else {
    run.verdict = outcome.exit_code == 0 ? Verdict::done : Verdict::wrong;
  }
}

// A limit for this machine as it is now: a fixed piece of work that takes 15 ms on a quiet machine
// of our kind is measured, and the limit grows as much as that takes longer.
int calibrated(int limit_ms) {
  constexpr std::uint64_t usual_ms = 15;
  constexpr std::uint64_t factor_max = 20;
  const std::uint64_t began_ms = clock_ms();
  volatile std::uint64_t x = 1;
  for (int i = 0; i < 10'000'000; ++i)
    x = x * 6364136223846793005u + 1442695040888963407u;
  const std::uint64_t took_ms = clock_ms() - began_ms;
  const auto limit = static_cast<std::uint64_t>(limit_ms);
  return static_cast<int>(limit * std::clamp(took_ms, usual_ms, usual_ms * factor_max) / usual_ms);
}

// What comes first must be mended first: an earlier step, then what is wrong, then what is missing.
Verdict verdict_of(const std::vector<Case>& cases) {
  for (const Verdict verdict :
       {Verdict::needs, Verdict::hangs, Verdict::crashed, Verdict::wrong, Verdict::not_started})
    for (const Case& each : cases)
      if (each.verdict == verdict) return verdict;
  return cases.empty() ? Verdict::wrong : Verdict::done;
}

}  // namespace

void run_step(Step& step, const std::string& executable, const Trial& trial) {
  const int time_limit_ms = calibrated(trial.case_limit_ms);
  RunOptions options{project_root(), true, time_limit_ms};
  options.is_confined = trial.is_confined;
  const std::string shift = "LSMITH_SEED_SHIFT=" + std::to_string(trial.seed);  // see random.hpp
  const int first = std::max(trial.only_case, 1);
  const std::vector<std::string> names = names_of_cases(step);
  const int count = static_cast<int>(names.size());
  const int last = trial.only_case > 0 ? std::min(trial.only_case, count) : count;
  int hangs = 0;
  for (int number = first; number <= last && hangs < hangs_max; ++number) {
    const std::string at = std::to_string(number);
    const Outcome outcome =
        run({"env", shift, executable, "--first=" + at, "--last=" + at}, options);
    Report report = read_report(outcome.output);
    judge(report, outcome, time_limit_ms);
    const std::string& name = names[static_cast<std::size_t>(number - 1)];
    if (report.run.verdict == Verdict::done && report.run.name != name) {
      report.run.verdict = Verdict::wrong;
      report.run.why = "it says that another case was done than \"" + name + "\"";
    }
    hangs += report.run.verdict == Verdict::hangs;
    if (report.verdict.compare(0, 6, "needs ") == 0) {
      const std::string needs = report.verdict.substr(6, report.verdict.find(' ', 6) - 6);
      if (step.needs.empty() || needs < step.needs) step.needs = needs;
    }
    const bool is_nameless = report.run.name.empty();  // it ended before a case began
    if (is_nameless) report.run.name = "before its first case";
    step.cases.push_back(std::move(report.run));
    if (is_nameless || (trial.stops && step.cases.back().is_failure())) break;
  }
  step.verdict = verdict_of(step.cases);
  // Not every stub is called while the steps before it do without.
  if (step.verdict == Verdict::wrong && step.is_untouched) step.verdict = Verdict::not_started;
  if (step.cases.empty()) step.why = "it has no cases";
  if (step.verdict == Verdict::done) step.points = step.points_max;
}

}  // namespace lab
