// 2_snapshot_isolation_test.cpp: of two that write one key the first wins, and the end is the end.
#include "stores.hpp"

#include <memory>
#include <string>
#include <utility>
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
  Transaction open = store.begin();  // so that all are remembered
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
  Transaction refused = store.begin();
  put(moved, "m", "1"), put(refused, "r", "1");
  store.put("r", "0");
  expect_conflict("another puts r; commit of a put of r", refused, "'r'");
  Transaction heir = std::move(moved);
  expect_committed("commit nothing", committed);
  rolled.rollback();
  const auto named = [](const char* how, Transaction& t) { return std::pair(how, &t); };
  for (const auto& [how, t] : {named("committed", committed), named("rolled back", rolled),
                               named("moved", moved), named("refused", refused)}) {
    std::string value;
    const auto cursor = t->scan({});
    CHECK_FALSE(cursor.is_valid());
    const std::vector<Status> all = {t->get("a", value).status(), t->put("a", "1"), t->erase("a"),
                                     t->commit(false), cursor.status()};
    for (const Status& s : all)
      lab::expect_equal("a call on one that was " + std::string(how),
                        "invalid argument: the transaction is over", s.to_string());
    CHECK_FALSE(t->is_active());
  }
  expect_committed("the one that was moved goes on where it was moved to", heir);
  CHECK(get(store.db, "m") == "1");
}

TEST_CASE("the history gives every write its number, and refuses what it can not know") {
  CommitHistory history(std::size_t{1} << 20);
  history.record(writes_of({"a", "b"}), 7);
  lab::expect_equal("record a=7 b=8, nobody is open; memory_bytes()", 0u, history.memory_bytes());
  history.enter();
  history.record(writes_of({"c", "a", "c"}), 9);
  const auto expect_check = [&](const std::string& key, Sequence since, bool is_conflict) {
    lab::expect_equal("record a=7 b=8; enter; record c=9 a=10 c=11; check " + key + " since " +
                          std::to_string(since) + "; is it a conflict?",
                      is_conflict, history.check_key(key, since).code() == Code::conflict);
  };
  // Whoever began at 7 has not seen what 8 wrote, and it is not remembered.
  expect_check("b", 7, true), expect_check("never", 7, true), expect_check("never", 8, false);
  expect_check("a", 9, true), expect_check("a", 10, false);
  expect_check("c", 10, true), expect_check("c", 11, false);
}

TEST_CASE("the history stays within its bytes, and loses no conflict by forgetting") {
  for (const std::size_t bytes_max : {0u, 100u, 4096u}) {
    CommitHistory history(bytes_max);
    history.enter();
    const std::string done = "enter a history of " + lab::show(bytes_max) + " bytes; commits: ";
    bool is_within = true;
    for (Sequence i = 1; i <= 200 && is_within; ++i) {
      history.record(writes_of({"key " + std::to_string(i)}), i);
      is_within = lab::expect(history.memory_bytes() <= bytes_max, done + lab::show(i),
                              "as many bytes at most", history.memory_bytes());
    }
    lab::expect_equal(done + "200; does a put of key 1 since 0 conflict?", true,
                      history.check_key("key 1", 0).code() == Code::conflict);
    lab::expect_equal(done + "200; does a put of key 9 since 200 conflict?", false,
                      history.check_key("key 9", 200).code() == Code::conflict);
  }
}

TEST_CASE("however a transaction ends, it leaves the history") {
  Store store;
  Options options;
  options.file_system = store.files.get(), options.executor = &store.executor;
  auto opened = Engine::open(options, "another");
  REQUIRE(opened.ok());
  const std::shared_ptr<Engine> engine = std::move(*opened);
  for (const std::string end : {"commit nothing", "commit a", "roll back", "destroy", "replace"}) {
    const auto history = std::make_shared<CommitHistory>(std::size_t{1} << 20);
    {
      Transaction t(engine, history, Isolation::snapshot);
      if (end == "commit a") put(t, "a", "1");
      if (end.starts_with("commit")) expect_committed(end, t);
      if (end == "roll back") t.rollback();
      if (end == "replace") t = Transaction(engine, history, Isolation::snapshot);
    }
    history->record(writes_of({"key"}), 1000);
    lab::expect_equal("begin, " + end + "; others commit; memory_bytes()", 0u,
                      history->memory_bytes());
  }
}

}  // namespace
