// commit_queue.hpp: many writers, one at a time, in order, sharing one log write and one sync.
//
//   writers    A   B   C          A arrives first and leads: it takes the group {A, B, C}, writes
//   queue     [A] [B] [C]         to the log, inserts it, wakes B and C with their results, and
//              leader             the next in the queue leads the next group.
//
// Only the leader runs the work, outside the queue's lock: it needs no lock against itself.
#pragma once

#include <lsmith/executor.hpp>
#include <lsmith/key.hpp>
#include <lsmith/mutex.hpp>
#include <lsmith/status.hpp>
#include <lsmith/write_batch.hpp>

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
  bool is_done = false;  // guarded by the queue's mutex
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

  // Waits until the request is done (false) or leads (true).
  bool wait_for_turn(CommitRequest& request) LSMITH_REQUIRES(mutex_);
  void take_group() LSMITH_REQUIRES(mutex_);
  void finish(std::size_t count);

  Executor& executor_;
  Mutex mutex_;
  Signal changed_;
  std::deque<CommitRequest*> queue_ LSMITH_GUARDED_BY(mutex_);
  std::vector<CommitRequest*> group_;  // the leader's
};

template <class Work>
Status CommitQueue::run(CommitRequest& request, Work&& work) {
  {
    MutexLock lock(mutex_);
    queue_.push_back(&request);
    if (!wait_for_turn(request)) return std::move(request.status);
    take_group();
  }
  [&]() noexcept { work(group_); }();  // the others wait: who fails to end it, ends the process
  finish(group_.size());
  return std::move(request.status);
}

template <class Work>
void CommitQueue::run_alone(Work&& work) {
  CommitRequest request;
  {
    MutexLock lock(mutex_);
    queue_.push_back(&request);
    wait_for_turn(request);  // nobody else takes a request without a batch into a group
  }
  [&]() noexcept { work(); }();
  finish(1);
}

inline bool CommitQueue::wait_for_turn(CommitRequest& request) {
  executor_.wait(changed_, mutex_, [&]() LSMITH_REQUIRES(mutex_) {
    return request.is_done || queue_.front() == &request;
  });
  return !request.is_done;
}

inline void CommitQueue::take_group() {
  group_.clear();
  std::size_t bytes = 0;
  for (CommitRequest* request : queue_) {
    if (request->batch == nullptr) break;
    bytes += request->batch->size_bytes();
    if (!group_.empty() && bytes > group_bytes_max) break;
    group_.push_back(request);
  }
}

inline void CommitQueue::finish(std::size_t count) {
  MutexLock lock(mutex_);
  for (std::size_t i = 0; i < count; ++i) {
    queue_.front()->is_done = true;
    queue_.pop_front();
  }
  if (count > 1 || !queue_.empty()) changed_.raise();
}

}  // namespace lsmith
