// coverage.hpp: which lines and branches of the library the tests run, as clang counts them.
#pragma once

#include "cmake_build.hpp"

namespace lab {

/// The build that counts.
CmakeBuild coverage_build();
/// Builds the tests of the library with it and runs them; prints what they do not run, and says how
/// much they do. What can not be run has its reason in tests/uncovered.txt. Returns the exit code.
int measure_coverage();

}  // namespace lab
