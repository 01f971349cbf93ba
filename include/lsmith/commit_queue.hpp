// commit_queue.hpp: many writers, one at a time, in order, sharing one log write and one sync.
//
//   writers    A   B   C          A arrives first and leads: it takes the group {A, B, C}, writes
//   queue     [A] [B] [C]         to the log, inserts it, wakes B and C with their results, and
//              leader             the next in the queue leads the next group.
//
// Only the leader runs the work, outside the queue's lock: it needs no lock against itself. Who
// waits looks on for a moment before it sleeps. A leader that syncs waits a moment for those of the
// group before: two writers then share each sync, where they would share every second one.
#pragma once

#include <lsmith/executor.hpp>
#include <lsmith/key.hpp>
#include <lsmith/mutex.hpp>
#include <lsmith/status.hpp>
#include <lsmith/write_batch.hpp>

#include <atomic>
#include <cstddef>
#include <deque>
#include <vector>

namespace lsmith {

/// Asked about a batch when its turn has come: under the commit lock, in queue order, after every
/// earlier batch was approved. `first_sequence` is what the batch will get. A failure refuses the
/// batch, and its writer gets it. Used by transactions.
class CommitCheck {
 public:
  virtual ~CommitCheck() = default;
  virtual Status approve(const WriteBatch& batch, Sequence first_sequence) = 0;
};

/// One writer's request, and its result.
struct CommitRequest {
  WriteBatch* batch = nullptr;
  bool sync = false;
  CommitCheck* check = nullptr;
  Status status;

 private:
  friend class CommitQueue;
  // Done, or first in the queue. Stored with release when all else of the request is set, and the
  // last thing that is touched of it by another thread: pairs with the acquire in run().
  std::atomic<bool> is_called_{false};
  bool is_done_ = false;  // set before is_called_
};

/// Leader and followers. Thread-safe.
class CommitQueue {
 public:
  explicit CommitQueue(Executor& executor) : executor_(executor) {}

  /// Returns when the request was part of a group that was worked on, by this thread or another.
  /// `work(group)` gets one or more requests in arrival order and sets their status.
  template <class Work>
  Status run(CommitRequest& request, Work&& work);
  /// Runs `work()` as a leader that has no batch: no group is worked on meanwhile.
  template <class Work>
  void run_alone(Work&& work);

 private:
  static constexpr std::size_t group_bytes_max = std::size_t{1} << 20;

  // Whether the request leads, since nobody is before it.
  bool join(CommitRequest& request);
  // Waits until the request is done or leads.
  void wait_for_turn(CommitRequest& request);
  // Looks on for others that will share the leader's sync.
  void wait_for_company(bool is_first);
  void take_group();
  void finish(std::size_t count);

  Executor& executor_;
  Mutex mutex_;
  Signal changed_;
  std::deque<CommitRequest*> queue_ LSMITH_GUARDED_BY(mutex_);
  // Of the queue; relaxed: it says only whether to go on waiting.
  std::atomic<std::size_t> count_{0};
  // The leader's alone.
  std::vector<CommitRequest*> group_;  // until it is taken, the one before
  bool is_company_likely_ = true;
};

template <class Work>
Status CommitQueue::run(CommitRequest& request, Work&& work) {
  const bool is_first = join(request);
  if (!is_first) wait_for_turn(request);
  if (request.is_done_) return std::move(request.status);
  if (request.sync) wait_for_company(is_first);
  take_group();
  [&]() noexcept { work(group_); }();  // the others wait: who fails to end it, ends the process
  finish(group_.size());
  return std::move(request.status);
}

template <class Work>
void CommitQueue::run_alone(Work&& work) {
  CommitRequest request;
  if (!join(request)) wait_for_turn(request);  // nobody else takes what has no batch into a group
  [&]() noexcept { work(); }();
  finish(1);
}

inline bool CommitQueue::join(CommitRequest& request) {
  MutexLock lock(mutex_);
  queue_.push_back(&request);
  count_.store(queue_.size(), std::memory_order_relaxed);
  return queue_.front() == &request;
}

// The leader before is done within microseconds, unless it syncs.
inline void CommitQueue::wait_for_turn(CommitRequest& request) {
  const auto is_called = [&] { return request.is_called_.load(std::memory_order_acquire); };
  executor_.look_on(is_called);
  if (is_called()) return;
  MutexLock lock(mutex_);
  executor_.wait(changed_, mutex_, is_called);
}

// Those of the last group are likely to come again, each as soon as it is awake; for who comes too
// late, the next sync takes as long again. When they stay away nobody waits, until some meet by
// chance.
inline void CommitQueue::wait_for_company(bool is_first) {
  constexpr int patience = 4;  // some 40 microseconds, of a sync's 100 or more
  const std::size_t expected = group_.size() + (is_first ? 0 : 1);
  if (expected < 2 || !is_company_likely_) return;
  executor_.look_on([&] { return count_.load(std::memory_order_relaxed) >= expected; }, patience);
}

inline void CommitQueue::take_group() {
  MutexLock lock(mutex_);
  group_.clear();
  std::size_t bytes = 0;
  for (CommitRequest* request : queue_) {
    if (request->batch == nullptr) break;
    bytes += request->batch->size_bytes();
    if (!group_.empty() && bytes > group_bytes_max) break;
    group_.push_back(request);
  }
  is_company_likely_ = group_.size() > 1;
}

inline void CommitQueue::finish(std::size_t count) {
  MutexLock lock(mutex_);
  for (std::size_t i = 0; i < count; ++i) {
    CommitRequest& done = *queue_.front();
    queue_.pop_front();
    done.is_done_ = true;
    done.is_called_.store(true, std::memory_order_release);
  }
  count_.store(queue_.size(), std::memory_order_relaxed);
  if (!queue_.empty()) queue_.front()->is_called_.store(true, std::memory_order_release);
  if (count > 1 || !queue_.empty()) changed_.raise();
}

}  // namespace lsmith
