// command_torture.cpp: `labs/lab torture`: the engine under crashes, errors and rot, for a time.
#include "cmake_build.hpp"
#include "commands.hpp"
#include "fuzzing.hpp"
#include "process.hpp"
#include "project.hpp"
#include "terminal.hpp"
#include "text.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <map>
#include <mutex>
#include <set>
#include <sstream>
#include <thread>
#include <utility>

namespace lab {
namespace {

constexpr std::string_view usage =
    "usage: labs/lab torture [RUN…] [--minutes M] [--seed S] [--view VIEW] [--asan|--tsan] "
    "[--clang]\n\n"
    "Lives of a database that are crashed after every call, starved, damaged and compared, on the\n"
    "library's engine and on the textbook's. Prints what was tried, and what was lost or wrong.\n"
    "Where there is clang++, fuzzers too; what they find is kept in build/fuzz.\n"
    "  RUN          only these; --list names them\n"
    "  --minutes M  for so long, building not included; 5 by default\n"
    "  --seed S     of the first case; the same cases again for the same seed. 1 by default\n"
    "  --view VIEW  library or textbook alone\n"
    "  --list       the runs, and what each does\n"
    "  --asan       with AddressSanitizer and UndefinedBehaviorSanitizer; --tsan with "
    "ThreadSanitizer\n";

struct Run {
  std::string name;
  int share = 0;
  std::string what;
};

struct Request {
  CmakeBuild build;
  std::vector<std::string> views = {"library", "textbook"};
  std::set<std::string> names;  // empty: all runs
  double minutes = 5;
  std::uint64_t seed = 1;
  bool lists = false;

  std::string program(const std::string& view) const {
    return project_root() + "/" + build.folder + "/torture." + view;
  }
  bool wants(const Run& run) const { return names.empty() || names.count(run.name) > 0; }
};

// What was counted, by run, figure and view; figures in the order in which they came.
struct Figures {
  std::vector<std::string> order;  // "crashes\tcrash images"
  std::map<std::string, std::map<std::string, std::uint64_t>> counts;
  std::uint64_t wrong = 0;

  void add(const std::string& run, const std::string& view, const std::string& output) {
    std::istringstream lines(output);
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string word, name;
      std::uint64_t count = 0;
      if (!(words >> word >> count) || word != "figure" || !std::getline(words >> std::ws, name))
        continue;
      if (name == "wrong") {
        wrong += count;
        continue;
      }
      this->count(run, view, name, count);
    }
  }
  void count(const std::string& run, const std::string& view, const std::string& name,
             std::uint64_t count) {
    const std::string key = run + "\t" + name;
    if (counts.count(key) == 0) order.push_back(key);
    counts[key][view] += count;
  }
};

// False, after a complaint, when it is no time that a run can take.
bool take_minutes(Arguments& arguments, double& minutes) {
  constexpr double minutes_max = 10'000;  // a week
  const auto text = arguments.option("--minutes");
  if (!text) return true;
  char* end = nullptr;
  minutes = std::strtod(text->c_str(), &end);
  if (!text->empty() && *end == '\0' && minutes > 0 && minutes <= minutes_max) return true;
  complain(exit_usage, "--minutes: \"" + *text + "\" is no number above 0, and at most 10000");
  return false;
}

bool read_request(Arguments& arguments, Request& request) {
  request.lists = arguments.flag("--list");
  request.build = take_build(arguments);
  if (!take_minutes(arguments, request.minutes)) return false;
  const auto seed = arguments.option("--seed");
  if (seed && !parse_number(*seed))
    return complain(exit_usage, "\"" + *seed + "\" is no seed: a whole number is"), false;
  if (seed) request.seed = *parse_number(*seed);
  if (const auto view = arguments.option("--view")) {
    if (*view != "library" && *view != "textbook")
      return complain(exit_usage, "--view is library or textbook"), false;
    request.views = {*view};
  }
  const std::vector<std::string>& words = arguments.words();
  request.names = {words.begin(), words.end()};
  if (arguments.error().empty()) return true;
  print(usage);
  return complain(exit_usage, arguments.error()), false;
}

std::vector<Run> find_runs(const Request& request) {
  std::vector<Run> runs;
  const Outcome listed = run({request.program(request.views[0]), "list"}, {"", true, 0});
  std::istringstream lines(listed.output);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    Run found;
    if (words >> found.name >> found.share && std::getline(words >> std::ws, found.what))
      runs.push_back(std::move(found));
  }
  return runs;
}

// The fuzzers are a run too, but programs of their own, which have no view and need clang.
const Run fuzz_run = {"fuzz", 6,
                      "bytes that nobody wrote, for all that reads bytes; needs clang++"};

// A run on a view, or a fuzz target, for its part of the time, with cases of its own for each
// worker.
struct Piece {
  std::string run;
  std::string view;
  double seconds;
  std::string fuzz_target = {};

  std::vector<std::string> words(const Request& request, std::uint64_t seed) const {
    if (!fuzz_target.empty()) return fuzz_words(fuzz_target, seconds, seed);
    return {request.program(view),   run,      "--seconds",
            std::to_string(seconds), "--seed", std::to_string(seed)};
  }
};

// The library has two thirds of the time where both have some.
std::vector<Piece> divide(const Request& request, const std::vector<Run>& runs) {
  double shares = 0;
  for (const Run& each : runs)
    if (request.wants(each)) shares += each.share;
  std::vector<Piece> pieces;
  for (const Run& each : runs) {
    if (!request.wants(each)) continue;
    if (each.name == fuzz_run.name) {
      const std::vector<std::string> targets = fuzz_targets();
      const double seconds = request.minutes * 60 * each.share / shares;
      for (const std::string& target : targets)
        pieces.push_back(
            {each.name, "library", seconds / static_cast<double>(targets.size()), target});
      continue;
    }
    for (const std::string& view : request.views) {
      const double part = request.views.size() == 1 ? 1 : view == "library" ? 2.0 / 3 : 1.0 / 3;
      pieces.push_back({each.name, view, request.minutes * 60 * part * each.share / shares});
    }
  }
  return pieces;
}

// Every worker does every piece, from seeds of its own.
void work(const Request& request, const std::vector<Piece>& pieces, int worker, Figures& figures,
          std::mutex& mutex) {
  constexpr std::uint64_t seeds_apart = 1'000'000;
  constexpr int grace_ms = 600'000;  // the last case of a run may take as long as it is let
  const std::uint64_t first = request.seed + static_cast<std::uint64_t>(worker) * seeds_apart;
  for (const Piece& piece : pieces) {
    const Outcome outcome =
        run(piece.words(request, first),
            {project_root(), true, static_cast<int>(piece.seconds * 1000) + grace_ms});
    const std::lock_guard lock(mutex);
    if (piece.fuzz_target.empty()) {
      figures.add(piece.run, piece.view, outcome.output);
    } else {
      figures.count(piece.run, piece.view, "executions of " + piece.fuzz_target,
                    executions_of(outcome.output));
    }
    if (outcome.ok()) continue;
    const bool has_counted = outcome.output.find("figure") != std::string::npos;
    if (!has_counted) ++figures.wrong;
    print(paint(Tone::bad, piece.view + ": ") +
          (piece.fuzz_target.empty() ? outcome.output : failure_of(outcome.output)) + "\n");
  }
}

void show(const Request& request, const std::vector<Run>& runs, const Figures& figures) {
  print(pad("run", 12) + pad("tried", 44));
  for (const std::string& view : request.views)
    print(pad(view, -16));
  print("\n");
  for (const Run& each : runs) {
    std::string name = each.name;
    for (const std::string& key : figures.order) {
      if (key.compare(0, each.name.size() + 1, each.name + "\t") != 0) continue;
      print(pad(name, 12) + pad(key.substr(each.name.size() + 1), 44));
      const auto& counts = figures.counts.at(key);
      for (const std::string& view : request.views) {
        const auto count = counts.find(view);
        print(pad(count == counts.end() ? "0" : with_commas(count->second), -16));
      }
      print("\n");
      name.clear();
    }
  }
}

}  // namespace

int run_torture(std::vector<std::string> given) {
  Arguments arguments(std::move(given));
  if (arguments.flag("--help")) return print(usage), finish(exit_fine);
  Request request;
  if (!read_request(arguments, request)) return exit_usage;
  std::vector<std::string> targets;
  for (const std::string& view : request.views)
    targets.push_back("torture." + view);
  if (const std::string why = build_tests(request.build, targets); !why.empty())
    return complain(exit_failure, why);
  std::vector<Run> runs = find_runs(request);
  runs.push_back(fuzz_run);
  if (request.lists) {
    for (const Run& each : runs)
      print(pad(each.name, 12) + each.what + "\n");
    return finish(exit_fine);
  }
  for (const std::string& name : request.names)
    if (std::none_of(runs.begin(), runs.end(), [&](const Run& each) { return each.name == name; }))
      return complain(exit_usage, "there is no run " + name + "; --list names them");

  if (request.wants(fuzz_run)) {
    const std::string why = has_program("clang++") ? build_fuzzers() : "there is no clang++";
    if (!why.empty() && !request.names.empty()) return complain(exit_failure, "fuzz: " + why);
    if (!why.empty()) {
      print(paint(Tone::note, "fuzz is left out: " + why) + "\n");
      runs.pop_back();
    }
  }
  const std::vector<Piece> pieces = divide(request, runs);
  const std::uint64_t began_ms = clock_ms();
  Figures figures;
  {
    Progress progress("torture", static_cast<std::uint64_t>(request.minutes * 60'000));
    std::mutex mutex;
    std::atomic<int> working{processor_count()};
    std::vector<std::thread> workers;
    for (int i = 0; i < processor_count(); ++i)
      workers.emplace_back([&, i] {
        work(request, pieces, i, figures, mutex);
        --working;
      });
    while (working > 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      progress.update(clock_ms() - began_ms);
    }
    for (std::thread& worker : workers)
      worker.join();
  }
  show(request, runs, figures);
  print(paint(figures.wrong == 0 ? Tone::good : Tone::bad,
              "lost, silently wrong or hanging: " + with_commas(figures.wrong)) +
        ", in " + duration_since(began_ms) + ", seed " + std::to_string(request.seed) + "\n");
  return finish(figures.wrong == 0 ? exit_fine : exit_failure);
}

}  // namespace lab
