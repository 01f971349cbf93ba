// interleavings_test.cpp: two small transactions in every order of their steps, judged three ways:
// by the rule of who may commit, by what a snapshot shows, and by executions one after the other.
#include "../support/random.hpp"
#include "stores.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

namespace {

using namespace transaction_test;
using State = std::map<std::string, std::string>;
using Keys = std::set<std::string>;

enum class Act { read_x, read_y, scan, write_x, write_y, erase_x };
using Program = std::vector<Act>;

constexpr int act_count = 6;
const char* const names[act_count] = {"get x", "get y", "scan", "put x", "put y", "erase x"};

std::string text_of(const State& state) {
  std::string text;
  for (const auto& [key, value] : state)
    text += (text.empty() ? "" : " ") + key + "=" + value;
  return text;
}

// What an act does to a state, and what it sees of it.
std::string apply(Act act, const std::string& value, State& state) {
  const auto read = [&](const char* key) { return state.count(key) ? state[key] : "(nothing)"; };
  switch (act) {
    case Act::read_x: return read("x");
    case Act::read_y: return read("y");
    case Act::scan: return text_of(state);
    case Act::write_x: return state["x"] = value, "";
    case Act::write_y: return state["y"] = value, "";
    case Act::erase_x: return state.erase("x"), "";
  }
  return "";
}

// One transaction as it runs, beside its model.
struct Run {
  Program program;
  std::string name;
  std::size_t at = 0;
  std::optional<Transaction> transaction;
  State seen_state;            // its snapshot, with its own writes
  std::vector<std::string> saw;
  Keys read, written;          // read: in the database, not of its own writes
  Keys changed_since;          // by the other, since it began
  bool is_committed = false;
};

std::string run_act(Run& run, Act act, const std::string& value) {
  Transaction& t = *run.transaction;
  const auto read = [&](const char* key) {
    if (run.written.count(key) == 0) run.read.insert(key);
    return get(t, key).value_or("(nothing)");
  };
  switch (act) {
    case Act::read_x: return read("x");
    case Act::read_y: return read("y");
    case Act::scan: return run.read = {"x", "y"}, all_of(t, bounds("x", "z"));
    case Act::write_x: return run.written.insert("x"), put(t, "x", value), "";
    case Act::write_y: return run.written.insert("y"), put(t, "y", value), "";
    case Act::erase_x: return run.written.insert("x"), erase(t, "x"), "";
  }
  return "";
}

bool is_disjoint(const Keys& a, const Keys& b) {
  return std::none_of(a.begin(), a.end(), [&](const auto& key) { return b.count(key) > 0; });
}

// Runs the programs one after the other: whether they see what they saw, and leave what is there.
bool is_serial(const std::vector<const Run*>& order, State state, const State& end) {
  for (const Run* run : order)
    for (std::size_t i = 0; i < run->program.size(); ++i)
      if (apply(run->program[i], run->name + std::to_string(i), state) != run->saw[i]) return false;
  return state == end;
}

class Interleaving {
 public:
  Interleaving(Store& store, Isolation isolation, Program a, Program b, State start)
      : store_(store), isolation_(isolation), start_(std::move(start)), state_(start_) {
    runs_[0].program = std::move(a), runs_[0].name = "A";
    runs_[1].program = std::move(b), runs_[1].name = "B";
    for (const char* key : {"x", "y"})
      start_.count(key) ? store.put(key, start_[key]) : store.erase(key);
  }

  void run(const std::vector<int>& order) {
    for (const int who : order) step(runs_[who], runs_[1 - who]);
    auto scan = store_.db.scan("x", "z");
    lab::expect_equal(story_ + " scan", text_of(state_), transaction_test::text_of(scan.cursor()));
    if (isolation_ != Isolation::serializable) return;
    std::vector<const Run*> committed;
    for (const Run& run : runs_)
      if (run.is_committed) committed.push_back(&run);
    bool is_found = is_serial(committed, start_, state_);
    std::reverse(committed.begin(), committed.end());
    is_found |= is_serial(committed, start_, state_);
    lab::expect(is_found, story_, "what some order one after the other gives", lab::Words{"none"});
  }

 private:
  void step(Run& run, Run& other) {
    if (!run.transaction) run.transaction = store_.begin(isolation_), run.seen_state = state_;
    if (run.at == run.program.size()) return commit(run, other);
    const Act act = run.program[run.at];
    const std::string value = run.name + std::to_string(run.at++);
    story_ += run.name + ": " + names[static_cast<int>(act)] + "; ";
    const std::string expected = apply(act, value, run.seen_state);
    run.saw.push_back(run_act(run, act, value));
    lab::expect_equal(story_, expected, run.saw.back());
  }

  void commit(Run& run, Run& other) {
    bool may = is_disjoint(run.written, run.changed_since);
    if (isolation_ == Isolation::serializable && !run.written.empty())
      may = may && is_disjoint(run.read, run.changed_since);
    story_ += run.name + ": commit; ";
    const Status s = run.transaction->commit(false);
    lab::expect_equal(story_, code_name(may ? Code::ok : Code::conflict), code_name(s.code()));
    run.is_committed = s.ok();
    if (!s.ok()) return;
    for (const std::string& key : run.written) {
      state_.erase(key);
      if (run.seen_state.count(key)) state_[key] = run.seen_state[key];
    }
    if (other.transaction && other.transaction->is_active())
      other.changed_since.insert(run.written.begin(), run.written.end());
  }

  Store& store_;
  Isolation isolation_;
  State start_;
  State state_;
  Run runs_[2];
  std::string story_;
};

// Every order of the steps, the commits among them.
void run_all_orders(Store& store, const Program& a, const Program& b, const State& start) {
  std::vector<int> order(a.size() + 1, 0);
  order.resize(a.size() + b.size() + 2, 1);
  do {
    for (const Isolation isolation : {Isolation::snapshot, Isolation::serializable})
      Interleaving(store, isolation, a, b, start).run(order);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_SUITE_BEGIN("transactions.interleavings");

TEST_CASE("any two transactions of one step, in any order of their steps") {
  Store store;
  for (int a = 0; a < act_count; ++a)
    for (int b = 0; b < act_count; ++b)
      for (const State& start : {State{}, State{{"x", "0"}, {"y", "0"}}})
        run_all_orders(store, {static_cast<Act>(a)}, {static_cast<Act>(b)}, start);
}

TEST_CASE("some pairs of transactions of up to three steps, in any order of their steps") {
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    INFO("seed " << seed);
    lsmith::testing::Random random(seed);
    Store store;
    Program programs[2];
    for (Program& program : programs)
      for (std::size_t count = 2 + random.below(2); count > 0; --count)
        program.push_back(static_cast<Act>(random.below(act_count)));
    State start;
    for (const char* key : {"x", "y"})
      if (random.chance(50)) start[key] = "0";
    run_all_orders(store, programs[0], programs[1], start);
  }
}

}  // namespace
