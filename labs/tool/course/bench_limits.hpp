// bench_limits.hpp: how near the machine's limit a workload comes.
#pragma once

#include "bench_results.hpp"

#include <string>
#include <vector>

namespace lab {

/// What no engine can do a workload's operation faster than, on this machine, and why.
struct BenchLimit {
  std::string workload;
  double time_ns = 0;
  std::string what;
};

/// Takes in what the program printed that measures the machine.
std::map<std::string, double> parse_limits(const std::string& output);
/// Those of the main workloads; none when the machine was not measured.
std::vector<BenchLimit> limits_of(const Bench& bench);

}  // namespace lab
