// engine_background.hpp: what the engine does behind its writers: flush, compaction, installing
// their results, and the calls that wait for them. Belongs to engine.hpp, which has the invariants.
#pragma once

#include <lsmith/engine.hpp>

namespace lsmith {

// A manifest longer than this is replaced by a new one that begins with the current state.
inline constexpr std::uint64_t manifest_bytes_max = std::uint64_t{4} << 20;

// ---- flush ----

inline void Engine::schedule_flush() {
  if (is_flushing_ || is_stopping_) return;
  executor_.submit(0, std::make_unique<Job>(*this, &Engine::run_flush));
  is_flushing_ = true;  // after what may fail: the destructor waits for it
}

// One memtable a task: under the manual executor each flush is a step of its own.
inline void Engine::run_flush() {
  prepare_log();
  Status s = flush_oldest();
  if (!s.ok()) fail(std::move(s)).ignore();
  remove_obsolete();
  MutexLock lock(mutex_);
  is_flushing_ = false;
  const bool is_log_due = is_log_wanted_ && !prepared_;
  if (health_.ok() && (!frozen_.empty() || is_log_due)) schedule_flush();
  changed_.raise();
}

inline Status Engine::flush_oldest() {
  Frozen oldest;
  VersionEdit edit;
  {
    MutexLock lock(mutex_);
    if (!health_.ok() || frozen_.empty()) return {};
    oldest = frozen_.front();
    edit.log_number = frozen_.size() > 1 ? frozen_[1].log_number : active_log_number_;
  }
  edit.last_sequence = oldest.last_sequence;
  emit({.type = Event::Type::flush_began});
  const std::uint64_t began_us = executor_.now_us();
  // The memtable is frozen, so snapshots that are captured now cut all its entries rightly.
  auto table = write_memtable(*storage_, options_, *oldest.memtable, snapshots_->sequences());
  if (!table.ok()) return std::move(table).status();
  if (*table) {
    if (Status s = storage_->files->sync_dir(storage_->folder); !s.ok()) return s;
    edit.added.emplace_back(0, **table);
  }
  if (Status s = install(std::move(edit), &oldest); !s.ok()) return s;
  const std::uint64_t bytes = *table ? (*table)->file_bytes : 0;
  const std::uint64_t took_us = executor_.now_us() - began_us;
  if (oldest.memtable->memory_bytes() >= options_.write_buffer_bytes)
    flush_us_.store(took_us, std::memory_order_relaxed);
  counters_.flushes.add(1);
  counters_.flush_bytes.add(bytes);
  if (*table)
    emit({.type = Event::Type::table_created, .number = (*table)->number, .bytes_written = bytes});
  emit({.type = Event::Type::flush_ended,
        .number = *table ? (*table)->number : 0,
        .bytes_written = bytes,
        .duration_us = took_us});
  oldest.log.reset();  // no longer needed, and here nobody waits while it is unmapped
  retire_log(oldest.log_number);
  return {};
}

// ---- compaction ----

// A task that is running has perhaps picked already, and found nothing: the flag makes it look
// again.
inline void Engine::schedule_compaction() {
  is_compaction_due_ = true;
  if (is_compacting_ || is_stopping_) return;
  executor_.submit(1, std::make_unique<Job>(*this, &Engine::run_compactions));
  is_compacting_ = true;
}

// One compaction a task; it submits the next until nothing is due.
inline void Engine::run_compactions() {
  ManualCompaction* manual = nullptr;
  bool may_run = false, is_for_readers = false;
  {
    MutexLock lock(mutex_);
    is_for_readers = std::exchange(is_merge_wanted_, false);
    is_compaction_due_ = false;  // before the version is pinned: what comes later is a newer one
    manual = manual_;
    may_run = health_.ok() && !is_stopping_ && !are_compactions_held();
  }
  std::shared_ptr<const Version> version = view_.pin()->version;
  std::optional<CompactionPlan> plan;
  if (may_run && manual != nullptr)
    plan = pick_range(*version, options_, manual->first, manual->last);
  else if (may_run)
    plan = pick(*version, is_for_readers);

  Status s;
  if (plan) s = compact_once(*plan, *version);
  if (!s.ok() && s.code() != Code::cancelled) fail(s).ignore();
  plan.reset();  // both hold references to the inputs, which may go now
  version.reset();
  remove_obsolete();

  MutexLock lock(mutex_);
  is_compacting_ = false;
  if (manual != nullptr && may_run) end_manual(std::move(s));  // else nothing was merged
  if (is_stopping_) end_manual(Status(Code::cancelled, "the database is closing"));
  if (!health_.ok()) end_manual(health_);
  if (health_.ok() && (is_compaction_due_ || manual != nullptr)) schedule_compaction();
  changed_.raise();
}

// Tells the caller of compact() how it went; nobody waits when there is none.
inline void Engine::end_manual(Status status) {
  if (manual_ == nullptr) return;
  manual_->status = std::move(status);
  manual_->is_done = true;
  manual_ = nullptr;
}

inline Status Engine::compact_once(const CompactionPlan& plan, const Version& version) {
  Event event{.type = Event::Type::compaction_began, .level = plan.output_level};
  event.reason = plan.reason;
  for (const auto& [level, table] : plan.inputs)
    event.bytes_read += table->file_bytes;
  emit(event);
  const std::uint64_t began_us = executor_.now_us();
  // The inputs are fixed by now, so a snapshot taken later sees nothing that is dropped.
  MergeContext context{.options = options_,
                       .tables = *storage_->tables,
                       .numbers = storage_->numbers,
                       .is_cancelled = is_cancelled_,
                       .snapshots = snapshots_->sequences(),
                       .others = {}};
  auto edit = run_compaction(plan, version, std::move(context));
  if (!edit.ok()) return std::move(edit).status();
  if (!plan.is_trivial_move)
    if (Status s = storage_->files->sync_dir(storage_->folder); !s.ok()) return s;
  if (Status s = install(*edit, nullptr); !s.ok()) return s;

  counters_.compactions.add(1);
  if (plan.is_trivial_move) {
    counters_.trivial_moves.add(1);
  } else {
    for (const auto& [level, table] : edit->added) {
      event.bytes_written += table.file_bytes;
      emit({.type = Event::Type::table_created,
            .number = table.number,
            .level = level,
            .bytes_written = table.file_bytes});
    }
    counters_.compaction_bytes_read.add(event.bytes_read);
    counters_.compaction_bytes_written.add(event.bytes_written);
  }
  event.type = Event::Type::compaction_ended;
  event.duration_us = executor_.now_us() - began_us;
  emit(event);
  return {};
}

// ---- installing a result ----

inline Status Engine::install(VersionEdit edit, const Frozen* flushed) {
  MutexLock manifest_lock(manifest_mutex_);
  const std::shared_ptr<const Version> version = view_.pin()->version;
  auto next = version->apply(edit);
  if (!next.ok()) return std::move(next).status();
  edit.next_file_number = storage_->numbers.next();
  // What a failed write left is unknown, and the state names what is in no manifest: no lane may
  // build on it, also not one that was on its way here.
  if (manifest_failure_.ok()) manifest_failure_ = write_edit(edit, *next);
  if (!manifest_failure_.ok()) return manifest_failure_;

  MutexLock lock(mutex_);
  const auto is_moved = [&](const TableRef& table) {
    return std::any_of(edit.added.begin(), edit.added.end(),
                       [&](const auto& added) { return added.second.number == table->number; });
  };
  for (const auto& [level, number] : edit.removed)
    for (const TableRef& table : version->level(level))
      if (table->number == number && !is_moved(table)) obsolete_.push_back(table);
  publish(std::make_shared<const Version>(std::move(*next)), flushed);
  schedule_compaction();
  changed_.raise();
  return {};
}

// When the manifest that was just begun is to be followed by another. Where its base is large by
// itself, not before as much was added: else each edit would write all of it again.
inline std::uint64_t Engine::due_bytes_of(const ManifestWriter& manifest) {
  return std::max(manifest_bytes_max, 2 * manifest.size_bytes());
}

inline Status Engine::write_edit(const VersionEdit& edit, const Version& next) {
  ManifestState& state = storage_->state;
  if (edit.last_sequence) state.last_sequence = *edit.last_sequence;
  if (edit.log_number) state.log_number = *edit.log_number;
  state.next_file_number = *edit.next_file_number;
  if (storage_->manifest->size_bytes() < manifest_due_bytes_)
    return storage_->manifest->append(edit);

  const std::uint64_t old_number = storage_->manifest->number();
  state.version = next;
  state.manifest_number = storage_->numbers.take();
  state.next_file_number = storage_->numbers.next();
  auto manifest = ManifestWriter::create(*storage_->files, storage_->folder, state);
  state.version = {};  // it would keep its tables from being removed
  if (!manifest.ok()) return std::move(manifest).status();
  storage_->manifest = std::move(*manifest);
  manifest_due_bytes_ = due_bytes_of(*storage_->manifest);
  storage_->files->remove(storage_->path(FileName::Type::manifest, old_number)).ignore();
  return {};
}

inline void Engine::publish(std::shared_ptr<const Version> version, const Frozen* flushed) {
  level0_count_.store(version->level(0).size(), std::memory_order_relaxed);
  auto view = std::make_shared<View>(*view_.pin());
  view->debt = new_debt(*version);
  view->version = std::move(version);
  if (flushed != nullptr) {
    assert(view->frozen.back() == flushed->memtable);
    view->frozen.pop_back();
    frozen_.pop_front();
    frozen_count_.store(frozen_.size(), std::memory_order_relaxed);
  }
  view_.publish(std::move(view));
}

// A table's file goes when no view names it any more: then this list holds the last reference.
inline void Engine::remove_obsolete() {
  std::vector<TableRef> unused;
  {
    MutexLock lock(mutex_);
    if (!health_.ok()) return;  // after a failed write every file is kept
    const auto is_used = [](const TableRef& table) { return table.use_count() > 1; };
    const auto middle = std::partition(obsolete_.begin(), obsolete_.end(), is_used);
    unused.assign(middle, obsolete_.end());
    obsolete_.erase(middle, obsolete_.end());
  }
  for (const TableRef& table : unused) {
    storage_->tables->remove(table->number)
        .ignore();  // at worst an orphan, removed at the next open
    emit({.type = Event::Type::table_removed, .number = table->number});
  }
}

// ---- waiting ----

inline Status Engine::sync() {
  Status result;
  commits_.run_alone([&] {
    result = health();  // asked here: who was before us may have closed the database
    if (result.ok()) result = sync_logs();
  });
  return result;
}

inline Status Engine::flush() {
  Status result;
  commits_.run_alone([&] { result = freeze_and_wait(log_capacity_bytes()); });
  return result;
}

// The leader's: no write happens meanwhile.
inline Status Engine::freeze_and_wait(std::uint64_t next_log_capacity_bytes) {
  if (Status s = health(); !s.ok()) return s;
  if (active_->entry_count() > 0) {
    if (Status s = wait_for_background(); !s.ok()) return s;
    if (Status s = rotate(next_log_capacity_bytes); !s.ok()) return s;
  }
  MutexLock lock(mutex_);
  executor_.wait(changed_, mutex_, [this]() LSMITH_REQUIRES(mutex_) {
    return !health_.ok() || (frozen_.empty() && !is_flushing_);
  });
  return health_;
}

// What the flush makes due would be merged twice, by itself and as a part of all that was asked
// for, so other compactions wait meanwhile.
inline Status Engine::compact(std::optional<std::string_view> first,
                              std::optional<std::string_view> last) {
  {
    MutexLock lock(mutex_);
    ++held_count_;
  }
  Status s = flush();
  ManualCompaction manual;
  manual.first = first;
  manual.last = last;
  MutexLock lock(mutex_);
  if (s.ok()) s = wait_for_manual();
  --held_count_;
  if (s.ok()) manual_ = &manual;
  schedule_compaction();  // a running one sees it when it ends
  changed_.raise();
  if (!s.ok()) return s;
  executor_.wait(changed_, mutex_, [&]() LSMITH_REQUIRES(mutex_) { return manual.is_done; });
  return manual.status;
}

// Until no other caller's compaction is running.
inline Status Engine::wait_for_manual() {
  executor_.wait(changed_, mutex_, [&]() LSMITH_REQUIRES(mutex_) {
    return !health_.ok() || is_stopping_ || manual_ == nullptr;
  });
  if (!health_.ok()) return health_;
  return is_stopping_ ? Status(Code::cancelled, "the database is closing") : Status();
}

// Whether compactions wait for the caller of compact(); not when writers wait for them.
inline bool Engine::are_compactions_held() const {
  return held_count_ > 0 && manual_ == nullptr &&
         level0_count_.load(std::memory_order_relaxed) <
             static_cast<std::size_t>(options_.level0_stop_count);
}

inline Status Engine::wait_idle() {
  Status result;
  {
    MutexLock lock(mutex_);
    executor_.wait(changed_, mutex_, [this]() LSMITH_REQUIRES(mutex_) {
      return !is_flushing_ && !is_compacting_ && held_count_ == 0;
    });
    result = health_;
  }
  if (result.ok()) remove_obsolete();
  return result;
}

inline Status Engine::close() {
  Status result;
  commits_.run_alone([&] { result = close_alone(); });
  return result;
}

inline Status Engine::close_alone() {
  {
    MutexLock lock(mutex_);
    if (std::exchange(is_closed_, true)) return {};
  }
  Status result = options_.read_only ? Status() : freeze_and_wait(0);
  stop_background();
  if (result.ok() && !options_.read_only) result = health();  // a merge may have failed since
  if (result.ok() && !options_.read_only) {
    // Everything is in tables: the logs, the next one and tables that only readers hold may go.
    log_.reset();
    earlier_logs_.clear();
    take_prepared_log().reset();
    storage_->state.version = *view_.pin()->version;
    result = remove_orphans(*storage_, tables_in_use());
  }
  fail(Status(Code::read_only, "the database is closed")).ignore();
  storage_->lock.reset();
  return result;
}

// Tables that are no longer part of the database, but of a view that some reader holds.
inline std::vector<std::uint64_t> Engine::tables_in_use() const {
  std::vector<std::uint64_t> numbers;
  MutexLock lock(mutex_);
  for (const TableRef& table : obsolete_)
    if (table.use_count() > 1) numbers.push_back(table->number);
  return numbers;
}

// Makes the engine refuse every later write, with the first reason; returns the reason as it came.
inline Status Engine::fail(Status why) {
  bool is_first = false;
  {
    MutexLock lock(mutex_);
    if (health_.ok()) {
      is_first = true;
      health_ = why.code() == Code::read_only
                    ? why
                    : Status(Code::read_only, "writes are refused since " + why.to_string());
      is_read_only_.store(true, std::memory_order_release);  // pairs with make_room
    }
    changed_.raise();
  }
  if (is_first && why.code() != Code::read_only)
    emit({.type = Event::Type::background_error, .reason = why.message()});
  return why;
}

// ---- looking at it ----

inline Status Engine::health() const {
  MutexLock lock(mutex_);
  return health_;
}

inline Stats Engine::stats() const {
  const ViewPin view = view_.pin();
  Stats stats;
  counters_.copy_to(stats);
  for (int level = 0; level < level_count; ++level) {
    Stats::Level& figures = stats.levels[static_cast<std::size_t>(level)];
    for (const TableRef& table : view->version->level(level)) {
      figures.tables += 1;
      figures.bytes += table->file_bytes;
      figures.entries += table->entries;
      figures.erases += table->erases;
    }
  }
  if (view->active) stats.memtable_bytes = view->active->memory_bytes();
  for (const auto& memtable : view->frozen)
    stats.memtable_bytes += memtable->memory_bytes();
  stats.frozen_memtables = view->frozen.size();
  stats.snapshots = snapshots_->count();
  const BlockCache& cache = view->tables->blocks();
  stats.cache_bytes = cache.used_bytes();
  stats.cache_hits = cache.hits();
  stats.cache_misses = cache.misses();
  return stats;
}

inline std::vector<std::string> Engine::check() const {
  const ViewPin view = view_.pin();
  std::vector<std::string> problems = view->version->check();
  commits_.run_alone([&] {  // no writer meanwhile
    if (view->active) add_problems(problems, "active memtable", view->active->check());
  });
  for (const auto& memtable : view->frozen)
    add_problems(problems, "frozen memtable", memtable->check());
  for (int level = 0; level < level_count; ++level)
    for (const TableRef& table : view->version->level(level))
      check_table(*view, *table, problems);
  return problems;
}

inline void Engine::check_table(const View& view, const TableMeta& meta,
                                std::vector<std::string>& problems) {
  const std::string name = file_name(FileName::Type::table, meta.number);
  auto table = view.tables->open(meta);
  if (!table.ok()) return problems.push_back(name + ": " + table.status().to_string());
  add_problems(problems, name, (*table)->check());
  add_problems(problems, name, check_meta(meta, (*table)->properties()));
}

inline void Engine::add_problems(std::vector<std::string>& problems, const std::string& where,
                                 const std::vector<std::string>& found) {
  for (const std::string& problem : found)
    problems.push_back(where + ": " + problem);
}

// What the manifest says of a table against what the table says of itself.
inline std::vector<std::string> Engine::check_meta(const TableMeta& manifest,
                                                   const TableProperties& properties) {
  std::vector<std::string> problems;
  const auto expect = [&](bool holds, const char* what) {
    if (!holds) problems.push_back(std::string("the manifest has another ") + what);
  };
  const TableMeta& table = properties.meta;
  expect(manifest.entries == table.entries, "number of entries");
  expect(manifest.erases == table.erases, "number of tombstones");
  expect(manifest.first_key == table.first_key && manifest.first_tag == table.first_tag,
         "first key");
  expect(manifest.last_key == table.last_key && manifest.last_tag == table.last_tag, "last key");
  expect(manifest.first_sequence == table.first_sequence, "first sequence");
  expect(manifest.last_sequence == table.last_sequence, "last sequence");
  return problems;
}

}  // namespace lsmith
