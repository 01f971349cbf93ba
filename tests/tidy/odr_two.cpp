// odr_two.cpp: the other translation unit that includes the whole library; odr_test.cpp links the
// two. A body that lacks its `inline` is emitted here too, used or not, and the linker says so.
#include "odr.hpp"

#include <lsmith/lsmith.hpp>

#include <string>

std::string use_the_library_in_two() {
  return std::string(lsmith::Status().message());
}
