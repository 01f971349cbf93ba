// agree.cpp: one history on several databases whose options differ in everything, and on a map. All
// must agree at every step; so must snapshots with what they saw when they were taken, cursors with
// the moment at which they were made, and the database after it was closed, or killed and opened
// again.
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "../support/history.hpp"
#include "../support/odd_keys.hpp"
#include "options.hpp"
#include "run.hpp"

namespace torture {
namespace {

using namespace lsmith;
using namespace lsmith::testing;

constexpr int database_count = 3;

// A database with what was taken of it.
struct Subject {
  Options options;
  std::unique_ptr<FaultFs> files = std::make_unique<FaultFs>();
  std::unique_ptr<ManualExecutor> executor = std::make_unique<ManualExecutor>();
  std::optional<Db> db;
  std::vector<Snapshot> snapshots;

  void open() {
    options.file_system = files.get();
    options.executor = executor.get();
    auto opened = Db::open(folder, options);
    require(opened.ok(), "open: " + opened.status().to_string());
    db.emplace(*std::move(opened));
  }
  void kill() {
    snapshots.clear();
    const Image left = files->after_kill();
    db.reset();
    files = std::make_unique<FaultFs>(left);
    executor = std::make_unique<ManualExecutor>();
    open();
  }
};

class Agreement {
 public:
  explicit Agreement(std::uint64_t seed) : random_(seed) {
    for (Subject& subject : subjects_) {
      subject.options = options_of(random_);
      subject.open();
    }
  }

  void run(int operations) {
    for (step_ = 1; step_ <= operations; ++step_)
      act(random_.below(1000));
    for (Subject& subject : subjects_) {
      compare(subject, model_, nullptr);
      require_empty(subject.db->check().empty() ? "" : subject.db->check().front(), where());
    }
  }

 private:
  void act(std::uint64_t dice) {
    if (dice < 450) return write();
    if (dice < 750) return get();
    if (dice < 860) return walk();
    if (dice < 880) return take_snapshot();
    if (dice < 900) return read_snapshot();
    if (dice < 910) return drop_snapshot();
    if (dice < 985) return work();
    if (dice < 993) return reopen();
    for (Subject& subject : subjects_)
      compare(subject, model_, nullptr);
  }

  std::string where() const { return "operation " + std::to_string(step_); }
  void ok(const Status& s) const { require(s.ok(), where() + ": " + s.to_string()); }

  std::string key() { return odd_key(random_, 120); }
  std::string value() { return odd_value(random_); }

  void write() {
    WriteBatch batch;
    for (std::uint64_t left = random_.chance(70) ? 1 : 1 + random_.below(10); left > 0; --left) {
      const std::string k = key();
      if (random_.chance(30)) {
        batch.erase(k);
        model_.erase(k);
      } else {
        const std::string v = value();
        batch.put(k, v);
        model_[k] = v;
      }
    }
    const Durability durability = random_.chance(10) ? Durability::power : Durability::process;
    for (Subject& subject : subjects_) {
      WriteBatch same = batch;
      ok(subject.db->write(same, durability));
    }
  }
  void get() {
    const std::string k = key();
    const auto expected = model_.find(k);
    for (Subject& subject : subjects_) {
      const auto found = subject.db->get(k);
      ok(found.status());
      const bool is_right = expected == model_.end() ? !*found : *found == expected->second;
      require(is_right, where() + ": get is wrong");
    }
  }

  // A few moves from a random place, while others write and work goes on.
  void walk() {
    Bounds bounds;
    if (random_.chance(30)) bounds.lower = key();
    if (random_.chance(30)) bounds.upper = key();
    Map seen;
    for (const auto& entry : model_)
      if (bounds.contains(entry.first)) seen.insert(entry);
    std::vector<Scan> scans;
    for (Subject& subject : subjects_)
      scans.push_back(subject.db->scan(bounds.lower, bounds.upper));
    auto at = seen.end();
    for (int moves = 0; moves < 12; ++moves) {
      const std::string k = key();
      const std::uint64_t move = random_.below(at == seen.end() ? 4 : 12);
      const auto before = [&](auto next) { return next == seen.begin() ? seen.end() : --next; };
      at = move == 0   ? seen.begin()
           : move == 1 ? before(seen.end())
           : move == 2 ? seen.lower_bound(k)
           : move == 3 ? before(seen.upper_bound(k))
           : move < 8  ? std::next(at)
                       : before(at);
      for (Scan& scan : scans)
        move_and_compare(scan.cursor(), move, k, seen, at);
      if (moves == 6 && random_.chance(40)) write();
      if (moves == 8 && random_.chance(30)) work();
    }
  }
  void move_and_compare(UserCursor& cursor, std::uint64_t move, const std::string& k,
                        const Map& seen, Map::const_iterator at) const {
    if (move == 0) cursor.seek_to_first();
    if (move == 1) cursor.seek_to_last();
    if (move == 2) cursor.seek(k);
    if (move == 3) cursor.seek_back(k);
    if (move >= 4) move < 8 ? cursor.next() : cursor.prev();
    ok(cursor.status());
    require(cursor.is_valid() == (at != seen.end()), where() + ": a walk ends elsewhere");
    if (at == seen.end()) return;
    require(cursor.key() == at->first && cursor.value() == at->second,
            where() + ": a walk shows something else");
  }

  void take_snapshot() {
    if (seen_.size() >= 6) return;
    seen_.push_back(model_);
    for (Subject& subject : subjects_)
      subject.snapshots.push_back(subject.db->snapshot());
  }
  void read_snapshot() {
    if (seen_.empty()) return;
    const std::size_t at = random_.below(seen_.size());
    for (Subject& subject : subjects_)
      compare(subject, seen_[at], &subject.snapshots[at]);
  }
  void drop_snapshot() {
    if (seen_.empty()) return;
    const auto at = static_cast<std::ptrdiff_t>(random_.below(seen_.size()));
    seen_.erase(seen_.begin() + at);
    for (Subject& subject : subjects_)
      subject.snapshots.erase(subject.snapshots.begin() + at);
  }

  // Each database does something else, or nothing.
  void work() {
    for (Subject& subject : subjects_) {
      const std::uint64_t dice = random_.below(10);
      if (dice < 5) subject.executor->run_one();
      if (dice == 5) ok(subject.db->flush());
      if (dice == 6) ok(subject.db->sync());
      if (dice == 7) ok(subject.db->wait_idle());
      if (dice == 8) compact(subject);
    }
  }
  void compact(Subject& subject) {
    if (random_.chance(50)) return ok(subject.db->compact());
    const std::string a = key(), b = key();
    ok(subject.db->compact(std::min(a, b), std::max(a, b)));
  }
  void reopen() {
    seen_.clear();
    const bool is_clean = random_.chance(50);
    for (Subject& subject : subjects_) {
      subject.snapshots.clear();
      if (is_clean) ok(subject.db->close());
      subject.kill();
    }
  }

  void compare(const Subject& subject, const Map& expected, const Snapshot* at) const {
    Scan scan = subject.db->scan({}, {}, at);
    UserCursor& cursor = scan.cursor();
    auto next = expected.begin();
    for (cursor.seek_to_first(); cursor.is_valid(); cursor.next(), ++next)
      require(
          next != expected.end() && cursor.key() == next->first && cursor.value() == next->second,
          where() + ": a scan shows something else");
    ok(cursor.status());
    require(next == expected.end(), where() + ": a scan ends early");
  }

  Random random_;
  std::array<Subject, database_count> subjects_;
  Map model_;
  std::vector<Map> seen_;  // by the snapshots
  int step_ = 0;
};

void compare_databases(std::uint64_t seed, Figures& figures) {
  constexpr int operations = 4000;
  Agreement(seed).run(operations);
  figures.add("operations", operations * database_count);
}

}  // namespace

const Run agree = {"agree", "databases with other options, and a map, agree", 4, compare_databases};

}  // namespace torture
