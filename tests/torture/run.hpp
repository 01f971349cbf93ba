// run.hpp: what a run of torture is.
//
// A run has cases without end, each a function of its seed, so each can be repeated alone. A case
// counts what it tried and throws Wrong at the first thing that was lost or silently wrong.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace torture {

struct Wrong : std::runtime_error {
  using std::runtime_error::runtime_error;
};
inline void require(bool is_right, const std::string& what) {
  if (!is_right) throw Wrong(what);
}
inline void require_empty(const std::string& problem, std::string_view where = {}) {
  if (!problem.empty()) throw Wrong(where.empty() ? problem : std::string(where) + ": " + problem);
}

// What was tried, and how often, in the order in which it was first counted.
class Figures {
 public:
  void add(std::string_view name, std::uint64_t count = 1) {
    for (auto& [known, sum] : counts_) {
      if (known != name) continue;
      sum += count;
      return;
    }
    counts_.emplace_back(name, count);
  }
  const std::vector<std::pair<std::string, std::uint64_t>>& counts() const { return counts_; }

 private:
  std::vector<std::pair<std::string, std::uint64_t>> counts_;
};

struct Run {
  std::string_view name;
  std::string_view what;
  int share;  // of the time, beside the others'
  void (*act)(std::uint64_t seed, Figures& figures);
};

// Those that there are; main.cpp lists them.
extern const Run crashes;
extern const Run errors;
extern const Run syncs;
extern const Run space;
extern const Run bits;
extern const Run cuts;
extern const Run places;
extern const Run reads;
extern const Run agree;
extern const Run memory;
extern const Run kills;
extern const Run isolation;

}  // namespace torture
