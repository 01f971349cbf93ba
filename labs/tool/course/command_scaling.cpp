// command_scaling.cpp: `labs/lab bench scaling`: what an operation costs as one size grows: as
// tables, every figure, and plots.
#include "bench_plot.hpp"
#include "bench_report.hpp"
#include "bench_run.hpp"
#include "bench_sweeps.hpp"
#include "commands.hpp"
#include "terminal.hpp"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

namespace lab {
namespace {

constexpr std::string_view usage =
    "usage: labs/lab bench scaling [SWEEP…] [--peers] [--quick] [--engine NAME…]\n"
    "                      [--entries-max N] [--repetitions R] [--folder DIR] [--plots DIR]\n\n"
    "What an operation costs as one size grows and all others stay. Each engine is a process of\n"
    "its own; they take turns. Prints times, ratios and what writing cost, and draws plots. It\n"
    "takes a quiet machine, and an hour or two with --peers; minutes with --quick.\n"
    "  SWEEP            only these:\n"
    "                     entries  from 100,000 to 10,000,000, ten times as many each time\n"
    "                     values   from 16 bytes to 64 KiB, as many as make 128 MB\n"
    "                     threads  from 1 to 4, on 1,000,000 entries\n"
    "  --peers          beside LevelDB, RocksDB and LMDB, those of them that are installed, or\n"
    "                   below a folder in CMAKE_PREFIX_PATH\n"
    "  --quick          10,000 to 100,000 entries, 16 MB of values, threads on 100,000; once\n"
    "  --engine NAME    these engines instead: lsmith, mapped, textbook, mine, leveldb, rocksdb,\n"
    "                   lmdb; several with commas; lsmith and mapped by default\n"
    "  --entries-min N  where the entries begin\n"
    "  --entries-max N  where they end; 100,000,000 needs hours, and 40 GB where DIR is. What "
    "does\n"
    "                   not fit on the disk is left out\n"
    "  --data-bytes N   keys and values in each database while values grow\n"
    "  --entries N      in each database while threads grow\n"
    "  --repetitions R  3 by default\n"
    "  --minutes-max N  for each engine at each point, 60 by default; what it has not done then "
    "is\n"
    "                   left out\n"
    "  --folder DIR     below which the databases are; $TMPDIR or /tmp by default\n"
    "  --plots DIR      where SWEEP.svg goes; build/scaling by default; the book's are in\n"
    "                   book/scaling\n"
    "  --json DIR       where SWEEP.json goes, with every figure; build/scaling by default\n";

struct Request : BenchRequest {
  std::vector<Sweep> sweeps;
  std::uint64_t minutes_max = 60;
  std::string plots, json;
};

// False, after a complaint, when they can not be.
bool take_sizes(Arguments& arguments, bool is_quick, SweepSizes& sizes) {
  constexpr std::uint64_t million = 1'000'000;
  if (is_quick) sizes = {10'000, 100'000, 16 * million, 100'000};
  if (!take_number(arguments, "--entries-max", 1000, 1000 * million, sizes.entries_max))
    return false;
  sizes.entries_min = std::min(sizes.entries_min, sizes.entries_max);
  return take_number(arguments, "--entries-min", 1000, sizes.entries_max, sizes.entries_min) &&
         take_number(arguments, "--data-bytes", million, 1'000'000 * million, sizes.data_bytes) &&
         take_number(arguments, "--entries", 1000, 1000 * million, sizes.entries);
}

// Keeps the sweeps of those names; all of them when there are none. False, after a complaint, when
// there is no such sweep.
bool choose_sweeps(const std::vector<std::string>& wanted, std::vector<Sweep>& sweeps) {
  std::string known;
  for (const Sweep& sweep : sweeps)
    known += (known.empty() ? "" : ", ") + sweep.name;
  const auto is_called = [](const std::string& name) {
    return [&name](const Sweep& sweep) { return sweep.name == name; };
  };
  for (const std::string& name : wanted)
    if (std::none_of(sweeps.begin(), sweeps.end(), is_called(name)))
      return complain(exit_usage, "there is no sweep " + name + "; there are " + known), false;
  if (wanted.empty()) return true;
  const auto is_unwanted = [&](const Sweep& sweep) {
    return std::find(wanted.begin(), wanted.end(), sweep.name) == wanted.end();
  };
  sweeps.erase(std::remove_if(sweeps.begin(), sweeps.end(), is_unwanted), sweeps.end());
  return true;
}

bool read_request(Arguments& arguments, Request& request) {
  std::set<std::string> names = {"lsmith", "mapped"};
  if (arguments.flag("--peers")) names.insert({"leveldb", "rocksdb", "lmdb"});
  const bool is_quick = arguments.flag("--quick");
  request.bench.repetitions = is_quick ? 1 : 3;
  SweepSizes sizes;
  if (!take_bench_options(arguments, usage, std::move(names), request) ||
      !take_sizes(arguments, is_quick, sizes) ||
      !take_number(arguments, "--minutes-max", 1, 10'000, request.minutes_max))
    return false;
  const std::string folder = project_root() + "/build/scaling";
  request.plots = arguments.option("--plots").value_or(folder);
  request.json = arguments.option("--json").value_or(folder);
  const std::vector<std::string> words = arguments.words();
  request.sweeps = all_sweeps(sizes);
  if (arguments.error().empty()) return choose_sweeps(words, request.sweeps);
  print(usage);
  return complain(exit_usage, arguments.error()), false;
}

// Takes out the points that the disk has no room for, and says so.
void leave_out_large(const std::string& folder, Sweep& sweep) {
  constexpr double copies_max = 3;  // while it is merged, and in half-full pages
  std::error_code error;
  const std::filesystem::space_info space = std::filesystem::space(folder, error);
  if (error) return;
  const auto is_large = [&](const SweepPoint& point) {
    const double needed = copies_max * static_cast<double>(point.data_bytes());
    if (needed < static_cast<double>(space.available)) return false;
    print(paint(Tone::note, sweep.name + " " + point.label + " is left out: it may need " +
                                as_bytes(needed) + " in " + folder + ", where " +
                                as_bytes(static_cast<double>(space.available)) + " are free") +
          "\n");
    return true;
  };
  sweep.points.erase(std::remove_if(sweep.points.begin(), sweep.points.end(), is_large),
                     sweep.points.end());
}

// The workloads of a point share a database, so a point is a step.
std::vector<BenchStep> steps_of(const Sweep& sweep, std::uint64_t minutes_max) {
  std::string workloads;
  for (const std::string& name : sweep.workloads)
    workloads += (workloads.empty() ? "" : ",") + name;
  std::vector<BenchStep> steps;
  for (const SweepPoint& point : sweep.points)
    steps.push_back({point.suite,
                     {workloads, "--entries", std::to_string(point.entries), "--value-bytes",
                      std::to_string(point.value_bytes), "--threads", std::to_string(point.threads),
                      "--operations", std::to_string(point.operations), "--seconds-max",
                      std::to_string(minutes_max * 60)},
                     point.data_bytes()});
  return steps;
}

void print_writes(const Sweep& sweep, const Bench& bench) {
  constexpr int label_columns = 23, cell_columns = 11;
  print("\n" + paint(Tone::strong, pad("written for each byte", label_columns)));
  for (const BenchEngine& engine : bench.engines)
    print(paint(Tone::strong, pad(engine.label, -cell_columns)));
  print("\n");
  for (const SweepPoint& point : sweep.points) {
    print(pad(workload_at(point, "fillrandom").label(), label_columns));
    for (const BenchEngine& engine : bench.engines) {
      const auto factor = bytes_written(bench.results, engine.name, point);
      print(pad(factor ? as_three_digits(*factor) : "-", -cell_columns));
    }
    print("\n");
  }
}

// Shows one sweep and writes its files. False, after a complaint, when these can not be written.
bool show(const Request& request, const Sweep& sweep, const Bench& bench) {
  print("\n" + paint(Tone::strong, sweep.title) + ": " + sweep.setting + "\n");
  print_comparison(bench);
  if (sweep.has_writes) print_writes(sweep, bench);
  print("\n");
  print_sentences(bench);
  const std::string plot = request.plots + "/" + sweep.name + ".svg";
  const std::string json = request.json + "/" + sweep.name + ".json";
  const bool is_fine = write_files({{plot, sweep_svg(sweep, bench)}, {json, bench_json(bench)}});
  if (is_fine) print("plots: " + short_path(plot) + "; every figure: " + short_path(json) + "\n");
  return is_fine;
}

// Measures one sweep. False when the user stopped it.
bool measure(const CmakeBuild& build, const Request& request, const Sweep& sweep, Bench& bench,
             const std::string& folder, BenchTroubles& troubles) {
  bench.workloads = workloads_of(sweep);
  bench.data = sweep.setting;
  return take_turns(build, bench, "bench scaling " + sweep.name,
                    steps_of(sweep, request.minutes_max), folder, troubles);
}

}  // namespace

int run_scaling(std::vector<std::string> given) {
  Arguments arguments(std::move(given));
  if (arguments.flag("--help")) return print(usage), finish(exit_fine);
  Request request;
  if (!read_request(arguments, request)) return exit_usage;
  Arguments none({});
  const CmakeBuild build = take_build(none);
  BenchTroubles troubles;
  if (!prepare_bench(build, request, {}, troubles.failures)) return exit_failure;
  const FreshFolder folder(request.parent);
  if (folder.path().empty()) return exit_failure;
  request.bench.data = "Keys of 16 bytes";
  print_setting(request.bench);
  bool is_fine = true;
  for (Sweep& sweep : request.sweeps) {
    leave_out_large(folder.path(), sweep);
    if (sweep.points.empty()) continue;
    Bench bench = request.bench;
    if (!measure(build, request, sweep, bench, folder.path(), troubles))
      return complain(exit_failure, "stopped");
    is_fine = show(request, sweep, bench) && is_fine;
  }
  for (const std::string& late : troubles.late)
    print(paint(Tone::note, late + ": left out what was not done within " +
                                counted(request.minutes_max, "minute", "minutes")) +
          "\n");
  return finish_bench(is_fine, troubles);
}

}  // namespace lab
