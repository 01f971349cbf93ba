// engine_counters.hpp: the engine's figures, counted without a lock.
//
// Every counter has one writer at a time (the commit leader, the flush lane or the compaction
// lane), so adding is a load and a store, not a locked instruction. Readers see some recent value.
#pragma once

#include <lsmith/stats.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace lsmith {

class Counter {
 public:
  void add(std::uint64_t amount) {
    value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};  // relaxed: a figure, which publishes nothing
};

struct EngineCounters {
  // The commit leader's.
  Counter entries;
  Counter user_bytes;
  Counter log_bytes;
  Counter log_syncs;
  Counter groups;
  std::array<Counter, stall_reason_count> stall_counts;
  std::array<Counter, stall_reason_count> stall_us;
  // The flush lane's.
  Counter flushes;
  Counter flush_bytes;
  // The compaction lane's.
  Counter compactions;
  Counter trivial_moves;
  Counter compaction_bytes_read;
  Counter compaction_bytes_written;

  void stall(StallReason reason, std::uint64_t duration_us) {
    stall_counts[static_cast<std::size_t>(reason)].add(1);
    stall_us[static_cast<std::size_t>(reason)].add(duration_us);
  }

  void copy_to(Stats& stats) const {
    for (std::size_t i = 0; i < stall_reason_count; ++i)
      stats.stalls[i] = {stall_counts[i].get(), stall_us[i].get()};
    stats.entries_written = entries.get();
    stats.user_bytes_written = user_bytes.get();
    stats.log_bytes_written = log_bytes.get();
    stats.log_syncs = log_syncs.get();
    stats.commit_groups = groups.get();
    stats.flushes = flushes.get();
    stats.flush_bytes_written = flush_bytes.get();
    stats.compactions = compactions.get();
    stats.trivial_moves = trivial_moves.get();
    stats.compaction_bytes_read = compaction_bytes_read.get();
    stats.compaction_bytes_written = compaction_bytes_written.get();
  }
};

}  // namespace lsmith
