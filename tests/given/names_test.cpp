// names_test.cpp: a name says what a file is, and every other name is left alone.
#include <lsmith/names.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <string>

using namespace lsmith;
using Type = FileName::Type;

TEST_SUITE("names") {
  TEST_CASE("the names are those of the format") {
    CHECK(file_name(Type::current) == "CURRENT");
    CHECK(file_name(Type::current_temporary) == "CURRENT.tmp");
    CHECK(file_name(Type::lock) == "LOCK");
    CHECK(file_name(Type::manifest, 12) == "MANIFEST-000012");
    CHECK(file_name(Type::log, 13) == "000013.wal");
    CHECK(file_name(Type::table, 999999) == "999999.sst");
    CHECK(file_name(Type::table, 1000000) == "1000000.sst");
    CHECK(file_name(Type::retired_log, 15) == "000015.old");
    CHECK(file_path("some/folder", Type::log, 13) == "some/folder/000013.wal");
  }

  TEST_CASE("parsing is the inverse, for every type and every size of number") {
    for (Type type : {Type::current, Type::current_temporary, Type::lock})
      CHECK(parse_file_name(file_name(type)) == FileName{type});
    for (Type type : {Type::manifest, Type::log, Type::table, Type::retired_log})
      for (std::uint64_t number = 1; number < (std::uint64_t{1} << 60); number = number * 7 + 3) {
        const std::string name = file_name(type, number);
        CAPTURE(name);
        CHECK(parse_file_name(name) == FileName{type, number});
      }
  }

  TEST_CASE("a name in any other form is foreign") {
    for (const char* name : {"",
                             "C",
                             "CURRENT ",
                             "CURRENT.tm",
                             "current",
                             "LOCK2",
                             "LOG",
                             "readme.txt",
                             "MANIFEST",
                             "MANIFEST-",
                             "MANIFEST-12",
                             "MANIFEST-0000012",
                             "MANIFEST-00001a",
                             "MANIFEST-000012.tmp",
                             "000013",
                             "000013.WAL",
                             "000013.wal.old",
                             "13.wal",
                             "0000013.wal",
                             "00001 3.wal",
                             "-00013.wal",
                             "+00013.wal",
                             "a000013.wal",
                             "000000.wal",
                             "000013.log",
                             "0000a13.sst",
                             "000013.sst ",
                             "../000013.sst",
                             "99999999999999999999999.sst",
                             "18446744073709551616.sst",
                             "18446744073709551629.wal"}) {
      CAPTURE(name);
      CHECK_FALSE(parse_file_name(name).has_value());
    }
    const std::string with_zero("000013.sst\0", 11);
    CHECK_FALSE(parse_file_name(with_zero).has_value());
  }

  TEST_CASE("every number is given once") {
    FileNumbers numbers(5);
    CHECK(numbers.next() == 5);
    CHECK(numbers.take() == 5);
    CHECK(numbers.take() == 6);
    CHECK(numbers.next() == 7);
  }
}
