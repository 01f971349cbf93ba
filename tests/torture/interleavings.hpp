// interleavings.hpp: a few short transactions in every order of their steps, judged by a model.
//
//   A  begin get a ......... put b ............... commit
//   B  ............ begin scan ..... put a commit ........   and all other orders of these seven
//
// A begin belongs to the step behind it: only its place among the commits matters. A plain batch,
// which is no transaction, takes one step.
//
// Judgement
//  1. A read shows what was committed when the transaction began, and its own writes.
//  2. Of two that overlap and write one key, one commits at most.
//  3. Who wrote nothing is never refused; nor is who touched no key that another committed since.
//  4. The end is the writes of those who committed, in that order.
//  5. A serializable one that wrote would have seen the same at the moment of its commit.
//  6. When all are serializable, some order of those who committed, one after the other, shows each
//     of them what it saw, and leaves the same end.
#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "../support/random.hpp"
#include "actor.hpp"

namespace torture {

using State = std::map<std::string, std::string>;
using Keys = std::set<std::string>;

// A scan walks a whole range, a peek looks at its first entry, or at its last.
enum class Act { get, put, erase, scan, scan_back, peek, peek_back };

struct Step {
  Act act;
  std::string key;
  std::string upper;  // of a range, which begins at `key`
  std::string value;  // of a put: another for each step

  bool is_write() const { return act == Act::put || act == Act::erase; }
  bool peeks() const { return act == Act::peek || act == Act::peek_back; }
  bool is_range() const { return !is_write() && act != Act::get; }
  lsmith::Bounds bounds() const { return {key, upper}; }
};

struct Program {
  std::vector<Step> steps;
  lsmith::Isolation isolation = lsmith::Isolation::snapshot;
  bool is_plain = false;  // a batch

  std::size_t turns() const { return is_plain ? 1 : steps.size() + 1; }
};

inline constexpr const char* nothing_there = "(nothing)";

// What a step does to a state, and what it sees of it.
inline std::string apply(const Step& step, State& state) {
  if (step.act == Act::put) state[step.key] = step.value;
  if (step.act == Act::erase) state.erase(step.key);
  if (step.is_write()) return "";
  if (step.act == Act::get) return state.count(step.key) > 0 ? state.at(step.key) : nothing_there;
  std::vector<std::string> found;
  for (const auto& [key, value] : state)
    if (step.bounds().contains(key)) found.push_back(key + "=" + value);
  if (step.act == Act::scan_back || step.act == Act::peek_back)
    std::reverse(found.begin(), found.end());
  if (step.peeks() && found.size() > 1) found.resize(1);
  std::string text;
  for (const std::string& entry : found)
    text += (text.empty() ? "" : " ") + entry;
  return text;
}

// The same, done to the database.
inline std::string apply(const Step& step, Actor& actor) {
  if (step.act == Act::put) actor.put(step.key, step.value);
  if (step.act == Act::erase) actor.erase(step.key);
  if (step.is_write()) return "";
  if (step.act == Act::get) return actor.get(step.key).value_or(nothing_there);
  auto cursor = actor.scan(step.bounds());
  if (!step.peeks()) return walk(cursor, step.act == Act::scan_back);
  step.act == Act::peek ? cursor.seek(step.key) : cursor.seek_back(step.upper);
  require_ok(cursor.status(), "seek");
  return cursor.is_valid() ? std::string(cursor.key()) + "=" + std::string(cursor.value()) : "";
}

inline std::string text_of(const Step& step) {
  static constexpr const char* names[] = {"get",       "put",  "erase",    "scan",
                                          "scan back", "peek", "peek back"};
  const std::string text = std::string(names[static_cast<int>(step.act)]) + " " + step.key;
  if (step.act == Act::put) return text + "=" + step.value;
  return step.is_range() ? text + ".." + step.upper : text;
}

inline std::string text_of(const State& state) {
  std::string text;
  for (const auto& [key, value] : state)
    text += (text.empty() ? "" : " ") + key + "=" + value;
  return text;
}

// One order of the steps of some programs.
class Interleaving {
 public:
  Interleaving(Store& store, const std::vector<Program>& programs, const State& start,
               bool history_is_small)
      : store_(store),
        start_(start),
        state_(start),
        history_is_small_(history_is_small),
        runners_(programs.size()) {
    for (std::size_t i = 0; i < programs.size(); ++i)
      runners_[i].program = &programs[i];
  }

  // Each number is a program that makes its next step.
  void run(const std::vector<std::size_t>& order) {
    for (const std::size_t next : order)
      advance(runners_[next], next);
    expect(text_of(state_), store_.all(), "the database at the end");
    if (is_serializable()) expect_serial();
  }
  std::size_t commits() const { return commits_.size(); }

 private:
  struct Runner {
    const Program* program = nullptr;
    std::optional<Actor> actor;
    std::size_t turn = 0;
    std::size_t commits_before = 0;  // when it began
    State seen;                      // that moment, with its own writes
    std::vector<std::string> saw;
    Keys written;
    bool is_committed = false;
  };

  void advance(Runner& runner, std::size_t number) {
    const Program& program = *runner.program;
    story_.push_back({number, runner.turn});
    if (runner.turn == 0) {
      runner.commits_before = commits_.size();
      runner.seen = state_;
      if (!program.is_plain) runner.actor.emplace(store_.db(), program.isolation);
    }
    if (program.is_plain) return write_plainly(runner);
    if (runner.turn < program.steps.size()) return step(runner);
    commit(runner);
  }

  void step(Runner& runner) {
    const Step& next = runner.program->steps[runner.turn++];
    const std::string expected = apply(next, runner.seen);
    runner.saw.push_back(apply(next, *runner.actor));
    expect(expected, runner.saw.back(), "what the last step saw");
    if (next.is_write()) runner.written.insert(next.key);
  }

  void write_plainly(Runner& runner) {
    lsmith::WriteBatch batch;
    for (const Step& step : runner.program->steps) {
      runner.saw.push_back(apply(step, runner.seen));
      step.act == Act::put ? batch.put(step.key, step.value) : batch.erase(step.key);
      runner.written.insert(step.key);
    }
    require_ok(store_.db().write(batch), "write");
    note_commit(runner);
  }

  void commit(Runner& runner) {
    const bool has_committed = runner.actor->commit();
    const Keys changed = changed_since(runner.commits_before);
    if (!has_committed) return expect_may_be_refused(runner, changed);
    expect_may_commit(runner, changed);
    note_commit(runner);
  }
  void expect_may_commit(const Runner& runner, const Keys& changed) const {
    if (runner.written.empty()) return;
    expect(!meets(runner.written, changed),
           "it committed, and wrote what another committed since it began");
    State now = state_;
    if (watches(runner))
      expect(sees_the_same(runner, now), "it committed, and what it read has changed");
  }
  void expect_may_be_refused(const Runner& runner, const Keys& changed) const {
    expect(!runner.written.empty(), "it was refused, and wrote nothing");
    if (history_is_small_ && !changed.empty()) return;  // it may have been forgotten
    const bool is_outdated = watches(runner) && has_read(runner, changed);
    expect(is_outdated || meets(runner.written, changed),
           "it was refused, and nobody changed what it touched");
  }

  void note_commit(Runner& runner) {
    runner.is_committed = true;
    for (const std::string& key : runner.written) {
      state_.erase(key);
      if (runner.seen.count(key) > 0) state_[key] = runner.seen[key];
    }
    commits_.push_back(runner.written);
  }

  Keys changed_since(std::size_t commit) const {
    Keys changed;
    for (; commit < commits_.size(); ++commit)
      changed.insert(commits_[commit].begin(), commits_[commit].end());
    return changed;
  }
  static bool meets(const Keys& a, const Keys& b) {
    return std::any_of(a.begin(), a.end(), [&](const auto& key) { return b.count(key) > 0; });
  }
  static bool watches(const Runner& runner) {
    return runner.program->isolation == lsmith::Isolation::serializable;
  }
  static bool has_read(const Runner& runner, const Keys& changed) {
    for (const Step& step : runner.program->steps)
      for (const std::string& key : changed)
        if (step.is_range() ? step.bounds().contains(key) : step.key == key) return true;
    return false;
  }

  bool is_serializable() const {
    return std::all_of(runners_.begin(), runners_.end(), [](const Runner& runner) {
      return runner.program->is_plain || watches(runner);
    });
  }
  void expect_serial() const {
    std::vector<const Runner*> order;
    for (const Runner& runner : runners_)
      if (runner.is_committed) order.push_back(&runner);
    do {
      if (explains(order)) return;
    } while (std::next_permutation(order.begin(), order.end()));
    expect(false, "no order, one after the other, explains what was seen");
  }
  bool explains(const std::vector<const Runner*>& order) const {
    State state = start_;
    for (const Runner* runner : order)
      if (!sees_the_same(*runner, state)) return false;
    return state == state_;
  }
  // Whether in this state it would have seen what it saw; leaves the state behind it.
  static bool sees_the_same(const Runner& runner, State& state) {
    for (std::size_t i = 0; i < runner.program->steps.size(); ++i)
      if (apply(runner.program->steps[i], state) != runner.saw[i]) return false;
    return true;
  }

  void expect(const std::string& expected, const std::string& found, const char* what) const {
    if (expected == found) return;
    throw Wrong(story() + what + ": expected '" + expected + "', found '" + found + "'");
  }
  void expect(bool is_right, const char* what) const {
    if (!is_right) throw Wrong(story() + what);
  }
  std::string story() const {
    std::string text = "start '" + text_of(start_) + "'; ";
    for (const auto& [number, turn] : story_) {
      const Program& program = *runners_[number].program;
      text += static_cast<char>('A' + number);
      if (turn == 0 && !program.is_plain)
        text += watches(runners_[number]) ? " begin serializable," : " begin snapshot,";
      for (std::size_t i = 0; i < program.steps.size(); ++i)
        if (program.is_plain || i == turn) text += " " + text_of(program.steps[i]);
      if (!program.is_plain && turn == program.steps.size()) text += " commit";
      text += "; ";
    }
    return text;
  }

  Store& store_;
  const State& start_;
  State state_;  // what is committed
  const bool history_is_small_;
  std::vector<Runner> runners_;
  std::vector<Keys> commits_;  // what each of them wrote, in their order
  std::vector<std::pair<std::size_t, std::size_t>> story_;
};

}  // namespace torture
