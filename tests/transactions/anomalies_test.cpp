// anomalies_test.cpp: the anomalies that the literature names, after the list of Hermitage: which
// are prevented at which isolation. "G2-item" and "G2" are what Isolation::snapshot allows.
#include "stores.hpp"

#include <vector>

namespace {

using namespace transaction_test;
using Found = std::optional<std::string>;

constexpr Isolation both[] = {Isolation::snapshot, Isolation::serializable};

// Hermitage's table: 1 = 10, 2 = 20.
struct Table : Store {
  Table() { put("1", "10"), put("2", "20"); }
};

// The second committer of a pair that serializable refuses and snapshot allows.
void expect_only_serializable_refuses(Isolation isolation, std::string_view done, Transaction& t) {
  INFO(done);
  if (isolation == Isolation::serializable) expect_conflict(done, t, "");
  else expect_committed(done, t);
}

TEST_SUITE_BEGIN("transactions.anomalies");

TEST_CASE("G0: writes of two transactions do not interleave") {
  for (const Isolation isolation : both) {
    Table table;
    Transaction t1 = table.begin(isolation), t2 = table.begin(isolation);
    put(t1, "1", "11"), put(t2, "1", "12"), put(t1, "2", "21");
    expect_committed("t1", t1);
    CHECK(all_of(table.db) == "1=11 2=21");
    put(t2, "2", "22");
    expect_conflict("t2", t2, "'1'");
    CHECK(all_of(table.db) == "1=11 2=21");
  }
}

TEST_CASE("G1a: writes that are rolled back are never read") {
  for (const Isolation isolation : both) {
    Table table;
    Transaction t1 = table.begin(isolation), t2 = table.begin(isolation);
    put(t1, "1", "101");
    CHECK(all_of(t2) == "1=10 2=20");
    t1.rollback();
    CHECK(all_of(t2) == "1=10 2=20");
    expect_committed("t2", t2);
  }
}

TEST_CASE("G1b: writes that are overwritten before the commit are never read") {
  for (const Isolation isolation : both) {
    Table table;
    Transaction t1 = table.begin(isolation), t2 = table.begin(isolation);
    put(t1, "1", "101");
    CHECK(all_of(t2) == "1=10 2=20");
    put(t1, "1", "11");
    expect_committed("t1", t1);
    CHECK(all_of(t2) == "1=10 2=20");
    CHECK(all_of(table.db) == "1=11 2=20");
    expect_committed("t2", t2);
  }
}

TEST_CASE("G1c: two transactions do not both read what the other wrote") {
  for (const Isolation isolation : both) {
    Table table;
    Transaction t1 = table.begin(isolation), t2 = table.begin(isolation);
    put(t1, "1", "11"), put(t2, "2", "22");
    CHECK(get(t1, "2") == Found("20"));
    CHECK(get(t2, "1") == Found("10"));
    expect_committed("t1", t1);
    expect_only_serializable_refuses(isolation, "t2 read what t1 wrote since", t2);
  }
}

TEST_CASE("OTV: what was seen of a transaction does not vanish again") {
  for (const Isolation isolation : both) {
    Table table;
    Transaction t1 = table.begin(isolation), t2 = table.begin(isolation);
    put(t1, "1", "11"), put(t1, "2", "19"), put(t2, "1", "12");
    expect_committed("t1", t1);
    Transaction t3 = table.begin(isolation);
    CHECK(get(t3, "1") == Found("11"));
    put(t2, "2", "18");
    CHECK(get(t3, "2") == Found("19"));
    expect_conflict("t2", t2, "'1'");
    CHECK(all_of(t3) == "1=11 2=19");
    expect_committed("t3", t3);
  }
}

TEST_CASE("PMP: a predicate is read the same twice, and writes by a predicate do not go astray") {
  for (const Isolation isolation : both) {
    Table table;
    Transaction t1 = table.begin(isolation), t2 = table.begin(isolation);
    CHECK(all_of(t1, bounds("3", "4")) == "");
    put(t2, "3", "30");
    expect_committed("t2 inserts into the range", t2);
    CHECK(all_of(t1, bounds("3", "4")) == "");
    expect_committed("t1 only read", t1);

    Transaction t3 = table.begin(isolation), t4 = table.begin(isolation);
    put(t3, "1", "20"), put(t3, "2", "30");   // adds 10 to all
    CHECK(all_of(t4) == "1=10 2=20 3=30");
    erase(t4, "2");                           // erases where it saw 20
    expect_committed("t3", t3);
    expect_conflict("t4 erases what t3 changed", t4, "'2'");
  }
}

TEST_CASE("P4: no update is lost, neither of a key that is there nor of one that is not") {
  for (const Isolation isolation : both)
    for (const char* key : {"1", "3"}) {
      Table table;
      Transaction t1 = table.begin(isolation), t2 = table.begin(isolation);
      CHECK(get(t1, key) == get(t2, key));
      put(t1, key, "11"), put(t2, key, "12");
      expect_committed("t1", t1);
      expect_conflict("t2 overwrites what it did not see", t2, key);
      CHECK(get(table.db, key) == Found("11"));
    }
}

TEST_CASE("G-single: what is read is of one moment") {
  for (const Isolation isolation : both) {
    Table table;
    Transaction t1 = table.begin(isolation), t2 = table.begin(isolation);
    Transaction t3 = table.begin(isolation);
    CHECK(get(t1, "1") == Found("10"));
    CHECK(get(t3, "1") == Found("10"));
    put(t2, "1", "12"), put(t2, "2", "18");
    expect_committed("t2", t2);
    CHECK(get(t1, "2") == Found("20"));
    expect_committed("t1 only read", t1);
    erase(t3, "2");
    expect_conflict("t3 erases what t2 changed", t3, "'2'");
  }
}

TEST_CASE("G2-item: write skew on two keys is refused by serializable alone") {
  for (const Isolation isolation : both) {
    Table table;
    Transaction t1 = table.begin(isolation), t2 = table.begin(isolation);
    for (Transaction* t : {&t1, &t2}) get(*t, "1"), get(*t, "2");
    put(t1, "1", "11"), put(t2, "2", "21");
    expect_committed("t1", t1);
    expect_only_serializable_refuses(isolation, "t2 read what t1 wrote since", t2);
  }
}

TEST_CASE("G2: write skew through a predicate is refused by serializable alone") {
  for (const Isolation isolation : both) {
    Table table;
    Transaction t1 = table.begin(isolation), t2 = table.begin(isolation);
    for (Transaction* t : {&t1, &t2}) CHECK(all_of(*t) == "1=10 2=20");
    put(t1, "3", "30"), put(t2, "4", "42");
    expect_committed("t1", t1);
    expect_only_serializable_refuses(isolation, "t1 inserted into what t2 had walked", t2);
  }
}

TEST_CASE("G2 by a reader: what one saw who only read binds those who write") {
  for (const Isolation isolation : both) {
    Table table;
    Transaction t1 = table.begin(isolation), t2 = table.begin(isolation);
    CHECK(all_of(t1) == "1=10 2=20");
    put(t2, "2", "25");
    expect_committed("t2", t2);
    Transaction t3 = table.begin(isolation);
    CHECK(all_of(t3) == "1=10 2=25");
    expect_committed("t3 only read", t3);
    put(t1, "1", "0");
    expect_only_serializable_refuses(isolation, "t3 saw t2 without t1, t1 saw 2=20", t1);
  }
}

TEST_CASE("doctors on call: two who count in a range do not both leave") {
  for (const Isolation isolation : both) {
    Store store;
    store.put("call/alice", ""), store.put("call/bob", "");
    const auto may_leave = [](Transaction& t) {
      int count = 0;
      auto scan = t.scan(bounds("call/", "call0"));
      for (scan.seek_to_first(); scan.is_valid(); scan.next()) ++count;
      return count > 1;
    };
    Transaction alice = store.begin(isolation), bob = store.begin(isolation);
    REQUIRE(may_leave(alice));
    REQUIRE(may_leave(bob));
    erase(alice, "call/alice"), erase(bob, "call/bob");
    expect_committed("alice counts two on call, and leaves", alice);
    expect_only_serializable_refuses(isolation, "bob counted two as well, and leaves", bob);
  }
}

TEST_CASE("phantoms: an empty range that was looked at stays empty, backwards too") {
  for (const Isolation isolation : both)
    for (const bool backwards : {false, true}) {
      Store store;
      store.put("room/1/0900", "busy");
      Transaction t1 = store.begin(isolation), t2 = store.begin(isolation);
      for (Transaction* t : {&t1, &t2}) {
        auto scan = t->scan(bounds("room/1/1200", "room/1/1300"));
        backwards ? scan.seek_to_last() : scan.seek_to_first();
        REQUIRE_FALSE(scan.is_valid());
      }
      put(t1, "room/1/1200", "t1"), put(t2, "room/1/1230", "t2");
      expect_committed("t1 finds 12 to 13 free and books 12:00", t1);
      expect_only_serializable_refuses(isolation, "t2 found it free too, and books 12:30", t2);
    }
}

}  // namespace
