// 2_read_test.cpp: the newest version is found wherever it lies, and nothing older instead of it.
#include "../support/allocations.hpp"
#include "../support/turns.hpp"
#include "layers.hpp"

#include <map>

namespace engine_step {
namespace {

const lab::Step step_2{"08.2", 10, "book/08-engine.md#the-read-path",
                       "Ask the newest first; the first version found is the answer, be it a put "
                       "or a tombstone."};

}  // namespace

TEST_SUITE_BEGIN("engine step 2");

TEST_CASE("what was committed is found, at any moment since") {
  Rig rig;
  const auto engine = rig.open();
  expect_get(*engine, "open a new database", "a", sequence_max, std::nullopt);
  write(*engine, {"a=1", "a=2 b=", "-a"});
  const Snapshot snapshot = engine->snapshot();
  write(*engine, {"a=5"});
  const std::string after = "commit a=1, a=2 b=, -a, take a snapshot, a=5";
  const char* const found[] = {"(nothing)", "1", "2", "2", "(nothing)", "5"};
  for (Sequence at = 0; at <= 5; ++at)
    expect_equal(after + "; get(a) at " + std::to_string(at), found[at], answer(*engine, "a", at));
  expect_get(*engine, after, "a", sequence_max, "5", "sequence_max: what is visible now.");
  expect_get(*engine, after, "a", snapshot.sequence(), std::nullopt);
  expect_get(*engine, after, "b", sequence_max, "", "An empty value is a value.");
  expect_get(*engine, after, "c", sequence_max, std::nullopt);
}

TEST_CASE("the newest layer that has a version answers, tombstones included") {
  const Layers layers;
  Image image = with_tables(
      {{6, layers.rows[0]}, {1, layers.rows[1]}, {0, layers.rows[2]}, {0, layers.rows[3]}});
  {
    Rig rig(image);
    const auto engine = rig.open();
    for (const std::size_t layer : {4, 5}) {
      WriteBatch batch = layers.batch(layer);
      expect_ok("commit", engine->commit(batch, false, nullptr));
    }
    if (!layers.expect_all(*engine, "tables in levels 6, 1, 0, 0, then two commits")) return;
    image = rig.files.after_kill();
  }
  Rig reading(image);
  reading.options.read_only = true;
  reading.options.write_buffer_bytes = 1;  // each commit is replayed into a memtable of its own
  layers.expect_all(*reading.open(), "the same, opened read-only: commits in two frozen memtables");
}

TEST_CASE("a table that can not be read is an error, never an older answer or none") {
  const Image image =
      with_tables({{6, {testing::put_at(1, "a", "old"), testing::put_at(2, "b", "")}},
                   {0, {testing::put_at(3, "a", "new"), testing::put_at(4, "c", "")}}});
  for (const char* key : {"a", "b", "c"}) {
    Rig rig(image);
    const auto engine = rig.open();
    rig.files.fail(Call::open, 1, false);
    std::string value;
    const auto found = engine->get(key, sequence_max, value);
    expect(!found.ok(), "no table can be opened; get(" + std::string(key) + ")", "an error",
           found.ok() && *found ? lab::show(value) : "\"not there\"",
           "What can not be read may hold the newest version.");
    expect_equal("the disk is well again; get(a)", "new", answer(*engine, "a"));
  }
  for (const char* key : {"a", "b", "c"}) {
    Rig rig(image);
    rig.options.cache_bytes = 0;
    const auto engine = rig.open();
    for (const char* each : {"a", "b", "c"})  // opens the tables
      expect_get(*engine, "two tables", each, sequence_max, *each == 'a' ? "new" : "");
    rig.files.fail(Call::read, 1, false);
    std::string value;
    const auto found = engine->get(key, sequence_max, value);
    expect(!found.ok(), "a block can not be read; get(" + std::string(key) + ")", "an error",
           found.ok() && *found ? lab::show(value) : "\"not there\"",
           "What can not be read may hold the newest version.");
  }
}

TEST_CASE("only tables that may hold the key are opened, and none for a key in memory") {
  Rig rig(with_tables({{6, {testing::put_at(1, "b", "old"), testing::put_at(2, "d", "")}},
                       {6, {testing::put_at(3, "m", ""), testing::put_at(4, "p", "")}},
                       {0, {testing::put_at(5, "k", ""), testing::put_at(6, "n", "")}}}));
  const auto engine = rig.open();
  write(*engine, {"b=new -c"});
  const auto opened_by = [&](std::string_view key) {
    const std::uint64_t before = rig.files.count(Call::open);
    static_cast<void>(answer(*engine, key));
    return rig.files.count(Call::open) - before;
  };
  const std::string tables = "tables b-d and m-p in level 6, k-n in level 0, b and c in memory; ";
  const std::string_view hint = "A table says which keys it covers, without being opened.";
  for (const char* key : {"b", "c", "a", "f", "z"})
    expect_equal(tables + "tables opened by get(" + key + ")", 0u, opened_by(key), hint);
  expect_equal(tables + "tables opened by get(l)", 1u, opened_by("l"), hint);
}

TEST_CASE("a batch that is just being written is seen whole or not at all") {
  bool is_over = false;
  for (int n = 1; !is_over; ++n) {
    Rig rig;
    rig.options.write_buffer_bytes = std::size_t{16} << 20;  // no flush comes into it
    const auto engine = rig.open();
    write(*engine, {"a=old z=old"});
    WriteBatch batch = batch_of("a=new b=" + std::string(100'000, 'b') + " z=new");
    std::string seen;
    Status committed;
    is_over = !testing::with_turn(
        testing::before_allocation, n, [&] { committed = engine->commit(batch, false, nullptr); },
        [&] {
          seen = answer(*engine, "a") + " ";
          seen += answer(*engine, "z");
        });
    if (!expect_ok("commit", committed)) break;
    const bool is_whole = seen == "old old" || seen == "new new" || seen == "old new";
    if (!expect(is_over || is_whole,
                "commit a=new, b, z=new, and in the middle of it get(a), get(z)",
                "old old, or new new, or old new in between", seen,
                "What is in the memtable is not visible yet."))
      break;
  }
}

TEST_CASE("through many reopenings a get says what a map says") {
  testing::Random random(82);
  std::map<std::string, std::string> model;
  Image image;
  for (int life = 0; life < 13; ++life) {  // each leaves one more table in level 0
    Rig rig(image);
    const auto engine = rig.open();
    const std::string after = "seed 82, life " + std::to_string(life);
    for (int i = 0; i < 30; ++i) {
      const std::string key = "k" + std::to_string(random.below(60));
      const std::string value = std::to_string(life) + "." + std::to_string(i);
      const bool is_put = random.chance(70);
      write(*engine, {is_put ? key + "=" + value : "-" + key});
      is_put ? void(model[key] = value) : void(model.erase(key));
    }
    for (int i = 0; i < 60; ++i) {
      const std::string key = "k" + std::to_string(i);
      const auto found = model.find(key);
      const bool is_there = found != model.end();
      if (!expect_get(*engine, after, key, sequence_max,
                      is_there ? std::optional(found->second) : std::nullopt))
        return;
    }
    image = rig.files.after_kill();
  }
}

TEST_SUITE_END();

}  // namespace engine_step
