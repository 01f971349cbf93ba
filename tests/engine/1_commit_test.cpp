// 1_commit_test.cpp: a batch is in the log before anyone sees it; and what a failed log means.
#include "rigs.hpp"

#include <atomic>
#include <chrono>
#include <thread>

namespace engine_step {
namespace {

const lab::Step step_1{"08.1", 15, "book/08-engine.md#the-write-path",
                       "The log first, then the memtable, then the visible sequence."};

}  // namespace

TEST_SUITE_BEGIN("engine step 1");

TEST_CASE("what was committed is there, and every write has a sequence number of its own") {
  Rig rig;
  const auto engine = rig.open();
  expect_equal("open a new database; scan", "", text_of(*engine));
  WriteBatch first = batch_of("a=1 b=2 -a c=3"), second = batch_of("b=4");
  REQUIRE(engine->commit(first, false, nullptr).ok());
  expect_equal("commit a=1 b=2 -a c=3; scan", "b=2 c=3", text_of(*engine));
  REQUIRE(engine->commit(second, false, nullptr).ok());
  const std::string done = "commit a=1 b=2 -a c=3, commit b=4";
  expect_equal(done + "; sequence() of the first batch", 1u, first.sequence());
  expect_equal(done + "; sequence() of the second batch", 5u, second.sequence(),
               "A batch takes as many numbers as it has writes.");
  expect_equal(done + "; what is visible", 5u, engine->snapshot().sequence());
  const char* const seen[] = {"", "a=1", "a=1 b=2", "b=2", "b=2 c=3", "b=4 c=3"};
  for (Sequence at = 0; at <= 5; ++at)
    expect_equal(done + "; scan at " + std::to_string(at), seen[at], text_of(*engine, at));
}

TEST_CASE("a batch is one frame of the log, and survives a killed process") {
  Rig rig;
  const auto engine = rig.open();
  WriteBatch first = batch_of("a=1 b=2 -a"), second = batch_of("c=3");
  REQUIRE(engine->commit(first, false, nullptr).ok());
  REQUIRE(engine->commit(second, true, nullptr).ok());
  const Image image = rig.files.after_kill();
  const std::vector<std::string> frames = frames_of(image);
  const std::string done = "commit a=1 b=2 -a, commit c=3; ";
  REQUIRE(expect_equal(done + "the log", "2 frames", std::to_string(frames.size()) + " frames",
                       "Half a batch must not survive: it goes into the log as one piece."));
  const std::string_view hint = "A batch is numbered before it goes into the log.";
  expect_equal(done + "the first frame", std::string(first.payload()), frames[0], hint);
  expect_equal(done + "the second frame", std::string(second.payload()), frames[1], hint);
  expect_equal(done + "kill, recover", "b=2 c=3", recovered(image));
}

TEST_CASE("a synced commit survives a power cut with all before it; others wait for no device") {
  Rig rig;
  const auto engine = rig.open();
  const std::uint64_t syncs = rig.files.count(Call::log_sync);
  write(*engine, {"a=1", "b=2"});
  expect_equal("commit twice without sync", "0 syncs of a log",
               std::to_string(rig.files.count(Call::log_sync) - syncs) + " syncs of a log");
  write(*engine, {"c=3"}, true);
  expect_equal("commit a=1, b=2, and c=3 with sync; cut the power", "a=1 b=2 c=3",
               recovered(rig.files.after_power_cut()));
  write(*engine, {"d=4"});
  expect_ok("sync()", engine->sync());
  expect_equal("commit d=4, sync(); cut the power", "a=1 b=2 c=3 d=4",
               recovered(rig.files.after_power_cut()));
}

TEST_CASE("when the log fails nothing becomes visible, and every later write is refused") {
  for (const auto& [call, sync] :
       {std::pair(Call::log_write, false), {Call::log_write, true}, {Call::log_sync, true}}) {
    Rig rig;
    const auto engine = rig.open();
    write(*engine, {"a=1"}, true);
    rig.files.fail(call, 1, false);  // the next one would succeed, and lie
    const std::string done = std::string("commit a=1; ") + name_of(call) + " fails once; ";
    expect_failure(done + (sync ? "commit a=2 b=2 with sync" : "commit a=2 b=2"),
                   commit(*engine, "a=2 b=2", sync), false);
    expect_equal(done + "commit a=2 b=2; scan", "a=1", text_of(*engine));
    expect_equal(done + "what is visible", "sequence 1",
                 "sequence " + std::to_string(engine->snapshot().sequence()));
    const std::uint64_t writes = rig.files.count(Call::log_write);
    expect_failure(done + "health()", engine->health(), true);
    expect_failure(done + "commit c=3", commit(*engine, "c=3"), true);
    expect_failure(done + "commit of an empty batch", commit(*engine, ""), true);
    expect_failure(done + "sync()", engine->sync(), true);
    expect_equal(done + "writes to a log after that", 0u, rig.files.count(Call::log_write) - writes,
                 "Nobody knows what stands at the end of that log: write no more.");
  }
}

TEST_CASE("when sync() fails every later write is refused, too") {
  Rig rig;
  const auto engine = rig.open();
  write(*engine, {"a=1"});
  rig.files.fail(Call::log_sync, 1, false);
  expect_failure("log_sync fails once; sync()", engine->sync(), false);
  expect_failure("log_sync fails once; sync(), commit b=2", commit(*engine, "b=2"), true);
}

TEST_CASE("a batch that is wrong in itself is refused, and nothing else is") {
  Rig rig;
  const auto engine = rig.open();
  WriteBatch batch = batch_of("a=1");
  batch.put(std::string(key_bytes_max + 1, 'k'), "too long");
  const std::string said = engine->commit(batch, false, nullptr).to_string();
  expect(said.starts_with("invalid argument"), "commit a=1 and a key of 65,536 bytes",
         "invalid argument", lab::Words{said});
  write(*engine, {"b=2"});
  expect_equal("commit a key of 65,536 bytes, commit b=2; scan", "b=2", text_of(*engine));
}

TEST_CASE("a check is asked before anything happens, and its no leaves no trace") {
  Rig rig;
  const auto engine = rig.open();
  Judge judge;
  expect_ok("commit a=1 b=1, approved", commit(*engine, "a=1 b=1", false, &judge));
  const NewestLog before(rig.files.after_kill());
  expect_ok("commit of an empty batch, approved", commit(*engine, "", false, &judge));
  judge.answer = Status(Code::conflict, "no");
  for (const char* text : {"a=2", ""})
    expect_equal("commit \"" + std::string(text) + "\", not approved", judge.answer.to_string(),
                 commit(*engine, text, true, &judge).to_string());
  expect_equal("commit an empty batch, and two that are not approved; how far the log goes",
               before.end, NewestLog(rig.files.after_kill()).end);
  write(*engine, {"c=3"});
  expect_equal("commit a=1 b=1; a=2, not approved; c=3; scan", "a=1 b=1 c=3", text_of(*engine));
  expect_equal("the same; what is visible", 3u, engine->snapshot().sequence(),
               "What is refused, and what is empty, uses up no sequence number.");
  std::string asked;
  for (const Sequence first : judge.asked)
    asked += std::to_string(first) + " ";
  expect_equal("the same; what approve() was told for each batch", "1 3 3 3 ", asked,
               "The number that the batch's first write will get.");
}

TEST_CASE("checks are asked one at a time, each when all batches before it were approved") {
  struct Turnstile final : CommitCheck {
    Status approve(const WriteBatch& batch, Sequence first) override {
      if (inside.exchange(true) || first != next.load()) ++wrong;
      // Time for the other thread to come in, if nothing keeps it out.
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      next = first + batch.count();
      inside = false;
      return {};
    }
    std::atomic<bool> inside{false};
    std::atomic<Sequence> next{2};
    std::atomic<int> wrong{0};
  } turnstile;
  const auto executor = make_threads_executor();
  Rig rig;
  rig.options.executor = executor.get();
  rig.options.write_buffer_bytes = std::size_t{1} << 20;
  const auto engine = rig.open();
  write(*engine, {"a=1"});
  const auto work = [&] {
    for (int i = 0; i < 10; ++i)
      if (!commit(*engine, "a=1 b=2", false, &turnstile).ok()) ++turnstile.wrong;
  };
  std::thread other(work);
  work();
  other.join();
  expect_equal("two threads commit 10 batches each; checks that met another one", 0,
               turnstile.wrong.load(), "Ask under the lock under which you write.");
}

TEST_CASE("a reopened database goes on where it ended, and a read-only one refuses writes") {
  Rig before;
  write(*before.open(), {"a=1 b=2", "-a"});
  const Image image = before.files.after_kill();
  Rig rig(image);
  const auto engine = rig.open();
  expect_equal("commit a=1 b=2, commit -a, reopen; scan", "b=2", text_of(*engine));
  WriteBatch batch = batch_of("a=5");
  expect_ok("reopen, commit a=5", engine->commit(batch, false, nullptr));
  expect_equal("reopen after 3 writes; sequence() of the next batch", 4u, batch.sequence());
  const NewestLog log(rig.files.after_kill());
  expect_equal("reopen after 3 writes; what was before the log, by its header", "sequence 3",
               "sequence " + std::to_string(log.header.previous_sequence));
  expect_equal("reopen, commit a=5, kill, recover", "a=5 b=2", recovered(rig.files.after_kill()));
  Rig reading(image);
  reading.options.read_only = true;
  const auto reader = reading.open();
  expect_equal("open read-only; scan", "b=2", text_of(*reader),
               "What the logs held is in storage_->memtables then.");
  expect_equal("open read-only, commit; read_only", true,
               commit(*reader, "c=1").code() == Code::read_only);
  expect_equal("open read-only, sync(); read_only", true, reader->sync().code() == Code::read_only);
  expect_equal("open read-only, commit; the folder is as it was", true,
               reading.files.after_kill() == image);
}

TEST_CASE("an engine that can not be opened says why") {
  Rig before;
  write(*before.open(), {"a=1"});
  int failed = 0;
  for (const Call call : {Call::lock, Call::open, Call::create_log, Call::log_write}) {
    for (std::uint64_t n = 1; n < 20; ++n) {
      Rig rig(before.files.after_kill());
      rig.files.fail(call, n, false);
      const auto engine = Engine::open(rig.options, folder);
      if (!rig.files.has_failed()) break;
      ++failed;
      const std::string done =
          std::string(name_of(call)) + " " + std::to_string(n) + " fails; open";
      expect_failure(done, engine.status(), false);
    }
  }
  expect(failed >= 6, "calls of an open that can fail", "at least 6", failed);
}

TEST_SUITE_END();

}  // namespace engine_step
