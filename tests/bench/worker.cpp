// worker.cpp: one suite of workloads on one engine, in this process alone.
//
//   bench.ENGINE list
//   bench.ENGINE SUITE --folder DIR [--entries N] [--value-bytes N] [--mapped] [--until WORKLOAD]
//
// Prints a line for each workload: `figure NAME operations=… seconds=… …`, times in nanoseconds.
#include "workloads.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

namespace {

using namespace bench;

// How long a tick is, from a stretch that was measured both ways.
class TickLength {
 public:
  double ns(std::uint64_t count) const {
    const double per_tick = seconds_since(began_) * 1e9 / static_cast<double>(ticks() - tick_);
    return static_cast<double>(count) * per_tick;
  }

 private:
  Clock::time_point began_ = Clock::now();
  std::uint64_t tick_ = ticks();
};

void print(const char* name, const Figure& figure, const TickLength& length) {
  std::printf(
      "figure %s operations=%llu seconds=%.9f p50=%.0f p99=%.0f p999=%.0f max=%.0f "
      "written=%llu user=%llu space=%llu anonymous=%llu\n",
      name, static_cast<unsigned long long>(figure.operations), figure.seconds,
      length.ns(figure.latencies.quantile(0.5)), length.ns(figure.latencies.quantile(0.99)),
      length.ns(figure.latencies.quantile(0.999)), length.ns(figure.latencies.max()),
      static_cast<unsigned long long>(figure.written_bytes),
      static_cast<unsigned long long>(figure.user_bytes),
      static_cast<unsigned long long>(figure.space_bytes),
      static_cast<unsigned long long>(figure.anonymous_bytes));
  std::fflush(stdout);
}

void list() {
  std::printf("engine %s\n", describe_store().c_str());
  for (const Suite& suite : suites()) {
    std::printf("suite %s", suite.name);
    for (const char* workload : suite.workloads)
      std::printf(" %s", workload);
    std::printf("\n");
  }
}

// Ends behind workload `last`, when there is one.
void run(const Suite& suite, const Setup& setup, const std::string& last) {
  std::filesystem::remove_all(setup.folder);
  std::filesystem::create_directories(std::filesystem::path(setup.folder).parent_path());
  const TickLength length;
  auto store = open_store(setup.folder, setup.is_mapped);
  for (const char* workload : suite.workloads) {
    const Figure figure = run_workload(workload, store, setup);
    if (figure.operations > 0) print(workload, figure, length);
    if (last == workload) break;
  }
  store.reset();
  std::printf("closed space=%llu\n", static_cast<unsigned long long>(folder_bytes(setup.folder)));
  std::filesystem::remove_all(setup.folder);
}

}  // namespace

int main(int argument_count, char** arguments) {
  if (argument_count > 1 && std::strcmp(arguments[1], "list") == 0) return list(), 0;
  Setup setup;
  std::string last;
  for (int i = 2; i < argument_count; ++i) {
    const std::string word = arguments[i];
    const char* const value = i + 1 < argument_count ? arguments[i + 1] : "";
    if (word == "--mapped") {
      setup.is_mapped = true;
      continue;
    }
    if (word == "--folder") setup.folder = std::string(value) + "/db";
    if (word == "--entries") setup.entries = std::strtoull(value, nullptr, 10);
    if (word == "--value-bytes") value_bytes = std::strtoull(value, nullptr, 10);
    if (word == "--until") last = value;
    ++i;
  }
  if (argument_count < 2 || setup.folder.empty() || setup.entries < 1000 || value_bytes < 24)
    stop("usage: SUITE --folder DIR [--entries N] [--value-bytes N] [--mapped] [--until WORKLOAD]");
  for (const Suite& suite : suites())
    if (std::strcmp(suite.name, arguments[1]) == 0) return run(suite, setup, last), 0;
  stop(std::string("there is no suite ") + arguments[1]);
}
