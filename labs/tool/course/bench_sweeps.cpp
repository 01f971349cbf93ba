// bench_sweeps.cpp: which points each sweep has.
#include "bench_sweeps.hpp"

#include "terminal.hpp"

#include <algorithm>

namespace lab {
namespace {

constexpr std::uint64_t key_bytes = 16;

// "100k", "10M"
std::string short_count(std::uint64_t count) {
  constexpr std::uint64_t thousand = 1000, million = thousand * thousand;
  if (count >= million && count % million == 0) return std::to_string(count / million) + "M";
  if (count >= thousand && count % thousand == 0) return std::to_string(count / thousand) + "k";
  return std::to_string(count);
}

// "100 B", "4 KiB"
std::string size_text(std::uint64_t bytes) {
  return bytes % 1024 == 0 ? std::to_string(bytes / 1024) + " KiB" : std::to_string(bytes) + " B";
}

// Half of the entries are read; but enough of them for a clock, and not for hours.
std::uint64_t operations_of(const SweepPoint& point) {
  constexpr std::uint64_t least = 200'000, most = 2'000'000, least_bytes = 2'000'000'000;
  const std::uint64_t enough = std::min(least, least_bytes / (key_bytes + point.value_bytes));
  return std::clamp(point.entries / 2, enough, most);
}

Sweep entries_sweep(const SweepSizes& sizes) {
  constexpr double memory_bytes = 64 << 20;
  Sweep sweep = {"entries", "As entries grow", "values of 100 bytes", "entries in the database"};
  sweep.workloads = {"fillrandom", "readrandom", "readmissing", "seek-10", "readseq"};
  sweep.has_writes = true;
  for (std::uint64_t n = sizes.entries_min; n <= sizes.entries_max; n *= 10) {
    SweepPoint point = {"entries-" + std::to_string(n), with_commas(n), short_count(n),
                        static_cast<double>(n), n};
    sweep.mark = memory_bytes / static_cast<double>(key_bytes + point.value_bytes);
    sweep.points.push_back(std::move(point));
  }
  sweep.mark_label = "64 MiB";
  return sweep;
}

Sweep values_sweep(const SweepSizes& sizes) {
  constexpr std::uint64_t entries_min = 200;
  Sweep sweep = {"values", "As values grow",
                 as_bytes(static_cast<double>(sizes.data_bytes)) + " of keys and values",
                 "size of a value"};
  sweep.workloads = {"fillrandom", "readrandom", "readmissing", "seek-10", "readseq"};
  sweep.has_writes = true;
  for (const std::uint64_t bytes : {16, 100, 1024, 4096, 65536}) {
    const std::string text = size_text(bytes);
    sweep.points.push_back({"values-" + std::to_string(bytes), text, text,
                            static_cast<double>(bytes),
                            std::max(entries_min, sizes.data_bytes / (key_bytes + bytes)), bytes});
  }
  return sweep;
}

Sweep threads_sweep(const SweepSizes& sizes) {
  Sweep sweep = {"threads", "As threads grow",
                 with_commas(sizes.entries) + " entries, values of 100 bytes", "threads", false};
  sweep.workloads = {"fillrandom", "readrandom", "ycsb-a"};
  for (std::uint64_t n = 1; n <= 4; ++n)
    sweep.points.push_back({"threads-" + std::to_string(n), std::to_string(n), std::to_string(n),
                            static_cast<double>(n), sizes.entries, 100, n});
  return sweep;
}

}  // namespace

std::uint64_t SweepPoint::data_bytes() const {
  return entries * (key_bytes + value_bytes);
}

std::vector<Sweep> all_sweeps(const SweepSizes& sizes) {
  std::vector<Sweep> all = {entries_sweep(sizes), values_sweep(sizes), threads_sweep(sizes)};
  for (Sweep& sweep : all)
    for (SweepPoint& point : sweep.points)
      point.operations = operations_of(point);
  return all;
}

BenchWorkload workload_at(const SweepPoint& point, const std::string& workload) {
  return {point.suite, workload, point.label};
}

std::vector<BenchWorkload> workloads_of(const Sweep& sweep) {
  std::vector<BenchWorkload> all;
  for (const std::string& workload : sweep.workloads)
    for (const SweepPoint& point : sweep.points)
      all.push_back(workload_at(point, workload));
  return all;
}

std::optional<double> bytes_written(const BenchResults& results, const std::string& engine,
                                    const SweepPoint& point) {
  const BenchWorkload fill = workload_at(point, "fillrandom");
  const auto written = results.median(engine, fill, "written");
  const auto user = results.median(engine, fill, "user");
  if (!written || !user || *written <= 0 || *user <= 0) return std::nullopt;
  return *written / *user;
}

}  // namespace lab
