// level_cursor_test.cpp: the tables of a level are walked as if they were one.
#include "../compaction/trees.hpp"

#include <lsmith/level_cursor.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace lsmith;
using namespace lsmith::testing;

namespace {

// Level 3 of a tree: that many tables of a few keys, some with several versions; keys are even.
void fill(Tree& tree, int tables) {
  Sequence sequence = 1;
  for (int i = 0; i < tables; ++i) {
    Rows rows;
    for (int j = 0; j <= i % 4; ++j)
      for (int versions = 0; versions <= j % 3; ++versions, ++sequence)
        rows.push_back(put_at(sequence, std::to_string(1000 + 10 * i + 2 * j), "v"));
    tree.add(3, rows);
  }
}

LevelCursor level3(Tree& tree) {
  return LevelCursor(tree.tables.level(3), tree.cache, ReadPattern::scan);
}

std::size_t tables_opened(Tree& tree) {
  return tree.files.count(lsmith::testing::Call::open);
}

}  // namespace

TEST_SUITE("level_cursor") {
  TEST_CASE("random walks over any number of tables agree with the model") {
    for (int tables = 0; tables <= 12; ++tables) {
      CAPTURE(tables);
      Tree tree;
      fill(tree, tables);
      Random random(static_cast<std::uint64_t>(tables));
      CheckedCursor<LevelCursor> owning{level3(tree)};
      CHECK(walks_like(tree.model(), owning, random, 800));
      CheckedCursor<LevelCursor> borrowing{
          LevelCursor::borrowing(tree.tables.level(3), tree.cache, ReadPattern::point)};
      CHECK(walks_like(tree.model(), borrowing, random, 800));
    }
  }

  TEST_CASE("only tables that are reached are opened") {
    Tree tree;
    fill(tree, 10);
    LevelCursor cursor = level3(tree);
    CHECK(tables_opened(tree) == 0);
    cursor.prepare("1052", tag_newest);
    CHECK_FALSE(cursor.is_valid());
    cursor.seek("1052", tag_newest);
    REQUIRE(cursor.is_valid());
    CHECK(cursor.key() == "1052");
    CHECK(tables_opened(tree) == 1);
    cursor.next();  // the second and last key of its table has two versions
    cursor.next();
    REQUIRE(cursor.is_valid());
    CHECK(cursor.key() == "1060");
    CHECK(tables_opened(tree) == 2);
    cursor.seek("9", tag_newest);
    CHECK_FALSE(cursor.is_valid());
    CHECK(cursor.status().ok());
    CHECK(tables_opened(tree) == 2);
  }

  TEST_CASE("a table that is missing is an error of who comes to it, and of nobody else") {
    Tree tree;
    fill(tree, 5);
    REQUIRE(tree.files.remove("db/000003.sst").ok());
    LevelCursor cursor = level3(tree);
    cursor.seek_to_first();
    while (cursor.is_valid() && cursor.key() < "1012")
      cursor.next();
    REQUIRE(cursor.is_valid());
    while (cursor.is_valid())
      cursor.next();
    CHECK(cursor.status().message().find("000003.sst") != std::string_view::npos);
    cursor.seek_to_last();
    REQUIRE(cursor.is_valid());
    CHECK(cursor.status().ok());
    while (cursor.is_valid())
      cursor.prev();
    CHECK_FALSE_MESSAGE(cursor.status().ok(), "the walk back came to the missing table too");
    cursor.prepare("1020", tag_newest);
    cursor.seek("1020", tag_newest);
    CHECK_FALSE(cursor.is_valid());
    CHECK_FALSE(cursor.status().ok());
    cursor.seek("1030", tag_newest);
    CHECK(cursor.is_valid());
    CHECK(cursor.status().ok());
  }

  TEST_CASE("a cursor that is moved stays where it is, and keeps what it reads") {
    auto tree = std::make_unique<Tree>();
    fill(*tree, 6);
    LevelCursor first = level3(*tree);
    first.seek("1030", tag_newest);
    REQUIRE(first.is_valid());
    tree->cache = nullptr;
    tree->tables = {};
    LevelCursor second = std::move(first);
    REQUIRE(second.is_valid());
    CHECK(second.key() == "1030");
    std::size_t count = 0;
    for (; second.is_valid(); second.next())
      ++count;
    CHECK(second.status().ok());
    CHECK(count > 4);
  }
}
