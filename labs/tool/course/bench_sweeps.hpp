// bench_sweeps.hpp: the benchmark as one size grows and all others stay: entries, values, threads.
#pragma once

#include "bench_results.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace lab {

/// How large the sweeps are.
struct SweepSizes {
  std::uint64_t entries_min = 100'000, entries_max = 10'000'000;  ///< ten times as many each time
  std::uint64_t data_bytes = 128'000'000;  ///< keys and values, while values grow
  std::uint64_t entries = 1'000'000;       ///< while threads grow
};

/// One size. The workloads of a point share a database.
struct SweepPoint {
  std::string suite;  ///< under which its figures are kept
  std::string label;  ///< in a table
  std::string tick;   ///< on an axis
  double place = 0;   ///< on the axis
  std::uint64_t entries = 0, value_bytes = 100, threads = 1;
  std::uint64_t operations = 0;  ///< of workloads that do not write all entries
  /// Keys and values.
  std::uint64_t data_bytes() const;
};

/// A size that grows, and what is measured at each of its points.
struct Sweep {
  std::string name;     ///< what the command calls it
  std::string title;    ///< what grows
  std::string setting;  ///< what stays, and how large
  std::string axis;     ///< with its unit
  bool is_log = true;   ///< the axis
  double mark = 0;      ///< a place on the axis that is worth a line; 0: none
  std::string mark_label = {};
  bool has_writes = false;  ///< whether what is written for each byte is of interest
  std::vector<std::string> workloads = {};
  std::vector<SweepPoint> points = {};
};
/// All three.
std::vector<Sweep> all_sweeps(const SweepSizes& sizes);

/// Of each workload at each point.
BenchWorkload workload_at(const SweepPoint& point, const std::string& workload);
std::vector<BenchWorkload> workloads_of(const Sweep& sweep);
/// Bytes that fillrandom wrote to files, over those of its keys and values; nothing when that
/// engine has no such figure.
std::optional<double> bytes_written(const BenchResults& results, const std::string& engine,
                                    const SweepPoint& point);

}  // namespace lab
