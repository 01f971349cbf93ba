// bench_report.cpp: the tables.
#include "bench_report.hpp"

#include "bench_limits.hpp"
#include "command.hpp"
#include "terminal.hpp"

#include <algorithm>
#include <utility>

namespace lab {
namespace {

constexpr int cell_columns = 11;
constexpr int bar_columns = 6;
constexpr int ratio_columns = 10;

// Of the column of labels.
int label_columns(const Bench& bench) {
  std::size_t columns = 17;
  for (const BenchWorkload& workload : bench.workloads)
    columns = std::max(columns, workload.label().size() + 1);
  return static_cast<int>(columns);
}

// Bars are drawn where they fit, and never into a file.
bool draws_bars(const Bench& bench) {
  const int cells = static_cast<int>(bench.engines.size()) * (cell_columns + 1 + bar_columns);
  return is_live() && terminal_columns() >= label_columns(bench) + cells;
}

void print_times(const Bench& bench) {
  const bool has_bars = draws_bars(bench);
  const int room = has_bars ? bar_columns + 1 : 0;
  print("\n" + paint(Tone::strong, pad("time", label_columns(bench))));
  for (const BenchEngine& engine : bench.engines)
    print(paint(Tone::strong, pad(engine.label, -cell_columns)) + pad("", room));
  print("\n");
  for (const BenchWorkload& workload : bench.workloads) {
    double slowest = 0;
    for (const BenchEngine& engine : bench.engines)
      slowest = std::max(
          slowest, bench.results.median(engine.name, workload, "ns_per_operation").value_or(0));
    print(pad(workload.label(), label_columns(bench)));
    for (const BenchEngine& engine : bench.engines) {
      const auto time_ns = bench.results.median(engine.name, workload, "ns_per_operation");
      print(pad(time_ns ? as_time(*time_ns) : "-", -cell_columns));
      if (has_bars) print(" " + paint(Tone::faint, bar(time_ns.value_or(0), slowest, bar_columns)));
    }
    print("\n");
  }
  print("Of one operation: the median of the repetitions.\n");
}

// The ratio of one cell, and a star when it is below its goal.
void print_ratio(const Bench& bench, const std::string& ours, const BenchEngine& peer,
                 const BenchWorkload& workload) {
  const std::optional<double> ratio = bench.results.ratio(ours, peer.name, workload);
  const bool is_missed = ratio && *ratio < goal_of(workload, peer);
  const std::string text = ratio ? as_three_digits(*ratio) : "-";
  print(paint(ratio && *ratio < 1 ? Tone::bad : Tone::plain,
              pad((is_missed ? "*" : "") + text, -ratio_columns)));
}

// The fast preset first.
std::vector<BenchEngine> rivals(const Bench& bench) {
  std::vector<BenchEngine> ours = bench.only(false);
  std::stable_sort(ours.begin(), ours.end(), [](const BenchEngine& a, const BenchEngine& b) {
    return a.is_mapped && !b.is_mapped;
  });
  return ours;
}

void print_ratios(const Bench& bench) {
  const std::vector<BenchEngine> ours = rivals(bench), peers = bench.only(true);
  if (ours.empty() || peers.empty()) return;
  const int columns = label_columns(bench);
  std::string above = pad("times as fast", columns), below = pad("as", columns);
  for (const BenchEngine& each : ours) {
    above += pad(each.title, -static_cast<int>(peers.size()) * ratio_columns);
    for (const BenchEngine& peer : peers)
      below += pad(peer.label, -ratio_columns);
  }
  print("\n" + paint(Tone::strong, above) + "\n" + paint(Tone::strong, below) + "\n");
  for (const BenchWorkload& workload : bench.workloads) {
    print(pad(workload.label(), columns));
    for (const BenchEngine& each : ours)
      for (const BenchEngine& peer : peers)
        print_ratio(bench, each.name, peer, workload);
    print("\n");
  }
  print("Ratios are taken within a repetition; these are their medians.\n");
}

bool is_fill(const std::string& workload) {
  return workload.compare(0, 4, "fill") == 0 || workload == "overwrite" ||
         workload == "deleterandom" || workload == "load";
}

// Bytes on the disk, over those of the entries where there are any to speak of.
std::string space_text(const std::optional<double>& bytes, double live_bytes) {
  if (!bytes) return "";
  return live_bytes > 0 ? as_three_digits(*bytes / live_bytes)
                        : as_three_digits(*bytes / 1e6) + "M";
}

void print_cost(const Bench& bench, const BenchEngine& engine, const BenchWorkload& workload,
                bool is_last) {
  const auto median = [&](const BenchWorkload& of, const char* field) {
    return bench.results.median(engine.name, of, field);
  };
  const double user = median(workload, "user").value_or(0);
  const double live = workload.name == "deleterandom" ? 0 : user;
  print(pad(engine.label, 9));
  for (const char* quantile : {"p50", "p99", "p999", "max"}) {
    const auto time_ns = median(workload, quantile);
    print(pad(time_ns ? as_time(*time_ns) : "-", -8));
  }
  const auto written = median(workload, "written");
  print(pad(written && user > 0 ? as_three_digits(*written / user) : "", -6));
  print(pad(space_text(median(workload, "space"), live), -7));
  const BenchWorkload closed = {workload.suite, "closed"};
  print(pad(is_last ? space_text(median(closed, "space"), live) : "", -7));
  print(pad(as_three_digits(median(workload, "anonymous").value_or(0) / 1e6), -6) + "\n");
}

void print_costs(const Bench& bench) {
  constexpr const char* legend =
      "Times of one operation, of a batch for fillbatch. write: bytes that went to files, over "
      "those of keys and\nvalues. space: on the disk over what lives, open and closed; MB (M) "
      "where little does. MB: own memory.\n";
  std::string heading = pad("writing", 13) + pad("", 9);
  for (const char* name : {"p50", "p99", "p99.9", "max"})
    heading += pad(name, -8);
  heading += pad("write", -6) + pad("space", -7) + pad("closed", -7) + pad("MB", -6);
  bool has_heading = false;
  for (std::size_t i = 0; i < bench.workloads.size(); ++i) {
    const BenchWorkload& workload = bench.workloads[i];
    if (!is_fill(workload.name)) continue;
    const bool is_last =
        i + 1 == bench.workloads.size() || bench.workloads[i + 1].suite != workload.suite;
    std::string name = workload.name;
    for (const BenchEngine& engine : bench.engines) {
      if (!bench.results.median(engine.name, workload, "seconds")) continue;
      if (!std::exchange(has_heading, true)) print("\n" + paint(Tone::strong, heading) + "\n");
      print(pad(std::exchange(name, ""), 13));
      print_cost(bench, engine, workload, is_last);
    }
  }
  if (has_heading) print(legend);
}

// What the machine could do, and how much of that ours use.
void print_limits(const Bench& bench) {
  const std::vector<BenchEngine> ours = bench.only(false);
  bool has_heading = false;
  for (const BenchWorkload& workload : bench.workloads)
    for (const BenchLimit& limit : limits_of(bench)) {
      if (limit.workload != workload.name) continue;
      if (!std::exchange(has_heading, true)) {
        std::string heading =
            pad("the limit", label_columns(bench)) + pad("at best", -cell_columns);
        for (const BenchEngine& each : ours)
          heading += pad(each.label, -ratio_columns);
        print("\n" + paint(Tone::strong, heading) + "\n");
      }
      print(pad(workload.label(), label_columns(bench)) +
            pad(as_time(limit.time_ns), -cell_columns));
      for (const BenchEngine& each : ours) {
        const auto time_ns = bench.results.median(each.name, workload, "ns_per_operation");
        print(pad(time_ns ? as_decimal(100 * limit.time_ns / *time_ns, 0) + " %" : "-",
                  -ratio_columns));
      }
      print("  " + paint(Tone::faint, limit.what) + "\n");
    }
}

}  // namespace

void print_setting(const Bench& bench) {
  for (const std::string& sentence : bench_setting(bench))
    print(sentence + "\n");
}

void print_comparison(const Bench& bench) {
  print_times(bench);
  print_ratios(bench);
}

void print_sentences(const Bench& bench) {
  for (const BenchEngine& ours : rivals(bench))
    if (const std::string text = bench_sentence(bench, ours); !text.empty()) print(text + "\n");
}

void print_bench(const Bench& bench) {
  print_setting(bench);
  print_comparison(bench);
  print("* is below its goal. compact is an entry's part; reopening is done once.\n");
  print_costs(bench);
  print_limits(bench);
  print("\n");
  print_sentences(bench);
}

}  // namespace lab
