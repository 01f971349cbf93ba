// 3_flush_test.cpp: a memtable becomes a table, in an order in which a crash takes nothing.
#include "../support/turns.hpp"
#include "rigs.hpp"

#include <map>

namespace engine_step {
namespace {

const lab::Step step_3{"08.3", 20, "book/08-engine.md#flush-and-the-order-of-publication",
                       "Table, folder, manifest, then the view; only then may the log go."};

// Commits, a flush, and commits that change what was flushed, all synced.
std::unique_ptr<Engine> prepare(Rig& rig) {
  auto engine = rig.open();
  write(*engine, {"a=1 b=1 c=1", "d=1"}, true);
  expect_ok("flush()", engine->flush());
  write(*engine, {"a=2 -b", "e=2 -d f=2"}, true);
  return engine;
}
const std::string prepared = "commit a=1 b=1 c=1, d=1, flush, commit a=2 -b, e=2 -d f=2, flush";
const std::string all = "a=2 c=1 e=2 f=2";

}  // namespace

TEST_SUITE_BEGIN("engine step 3");

TEST_CASE("a flush makes one table of the memtable, and the answers stay the same") {
  Rig rig;
  const auto engine = prepare(rig);
  const std::uint64_t memory = engine->stats().memtable_bytes;
  write(*engine, {"g=" + std::string(20000, 'v'), "-g"}, true);
  expect_ok("flush()", engine->flush());
  expect_all(*engine, prepared, all);
  expect_equal(prepared + "; tables", 2u, table_count(*engine));
  expect(engine->stats().memtable_bytes <= memory, prepared + "; bytes in memtables",
         "those of an empty one", engine->stats().memtable_bytes,
         "After the flush a new memtable stands in the view.");
  write(*engine, {"a=3 -c"});
  expect_all(*engine, prepared + ", commit a=3 -c", "a=3 e=2 f=2");
}

TEST_CASE("a flush of nothing makes nothing") {
  Rig rig;
  const auto engine = rig.open();
  for (const std::uint64_t tables : {0, 1}) {
    const std::string done =
        tables == 0 ? "open a new database, flush()" : "commit -a, flush twice";
    if (tables == 1) write(*engine, {"-a"});
    if (tables == 1) expect_ok("commit -a, flush()", engine->flush());
    const Image before = rig.files.after_kill();
    expect_ok(done, engine->flush());
    expect_equal(done + "; the log", NewestLog(before).end, NewestLog(rig.files.after_kill()).end);
    expect_equal(done + "; files are as before", true, rig.files.after_kill() == before);
    expect_equal(done + "; tables", tables, table_count(*engine));
  }
}

TEST_CASE("a crash after any call of a flush loses nothing") {
  Rig rig;
  const auto engine = prepare(rig);
  int examined = 0;
  rig.files.on_change = [&](Call call, const std::string& path) {
    expect_recovers(rig, prepared + "; after its " + name_of(call) + " " + path, all);
    ++examined;
  };
  expect_ok("flush()", engine->flush());
  rig.files.on_change = nullptr;
  expect(examined > 6, prepared + "; calls that changed a file", "some", examined);
}

TEST_CASE("what is committed after a flush is in the new log, and the old one is gone") {
  Rig rig;
  const auto engine = rig.open();
  for (int i = 1; i <= 5; ++i) {
    const std::string value = std::to_string(i), done = "commit and flush " + value + " times; ";
    write(*engine, {"a=" + value});
    const NewestLog old(rig.files.after_kill());
    expect_ok("flush()", engine->flush());
    expect_equal(done + "the folder has", "1 logs",
                 std::to_string(logs_of(rig.files.after_kill()).size()) + " logs");
    expect_equal(done + "where the log says that the one before it ended", old.end,
                 NewestLog(rig.files.after_kill()).previous_end);
    write(*engine, {"b=" + value}, true);
    const std::string expected = "a=" + value + " b=" + value;
    expect_equal(done + "commit b, cut the power", expected,
                 recovered(rig.files.after_power_cut()));
  }
  expect_ok("flush()", engine->flush());
  Rig second(rig.files.after_power_cut());
  const auto reopened = second.open();
  WriteBatch batch = batch_of("a=9");
  expect_ok("commit a=9", reopened->commit(batch, false, nullptr));
  expect_equal("10 writes, 6 flushes, reopen; sequence() of the next batch", 11u, batch.sequence());
  expect_all(*reopened, "10 writes, 6 flushes, reopen, commit a=9", "a=9 b=5");
}

TEST_CASE("a flush that fails is told, loses nothing, removes nothing, and ends all writing") {
  int failed = 0;
  for (const Call call :
       {Call::create, Call::append, Call::sync, Call::sync_dir, Call::create_log, Call::reuse_log,
        Call::log_write, Call::log_sync, Call::remove, Call::rename}) {
    for (std::uint64_t n = 1; n <= 30; ++n) {
      Rig rig;
      const auto engine = prepare(rig);
      const Image before = rig.files.after_kill();
      rig.files.fail(call, n, false);
      const Status s = engine->flush();
      if (!rig.files.has_failed()) break;
      const std::string done =
          prepared + "; its " + name_of(call) + " " + std::to_string(n) + " fails";
      expect_all(*engine, done, all);
      expect_recovers(rig, done, all);
      const bool is_of_garbage =
          call == Call::remove || call == Call::rename || call == Call::reuse_log;
      if (is_of_garbage) continue;  // it stays: told or not
      ++failed;
      expect_failure(done + "; flush()", s, false);
      expect_failure(done + "; commit x=1", commit(*engine, "x=1"), true);
      expect_failure(done + "; flush() again", engine->flush(), true);
      expect_equal(done + "; tables", 1u, table_count(*engine),
                   "What the manifest may not hold must not be shown.");
      const Image after = rig.files.after_kill();
      for (const auto& [path, bytes] : before)  // but for a retired log, which may be used again
        expect(after.contains(path) || path.ends_with(".old"), done, "every file is kept",
               lab::Words{path + " is gone"});
    }
  }
  expect(failed >= 6, "every call of a flush fails once", "failed flushes", failed);
}

TEST_CASE("a full memtable is flushed without being asked, and what is due is compacted") {
  Rig rig;
  rig.options.write_buffer_bytes = 8192;
  const auto engine = rig.open();
  expect_ok("flush()", engine->flush());
  std::map<std::string, std::string> model;
  for (int i = 0; i < 600; ++i) {
    const std::string key = "k" + std::to_string(100 + i * 37 % 90);
    model[key] = std::to_string(i) + std::string(90, '.');
    write(*engine, {key + "=" + model[key]});
  }
  expect_ok("wait_idle()", engine->wait_idle());
  std::string expected;
  for (const auto& [key, value] : model)
    expected += (expected.empty() ? "" : " ") + key + "=" + value;
  const std::string done = "write_buffer_bytes = 8192, 600 commits of 100 bytes";
  const Stats stats = engine->stats();
  expect(table_count(*engine) > 0, done + "; tables", "some", table_count(*engine),
         "commit() looks at memory_bytes() when it is done.");
  expect(stats.memtable_bytes < 32768, done + "; bytes in memtables", "a few times that",
         stats.memtable_bytes);
  expect(stats.levels[0].tables < 5, done + "; tables in level 0", "at most 4",
         stats.levels[0].tables, "Compact while it is due, after each flush.");
  expect_all(*engine, done, expected);
  expect_equal(done + "; kill, recover", expected, recovered(rig.files.after_kill()));
}

TEST_CASE("a compaction removes the tables that it replaced, and none that it moved") {
  Rig rig;
  const auto engine = rig.open();
  const auto expect_tables = [&](const std::string& done, int count, const std::string& answers) {
    std::string tables;
    for (const auto& file : rig.files.after_kill())
      if (file.first.ends_with(".sst")) tables += (tables.empty() ? "" : " ") + file.first;
    expect(std::count(tables.begin(), tables.end(), '.') == count, done + "; the folder's tables",
           std::to_string(count) + " tables", lab::Words{tables});
    expect_recovers(rig, done + "; ", answers);
  };
  for (const std::string key : {"a", "b", "c", "d"}) {  // the fourth moves them, side by side
    write(*engine, {key + "=1"});
    expect_ok("flush()", engine->flush());
  }
  expect_tables("commit and flush a, b, c and d", 4, "a=1 b=1 c=1 d=1");
  expect_ok("compact()", engine->compact({}, {}));
  expect_tables("the same, compact()", 1, "a=1 b=1 c=1 d=1");
  write(*engine, {"a=2"});
  expect_ok("compact()", engine->compact({}, {}));
  expect_tables("the same, commit a=2, compact()", 1, "a=2 b=1 c=1 d=1");
}

TEST_CASE("when a flush that nobody asked for fails, what was acknowledged stays") {
  Rig rig;
  rig.options.write_buffer_bytes = 8192;
  const auto engine = rig.open();
  expect_ok("flush()", engine->flush());
  rig.files.fail(Call::create, 1, false);
  std::string acknowledged;
  for (int i = 100; i < 900 && engine->health().ok(); ++i) {
    const std::string text = "k" + std::to_string(i) + "=" + std::string(100, '.');
    if (commit(*engine, text).ok()) acknowledged += (i == 100 ? "" : " ") + text;
  }
  const std::string done = "commit until a table can not be created";
  expect_failure(done + "; health()", engine->health(), true);
  expect_failure(done + "; commit x=1", commit(*engine, "x=1"), true);
  expect_all(*engine, done, acknowledged);
  expect_equal(done + "; kill, recover", acknowledged, recovered(rig.files.after_kill()));
}

TEST_CASE("a snapshot and a cursor see their moment through flushes and compactions") {
  Rig rig;
  const auto engine = rig.open();
  const std::string then = "a=1 b=1 c=1 d=1";
  write(*engine, {then});
  const Snapshot snapshot = engine->snapshot();
  write(*engine, {"d=2 x=1"});  // the flush meets both versions of d
  expect_ok("flush()", engine->flush());
  UserCursor cursor = engine->cursor(sequence_max, {}, ReadPattern::scan);
  for (int i = 2; i <= 7; ++i) {
    const std::string value = std::to_string(i);
    write(*engine, {"a=" + value + " -b", "e=" + value});
    expect_ok("flush()", engine->flush());
    const std::string done = "snapshot of " + then + "; commit a=" + value + " -b, e, flush; ";
    expect_equal(done + "scan at the snapshot", then, text_of(*engine, snapshot.sequence()),
                 "The flush must know which snapshots are alive.");
    expect_equal(done + "get(b) at it", "1", answer(*engine, "b", snapshot.sequence()));
  }
  expect_ok("wait_idle()", engine->wait_idle());
  expect(engine->stats().levels[0].tables < 5, "7 flushes; tables in level 0", "at most 4",
         engine->stats().levels[0].tables, "What is due is compacted after every flush.");
  expect_ok("compact()", engine->compact({}, {}));
  expect_equal("6 flushes later, compacted; a cursor made before them", "a=1 b=1 c=1 d=2 x=1",
               text_of(std::move(cursor)), "A view keeps the tables that it names.");
}

TEST_CASE("a reader never misses what was acknowledged, wherever a commit and a flush come in") {
  bool is_over = false;
  for (int n = 1; !is_over; ++n) {
    Rig rig;
    const auto engine = rig.open();
    write(*engine, {"k=old"});
    std::string seen;
    Status committed, flushed;
    is_over = !testing::with_turn(
        before_lock, n, [&] { seen = answer(*engine, "k"); },
        [&] {
          committed = commit(*engine, "k=new");
          flushed = engine->flush();
        });
    const std::string done =
        "commit k=old, get(k), and in the middle of it another thread's commit k=new and flush";
    if (!expect_ok(done + ": the commit", committed) || !expect_ok(done + ": the flush", flushed))
      break;
    if (!expect(seen == "old" || seen == "new", done, "old, or new", seen,
                "Pin first, load the visible sequence second; publish one view, not two."))
      break;
  }
}

TEST_SUITE_END();

}  // namespace engine_step
