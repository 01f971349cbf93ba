// db.hpp: the public face: open, put, get, scan, snapshot, transaction.
//
//   auto db = lsmith::Db::open("folder");
//   if (!db.ok()) return fail(db.status());
//   if (auto put = db->put("apple", "red"); !put.ok()) return fail(put);
//   for (auto [key, value] : db->scan("a", "b")) print(key, value);
//
// A thin handle: everything is done by the engine below. Keys and values are any bytes. Errors are
// returned, nothing is thrown. Handles (scans, snapshots, transactions) keep what they read alive:
// destroying the Db first is safe.
//
// Memory that runs out: a read passes std::bad_alloc on and has changed nothing. What opens or
// changes a database, marked noexcept, ends the process instead, which is safe as a kill is: half
// of a write can not be taken back.
#pragma once

#include <lsmith/engine.hpp>
#include <lsmith/executor.hpp>
#include <lsmith/file.hpp>
#include <lsmith/options.hpp>
#include <lsmith/stats.hpp>
#include <lsmith/status.hpp>
#include <lsmith/transaction.hpp>
#include <lsmith/write_batch.hpp>

#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lsmith {

/// How durable a write is when it returns: in the operating system, or on the device.
enum class Durability : std::uint8_t {
  process,  ///< survives a killed process, not a power cut
  power,    ///< survives a power cut: the device has confirmed it
};

/// A key and its value, as a scan shows them. Borrowed: they live until the scan moves on.
struct KeyValue {
  std::string_view key;
  std::string_view value;
};

/// The live keys of one moment within bounds, for a range-for loop or by hand in both directions.
/// The error of a scan is never lost: ask status() after the loop; when nobody did, the Db keeps it
/// (Db::last_scan_error). Move-only. One thread at a time. May outlive the Db.
class Scan {
 public:
  class Iterator;

  /// Starts at the first key. A second call starts again.
  Iterator begin();
  std::default_sentinel_t end() { return {}; }

  /// Positions by hand; the laws are those of UserCursor.
  UserCursor& cursor() { return cursor_; }
  /// Ok when everything within the bounds was seen, or the error that ended the scan early.
  Status status() {
    error_was_seen_ = true;
    return cursor_.status();
  }

  ~Scan();
  Scan(Scan&& other) noexcept = default;
  Scan& operator=(Scan&& other) = delete;

 private:
  friend class Db;
  struct ErrorSlot {
    Mutex mutex;
    Status first LSMITH_GUARDED_BY(mutex);
  };
  Scan(UserCursor cursor, std::shared_ptr<ErrorSlot> errors)
      : cursor_(std::move(cursor)), errors_(std::move(errors)) {}

  UserCursor cursor_;
  std::shared_ptr<ErrorSlot> errors_;  // null in a scan that was moved from
  bool error_was_seen_ = false;
};

/// An input iterator over a Scan.
class Scan::Iterator {
 public:
  using value_type = KeyValue;
  using difference_type = std::ptrdiff_t;

  explicit Iterator(UserCursor& cursor) : cursor_(&cursor) {}
  KeyValue operator*() const { return {cursor_->key(), cursor_->value()}; }
  Iterator& operator++() {
    cursor_->next();
    return *this;
  }
  void operator++(int) { ++*this; }
  bool operator==(std::default_sentinel_t) const { return !cursor_->is_valid(); }

 private:
  UserCursor* cursor_;
};

/// A database in a folder: an ordered, durable, transactional map from bytes to bytes. Thread-safe.
/// Movable. The destructor closes (see close()).
class Db {
 public:
  /// Opens or creates it. One process at a time may have it open for writing.
  static Result<Db> open(const std::string& folder, Options options = {}) noexcept;
  ~Db();
  Db(Db&&) noexcept = default;
  Db& operator=(Db&& other) noexcept;

  Status put(std::string_view key, std::string_view value,
             Durability durability = Durability::process) noexcept;
  /// Erasing what is not there is fine.
  Status erase(std::string_view key, Durability durability = Durability::process) noexcept;
  /// All writes of the batch or none.
  Status write(WriteBatch& batch, Durability durability = Durability::process) noexcept;
  /// Makes every acknowledged write survive a power cut.
  Status sync() noexcept { return core_->engine->sync(); }

  /// The value, or nothing when there is none. With a snapshot: as of then.
  Result<std::optional<std::string>> get(std::string_view key, const Snapshot* at = nullptr) const;
  /// The same into a string that is used again; false when there is none.
  Result<bool> get(std::string_view key, std::string& value, const Snapshot* at = nullptr) const;
  /// Keys from `lower` (included) to `upper` (excluded); nothing: no bound.
  Scan scan(std::optional<std::string_view> lower = {}, std::optional<std::string_view> upper = {},
            const Snapshot* at = nullptr) const;
  /// Keys that begin with `prefix`.
  Scan scan_prefix(std::string_view prefix, const Snapshot* at = nullptr) const;
  /// Holds this moment for reads; release it soon, since nothing it sees can be forgotten.
  Snapshot snapshot() { return core_->engine->snapshot(); }
  Transaction begin(Isolation isolation = Isolation::snapshot);

  Status flush() noexcept { return core_->engine->flush(); }
  /// Merges everything from `first` to `last`, both included (nothing: no bound). Waits.
  Status compact(std::optional<std::string_view> first = {},
                 std::optional<std::string_view> last = {}) noexcept {
    return core_->engine->compact(first, last);
  }
  /// Returns when background work has come to rest.
  Status wait_idle() noexcept { return core_->engine->wait_idle(); }
  /// Flushes, stops and unlocks; says what could not be done. The data is safe in either case.
  Status close() noexcept;

  /// Ok, or the reason why writes are refused until the database is opened again.
  Status health() const { return core_->engine->health(); }
  Stats stats() const { return core_->engine->stats(); }
  /// Walks everything on disk and in memory; each string is a violation. Empty when all is well.
  std::vector<std::string> check() const { return core_->engine->check(); }
  /// The first error of a scan whose status nobody asked for; asking clears it.
  Status last_scan_error();

 private:
  // Records plain writes in the history, so that transactions see them.
  class Recorder final : public CommitCheck {
   public:
    explicit Recorder(CommitHistory& history) : history_(history) {}
    Status approve(const WriteBatch& batch, Sequence first_sequence) override {
      history_.record(batch, first_sequence);
      return {};
    }

   private:
    CommitHistory& history_;
  };

  // Everything that handles may have to keep alive. The executor dies after the engine.
  struct Core {
    explicit Core(std::size_t history_bytes)
        : history(std::make_shared<CommitHistory>(history_bytes)), recorder(*history) {}
    std::unique_ptr<Executor> executor;
    std::shared_ptr<CommitHistory> history;
    Recorder recorder;
    std::unique_ptr<Engine> engine;
    std::shared_ptr<Scan::ErrorSlot> scan_errors = std::make_shared<Scan::ErrorSlot>();
  };

  explicit Db(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  static Status check_options(const Options& options);

  std::shared_ptr<Core> core_;  // null in a Db that was moved from
};

/// The first byte string behind all that begin with `prefix`; nothing when there is none.
std::optional<std::string> prefix_end(std::string_view prefix);

inline Scan::Iterator Scan::begin() {
  cursor_.seek_to_first();
  return Iterator(cursor_);
}

inline Scan::~Scan() {
  if (!errors_ || error_was_seen_) return;
  Status error = cursor_.status();
  if (error.ok()) return;
  MutexLock lock(errors_->mutex);
  if (errors_->first.ok()) errors_->first = std::move(error);
}

inline Result<Db> Db::open(const std::string& folder, Options options) noexcept {
  if (Status s = check_options(options); !s.ok()) return s;
  auto core = std::make_shared<Core>(options.commit_history_bytes);
  if (options.file_system == nullptr) options.file_system = &posix_file_system();
  if (options.executor == nullptr) {
    core->executor = make_threads_executor();
    options.executor = core->executor.get();
  }
  auto engine = Engine::open(options, folder);
  if (!engine.ok()) return std::move(engine).status();
  core->engine = std::move(*engine);
  return Db(std::move(core));
}

inline Db::~Db() {
  if (core_) core_->engine->close().ignore();  // what was acknowledged is in the log
}

inline Db& Db::operator=(Db&& other) noexcept {
  if (this == &other) return *this;
  if (core_) core_->engine->close().ignore();
  core_ = std::move(other.core_);
  return *this;
}

inline Status Db::put(std::string_view key, std::string_view value,
                      Durability durability) noexcept {
  WriteBatch batch;
  batch.put(key, value);
  return write(batch, durability);
}

inline Status Db::erase(std::string_view key, Durability durability) noexcept {
  WriteBatch batch;
  batch.erase(key);
  return write(batch, durability);
}

inline Status Db::write(WriteBatch& batch, Durability durability) noexcept {
  return core_->engine->commit(batch, durability == Durability::power, &core_->recorder);
}

inline Result<bool> Db::get(std::string_view key, std::string& value, const Snapshot* at) const {
  return core_->engine->get(key, at ? at->sequence() : sequence_max, value);
}

inline Result<std::optional<std::string>> Db::get(std::string_view key, const Snapshot* at) const {
  std::string value;
  auto found = get(key, value, at);
  if (!found.ok()) return std::move(found).status();
  if (!*found) return std::optional<std::string>();
  return std::optional<std::string>(std::move(value));
}

inline Scan Db::scan(std::optional<std::string_view> lower, std::optional<std::string_view> upper,
                     const Snapshot* at) const {
  Bounds bounds;
  if (lower) bounds.lower = std::string(*lower);
  if (upper) bounds.upper = std::string(*upper);
  const Sequence sequence = at ? at->sequence() : sequence_max;
  return Scan(core_->engine->cursor(sequence, std::move(bounds), ReadPattern::scan),
              core_->scan_errors);
}

inline Scan Db::scan_prefix(std::string_view prefix, const Snapshot* at) const {
  const auto end = prefix_end(prefix);
  return scan(prefix, end ? std::optional<std::string_view>(*end) : std::nullopt, at);
}

inline Transaction Db::begin(Isolation isolation) {
  return Transaction(std::shared_ptr<Engine>(core_, core_->engine.get()), core_->history,
                     isolation);
}

inline Status Db::close() noexcept {
  return core_->engine->close();
}

inline Status Db::last_scan_error() {
  MutexLock lock(core_->scan_errors->mutex);
  return std::exchange(core_->scan_errors->first, Status());
}

inline Status Db::check_options(const Options& options) {
  const auto refuse = [](const char* what) { return Status(Code::invalid_argument, what); };
  if (options.write_buffer_bytes < 1024) return refuse("write_buffer_bytes must be at least 1024");
  if (options.block_bytes < 64) return refuse("block_bytes must be at least 64");
  if (options.block_bytes > (std::size_t{1} << 26))
    return refuse("block_bytes must be at most 64 MiB");
  if (options.table_bytes < 1024) return refuse("table_bytes must be at least 1024");
  if (options.level_base_bytes < 1024) return refuse("level_base_bytes must be at least 1024");
  if (options.level_ratio < 2) return refuse("level_ratio must be at least 2");
  if (options.bloom_bits_per_key < 0) return refuse("bloom_bits_per_key must not be negative");
  if (options.bloom_bits_per_key > 64) return refuse("bloom_bits_per_key must be at most 64");
  if (options.frozen_memtables_max < 1) return refuse("frozen_memtables_max must be at least 1");
  if (options.open_tables_max < 8) return refuse("open_tables_max must be at least 8");
  if (options.tiered_runs_max < 2) return refuse("tiered_runs_max must be at least 2");
  if (options.level0_compact_count < 1) return refuse("level0_compact_count must be at least 1");
  if (options.level0_slow_count < options.level0_compact_count)
    return refuse("level0_slow_count must not be below level0_compact_count");
  if (options.level0_stop_count < options.level0_slow_count)
    return refuse("level0_stop_count must not be below level0_slow_count");
  return {};
}

inline std::optional<std::string> prefix_end(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && end.back() == '\xff')
    end.pop_back();
  if (end.empty()) return std::nullopt;
  end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

}  // namespace lsmith
