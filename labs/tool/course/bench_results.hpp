// bench_results.hpp: what the benchmark's programs printed, and the medians and ratios of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace lab {

/// A program of tests/bench, and how it is called.
struct BenchEngine {
  std::string name;     ///< what --engine calls it
  std::string label;    ///< above a column
  std::string title;    ///< in a sentence
  std::string target;   ///< the program, and CMake's name for it
  std::string package;  ///< of a distribution, which brings it; empty for ours
  bool is_mapped = false;
  std::string version = {};  ///< as the program says it
  std::string library = {};  ///< the file that was linked; of peers only
  bool is_peer() const { return !package.empty(); }
  /// Whether the library is a distribution's: below /usr, and not what was installed by hand.
  bool is_packaged() const;
};

/// The library that CMake found for a peer, by the text of its cache; empty when it found none.
std::string library_in(const std::string& cache, const BenchEngine& peer);

/// One workload of a suite; workloads of a suite share a database, in their order.
struct BenchWorkload {
  std::string suite;
  std::string name;
  std::string at = {};  ///< the point of a sweep that the suite is; empty: it is none
  /// In front of a row.
  std::string label() const { return at.empty() ? name : name + " " + at; }
};

/// One workload on one engine, once. "closed" is what a suite left behind.
struct BenchFigure {
  std::string engine;
  int repetition = 0;
  BenchWorkload workload;
  std::map<std::string, double> fields;  ///< as they were printed, and ns_per_operation
};

/// All figures.
class BenchResults {
 public:
  /// Takes in what a program printed. Returns the lines that are no figures: its complaint.
  std::string add(const std::string& engine, int repetition, const std::string& suite,
                  const std::string& output);

  const std::vector<BenchFigure>& all() const { return all_; }
  /// The median over the repetitions; nothing when that engine has no such figure.
  std::optional<double> median(const std::string& engine, const BenchWorkload& workload,
                               const std::string& field) const;
  /// How many times as long an operation takes on `peer`: the median of the ratios that were
  /// measured within one repetition, in which both saw the same machine.
  std::optional<double> ratio(const std::string& ours, const std::string& peer,
                              const BenchWorkload& workload) const;

 private:
  // By repetition.
  std::map<int, double> values(const std::string& engine, const BenchWorkload& workload,
                               const std::string& field) const;

  std::vector<BenchFigure> all_;
};

/// A benchmark: how it was set, and what came of it.
struct Bench {
  std::uint64_t entries = 1'000'000;
  std::uint64_t value_bytes = 100;
  std::uint64_t repetitions = 5;
  std::string data = {};  ///< how many entries of what size, in words
  std::vector<BenchEngine> engines;
  std::vector<BenchWorkload> workloads;
  BenchResults results;
  std::map<std::string, double> machine = {};  ///< what it can do at best, in nanoseconds for one

  /// Those of the engines that are peers, or ours.
  std::vector<BenchEngine> only(bool peers) const;
};

/// The goal of a workload over a peer; 0 where there is none, as at the points of a sweep.
double goal_of(const BenchWorkload& workload, const BenchEngine& peer);

/// What one of ours is beside the peers, over all workloads.
struct BenchSummary {
  double worst = 0;
  std::string worst_workload, worst_peer;             ///< label and title
  std::vector<std::pair<std::string, double>> means;  ///< geometric, by the peer's title
  std::size_t goals = 0, missed = 0;
};
/// Nothing when they have no workload in common.
std::optional<BenchSummary> summarize(const Bench& bench, const std::string& ours);

}  // namespace lab
