// bench_run.cpp: engines are chosen, built and called.
#include "bench_run.hpp"

#include "contract.hpp"
#include "process.hpp"
#include "project.hpp"
#include "terminal.hpp"
#include "text.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <system_error>
#include <utility>

#include <stdlib.h>

namespace lab {
namespace {

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

// False, after a complaint, when there is no such engine.
bool take_engines(Arguments& arguments, std::string_view usage, std::set<std::string> names,
                  BenchRequest& request) {
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

// Notes which library CMake linked for each peer: the file itself, not a name for it.
void find_libraries(const CmakeBuild& build, std::vector<BenchEngine>& engines) {
  const std::string cache = project_root() + "/" + build.folder + "/CMakeCache.txt";
  const std::string text = read_text(cache).value_or("");
  for (BenchEngine& each : engines) {
    if (!each.is_peer()) continue;
    each.library = library_in(text, each);
    std::error_code error;
    const std::filesystem::path file = std::filesystem::canonical(each.library, error);
    if (!error) each.library = file.string();
  }
}

// Leaves out the engines that are not here, and says so. False when one of them was named.
bool leave_out_missing(const CmakeBuild& build, BenchRequest& request) {
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
void build_engines(const CmakeBuild& build, Bench& bench, std::vector<std::string> targets,
                   std::vector<std::string>& failures) {
  for (const BenchEngine& each : bench.engines)
    if (std::find(targets.begin(), targets.end(), each.target) == targets.end())
      targets.push_back(each.target);
  if (build_targets(build, targets).empty()) return;
  for (const std::string& target : targets) {
    if (build_targets(build, {target}).empty()) continue;
    failures.push_back(target + " does not build");
    std::vector<BenchEngine>& engines = bench.engines;
    engines.erase(std::remove_if(engines.begin(), engines.end(),
                                 [&](const BenchEngine& each) { return each.target == target; }),
                  engines.end());
  }
}

// Asks the programs for their versions, and one of them for the workloads.
void ask_programs(const CmakeBuild& build, Bench& bench) {
  for (BenchEngine& each : bench.engines) {
    const Outcome listed = run({program_of(build, each.target), "list"}, {"", true, 0});
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

// Ctrl-C ends the program that runs; this one lives on to remove what it left.
volatile std::sig_atomic_t is_stopped = 0;

void run_step(const CmakeBuild& build, Bench& bench, const BenchEngine& engine, int repetition,
              const BenchStep& step, const std::string& folder, BenchTroubles& troubles) {
  const std::string what = engine.title + ", " + step.suite;
  if (std::count(troubles.late.begin(), troubles.late.end(), what) > 0) return;
  std::vector<std::string> words = {program_of(build, engine.target)};
  words.insert(words.end(), step.words.begin(), step.words.end());
  words.insert(words.end(), {"--folder", folder});
  if (engine.is_mapped) words.push_back("--mapped");
  const Outcome outcome = run(words, {"", true, 0});
  const std::string complaint =
      bench.results.add(engine.name, repetition, step.suite, outcome.output);
  if (outcome.ok() || is_stopped != 0) return;
  if (outcome.signal == SIGALRM) return troubles.late.push_back(what);
  const std::string how =
      outcome.signal != 0 ? "ended by signal " + std::to_string(outcome.signal) + "\n" : "";
  troubles.failures.push_back(what + ": " + how + complaint);
}

}  // namespace

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

bool take_bench_options(Arguments& arguments, std::string_view usage, std::set<std::string> names,
                        BenchRequest& request) {
  const char* const temporary = std::getenv("TMPDIR");
  if (!take_engines(arguments, usage, std::move(names), request) ||
      !take_number(arguments, "--repetitions", 1, 1000, request.bench.repetitions))
    return false;
  request.parent = arguments.option("--folder")
                       .value_or(temporary != nullptr && *temporary != '\0' ? temporary : "/tmp");
  return true;
}

bool prepare_bench(const CmakeBuild& build, BenchRequest& request,
                   const std::vector<std::string>& others, std::vector<std::string>& failures) {
  Bench& bench = request.bench;
  if (const std::string why = configure_tests(build); !why.empty())
    return complain(exit_failure, why), false;
  if (!leave_out_missing(build, request)) return false;
  build_engines(build, bench, others, failures);
  find_libraries(build, bench.engines);
  ask_programs(build, bench);
  if (!bench.workloads.empty()) return true;
  return complain(exit_failure, "the benchmark does not build"), false;
}

bool take_turns(const CmakeBuild& build, Bench& bench, const std::string& label,
                const std::vector<BenchStep>& steps, const std::string& folder,
                BenchTroubles& troubles) {
  const std::vector<BenchEngine> engines = bench.engines;
  std::uint64_t total = 0, done = 0;
  for (const BenchStep& step : steps)
    total += step.weight * engines.size() * bench.repetitions;
  Progress progress(label, total);
  progress.update(done);
  for (std::uint64_t repetition = 0; repetition < bench.repetitions; ++repetition)
    for (const BenchStep& step : steps)
      for (std::size_t i = 0; i < engines.size() && is_stopped == 0; ++i) {
        const BenchEngine& engine = engines[(i + repetition) % engines.size()];
        run_step(build, bench, engine, static_cast<int>(repetition), step, folder, troubles);
        progress.update(done += step.weight);
      }
  return is_stopped == 0;
}

bool write_files(const std::map<std::string, std::string>& texts) {
  bool is_fine = true;
  for (const auto& [path, text] : texts)
    if (!write_text(path, text))
      is_fine = complain(exit_failure, path + " can not be written") == exit_fine;
  return is_fine;
}

int finish_bench(bool is_fine, const BenchTroubles& troubles) {
  for (const std::string& failure : troubles.failures)
    complain(exit_failure, failure);
  return finish(is_fine && troubles.failures.empty() ? exit_fine : exit_failure);
}

FreshFolder::FreshFolder(const std::string& parent) : path_(parent + "/lsmith-bench-XXXXXX") {
  std::signal(SIGINT, [](int) { is_stopped = 1; });
  std::error_code ignored;  // mkdtemp says it too
  std::filesystem::create_directories(parent, ignored);
  if (::mkdtemp(path_.data()) != nullptr) return;
  path_.clear();
  complain(exit_failure, "no folder can be made in " + parent);
}

FreshFolder::~FreshFolder() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  std::signal(SIGINT, SIG_DFL);
}

std::string program_of(const CmakeBuild& build, const std::string& target) {
  return project_root() + "/" + build.folder + "/" + target;
}

std::string short_path(const std::string& path) {
  const std::string front = project_root() + "/";
  return path.compare(0, front.size(), front) == 0 ? path.substr(front.size()) : path;
}

}  // namespace lab
