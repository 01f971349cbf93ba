// history.hpp: a history of batches that is a function of their numbers, and the judgement whether
// a database holds a prefix of it.
#pragma once

#include <lsmith/lsmith.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "machine.hpp"
#include "random.hpp"

namespace lsmith::testing {

using Map = std::map<std::string, std::string>;

// Batch i (from 1) writes three of forty keys, or erases one of them, and says its number in
// "last".
class History {
 public:
  static constexpr std::uint64_t batch_records = 4;

  explicit History(std::uint64_t count, std::uint64_t seed = 1) : seed_(seed) {
    states_.emplace_back();
    for (std::uint64_t i = 1; i <= count; ++i) {
      states_.push_back(states_.back());
      batch(i).for_each([&](std::uint64_t tag, std::string_view key, std::string_view value) {
        if (kind_of(tag) == Kind::put) {
          states_.back()[std::string(key)] = value;
        } else {
          states_.back().erase(std::string(key));
        }
      });
    }
  }

  std::uint64_t count() const { return states_.size() - 1; }
  const Map& state(std::uint64_t i) const { return states_.at(static_cast<std::size_t>(i)); }
  WriteBatch batch(std::uint64_t i) const {
    Random random(seed_ * 1000003 + i);
    WriteBatch batch;
    for (std::uint64_t record = 1; record < batch_records; ++record) {
      const std::string key = "k" + std::to_string(10 + random.below(40));
      if (random.chance(25)) {
        batch.erase(key);
      } else {
        batch.put(key, std::to_string(i) + ":" + std::string(random.below(90), 'v'));
      }
    }
    batch.put("last", std::to_string(i));
    return batch;
  }
  Status write(Db& db, std::uint64_t i, Durability durability = Durability::process) const {
    WriteBatch next = batch(i);
    return db.write(next, durability);
  }

 private:
  const std::uint64_t seed_;
  std::vector<Map> states_;
};

struct Answers {
  std::string wrong;  // the first answer that was wrong; empty: none was
  Status error;       // the first that was none
};

// Asks for everything, by scans in both directions and key by key. An answer is as expected, or an
// error; a scan that ends early without an error is wrong.
inline Answers ask_all(const Db& db, const Map& expected) {
  Answers answers;
  const auto note = [&](const std::string& what, const std::string& found) {
    if (answers.wrong.empty()) answers.wrong = what + ": found " + found;
  };
  const auto fail = [&](const Status& s) {
    if (answers.error.ok()) answers.error = s;
  };
  const auto walk = [&](const char* what, auto first, auto last, auto start, auto step) {
    auto scan = db.scan();
    auto& cursor = scan.cursor();
    for (start(cursor); cursor.is_valid(); step(cursor), ++first) {
      if (first == last) return note(what, std::string(cursor.key()) + ", expected the end");
      if (cursor.key() != first->first || cursor.value() != first->second)
        return note(what, std::string(cursor.key()) + ", expected " + first->first);
    }
    if (!scan.status().ok()) return fail(scan.status());
    if (first != last) note(what, "the end, expected " + first->first);
  };
  walk(
      "scan", expected.begin(), expected.end(), [](auto& c) { c.seek_to_first(); },
      [](auto& c) { c.next(); });
  walk(
      "scan back", expected.rbegin(), expected.rend(), [](auto& c) { c.seek_to_last(); },
      [](auto& c) { c.prev(); });
  const auto ask = [&](const std::string& key) {
    const auto found = db.get(key);
    const auto right = expected.find(key);
    if (!found.ok()) return fail(found.status());
    if (right == expected.end() && *found) return note("get " + key, **found);
    if (right != expected.end() && *found != right->second)
      note("get " + key, *found ? **found : "nothing");
  };
  for (int i = 10; i < 50; ++i)
    ask("k" + std::to_string(i));
  for (const auto& [key, value] : expected)
    ask(key);
  return answers;
}

// Which batch the database says was its last; nothing when it can not say.
inline std::optional<std::uint64_t> last_batch(const Db& db) {
  const auto found = db.get("last");
  if (!found.ok()) return std::nullopt;
  return *found ? std::stoull(**found) : 0;
}

// What is wrong with a database that must hold the batches up to some number from `least` to
// `most`; empty when nothing is.
inline std::string check_prefix(const Db& db, const History& history, std::uint64_t least,
                                std::uint64_t most, std::uint64_t* found = nullptr) {
  const auto last = last_batch(db);
  if (!last) return "get last: " + db.get("last").status().to_string();
  if (*last < least || *last > most)
    return "it ends at batch " + std::to_string(*last) + ", expected " + std::to_string(least) +
           " to " + std::to_string(most);
  if (found != nullptr) *found = *last;
  const Answers answers = ask_all(db, history.state(*last));
  if (!answers.wrong.empty()) return "as of batch " + std::to_string(*last) + ", " + answers.wrong;
  return answers.error.ok() ? "" : answers.error.to_string();
}

// The same for an image, which must open. Goes on writing, cuts the power again, and looks whether
// what was written then is there: a recovery must not leave behind what the next one stumbles over.
inline std::string check_recovery(const Image& image, const History& history, std::uint64_t least,
                                  std::uint64_t most, const Options& options = machine_options()) {
  std::uint64_t found = 0;
  Image after;
  {
    Machine machine(image, options);
    auto db = machine.try_open();
    if (!db.ok()) return "open: " + db.status().to_string();
    if (auto problem = check_prefix(*db, history, least, most, &found); !problem.empty())
      return problem;
    for (const std::string& problem : db->check())
      return "check: " + problem;
    if (found == history.count()) return {};
    if (auto s = history.write(*db, found + 1, Durability::power); !s.ok())
      return "write after recovery: " + s.to_string();
    after = machine.files.after_power_cut();
  }
  Machine machine(after, options);
  auto db = machine.try_open();
  if (!db.ok()) return "second recovery: " + db.status().to_string();
  const auto problem = check_prefix(*db, history, found + 1, found + 1);
  return problem.empty() ? "" : "second recovery: " + problem;
}

}  // namespace lsmith::testing
