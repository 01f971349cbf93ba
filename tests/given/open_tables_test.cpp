// view_test.cpp: the tables that a view's readers have opened.
#include <lsmith/table_cache.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

namespace view_test {

using namespace lsmith;

// A table with one entry.
std::shared_ptr<const Table> table_of(FileSystem& files, std::uint64_t number) {
  const std::string path = "table" + std::to_string(number);
  auto file = files.create(path);
  REQUIRE(file.ok());
  TableBuilder builder(small_options(), std::move(*file), number);
  REQUIRE(builder.add("key", make_tag(number, Kind::put), std::to_string(number)).ok());
  REQUIRE(builder.finish().ok());
  auto table = Table::open(std::move(*files.open(path, false)), path, number, number, nullptr);
  REQUIRE_MESSAGE(table.ok(), table.status().to_string());
  return std::shared_ptr<const Table>(std::move(*table));
}

TEST_SUITE("view") {
  TEST_CASE("an open table is found by its number, and by no other that has its place") {
    const auto files = make_memory_file_system();
    OpenTables opened;
    const auto first = table_of(*files, 5), same_place = table_of(*files, 5 + 32);
    CHECK(opened.find(5) == nullptr);
    opened.keep(5, first);
    opened.keep(5 + 32, same_place);
    opened.keep(5, same_place);
    CHECK(opened.find(5) == first.get());
    CHECK(opened.find(5 + 32) == nullptr);
    CHECK(opened.find(6) == nullptr);
    const OpenTables copy(opened);
    CHECK(copy.find(5) == nullptr);
  }

  TEST_CASE("an open table lives as long as the view that has it") {
    const auto files = make_memory_file_system();
    auto table = table_of(*files, 7);
    const std::weak_ptr<const Table> watched = table;
    {
      OpenTables opened;
      opened.keep(7, table);
      table.reset();
      std::string value;
      REQUIRE(opened.find(7)->get(Target::of("key"), value).ok());
      CHECK(value == "7");
    }
    CHECK(watched.expired());
  }
}

}  // namespace view_test
