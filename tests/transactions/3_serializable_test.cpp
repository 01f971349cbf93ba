// 3_serializable_test.cpp: what was read, found or not, walked or sought, must not have changed.
#include "stores.hpp"

namespace {

using namespace transaction_test;

const lab::Step step_3{
    "11.3", 30, "book/11-transactions.md#serializable-with-ranges",
    "Note what was asked for, not what was found: from where to where it looked."};

TEST_SUITE_BEGIN("transactions.3");

TEST_CASE("a key that was read may not have changed, be it there or not") {
  for (const bool was_there : {false, true})
    for (const bool is_erased : {false, true}) {
      Store store;
      if (was_there) store.put("read", "0");
      Transaction weak = store.begin(Isolation::snapshot);
      Transaction strict = store.begin(Isolation::serializable);
      for (Transaction* t : {&weak, &strict})
        get(*t, "read"), put(*t, t == &weak ? "w" : "s", "1");
      is_erased ? store.erase("read") : store.put("read", "1");
      expect_committed("read it; another writes it; commit at Isolation::snapshot", weak);
      expect_conflict("read it; another writes it; commit at Isolation::serializable", strict,
                      "'read'");
    }
}

TEST_CASE("what was not read, or was an own write, may change") {
  Store store;
  store.put("a", "0");
  Transaction t = store.begin(Isolation::serializable);
  get(t, "a");
  put(t, "own", "1");
  get(t, "own");
  store.put("b", "1");
  expect_committed("read a; another writes b; commit", t);
  lab::expect_equal("scan", "a=0 b=1 own=1", all_of(store.db));
}

// Runs `moves` over the keys b d f h within [c, w) beside an own write of m, then lets another
// commit write `key`. Whether that conflicts?
template <class Moves>
bool conflicts(Moves&& moves, std::string_view key, Bounds within = bounds("c", "w")) {
  Store store;
  Transaction open = store.begin();  // so that these are remembered
  for (const char* there : {"b", "d", "f", "h"})
    store.put(there, "0");
  Transaction t = store.begin(Isolation::serializable);
  put(t, "m", "own");
  {
    TransactionCursor cursor = t.scan(std::move(within));
    moves(cursor);
  }  // gone before the commit: what it walked must not be forgotten
  key == "d" ? store.erase(key) : store.put(key, "1");
  const Status s = t.commit(false);
  CHECK((s.ok() || s.code() == Code::conflict));
  return !s.ok();
}

// Walks, and expects a conflict for just the letters from `first` to `last`; m is written anyway.
template <class Moves>
void expect_range(const std::string& done, char first, char last, Moves&& moves) {
  for (char key = 'a'; key <= 'z'; ++key) {
    const bool expected = (first <= key && key <= last) || key == 'm';
    lab::expect_equal(done + "; another commits " + key + "; is it a conflict?", expected,
                      conflicts(moves, std::string(1, key)));
  }
}

TEST_CASE("a walk covers what it passed, gaps included, and nothing beyond") {
  using Cursor = TransactionCursor;
  expect_range("scan [c, w), not moved", '1', '0', [](Cursor&) {});
  expect_range("to first (d)", 'c', 'd', [](Cursor& c) { c.seek_to_first(); });
  expect_range("to first, next (f)", 'c', 'f', [](Cursor& c) { c.seek_to_first(), c.next(); });
  expect_range("walk to the end", 'c', 'v', [](Cursor& c) { text_of(c); });
  expect_range("seek e (f)", 'e', 'f', [](Cursor& c) { c.seek("e"); });
  expect_range("seek i (the own m)", 'i', 'm', [](Cursor& c) { c.seek("i"); });
  expect_range("seek n (nothing)", 'n', 'v', [](Cursor& c) { c.seek("n"); });
  expect_range("seek a (d)", 'c', 'd', [](Cursor& c) { c.seek("a"); });
  expect_range("seek x, behind the bounds", '1', '0', [](Cursor& c) { c.seek("x"); });
}

TEST_CASE("a walk backwards covers what it passed as well") {
  using Cursor = TransactionCursor;
  expect_range("to last (the own m)", 'm', 'v', [](Cursor& c) { c.seek_to_last(); });
  expect_range("to last, prev (h)", 'h', 'v', [](Cursor& c) { c.seek_to_last(), c.prev(); });
  expect_range("seek back g (f)", 'f', 'g', [](Cursor& c) { c.seek_back("g"); });
  expect_range("seek back f (f)", 'f', 'f', [](Cursor& c) { c.seek_back("f"); });
  expect_range("seek back z, behind the bounds (m)", 'm', 'v', [](Cursor& c) { c.seek_back("z"); });
  expect_range("seek back c (nothing)", 'c', 'c', [](Cursor& c) { c.seek_back("c"); });
  expect_range("seek back a, before the bounds", '1', '0', [](Cursor& c) { c.seek_back("a"); });
  expect_range("seek back g, prev (d)", 'd', 'g', [](Cursor& c) { c.seek_back("g"), c.prev(); });
  expect_range("seek back g, prev, prev (nothing)", 'c', 'g',
               [](Cursor& c) { c.seek_back("g"), c.prev(), c.prev(); });
}

TEST_CASE("a walk to and fro covers all of it, and two seeks do not cover what is between") {
  using Cursor = TransactionCursor;
  expect_range("seek e, prev (d)", 'd', 'f', [](Cursor& c) { c.seek("e"), c.prev(); });
  expect_range("seek f, next, prev, prev (d)", 'd', 'h',
               [](Cursor& c) { c.seek("f"), c.next(), c.prev(), c.prev(); });
  expect_range("seek back f, prev, next, next (h)", 'd', 'h',
               [](Cursor& c) { c.seek_back("f"), c.prev(), c.next(), c.next(); });
  expect_range("seek e, next, prev (f)", 'e', 'h',
               [](Cursor& c) { c.seek("e"), c.next(), c.prev(); });
  expect_range("seek back g, prev, next (f)", 'd', 'g',
               [](Cursor& c) { c.seek_back("g"), c.prev(), c.next(); });
  for (const std::string key : {"c", "d", "e", "f", "g", "h", "i"})
    lab::expect_equal("seek d, seek h; another commits " + key + "; is it a conflict?",
                      key == "d" || key == "h",
                      conflicts([](Cursor& c) { c.seek("d"), c.seek("h"); }, key));
}

TEST_CASE("a scan without bounds covers both ends of the world") {
  using Cursor = TransactionCursor;
  const auto all = [](Cursor& c) { text_of(c); };
  for (const std::string key : {"", "a", "b", "c", "zz"}) {
    const auto expect = [&](const std::string& done, bool expected, auto&& moves) {
      lab::expect_equal(done + "; another commits " + lab::show(key) + "; is it a conflict?",
                        expected, conflicts(moves, key, {}));
    };
    expect("walk to the end", true, all);
    expect("to first (b)", key <= "b", [](Cursor& c) { c.seek_to_first(); });
    expect("to last (m)", key >= "m", [](Cursor& c) { c.seek_to_last(); });
    expect("to last, prev (h), next", key >= "h",
           [](Cursor& c) { c.seek_to_last(), c.prev(), c.next(); });
  }
  lab::expect_equal("walk [x, c); another commits e; is it a conflict?", false,
                    conflicts(all, "e", bounds("x", "c")));
}

TEST_CASE("a cursor that was moved, or is still there at the commit, counts") {
  Store store;
  store.put("a", "0"), store.put("c", "0");
  Transaction t = store.begin(Isolation::serializable);
  put(t, "own", "1");
  TransactionCursor first = t.scan({});
  first.seek_to_first();
  TransactionCursor second = std::move(first);
  second.next();
  store.put("b", "1");
  expect_conflict("walk from a to c, the cursor still stands there; b is put; commit", t, "'b'");
}

TEST_CASE("a range is checked against what is remembered, and what is forgotten may have changed") {
  CommitHistory history(std::size_t{1} << 20);
  history.record(writes_of({"b"}), 7);  // nobody is open: forgotten
  history.enter();
  history.record(writes_of({"d"}), 8);
  const auto expect_check = [&](Bounds range, Sequence since, bool is_conflict) {
    lab::expect_equal("record b=7; enter; record d=8; check [" + *range.lower + ", " +
                          *range.upper + ") since " + std::to_string(since) + "; is it a conflict?",
                      is_conflict, history.check_range(range, since).code() == Code::conflict);
  };
  expect_check(bounds("x", "z"), 6, true), expect_check(bounds("x", "z"), 7, false);
  expect_check(bounds("a", "d"), 7, false), expect_check(bounds("a", "e"), 7, true);
  expect_check(bounds("a", "e"), 8, false);
}

TEST_CASE("of two that each read what the other writes only the first commits") {
  Store store;
  Transaction a = store.begin(Isolation::serializable), b = store.begin(Isolation::serializable);
  get(a, "x"), put(a, "y", "1");
  get(b, "y"), put(b, "x", "1");
  expect_committed("one reads x and writes y", a);
  expect_conflict("the other reads y and writes x", b, "'y'");
}

}  // namespace
