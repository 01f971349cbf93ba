// memory.cpp: memory that can not be had, wherever somebody asks for it.
//
// Reads pass std::bad_alloc on, and leave everything as it was. Whatever opens or changes a
// database ends the process, as a kill would: a child is made for it, on real files.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <new>
#include <string>
#include <vector>

#include "../support/history.hpp"
#include "../support/scarcity.hpp"
#include "../support/shared_count.hpp"
#include "../support/temp_folder.hpp"
#include "options.hpp"
#include "run.hpp"

namespace torture {
namespace {

using namespace lsmith;
using namespace lsmith::testing;

constexpr std::uint64_t dying_children = 40;
constexpr int exit_without_memory = 77;

// Whether it came to the n-th allocation, whose failure `act` must pass on, or do without.
bool starve(std::uint64_t n, bool for_ever, const std::function<void()>& act) {
  const Scarcity scarcity(n, for_ever);
  try {
    act();
  } catch (const std::bad_alloc&) {
  }
  return Scarcity::count() >= n;
}

// A killed database on a real disk, with tables and logs.
class Victim {
 public:
  static constexpr std::uint64_t held = 40, batch_count = 120;

  explicit Victim(std::uint64_t seed) : random(seed), history(batch_count, seed) {
    options_ = options_of(random);
    options_.mapped_tables = random.chance(30);
    ManualExecutor executor;
    auto db = Db::open(living_, options(executor));
    require(db.ok(), db.status().to_string());
    for (std::uint64_t i = 1; i <= held; ++i) {
      require(history.write(*db, i).ok(), "a write failed");
      if (i == 12 || i == 24) require(db->flush().ok(), "a flush failed");
    }
    std::filesystem::copy(living_, original_, std::filesystem::copy_options::recursive);
  }
  // The folder as it was.
  const std::string& restored() const {
    std::filesystem::remove_all(copy_);
    std::filesystem::copy(original_, copy_, std::filesystem::copy_options::recursive);
    return copy_;
  }
  // The victim's, on one processor.
  Options options(ManualExecutor& executor) const {
    Options options = options_;
    options.executor = &executor;
    return options;
  }

  Random random;
  const History history;

 private:
  Options options_;
  const TempFolder temp_;
  const std::string living_ = temp_.path("living"), original_ = temp_.path("db"),
                    copy_ = temp_.path("copy");
};

void starve_reads(Victim& victim, Figures& figures) {
  ManualExecutor executor;
  const Map& state = victim.history.state(Victim::held);
  auto db = Db::open(victim.restored(), victim.options(executor));
  require(db.ok(), db.status().to_string());
  for (std::uint64_t n = 1;; n += 1 + victim.random.below(9)) {
    Answers hungry;
    const bool came_to_it = starve(n, victim.random.chance(50), [&] {
      hungry = ask_all(*db, state);
      const Snapshot snapshot = db->snapshot();
      static_cast<void>(db->stats());
      static_cast<void>(db->check());
    });
    const std::string where = "allocation " + std::to_string(n) + " of reads failed";
    require_empty(hungry.wrong, where);
    require_empty(ask_all(*db, state).wrong, where + "; asked again");
    require(db->health().ok(), where + ": " + db->health().to_string());
    if (!came_to_it) break;
    figures.add("allocations failed in reads");
  }
  require(db->check().empty(), "after reads without memory the database is not sound");
}

// What a child does; how often it needs memory until the database is open, and in all.
struct Needs {
  std::uint64_t to_open, in_all;
};
Needs live(const Victim& victim, const std::string& folder, std::uint64_t starve_at,
           SharedCount& acknowledged) {
  ManualExecutor executor;
  const Options options = victim.options(executor);
  std::vector<WriteBatch> batches;
  for (std::uint64_t i = Victim::held + 1; i <= Victim::batch_count; ++i)
    batches.push_back(victim.history.batch(i));
  const Scarcity scarcity(starve_at, false);
  auto db = Db::open(folder, options);
  if (!db.ok()) _exit(3);
  const std::uint64_t to_open = Scarcity::count();
  for (std::uint64_t i = Victim::held + 1; i <= Victim::batch_count; ++i) {
    if (!db->write(batches[i - Victim::held - 1]).ok()) _exit(4);
    acknowledged.set(i);
    if (i % 30 == 0 && !db->flush().ok()) _exit(5);
    if (i % 70 == 0 && !db->compact().ok()) _exit(6);
  }
  if (!db->close().ok()) _exit(7);
  return {to_open, Scarcity::count()};
}

[[noreturn]] void live_and_die(const Victim& victim, const std::string& folder,
                               std::uint64_t starve_at, SharedCount& acknowledged) {
  std::set_terminate([] { _exit(exit_without_memory); });
  try {
    live(victim, folder, starve_at, acknowledged);
  } catch (const std::bad_alloc&) {
    _exit(8);
  }
  _exit(0);
}

void starve_lives(Victim& victim, Figures& figures) {
  SharedCount unused;
  const Needs needs = live(victim, victim.restored(), ~std::uint64_t{0}, unused);
  for (std::uint64_t i = 0; i < dying_children; ++i) {
    const bool in_open = victim.random.chance(40);
    const std::uint64_t n =
        1 + (in_open ? victim.random.below(needs.to_open)
                     : needs.to_open + victim.random.below(needs.in_all - needs.to_open));
    const std::string where = "allocation " + std::to_string(n) + " failed";
    const std::string& folder = victim.restored();
    SharedCount acknowledged(Victim::held);
    const pid_t child = fork();
    require(child >= 0, "no process can be made");
    if (child == 0) live_and_die(victim, folder, n, acknowledged);
    int status = 0;
    require(waitpid(child, &status, 0) == child, "the child is gone");
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    require(code == exit_without_memory,
            where + ": the process went on, or ended with exit code " + std::to_string(code));
    ManualExecutor executor;
    const auto db = Db::open(folder, victim.options(executor));
    require(db.ok(), where + ": " + db.status().to_string());
    require_empty(check_prefix(*db, victim.history, acknowledged.get(), acknowledged.get() + 1),
                  where);
    figures.add(in_open ? "allocations failed in open" : "allocations failed in writes");
  }
}

void starve_all(std::uint64_t seed, Figures& figures) {
  Victim victim(seed);
  starve_reads(victim, figures);
  starve_lives(victim, figures);
}

}  // namespace

const Run memory = {"memory", "any request for memory fails", 1, starve_all};

}  // namespace torture
