// write_pacer.hpp: spreads over the filling of a memtable the time that its writers must lose, so
// that none of them loses it at once; a helper of engine.hpp alone.
//
// Who writes faster than memtables are flushed, or tables of level 0 merged, loses time in any
// case: as one long stop, or before, bit by bit. Here each byte that goes to the log owes its share
// of what a memtable's worth of them costs behind it. What is owed is slept as soon as it is worth
// a sleep, which takes some 50 us more than it is asked for.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

namespace lsmith::detail {

// One thread at a time.
class WritePacer {
 public:
  static constexpr std::uint64_t delay_us_min = 1000;
  static constexpr std::uint64_t delay_us_max = 4000;

  // A new log begins at offset `begin`. `full_bytes` is where the one before it ended, if that was
  // because its memtable was full, and else 0: then it says nothing about the next.
  void begin_log(std::uint64_t full_bytes, std::uint64_t begin) {
    if (full_bytes > 0) bytes_a_memtable_ = full_bytes;
    paid_ = begin;
    owed_us_ = 0;
  }
  // Nothing is owed for what the log takes until delay_us() is asked again.
  void rest() { is_resting_ = true; }
  // How long to sleep now that the log ends there, if filling a memtable is to take `us` longer
  // than it does by itself; 0: not at all.
  std::uint64_t delay_us(std::uint64_t end, std::uint64_t us) {
    if (bytes_a_memtable_ == 0) return 0;
    if (std::exchange(is_resting_, false)) paid_ = end;
    owed_us_ += static_cast<double>(end - paid_) * static_cast<double>(us) /
                static_cast<double>(bytes_a_memtable_);
    paid_ = end;
    if (owed_us_ < static_cast<double>(delay_us_min)) return 0;
    const auto delay = std::min(static_cast<std::uint64_t>(owed_us_), delay_us_max);
    owed_us_ -= static_cast<double>(delay);
    return delay;
  }

 private:
  std::uint64_t bytes_a_memtable_ = 0;  // of log; 0: not known
  std::uint64_t paid_ = 0;              // the log's offset up to which all is paid or owed
  double owed_us_ = 0;
  bool is_resting_ = false;
};

}  // namespace lsmith::detail
