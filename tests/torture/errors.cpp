// errors.cpp: calls of the file system that fail: any of them, once or for ever; every sync, with
// all that an operating system may make of it; a disk that is full at every size.
#include <array>
#include <string>
#include <vector>

#include "../support/failed_life.hpp"
#include "options.hpp"
#include "run.hpp"

namespace torture {
namespace {

using namespace lsmith;
using namespace lsmith::testing;

constexpr Effect effects[] = {Effect::nothing, Effect::part, Effect::all};

// A history, and the image of a machine on which the first of its batches were written, synced, and
// the process then killed. Every second one begins with nothing.
class Workload {
 public:
  explicit Workload(std::uint64_t seed) : random_(seed), history_(60, seed) {
    options_ = options_of(random_);
    if (!random_.chance(50)) return;
    held_ = 20;
    Machine machine({}, options_);
    auto db = machine.try_open();
    require(db.ok(), db.status().to_string());
    for (std::uint64_t i = 1; i <= held_; ++i) {
      require(history_.write(*db, i, Durability::power).ok(), "a write failed");
      if (i == 12) require(db->flush().ok(), "a flush failed");
    }
    image_ = machine.files.after_kill();
  }

  Random& random() { return random_; }
  // What a life without failures does: how often each call, and how much it leaves on the disk.
  struct Measure {
    std::array<std::uint64_t, call_count> calls;
    std::uint64_t used_bytes;
  };
  Measure measure() const {
    Machine machine(image_, options_);
    require_empty(FailedLife(machine, history_, held_).run(), "a life without failures");
    Measure measured{{}, machine.files.used_bytes()};
    for (std::size_t call = 0; call < call_count; ++call)
      measured.calls[call] = machine.files.count(static_cast<Call>(call));
    return measured;
  }

  // A life in which a call fails; whether it came to that.
  bool fail(Call call, std::uint64_t n, bool for_ever, Effect effect) {
    Machine machine(image_, options_);
    machine.files.fail(call, n, for_ever, effect);
    const bool is_sync = call == Call::sync || call == Call::log_sync;
    static constexpr const char* effect_names[] = {"nothing", "a part", "all"};
    live(machine, is_sync && effect == Effect::nothing,
         std::string(name_of(call)) + " " + std::to_string(n) +
             (for_ever ? " and all later ones fail" : " fails") + ", doing " +
             effect_names[static_cast<int>(effect)]);
    return machine.files.has_failed();
  }
  bool fill_disk(std::uint64_t bytes_max) {
    Machine machine(image_, options_);
    machine.files.limit_space(bytes_max);
    live(machine, false, "a disk of " + std::to_string(bytes_max) + " bytes");
    return machine.files.has_failed();
  }

 private:
  void live(Machine& machine, bool forgets, const std::string& where) {
    FailedLife life(machine, history_, held_, forgets);
    require_empty(life.run(), where);
    machine.files.heal();
    require_empty(life.check_recovers(), where + "; healed");
  }

  Random random_;
  Options options_;
  const History history_;
  std::uint64_t held_ = 0;
  Image image_;
};

void fail_calls(std::uint64_t seed, Figures& figures) {
  Workload workload(seed);
  const auto counts = workload.measure().calls;
  for (std::size_t call = 0; call < call_count; ++call) {
    if (counts[call] == 0) continue;
    for (int i = 0; i < 8; ++i) {
      const std::uint64_t n = 1 + workload.random().below(counts[call]);
      const Effect effect = effects[workload.random().below(3)];
      if (workload.fail(static_cast<Call>(call), n, i % 2 == 0, effect))
        figures.add("errors injected");
    }
  }
}

void fail_syncs(std::uint64_t seed, Figures& figures) {
  Workload workload(seed);
  const auto counts = workload.measure().calls;
  figures.add("workloads of which every sync failed");
  for (const Call call : {Call::sync, Call::log_sync, Call::sync_dir})
    for (std::uint64_t n = 1; n <= counts[static_cast<std::size_t>(call)]; ++n)
      for (const Effect effect : effects)
        if (workload.fail(call, n, false, effect)) figures.add("failed syncs");
}

void fill_disks(std::uint64_t seed, Figures& figures) {
  Workload workload(seed);
  const std::uint64_t all = workload.measure().used_bytes * 2, steps = 60;
  for (std::uint64_t step = 0; step < steps; ++step)
    if (workload.fill_disk(all * step / steps + workload.random().below(all / steps + 1)))
      figures.add("full disks");
}

}  // namespace

const Run errors = {"errors", "any call fails, once or for ever, in part or in whole", 3,
                    fail_calls};
const Run syncs = {"syncs", "every sync fails, in three ways", 3, fail_syncs};
const Run space = {"space", "the disk is full, at every size", 1, fill_disks};

}  // namespace torture
