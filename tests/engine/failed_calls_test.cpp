// failed_calls_test.cpp: the n-th call of each kind fails, once or for ever. Whoever asked for it
// is told or is served; nothing hangs; no answer is wrong; and a healthy disk gives a legal state
// again.
#include "history.hpp"

#include <algorithm>
#include <optional>

using namespace lsmith;
using namespace engine_test;
using Type = FileName::Type;

namespace {

// One life on a machine, from a state that holds `held` batches, with whatever fails.
class Life {
 public:
  Life(Machine& machine, const History& history, std::uint64_t held)
      : machine_(machine), history_(history), acknowledged_(held), synced_(held) {}

  void run() {
    auto opened = machine_.try_open();
    if (!opened.ok()) {
      CHECK(machine_.files.has_failed());
      CHECK_MESSAGE(mentions(opened.status(), folder), opened.status().to_string());
      return;
    }
    Db db = std::move(*opened);
    for (std::uint64_t i = acknowledged_ + 1; i <= history_.count(); ++i) {
      write(db, i);
      if (i % 3 == 0) machine_.executor.run_one();
      if (i % 9 == 0) durable(db, db.flush());
      if (i % 20 == 0) durable(db, db.sync());
      if (i % 26 == 0) durable(db, db.compact());
      if (i % 7 == 0) expect_no_wrong_answer(db);
    }
    durable(db, db.wait_idle(), false);
    expect_no_wrong_answer(db);
    expect_recovers();
    if (!db.health().ok()) expect_refusal(db);
    const Status closed = db.close();
    if (closed.ok()) synced_ = acknowledged_;
    if (files_at_failure_) expect_nothing_removed();
    machine_.files.heal();
    const Answers answers = ask_all(db, history_.state(acknowledged_));
    CHECK(answers.wrong == "");
    CHECK(answers.error.to_string() == "ok");
  }

  // What a crash now would leave must be legal.
  void expect_recovers() const {
    const std::uint64_t most = doubtful_.value_or(acknowledged_);
    CHECK(check_recovery(machine_.files.after_kill(), history_, acknowledged_, most) == "");
    CHECK(check_recovery(machine_.files.after_power_cut(), history_, synced_, most) == "");
  }

 private:
  void write(Db& db, std::uint64_t i) {
    const bool was_healthy = db.health().ok();
    const Durability durability = i % 5 == 0 ? Durability::power : Durability::process;
    const Status s = history_.write(db, i, durability);
    if (s.ok()) {
      CHECK(was_healthy);
      CHECK_FALSE(doubtful_);
      acknowledged_ = i;
      if (durability == Durability::power) synced_ = i;
    } else if (!doubtful_) {
      CHECK(mentions(s, "was told to fail"));
      doubtful_ = was_healthy ? i : acknowledged_;
      see_failure(db);
    } else {
      CHECK(s.code() == Code::read_only);
      CHECK(mentions(s, "was told to fail"));
    }
  }

  // A flush and its like: when it succeeds, all that was acknowledged is durable.
  void durable(Db& db, const Status& s, bool is_promise = true) {
    if (s.ok()) {
      if (is_promise) synced_ = acknowledged_;
      return;
    }
    CHECK(mentions(s, "was told to fail"));
    see_failure(db);
  }

  void see_failure(Db& db) {
    if (files_at_failure_ || db.health().ok()) return;
    files_at_failure_ = machine_.files.after_kill();
    if (!doubtful_) doubtful_ = acknowledged_;
  }

  void expect_no_wrong_answer(const Db& db) const {
    const Answers answers = ask_all(db, history_.state(acknowledged_));
    CHECK(answers.wrong == "");
    if (!answers.error.ok()) CHECK(mentions(answers.error, "was told to fail"));
  }

  void expect_refusal(Db& db) const {
    const Status health = db.health();
    CHECK(health.code() == Code::read_only);
    CHECK(mentions(health, "was told to fail"));
    CHECK(db.put("x", "y").code() == Code::read_only);
    CHECK(db.put("x", "y", Durability::power).code() == Code::read_only);
    CHECK(db.erase("x").code() == Code::read_only);
    CHECK_FALSE(db.flush().ok());
    CHECK_FALSE(db.compact().ok());
    CHECK_FALSE(db.sync().ok());
  }

  void expect_nothing_removed() const {
    const Image now = machine_.files.after_kill();
    for (const auto& file : *files_at_failure_)
      CHECK_MESSAGE(now.contains(file.first), file.first);
  }

  Machine& machine_;
  const History& history_;
  std::uint64_t acknowledged_;
  std::uint64_t synced_;
  std::optional<std::uint64_t> doubtful_;  // the write that failed, which may be there or not
  std::optional<Image> files_at_failure_;
};

void tune(Machine& machine) {
  machine.options.level0_compact_count = 2;
  machine.options.cache_bytes = 0;  // so that reads come to the files
  machine.options.open_tables_max = 8;
}

// Lives from the image, each with another call that fails.
void fail_each_call(const Image& image, const History& history, std::uint64_t held) {
  std::vector<std::uint64_t> counts;
  {
    Machine machine(image);
    tune(machine);
    Life(machine, history, held).run();
    for (std::size_t call = 0; call < static_cast<std::size_t>(Call::count); ++call)
      counts.push_back(machine.files.count(static_cast<Call>(call)));
  }
  for (std::size_t call = 0; call < counts.size(); ++call) {
    const std::uint64_t stride = std::max<std::uint64_t>(1, counts[call] / 24);
    for (std::uint64_t n = 1; n <= counts[call]; n += stride) {
      for (const bool for_ever : {false, true}) {
        Machine machine(image);
        tune(machine);
        machine.files.fail(static_cast<Call>(call), n, for_ever);
        INFO(std::string(name_of(static_cast<Call>(call))), " ", n, " of ", counts[call],
             std::string(for_ever ? " and all later ones" : ""), " failed");
        Life life(machine, history, held);
        life.run();
        machine.files.heal();
        life.expect_recovers();
      }
    }
  }
}

}  // namespace

TEST_SUITE("failed calls") {
  TEST_CASE("any call may fail in the life of a new database") {
    fail_each_call({}, History(55), 0);
  }

  TEST_CASE("any call may fail while a killed database is recovered") {
    const History history(30);
    Machine machine;
    tune(machine);
    Db db = machine.open();
    history.write_all(db, 1, 12);
    REQUIRE(db.flush().ok());
    history.write_all(db, 13, 20, Durability::power);
    fail_each_call(machine.files.after_kill(), history, 20);
  }

  TEST_CASE("after a failed sync of the log every write is refused, with the reason") {
    const History history(10);
    Machine machine;
    Db db = machine.open();
    history.write_all(db, 1, 5);
    machine.files.fail(Call::log_sync, 1, false);  // the next one would succeed, and lie
    const Status failed = history.write(db, 6, Durability::power);
    CHECK_FALSE(failed.ok());
    const Image before = machine.files.after_kill();
    for (const Durability durability : {Durability::process, Durability::power}) {
      const Status s = history.write(db, 7, durability);
      CHECK(s.code() == Code::read_only);
      CHECK(mentions(s, "log_sync was told to fail"));
    }
    CHECK(db.health().code() == Code::read_only);
    CHECK(check_prefix(db, history, 5, 5) == "");
    db.close().ignore();
    CHECK(without_lock(machine.files.after_kill()) == without_lock(before));
    CHECK(check_recovery(machine.files.after_kill(), history, 5, 6) == "");
  }

  TEST_CASE("a failed flush keeps what it was to write: the log, and what readers see") {
    const History history(10);
    for (const Call call :
         {Call::create, Call::append, Call::sync, Call::sync_dir, Call::log_sync}) {
      INFO(std::string(name_of(call)));
      Machine machine;
      Db db = machine.open();
      history.write_all(db, 1, 5);
      machine.files.fail(call, 1, false);
      CHECK_FALSE(db.flush().ok());
      CHECK(check_prefix(db, history, 5, 5) == "");
      CHECK(check_recovery(machine.files.after_kill(), history, 5, 5) == "");
    }
  }
}
