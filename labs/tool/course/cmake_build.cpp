// cmake_build.cpp: calls CMake.
#include "cmake_build.hpp"

#include "process.hpp"
#include "project.hpp"
#include "terminal.hpp"

#include <cstdlib>

namespace lab {
namespace {

std::vector<std::string> configure_words(const CmakeBuild& build) {
  std::vector<std::string> words = {"cmake",
                                    "-S",
                                    ".",
                                    "-B",
                                    build.folder,
                                    "-DLSMITH_SANITIZE=" + build.sanitizer,
                                    "-DCMAKE_CXX_COMPILER=" + build.compiler,
                                    "--log-level=WARNING"};
  if (has_program("ninja")) words.push_back("-GNinja");
  if (has_program("ccache")) words.push_back("-DCMAKE_CXX_COMPILER_LAUNCHER=ccache");
  return words;
}

}  // namespace

CmakeBuild take_build(Arguments& arguments) {
  CmakeBuild build{"", compiler_words().back(),
                   "build/test"};  // behind a launcher, if there is one
  if (arguments.flag("--asan")) build.sanitizer = "address";
  if (arguments.flag("--tsan")) build.sanitizer = "thread";
  if (arguments.flag("--clang")) {
    build.compiler = "clang++";
    build.folder += "-clang";
  }
  if (!build.sanitizer.empty()) build.folder += "-" + build.sanitizer;
  return build;
}

std::string build_tests(const CmakeBuild& build, const std::vector<std::string>& targets) {
  const RunOptions here{project_root(), false, 0};
  // Else ccache passes by precompiled headers.
  setenv("CCACHE_SLOPPINESS", "pch_defines,time_macros", 0);
  if (!run(configure_words(build), here).ok()) return "CMake could not configure the tests";
  std::vector<std::string> words = {"cmake", "--build", build.folder, "-j",
                                    std::to_string(processor_count())};
  if (!targets.empty()) {
    words.push_back("--target");
    words.insert(words.end(), targets.begin(), targets.end());
  }
  return run(words, here).ok() ? "" : "the tests do not build";
}

std::string duration_since(std::uint64_t since_ms) {
  const std::uint64_t seconds = (clock_ms() - since_ms + 500) / 1000;
  if (seconds < 60) return std::to_string(seconds) + " s";
  return std::to_string(seconds / 60) + " min " + std::to_string(seconds % 60) + " s";
}

}  // namespace lab
