// engine_model.hpp: random operations on a database and on a std::map, which must always agree.
//
// One history: puts, erases, batches, reads, scans both ways, snapshots, transactions, flushes,
// compactions, reopens. After every operation that reads, what was read is compared; a failure
// prints the seed, the number of the operation and what both said.
#pragma once

#include <lsmith/lsmith.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "../support/odd_keys.hpp"
#include "../support/random.hpp"

namespace engine_test {

using Map = std::map<std::string, std::string>;

struct ModelSetup {
  lsmith::Options options;
  std::string folder = "/db";
  std::uint64_t seed = 1;
  int operations = 1000;
};

inline std::string show(std::string_view bytes) {
  static const char* digits = "0123456789abcdef";
  std::string out;
  for (unsigned char c : bytes.substr(0, 40)) {
    if (c >= 0x20 && c < 0x7f && c != '\\') {
      out += static_cast<char>(c);
    } else {
      out += "\\x";
      out += digits[c >> 4];
      out += digits[c & 15];
    }
  }
  if (bytes.size() > 40) out += "… (" + std::to_string(bytes.size()) + " bytes)";
  return "\"" + out + "\"";
}

class ModelRun {
 public:
  explicit ModelRun(ModelSetup setup) : setup_(std::move(setup)), random_(setup_.seed) { open(); }

  // Runs the whole history. Stops at the first disagreement.
  bool run() {
    for (step_ = 0; step_ < setup_.operations && is_good_; ++step_)
      one_operation();
    if (is_good_) verify_all();
    return is_good_;
  }

 private:
  struct Held {
    lsmith::Snapshot snapshot;
    Map content;
  };

  void one_operation() {
    const std::uint64_t dice = random_.below(1000);
    if (dice < 380)
      put();
    else if (dice < 520)
      erase();
    else if (dice < 590)
      batch();
    else if (dice < 850)
      get();
    else if (dice < 900)
      scan(model_, nullptr);
    else if (dice < 915)
      take_snapshot();
    else if (dice < 930)
      read_snapshot();
    else if (dice < 945)
      release_snapshot();
    else if (dice < 965)
      transaction();
    else if (dice < 980)
      check_status(db_->flush(), "flush");
    else if (dice < 986)
      compact();
    else if (dice < 992)
      reopen();
    else if (dice < 994)
      check_structure();
    else
      check_status(db_->sync(), "sync");
  }

  std::string key() { return lsmith::testing::odd_key(random_, 150); }
  std::string value() { return lsmith::testing::odd_value(random_); }

  void put() {
    const std::string k = key();
    const std::string v = value();
    check_status(db_->put(k, v, durability()), "put");
    model_[k] = v;
  }

  void erase() {
    const std::string k = key();
    check_status(db_->erase(k, durability()), "erase");
    model_.erase(k);
  }

  void batch() {
    lsmith::WriteBatch batch;
    for (std::uint64_t n = random_.below(12); n > 0; --n) {
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
    check_status(db_->write(batch, durability()), "batch");
  }

  void get() {
    const std::string k = key();
    const auto found = db_->get(k);
    if (!check_status(found.status(), "get")) return;
    compare_value(k, *found, model_);
  }

  void compare_value(const std::string& k, const std::optional<std::string>& found,
                     const Map& model) {
    const auto expected = model.find(k);
    if (expected == model.end()) {
      if (found) fail("get " + show(k), "nothing", show(*found));
    } else if (!found) {
      fail("get " + show(k), show(expected->second), "nothing");
    } else if (*found != expected->second) {
      fail("get " + show(k), show(expected->second), show(*found));
    }
  }

  void scan(const Map& model, const lsmith::Snapshot* at) {
    std::optional<std::string> lower;
    std::optional<std::string> upper;
    if (random_.chance(70)) lower = key();
    if (random_.chance(70)) upper = key();
    auto first = lower ? model.lower_bound(*lower) : model.begin();
    auto last = upper ? model.lower_bound(*upper) : model.end();
    if (lower && upper && *upper <= *lower) last = first;
    const auto view = [](const auto& bound) {
      return bound ? std::optional<std::string_view>(*bound) : std::nullopt;
    };
    auto scan = db_->scan(view(lower), view(upper), at);
    const std::uint64_t how = random_.below(3);
    if (how == 0) scan_forward(scan, first, last);
    if (how == 1) scan_backward(scan, first, last);
    if (how == 2) wander(scan, first, last);
    check_status(scan.status(), "scan");
  }

  void scan_forward(lsmith::Scan& scan, Map::const_iterator first, Map::const_iterator last) {
    for (auto [k, v] : scan) {
      if (first == last) return fail("scan forward", "the end", show(k));
      if (k != first->first) return fail("scan forward", show(first->first), show(k));
      if (v != first->second) return fail("scan at " + show(k), show(first->second), show(v));
      ++first;
    }
    if (first != last) fail("scan forward", show(first->first), "the end");
  }

  void scan_backward(lsmith::Scan& scan, Map::const_iterator first, Map::const_iterator last) {
    auto& cursor = scan.cursor();
    for (cursor.seek_to_last(); cursor.is_valid(); cursor.prev()) {
      if (first == last) return fail("scan backward", "the end", show(cursor.key()));
      --last;
      if (!expect_at(cursor, last, "scan backward")) return;
    }
    if (first != last) fail("scan backward", show(std::prev(last)->first), "the end");
  }

  // Seeks and steps in both directions.
  void wander(lsmith::Scan& scan, Map::const_iterator first, Map::const_iterator last) {
    auto& cursor = scan.cursor();
    auto at = last;
    for (int i = 0; i < 30; ++i) {
      const std::uint64_t move = random_.below(10);
      if (move == 0 || !cursor.is_valid()) {
        const std::string k = key();
        cursor.seek(k);
        at = first;
        while (at != last && at->first < k)
          ++at;
      } else if (move == 1) {
        const std::string k = key();
        cursor.seek_back(k);
        at = last;
        for (auto it = first; it != last && it->first <= k; ++it)
          at = it;
      } else if (move < 6) {
        cursor.next();
        ++at;
      } else {
        cursor.prev();
        at = at == first ? last : std::prev(at);
      }
      if (at == last) {
        if (cursor.is_valid()) return fail("wander", "not valid", show(cursor.key()));
      } else if (!expect_at(cursor, at, "wander")) {
        return;
      }
    }
  }

  bool expect_at(const lsmith::UserCursor& cursor, Map::const_iterator at, const char* what) {
    if (!cursor.is_valid()) {
      fail(what, show(at->first), "not valid: " + cursor.status().to_string());
    } else if (cursor.key() != at->first) {
      fail(what, show(at->first), show(cursor.key()));
    } else if (cursor.value() != at->second) {
      fail(std::string(what) + " at " + show(at->first), show(at->second), show(cursor.value()));
    }
    return is_good_;
  }

  void take_snapshot() {
    if (held_.size() < 6) held_.push_back(Held{db_->snapshot(), model_});
  }

  void read_snapshot() {
    if (held_.empty()) return;
    const Held& held = held_[random_.below(held_.size())];
    scan(held.content, &held.snapshot);
    const std::string k = key();
    const auto found = db_->get(k, &held.snapshot);
    if (check_status(found.status(), "get at a snapshot")) compare_value(k, *found, held.content);
  }

  void release_snapshot() {
    if (held_.empty()) return;
    const auto which = static_cast<std::ptrdiff_t>(random_.below(held_.size()));
    held_.erase(held_.begin() + which);
  }

  void transaction() {
    auto transaction = db_->begin(random_.chance(50) ? lsmith::Isolation::snapshot
                                                     : lsmith::Isolation::serializable);
    Map mine = model_;
    for (std::uint64_t n = random_.below(8); n > 0; --n) {
      const std::string k = key();
      const std::string v = value();
      if (random_.chance(60)) {
        check_status(transaction.put(k, v), "transaction put");
        mine[k] = v;
      } else {
        check_status(transaction.erase(k), "transaction erase");
        mine.erase(k);
      }
    }
    const std::string k = key();
    std::string v;
    const auto found = transaction.get(k, v);
    if (check_status(found.status(), "transaction get"))
      compare_value(k, *found ? std::optional<std::string>(v) : std::nullopt, mine);
    if (random_.chance(30)) return transaction.rollback();
    check_status(transaction.commit(random_.chance(10)), "transaction commit");
    model_ = std::move(mine);
  }

  void compact() {
    if (random_.chance(50)) {
      check_status(db_->compact(), "compact");
    } else {
      const std::string a = key();
      const std::string b = key();
      check_status(db_->compact(std::min(a, b), std::max(a, b)), "compact a range");
    }
  }

  void reopen() {
    held_.clear();  // snapshots end with their Db
    if (random_.chance(50)) check_status(db_->close(), "close");
    db_.reset();
    open();
  }

  void open() {
    auto db = lsmith::Db::open(setup_.folder, setup_.options);
    if (check_status(db.status(), "open")) db_.emplace(std::move(*db));
  }

  void check_structure() {
    if (!check_status(db_->wait_idle(), "wait_idle")) return;
    for (const std::string& problem : db_->check())
      fail("check", "no violation", problem);
  }

  void verify_all() {
    check_structure();
    auto scan = db_->scan();
    scan_forward(scan, model_.begin(), model_.end());
    check_status(scan.status(), "last scan");
    held_.clear();
  }

  lsmith::Durability durability() {
    return random_.chance(3) ? lsmith::Durability::power : lsmith::Durability::process;
  }

  bool check_status(const lsmith::Status& status, const char* what) {
    if (!status.ok()) fail(what, "ok", status.to_string());
    return status.ok();
  }

  void fail(const std::string& what, const std::string& expected, const std::string& found) {
    if (!is_good_) return;  // the first one tells the story
    is_good_ = false;
    FAIL_CHECK("seed ", setup_.seed, ", operation ", step_, ": ", what, ": expected ", expected,
               ", found ", found);
  }

  ModelSetup setup_;
  lsmith::testing::Random random_;
  std::optional<lsmith::Db> db_;
  Map model_;
  std::deque<Held> held_;
  int step_ = 0;
  bool is_good_ = true;
};

// How many operations a test runs in all; LSMITH_OPERATIONS in the environment overrides it.
inline int operation_count(int usual) {
  const char* wanted = std::getenv("LSMITH_OPERATIONS");
  return wanted != nullptr ? std::atoi(wanted) : usual;
}

// The seed of a run; LSMITH_SEED in the environment overrides it.
inline std::uint64_t seed_of(std::uint64_t usual) {
  const char* wanted = std::getenv("LSMITH_SEED");
  return wanted != nullptr ? std::strtoull(wanted, nullptr, 0) : usual;
}

}  // namespace engine_test
