// list_append.hpp: threads that read lists and append numbers to them, in transactions of one
// database, and now and then without one.
//
// Calls of the file system give way to other threads: between the check of a commit, its way into
// the log and the moment at which it is seen, others begin, read and commit.
#pragma once

#include <lsmith/db.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "../fault_fs.hpp"
#include "actor.hpp"
#include "append_history.hpp"

namespace torture {

// What the threads share.
struct Meeting {
  lsmith::Db& db;
  lsmith::Isolation isolation;
  unsigned plain_percent;            // of what a thread does is a write without a transaction
  std::vector<std::string> keys;     // of lists that all append to
  std::atomic<std::uint64_t> clock;  // sequentially consistent: one order of all that happens
};

// One thread. Its plain writes go to a list of its own, which all may read.
class Appender {
 public:
  Appender(Meeting& meeting, std::uint64_t seed, std::size_t self, std::size_t threads)
      : meeting_(meeting), random_(seed * 64 + self), self_(self), keys_(meeting.keys) {
    for (std::size_t thread = 0; thread < threads; ++thread)
      keys_.push_back(own_key(thread));
  }

  static std::string own_key(std::size_t thread) { return "own " + std::to_string(thread); }

  void work(int count) {
    try {
      for (int i = 0; i < count; ++i)
        random_.chance(meeting_.plain_percent) ? write_plainly() : transact();
    } catch (const Wrong& problem) {
      problem_ = problem.what();
    }
  }
  const std::string& problem() const { return problem_; }
  const std::vector<Deed>& deeds() const { return deeds_; }

 private:
  std::uint64_t new_number() { return (self_ + 1) * 1000000 + ++numbers_; }
  void give_way(unsigned percent) {
    if (random_.chance(percent)) std::this_thread::yield();
  }
  Deed& new_deed() {
    deeds_.emplace_back();
    deeds_.back().name = "T" + std::to_string(self_) + "." + std::to_string(deeds_.size());
    deeds_.back().began = ++meeting_.clock;
    return deeds_.back();
  }

  void write_plainly() {
    Deed& deed = new_deed();
    const std::uint64_t number = new_number();
    own_.push_back(number);
    require_ok(meeting_.db.put(own_key(self_), text_of(own_)), "put");
    deed.appended[own_key(self_)] = {number};
    deed.is_committed = true;
    deed.ended = ++meeting_.clock;
  }

  void transact() {
    Deed& deed = new_deed();
    Actor actor(meeting_.db, meeting_.isolation);
    for (std::uint64_t steps = 1 + random_.below(4); steps > 0; --steps) {
      step(actor, deed);
      give_way(30);
    }
    if (random_.chance(4))
      actor.roll_back();
    else
      deed.is_committed = actor.commit();
    deed.ended = ++meeting_.clock;
  }
  void step(Actor& actor, Deed& deed) {
    if (random_.chance(15)) return read_all(actor, deed);
    if (random_.chance(45)) {
      read(actor, deed, keys_[random_.below(keys_.size())]);
      return;
    }
    const std::string& key = meeting_.keys[random_.below(meeting_.keys.size())];
    List list = read(actor, deed, key);
    const std::uint64_t number = new_number();
    list.push_back(number);
    deed.appended[key].push_back(number);
    actor.put(key, text_of(list));
  }

  List read(Actor& actor, Deed& deed, const std::string& key) {
    List found = list_of(actor.get(key).value_or(""));
    note(deed, key, found);
    return found;
  }
  void read_all(Actor& actor, Deed& deed) {
    Lists found;
    auto cursor = actor.scan({});
    for (cursor.seek_to_first(); cursor.is_valid(); cursor.next())
      found[std::string(cursor.key())] = list_of(cursor.value());
    require_ok(cursor.status(), "scan");
    for (const std::string& key : keys_)
      note(deed, key, found[key]);
  }
  // What was seen first stays what is seen, with the own appends behind it.
  void note(Deed& deed, const std::string& key, const List& found) {
    const auto seen = deed.saw.find(key);
    if (seen == deed.saw.end()) {
      deed.saw[key] = found;
      return;
    }
    List expected = seen->second;
    if (const auto own = deed.appended.find(key); own != deed.appended.end())
      expected.insert(expected.end(), own->second.begin(), own->second.end());
    require(found == expected, deed.name + " saw " + key + " as " + text_of(found) +
                                   ", and before as " + text_of(expected));
  }

  Meeting& meeting_;
  lsmith::testing::Random random_;
  const std::size_t self_;
  std::vector<std::string> keys_;  // of all lists
  List own_;
  std::uint64_t numbers_ = 0;
  std::vector<Deed> deeds_;
  std::string problem_;
};

// The lists that are left.
inline Lists lists_of(lsmith::Db& db) {
  Lists lists;
  auto scan = db.scan();
  for (const auto& [key, value] : scan)
    lists[std::string(key)] = list_of(value);
  require_ok(scan.status(), "scan of the database");
  return lists;
}

// Each appender on a thread of its own, until all are done; what they did.
inline std::vector<Deed> run_threads(Meeting& meeting, std::uint64_t seed, std::size_t count) {
  std::vector<std::unique_ptr<Appender>> appenders;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < count; ++i)
    appenders.push_back(std::make_unique<Appender>(meeting, seed, i, count));
  for (const auto& appender : appenders)
    threads.emplace_back([&appender] { appender->work(60); });
  for (std::thread& thread : threads)
    thread.join();
  std::vector<Deed> deeds;
  for (const auto& appender : appenders) {
    require_empty(appender->problem(), "a thread");
    deeds.insert(deeds.end(), appender->deeds().begin(), appender->deeds().end());
  }
  return deeds;
}

// Three or four threads on a new database; what they did, and what is left.
inline std::pair<std::vector<Deed>, Lists> append_lists(lsmith::Options options,
                                                        lsmith::Isolation isolation,
                                                        std::uint64_t seed) {
  lsmith::testing::Random random(seed);
  lsmith::testing::FaultFs files({}, seed);
  files.on_change = [](lsmith::testing::Call, const std::string&) { std::this_thread::yield(); };
  const auto executor = lsmith::make_threads_executor();
  options.file_system = &files;
  options.executor = executor.get();
  auto opened = lsmith::Db::open("db", options);
  require_ok(opened.status(), "open");
  lsmith::Db db = *std::move(opened);

  Meeting meeting{db, isolation, random.chance(70) ? 10u : 60u, {}, 0};
  for (std::uint64_t lists = 2 + random.below(7); lists > 0; --lists)
    meeting.keys.push_back("list " + std::to_string(lists));
  std::vector<Deed> deeds = run_threads(meeting, seed, 3 + random.below(2));
  for (const std::string& problem : db.check())
    throw Wrong("check: " + problem);
  return {std::move(deeds), lists_of(db)};
}

}  // namespace torture
