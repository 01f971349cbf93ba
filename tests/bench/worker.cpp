// worker.cpp: one suite of workloads on one engine, in this process alone.
//
//   bench.ENGINE list
//   bench.ENGINE SUITE|WORKLOAD,… --folder DIR [--entries N] [--value-bytes N] [--operations N]
//                [--threads N] [--mapped] [--seconds-max N]
//
// Prints a line for each workload: `figure NAME entries=… seconds=… …`, times in nanoseconds.
#include "workloads.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <string>

#include <unistd.h>

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

void print(const std::string& name, const Setup& setup, const Figure& figure,
           const TickLength& length) {
  std::printf(
      "figure %s entries=%llu value_bytes=%zu threads=%d operations=%llu seconds=%.9f p50=%.0f "
      "p99=%.0f p999=%.0f max=%.0f written=%llu user=%llu space=%llu anonymous=%llu\n",
      name.c_str(), static_cast<unsigned long long>(setup.entries), value_bytes, setup.threads,
      static_cast<unsigned long long>(figure.operations), figure.seconds,
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
    std::printf("suite %s", suite.name.c_str());
    for (const std::string& workload : suite.workloads)
      std::printf(" %s", workload.c_str());
    std::printf("\n");
  }
}

// A suite's workloads, or those that are named.
std::vector<std::string> workloads_of(const std::string& text) {
  for (const Suite& suite : suites())
    if (suite.name == text) return suite.workloads;
  std::vector<std::string> names;
  std::istringstream words(text);
  for (std::string name; std::getline(words, name, ',');) {
    if (!is_workload(name)) stop("there is no suite and no workload " + name);
    names.push_back(name);
  }
  return names;
}

void run(const std::vector<std::string>& workloads, const Setup& setup) {
  std::filesystem::remove_all(setup.folder);
  std::filesystem::create_directories(std::filesystem::path(setup.folder).parent_path());
  const TickLength length;
  auto store = open_store(setup.folder, setup.is_mapped);
  for (const std::string& workload : workloads) {
    const Figure figure = run_workload(workload, store, setup);
    if (figure.operations > 0) print(workload, setup, figure, length);
  }
  store.reset();
  std::printf("closed space=%llu\n", static_cast<unsigned long long>(folder_bytes(setup.folder)));
  std::filesystem::remove_all(setup.folder);
}

}  // namespace

int main(int argument_count, char** arguments) {
  if (argument_count > 1 && std::strcmp(arguments[1], "list") == 0) return list(), 0;
  Setup setup;
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
    if (word == "--operations") setup.operations = std::strtoull(value, nullptr, 10);
    if (word == "--threads") setup.threads = std::atoi(value);
    // Its signal ends this process: who waits for it knows why.
    if (word == "--seconds-max") ::alarm(static_cast<unsigned>(std::atoi(value)));
    ++i;
  }
  const bool is_understood = argument_count > 1 && !setup.folder.empty() && setup.threads > 0;
  if (!is_understood || setup.entries < 200 || value_bytes < 16)
    stop(
        "usage: SUITE|WORKLOAD,… --folder DIR [--entries N] [--value-bytes N] [--operations N] "
        "[--threads N] [--mapped] [--seconds-max N]");
  run(workloads_of(arguments[1]), setup);
}
