// odr_test.cpp: an executable with the whole library in two translation units links and works.
#include "odr.hpp"

#include <doctest/doctest.h>

TEST_CASE("the whole library in two translation units is one library") {
  CHECK(use_the_library_in_one() == "");
  CHECK(use_the_library_in_two() == "");
}
