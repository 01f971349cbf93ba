// 2_merge_test.cpp: a merge writes what must be kept into true, whole tables, or leaves nothing.
#include "trees.hpp"

#include <string>
#include <vector>

using namespace lsmith;
using namespace lsmith::testing;
using lsmith::testing::Call;

namespace {

const lab::Step step_2{"09.2", 20, "book/09-compaction.md#merging",
                       "A merge that can not be finished removes the tables it made and says why."};

Rows versions_of(const std::string& key, Sequence first, Sequence last) {
  Rows rows;
  for (Sequence sequence = first; sequence <= last; ++sequence)
    rows.push_back(put_at(sequence, key, "value " + std::to_string(sequence)));
  return rows;
}

void expect_nothing_left(const std::string& done, Tree& tree) {
  tree.files.heal();
  lab::expect_equal(done + "; files left behind", std::size_t{0}, tree.file_count());
}

Sources two_thousand() {
  Sources sources = make_sources({{}, {}, {}});
  for (Sequence i = 1; i <= 2000; ++i)
    sources[i % 3]->versions.push_back(put_at(i, "key" + std::to_string(10000 + i), "some value"));
  return sources;
}

}  // namespace

TEST_SUITE("compaction") {
  TEST_CASE("what is kept comes out once, in order, in tables of about the size asked for") {
    Tree tree;
    const Sources sources = two_thousand();
    auto tables = tree.merge(sources, tree.context({}, 4096));
    REQUIRE(tables.ok());
    expect_rows("2000 keys", merged(sources), read_all(tree, *tables));
    CHECK(tables->size() > 5);
    for (const TableMeta& meta : *tables)
      lab::expect(meta.file_bytes < 4096 * 2, "table_bytes_max 4096", "tables not much larger",
                  meta.file_bytes);
    lab::expect_equal("files in the folder", tables->size(), tree.file_count());
  }

  TEST_CASE("the last table is not forgotten, for any number of keys and any size of table") {
    for (Sequence count = 1; count <= 40; ++count) {
      for (const std::uint64_t table_bytes : {1, 300, 700, 1 << 20}) {
        Tree tree;
        Sources sources = make_sources({{}});
        for (Sequence i = 1; i <= count; ++i)
          sources[0]->add(put_at(i, "k" + std::to_string(100 + i), "v"));
        auto tables = tree.merge(sources, tree.context({}, table_bytes));
        REQUIRE(tables.ok());
        expect_rows(std::to_string(count) + " keys, table_bytes_max " + std::to_string(table_bytes),
                    merged(sources), read_all(tree, *tables));
        if (table_bytes == 1)
          lab::expect_equal("tables for " + std::to_string(count) + " keys, table_bytes_max 1",
                            static_cast<std::size_t>(count), tables->size());
      }
    }
  }

  TEST_CASE("all versions of a user key stay in one table, however many there are") {
    Tree tree;
    Rows rows = versions_of("k", 1, 50);
    rows.push_back(put_at(60, "j", "before"));
    rows.push_back(put_at(61, "l", "behind"));
    std::vector<Sequence> snapshots;
    for (Sequence sequence = 1; sequence <= 50; ++sequence)
      snapshots.push_back(sequence);
    const Sources sources = make_sources({rows});
    auto tables = tree.merge(sources, tree.context(snapshots, 200));
    REQUIRE(tables.ok());
    expect_rows("50 versions, 50 snapshots, table_bytes_max 200", merged(sources),
                read_all(tree, *tables));
  }

  TEST_CASE("an input that fails fails the merge, at whichever move, and nothing is left behind") {
    for (int moves = 0; moves < 60; ++moves) {
      Tree tree;
      const Sources sources = make_sources({versions_of("a", 1, 3), versions_of("b", 1, 5)});
      for (Sequence i = 100; i < 140; ++i)
        sources[1]->add(put_at(i, "c" + std::to_string(i), "v"));
      sources[1]->moves_until_failure = moves;
      auto tables = tree.merge(sources, tree.context({}, 300));
      if (sources[1]->moves_until_failure >= 0) break;
      const std::string done = "the input fails at its move " + std::to_string(moves);
      if (!lab::expect_equal(done, "i/o error: the child failed", tables.status().to_string()))
        return;
      expect_nothing_left(done, tree);
    }
  }

  TEST_CASE(
      "whichever call of the file system fails, the merge says so and leaves nothing behind") {
    for (const Call call : {Call::create, Call::append, Call::sync, Call::close}) {
      for (std::uint64_t n = 1; n < 30; ++n) {
        Tree tree;
        tree.files.fail(call, n, false);
        auto tables = tree.merge(two_thousand(), tree.context({}, 16384));
        if (!tree.files.has_failed()) break;
        const std::string done = std::string(name_of(call)) + "() number " + std::to_string(n) +
                                 " of the file system fails";
        if (!lab::expect(!tables.ok(), done, "an error", tables.status().to_string())) return;
        expect_nothing_left(done, tree);
      }
    }
  }

  TEST_CASE("a merge that is cancelled stops soon and leaves nothing behind") {
    Tree tree;
    tree.is_cancelled = true;
    const auto tables = tree.merge(two_thousand(), tree.context());
    lab::expect_equal("is_cancelled is set; the code", std::string(code_name(Code::cancelled)),
                      std::string(code_name(tables.status().code())));
    expect_nothing_left("is_cancelled is set", tree);

    tree.is_cancelled = false;
    const Sources sources = two_thousand();
    sources[0]->raises = &tree.is_cancelled;
    sources[0]->moves_until_raise = 300;  // when about half of all entries are merged
    const auto half = tree.merge(sources, tree.context({}, 4096));
    lab::expect_equal("is_cancelled is set at half the way; the code",
                      std::string(code_name(Code::cancelled)),
                      std::string(code_name(half.status().code())));
    expect_nothing_left("is_cancelled is set at half the way", tree);
  }

  TEST_CASE(
      "a plan that is run removes its inputs and adds what was written; a move writes nothing") {
    Tree tree;
    tree.add(6, {put_at(1, "a", "old"), put_at(2, "d", "d")});
    tree.add(0, {put_at(3, "a", "new"), put_at(4, "b", "b")});
    tree.add(0, {put_at(5, "x", "x")});
    const auto before = tree.model().visible();
    auto plan = pick_range(tree.tables, small_options(), "a", "c");
    REQUIRE(plan);
    REQUIRE(tree.run(*plan).ok());
    lab::expect_equal("tables after " + show(*plan), std::size_t{2}, tree.tables.table_count());
    CHECK(tree.model().visible() == before);
    CHECK(tree.model().size() == 4);

    const std::uint64_t next = tree.numbers.next();
    const TableRef moved = tree.tables.level(0).front();
    plan = CompactionPlan{{{0, moved}}, 6, true, "a test"};
    REQUIRE(tree.run(*plan).ok());
    lab::expect_equal("file numbers taken by a move", next, tree.numbers.next());
    CHECK(tree.tables.level(6).back()->number == moved->number);
    CHECK(tree.model().visible() == before);
  }

  TEST_CASE("a table that can not be read fails the compaction, and says which it is") {
    Tree tree;
    tree.add(6, {put_at(1, "a", "1")});
    tree.add(0, {put_at(2, "a", "2")});
    const auto plan = pick_range(tree.tables, small_options(), {}, {});
    REQUIRE(plan);
    REQUIRE(tree.files.remove("db/000001.sst").ok());
    tree.cache = std::make_shared<TableCache>(small_options(), tree.files, "db");
    const Status s = tree.run(*plan);
    lab::expect(!s.ok() && s.message().find("000001.sst") != std::string_view::npos,
                "compaction with 000001.sst missing", "an error that names it", s.to_string());
    lab::expect_equal("files: 000002.sst alone", std::size_t{1}, tree.file_count());
  }
}
