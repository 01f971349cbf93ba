// stats.hpp: what the engine has done and how it stands, in figures.
#pragma once

#include <lsmith/manifest.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace lsmith {

/// Why writers had to wait.
enum class StallReason : std::uint8_t {
  level0_slow,     ///< many tables in level 0: some writes are delayed by 1 to 4 ms
  level0_stop,     ///< too many tables in level 0: writes wait for a compaction
  memtables,       ///< all memtables are frozen: writes wait for a flush
  memtables_slow,  ///< nearly all memtables are frozen: some writes are delayed by 1 to 4 ms
};
inline constexpr std::size_t stall_reason_count = 4;

/// Figures of one open database since it was opened. What an engine does not count stays 0.
struct Stats {
  struct Level {
    std::uint64_t tables = 0;
    std::uint64_t bytes = 0;
    std::uint64_t entries = 0;
    std::uint64_t erases = 0;
  };
  struct Stall {
    std::uint64_t count = 0;
    std::uint64_t duration_us = 0;
  };

  std::array<Level, level_count> levels{};
  std::array<Stall, stall_reason_count> stalls{};  ///< by StallReason
  std::uint64_t memtable_bytes = 0;                ///< active and frozen
  std::uint64_t frozen_memtables = 0;
  std::uint64_t snapshots = 0;
  std::uint64_t entries_written = 0;     ///< puts and erases
  std::uint64_t user_bytes_written = 0;  ///< their keys and values
  std::uint64_t log_bytes_written = 0;
  std::uint64_t log_syncs = 0;
  std::uint64_t commit_groups = 0;
  std::uint64_t flushes = 0;
  std::uint64_t flush_bytes_written = 0;
  std::uint64_t compactions = 0;
  std::uint64_t trivial_moves = 0;
  std::uint64_t compaction_bytes_read = 0;
  std::uint64_t compaction_bytes_written = 0;
  std::uint64_t cache_bytes = 0;
  std::uint64_t cache_hits = 0;
  std::uint64_t cache_misses = 0;

  std::uint64_t table_bytes() const {
    std::uint64_t sum = 0;
    for (const Level& level : levels)
      sum += level.bytes;
    return sum;
  }
  /// Bytes written to tables and log for each byte that the user wrote; 0 before the first write.
  double write_amplification() const {
    if (user_bytes_written == 0) return 0;
    const std::uint64_t written =
        log_bytes_written + flush_bytes_written + compaction_bytes_written;
    return static_cast<double>(written) / static_cast<double>(user_bytes_written);
  }
  /// Sorted runs that a lookup may have to ask, memtables aside: an upper bound for its table
  /// reads.
  std::uint64_t read_amplification() const {
    std::uint64_t runs = levels[0].tables;
    for (std::size_t level = 1; level < levels.size(); ++level)
      runs += levels[level].tables > 0;
    return runs;
  }
  /// Bytes of all tables for each byte in the lowest level that holds any: what a full compaction
  /// could win back, estimated from above. 1 when there is nothing to win; 0 when there are no
  /// tables.
  double space_amplification() const {
    for (std::size_t level = levels.size(); level-- > 0;)
      if (levels[level].bytes > 0)
        return static_cast<double>(table_bytes()) / static_cast<double>(levels[level].bytes);
    return 0;
  }
};

}  // namespace lsmith
