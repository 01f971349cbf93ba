// command_bench.cpp: `labs/lab bench`: how fast the engine is, beside others, each in a process of
// its own.
#include "bench_limits.hpp"
#include "bench_report.hpp"
#include "bench_results.hpp"
#include "bench_run.hpp"
#include "commands.hpp"
#include "process.hpp"
#include "terminal.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace lab {
namespace {

const std::string machine_target = "bench.machine";

constexpr std::string_view usage =
    "usage: labs/lab bench [SUITE…] [--peers] [--quick] [--engine NAME…] [--entries N]\n"
    "                      [--value-bytes N] [--repetitions R] [--folder DIR]\n"
    "       labs/lab bench scaling …    how costs grow with entries, values and threads; it has a\n"
    "                                   --help of its own\n\n"
    "The workloads of LevelDB's db_bench and of YCSB, on the library's engine, the textbook's and\n"
    "yours, or on the library's and its peers. Each engine is a process of its own; they take\n"
    "turns. Prints times, ratios, what writing cost, and how near the machine's limit they are. A\n"
    "quiet machine is needed, and half an hour; a few minutes with --quick.\n"
    "  SUITE            only these; --list names them\n"
    "  --peers          beside LevelDB, RocksDB and LMDB, those of them that are installed, or\n"
    "                   below a folder in CMAKE_PREFIX_PATH\n"
    "  --quick          200,000 entries, once\n"
    "  --engine NAME    these engines instead: lsmith, mapped, textbook, mine, leveldb, rocksdb,\n"
    "                   lmdb; several with commas\n"
    "  --entries N      in each database; 1,000,000 by default\n"
    "  --value-bytes N  100 by default; keys have 16\n"
    "  --repetitions R  5 by default\n"
    "  --folder DIR     below which the databases are; $TMPDIR or /tmp by default\n"
    "  --json FILE      where every figure goes; build/bench.json by default\n"
    "  --html FILE      where the charts go; build/bench.html by default\n"
    "  --list           the suites, and the workloads of each\n";

struct Request : BenchRequest {
  std::vector<std::string> suites;
  std::string json, html;
  bool lists = false;
};

bool read_request(Arguments& arguments, Request& request) {
  constexpr std::uint64_t million = 1'000'000;
  std::set<std::string> names = {"lsmith", "mapped", "textbook", "mine"};
  if (arguments.flag("--peers")) names = {"lsmith", "mapped", "leveldb", "rocksdb", "lmdb"};
  Bench& bench = request.bench;
  request.lists = arguments.flag("--list");
  if (arguments.flag("--quick")) {
    bench.entries = million / 5;
    bench.repetitions = 1;
  }
  if (!take_bench_options(arguments, usage, std::move(names), request) ||
      !take_number(arguments, "--entries", 1000, 1000 * million, bench.entries) ||
      !take_number(arguments, "--value-bytes", 16, million, bench.value_bytes))
    return false;
  request.json = arguments.option("--json").value_or(project_root() + "/build/bench.json");
  request.html = arguments.option("--html").value_or(project_root() + "/build/bench.html");
  request.suites = arguments.words();
  bench.data = with_commas(bench.entries) + " entries, keys of 16 bytes, values of " +
               with_commas(bench.value_bytes);
  if (arguments.error().empty()) return true;
  print(usage);
  return complain(exit_usage, arguments.error()), false;
}

// What the machine can do at best; nothing when that can not be found out.
void measure_machine(const CmakeBuild& build, Bench& bench, const std::string& folder) {
  const Outcome outcome =
      run({program_of(build, machine_target), "--folder", folder}, {"", true, 0});
  if (outcome.ok()) bench.machine = parse_limits(outcome.output);
}

// In their order.
std::vector<std::string> suites_of(const Bench& bench) {
  std::vector<std::string> names;
  for (const BenchWorkload& each : bench.workloads)
    if (names.empty() || names.back() != each.suite) names.push_back(each.suite);
  return names;
}

// Keeps the workloads of the wanted suites. False, after a complaint, when there is no such suite.
bool choose_suites(Request& request) {
  std::vector<BenchWorkload>& workloads = request.bench.workloads;
  const std::vector<std::string>& wanted = request.suites;
  const std::vector<std::string> known = suites_of(request.bench);
  for (const std::string& name : wanted)
    if (std::find(known.begin(), known.end(), name) == known.end())
      return complain(exit_usage, "there is no suite " + name + "; --list names them" +
                                      (name == "scaling" ? "; scaling is the first word" : "")),
             false;
  if (wanted.empty()) return true;
  const auto is_unwanted = [&](const BenchWorkload& each) {
    return std::find(wanted.begin(), wanted.end(), each.suite) == wanted.end();
  };
  workloads.erase(std::remove_if(workloads.begin(), workloads.end(), is_unwanted), workloads.end());
  return true;
}

int show_list(const Bench& bench) {
  for (const std::string& suite : suites_of(bench)) {
    print(pad(suite, 12));
    for (const BenchWorkload& each : bench.workloads)
      if (each.suite == suite) print(" " + each.name);
    print("\n");
  }
  return finish(exit_fine);
}

// Each suite's workloads share a database, so a suite is a step.
std::vector<BenchStep> steps_of(const Bench& bench) {
  std::vector<BenchStep> steps;
  for (const std::string& suite : suites_of(bench)) {
    const auto count =
        std::count_if(bench.workloads.begin(), bench.workloads.end(),
                      [&](const BenchWorkload& each) { return each.suite == suite; });
    steps.push_back({suite,
                     {suite, "--entries", std::to_string(bench.entries), "--value-bytes",
                      std::to_string(bench.value_bytes)},
                     static_cast<std::uint64_t>(count)});
  }
  return steps;
}

// Shows the answer and writes the files. False, after a complaint, when these can not be written.
bool show(const Request& request) {
  print_bench(request.bench);
  const bool is_fine = write_files(
      {{request.json, bench_json(request.bench)}, {request.html, bench_html(request.bench)}});
  if (is_fine)
    print("every figure: " + short_path(request.json) + "; charts: " + short_path(request.html) +
          "\n");
  return is_fine;
}

}  // namespace

int run_bench(std::vector<std::string> given) {
  if (!given.empty() && given[0] == "scaling") return run_scaling({given.begin() + 1, given.end()});
  Arguments arguments(std::move(given));
  if (arguments.flag("--help")) return print(usage), finish(exit_fine);
  Request request;
  if (!read_request(arguments, request)) return exit_usage;
  Arguments none({});
  const CmakeBuild build = take_build(none);
  Bench& bench = request.bench;
  BenchTroubles troubles;
  if (request.lists) bench.engines.resize(1);
  if (!prepare_bench(build, request, {machine_target}, troubles.failures)) return exit_failure;
  if (request.lists) return show_list(bench);
  if (!choose_suites(request)) return exit_usage;
  {
    const FreshFolder folder(request.parent);
    if (folder.path().empty()) return exit_failure;
    measure_machine(build, bench, folder.path());
    if (!take_turns(build, bench, "bench", steps_of(bench), folder.path(), troubles))
      return complain(exit_failure, "stopped");
  }
  return finish_bench(show(request), troubles);
}

}  // namespace lab
