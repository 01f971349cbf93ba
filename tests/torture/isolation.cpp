// isolation.cpp: what transactions promise each other: the anomalies by name, every order of the
// steps of a few, and histories of many threads.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "anomalies.hpp"
#include "interleavings.hpp"
#include "list_append.hpp"
#include "options.hpp"
#include "run.hpp"

namespace torture {
namespace {

using lsmith::Isolation;
using lsmith::testing::Random;

const char* word_for(bool happens) {
  return happens ? "happens" : "does not happen";
}

void try_anomalies(Random& random, Figures& figures) {
  for (const AnomalyFound& found : table_of_anomalies(options_of(random))) {
    const Anomaly& anomaly = *found.anomaly;
    const std::string name = std::string(anomaly.name) + " (" + anomaly.what + ") ";
    require(found.under_snapshot == anomaly.snapshot_allows,
            name + word_for(found.under_snapshot) + " under snapshot isolation");
    require(!found.under_serializable,
            name + word_for(found.under_serializable) + " under serializable isolation");
    figures.add("anomaly schedules", 2);
  }
}

std::string key_of(std::uint64_t number) {
  return std::string(1, static_cast<char>('a' + number));
}

// A range begins at its key; few are empty.
Step step_of(Random& random, std::uint64_t keys, const std::string& value) {
  static constexpr Act acts[] = {Act::get,   Act::get,  Act::put,       Act::put,  Act::put,
                                 Act::erase, Act::scan, Act::scan_back, Act::peek, Act::peek_back};
  const std::uint64_t key = random.below(keys);
  const std::uint64_t upper = key + 1 + random.below(keys - key);
  return {acts[random.below(std::size(acts))], key_of(key), key_of(random.chance(10) ? key : upper),
          value};
}

Program program_of(Random& random, std::uint64_t keys, const std::string& name, bool is_plain) {
  Program program;
  program.is_plain = is_plain;
  const std::uint64_t steps = 2 + random.below(3);
  while (program.steps.size() < steps) {
    Step step = step_of(random, keys, name + std::to_string(program.steps.size()));
    if (!is_plain || step.is_write()) program.steps.push_back(std::move(step));
  }
  return program;
}

// In how many orders the programs can be run.
double orders_of(const std::vector<Program>& programs) {
  double orders = 1;
  std::size_t turns = 0;
  for (const Program& program : programs)
    for (std::size_t turn = 1; turn <= program.turns(); ++turn)
      orders = orders * static_cast<double>(++turns) / static_cast<double>(turn);
  return orders;
}

// Two or three; so short that all orders can be tried.
std::vector<Program> programs_of(Random& random, std::uint64_t keys) {
  constexpr double orders_max = 2000;
  std::vector<Program> programs;
  do {
    programs.clear();
    const bool has_batch = random.chance(30);
    const std::size_t count = random.chance(70) ? 2 : 3;
    for (std::size_t i = 0; i < count; ++i)
      programs.push_back(program_of(random, keys, std::string(1, static_cast<char>('A' + i)),
                                    has_batch && i + 1 == count));
  } while (orders_of(programs) > orders_max);
  const std::uint64_t mix = random.below(4);
  for (Program& program : programs) {
    const bool is_serializable = mix < 2 || (mix == 2 && random.chance(50));
    program.isolation = is_serializable ? Isolation::serializable : Isolation::snapshot;
  }
  return programs;
}

State start_of(Random& random, std::uint64_t keys) {
  State start;
  for (std::uint64_t key = 0; key < keys; ++key)
    if (random.chance(60)) start[key_of(key)] = "0";
  return start;
}

void reset(Store& store, const State& start, std::uint64_t keys) {
  lsmith::WriteBatch batch;
  for (std::uint64_t key = 0; key < keys; ++key) {
    const std::string name = key_of(key);
    start.count(name) > 0 ? batch.put(name, start.at(name)) : batch.erase(name);
  }
  require_ok(store.db().write(batch), "write");
}

// One behind the other: the first of all orders.
std::vector<std::size_t> first_order_of(const std::vector<Program>& programs) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < programs.size(); ++i)
    order.insert(order.end(), programs[i].turns(), i);
  return order;
}

// Every order of the steps of some programs, on a database that works in the background, with a
// transaction beside them that is always open, or without.
void try_all_orders(Random& random, Figures& figures) {
  const std::uint64_t keys = 2 + random.below(2);
  const std::vector<Program> programs = programs_of(random, keys);
  const State start = start_of(random, keys);
  lsmith::Options options = options_of(random);
  const bool history_is_small = random.chance(15);
  if (history_is_small) options.commit_history_bytes = random.below(400);
  const bool has_bystander = random.chance(50);
  Store store(options);
  auto order = first_order_of(programs);
  do {
    std::optional<Actor> bystander;
    if (has_bystander) bystander.emplace(store.db(), Isolation::snapshot);
    reset(store, start, keys);
    Interleaving interleaving(store, programs, start, history_is_small);
    interleaving.run(order);
    if (random.chance(20)) store.run_one();
    figures.add("interleavings");
    figures.add("transactions", programs.size());
    figures.add("commits", interleaving.commits());
  } while (std::next_permutation(order.begin(), order.end()));
}

void try_lists(Random& random, bool is_serializable, Figures& figures) {
  lsmith::Options options = options_of(random);
  if (random.chance(30)) options.commit_history_bytes = random.below(2000);
  const Isolation isolation = is_serializable ? Isolation::serializable : Isolation::snapshot;
  const auto [deeds, lists] = append_lists(options, isolation, random.next());
  const AppendHistory history(deeds, lists);
  history.check(is_serializable);
  std::uint64_t commits = 0;
  for (const Deed& deed : deeds)
    commits += deed.is_committed ? 1 : 0;
  figures.add("list-append transactions", deeds.size());
  figures.add("list-append commits", commits);
  if (!is_serializable && history.has_write_skew()) figures.add("list-append write skews");
}

void isolate(std::uint64_t seed, Figures& figures) {
  Random random(seed);
  try_anomalies(random, figures);
  for (int i = 0; i < 8; ++i)
    try_all_orders(random, figures);
  for (int i = 0; i < 6; ++i)
    try_lists(random, i % 2 == 0, figures);
}

}  // namespace

const Run isolation = {"isolation", "anomalies, all orders of short transactions, many threads", 3,
                       isolate};

}  // namespace torture
