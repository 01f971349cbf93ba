// api_test.cpp: what the public face promises: limits, bounds, handles, events, figures, options.
#include "history.hpp"

#include <iterator>
#include <memory>

using namespace lsmith;
using namespace engine_test;
using Type = FileName::Type;

namespace {

void put_many(Db& db, int first, int last, const std::string& value) {
  for (int i = first; i <= last; ++i)
    REQUIRE(db.put(key_of(i), value + std::to_string(i)).ok());
}

std::vector<std::string> keys_of(Scan scan) {
  std::vector<std::string> keys;
  for (auto [key, value] : scan)
    keys.emplace_back(key);
  CHECK(scan.status().ok());
  return keys;
}

}  // namespace

TEST_SUITE("api") {
  TEST_CASE("a key or value over its limit is refused with the limit's name, and nothing is lost") {
    Machine machine;
    Db db = machine.open();
    REQUIRE(db.put("a", "1").ok());
    const std::string longest(key_bytes_max, 'k');
    const std::string too_long(key_bytes_max + 1, 'k');
    REQUIRE(db.put(longest, "longest").ok());
    const Status refused = db.put(too_long, "2");
    CHECK(refused.code() == Code::invalid_argument);
    CHECK_MESSAGE(mentions(refused, "65535"), refused.to_string());
    CHECK(db.erase(too_long).code() == Code::invalid_argument);
    // The view claims more bytes than there are: it must be refused before any is read.
    const std::string_view huge("x", value_bytes_max + 1);
    const Status too_large = db.put("b", huge);
    CHECK(too_large.code() == Code::invalid_argument);
    CHECK_MESSAGE(mentions(too_large, std::to_string(value_bytes_max)), too_large.to_string());
    WriteBatch batch;
    batch.put("c", "3");
    batch.put(too_long, "4");
    batch.put("d", "5");
    CHECK(db.write(batch).code() == Code::invalid_argument);
    CHECK(db.health().ok());
    CHECK(keys_of(db.scan()) == std::vector<std::string>{"a", longest});
    REQUIRE(db.flush().ok());
    CHECK(value_of(db, longest) == "longest");
    CHECK(value_of(db, too_long) == "(nothing)");
  }

  TEST_CASE("empty keys and values, empty batches and absent erases are fine") {
    Machine machine;
    Db db = machine.open();
    REQUIRE(db.put("", "").ok());
    REQUIRE(db.put("a", "").ok());
    REQUIRE(db.erase("never there").ok());
    WriteBatch nothing;
    REQUIRE(db.write(nothing).ok());
    REQUIRE(db.write(nothing, Durability::power).ok());
    for (int stage = 0; stage < 3; ++stage) {
      CHECK(value_of(db, "") == "");
      CHECK(value_of(db, "a") == "");
      CHECK(keys_of(db.scan()) == std::vector<std::string>{"", "a"});
      REQUIRE((stage == 0 ? db.flush() : db.compact()).ok());
    }
    std::string value = "left from before";
    CHECK(*db.get("a", value));
    CHECK(value == "");
    CHECK_FALSE(*db.get("b", value));
  }

  TEST_CASE("bounds include the lower and exclude the upper, from both sides") {
    Machine machine;
    Db db = machine.open();
    put_many(db, 0, 9, "");
    REQUIRE(db.flush().ok());
    using Keys = std::vector<std::string>;
    CHECK(keys_of(db.scan(key_of(3), key_of(6))) == Keys{key_of(3), key_of(4), key_of(5)});
    CHECK(keys_of(db.scan({}, key_of(2))) == Keys{key_of(0), key_of(1)});
    CHECK(keys_of(db.scan(key_of(8))) == Keys{key_of(8), key_of(9)});
    CHECK(keys_of(db.scan(key_of(5), key_of(5))).empty());
    CHECK(keys_of(db.scan(key_of(6), key_of(3))).empty());
    auto scan = db.scan(key_of(3), key_of(6));
    auto& cursor = scan.cursor();
    cursor.seek(key_of(0));
    REQUIRE(cursor.is_valid());
    CHECK(cursor.key() == key_of(3));
    cursor.prev();
    CHECK_FALSE(cursor.is_valid());
    cursor.seek_back(key_of(9));
    REQUIRE(cursor.is_valid());
    CHECK(cursor.key() == key_of(5));
    cursor.next();
    CHECK_FALSE(cursor.is_valid());
    cursor.seek(key_of(7));
    CHECK_FALSE(cursor.is_valid());
    CHECK(keys_of(std::move(scan)).size() == 3);  // a loop starts again
  }

  TEST_CASE("scan_prefix finds what begins with it, 0xff included") {
    Machine machine;
    Db db = machine.open();
    const std::vector<std::string> keys{"",  "a",    "a\xff",    "a\xff\xff", "a\xff\xff!",
                                        "b", "\xff", "\xff\xfe", "\xff\xff",  "\xff\xff\x01"};
    for (const std::string& key : keys)
      REQUIRE(db.put(key, "v").ok());
    for (const std::string prefix : {"", "a", "a\xff", "a\xff\xff", "b", "\xff", "\xff\xff", "c"}) {
      std::vector<std::string> expected;
      for (const std::string& key : keys)
        if (key.starts_with(prefix)) expected.push_back(key);
      CHECK(keys_of(db.scan_prefix(prefix)) == expected);
    }
    CHECK(prefix_end("a\xff") == "b");
    CHECK_FALSE(prefix_end("\xff\xff"));
    CHECK_FALSE(prefix_end(""));
  }

  TEST_CASE("the error of a scan is never lost") {
    Machine machine;
    machine.options.cache_bytes = 0;
    {
      Db db = machine.open();
      put_many(db, 0, 200, "value");
      REQUIRE(db.close().ok());
    }
    Db db = machine.open();
    REQUIRE(db.get(key_of(0)).ok());  // the table is open now
    machine.files.fail(Call::read, 1, true);
    {
      auto scan = db.scan();
      for ([[maybe_unused]] auto entry : scan) {
      }
      CHECK(scan.status().code() == Code::io_error);
    }
    CHECK(db.last_scan_error().ok());  // it was asked for
    for ([[maybe_unused]] auto entry : db.scan()) {
    }
    const Status kept = db.last_scan_error();
    CHECK(kept.code() == Code::io_error);
    CHECK(mentions(kept, "was told to fail"));
    CHECK(db.last_scan_error().ok());
    CHECK(db.get(key_of(100)).status().code() == Code::io_error);
    CHECK(db.health().ok());  // a failed read stops nobody
    machine.files.heal();
    CHECK(keys_of(db.scan()).size() == 201);
    CHECK(db.last_scan_error().ok());
  }

  TEST_CASE("scans, snapshots and transactions may outlive the Db") {
    Machine machine;
    auto db = std::make_unique<Db>(machine.open());
    put_many(*db, 0, 60, "old");
    REQUIRE(db->flush().ok());
    put_many(*db, 0, 5, "new");
    auto scan = db->scan();
    auto begun = db->scan();
    auto place = begun.begin();
    Snapshot snapshot = db->snapshot();
    Transaction transaction = db->begin();
    REQUIRE(transaction.put("t", "1").ok());
    put_many(*db, 0, 60, "newest");
    REQUIRE(db->compact().ok());  // what they read is no longer part of the database
    db.reset();
    int count = 0;
    for (auto [key, value] : scan) {
      CHECK(value == (count < 6 ? "new" : "old") + std::to_string(count));
      ++count;
    }
    CHECK(count == 61);
    CHECK(scan.status().ok());
    for (count = 0; place != std::default_sentinel; ++place)
      ++count;
    CHECK(count == 61);
    std::string value;
    const auto found = transaction.get(key_of(3), value);
    REQUIRE(found.ok());
    CHECK(value == "new3");
    CHECK_FALSE(transaction.commit(false).ok());
    CHECK(snapshot.sequence() > 0);
    snapshot = Snapshot();
    Db again = machine.open();
    CHECK(value_of(again, key_of(3)) == "newest3");
    CHECK(value_of(again, "t") == "(nothing)");
  }

  TEST_CASE("a Db can be moved, also onto an open one, which is closed") {
    Machine one;
    Machine two;
    Db a = one.open();
    Db b = two.open();
    REQUIRE(a.put("in", "a").ok());
    REQUIRE(b.put("in", "b").ok());
    Db c = std::move(a);
    CHECK(value_of(c, "in") == "a");
    c = std::move(b);
    CHECK(value_of(c, "in") == "b");
    Db reopened = one.open();  // its lock was given back
    CHECK(value_of(reopened, "in") == "a");
  }

  TEST_CASE("close is final, gives the lock back, and may be called twice") {
    Machine machine;
    Db db = machine.open();
    REQUIRE(db.put("a", "1").ok());
    REQUIRE(db.close().ok());
    CHECK(db.close().ok());
    CHECK(db.put("a", "2").code() == Code::read_only);
    CHECK(db.health().code() == Code::read_only);
    CHECK(value_of(db, "a") == "1");
    Db second = machine.open();
    CHECK(value_of(second, "a") == "1");
  }

  TEST_CASE("options out of range are refused by name") {
    const auto expect = [](const char* name, auto change) {
      Machine machine;
      change(machine.options);
      const auto db = machine.try_open();
      CHECK_MESSAGE(db.status().code() == Code::invalid_argument, name);
      CHECK_MESSAGE(mentions(db.status(), name), db.status().to_string());
      CHECK_FALSE(machine.files.exists(folder));
    };
    expect("write_buffer_bytes", [](Options& o) { o.write_buffer_bytes = 0; });
    expect("block_bytes", [](Options& o) { o.block_bytes = 1; });
    expect("block_bytes", [](Options& o) { o.block_bytes = (std::size_t{1} << 26) + 1; });
    expect("table_bytes", [](Options& o) { o.table_bytes = 0; });
    expect("level_base_bytes", [](Options& o) { o.level_base_bytes = 0; });
    expect("level_ratio", [](Options& o) { o.level_ratio = 1; });
    expect("bloom_bits_per_key", [](Options& o) { o.bloom_bits_per_key = -1; });
    expect("bloom_bits_per_key", [](Options& o) { o.bloom_bits_per_key = 65; });
    expect("frozen_memtables_max", [](Options& o) { o.frozen_memtables_max = 0; });
    expect("open_tables_max", [](Options& o) { o.open_tables_max = 0; });
    expect("tiered_runs_max", [](Options& o) { o.tiered_runs_max = 1; });
    expect("level0_compact_count", [](Options& o) { o.level0_compact_count = 0; });
    expect("level0_slow_count", [](Options& o) { o.level0_slow_count = 1; });
    expect("level0_stop_count", [](Options& o) { o.level0_stop_count = 1; });
  }

  TEST_CASE("mapped tables, no filters, no cache, few open tables: the same answers") {
    const History history(100);
    for (int variant = 0; variant < 4; ++variant) {
      Machine machine;
      Options& options = machine.options;
      if (variant == 0) options.mapped_tables = true;
      if (variant == 1) options.bloom_bits_per_key = 0;
      if (variant == 2) options.cache_bytes = 0;
      if (variant == 3) options.open_tables_max = 8;
      if (variant == 3) options.table_bytes = 1024;
      Db db = machine.open();
      history.write_all(db, 1, 90);
      REQUIRE(db.compact().ok());
      history.write_all(db, 91, 100);
      CHECK(check_prefix(db, history, 100, 100) == "");
    }
  }

  TEST_CASE("a snapshot keeps what it sees through flush and compaction; what nobody sees goes") {
    Machine machine;
    stop_compactions(machine.options);
    Db db = machine.open();
    REQUIRE(db.put("k", "1").ok());
    const Snapshot first = db.snapshot();
    REQUIRE(db.put("k", "2").ok());
    REQUIRE(db.put("k", "3").ok());
    Snapshot second = db.snapshot();
    REQUIRE(db.put("k", "4").ok());
    REQUIRE(db.erase("k").ok());
    REQUIRE(db.put("k", "5").ok());
    CHECK(db.stats().snapshots == 2);
    const auto see = [&] {
      CHECK(value_of(db, "k", &first) == "1");
      CHECK(value_of(db, "k", &second) == "3");
      CHECK(value_of(db, "k") == "5");
      auto scan = db.scan({}, {}, &first);
      for (auto [key, value] : scan)
        CHECK(value == "1");
    };
    see();
    REQUIRE(db.flush().ok());
    see();
    CHECK(in_tables(db).entries == 3);
    REQUIRE(db.compact().ok());
    see();
    CHECK(in_tables(db).entries == 3);
    second = Snapshot();
    REQUIRE(db.put("j", "").ok());  // so that there is something to merge
    REQUIRE(db.compact().ok());
    CHECK(value_of(db, "k", &first) == "1");
    CHECK(value_of(db, "k") == "5");
    CHECK(in_tables(db).entries == 3);  // "1", "5", and j
  }

  TEST_CASE("compact(range) drops what is garbage there, and nothing else") {
    Machine machine;
    stop_compactions(machine.options);
    Db db = machine.open();
    put_many(db, 0, 99, "a");
    REQUIRE(db.flush().ok());
    put_many(db, 0, 99, "b");
    for (int i = 0; i < 100; i += 2)
      REQUIRE(db.erase(key_of(i)).ok());
    REQUIRE(db.flush().ok());
    REQUIRE(db.compact(key_of(20), key_of(30)).ok());
    CHECK(keys_of(db.scan()).size() == 50);
    REQUIRE(db.compact().ok());
    const Stats::Level all = in_tables(db);
    CHECK(all.entries == 50);
    CHECK(all.erases == 0);
    CHECK(keys_of(db.scan()).size() == 50);
    for (int i = 0; i < 100; ++i)
      CHECK(value_of(db, key_of(i)) == (i % 2 == 0 ? "(nothing)" : "b" + std::to_string(i)));
    CHECK(db.check().empty());
  }

  TEST_CASE("a cursor can be sought with a view of its own key") {
    Machine machine;
    stop_compactions(machine.options);
    Db db = machine.open();
    for (int table = 0; table < 3; ++table) {  // neighbours stand in different tables
      for (int i = table; i < 60; i += 3)
        REQUIRE(db.put(key_of(i), "1").ok());
      if (table < 2) REQUIRE(db.flush().ok());
    }
    Scan scan = db.scan();
    UserCursor& cursor = scan.cursor();
    int found = 0;
    for (cursor.seek_to_first(); cursor.is_valid(); cursor.next()) {
      REQUIRE(cursor.key() == key_of(found));
      cursor.seek(cursor.key());
      REQUIRE(cursor.is_valid());
      CHECK(cursor.key() == key_of(found));
      cursor.seek_back(cursor.key());
      REQUIRE(cursor.is_valid());
      CHECK(cursor.key() == key_of(found));
      ++found;
    }
    CHECK(found == 60);
  }

  TEST_CASE("a transaction's cursor can be sought by its own key, to both sides") {
    Machine machine;
    Db db = machine.open();
    for (int i = 0; i < 60; i += 3)
      REQUIRE(db.put(key_of(i), "1").ok());
    REQUIRE(db.flush().ok());  // a table's cursor puts its keys together in one place
    Transaction transaction = db.begin();
    for (int i = 0; i < 60; ++i)
      if (i % 3 != 0) REQUIRE(transaction.put(key_of(i), "own").ok());
    TransactionCursor cursor = transaction.scan(Bounds{});
    for (int i = 1; i < 60; ++i) {
      cursor.seek(key_of(i));
      REQUIRE(cursor.is_valid());
      cursor.seek(cursor.key());
      CHECK(cursor.key() == key_of(i));
      cursor.seek_back(cursor.key());
      REQUIRE(cursor.is_valid());
      CHECK(cursor.key() == key_of(i));
      cursor.prev();
      REQUIRE(cursor.is_valid());
      CHECK(cursor.key() == key_of(i - 1));
    }
  }

  TEST_CASE("the preset for fast reads reads; scans step by either ++; cursors can be assigned") {
    Machine machine({}, fast_read_options());
    Db db = machine.open();
    for (const char* key : {"a", "b", "c"})
      REQUIRE(db.put(key, key).ok());
    REQUIRE(db.flush().ok());
    CHECK(value_of(db, "b") == "b");
    Scan scan = db.scan("b");
    auto at = scan.begin();
    at++;
    CHECK((*at).key == "c");
    Transaction transaction = db.begin();
    TransactionCursor cursor = transaction.scan(Bounds{});
    cursor = transaction.scan(Bounds{"b", std::nullopt});
    cursor.seek_to_first();
    REQUIRE(cursor.is_valid());
    CHECK(cursor.key() == "b");
  }
}
