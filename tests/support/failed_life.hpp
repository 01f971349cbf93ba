// failed_life.hpp: the life of a database in which calls of the file system fail, and what must
// hold all the while: whoever asked is told or is served, no answer is wrong, and a healthy disk
// gives a legal state again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "history.hpp"

namespace lsmith::testing {

// One life, from a state that holds the first `held` batches, with whatever was told to fail.
class FailedLife {
 public:
  // `forgets`: a failed sync may lose what was acknowledged without being synced.
  FailedLife(Machine& machine, const History& history, std::uint64_t held, bool forgets = false)
      : machine_(machine),
        history_(history),
        forgets_(forgets),
        acknowledged_(held),
        synced_(held) {}

  // Says what was wrong; empty: nothing was.
  std::string run() {
    live();
    return problem_;
  }

  // What a crash now would leave must be legal.
  std::string check_recovers() {
    const std::uint64_t most = doubtful_.value_or(acknowledged_);
    const std::uint64_t least = forgets_ ? synced_ : acknowledged_;
    note("killed",
         check_recovery(machine_.files.after_kill(), history_, least, most, machine_.options));
    note("power cut", check_recovery(machine_.files.after_power_cut(), history_, synced_, most,
                                     machine_.options));
    return problem_;
  }

 private:
  void note(std::string_view where, const std::string& what) {
    if (problem_.empty() && !what.empty()) problem_ = std::string(where) + ": " + what;
  }
  void expect(bool is_right, std::string_view where, const std::string& what) {
    if (!is_right) note(where, what.empty() ? "wrong" : what);
  }
  // The error must be the one that the files made.
  void expect_told(std::string_view where, const Status& s) {
    expect(s.message().find("was told to fail") != s.message().npos, where,
           "expected the failure, found " + s.to_string());
  }

  void live() {
    auto opened = machine_.try_open();
    if (!opened.ok()) {
      expect(machine_.files.has_failed(), "open", opened.status().to_string());
      expect(opened.status().message().find(folder) != std::string_view::npos, "open",
             "no path in " + opened.status().to_string());
      return;
    }
    Db db = *std::move(opened);
    for (std::uint64_t i = acknowledged_ + 1; i <= history_.count() && problem_.empty(); ++i) {
      write(db, i);
      if (i % 3 == 0) machine_.executor.run_one();
      if (i % 9 == 0) promise(db.flush(), "flush");
      if (i % 20 == 0) promise(db.sync(), "sync");
      if (i % 26 == 0) promise(db.compact(), "compact");
      if (i % 7 == 0) expect_no_wrong_answer(db);
      see_failure(db);
    }
    if (const Status s = db.wait_idle(); !s.ok()) expect_told("wait_idle", s);
    see_failure(db);
    expect_no_wrong_answer(db);
    check_recovers();
    if (!db.health().ok()) expect_refusal(db);
    if (db.close().ok()) synced_ = acknowledged_;
    if (files_at_failure_) expect_nothing_removed();
    expect(machine_.files.retries() == 0, "after the close", "a file that failed was tried again");
    machine_.files.heal();
    const Answers answers = ask_all(db, history_.state(acknowledged_));
    note("after the close", answers.wrong);
    expect(answers.error.ok(), "after the close", answers.error.to_string());
  }

  void write(Db& db, std::uint64_t i) {
    const std::string where = "batch " + std::to_string(i);
    const bool was_healthy = db.health().ok();
    const Durability durability = i % 5 == 0 ? Durability::power : Durability::process;
    const Status s = history_.write(db, i, durability);
    if (s.ok()) {
      expect(was_healthy && !doubtful_, where, "accepted by a database that is not healthy");
      acknowledged_ = i;
      if (durability == Durability::power) synced_ = i;
      return;
    }
    expect_told(where, s);
    if (doubtful_) expect(s.code() == Code::read_only, where, s.to_string());
    if (!doubtful_) doubtful_ = was_healthy ? i : acknowledged_;
  }

  // A flush and its like: when it succeeds, all that was acknowledged is durable.
  void promise(const Status& s, std::string_view what) {
    if (s.ok())
      synced_ = acknowledged_;
    else
      expect_told(what, s);
  }

  void see_failure(Db& db) {
    if (files_at_failure_ || db.health().ok()) return;
    files_at_failure_ = machine_.files.after_kill();
    if (!doubtful_) doubtful_ = acknowledged_;
  }

  void expect_no_wrong_answer(const Db& db) {
    const Answers answers = ask_all(db, history_.state(acknowledged_));
    note("asked at batch " + std::to_string(acknowledged_), answers.wrong);
    if (!answers.error.ok()) expect_told("asked", answers.error);
  }

  void expect_refusal(Db& db) {
    expect_told("health", db.health());
    for (const Status& s :
         {db.health(), db.put("x", "y"), db.put("x", "y", Durability::power), db.erase("x")})
      expect(s.code() == Code::read_only, "refused", s.to_string());
    for (const Status& s : {db.flush(), db.compact(), db.sync()})
      expect(!s.ok(), "refused", "a call succeeds on a database that failed");
  }

  void expect_nothing_removed() {
    const Image now = machine_.files.after_kill();
    for (const auto& [path, bytes] : *files_at_failure_)
      expect(now.find(path) != now.end(), "after the failure", path + " was removed");
  }

  Machine& machine_;
  const History& history_;
  const bool forgets_;
  std::uint64_t acknowledged_;
  std::uint64_t synced_;
  std::optional<std::uint64_t> doubtful_;  // the write that failed, which may be there or not
  std::optional<Image> files_at_failure_;
  std::string problem_;
};

}  // namespace lsmith::testing
