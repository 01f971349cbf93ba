// crashes.cpp: lives of a database that are cut short after every call, in every way.
#include "../support/saboteur.hpp"
#include "options.hpp"
#include "run.hpp"

namespace torture {
namespace {

using namespace lsmith;
using namespace lsmith::testing;

// Batches, some of them synced, flushes, compactions, background work in between, two closes.
class CrashedLife {
 public:
  explicit CrashedLife(std::uint64_t seed)
      : random_(seed),
        history_(90, seed),
        machine_({}, options_of(random_)),
        saboteur_(machine_, history_, seed, 2) {}

  void live(Figures& figures) {
    for (std::uint64_t run = 1; run <= 3; ++run) {
      auto opened = machine_.try_open();
      require(opened.ok(), "open: " + opened.status().to_string());
      Db db = *std::move(opened);
      while (batch_ < run * history_.count() / 3)
        write_next(db);
      if (run == 1) promise(db.close(), "close");
      check("the life before");
    }
    figures.add("crash images", saboteur_.images);
    figures.add("crash images in recovery", saboteur_.images_in_recovery);
    figures.add("calls to the file system", calls());
  }

 private:
  void write_next(Db& db) {
    const Durability durability = random_.chance(12) ? Durability::power : Durability::process;
    saboteur_.attempted = ++batch_;
    const Status s = history_.write(db, batch_, durability);
    require(s.ok(), "write: " + s.to_string());
    saboteur_.acknowledged = batch_;
    if (durability == Durability::power) saboteur_.synced = batch_;
    saboteur_.examine("batch " + std::to_string(batch_));
    if (random_.chance(30)) machine_.executor.run_one();
    if (random_.chance(4)) promise(db.sync(), "sync");
    if (random_.chance(9)) promise(db.flush(), "flush");
    if (random_.chance(3)) promise(db.compact(), "compact");
    check("batch " + std::to_string(batch_));
  }
  void promise(const Status& s, const std::string& what) {
    require(s.ok(), what + ": " + s.to_string());
    saboteur_.synced = saboteur_.acknowledged;
    saboteur_.examine(what);
  }
  void check(const std::string& where) const { require_empty(saboteur_.problem, where); }
  std::uint64_t calls() const {
    std::uint64_t sum = 0;
    for (std::size_t call = 0; call < call_count; ++call)
      sum += machine_.files.count(static_cast<Call>(call));
    return sum;
  }

  Random random_;
  const History history_;
  Machine machine_;
  Saboteur saboteur_;
  std::uint64_t batch_ = 0;
};

void crash_a_life(std::uint64_t seed, Figures& figures) {
  CrashedLife(seed).live(figures);
}

}  // namespace

const Run crashes = {"crashes", "power cuts and kills after every call, and again in recovery", 6,
                     crash_a_life};

}  // namespace torture
