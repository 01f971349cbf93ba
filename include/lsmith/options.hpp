// options.hpp: every choice a caller has. The defaults are safe and good for most; there are
// presets.
#pragma once

#include <lsmith/executor.hpp>
#include <lsmith/file.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace lsmith {

/// How tables are arranged and merged.
enum class CompactionStyle : std::uint8_t {
  leveled,  ///< one sorted run a level: reads and space are cheap, writes are rewritten more often;
            ///< what is read much is merged early
  tiered,   ///< runs of similar size merged together: writes are cheap, reads see more runs
};

/// Something that happened inside, for logs, metrics and figures.
struct Event {
  enum class Type : std::uint8_t {
    flush_began,
    flush_ended,
    compaction_began,
    compaction_ended,
    table_created,
    table_removed,
    log_rotated,
    stall_began,
    stall_ended,
    background_error,
  };
  Type type;
  std::uint64_t number = 0;  ///< of the file concerned; 0 when none
  int level = 0;             ///< that a table goes to
  std::uint64_t bytes_read = 0;
  std::uint64_t bytes_written = 0;
  std::uint64_t duration_us = 0;  ///< on the …_ended events
  std::string_view reason = {};   ///< why; lives until the call returns
};

/// Receives events. Called without any lock that a Db call needs, from whichever thread did the
/// work: it must be thread-safe, should return at once, and must not throw or call the Db.
class EventListener {
 public:
  virtual ~EventListener() = default;
  virtual void on_event(const Event& event) = 0;
};

/// The choices. Sizes in bytes. What is out of range is refused by Db::open with its name.
struct Options {
  bool create_if_missing = true;
  bool error_if_exists = false;
  /// Opens without writing anything; beside other readers, never beside a writer.
  bool read_only = false;

  /// A memtable is frozen and flushed when its arena reaches this. 64 KiB or more (less in tests).
  std::size_t write_buffer_bytes = std::size_t{64} << 20;
  /// Frozen memtables that may wait for their flush before writers stop.
  int frozen_memtables_max = 3;
  /// Target size of a data block before its trailer.
  std::size_t block_bytes = 4096;
  /// Filter bits per key; 10 gives about 1 % false positives; 0 leaves filters out.
  int bloom_bits_per_key = 10;
  /// Budget of the block cache, indexes and filters included.
  std::size_t cache_bytes = std::size_t{64} << 20;
  /// Tables that the cache keeps open at once; readers keep up to 32 more.
  int open_tables_max = 1000;
  /// Reads tables, and logs when the database is opened, through memory maps: faster when they fit
  /// in memory, but then a failing disk ends the process, and bytes can change after they were
  /// checked.
  bool mapped_tables = false;
  /// Size at which a compaction starts its next output table.
  std::size_t table_bytes = std::size_t{64} << 20;

  CompactionStyle compaction = CompactionStyle::leveled;
  /// Tables in level 0 that start a compaction (up to twice as many where they are smaller than
  /// what it would rewrite, and no writer is slowed); that slow writers down; that stop them.
  int level0_compact_count = 4;
  int level0_slow_count = 12;
  int level0_stop_count = 20;
  /// Size of the first level below level 0 that holds data; each next one is level_ratio times
  /// larger.
  std::size_t level_base_bytes = std::size_t{256} << 20;
  int level_ratio = 10;
  /// Tiered: sorted runs that start a merge.
  int tiered_runs_max = 8;
  /// Memory for the history against which transactions are checked; one that outlives it conflicts.
  std::size_t commit_history_bytes = std::size_t{8} << 20;

  /// Null means the operating system's files, and threads owned by the Db. Both outlive the Db.
  FileSystem* file_system = nullptr;
  Executor* executor = nullptr;
  EventListener* listener = nullptr;
};

/// Tiny thresholds, so that a test of a few hundred writes sees flushes and several levels.
inline Options small_options() {
  Options options;
  options.write_buffer_bytes = 4096;
  options.block_bytes = 256;
  options.cache_bytes = 16384;
  options.table_bytes = 4096;
  options.level_base_bytes = 16384;
  options.level_ratio = 4;
  return options;
}

/// For reading mostly: mapped tables and a denser filter.
inline Options fast_read_options() {
  Options options;
  options.mapped_tables = true;
  options.bloom_bits_per_key = 12;
  return options;
}

/// How a table's blocks are about to be read.
enum class ReadPattern : std::uint8_t {
  point,       ///< here and there: cache what is read
  scan,        ///< in order: cache, and read ahead once it shows
  background,  ///< in order, once (compaction, check): read ahead in large pieces, leave the cache
               ///< be
};

}  // namespace lsmith
