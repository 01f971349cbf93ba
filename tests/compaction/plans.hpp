// plans.hpp: trees of table descriptions, to choose from, and a judge of what was chosen.
#pragma once

#include "../support/random.hpp"
#include "../support/step.hpp"

#include <lsmith/compaction.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace lsmith::testing {

using TableSet = lsmith::Version;  // the tables of a database

inline TableSet with_table(const TableSet& tables, int level, const TableMeta& meta) {
  VersionEdit edit;
  edit.added.emplace_back(level, meta);
  auto next = tables.apply(edit);
  REQUIRE_MESSAGE(next.ok(), next.status().to_string());
  return *std::move(next);
}

// "31[a-m] 28[d-t] -> level 5"
inline std::string show(const CompactionPlan& plan) {
  std::string text;
  for (const auto& [level, table] : plan.inputs)
    text += std::to_string(level) + ":" + std::to_string(table->number) + "[" + table->first_key +
            "-" + table->last_key + "] ";
  return text + (plan.is_trivial_move ? "moved to level " : "to level ") +
         std::to_string(plan.output_level);
}

inline std::string show(const TableSet& tables) {
  std::string text;
  for (int level = 0; level < level_count; ++level)
    for (const TableRef& table : tables.level(level))
      text += " " + std::to_string(level) + ":" + std::to_string(table->number) + "[" +
              table->first_key + "-" + table->last_key + "]";
  return "tree" + text;
}

// Whether the first of two tables of level 0 is the newer one.
inline bool is_before(const TableSet& tables, const TableRef& a, const TableRef& b) {
  const auto& newest_first = tables.level(0);
  return std::find(newest_first.begin(), newest_first.end(), a) <
         std::find(newest_first.begin(), newest_first.end(), b);
}

// Whether a plan is one that may be run: its inputs are there, newest first, and complete.
inline bool check_plan(const TableSet& tables, const CompactionPlan& plan) {
  const std::string done = show(tables) + "; plan " + show(plan);
  const auto is_input = [&](int level, const TableRef& table) {
    return std::count(plan.inputs.begin(), plan.inputs.end(), LevelTable{level, table}) == 1;
  };
  std::vector<LevelTable> in_order;
  for (int level = 0; level < level_count; ++level)
    for (const TableRef& table : tables.level(level))
      if (is_input(level, table)) in_order.emplace_back(level, table);
  if (!lab::expect(!plan.inputs.empty() && in_order == plan.inputs, done,
                   "inputs from the tree, each once, newest first", show(plan)))
    return false;
  const int top = plan.inputs.front().first;
  if (!lab::expect(plan.output_level >= std::max(1, plan.inputs.back().first), done,
                   "an output level at or below the inputs", plan.output_level))
    return false;
  const KeyExtent extent = extent_of(plan.inputs);
  for (int level = top; level <= plan.output_level; ++level) {
    for (const TableRef& table : tables.level(level)) {
      if (is_input(level, table)) continue;
      // It is passed by an input from above, or is an older table of level 0.
      const bool is_passed =
          std::any_of(plan.inputs.begin(), plan.inputs.end(), [&](const LevelTable& input) {
            const bool is_newer =
                input.first < level || (level == 0 && is_before(tables, input.second, table));
            return is_newer && table->overlaps(input.second->first_key, input.second->last_key);
          });
      const bool is_met = level == plan.output_level && !plan.is_trivial_move &&
                          table->overlaps(extent.first, extent.last);
      if (!lab::expect(!is_passed && !is_met, done, "complete inputs",
                       "table " + std::to_string(table->number) + " overlaps and stays out",
                       "Newer data must not pass older data of the same key."))
        return false;
    }
  }
  return true;
}
inline TableMeta table(std::uint64_t number, const std::string& first, const std::string& last,
                       std::uint64_t bytes = 4096, Sequence sequence = 0) {
  TableMeta meta;
  meta.number = meta.table_id = number;
  meta.file_bytes = bytes;
  meta.entries = 2;
  meta.first_key = first;
  meta.last_key = last;
  meta.first_sequence = meta.last_sequence = sequence == 0 ? number : sequence;
  meta.first_tag = meta.last_tag = make_tag(meta.last_sequence, Kind::put);
  return meta;
}

inline std::string numbers_of(const std::optional<CompactionPlan>& plan) {
  if (!plan) return "nothing";
  std::set<std::uint64_t> numbers;
  for (const auto& [level, input] : plan->inputs)
    numbers.insert(input->number);
  std::string text;
  for (std::uint64_t number : numbers)
    text += std::to_string(number) + " ";
  return text + "to level " + std::to_string(plan->output_level);
}

// A tree of table descriptions whose merges are done here: the newest sequence of each key
// survives.
struct Simulation {
  TableSet tables;
  std::map<std::uint64_t, std::map<std::string, Sequence>> contents;  // by table number
  std::map<std::string, Sequence> written;                            // the truth
  std::uint64_t next = 1;

  void add(VersionEdit& edit, int level, std::map<std::string, Sequence> keys) {
    TableMeta meta = table(next, keys.begin()->first, keys.rbegin()->first, keys.size() * 100);
    for (const auto& [key, sequence] : keys) {
      meta.first_sequence = std::min(meta.first_sequence, sequence);
      meta.last_sequence = std::max(meta.last_sequence, sequence);
    }
    edit.added.emplace_back(level, meta);
    contents[next++] = std::move(keys);
  }
  void install(const VersionEdit& edit) {
    auto result = tables.apply(edit);
    REQUIRE_MESSAGE(result.ok(), result.status().to_string());
    tables = *std::move(result);
  }
  bool run(const CompactionPlan& plan) {
    if (!check_plan(tables, plan)) return false;
    VersionEdit edit;
    std::map<std::string, Sequence> merged;
    for (const auto& [level, input] : plan.inputs) {
      edit.removed.emplace_back(level, input->number);
      if (plan.is_trivial_move) edit.added.emplace_back(plan.output_level, *input);
      for (const auto& [key, sequence] : contents[input->number])
        merged.emplace(key, sequence);  // the newest input comes first
    }
    while (!plan.is_trivial_move && !merged.empty()) {
      std::map<std::string, Sequence> part;
      while (part.size() < 40 && !merged.empty())
        part.insert(merged.extract(merged.begin()));
      add(edit, plan.output_level, std::move(part));
    }
    install(edit);
    return true;
  }
  // A key of which something else stands uppermost than what was written last; or nothing.
  std::string wrong_key() const {
    std::map<std::string, Sequence> found;
    for (int level = 0; level < level_count; ++level)
      for (const TableRef& table : tables.level(level))
        found.insert(contents.at(table->number).begin(), contents.at(table->number).end());
    for (const auto& [key, sequence] : written)
      if (found[key] != sequence) return key;
    return "nothing";
  }
};

// One table at each of the levels, all with the same keys.
inline TableSet filled(std::vector<std::pair<int, std::uint64_t>> levels_and_bytes) {
  TableSet tables;
  std::uint64_t number = 1;
  for (const auto& [level, bytes] : levels_and_bytes)
    tables = with_table(tables, level, table(number++, "k", "p", bytes));
  return tables;
}

}  // namespace lsmith::testing
