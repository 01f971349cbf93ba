// background_test.cpp: what two lanes of background work may do to each other.
#include <functional>

#include "history.hpp"

using namespace lsmith;
using namespace engine_test;

namespace {

// Calls `act` once, at the first table that is removed.
class AtFirstRemoval final : public EventListener {
 public:
  void on_event(const Event& event) override {
    if (event.type == Event::Type::table_removed && !std::exchange(has_acted_, true)) act();
  }
  std::function<void()> act;

 private:
  bool has_acted_ = false;
};

void fill_level0(Db& db, int tables) {
  for (int i = 0; i < tables; ++i) {
    REQUIRE(db.put("key", std::to_string(i)).ok());
    REQUIRE(db.flush().ok());
  }
}

}  // namespace

TEST_SUITE("background") {
  // A task that finds nothing to compact still removes files. What is flushed meanwhile must not
  // wait for another flush: a writer that was stopped by a full level 0 would never be woken.
  TEST_CASE("tables that arrive while a compaction task finds nothing to do are compacted") {
    Machine machine;
    AtFirstRemoval listener;
    machine.options.listener = &listener;
    const int due = machine.options.level0_compact_count;
    Db db = machine.open();
    listener.act = [&] { fill_level0(db, due); };
    fill_level0(db, due);
    std::optional<Scan> reader(db.scan());
    REQUIRE(db.wait_idle().ok());  // compacted; the reader holds the inputs
    fill_level0(db, 1);            // one table is not due, and a task is asked to see for itself
    reader.reset();
    machine.executor
        .run_one();  // finds nothing, removes the inputs, and the listener fills level 0
    REQUIRE(db.wait_idle().ok());
    CHECK(db.stats().levels[0].tables < static_cast<std::uint64_t>(due));
    CHECK(db.check() == std::vector<std::string>{});
  }
}
