// executor_test.cpp: tasks run once and in order, waits end, and the manual clock is the caller's.
#include <lsmith/executor.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

using lsmith::Executor;
using lsmith::ManualExecutor;
using lsmith::Mutex;
using lsmith::MutexLock;
using lsmith::Signal;
using lsmith::Task;

namespace {

template <class Body>
std::unique_ptr<Task> task(Body body) {
  class Calling final : public Task {
   public:
    explicit Calling(Body body) : body_(std::move(body)) {}
    void run() override { body_(); }

   private:
    Body body_;
  };
  return std::make_unique<Calling>(std::move(body));
}

// What tasks leave behind for whoever waits.
struct Shared {
  Mutex mutex;
  Signal changed;
  std::vector<int> done LSMITH_GUARDED_BY(mutex);

  void note(int number) {
    MutexLock lock(mutex);
    done.push_back(number);
    changed.raise();
  }
  std::vector<int> wait_for(Executor& executor, std::size_t count) {
    MutexLock lock(mutex);
    executor.wait(changed, mutex, [&]() LSMITH_REQUIRES(mutex) { return done.size() >= count; });
    return done;
  }
};

std::vector<int> numbers_below(int count) {
  std::vector<int> numbers;
  for (int i = 0; i < count; ++i)
    numbers.push_back(i);
  return numbers;
}

}  // namespace

TEST_SUITE_BEGIN("executor");

TEST_CASE("manual: nothing runs until it is asked to") {
  ManualExecutor executor;
  std::string order;
  executor.submit(1, task([&] { order += 'c'; }));
  executor.submit(0, task([&] { order += 'a'; }));
  executor.submit(0, task([&] { order += 'b'; }));
  CHECK(order.empty());
  CHECK(executor.pending_count() == 3);
  CHECK(executor.run_one());
  CHECK(order == "a");
  CHECK(executor.pending_count() == 2);
  CHECK(executor.run_one());
  CHECK(executor.run_one());
  CHECK(order == "abc");
  CHECK_FALSE(executor.run_one());
}

TEST_CASE("manual: a wait runs as many tasks as it needs, with the mutex free") {
  ManualExecutor executor;
  Shared shared;
  for (int i = 0; i < 5; ++i)
    executor.submit(0, task([&shared, i] { shared.note(i); }));
  CHECK(shared.wait_for(executor, 0).empty());
  CHECK(shared.wait_for(executor, 3) == numbers_below(3));
  CHECK(executor.pending_count() == 2);
}

TEST_CASE("manual: a task may submit and may wait, but its lane stays its own") {
  ManualExecutor executor;
  Shared shared;
  executor.submit(1, task([&] {
                    executor.submit(1, task([&] { shared.note(2); }));
                    executor.submit(0, task([&] { shared.note(0); }));
                    CHECK(shared.wait_for(executor, 1) == std::vector<int>{0});
                    CHECK_FALSE(executor.run_one());  // what is left is of this task's own lane
                    CHECK(executor.pending_count() == 1);
                    shared.note(1);
                  }));
  CHECK(shared.wait_for(executor, 3) == numbers_below(3));
}

TEST_CASE("manual: the clock moves only by sleeping") {
  ManualExecutor executor;
  const std::uint64_t start = executor.now_us();
  CHECK(executor.now_us() == start);
  executor.sleep_us(1000000000);
  CHECK(executor.now_us() == start + 1000000000);
}

TEST_CASE("manual: its end forgets what is queued, but frees it") {
  const auto held = std::make_shared<int>(0);
  {
    ManualExecutor executor;
    executor.submit(0, task([held] { *held = 1; }));
    CHECK(held.use_count() == 2);
  }
  CHECK(*held == 0);
  CHECK(held.use_count() == 1);
}

TEST_CASE("threads: each lane keeps its order") {
  Shared urgent, rest;
  const auto executor = lsmith::make_threads_executor();
  for (int i = 0; i < 200; ++i) {
    executor->submit(0, task([&urgent, i] { urgent.note(i); }));
    executor->submit(1, task([&rest, i] { rest.note(i); }));
  }
  CHECK(urgent.wait_for(*executor, 200) == numbers_below(200));
  CHECK(rest.wait_for(*executor, 200) == numbers_below(200));
}

TEST_CASE("threads: the end finishes what was submitted, and what that submits") {
  for (int round = 0; round < 50; ++round) {
    CAPTURE(round);
    Shared shared;
    {
      const auto executor = lsmith::make_threads_executor();
      Executor& running = *executor;
      executor->submit(1, task([&] {
                         running.submit(0, task([&] {
                                          running.submit(1, task([&] {
                                                           shared.note(1);
                                                           running.submit(
                                                               0, task([&] { shared.note(2); }));
                                                         }));
                                          shared.note(0);
                                        }));
                       }));
    }
    MutexLock lock(shared.mutex);
    CHECK(shared.done.size() == 3);
  }
}

TEST_CASE("threads: a task may wait for a task of the other lane") {
  Shared shared;
  const auto executor = lsmith::make_threads_executor();
  Executor& running = *executor;
  executor->submit(1, task([&] {
                     running.submit(0, task([&] { shared.note(0); }));
                     shared.wait_for(running, 1);
                     shared.note(1);
                   }));
  CHECK(shared.wait_for(*executor, 2) == numbers_below(2));
}

TEST_CASE("threads: a task is gone before its executor is") {
  const auto held = std::make_shared<int>(0);
  {
    const auto executor = lsmith::make_threads_executor();
    executor->submit(0, task([held] { *held += 1; }));
    executor->submit(1, task([held] {}));
  }
  CHECK(*held == 1);
  CHECK(held.use_count() == 1);
}

TEST_CASE("threads: time goes on and a sleep takes at least as long as it says") {
  const auto executor = lsmith::make_threads_executor();
  const std::uint64_t start = executor->now_us();
  executor->sleep_us(1500);
  CHECK(executor->now_us() >= start + 1500);
}

#ifndef LSMITH_NO_THREADS

TEST_CASE("threads: raise_one hands each unit to one waiter") {
  struct Turnstile {
    Mutex mutex;
    Signal changed;
    int tickets LSMITH_GUARDED_BY(mutex) = 0;
    int passed LSMITH_GUARDED_BY(mutex) = 0;
  } gate;
  const auto executor = lsmith::make_threads_executor();
  Executor& running = *executor;
  const auto pass = [&] {
    MutexLock lock(gate.mutex);
    running.wait(gate.changed, gate.mutex,
                 [&]() LSMITH_REQUIRES(gate.mutex) { return gate.tickets > 0; });
    gate.tickets -= 1;
    gate.passed += 1;
  };
  for (int i = 0; i < 100; ++i)
    executor->submit(i % 2, task(pass));
  Shared finished;
  for (int lane = 0; lane < 2; ++lane)
    executor->submit(lane, task([&] { finished.note(0); }));
  for (int i = 0; i < 100; ++i) {
    MutexLock lock(gate.mutex);
    gate.tickets += 1;
    gate.changed.raise_one();
  }
  finished.wait_for(*executor, 2);
  MutexLock lock(gate.mutex);
  CHECK(gate.passed == 100);
  CHECK(gate.tickets == 0);
}

#endif

TEST_SUITE_END();
