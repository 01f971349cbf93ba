// coverage.hpp: which lines and branches of the library the tests run, as clang counts them.
#pragma once

namespace lab {

/// Builds the tests of the library so that they count, and runs them; prints what they do not run,
/// and says how much they do. What can not be run has its reason in tests/uncovered.txt. Returns
/// the exit code.
int measure_coverage();

}  // namespace lab
