// read_debt.hpp: when merging level 0 is worth more to its readers than it costs.
//
//   level 0   [a------------z]      A scan positions a cursor in each, a get asks its filter.
//             [a------------z]      Merged, all of this would be one run.
//             [a------------z]
//   level 6   [a---][f---][p-z]
//
// A read that meets tables of level 0 leaves a debt: about what it would have cost less, had they
// been merged. When a version's debt has grown to what the merge costs, the merge is due. Whoever
// waits so long never spends more than twice what the best choice would have, whatever comes later
// (this is the rent-or-buy problem). LevelDB does it too (its allowed_seeks), and its rate is ours:
// a place that a scan looks into in vain is worth 16 KiB of merging. A filter is cheaper to ask.
//
// Threads: thread-safe. Cost: a scan adds to a shared counter, and so does one get in 16.
#pragma once

#include <lsmith/key.hpp>
#include <lsmith/manifest.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace lsmith {

/// What the readers of a version have lost so far by its not being merged. Thread-safe.
class ReadDebt {
 public:
  explicit ReadDebt(const Version& version);

  /// Notes a get. True once in a lifetime: when the merge is due.
  bool note_get(const Target& target);
  /// Notes that a scan begins; true as for a get.
  bool note_scan() { return add(extra_runs_ * scan_bytes); }

 private:
  static constexpr std::uint64_t scan_bytes = 16 << 10;
  static constexpr std::uint64_t get_bytes = 1 << 10;
  static constexpr std::uint64_t gets_counted = 16;  // one in so many
  static constexpr std::uint64_t due_bytes_min = 100 * scan_bytes;

  bool add(std::uint64_t bytes);

  std::uint64_t extra_runs_;  // that a merge of level 0 would spare a reader
  std::uint64_t due_bytes_;
  std::atomic<std::uint64_t> bytes_{0};  // relaxed: a quantity, it publishes nothing
};

inline ReadDebt::ReadDebt(const Version& version) {
  int base = 1;
  while (base < level_count && version.level(base).empty())
    ++base;
  const std::uint64_t base_bytes = base < level_count ? version.level_bytes(base) : 0;
  const std::size_t count = version.level(0).size();
  extra_runs_ = count > 0 && base == level_count ? count - 1 : count;
  due_bytes_ = std::max(version.level_bytes(0) + base_bytes, due_bytes_min);
}

// Keys are counted by their hash, so the same reads always come to the same debt.
inline bool ReadDebt::note_get(const Target& target) {
  if (extra_runs_ == 0 || target.hash % gets_counted != 0) return false;
  return add(extra_runs_ * get_bytes * gets_counted);
}

inline bool ReadDebt::add(std::uint64_t bytes) {
  if (bytes == 0) return false;
  const std::uint64_t before = bytes_.fetch_add(bytes, std::memory_order_relaxed);
  return before < due_bytes_ && before + bytes >= due_bytes_;
}

}  // namespace lsmith
