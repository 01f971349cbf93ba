// threads_executor.hpp: the executor of production, two worker threads; a helper of executor.hpp
// alone.
//
// One mutex and two lanes, each with a queue, a signal and a worker:
//
//   submit(0, flush)       [flush]            worker 0
//   submit(1, compaction)  [compaction] [..]  worker 1
//
// A running task may submit to either lane, so a worker may leave only when both lanes have nothing
// queued and nothing running; `unfinished_count_` counts both. The clock is the steady one.
#pragma once

#include <lsmith/executor.hpp>

#ifndef LSMITH_NO_THREADS
#include <chrono>
#include <thread>
#endif

namespace lsmith::detail {

#ifdef LSMITH_NO_THREADS

// Runs tasks when somebody waits, and what is left at its end.
class ThreadsExecutor final : public ManualExecutor {
 public:
  ~ThreadsExecutor() override {
    while (run_one()) {
    }
  }
};

#else

class ThreadsExecutor final : public Executor {
 public:
  ThreadsExecutor();
  ~ThreadsExecutor() override;
  void submit(int lane, std::unique_ptr<Task> task) override;
  std::uint64_t now_us() override;
  void sleep_us(std::uint64_t us) override;

 protected:
  void wait_once(Signal& signal, Mutex& mutex) override LSMITH_REQUIRES(mutex);

 private:
  static constexpr int looks_of_threads = 300;  // about ten microseconds

  struct Lane {
    std::deque<std::unique_ptr<Task>> queue;
    Signal changed;  // a task was queued, or there will be no more
  };

  void work(int lane);
  // The lane's next task; null when there will be none.
  std::unique_ptr<Task> take(int lane);
  void finish();

  Mutex mutex_;
  Lane lanes_[2] LSMITH_GUARDED_BY(mutex_);
  std::size_t unfinished_count_ LSMITH_GUARDED_BY(mutex_) = 0;  // queued or running, in both lanes
  bool is_closing_ LSMITH_GUARDED_BY(mutex_) = false;
  std::thread workers_[2];  // last, so that they start after all of the above
};

inline ThreadsExecutor::ThreadsExecutor()
    : Executor(std::thread::hardware_concurrency() > 1 ? looks_of_threads : 0),
      workers_{std::thread([this] { work(0); }), std::thread([this] { work(1); })} {}

inline ThreadsExecutor::~ThreadsExecutor() {
  {
    MutexLock lock(mutex_);
    is_closing_ = true;
    for (Lane& lane : lanes_)
      lane.changed.raise();
  }
  for (std::thread& worker : workers_)
    worker.join();
}

inline void ThreadsExecutor::submit(int lane, std::unique_ptr<Task> task) {
  assert(lane == 0 || lane == 1);
  assert(task != nullptr);
  MutexLock lock(mutex_);
  lanes_[lane].queue.push_back(std::move(task));
  unfinished_count_ += 1;  // after what may fail
  lanes_[lane].changed.raise_one();
}

inline std::uint64_t ThreadsExecutor::now_us() {
  using std::chrono::duration_cast, std::chrono::microseconds, std::chrono::steady_clock;
  const auto since_start = steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(duration_cast<microseconds>(since_start).count());
}

inline void ThreadsExecutor::sleep_us(std::uint64_t us) {
  std::this_thread::sleep_for(std::chrono::microseconds(us));
}

// The condition variable wants the standard lock: it borrows the mutex that the caller holds.
inline void ThreadsExecutor::wait_once(Signal& signal, Mutex& mutex) {
  std::unique_lock<std::mutex> borrowed(mutex.native(), std::adopt_lock);
  signal.native().wait(borrowed);
  borrowed.release();
}

inline void ThreadsExecutor::work(int lane) {
  while (std::unique_ptr<Task> task = take(lane)) {
    task->run();
    task.reset();  // before it counts as finished: it may hold what the waiter is about to destroy
    finish();
  }
}

inline std::unique_ptr<Task> ThreadsExecutor::take(int lane) {
  MutexLock lock(mutex_);
  Lane& own = lanes_[lane];
  while (own.queue.empty()) {
    if (is_closing_ && unfinished_count_ == 0) return nullptr;
    wait_once(own.changed, mutex_);
  }
  std::unique_ptr<Task> task = std::move(own.queue.front());
  own.queue.pop_front();
  return task;
}

inline void ThreadsExecutor::finish() {
  MutexLock lock(mutex_);
  assert(unfinished_count_ > 0);
  unfinished_count_ -= 1;
  if (!is_closing_ || unfinished_count_ > 0) return;
  for (Lane& lane : lanes_)
    lane.changed.raise();
}

#endif

}  // namespace lsmith::detail

namespace lsmith {

inline std::unique_ptr<Executor> make_threads_executor() {
  return std::make_unique<detail::ThreadsExecutor>();
}

}  // namespace lsmith
