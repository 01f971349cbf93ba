// engine_logs.hpp: how the engine's logs follow one another. Belongs to engine.hpp, which has the
// invariants.
//
//   asked for by the leader ─> prepared by the flush lane: N.old ─> begun by the leader: M.wal
//                                              ^                                        |
//                                              '── recycled when its table is durable <─'
//
// At most one log stands ready. Until it is begun it has the name of a retired one, which recovery
// takes for garbage: a log that was never begun is no part of the chain, and costs an opening
// nothing. Who begins it renames it and writes its header; its name becomes durable with the first
// synced write.
#pragma once

#include <lsmith/engine.hpp>

namespace lsmith {

// ---- the commit leader's ----

// When half of the memtable is full the background is asked for the log behind its own: a small
// database never needs one, and a large one has time enough to make it.
inline void Engine::ask_for_log() {
  if (std::exchange(is_next_log_asked_for_, true)) return;
  const bool is_mostly_synced = log_writes_ == 0 || 2 * synced_log_writes_ > log_writes_;
  const std::uint64_t piece_bytes = is_mostly_synced ? 0 : log_->end_offset() / log_writes_;
  log_piece_bytes_.store(piece_bytes, std::memory_order_relaxed);
  MutexLock lock(mutex_);
  if (prepared_) return;
  is_log_wanted_ = true;
  schedule_flush();
}

// Freezes the active memtable and starts the next log. Nothing is synced here, and nothing large
// given back: the log that ended is the flush lane's to close, with its memtable.
inline Status Engine::rotate(std::uint64_t log_capacity_bytes) {
  LogStart start;
  start.number = storage_->numbers.take();
  start.previous_number = log_->header().file_number;
  start.previous_end = log_->end_offset();
  start.previous_sequence = last_sequence_;
  start.capacity_bytes = log_capacity_bytes;
  auto log = next_log(start);
  if (!log.ok()) return fail(std::move(log).status());
  std::shared_ptr<LogWriter> ended =
      std::exchange(log_, std::shared_ptr<LogWriter>(std::move(*log)));
  std::erase_if(earlier_logs_, [](const auto& earlier) { return earlier.expired(); });
  if (ended->synced_bytes() < ended->end_offset()) earlier_logs_.push_back(ended);
  const bool was_full = active_->memory_bytes() >= options_.write_buffer_bytes;
  pacer_.begin_log(was_full ? start.previous_end : 0, log_->end_offset());
  auto active = std::make_shared<Memtable>();
  {
    MutexLock lock(mutex_);
    frozen_.push_back(Frozen{active_, std::move(ended), active_log_number_, last_sequence_});
    frozen_count_.store(frozen_.size(), std::memory_order_relaxed);
    active_log_number_ = start.number;
    const ViewPin old = view_.pin();
    auto view = std::make_shared<View>(*old);
    view->frozen.insert(view->frozen.begin(), active_);
    view->active = active;
    view_.publish(std::move(view));
    schedule_flush();
  }
  active_ = std::move(active);
  is_next_log_asked_for_ = false;
  log_writes_ = synced_log_writes_ = 0;
  page_due_bytes_ = first_page_due_bytes;
  emit({.type = Event::Type::log_rotated, .number = start.number});
  return {};
}

// Room for a memtable's worth of entries; a batch that overshoots makes the file grow.
inline std::uint64_t Engine::log_capacity_bytes() const {
  return options_.write_buffer_bytes + options_.write_buffer_bytes / 4;
}

inline Result<std::unique_ptr<LogWriter>> Engine::next_log(const LogStart& start) {
  auto file = next_log_file(start);
  if (!file.ok()) return std::move(file).status();
  auto log = begin_log(*storage_, std::move(*file), start);
  if (log.ok()) log_name_is_durable_ = false;
  return log;
}

// The one that was prepared needs nothing but its name. When there is none, or something is wrong
// with it, a new one is made.
inline Result<std::unique_ptr<LogFile>> Engine::next_log_file(const LogStart& start) {
  const std::string path = storage_->path(FileName::Type::log, start.number);
  if (std::optional<PreparedLog> prepared = take_prepared_log()) {
    const std::string now = storage_->path(FileName::Type::retired_log, prepared->number);
    if (storage_->files->rename(now, path).ok()) {
      prepared->file->set_path(path);
      return std::move(prepared->file);
    }
  }
  return storage_->files->create_log(path, start.capacity_bytes);
}

inline std::optional<Engine::PreparedLog> Engine::take_prepared_log() {
  std::optional<PreparedLog> prepared;
  MutexLock lock(mutex_);
  prepared.swap(prepared_);
  return prepared;
}

// ---- the flush lane's ----

// Makes the log behind the active one, when it was asked for, and also when flushes fall behind:
// the next rotation will not wait until a log retires. A failure harms nobody: who finds no log
// prepared makes one.
inline void Engine::prepare_log() {
  {
    MutexLock lock(mutex_);
    const bool is_late = frozen_.size() > 1 && frozen_.front().log != nullptr;
    const bool is_wanted = std::exchange(is_log_wanted_, false) || is_late;
    if (!is_wanted || prepared_ || !health_.ok() || is_stopping_ || is_closed_) return;
  }
  const std::uint64_t number = storage_->numbers.take();
  const std::string path = storage_->path(FileName::Type::retired_log, number);
  auto file = storage_->files->create_log(path, log_capacity_bytes());
  if (!file.ok()) return storage_->files->remove(path).ignore();
  keep_log(std::move(*file), number);
}

// A log whose entries are in tables becomes the next one, if none is prepared. But not one that was
// replayed: it may be of another capacity.
inline void Engine::retire_log(std::uint64_t number) {
  const std::string path = storage_->path(FileName::Type::log, number);
  bool is_unfit = number < storage_->first_log.number;
  {
    MutexLock lock(mutex_);
    is_unfit = is_unfit || prepared_ || is_closed_;
  }
  if (is_unfit) return storage_->files->remove(path).ignore();  // an orphan at worst
  auto file = storage_->files->reuse_log(path, storage_->path(FileName::Type::retired_log, number));
  if (file.ok()) keep_log(std::move(*file), number);
}

inline void Engine::keep_log(std::unique_ptr<LogFile> file, std::uint64_t number) {
  const std::uint64_t piece_bytes = log_piece_bytes_.load(std::memory_order_relaxed);
  if (piece_bytes > 0) file->warm_up(piece_bytes);
  MutexLock lock(mutex_);
  prepared_ = PreparedLog{std::move(file), number};
}

}  // namespace lsmith
