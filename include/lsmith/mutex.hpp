// mutex.hpp: an annotated mutex, so that clang checks who holds what. With executor.hpp the only
// header that knows threads; on a target without them (wasm) it does nothing.
#pragma once

#if defined(__wasm__) && !defined(_REENTRANT)
#define LSMITH_NO_THREADS 1  // internal to mutex.hpp and executor.hpp
#else
#include <mutex>
#endif

#if defined(__clang__)
#define LSMITH_GUARDED_BY(mutex) __attribute__((guarded_by(mutex)))
#define LSMITH_REQUIRES(...) __attribute__((requires_capability(__VA_ARGS__)))
#define LSMITH_CAPABILITY __attribute__((capability("mutex")))
#define LSMITH_SCOPED __attribute__((scoped_lockable))
#define LSMITH_ACQUIRE(...) __attribute__((acquire_capability(__VA_ARGS__)))
#define LSMITH_RELEASE(...) __attribute__((release_capability(__VA_ARGS__)))
#else
#define LSMITH_GUARDED_BY(mutex)
#define LSMITH_REQUIRES(...)
#define LSMITH_CAPABILITY
#define LSMITH_SCOPED
#define LSMITH_ACQUIRE(...)
#define LSMITH_RELEASE(...)
#endif

namespace lsmith {

/// Some twenty nanoseconds, in which the processor leaves more to others than in a busy loop.
inline void pause_processor() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

#ifdef LSMITH_NO_THREADS

class LSMITH_CAPABILITY Mutex {
 public:
  void lock() LSMITH_ACQUIRE() {}
  void unlock() LSMITH_RELEASE() {}
};

#else

#ifdef LSMITH_SCHEDULED
/// What a test lets happen before this thread takes a mutex.
using BeforeLock = void (*)();
inline thread_local BeforeLock before_lock = nullptr;
#endif

/// A mutex. Held by scope, with MutexLock; lock() and unlock() are for executors that wait on it.
class LSMITH_CAPABILITY Mutex {
 public:
  void lock() LSMITH_ACQUIRE() {
#ifdef LSMITH_SCHEDULED
    if (before_lock != nullptr) before_lock();
#endif
    for (int looks = 0; looks < looks_max; ++looks) {
      if (mutex_.try_lock()) return;
      pause_processor();
    }
    mutex_.lock();
  }
  void unlock() LSMITH_RELEASE() {
    mutex_.unlock();
  }
  /// The standard mutex inside, for the executor's condition variables.
  std::mutex& native() {
    return mutex_;
  }

 private:
  // Nearly all are held for some ten nanoseconds: to sleep and be woken takes a hundred times as
  // long as to look again.
  static constexpr int looks_max = 50;

  std::mutex mutex_;
};

#endif

/// Holds a mutex from here to the end of the scope.
class LSMITH_SCOPED MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) LSMITH_ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~MutexLock() LSMITH_RELEASE() { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

}  // namespace lsmith

#undef LSMITH_CAPABILITY
#undef LSMITH_SCOPED
#undef LSMITH_ACQUIRE
#undef LSMITH_RELEASE
