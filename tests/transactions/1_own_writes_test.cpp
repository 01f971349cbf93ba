// 1_own_writes_test.cpp: a transaction sees one moment and its own writes, and is over once.
#include "../support/random.hpp"
#include "stores.hpp"

#include <map>
#include <vector>

namespace {

using namespace transaction_test;
using Model = std::map<std::string, std::string>;

const lab::Step step_1{"11.1", 20, "book/11-transactions.md#own-writes-and-reads",
                       "Ask the own writes first; a tombstone there is an answer too."};

TEST_SUITE_BEGIN("transactions.1");

TEST_CASE("own writes are read back, and by nobody else") {
  Store store;
  store.put("apple", "red");
  store.put("plum", "blue");
  Transaction t = store.begin();
  put(t, "apple", "green");
  put(t, "empty", "");
  erase(t, "plum");
  const auto own = "put apple=green, put empty=(no bytes), erase plum in a transaction; get ";
  lab::expect_equal(own + std::string("apple"), std::optional<std::string>("green"),
                    get(t, "apple"));
  lab::expect_equal(own + std::string("empty"), std::optional<std::string>(""), get(t, "empty"));
  lab::expect_equal(own + std::string("plum"), std::optional<std::string>(), get(t, "plum"));
  lab::expect_equal("scan it", "apple=green empty=", all_of(t));
  lab::expect_equal("scan the database meanwhile", "apple=red plum=blue", all_of(store.db));
  put(t, "plum", "violet");
  lab::expect_equal("put plum=violet again; scan it", "apple=green empty= plum=violet", all_of(t));
}

TEST_CASE("reads are of the moment at which the transaction began") {
  Store store;
  store.put("a", "1");
  store.put("b", "1");
  Transaction t = store.begin();
  store.put("a", "2");
  store.erase("b");
  store.put("c", "2");
  REQUIRE(store.db.flush().ok());
  REQUIRE(store.db.compact().ok());
  const auto done = "a=1 b=1; begin; another writes a=2, erases b, puts c=2, flushes; ";
  lab::expect_equal(done + std::string("get a"), std::optional<std::string>("1"), get(t, "a"));
  lab::expect_equal(done + std::string("get c"), std::optional<std::string>(), get(t, "c"));
  lab::expect_equal(done + std::string("scan"), "a=1 b=1", all_of(t));
}

TEST_CASE("a scan stays within its bounds, whichever way they lie") {
  Store store;
  for (const char* key : {"a", "c", "e", "g"})
    store.put(key, "0");
  Transaction t = store.begin();
  for (const char* key : {"b", "c", "f"})
    put(t, key, "1");
  lab::expect_equal("scan [b, f)", "b=1 c=1 e=0", all_of(t, bounds("b", "f")));
  lab::expect_equal("scan [c, end)", "c=1 e=0 f=1 g=0", all_of(t, bounds("c", {})));
  lab::expect_equal("scan [start, c)", "a=0 b=1", all_of(t, bounds({}, "c")));
  lab::expect_equal("scan [f, b)", "", all_of(t, bounds("f", "b")));
  auto backwards = t.scan(bounds("f", "b"));
  backwards.seek_to_last();
  CHECK_FALSE(backwards.is_valid());
}

TEST_CASE("writes during a scan neither show in it nor harm it") {
  Store store;
  store.put("b", "0");
  Transaction t = store.begin();
  put(t, "a", "1");
  put(t, "c", "1");
  auto scan = t.scan({});
  scan.seek_to_first();
  put(t, "a", "2");
  put(t, "aa", "2");
  erase(t, "c");
  lab::expect_equal("put a=1, c=1; scan; put a=2, aa=2, erase c; value", "1", scan.value());
  lab::expect_equal("the same scan", "a=1 b=0 c=1", text_of(scan));
  lab::expect_equal("a new scan", "a=2 aa=2 b=0", all_of(t));
}

// Moves the cursor at random; it must stand where a plain map says.
void walk(TransactionCursor& cursor, const Model& model, lsmith::testing::Random& random) {
  auto at = model.end();
  std::string done;
  for (int i = 0; i < 60; ++i) {
    const std::string key(1, static_cast<char>('a' + random.below(12)));
    const auto move = random.below(at == model.end() ? 4 : 12);
    const auto before = [&](auto next) { return next == model.begin() ? model.end() : --next; };
    if (move == 0) cursor.seek_to_first(), at = model.begin(), done += " first";
    if (move == 1) cursor.seek_to_last(), at = before(model.end()), done += " last";
    if (move == 2) cursor.seek(key), at = model.lower_bound(key), done += " seek " + key;
    if (move == 3)
      cursor.seek_back(key), at = before(model.upper_bound(key)), done += " back " + key;
    if (move >= 4 && move < 8) cursor.next(), ++at, done += " next";
    if (move >= 8) cursor.prev(), at = before(at), done += " prev";
    const auto found = cursor.is_valid() ? std::optional(std::string(cursor.key())) : std::nullopt;
    const auto expected = at != model.end() ? std::optional(at->first) : std::nullopt;
    if (!lab::expect_equal("moves:" + done, expected, found)) return;
    if (found && !lab::expect_equal("value after:" + done, at->second, cursor.value())) return;
  }
}

TEST_CASE("a cursor over both sides walks as one over a map would") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    INFO("seed " << seed);
    lsmith::testing::Random random(seed);
    Store store;
    Model model;
    const auto fill = [&](auto&& put, auto&& erase, unsigned erases) {
      for (int i = 0; i < 8; ++i) {
        const std::string key(1, static_cast<char>('a' + random.below(12)));
        const std::string value = std::to_string(random.below(1000));
        if (random.chance(erases))
          erase(key), model.erase(key);
        else
          put(key, value), model[key] = value;
      }
    };
    fill([&](auto& k, auto& v) { store.put(k, v); }, [&](auto& k) { store.erase(k); }, 20);
    Transaction t = store.begin();
    fill([&](auto& k, auto& v) { put(t, k, v); }, [&](auto& k) { erase(t, k); }, 50);
    Bounds within;
    if (random.chance(50)) within.lower = std::string(1, static_cast<char>('a' + random.below(12)));
    if (random.chance(50)) within.upper = std::string(1, static_cast<char>('a' + random.below(12)));
    std::erase_if(model, [&](const auto& pair) { return !within.contains(pair.first); });
    TransactionCursor cursor = t.scan(within);
    CHECK_FALSE(cursor.is_valid());
    walk(cursor, model, random);
  }
}

TEST_CASE("what is too large is refused at once, by the limit's name, and the rest goes on") {
  Store store;
  Transaction t = store.begin();
  const std::string long_key(key_bytes_max + 1, 'k');
  for (const Status& s : {t.put(long_key, ""), t.erase(long_key)}) {
    CHECK(s.code() == Code::invalid_argument);
    CHECK_MESSAGE(s.message().find("65535") != std::string_view::npos, s.to_string());
  }
  put(t, std::string(key_bytes_max, 'k'), "longest");
  expect_committed("put a key of 65536 bytes (refused) and one of 65535; commit", t);
  CHECK(get(store.db, std::string(key_bytes_max, 'k')) == "longest");
}

}  // namespace
