// trees.hpp: small trees of real tables in memory, to merge.
#pragma once

#include "../fault_fs.hpp"
#include "../support/vector_cursor.hpp"
#include "plans.hpp"

#include <lsmith/compaction.hpp>

#include <algorithm>
#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace lsmith::testing {

using Row = testing::Version;  // one version of a key
using Rows = std::vector<Row>;

// Tables that are really there, in memory, with everything that a merge needs.
class Tree {
 public:
  explicit Tree(Options options = small_options()) : options_(options) {
    REQUIRE(files.create_folder("db").ok());
    cache = std::make_shared<TableCache>(options_, files, "db");
  }

  TableMeta write(Rows rows) {
    std::sort(rows.begin(), rows.end(), comes_before);
    const std::uint64_t number = numbers.take();
    auto builder = cache->create(number);
    REQUIRE(builder.ok());
    for (const Row& row : rows)
      REQUIRE((*builder)->add(row.key, row.tag, row.value).ok());
    auto meta = (*builder)->finish();
    REQUIRE(meta.ok());
    meta->number = number;
    return *std::move(meta);
  }
  void add(int level, Rows rows) { tables = with_table(tables, level, write(std::move(rows))); }

  // What a table holds, as read back from its file, and whether its description is true.
  Rows read(const TableMeta& meta) {
    auto table = cache->open(meta);
    REQUIRE_MESSAGE(table.ok(), table.status().to_string());
    Rows rows;
    auto cursor = (*table)->cursor(ReadPattern::scan);
    for (cursor.seek_to_first(); cursor.is_valid(); cursor.next())
      rows.push_back(*copy_of_current(cursor));
    REQUIRE(!rows.empty());
    const bool is_true = meta.entries == rows.size() && meta.first_key == rows.front().key &&
                         meta.last_key == rows.back().key && meta.first_tag == rows.front().tag &&
                         meta.last_tag == rows.back().tag;
    lab::expect(is_true, "a table's description", "what the table holds", meta.number);
    return rows;
  }
  // Everything in the tree.
  Model model() {
    Model all;
    for (int level = 0; level < level_count; ++level)
      for (const TableRef& table : tables.level(level))
        for (const Row& row : read(*table))
          testing::add(all, row);
    return all;
  }
  std::size_t file_count() {
    auto names = files.list("db");
    REQUIRE(names.ok());
    return names->size();
  }

  MergeContext context(std::vector<Sequence> snapshots = {}, std::uint64_t table_bytes = 4096) {
    MergeContext result{options_, *cache, numbers, is_cancelled, std::move(snapshots)};
    result.table_bytes_max = table_bytes;
    return result;
  }
  Result<std::vector<TableMeta>> merge(const Sources& sources, const MergeContext& context) {
    MergeCursor input(children_of(sources));
    return merge_into_tables(input, context);
  }
  Status run(const CompactionPlan& plan, std::vector<Sequence> snapshots = {}) {
    auto edit = run_compaction(plan, tables, context(std::move(snapshots)));
    if (!edit.ok()) return std::move(edit).status();
    auto next = tables.apply(*edit);
    if (!next.ok()) return std::move(next).status();
    tables = *std::move(next);
    lab::expect_equal("check() of the tree after " + show(plan), "",
                      tables.check().empty() ? "" : tables.check().front());
    return {};
  }

  lsmith::testing::FaultFs files;
  FileNumbers numbers;
  std::atomic<bool> is_cancelled{false};
  std::shared_ptr<TableCache> cache;
  TableSet tables;

 private:
  Options options_;
};

// Reads the tables back: what the merge kept, in order; no user key in two tables.
inline Rows read_all(Tree& tree, const std::vector<TableMeta>& tables) {
  Rows all;
  std::set<std::uint64_t> numbers;
  for (const TableMeta& meta : tables) {
    lab::expect(numbers.insert(meta.number).second, "the tables' numbers", "each once",
                meta.number);
    Rows rows = tree.read(meta);
    if (!all.empty())
      lab::expect(all.back().key < rows.front().key, "where one table ends and the next begins",
                  "between two user keys", lab::show(rows.front().key));
    all.insert(all.end(), rows.begin(), rows.end());
  }
  CHECK(std::is_sorted(all.begin(), all.end(), comes_before));
  return all;
}

inline void expect_rows(const std::string& done, const Rows& expected, const Rows& found) {
  lab::expect_equal(done + "; entries", expected.size(), found.size());
  for (std::size_t i = 0; i < std::min(expected.size(), found.size()); ++i)
    if (!lab::expect_equal(done + "; entry " + std::to_string(i), expected[i], found[i])) return;
}

}  // namespace lsmith::testing
