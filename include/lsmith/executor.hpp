// executor.hpp: owns all background work, waiting, sleeping and time.
//
// Two executors. Threads runs work on its own threads, as production does. Manual runs nothing
// until somebody waits or calls run_one(); its clock moves only when somebody sleeps. With it the
// engine is one thread and a run is a pure function of its inputs, which is what tests, the
// simulator and the browser need.
//
//   engine:   MutexLock lock(mutex_);
//             executor.wait(changed_, mutex_, [&]() LSMITH_REQUIRES(mutex_) { return is_idle_; });
//   Threads:  sleeps on the signal until it is raised, then asks again
//   Manual:   runs one queued task with the mutex released, then asks again
//
// A task may wait. Under Manual the tasks then run inside the waiting one, but never one of a lane
// that is in the middle of a task: what would be a deadlock with threads is one here as well.
#pragma once

#include <lsmith/mutex.hpp>

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <memory>
#include <utility>
#ifndef LSMITH_NO_THREADS
#include <condition_variable>
#endif

// Clang checks a predicate where it is written. Where wait() calls it, clang can not see that the
// mutex it requires is the one that is held.
#if defined(__clang__)
#define LSMITH_UNCHECKED __attribute__((no_thread_safety_analysis))
#else
#define LSMITH_UNCHECKED
#endif

namespace lsmith {

/// A piece of background work. It runs once; it may submit more. It lets no exception escape.
class Task {
 public:
  virtual ~Task() = default;
  virtual void run() = 0;
};

#ifdef LSMITH_NO_THREADS

class Signal {
 public:
  void raise() {}
  void raise_one() {}
};

#else

/// Something to wait for. Raise it, holding the mutex, after changing what waiters ask about.
class Signal {
 public:
  /// Wakes every waiter, each to ask again.
  void raise() { condition_.notify_all(); }
  /// Wakes one waiter: enough when any of them can do what there is to do.
  void raise_one() { condition_.notify_one(); }
  /// The condition variable inside, for executors.
  std::condition_variable& native() { return condition_; }

 private:
  std::condition_variable condition_;
};

#endif

/// Runs tasks. Thread-safe. Outlives every engine that uses it.
class Executor {
 public:
  virtual ~Executor() = default;
  /// Runs the task once, some time from now, in submission order per `lane` (0: urgent, as flushes
  /// are; 1: the rest). A lane has one worker, so tasks of one lane never overlap.
  virtual void submit(int lane, std::unique_ptr<Task> task) = 0;
  /// Microseconds since some fixed point; never goes back.
  virtual std::uint64_t now_us() = 0;
  /// Returns after that many microseconds, or sooner under a manual clock, which it moves.
  virtual void sleep_us(std::uint64_t us) = 0;

  /// Returns, with the mutex held, when `predicate()` holds; it is called with the mutex held.
  template <class Predicate>
  void wait(Signal& signal, Mutex& mutex, Predicate predicate)
      LSMITH_REQUIRES(mutex) LSMITH_UNCHECKED {
    while (!predicate())
      wait_once(signal, mutex);
  }

  /// Looks on for some microseconds, holding nothing, for what another thread is about to do:
  /// sleeping and being woken takes longer. Returns when `predicate()` holds or the time is up,
  /// which is that many times about ten microseconds.
  template <class Predicate>
  void look_on(Predicate predicate, int times = 1) {
    for (int looks = 0; looks < times * looks_max_ && !predicate(); ++looks)
      pause_processor();
  }

 protected:
  /// Where there is one thread there is nothing to look on at.
  explicit Executor(int looks_max = 0) : looks_max_(looks_max) {}
  /// Lets some progress happen with the mutex released, then returns with it held.
  virtual void wait_once(Signal& signal, Mutex& mutex) LSMITH_REQUIRES(mutex) = 0;

 private:
  const int looks_max_;
};

/// Two worker threads (none on a target without threads, where it runs tasks as Manual does). The
/// destructor finishes what was submitted.
std::unique_ptr<Executor> make_threads_executor();

/// The executor of tests and browsers. One thread at a time.
class ManualExecutor : public Executor {
 public:
  ManualExecutor();
  /// Forgets, without running them, the tasks that are still queued.
  ~ManualExecutor() override;
  void submit(int lane, std::unique_ptr<Task> task) override;
  std::uint64_t now_us() override;
  void sleep_us(std::uint64_t us) override;
  /// Runs the oldest task of the lowest lane that has one. False when there is none.
  bool run_one();
  std::size_t pending_count() const;

 protected:
  /// Runs one task. With none queued nothing could ever raise the signal: a deadlock, asserted.
  void wait_once(Signal& signal, Mutex& mutex) override LSMITH_REQUIRES(mutex);

 private:
  struct Lane {
    std::deque<std::unique_ptr<Task>> queue;
    bool is_running = false;
  };

  Lane lanes_[2];
  std::uint64_t now_us_ = 0;
};

inline ManualExecutor::ManualExecutor() = default;

inline ManualExecutor::~ManualExecutor() = default;

inline void ManualExecutor::submit(int lane, std::unique_ptr<Task> task) {
  assert(lane == 0 || lane == 1);
  assert(task != nullptr);
  lanes_[lane].queue.push_back(std::move(task));
}

inline std::uint64_t ManualExecutor::now_us() {
  return now_us_;
}

inline void ManualExecutor::sleep_us(std::uint64_t us) {
  now_us_ += us;
}

inline bool ManualExecutor::run_one() {
  for (Lane& lane : lanes_) {
    if (lane.queue.empty() || lane.is_running) continue;
    const std::unique_ptr<Task> task = std::move(lane.queue.front());
    lane.queue.pop_front();
    lane.is_running = true;
    task->run();
    lane.is_running = false;
    return true;
  }
  return false;
}

inline std::size_t ManualExecutor::pending_count() const {
  return lanes_[0].queue.size() + lanes_[1].queue.size();
}

inline void ManualExecutor::wait_once(Signal&, Mutex& mutex) {
  mutex.unlock();
  const bool has_run = run_one();
  mutex.lock();
  assert(has_run);
  if (!has_run) std::abort();  // without asserts too: the caller would ask again for ever
}

}  // namespace lsmith

#undef LSMITH_UNCHECKED

#include <lsmith/detail/threads_executor.hpp>
