// 1_snapshots_test.cpp: a snapshot holds a moment until it goes, and no longer.
#include "../support/step.hpp"

#include <lsmith/mvcc.hpp>

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace lsmith;

namespace {

const lab::Step step_1{"10.1", 10, "book/10-mvcc.md#snapshots",
                       "Two snapshots of one moment are two: it is held until both have gone."};

std::string text(const std::vector<Sequence>& sequences) {
  std::string result;
  for (Sequence sequence : sequences)
    result += (result.empty() ? "" : " ") + std::to_string(sequence);
  return result;
}

void expect_held(const std::string& done, const SnapshotList& list, const std::string& sequences,
                 std::size_t count, int line = __builtin_LINE()) {
  lab::expect_equal(done + "; sequences()", sequences, text(list.sequences()), {}, __FILE__, line);
  lab::expect_equal(done + "; count()", count, list.count(), {}, __FILE__, line);
}

}  // namespace

TEST_SUITE("mvcc") {
  TEST_CASE("a snapshot holds what is visible when it is taken, not what comes later") {
    const auto list = std::make_shared<SnapshotList>();
    std::atomic<Sequence> visible{7};
    expect_held("a new list", *list, "", 0);
    {
      const Snapshot snapshot = list->take(visible);
      visible = 8;
      lab::expect_equal("take() at 7, then a write", Sequence{7}, snapshot.sequence());
      CHECK_FALSE(snapshot.is_empty());
      expect_held("take() at 7", *list, "7", 1);
    }
    expect_held("the snapshot is gone", *list, "", 0);
    CHECK(Snapshot().is_empty());
  }

  TEST_CASE("two snapshots of one moment are two, and it is held until both have gone") {
    const auto list = std::make_shared<SnapshotList>();
    const std::atomic<Sequence> visible{5};
    std::optional<Snapshot> first = list->take(visible);
    std::optional<Snapshot> second = list->take(visible);
    expect_held("take() twice at 5", *list, "5", 2);
    first.reset();
    expect_held("one of the two is gone", *list, "5", 1);
    second.reset();
    expect_held("both are gone", *list, "", 0);
  }

  TEST_CASE("sequences are ascending, each once, whatever goes first; 0 is one of them") {
    const auto list = std::make_shared<SnapshotList>();
    std::vector<Snapshot> held;
    for (const Sequence sequence : {0, 3, 3, 9, 4, 0})
      held.push_back(list->take(std::atomic<Sequence>{sequence}));
    expect_held("take() at 0 3 3 9 4 0", *list, "0 3 4 9", 6);
    held.erase(held.begin() + 3);  // by moving those behind it
    expect_held("that at 9 is gone", *list, "0 3 4", 5);
    held.erase(held.begin());
    expect_held("one at 0 is gone", *list, "0 3 4", 4);
    held.pop_back();
    expect_held("the other at 0 is gone", *list, "3 4", 3);
    held.clear();
    expect_held("all are gone", *list, "", 0);
  }

  TEST_CASE("a moved snapshot is the same one; what it replaces is let go") {
    const auto list = std::make_shared<SnapshotList>();
    Snapshot first = list->take(std::atomic<Sequence>{1});
    Snapshot second = list->take(std::atomic<Sequence>{2});
    Snapshot moved = std::move(first);
    CHECK(first.is_empty());
    expect_held("moved into a new one", *list, "1 2", 2);
    moved = std::move(second);
    lab::expect_equal("1 = move(2); its sequence", Sequence{2}, moved.sequence());
    CHECK(second.is_empty());
    expect_held("1 = move(2)", *list, "2", 1);
    Snapshot& same = moved;
    moved = std::move(same);
    expect_held("moved onto itself", *list, "2", 1);
    moved = Snapshot();
    expect_held("replaced by an empty one", *list, "", 0);
  }

  TEST_CASE("a snapshot may outlive everybody else who knows the list") {
    auto list = std::make_shared<SnapshotList>();
    const std::weak_ptr<SnapshotList> watch = list;
    Snapshot snapshot = list->take(std::atomic<Sequence>{3});
    list.reset();
    lab::expect_equal("the last snapshot's sequence", Sequence{3}, snapshot.sequence());
    CHECK_FALSE_MESSAGE(watch.expired(), "a snapshot holds its list");
    snapshot = Snapshot();
    CHECK_MESSAGE(watch.expired(), "nobody holds the list any more");
  }

  TEST_CASE("whoever captures the list misses no snapshot older than what it saw as visible") {
    const auto list = std::make_shared<SnapshotList>();
    std::atomic<Sequence> visible{1};
    std::atomic<bool> is_done{false};
    {
      // What is not yet written throws here, where no thread runs.
      const Snapshot snapshot = list->take(visible);
      expect_held("take() at 1", *list, "1", 1);
    }
    std::vector<std::thread> takers;
    for (int i = 0; i < 2; ++i)
      takers.emplace_back([&] {
        while (!is_done) {
          const Snapshot one = list->take(visible);
          const Snapshot two = list->take(visible);
          std::this_thread::yield();
        }
      });
    Sequence captured_at = 0;
    std::vector<Sequence> before;
    for (int i = 0; i < 3000; ++i) {
      const Sequence now = ++visible;
      const std::vector<Sequence> held = list->sequences();
      CHECK(std::is_sorted(held.begin(), held.end()));
      for (Sequence sequence : held) {
        if (sequence >= captured_at || std::binary_search(before.begin(), before.end(), sequence))
          continue;
        lab::fail("take() beside sequences()", "no new snapshot below " + lab::show(captured_at),
                  lab::show(sequence), "Load `visible` and register under one lock.");
        break;
      }
      captured_at = now;
      before = held;
    }
    is_done = true;
    for (std::thread& taker : takers)
      taker.join();
    expect_held("all threads have ended", *list, "", 0);
  }
}
