// 1_snapshots_test.cpp: a snapshot holds a moment until it goes, and no longer.
#include "../support/step.hpp"
#include "../support/turns.hpp"

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

  TEST_CASE("sequences are ascending, whichever goes first, and 0 is one of them") {
    const auto list = std::make_shared<SnapshotList>();
    std::vector<Snapshot> held;
    for (const Sequence sequence : {3, 0, 9, 4})
      held.push_back(list->take(std::atomic<Sequence>{sequence}));
    expect_held("take() at 3 0 9 4", *list, "0 3 4 9", 4);
    held.erase(held.begin() + 2);  // by moving those behind it
    expect_held("that at 9 is gone", *list, "0 3 4", 3);
    held.erase(held.begin());
    expect_held("that at 3 is gone", *list, "0 4", 2);
    held.erase(held.begin());
    expect_held("that at 0 is gone", *list, "4", 1);
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
    auto snapshot = std::make_unique<Snapshot>(list->take(std::atomic<Sequence>{3}));
    list.reset();
    if (!lab::expect(!watch.expired(), "all but a snapshot have let go; owners of the list",
                     "one at least", watch.use_count())) {
      static_cast<void>(snapshot.release());  // with no list, it could not let go
      return;
    }
    lab::expect_equal("the last snapshot's sequence", Sequence{3}, snapshot->sequence());
    snapshot.reset();
    lab::expect_equal("the snapshot has gone too; owners of the list", 0L, watch.use_count());
  }

  TEST_CASE("whoever captures the list misses no snapshot older than what it saw as visible") {
    bool is_over = false;
    for (int n = 1; !is_over; ++n) {
      const auto list = std::make_shared<SnapshotList>();
      std::atomic<Sequence> visible{7};
      Snapshot taken;
      std::vector<Sequence> held;
      is_over = !testing::with_turn(
          before_lock, n, [&] { taken = list->take(visible); },
          [&] {
            ++visible;
            held = list->sequences();
          });
      const bool is_held = std::count(held.begin(), held.end(), taken.sequence()) > 0;
      if (!lab::expect(is_over || is_held || taken.sequence() >= 8,
                       "7 is visible; take(), and in the middle of it 8 becomes visible and "
                       "sequences() is captured, without 7",
                       "no new snapshot below 8", taken.sequence(),
                       "Load `visible` and register under one lock."))
        break;
    }
  }

  TEST_CASE("threads take, release and capture side by side") {
    const auto list = std::make_shared<SnapshotList>();
    std::atomic<Sequence> visible{1};
    list->take(visible).sequence();  // what is not yet written throws here, where no thread runs
    std::vector<std::thread> takers;
    for (int i = 0; i < 2; ++i)
      takers.emplace_back([&] {
        Snapshot held;
        for (int n = 0; n < 100; ++n) {
          Snapshot next = list->take(visible);
          held = std::move(next);
          ++visible;
        }
      });
    for (int i = 0; i < 100; ++i) {
      const std::vector<Sequence> held = list->sequences();
      CHECK(std::is_sorted(held.begin(), held.end()));
      CHECK(held.size() <= 4);
    }
    for (std::thread& taker : takers)
      taker.join();
    expect_held("all threads have ended", *list, "", 0);
  }
}
