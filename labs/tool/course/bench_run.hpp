// bench_run.hpp: what all benchmarks share: their options, the engines' programs, and the turns
// that these take.
#pragma once

#include "bench_results.hpp"
#include "cmake_build.hpp"
#include "command.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace lab {

/// What a benchmark is asked for, whatever it measures.
struct BenchRequest {
  Bench bench;                 ///< its engines are those that are wanted
  std::string parent;          ///< below which the databases are
  bool names_engines = false;  ///< then all of them must be here
};
/// Takes --engine, --repetitions and --folder; `names` are the engines when none is named. False,
/// after a complaint.
bool take_bench_options(Arguments& arguments, std::string_view usage, std::set<std::string> names,
                        BenchRequest& request);
/// Takes a number within bounds. False, after a complaint, when it is none.
bool take_number(Arguments& arguments, const std::string& name, std::uint64_t least,
                 std::uint64_t most, std::uint64_t& number);

/// Builds the programs of the engines, and `others`, and asks them for their versions and
/// workloads. Engines that are not here or do not build are left out; it is said why, now or in
/// `failures`. False, after a complaint, when nothing can be measured.
bool prepare_bench(const CmakeBuild& build, BenchRequest& request,
                   const std::vector<std::string>& others, std::vector<std::string>& failures);

/// Something that every engine is asked to do, each in a process of its own.
struct BenchStep {
  std::string suite;               ///< under which its figures are kept
  std::vector<std::string> words;  ///< what its program is told
  std::uint64_t weight = 1;        ///< its part of the work
};
/// What went wrong on the way.
struct BenchTroubles {
  std::vector<std::string> failures;
  std::vector<std::string> late;  ///< engine and suite of what was ended by --seconds-max
};
/// Step by step all engines take turns; another one begins in each repetition. False when the user
/// stopped it. `label` stands before the progress.
bool take_turns(const CmakeBuild& build, Bench& bench, const std::string& label,
                const std::vector<BenchStep>& steps, const std::string& folder,
                BenchTroubles& troubles);

/// Writes texts, by their paths. False, after a complaint, when one can not be written.
bool write_files(const std::map<std::string, std::string>& texts);
/// Says what failed, and ends the command: fine when nothing did and `is_fine`.
int finish_bench(bool is_fine, const BenchTroubles& troubles);

/// A folder of its own, for as long as it lives. Ctrl-C then ends the turns, not this process,
/// which would leave the folder behind.
class FreshFolder {
 public:
  explicit FreshFolder(const std::string& parent);
  ~FreshFolder();
  FreshFolder(const FreshFolder&) = delete;
  FreshFolder& operator=(const FreshFolder&) = delete;
  const std::string& path() const { return path_; }  ///< empty, after a complaint: there is none

 private:
  std::string path_;
};

/// Where CMake put a program.
std::string program_of(const CmakeBuild& build, const std::string& target);
/// As a path from the project's root, where it is below that.
std::string short_path(const std::string& path);

}  // namespace lab
