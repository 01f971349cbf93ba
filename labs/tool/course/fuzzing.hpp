// fuzzing.hpp: the fuzzers: what tests/fuzz has, built with clang and run for a time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lab {

/// The fuzz targets: those that have a corpus.
std::vector<std::string> fuzz_targets();
/// Builds a fuzzer of each. Says what failed; empty: nothing did.
std::string build_fuzzers();
/// The command that fuzzes a target for a time. What it finds is kept in build/fuzz, for the next
/// time.
std::vector<std::string> fuzz_words(const std::string& target, double seconds, std::uint64_t seed);
/// How often the target was executed, read from what the fuzzer said at its end; 0 when it did not.
std::uint64_t executions_of(const std::string& output);
/// What went wrong, in a few lines, and the input that shows it again.
std::string failure_of(const std::string& output);

}  // namespace lab
