// failed_calls_test.cpp: calls that fail where it matters most. Lives in which any call fails are
// in tests/torture.
#include "history.hpp"

using namespace lsmith;
using namespace engine_test;
using Type = FileName::Type;

TEST_SUITE("failed calls") {
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
