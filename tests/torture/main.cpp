// main.cpp: runs cases until the time is over, and prints what was tried.
//
//   torture list                                       the runs: NAME SHARE WHAT
//   torture RUN|all [--seconds S] [--seed N] [--cases N]
//
// `--seconds` and `--cases` are of each run. Prints a line `figure COUNT NAME` for each figure.
// Exit codes: 0 nothing was wrong; 1 something was, or a case hung; 2 not understood.
#include "run.hpp"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include <unistd.h>

namespace {

#ifdef LSMITH_TORTURE_RUN  // one alone, which is compiled sooner
constexpr const torture::Run* runs[] = {&torture::LSMITH_TORTURE_RUN};
#else
constexpr const torture::Run* runs[] = {&torture::crashes, &torture::errors, &torture::syncs,
                                        &torture::space,   &torture::reads,  &torture::bits,
                                        &torture::cuts,    &torture::places, &torture::agree,
                                        &torture::memory,  &torture::kills,  &torture::isolation};
#endif
#ifndef LSMITH_CASE_SECONDS
#define LSMITH_CASE_SECONDS 300
#endif
constexpr unsigned case_seconds_max = LSMITH_CASE_SECONDS;

char hanging[200];  // what is printed when a case hangs

void on_alarm(int) {
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, hanging, std::strlen(hanging));
  _exit(1);
}

struct Choice {
  double seconds = 10;
  std::uint64_t seed = 1;
  std::uint64_t cases_max = ~std::uint64_t{0};
};

int run_cases(const torture::Run& run, const Choice& choice) {
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  const auto is_over = [&] {
    return std::chrono::duration<double>(Clock::now() - begin).count() >= choice.seconds;
  };
  torture::Figures figures;
  int wrong = 0;
  std::uint64_t cases = 0;
  std::signal(SIGALRM, on_alarm);
  for (; cases < choice.cases_max && (cases == 0 || !is_over()) && wrong < 5; ++cases) {
    const std::uint64_t seed = choice.seed + cases;
    std::snprintf(hanging, sizeof hanging, "torture: %s hangs, seed %llu\n", run.name.data(),
                  static_cast<unsigned long long>(seed));
    alarm(case_seconds_max);
    try {
      run.act(seed, figures);
    } catch (const torture::Wrong& problem) {
      ++wrong;
      std::fprintf(stderr, "torture: %s, seed %llu: %s\n  again: %s --seed %llu --cases 1\n",
                   run.name.data(), static_cast<unsigned long long>(seed), problem.what(),
                   run.name.data(), static_cast<unsigned long long>(seed));
    }
    alarm(0);
  }
  std::printf("figure %llu cases\n", static_cast<unsigned long long>(cases));
  for (const auto& [name, count] : figures.counts())
    std::printf("figure %llu %s\n", static_cast<unsigned long long>(count), name.c_str());
  std::printf("figure %d wrong\n", wrong);
  std::fflush(stdout);
  return wrong == 0 ? 0 : 1;
}

int list() {
  for (const torture::Run* run : runs)
    std::printf("%s %d %s\n", run->name.data(), run->share, run->what.data());
  return 0;
}

int explain() {
  std::fprintf(stderr, "usage: torture RUN|all [--seconds S] [--seed N] [--cases N]\n");
  list();
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view name = argc > 1 ? argv[1] : "";
  if (name == "list") return list();
  if (argc % 2 != 0) return explain();
  Choice choice;
  for (int i = 2; i + 1 < argc; i += 2) {
    const std::string option = argv[i];
    if (option == "--seconds")
      choice.seconds = std::strtod(argv[i + 1], nullptr);
    else if (option == "--seed")
      choice.seed = std::strtoull(argv[i + 1], nullptr, 10);
    else if (option == "--cases")
      choice.cases_max = std::strtoull(argv[i + 1], nullptr, 10);
    else
      return explain();
  }
  if (choice.cases_max != ~std::uint64_t{0}) choice.seconds = 1e9;
  bool is_known = false, is_fine = true;
  for (const torture::Run* run : runs) {
    if (name != "all" && run->name != name) continue;
    is_known = true;
    if (run_cases(*run, choice) != 0) is_fine = false;
  }
  if (!is_known) return explain();
  return is_fine ? 0 : 1;
}
