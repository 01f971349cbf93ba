// judging.cpp: runs a step and reads its report.
#include "grading.hpp"
#include "process.hpp"

#include <csignal>
#include <cstring>

namespace lab {

namespace {

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
    default:
      return strsignal(signal);
  }
}

// Reads `name: text` lines; those of a failure are indented.
void read_report(const std::string& output, Step& step) {
  bool is_told = false;
  for (std::size_t at = 0; at < output.size();) {
    const std::size_t end = std::min(output.find('\n', at), output.size());
    const std::string line = output.substr(at, end - at);
    at = end + 1;
    const std::size_t colon = line.find(": ");
    if (colon == line.npos) continue;
    const std::string name = line.substr(0, colon);
    const std::string text = line.substr(colon + 2);
    if (name == "case") {
      step.last_case = text;
      is_told = false;
    } else if (name == "verdict") {
      step.said = text;
      if (text.compare(0, 6, "needs ") == 0) step.needs = text.substr(6, text.find(' ', 6) - 6);
    } else if (name.compare(0, 2, "  ") == 0) {
      if (!is_told) step.failures.push_back({step.last_case, {}});
      is_told = true;
      step.failures.back().lines.emplace_back(name.substr(name.find_first_not_of(' ')), text);
    }
  }
}

void judge(Step& step, const Outcome& outcome, int time_limit_ms) {
  read_report(outcome.output, step);
  if (outcome.timed_out) {
    step.verdict = Verdict::hangs;
    step.why = "it had not ended after " + std::to_string(time_limit_ms / 1000) + " s";
  } else if (outcome.signal != 0) {
    step.verdict = Verdict::crashed;
    step.why = signal_text(outcome.signal);
  } else if (outcome.exit_code == 0) {
    step.verdict = step.said == "done" ? Verdict::done : Verdict::wrong;
    if (step.said.empty()) step.why = "the program ended in the middle of it";
  } else if (outcome.exit_code == 2) {
    step.verdict = Verdict::not_started;
  } else if (outcome.exit_code == 3) {
    step.verdict = Verdict::needs;
  } else {
    step.verdict = Verdict::wrong;
  }
  if (step.verdict == Verdict::done) step.points = step.points_max;
}

}  // namespace

void run_step(Step& step, const std::string& executable, int time_limit_ms) {
  judge(step, run({executable}, {project_root(), true, time_limit_ms}), time_limit_ms);
}

}  // namespace lab
