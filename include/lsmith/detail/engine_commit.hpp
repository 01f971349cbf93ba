// engine_commit.hpp: the engine's write path: what the leader of a commit group does. Belongs to
// engine.hpp, which has the invariants.
//
//   make room (wait, freeze, next log) · approve, number · log · sync if asked · insert · visible
#pragma once

#include <lsmith/engine.hpp>

namespace lsmith {

inline Status Engine::commit(WriteBatch& batch, bool sync, CommitCheck* check) {
  if (!batch.status().ok()) return batch.status();
  CommitRequest request;
  request.batch = &batch;
  request.sync = sync;
  request.check = check;
  return commits_.run(request,
                      [this](const std::vector<CommitRequest*>& group) { commit_group(group); });
}

inline void Engine::commit_group(const std::vector<CommitRequest*>& group) {
  Status s = make_room();
  if (s.ok()) {
    const bool sync = approve(group);
    s = log_group(group, sync);
    if (s.ok()) return insert_group(group);
  }
  for (CommitRequest* request : group)
    if (request->status.ok()) request->status = s;
}

// Gives the approved batches their sequence numbers; says whether any of them wants a sync.
inline bool Engine::approve(const std::vector<CommitRequest*>& group) {
  Sequence next = last_sequence_ + 1;
  bool sync = false;
  for (CommitRequest* request : group) {
    if (request->check != nullptr) request->status = request->check->approve(*request->batch, next);
    if (!request->status.ok()) continue;
    request->batch->set_sequence(next);
    next += request->batch->count();
    sync |= request->sync;
  }
  return sync;
}

inline Status Engine::log_group(const std::vector<CommitRequest*>& group, bool sync) {
  for (const CommitRequest* request : group) {
    if (!request->status.ok() || request->batch->is_empty()) continue;
    const std::string_view payload = request->batch->payload();
    if (Status s = log_->append(FrameType::batch, payload, sync); !s.ok())
      return fail(std::move(s));
    ++log_writes_;
    if (sync) ++synced_log_writes_;
    counters_.log_bytes.add(payload.size());
  }
  return sync ? sync_logs() : Status();
}

inline void Engine::insert_group(const std::vector<CommitRequest*>& group) {
  std::uint64_t bytes = 0;
  for (const CommitRequest* request : group) {
    if (!request->status.ok()) continue;
    request->batch->for_each([&](std::uint64_t tag, std::string_view key, std::string_view value) {
      active_->add(tag, key, value);
      bytes += key.size() + value.size();
    });
    last_sequence_ += request->batch->count();
    counters_.entries.add(request->batch->count());
  }
  counters_.user_bytes.add(bytes);
  counters_.groups.add(1);
  visible_.store(last_sequence_, std::memory_order_release);  // pairs with the loads in get, cursor
}

// A log that is synced stands behind all earlier ones: they go first, and its name with it.
inline Status Engine::sync_logs() {
  if (Status s = wait_for_replayed(); !s.ok()) return s;
  while (!earlier_logs_.empty()) {
    if (const auto earlier = earlier_logs_.front().lock())
      if (Status s = earlier->sync(); !s.ok()) return fail(std::move(s));
    earlier_logs_.erase(earlier_logs_.begin());
  }
  if (!log_name_is_durable_)
    if (Status s = storage_->files->sync_dir(storage_->folder); !s.ok()) return fail(std::move(s));
  log_name_is_durable_ = true;
  counters_.log_syncs.add(1);
  if (Status s = log_->sync(); !s.ok()) return fail(std::move(s));
  return {};
}

// What was read back from a log counts as durable when it is in a table: recovery.hpp says why.
inline Status Engine::wait_for_replayed() {
  if (replayed_log_ == 0) return {};
  MutexLock lock(mutex_);
  executor_.wait(changed_, mutex_, [this]() LSMITH_REQUIRES(mutex_) {
    return !health_.ok() || frozen_.empty() || frozen_.front().log_number > replayed_log_;
  });
  if (health_.ok()) replayed_log_ = 0;
  return health_;
}

inline Status Engine::make_room() {
  if (is_read_only_.load(std::memory_order_acquire)) return health();
  slow_writers();
  const std::size_t bytes = active_->memory_bytes();
  const bool grows_large = options_.write_buffer_bytes > large_pages_from_bytes;
  if (grows_large && bytes >= page_due_bytes_) ask_for_page(bytes);
  if (bytes >= options_.write_buffer_bytes / 2) ask_for_log();
  if (bytes < options_.write_buffer_bytes) return {};
  if (active_->entry_count() == 0) return {};  // an arena may be larger than that from the start
  if (Status s = wait_for_background(); !s.ok()) return s;
  return rotate(log_capacity_bytes());
}

// The memtable's next large page is made by who has nothing else to do. When both lanes have, it
// may come late: the memtable then makes its own.
inline void Engine::ask_for_page(std::size_t memtable_bytes) {
  struct MakePage final : Task {
    void run() override { SparePage::make(); }
  };
  page_due_bytes_ = memtable_bytes + large_page_bytes;
  MutexLock lock(mutex_);
  executor_.submit(is_flushing_ ? 1 : 0, std::make_unique<MakePage>());
}

// Writers who outrun the background lose their time bit by bit, before it must be lost at once.
inline void Engine::slow_writers() {
  const std::uint64_t memtables_us = owed_to_memtables_us(), level0_us = owed_to_level0_us();
  if (memtables_us + level0_us == 0) return pacer_.rest();
  const std::uint64_t delay_us = pacer_.delay_us(log_->end_offset(), memtables_us + level0_us);
  if (delay_us == 0) return;
  executor_.sleep_us(delay_us);
  const bool is_for_level0 = level0_us > memtables_us;
  counters_.stall(is_for_level0 ? StallReason::level0_slow : StallReason::memtables_slow, delay_us);
}

// How much longer filling a memtable is to take than it does by itself. When the last memtable but
// one is frozen, half as long as a flush, and with the last one as long: by then there is room for
// one more. The count rises only when a log begins, and so is the same until then, or lower.
inline std::uint64_t Engine::owed_to_memtables_us() const {
  const std::size_t count = frozen_count_.load(std::memory_order_relaxed);
  const auto most = static_cast<std::size_t>(options_.frozen_memtables_max);
  if (count == 0 || count + 1 < most) return 0;
  const std::uint64_t flush_us = flush_us_.load(std::memory_order_relaxed);
  return count < most ? flush_us / 2 : flush_us;
}

// The same for level 0. What a flush brings is written several times again on its way down, so up
// to four times as long as a flush, the longer the nearer level 0 is to its limit: it stays where
// it comes down as fast as it comes in. The count is loaded once: a merge may lower it at any
// moment.
inline std::uint64_t Engine::owed_to_level0_us() const {
  const std::size_t count = level0_count_.load(std::memory_order_relaxed);
  const auto slow = static_cast<std::size_t>(options_.level0_slow_count);
  const auto stop = static_cast<std::size_t>(options_.level0_stop_count);
  if (count < slow) return 0;
  const std::uint64_t flush_us = flush_us_.load(std::memory_order_relaxed);
  return 4 * flush_us * (std::min(count, stop) + 1 - slow) / (stop + 1 - slow);
}

inline Status Engine::wait_for_background() {
  const auto stop = static_cast<std::size_t>(options_.level0_stop_count);
  const auto is_free = [&](StallReason& reason) LSMITH_REQUIRES(mutex_) {
    reason = StallReason::memtables;
    if (frozen_.size() >= static_cast<std::size_t>(options_.frozen_memtables_max)) return false;
    reason = StallReason::level0_stop;
    return level0_count_.load(std::memory_order_relaxed) < stop;
  };
  StallReason reason = StallReason::memtables;
  {
    MutexLock lock(mutex_);
    if (is_free(reason)) return health_;
  }
  const std::string_view why =
      reason == StallReason::memtables ? "all memtables are frozen" : "level 0 is full";
  emit({.type = Event::Type::stall_began, .reason = why});
  const std::uint64_t began_us = executor_.now_us();
  Status health;
  {
    MutexLock lock(mutex_);
    StallReason now = reason;
    executor_.wait(changed_, mutex_,
                   [&]() LSMITH_REQUIRES(mutex_) { return !health_.ok() || is_free(now); });
    health = health_;
  }
  const std::uint64_t waited_us = executor_.now_us() - began_us;
  counters_.stall(reason, waited_us);
  emit({.type = Event::Type::stall_ended, .duration_us = waited_us, .reason = why});
  return health;
}

}  // namespace lsmith
