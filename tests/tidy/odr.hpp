// odr.hpp: what two translation units, each with the whole library in it, do for one test.
#pragma once

#include <string>

// Each writes to a database in memory, reads it back, and says what went wrong; empty when all is
// well.
std::string use_the_library_in_one();
std::string use_the_library_in_two();
