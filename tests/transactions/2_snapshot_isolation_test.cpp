// 2_snapshot_isolation_test.cpp: of two that write one key the first wins, and the end is the end.
#include "stores.hpp"

#include <vector>

namespace {

using namespace transaction_test;

const lab::Step step_2{"11.2", 30, "book/11-transactions.md#first-committer-wins",
                       "Check every key of the batch against the history, then record the batch."};

TEST_SUITE_BEGIN("transactions.2");

TEST_CASE("a commit writes each key once, all of them at one moment") {
  Store store;
  store.put("a", "1");
  const Sequence before = store.db.snapshot().sequence();
  Transaction t = store.begin();
  for (const char* value : {"2", "3", "4"})
    put(t, "a", value), put(t, "b", value);
  erase(t, "b");
  expect_committed("put a and b three times, erase b; commit", t);
  lab::expect_equal("scan", "a=4", all_of(store.db));
  lab::expect_equal("sequence numbers that the commit of two keys took", Sequence{2},
                    store.db.snapshot().sequence() - before);
}

TEST_CASE("of two that write one key the first to commit wins, whatever they write") {
  for (const bool was_there : {false, true})
    for (const bool first_erases : {false, true})
      for (const bool second_erases : {false, true}) {
        Store store;
        if (was_there) store.put("key", "0");
        Transaction first = store.begin(), second = store.begin();
        first_erases ? erase(first, "key") : put(first, "key", "1");
        second_erases ? erase(second, "key") : put(second, "key", "2");
        put(second, "other", "2");
        expect_committed("two transactions write `key`; commit of the first", first);
        expect_conflict("the first committed; commit of the second", second, "key");
        lab::expect_equal("scan after both", first_erases ? "" : "key=1", all_of(store.db));
        Transaction again = store.begin();
        put(again, "key", "2");
        expect_committed("the second is run again", again);
      }
}

TEST_CASE("plain writes and batches count as commits, before the beginning they do not") {
  Store store;
  store.put("early", "0");
  Transaction a = store.begin(), b = store.begin(), c = store.begin();
  for (Transaction* t : {&a, &b, &c})
    put(*t, "free", "1"), put(*t, "early", "1");
  put(a, "x", "1"), put(b, "y", "1"), put(c, "z", "1");
  erase(a, "early");
  store.put("x", "0");
  WriteBatch batch;
  batch.put("w", "0"), batch.erase("y");
  REQUIRE(store.db.write(batch).ok());
  expect_conflict("begin; a plain put of x; commit of a put of x", a, "'x'");
  expect_conflict("begin; a batch that erases y; commit of a put of y", b, "'y'");
  expect_committed("the others were refused and wrote nothing; commit of early, free, z", c);
}

TEST_CASE("transactions that write different keys all commit, and a refused one wrote nothing") {
  Store store;
  Transaction a = store.begin(), b = store.begin(), c = store.begin();
  put(a, "a", "1"), put(b, "b", "1"), put(c, "b", "2"), put(c, "c", "2");
  expect_committed("a writes a", a);
  expect_committed("b writes b", b);
  Transaction d = store.begin();
  put(d, "c", "3");
  expect_conflict("c writes b and c", c, "'b'");
  expect_committed("d writes c, which c wanted but did not get", d);
  lab::expect_equal("scan", "a=1 b=1 c=3", all_of(store.db));
}

TEST_CASE("without writes a transaction always commits, and takes no sequence number") {
  for (const Isolation isolation : {Isolation::snapshot, Isolation::serializable}) {
    Store store(0);  // a history that remembers nothing
    store.put("a", "0");
    Transaction t = store.begin(isolation);
    get(t, "a"), all_of(t);
    store.put("a", "1"), store.put("b", "1");
    const Sequence before = store.db.snapshot().sequence();
    expect_committed("read everything; others change it; commit", t);
    CHECK(store.db.snapshot().sequence() == before);
    Transaction late = store.begin(isolation);
    REQUIRE(store.db.close().ok());
    expect_committed("the database is closed; commit without writes", late);
  }
}

TEST_CASE("rolled back, dropped or replaced, it leaves nothing behind") {
  Store store;
  Transaction other = store.begin();
  put(other, "a", "9");
  {
    Transaction rolled = store.begin(), dropped = store.begin(), replaced = store.begin();
    put(rolled, "a", "1"), put(dropped, "a", "2"), put(replaced, "a", "3");
    rolled.rollback(), rolled.rollback();
    CHECK_FALSE(rolled.is_active());
    replaced = store.begin();
    CHECK(get(replaced, "a") == std::nullopt);
  }
  lab::expect_equal("three that wrote `a` are gone; scan", "", all_of(store.db));
  expect_committed("a fourth commits", other);
  lab::expect_equal("snapshots that are still held", std::size_t{0},
                    static_cast<std::size_t>(store.db.stats().snapshots));
}

TEST_CASE("what is over stays over, and says so") {
  Store store;
  Transaction committed = store.begin(), rolled = store.begin(), moved = store.begin();
  put(moved, "m", "1");
  Transaction heir = std::move(moved);
  expect_committed("commit nothing", committed);
  rolled.rollback();
  for (Transaction* t : {&committed, &rolled, &moved}) {
    std::string value;
    const auto cursor = t->scan({});
    CHECK_FALSE(cursor.is_valid());
    const std::vector<Status> all = {t->get("a", value).status(), t->put("a", "1"), t->erase("a"),
                                     t->commit(false), cursor.status()};
    for (const Status& s : all) {
      CHECK(s.code() == Code::invalid_argument);
      lab::expect_equal("a call on what is over", "the transaction is over", s.message());
    }
    CHECK_FALSE(t->is_active());
  }
  expect_committed("the one that was moved goes on where it was moved to", heir);
  CHECK(get(store.db, "m") == "1");
}

}  // namespace
