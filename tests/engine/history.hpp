// history.hpp: a history of batches that is a function of their numbers, a machine to run it on,
// and the judgement whether a database holds a prefix of it.
#pragma once

#include <lsmith/lsmith.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../support/random.hpp"
#include "faulty_files.hpp"

namespace engine_test {

using lsmith::Code;
using lsmith::Db;
using lsmith::Durability;
using Map = std::map<std::string, std::string>;

inline const std::string folder = "/db";

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
        if (lsmith::kind_of(tag) == lsmith::Kind::put) {
          states_.back()[std::string(key)] = value;
        } else {
          states_.back().erase(std::string(key));
        }
      });
    }
  }

  std::uint64_t count() const { return states_.size() - 1; }
  const Map& state(std::uint64_t i) const { return states_.at(static_cast<std::size_t>(i)); }
  lsmith::WriteBatch batch(std::uint64_t i) const {
    lsmith::testing::Random random(seed_ * 1000003 + i);
    lsmith::WriteBatch batch;
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
    lsmith::WriteBatch next = batch(i);
    return db.write(next, durability);
  }
  // Batches from `first` to `last`, which must be accepted.
  void write_all(Db& db, std::uint64_t first, std::uint64_t last,
                 Durability durability = Durability::process) const {
    for (std::uint64_t i = first; i <= last; ++i)
      REQUIRE(write(db, i, durability).ok());
  }

 private:
  const std::uint64_t seed_;
  std::vector<Map> states_;
};

// A disk and one processor. Make the Db after it, so that it goes first.
struct Machine {
  explicit Machine(const Image& image = {}) : files(image) {
    options.file_system = &files;
    options.executor = &executor;
    options.write_buffer_bytes = 8192;  // a dozen batches or two
  }
  Result<Db> try_open() { return Db::open(folder, options); }
  Db open() {
    auto db = try_open();
    REQUIRE_MESSAGE(db.ok(), db.status().to_string());
    return std::move(*db);
  }

  FaultyFiles files;
  lsmith::ManualExecutor executor;
  lsmith::Options options = lsmith::small_options();
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
inline std::string check_recovery(
    const Image& image, const History& history, std::uint64_t least, std::uint64_t most,
    lsmith::CompactionStyle style = lsmith::CompactionStyle::leveled) {
  std::uint64_t found = 0;
  Image after;
  {
    Machine machine(image);
    machine.options.compaction = style;
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
  Machine machine(after);
  machine.options.compaction = style;
  auto db = machine.try_open();
  if (!db.ok()) return "second recovery: " + db.status().to_string();
  const auto problem = check_prefix(*db, history, found + 1, found + 1);
  return problem.empty() ? "" : "second recovery: " + problem;
}

// ---- asking in a word ----

inline std::string key_of(int i) {
  return "key" + std::to_string(1000 + i);
}

inline std::string value_of(const Db& db, std::string_view key,
                            const lsmith::Snapshot* at = nullptr) {
  const auto found = db.get(key, at);
  REQUIRE_MESSAGE(found.ok(), found.status().to_string());
  return *found ? **found : "(nothing)";
}

inline int count_of(lsmith::Scan scan) {
  int count = 0;
  for ([[maybe_unused]] auto entry : scan)
    ++count;
  CHECK(scan.status().ok());
  return count;
}

// All levels together.
inline lsmith::Stats::Level in_tables(const Db& db) {
  lsmith::Stats::Level sum;
  for (const lsmith::Stats::Level& level : db.stats().levels) {
    sum.tables += level.tables;
    sum.bytes += level.bytes;
    sum.entries += level.entries;
    sum.erases += level.erases;
  }
  return sum;
}

// Compactions happen when they are asked for.
inline void stop_compactions(lsmith::Options& options) {
  options.level0_compact_count = options.level0_slow_count = options.level0_stop_count = 100;
}

// ---- the folder ----

inline std::string path_of(lsmith::FileName::Type type, std::uint64_t number = 0) {
  return lsmith::file_path(folder, type, number);
}

// The paths of one type of file, by number.
inline std::map<std::uint64_t, std::string> paths_of(const Image& image,
                                                     lsmith::FileName::Type type) {
  std::map<std::uint64_t, std::string> paths;
  for (const auto& [path, bytes] : image) {
    const auto name = lsmith::parse_file_name(path.substr(path.rfind('/') + 1));
    if (name && name->type == type) paths[name->number] = path;
  }
  return paths;
}

// All but the lock, which opening may create.
inline Image without_lock(Image image) {
  image.erase(path_of(lsmith::FileName::Type::lock));
  return image;
}

inline bool mentions(const Status& status, std::string_view text) {
  return status.message().find(text) != std::string_view::npos;
}

}  // namespace engine_test
