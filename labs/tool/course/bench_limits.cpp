// bench_limits.cpp: the limits, put together from what the machine can do.
#include "bench_limits.hpp"

#include <sstream>

namespace lab {

std::map<std::string, double> parse_limits(const std::string& output) {
  std::map<std::string, double> limits;
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string kind, name;
    double ns = 0;
    if (words >> kind >> name >> ns && kind == "limit") limits[name] = ns;
  }
  return limits;
}

std::vector<BenchLimit> limits_of(const Bench& bench) {
  if (bench.machine.empty()) return {};
  const auto ns = [&](const char* name) {
    const auto found = bench.machine.find(name);
    return found == bench.machine.end() ? 0 : found->second;
  };
  constexpr double key_bytes = 16;
  const double entry_bytes = key_bytes + static_cast<double>(bench.value_bytes);
  const double copy = entry_bytes * ns("copied-byte"), write = entry_bytes * ns("written-byte");
  return {{"fillseq", ns("stored-record") + copy + write,
           "a store into the log, a copy into the memtable, a table's bytes written"},
          {"fillrandom", ns("stored-record") + copy + write + 2 * ns("cache-miss"),
           "the same, and two cache misses in the memtable"},
          {"fillsync", ns("synced-record"), "a write and a sync of the device"},
          {"readrandom", 5 * ns("cache-miss"),
           "five cache misses: memtable, filter, index, block, row"},
          {"readseq", copy, "a copy"},
          {"compact", copy + write, "a copy, and a table's bytes written"}};
}

}  // namespace lab
