// command_bench.cpp: `labs/lab bench`: how fast the engine is, beside others, each in a process of
// its own.
#include "bench_limits.hpp"
#include "bench_report.hpp"
#include "bench_results.hpp"
#include "cmake_build.hpp"
#include "commands.hpp"
#include "contract.hpp"
#include "process.hpp"
#include "project.hpp"
#include "terminal.hpp"
#include "text.hpp"

#include <algorithm>
#include <cctype>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <sstream>
#include <system_error>
#include <utility>

#include <stdlib.h>

namespace lab {
namespace {

const std::string machine_target = "bench.machine";

constexpr std::string_view usage =
    "usage: labs/lab bench [SUITE…] [--peers] [--quick] [--engine NAME…] [--entries N]\n"
    "                      [--value-bytes N] [--repetitions R] [--folder DIR]\n\n"
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

// Every engine that there may be. "mapped" is the fast preset.
const std::vector<BenchEngine>& known_engines() {
  static const std::vector<BenchEngine> all = {
      {"lsmith", "lsmith", "lsmith", "bench.lsmith", "", false},
      {"mapped", "mapped", "lsmith mapped", "bench.lsmith", "", true},
      {"textbook", "textbook", "the textbook", "bench.textbook", "", false},
      {"mine", "yours", "yours", "bench.mine", "", false},
      {"leveldb", "LevelDB", "LevelDB", "bench.leveldb", "libleveldb-dev", false},
      {"rocksdb", "RocksDB", "RocksDB", "bench.rocksdb", "librocksdb-dev", false},
      {"lmdb", "LMDB", "LMDB", "bench.lmdb", "liblmdb-dev", false}};
  return all;
}

struct Request {
  Bench bench;  // its engines are those that are wanted
  std::vector<std::string> suites;
  std::string parent, json, html;
  bool names_engines = false;
  bool lists = false;
};

// Takes a number within bounds. False, after a complaint, when it is none.
bool take_number(Arguments& arguments, const std::string& name, std::uint64_t least,
                 std::uint64_t most, std::uint64_t& number) {
  const auto text = arguments.option(name);
  if (!text) return true;
  const auto given = parse_number(*text);
  if (given && *given >= least && *given <= most) {
    number = *given;
    return true;
  }
  complain(exit_usage, name + ": \"" + *text + "\" is no number from " + with_commas(least) +
                           " to " + with_commas(most));
  return false;
}

// False, after a complaint, when there is no such engine.
bool take_engines(Arguments& arguments, Request& request) {
  std::set<std::string> names = {"lsmith", "mapped", "textbook", "mine"};
  if (arguments.flag("--peers")) names = {"lsmith", "mapped", "leveldb", "rocksdb", "lmdb"};
  while (const auto list = arguments.option("--engine")) {
    if (!std::exchange(request.names_engines, true)) names.clear();
    std::istringstream words(*list);
    for (std::string name; std::getline(words, name, ',');)
      names.insert(name);
  }
  for (const BenchEngine& each : known_engines())
    if (names.erase(each.name) > 0) request.bench.engines.push_back(each);
  if (names.empty() && !request.bench.engines.empty()) return true;
  print(usage);
  const std::string name = names.empty() ? "" : *names.begin();
  return complain(exit_usage, "there is no engine \"" + name + "\""), false;
}

bool read_request(Arguments& arguments, Request& request) {
  constexpr std::uint64_t million = 1'000'000;
  const char* const temporary = std::getenv("TMPDIR");
  Bench& bench = request.bench;
  request.lists = arguments.flag("--list");
  if (arguments.flag("--quick")) {
    bench.entries = million / 5;
    bench.repetitions = 1;
  }
  if (!take_engines(arguments, request) ||
      !take_number(arguments, "--entries", 1000, 1000 * million, bench.entries) ||
      !take_number(arguments, "--value-bytes", 24, million, bench.value_bytes) ||
      !take_number(arguments, "--repetitions", 1, 1000, bench.repetitions))
    return false;
  request.parent = arguments.option("--folder")
                       .value_or(temporary != nullptr && *temporary != '\0' ? temporary : "/tmp");
  request.json = arguments.option("--json").value_or(project_root() + "/build/bench.json");
  request.html = arguments.option("--html").value_or(project_root() + "/build/bench.html");
  request.suites = arguments.words();
  if (arguments.error().empty()) return true;
  print(usage);
  return complain(exit_usage, arguments.error()), false;
}

std::string program_of(const CmakeBuild& build, const BenchEngine& engine) {
  return project_root() + "/" + build.folder + "/" + engine.target;
}

// Whether CMake found one of these peers among the distribution's packages.
bool has_packages(const CmakeBuild& build, const std::vector<BenchEngine>& peers) {
  const std::string cache = project_root() + "/" + build.folder + "/CMakeCache.txt";
  const std::string text = read_text(cache).value_or("");
  return std::any_of(peers.begin(), peers.end(), [&](const BenchEngine& peer) {
    std::string line = "\nBENCH_";
    for (const char c : peer.name)
      line += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    line += "_LIBRARY:FILEPATH=/usr/";
    const std::size_t at = text.find(line);
    return at != text.npos && text.compare(at + line.size(), 6, "local/") != 0;
  });
}

// Leaves out the engines that are not here, and says so. False when one of them was named.
bool leave_out_missing(const CmakeBuild& build, Request& request) {
  std::set<std::string> targets;
  const std::string list = project_root() + "/" + build.folder + "/targets.txt";
  for (const Line& line : lines_of(read_text(list).value_or("")))
    targets.insert(line.text);
  std::vector<BenchEngine> here;
  for (const BenchEngine& each : request.bench.engines) {
    if (targets.count(each.target) > 0) {
      here.push_back(each);
      continue;
    }
    const std::string why =
        each.is_peer() ? " is not here; " + each.package + " brings it" : " is not begun";
    if (request.names_engines) return complain(exit_failure, each.title + why), false;
    if (each.is_peer()) print(paint(Tone::note, each.title + why) + "\n");
  }
  request.bench.engines = std::move(here);
  return true;
}

// Builds the programs. Those that do not build are left out, and it is said which.
void build_engines(const CmakeBuild& build, Request& request, std::vector<std::string>& failures) {
  std::vector<std::string> targets;
  for (const BenchEngine& each : request.bench.engines)
    if (std::find(targets.begin(), targets.end(), each.target) == targets.end())
      targets.push_back(each.target);
  targets.push_back(machine_target);
  if (build_targets(build, targets).empty()) return;
  for (const std::string& target : targets) {
    if (build_targets(build, {target}).empty()) continue;
    failures.push_back(target + " does not build");
    std::vector<BenchEngine>& engines = request.bench.engines;
    engines.erase(std::remove_if(engines.begin(), engines.end(),
                                 [&](const BenchEngine& each) { return each.target == target; }),
                  engines.end());
  }
}

// What the machine can do at best; nothing when that can not be found out.
void measure_machine(const CmakeBuild& build, Bench& bench, const std::string& folder) {
  const Outcome outcome =
      run({project_root() + "/" + build.folder + "/" + machine_target, "--folder", folder},
          {"", true, 0});
  if (outcome.ok()) bench.machine = parse_limits(outcome.output);
}

// Asks the programs for their versions, and one of them for the workloads.
void ask_programs(const CmakeBuild& build, Bench& bench) {
  for (BenchEngine& each : bench.engines) {
    const Outcome listed = run({program_of(build, each), "list"}, {"", true, 0});
    const bool is_first = bench.workloads.empty();
    for (const Line& line : lines_of(listed.output)) {
      std::istringstream words(line.text);
      std::string kind, suite;
      words >> kind >> std::ws;
      if (kind == "engine") std::getline(words, each.version);
      if (kind != "suite" || !is_first) continue;
      words >> suite;
      for (std::string name; words >> name;)
        bench.workloads.push_back({suite, name});
    }
  }
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
      return complain(exit_usage, "there is no suite " + name + "; --list names them"), false;
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

// A folder of its own, for as long as it lives.
class FreshFolder {
 public:
  explicit FreshFolder(const std::string& parent) : path_(parent + "/lsmith-bench-XXXXXX") {
    std::error_code ignored;  // mkdtemp says it too
    std::filesystem::create_directories(parent, ignored);
    if (::mkdtemp(path_.data()) == nullptr) path_.clear();
  }
  ~FreshFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  FreshFolder(const FreshFolder&) = delete;
  FreshFolder& operator=(const FreshFolder&) = delete;
  const std::string& path() const { return path_; }  // empty: it could not be made

 private:
  std::string path_;
};

// Ctrl-C ends the program that runs; this one lives on to remove what it left.
volatile std::sig_atomic_t is_stopped = 0;

void run_suite(const CmakeBuild& build, Bench& bench, const BenchEngine& engine, int repetition,
               const std::string& suite, const std::string& folder,
               std::vector<std::string>& failures) {
  std::vector<std::string> words = {program_of(build, engine),
                                    suite,
                                    "--folder",
                                    folder,
                                    "--entries",
                                    std::to_string(bench.entries),
                                    "--value-bytes",
                                    std::to_string(bench.value_bytes)};
  if (engine.is_mapped) words.push_back("--mapped");
  const Outcome outcome = run(words, {"", true, 0});
  const std::string complaint = bench.results.add(engine.name, repetition, suite, outcome.output);
  if (outcome.ok()) return;
  const std::string how =
      outcome.signal != 0 ? "ended by signal " + std::to_string(outcome.signal) + "\n" : "";
  failures.push_back(engine.title + ", " + suite + ": " + how + complaint);
}

// Suite by suite all engines take turns; another one begins in each repetition.
void run_all(const CmakeBuild& build, Bench& bench, const std::string& folder,
             std::vector<std::string>& failures) {
  const std::vector<std::string> suites = suites_of(bench);
  const std::vector<BenchEngine> engines = bench.engines;
  const std::uint64_t total = bench.repetitions * bench.workloads.size() * engines.size();
  Progress progress("bench", total);
  std::uint64_t done = 0;
  progress.update(done);
  for (std::uint64_t repetition = 0; repetition < bench.repetitions; ++repetition)
    for (const std::string& suite : suites)
      for (std::size_t i = 0; i < engines.size() && is_stopped == 0; ++i) {
        const BenchEngine& engine = engines[(i + repetition) % engines.size()];
        run_suite(build, bench, engine, static_cast<int>(repetition), suite, folder, failures);
        done += static_cast<std::uint64_t>(
            std::count_if(bench.workloads.begin(), bench.workloads.end(),
                          [&](const BenchWorkload& each) { return each.suite == suite; }));
        progress.update(done);
      }
}

// As a path from the project's root, where it is below that.
std::string short_path(const std::string& path) {
  const std::string front = project_root() + "/";
  return path.compare(0, front.size(), front) == 0 ? path.substr(front.size()) : path;
}

// Shows the answer and writes the files.
int show(const Request& request, const std::vector<std::string>& failures) {
  print_bench(request.bench);
  int code = failures.empty() ? exit_fine : exit_failure;
  for (const auto& [path, text] : {std::pair{request.json, bench_json(request.bench)},
                                   std::pair{request.html, bench_html(request.bench)}})
    if (!write_text(path, text)) code = complain(exit_failure, path + " can not be written");
  if (code == exit_fine || !failures.empty())
    print("every figure: " + short_path(request.json) + "; charts: " + short_path(request.html) +
          "\n");
  for (const std::string& failure : failures)
    complain(exit_failure, failure);
  return finish(code);
}

}  // namespace

int run_bench(std::vector<std::string> given) {
  Arguments arguments(std::move(given));
  if (arguments.flag("--help")) return print(usage), finish(exit_fine);
  Request request;
  if (!read_request(arguments, request)) return exit_usage;
  Arguments none({});
  const CmakeBuild build = take_build(none);
  if (const std::string why = configure_tests(build); !why.empty())
    return complain(exit_failure, why);
  if (!leave_out_missing(build, request)) return exit_failure;
  Bench& bench = request.bench;
  std::vector<std::string> failures;
  if (request.lists) bench.engines.resize(1);
  build_engines(build, request, failures);
  bench.has_packages = has_packages(build, bench.only(true));
  ask_programs(build, bench);
  if (bench.workloads.empty()) return complain(exit_failure, "the benchmark does not build");
  if (request.lists) return show_list(bench);
  if (!choose_suites(request)) return exit_usage;
  {
    const FreshFolder folder(request.parent);
    if (folder.path().empty())
      return complain(exit_failure, "no folder can be made in " + request.parent);
    std::signal(SIGINT, [](int) { is_stopped = 1; });
    measure_machine(build, bench, folder.path());
    run_all(build, bench, folder.path(), failures);
    std::signal(SIGINT, SIG_DFL);
  }
  if (is_stopped != 0) return complain(exit_failure, "stopped");
  return show(request, failures);
}

}  // namespace lab
