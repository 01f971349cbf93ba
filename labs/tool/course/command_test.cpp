// command_test.cpp: `labs/lab test`: builds and runs every test.
#include "cmake_build.hpp"
#include "commands.hpp"
#include "coverage.hpp"
#include "process.hpp"
#include "project.hpp"
#include "terminal.hpp"

namespace lab {
namespace {

constexpr std::string_view usage =
    "usage: labs/lab test [--asan|--tsan] [--clang|--platform P] [NAME]\n"
    "       labs/lab test --coverage\n\n"
    "Builds every test with CMake and runs them through CTest, in a folder of its own below "
    "build/.\n"
    "  --asan        with AddressSanitizer and UndefinedBehaviorSanitizer\n"
    "  --tsan        with ThreadSanitizer\n"
    "  --clang       with clang++ instead of the compiler that was found (or $CXX)\n"
    "  --platform P  m32: 32 bits; s390x: big-endian, under qemu\n"
    "  --coverage    says which lines and branches of the library no test runs; needs clang++ and "
    "LLVM\n"
    "  NAME          only the tests whose names match this regular expression\n";

// Of the tests that match, or all; those that are scripts need nothing built.
std::string build_those(const CmakeBuild& build, const std::string& pattern) {
  if (pattern.empty()) return build_tests(build, {});
  if (std::string why = configure_tests(build); !why.empty()) return why;
  const std::vector<std::string> targets = targets_of(build, pattern);
  return targets.empty() ? "" : build_targets(build, targets);
}

}  // namespace

int run_test(std::vector<std::string> given) {
  Arguments arguments(std::move(given));
  if (arguments.flag("--help")) return print(usage), finish(exit_fine);
  const bool counts_coverage = arguments.flag("--coverage");
  const CmakeBuild build = take_build(arguments);
  const std::vector<std::string>& words = arguments.words();
  if (!arguments.error().empty() || words.size() > 1) {
    print(usage);
    return complain(exit_usage, arguments.error().empty() ? "one NAME at most" : arguments.error());
  }

  if (counts_coverage) return measure_coverage();

  const std::uint64_t began_ms = clock_ms();
  if (const std::string why = build_those(build, words.empty() ? "" : words[0]); !why.empty())
    return complain(exit_failure, why);
  print("built in " + duration_since(began_ms) + "\n");

  std::vector<std::string> test = {"ctest",
                                   "--test-dir",
                                   build.folder,
                                   "--output-on-failure",
                                   "--no-tests=error",
                                   "-j",
                                   std::to_string(processor_count())};
  if (!words.empty()) test.insert(test.end(), {"-R", words[0]});
  const bool passed = run(test, {project_root(), false, 0}).ok();
  print(paint(passed ? Tone::good : Tone::bad, passed ? "all tests passed" : "tests failed") +
        " in " + duration_since(began_ms) + ", building included\n");
  return finish(passed ? exit_fine : exit_failure);
}

}  // namespace lab
