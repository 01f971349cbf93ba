// engine.hpp: the write path, freeze and flush, and the read path: the parts joined.
//
//   commit ─> log ─> active memtable ──(full)──> frozen ──flush──> level 0 ──compaction──> levels
//                          \____________________________|______________|_____________________/
//                                      a view: what one reader sees, pinned
//
// What this changes from the textbook: commits are grouped, the leader alone writes log and
// memtable; a full memtable is frozen and flushed in the background while writers go on; compaction
// runs beside both, also when readers would gain more by it than it costs; log segments are
// recycled, and made ready in the background before they are needed; writers are slowed, then
// stopped, when they outrun the background, and the statistics say why. Opening replays the logs
// into frozen memtables and does not wait for their flush: after a kill it takes a quarter of the
// time.
//
// Invariants
//  1. A sequence is visible only after its whole group is in the log and in the memtable.
//  2. A view names every entry up to the sequence that was visible when it was published. Readers
//     pin first and load the visible sequence second.
//  3. Versions change only under manifest_mutex_, by one edit each; the edit is durable before the
//     view that shows it is published, and nothing is removed before that.
//  4. Memtables are flushed oldest first, replayed ones before all others. A log goes when its
//     memtable's table is in the manifest.
//  5. After a failed write to log, manifest or table the engine is read-only, for good, and keeps
//     every file.
//
// Threads. Three kinds: the commit leader (one at a time, by the queue), the flush lane, the
// compaction lane. mutex_ guards what they share and is never held across I/O. Lock order: the
// queue's, then manifest_mutex_, then mutex_, then those inside parts.
#pragma once

#include <lsmith/commit_queue.hpp>
#include <lsmith/compaction.hpp>
#include <lsmith/detail/engine_counters.hpp>
#include <lsmith/detail/write_pacer.hpp>
#include <lsmith/mvcc.hpp>
#include <lsmith/options.hpp>
#include <lsmith/pages.hpp>
#include <lsmith/recovery.hpp>
#include <lsmith/stats.hpp>
#include <lsmith/status.hpp>
#include <lsmith/table_format.hpp>
#include <lsmith/view.hpp>
#include <lsmith/wal.hpp>
#include <lsmith/write_batch.hpp>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lsmith {

/// An open database. Thread-safe. Cursors and snapshots that it gave out stay usable after it is
/// gone.
class Engine {
 public:
  /// Opens or creates the database in `folder`, which it locks; replays what the logs hold. On an
  /// error nothing of value on disk has changed. The options were checked by the caller, and
  /// file_system and executor are set.
  static Result<std::unique_ptr<Engine>> open(const Options& options, const std::string& folder);
  /// Stops background work at its next safe point. Does not flush: the log holds what was written.
  ~Engine();

  /// Applies the batch: all of it or nothing. It gets the next sequence numbers, is visible to
  /// every read that begins later, and survives a killed process; with `sync` also a power cut, and
  /// with it every write acknowledged before. An empty batch is approved and nothing more. After a
  /// failed write to a log or manifest every commit fails with read_only and the first reason.
  Status commit(WriteBatch& batch, bool sync, CommitCheck* check);
  /// Copies the newest value of the key not newer than `sequence` (sequence_max: visible now) into
  /// `value`. False: there is none, or it was erased.
  Result<bool> get(std::string_view key, Sequence sequence, std::string& value) const;
  /// What a reader at `sequence` (sequence_max: visible now) sees within the bounds.
  UserCursor cursor(Sequence sequence, Bounds bounds, ReadPattern pattern) const;
  /// Holds what is visible now.
  Snapshot snapshot();

  /// Makes every acknowledged write durable.
  Status sync();
  /// Writes the memtable to a table and waits until that is done. Ok when there was nothing to
  /// write.
  Status flush();
  /// Merges all that overlaps the user keys from `first` to `last` (nothing: no bound), after a
  /// flush, and drops what may be forgotten there. Waits.
  Status compact(std::optional<std::string_view> first, std::optional<std::string_view> last);
  /// Returns when no flush or compaction is running, waiting, or due.
  Status wait_idle();
  /// Flushes, waits for background work, stops, and gives the lock back. Every later write fails
  /// with read_only; reads go on as long as nobody else changes the folder. Calling it twice is
  /// fine.
  Status close();

  /// Ok, or the reason why writes are refused.
  Status health() const;
  Stats stats() const;
  /// Every broken invariant in memory and on disk: memtables, version, each table that it names.
  /// Empty when all is well.
  std::vector<std::string> check() const;

 private:
  struct Frozen {
    std::shared_ptr<Memtable> memtable;
    std::shared_ptr<LogWriter> log;  // null: it was replayed
    std::uint64_t log_number;
    Sequence last_sequence;
  };
  // The next log, allocated ahead and not begun. Its name is still that of a retired one, which
  // recovery takes for garbage.
  struct PreparedLog {
    std::unique_ptr<LogFile> file;
    std::uint64_t number = 0;
  };
  struct ManualCompaction {
    std::optional<std::string_view> first;
    std::optional<std::string_view> last;
    Status status;
    bool is_done = false;
  };
  // Runs one of the engine's methods as background work. The engine waits for it before it dies.
  class Job final : public Task {
   public:
    Job(Engine& engine, void (Engine::*work)()) : engine_(engine), work_(work) {}
    void run() override { (engine_.*work_)(); }

   private:
    Engine& engine_;
    void (Engine::*work_)();
  };

  Engine(const Options& options, std::unique_ptr<Storage> storage);
  Status start();

  // The commit leader's.
  void commit_group(const std::vector<CommitRequest*>& group);
  bool approve(const std::vector<CommitRequest*>& group);
  Status log_group(const std::vector<CommitRequest*>& group, bool sync);
  void insert_group(const std::vector<CommitRequest*>& group);
  Status make_room();
  void slow_writers();
  std::uint64_t owed_to_memtables_us() const;
  std::uint64_t owed_to_level0_us() const;
  Status wait_for_background();
  void ask_for_log();
  void ask_for_page(std::size_t memtable_bytes);
  Status rotate(std::uint64_t log_capacity_bytes);
  Result<std::unique_ptr<LogWriter>> next_log(const LogStart& start);
  Result<std::unique_ptr<LogFile>> next_log_file(const LogStart& start);
  std::optional<PreparedLog> take_prepared_log();
  Status wait_for_replayed();
  Status sync_logs();
  Status freeze_and_wait(std::uint64_t next_log_capacity_bytes);
  Status close_alone();
  std::uint64_t log_capacity_bytes() const;

  // Readers'.
  Result<bool> search(const View& view, const Target& target, std::string& value) const;
  static std::optional<Entry> search_memtables(const View& view, const Target& target);
  static Result<std::optional<std::uint64_t>> search_table(const View& view, const TableMeta& meta,
                                                           const Target& target,
                                                           std::string& value);

  // The background's.
  void schedule_flush() LSMITH_REQUIRES(mutex_);
  void schedule_compaction() LSMITH_REQUIRES(mutex_);
  void run_flush();
  Status flush_oldest();
  void run_compactions();
  bool may_wait(const CompactionPlan& plan) const;
  std::optional<CompactionPlan> pick(const Version& version, bool is_for_readers) const;
  std::shared_ptr<ReadDebt> new_debt(const Version& version) const;
  void merge_for_readers() const;
  Status compact_once(const CompactionPlan& plan, const Version& version);
  Status install(VersionEdit edit, const Frozen* flushed);
  static std::uint64_t due_bytes_of(const ManifestWriter& manifest);
  Status write_edit(const VersionEdit& edit, const Version& next) LSMITH_REQUIRES(manifest_mutex_);
  void publish(std::shared_ptr<const Version> version, const Frozen* flushed)
      LSMITH_REQUIRES(mutex_);
  void prepare_log();
  void retire_log(std::uint64_t number);
  void keep_log(std::unique_ptr<LogFile> file, std::uint64_t number);
  void remove_obsolete();
  std::vector<std::uint64_t> tables_in_use() const;
  Status wait_for_manual() LSMITH_REQUIRES(mutex_);
  bool are_compactions_held() const LSMITH_REQUIRES(mutex_);
  void end_manual(Status status) LSMITH_REQUIRES(mutex_);

  Status fail(Status why);
  void stop_background();
  static void check_table(const View& view, const TableMeta& meta,
                          std::vector<std::string>& problems);
  static void add_problems(std::vector<std::string>& problems, const std::string& where,
                           const std::vector<std::string>& found);
  static std::vector<std::string> check_meta(const TableMeta& manifest,
                                             const TableProperties& properties);
  void emit(const Event& event) const {
    if (options_.listener != nullptr) options_.listener->on_event(event);
  }

  // Constant after start().
  const Options options_;
  Executor& executor_;
  const std::unique_ptr<Storage> storage_;  // its manifest: under manifest_mutex_
  const std::shared_ptr<SnapshotList> snapshots_;

  // Shared without a lock.
  ViewSlot view_;
  std::atomic<Sequence> visible_{0};               // release by the leader; acquired by readers
  std::atomic<std::size_t> level0_count_{0};       // relaxed, as the next three: hints for pacing
  std::atomic<std::size_t> frozen_count_{0};       // writers, and for their next log
  std::atomic<std::uint64_t> flush_us_{0};         // what the last full memtable's flush took
  std::atomic<std::uint64_t> log_piece_bytes_{1};  // on average; 0 when most are synced
  std::atomic<bool> is_read_only_{false};  // release after health_ is set; acquired by writers
  std::atomic<bool> is_cancelled_{false};  // relaxed: polled by a running compaction
  EngineCounters counters_;

  // The commit leader's alone.
  mutable CommitQueue commits_;
  std::shared_ptr<Memtable> active_;
  std::shared_ptr<LogWriter> log_;
  bool log_name_is_durable_ = false;
  bool is_next_log_asked_for_ = false;
  std::uint64_t log_writes_ = 0;  // to the active log
  std::uint64_t synced_log_writes_ = 0;
  // So large, the memtable wants its next large page; the first one while it has none yet.
  static constexpr std::size_t first_page_due_bytes = large_pages_from_bytes - large_page_bytes;
  std::size_t page_due_bytes_ = first_page_due_bytes;
  detail::WritePacer pacer_;
  // Not synced to their end, oldest first. Gone: flushed, and so durable in a table.
  std::vector<std::weak_ptr<LogWriter>> earlier_logs_;
  std::uint64_t replayed_log_ = 0;  // the last one that was replayed; 0: all those are in tables
  Sequence last_sequence_ = 0;

  Mutex manifest_mutex_;
  Status manifest_failure_ LSMITH_GUARDED_BY(manifest_mutex_);  // the first, and for good
  std::uint64_t manifest_due_bytes_ LSMITH_GUARDED_BY(manifest_mutex_) = 0;
  mutable Mutex mutex_;
  mutable Signal changed_;
  std::deque<Frozen> frozen_ LSMITH_GUARDED_BY(mutex_);  // oldest first
  std::uint64_t active_log_number_ LSMITH_GUARDED_BY(mutex_) = 0;
  std::optional<PreparedLog> prepared_ LSMITH_GUARDED_BY(mutex_);
  bool is_log_wanted_ LSMITH_GUARDED_BY(mutex_) = false;
  std::vector<TableRef> obsolete_ LSMITH_GUARDED_BY(mutex_);  // until no view names them
  ManualCompaction* manual_ LSMITH_GUARDED_BY(mutex_) = nullptr;
  int held_count_ LSMITH_GUARDED_BY(mutex_) = 0;  // callers of compact() that are not there yet
  bool is_flushing_ LSMITH_GUARDED_BY(mutex_) = false;
  bool is_compacting_ LSMITH_GUARDED_BY(mutex_) = false;
  bool is_compaction_due_ LSMITH_GUARDED_BY(mutex_) = false;
  bool is_merge_wanted_ LSMITH_GUARDED_BY(mutex_) = false;  // by readers; see read_debt.hpp
  bool is_stopping_ LSMITH_GUARDED_BY(mutex_) = false;
  bool is_closed_ LSMITH_GUARDED_BY(mutex_) = false;
  Status health_ LSMITH_GUARDED_BY(mutex_);
};

inline Result<std::unique_ptr<Engine>> Engine::open(const Options& options,
                                                    const std::string& folder) {
  auto storage = open_storage(options, folder, Replayed::in_memtables);
  if (!storage.ok()) return std::move(storage).status();
  std::unique_ptr<Engine> engine(new Engine(options, std::move(*storage)));
  if (Status s = engine->start(); !s.ok()) return s;
  return engine;
}

inline Engine::Engine(const Options& options, std::unique_ptr<Storage> storage)
    : options_(options),
      executor_(*options.executor),
      storage_(std::move(storage)),
      snapshots_(std::make_shared<SnapshotList>()),
      commits_(executor_) {}

inline Status Engine::start() {
  last_sequence_ = storage_->first_log.previous_sequence;
  visible_.store(last_sequence_, std::memory_order_release);
  active_ = std::make_shared<Memtable>();
  View view{storage_->tables, active_, std::exchange(storage_->memtables, {}), nullptr};
  const std::vector<ReplayedLog> replayed = std::exchange(storage_->replayed, {});
  for (const ReplayedLog& log : replayed)
    view.frozen.insert(view.frozen.begin(), log.memtable);
  // Taken, not copied: a table's file goes when nothing names it any more.
  view.version = std::make_shared<const Version>(std::exchange(storage_->state.version, {}));
  view.debt = new_debt(*view.version);
  level0_count_.store(view.version->level(0).size(), std::memory_order_relaxed);
  view_.publish(std::make_shared<View>(std::move(view)));
  if (options_.read_only) {
    fail(Status(Code::read_only, "the database was opened read-only")).ignore();
    return {};
  }
  {
    MutexLock lock(manifest_mutex_);
    manifest_due_bytes_ = due_bytes_of(*storage_->manifest);
  }
  LogStart first = storage_->first_log;
  first.capacity_bytes = log_capacity_bytes();
  auto log = next_log(first);
  if (!log.ok()) return std::move(log).status();
  log_ = std::move(*log);
  MutexLock lock(mutex_);
  active_log_number_ = first.number;
  for (const ReplayedLog& old : replayed)
    frozen_.push_back(Frozen{old.memtable, nullptr, old.number, old.last_sequence});
  frozen_count_.store(frozen_.size(), std::memory_order_relaxed);
  if (!frozen_.empty()) {
    replayed_log_ = frozen_.back().log_number;
    schedule_flush();
  }
  schedule_compaction();
  return {};
}

inline Engine::~Engine() {
  stop_background();
}

inline void Engine::stop_background() {
  is_cancelled_.store(true, std::memory_order_relaxed);
  MutexLock lock(mutex_);
  is_stopping_ = true;
  executor_.wait(changed_, mutex_,
                 [this]() LSMITH_REQUIRES(mutex_) { return !is_flushing_ && !is_compacting_; });
}

inline Result<bool> Engine::get(std::string_view key, Sequence sequence, std::string& value) const {
  const ViewPin view = view_.pin();
  if (sequence == sequence_max) sequence = visible_.load(std::memory_order_acquire);
  const Target target = Target::of(key, sequence);
  if (view->debt && view->debt->note_get(target)) merge_for_readers();
  return search(*view, target, value);
}

// Newest first: the first version that is found is the answer, tombstones included.
inline Result<bool> Engine::search(const View& view, const Target& target,
                                   std::string& value) const {
  for (const TableRef& table : view.version->level(0))
    if (const Table* const open = view.opened.find(table->number)) open->prefetch(target);
  if (auto found = search_memtables(view, target)) {
    if (kind_of(found->tag) == Kind::erase) return false;
    value.assign(found->value);
    return true;
  }
  for (const TableRef& table : view.version->level(0)) {
    if (!table->covers(target.key)) continue;
    auto found = search_table(view, *table, target, value);
    if (!found.ok()) return std::move(found).status();
    if (*found) return kind_of(**found) != Kind::erase;
  }
  for (int level = 1; level < level_count; ++level) {
    const TableRef table = view.version->find(level, target.key);
    if (!table) continue;
    auto found = search_table(view, *table, target, value);
    if (!found.ok()) return std::move(found).status();
    if (*found) return kind_of(**found) != Kind::erase;
  }
  return false;
}

inline std::optional<Entry> Engine::search_memtables(const View& view, const Target& target) {
  if (view.active)
    if (auto found = view.active->get(target)) return found;
  for (const auto& memtable : view.frozen)
    if (auto found = memtable->get(target)) return found;
  return std::nullopt;
}

inline Result<std::optional<std::uint64_t>> Engine::search_table(const View& view,
                                                                 const TableMeta& meta,
                                                                 const Target& target,
                                                                 std::string& value) {
  auto table = view.opened.open(*view.tables, meta);
  if (!table.ok()) return std::move(table).status();
  return (*table)->get(target, value);
}

inline UserCursor Engine::cursor(Sequence sequence, Bounds bounds, ReadPattern pattern) const {
  const ViewPin view = view_.pin();
  if (sequence == sequence_max) sequence = visible_.load(std::memory_order_acquire);
  if (view->debt && view->debt->note_scan()) merge_for_readers();
  return UserCursor(merge_view(view, pattern), sequence, std::move(bounds));
}

inline Snapshot Engine::snapshot() {
  return snapshots_->take(visible_);
}

}  // namespace lsmith

#include <lsmith/detail/engine_background.hpp>
#include <lsmith/detail/engine_commit.hpp>
#include <lsmith/detail/engine_logs.hpp>
#include <lsmith/detail/engine_picks.hpp>
