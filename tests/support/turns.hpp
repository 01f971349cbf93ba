// turns.hpp: what another thread does in the middle of a call, at a place that is the same each
// time: a race becomes a schedule.
#pragma once

#include <chrono>
#include <functional>
#include <future>

#include <lsmith/mutex.hpp>

#ifndef LSMITH_SCHEDULED
#error "mutex.hpp gives no turns: compile all of the executable with -DLSMITH_SCHEDULED"
#endif

namespace lsmith::testing {

/// A place in this thread's calls where another thread may get its turn: what is called there.
using TurnPlace = void (*)();

namespace detail {
inline thread_local std::function<void()> turn;
}

/// Makes `call`, and in the middle of it, where it comes to `place` for the n-th time, lets a
/// thread of its own do `other`. False: it came there less often, and nothing else was done. Who
/// waits for something that `call` holds there is not waited for longer than `patience`: it comes
/// later, which is a schedule too.
inline bool with_turn(TurnPlace& place, int n, const std::function<void()>& call,
                      const std::function<void()>& other,
                      std::chrono::milliseconds patience = std::chrono::milliseconds(200)) {
  std::future<void> done;
  detail::turn = [&] {
    if (--n != 0) return;
    place = nullptr;
    done = std::async(std::launch::async, other);
    done.wait_for(patience);
  };
  struct Disarm {
    TurnPlace& place;
    ~Disarm() { place = nullptr; }
  } const at_end{place};
  place = [] { detail::turn(); };
  call();
  place = nullptr;
  if (!done.valid()) return false;
  done.get();
  return true;
}

}  // namespace lsmith::testing
