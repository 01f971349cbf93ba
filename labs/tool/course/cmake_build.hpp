// cmake_build.hpp: the tests as CMake builds them, in folders below build/.
#pragma once

#include "command.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace lab {

/// How the tests are built, and where.
struct CmakeBuild {
  std::string sanitizer;  ///< address, thread, or empty
  std::string compiler;
  std::string folder;
  std::string platform = {};  ///< one of tests/platforms, or empty: this machine
  bool counts_coverage = false;
};

/// Takes --asan, --tsan, --clang and --platform out of the arguments; each way has a folder of its
/// own.
CmakeBuild take_build(Arguments& arguments);
/// Configures. Says what failed; empty: nothing did.
std::string configure_tests(const CmakeBuild& build);
/// Configures and builds; empty targets: all that is built by default. Says what failed; empty:
/// nothing did.
std::string build_tests(const CmakeBuild& build, const std::vector<std::string>& targets);
/// Builds what was configured.
std::string build_targets(const CmakeBuild& build, const std::vector<std::string>& targets);
/// What must be built for the tests whose names match, once configured.
std::vector<std::string> targets_of(const CmakeBuild& build, const std::string& pattern);

/// How long ago clock_ms() said that, as "12 s" or "3 min 5 s".
std::string duration_since(std::uint64_t since_ms);

}  // namespace lab
