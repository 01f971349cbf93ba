// history_test.cpp: what the history of commits may forget, and that it never forgets more in
// silence; and transactions whose database fails, closes or is gone.
#include "../support/random.hpp"
#include "stores.hpp"

#include <map>
#include <vector>

namespace {

using namespace transaction_test;

WriteBatch batch_of(std::vector<std::string> keys) {
  WriteBatch batch;
  for (const auto& key : keys) batch.put(key, "value");
  return batch;
}

TEST_SUITE_BEGIN("transactions.history");

TEST_CASE("a batch that is approved but not yet visible is not missed") {
  CommitHistory history(std::size_t{1} << 20);
  history.record(batch_of({"a", "b"}), 7);  // sequences 7 and 8; nobody is open
  CHECK(history.memory_bytes() == 0);
  history.enter();
  CHECK(history.check_key("a", 6).code() == Code::conflict);
  CHECK(history.check_range({}, 7).code() == Code::conflict);
  CHECK(history.check_key("a", 8).ok());
  history.record(batch_of({"c", "a", "c"}), 9);  // with 6 not yet visible, its key is remembered
  CHECK(history.check_key("b", 8).ok());
  CHECK(history.check_key("a", 9).code() == Code::conflict);
  CHECK(history.check_key("c", 10).code() == Code::conflict);
  CHECK(history.check_key("c", 11).ok());
  history.leave();
  CHECK(history.memory_bytes() == 0);
  CHECK(history.check_key("b", 10).code() == Code::conflict);  // forgotten: it can not know
}

TEST_CASE("the history stays within its bytes, and refuses who began before what it remembers") {
  for (const std::size_t bytes_max : {std::size_t{0}, std::size_t{10}, std::size_t{4096}}) {
    CommitHistory history(bytes_max);
    history.enter();
    Sequence last = 0;
    for (int i = 0; i < 500; ++i) {
      history.record(batch_of({"key" + std::to_string(i), "hot"}), last + 1);
      last += 2;
      REQUIRE(history.memory_bytes() <= bytes_max);
    }
    CHECK(history.check_key("key0", 0).code() == Code::conflict);
    CHECK(history.check_key("never", 0).code() == Code::conflict);
    CHECK(history.check_range(bounds("n", "o"), 0).code() == Code::conflict);
    CHECK(history.check_key("key499", last).ok());
    CHECK(history.check_key("hot", last - 1).code() == Code::conflict);
    history.leave();
  }
}

TEST_CASE("while somebody is open nothing within the bytes is forgotten, nothing else refused") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    lsmith::testing::Random random(seed);
    CommitHistory history(std::size_t{1} << 20);
    std::map<std::string, Sequence> model;
    Sequence last = random.below(100);
    if (last > 0) history.record(batch_of(std::vector<std::string>(last, "before")), 1);
    const Sequence begin = last;
    history.enter();
    for (int i = 0; i < 200; ++i) {
      const auto key = [&] { return std::string(1, static_cast<char>('a' + random.below(20))); };
      std::vector<std::string> keys;
      for (std::size_t count = 1 + random.below(4); count > 0; --count) keys.push_back(key());
      history.record(batch_of(keys), last + 1);
      for (const std::string& written : keys) model[written] = ++last;
      if (random.chance(10)) history.enter(), history.leave();
      const std::string asked = key(), end = key();
      const Sequence since = begin + random.below(last - begin + 1);
      const auto at = model.find(asked);
      const bool is_written = at != model.end() && at->second > since;
      CHECK(history.check_key(asked, since).ok() == !is_written);
      bool is_range_written = false;
      for (const auto& [name, sequence] : model)
        is_range_written |= asked <= name && name < end && sequence > since;
      CHECK(history.check_range(bounds(asked, end), since).ok() == !is_range_written);
    }
    history.leave();
    CHECK(history.memory_bytes() == 0);
  }
}

TEST_CASE("a long transaction against many short ones conflicts, and is never let through") {
  for (const std::size_t bytes_max : {std::size_t{0}, std::size_t{2000}, std::size_t{1} << 20}) {
    Store store(bytes_max);
    store.put("key", "0");
    Transaction longest = store.begin(), reader = store.begin(Isolation::serializable);
    put(longest, "key", "long");
    all_of(reader), put(reader, "elsewhere", "1");
    int conflicts = 0;
    for (int i = 0; i < 300; ++i) {
      Transaction shorter = store.begin();
      put(shorter, i == 0 ? "key" : "key" + std::to_string(i), "short");
      conflicts += shorter.commit(false).ok() ? 0 : 1;
    }
    lab::expect_equal("300 short transactions beside two long ones; conflicts", 0, conflicts);
    expect_conflict("a long one that writes what the first short one wrote", longest, "");
    expect_conflict("a long one that read what the short ones wrote", reader, "");
    CHECK(get(store.db, "key") == "short");
  }
}

TEST_CASE("what no open transaction can need is forgotten, though some are always open") {
  Store store(20000);
  Transaction open = store.begin();
  int conflicts = 0;
  for (int i = 0; i < 2000; ++i) {
    Transaction next = store.begin();
    put(open, std::to_string(i), std::string(100, 'x'));
    conflicts += open.commit(false).ok() ? 0 : 1;
    open = std::move(next);
  }
  lab::expect(conflicts <= 20, "2000 transactions, each begun before the last ended",
              "20 conflicts at most", conflicts);
}

TEST_CASE("however a transaction ends, the history knows that it is over") {
  Store store;  // for its files and its executor
  Options options;
  options.file_system = store.files.get();
  options.executor = &store.executor;
  auto opened = Engine::open(options, "another");
  REQUIRE(opened.ok());
  const std::shared_ptr<Engine> engine = std::move(*opened);
  const auto history = std::make_shared<CommitHistory>(std::size_t{1} << 20);
  Sequence last = 1000;
  const auto is_remembering = [&] {
    history->record(batch_of({"key"}), ++last);
    return history->memory_bytes() > 0;
  };
  const auto begin = [&] { return Transaction(engine, history, Isolation::serializable); };
  CHECK_FALSE(is_remembering());
  {
    Transaction committed = begin(), refused = begin(), rolled = begin(), replaced = begin();
    Transaction moved = begin();
    const Transaction heir = std::move(moved);
    CHECK(is_remembering());
    CHECK(committed.commit(false).ok());
    // The engine has none of what was recorded here: its snapshots are older than the history.
    CHECK(refused.put("other", "1").ok());
    expect_conflict("its snapshot is older than what the history knows", refused, "");
    rolled.rollback();
    replaced = std::move(rolled);
    CHECK(heir.is_active());
    CHECK(is_remembering());
  }
  CHECK_FALSE(is_remembering());
}

TEST_CASE("closed or destroyed, the database gives its error to the commit") {
  std::optional<Transaction> closed, orphan;
  {
    Store store;
    store.put("a", "1");
    closed = store.begin();
    put(*closed, "b", "1");
    REQUIRE(store.db.close().ok());
    CHECK(closed->commit(false).code() == Code::read_only);
    CHECK_FALSE(closed->is_active());
    closed.reset();
  }
  Store store;
  store.put("a", "1");
  {
    Db gone = std::move(store.db);
    orphan = gone.begin(Isolation::serializable);
    put(*orphan, "b", "1");
  }
  CHECK(get(*orphan, "a") == "1");
  CHECK(all_of(*orphan) == "a=1 b=1");
  CHECK(orphan->commit(true).code() == Code::read_only);
  orphan.reset();
}

TEST_CASE("own writes do not hide that the database can not be read") {
  Store store;
  for (const char* key : {"b", "d", "f"}) store.put(key, "0");
  REQUIRE(store.db.flush().ok());
  Db second = store.reopen();
  REQUIRE(second.close().ok());
  const auto names = store.files->list("db");
  REQUIRE(names.ok());
  for (const std::string& name : *names) {
    if (name.find(".sst") == std::string::npos) continue;
    std::string bytes = *read_file(*store.files, "db/" + name);
    bytes[8] = static_cast<char>(bytes[8] ^ 1);  // in the first data block
    auto file = store.files->create("db/" + name);
    REQUIRE((*file)->append(bytes).ok());
    REQUIRE((*file)->close().ok());
  }
  Db broken = store.reopen();
  Transaction t = broken.begin(Isolation::serializable);
  for (const char* key : {"a", "b", "g"}) put(t, key, "1");
  auto scan = t.scan({});
  scan.seek_to_first();
  CHECK_FALSE(scan.is_valid());
  CHECK(scan.status().code() == Code::corruption);
  scan.seek_to_last();
  CHECK_FALSE(scan.is_valid());
  scan.seek("c");
  CHECK_FALSE(scan.is_valid());
  scan.seek_back("c");
  CHECK(scan.status().code() == Code::corruption);
  CHECK(get(t, "a") == "1");
}

}  // namespace
