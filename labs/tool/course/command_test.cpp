// command_test.cpp: `labs/lab test`: configures, builds and runs every test.
#include "commands.hpp"
#include "process.hpp"
#include "project.hpp"
#include "terminal.hpp"

#include <cstdlib>

namespace lab {
namespace {

constexpr std::string_view usage =
    "usage: labs/lab test [--asan|--tsan] [--clang] [NAME]\n\n"
    "Builds every test with CMake and runs them through CTest, in a folder of its own below "
    "build/.\n"
    "  --asan    with AddressSanitizer and UndefinedBehaviorSanitizer\n"
    "  --tsan    with ThreadSanitizer\n"
    "  --clang   with clang++ instead of the compiler that was found (or $CXX)\n"
    "  NAME      runs only the tests whose names match this regular expression\n";

struct Choice {
  std::string sanitizer;
  std::string compiler = compiler_words().back();  // behind a launcher, if there is one
  std::string folder = "build/test";
};

std::vector<std::string> configure_words(const Choice& choice) {
  std::vector<std::string> words = {"cmake",
                                    "-S",
                                    ".",
                                    "-B",
                                    choice.folder,
                                    "-DLSMITH_SANITIZE=" + choice.sanitizer,
                                    "-DCMAKE_CXX_COMPILER=" + choice.compiler,
                                    "--log-level=WARNING"};
  if (has_program("ninja")) words.push_back("-GNinja");
  if (has_program("ccache")) words.push_back("-DCMAKE_CXX_COMPILER_LAUNCHER=ccache");
  return words;
}

std::string duration(std::uint64_t since_ms) {
  const std::uint64_t seconds = (clock_ms() - since_ms + 500) / 1000;
  if (seconds < 60) return std::to_string(seconds) + " s";
  return std::to_string(seconds / 60) + " min " + std::to_string(seconds % 60) + " s";
}

}  // namespace

int run_test(std::vector<std::string> given) {
  Arguments arguments(std::move(given));
  if (arguments.flag("--help")) return print(usage), finish(exit_fine);
  Choice choice;
  if (arguments.flag("--asan")) choice.sanitizer = "address";
  if (arguments.flag("--tsan")) choice.sanitizer = "thread";
  if (arguments.flag("--clang")) {
    choice.compiler = "clang++";
    choice.folder += "-clang";
  }
  const std::vector<std::string>& words = arguments.words();
  if (!arguments.error().empty() || words.size() > 1) {
    print(usage);
    return complain(exit_usage, arguments.error().empty() ? "one NAME at most" : arguments.error());
  }
  if (!choice.sanitizer.empty()) choice.folder += "-" + choice.sanitizer;

  const RunOptions here{project_root(), false, 0};
  const std::string jobs = std::to_string(processor_count());
  const std::uint64_t began_ms = clock_ms();
  setenv("CCACHE_SLOPPINESS", "pch_defines,time_macros",
         0);  // else ccache passes by precompiled headers
  if (!run(configure_words(choice), here).ok())
    return complain(exit_failure, "CMake could not configure the tests");
  if (!run({"cmake", "--build", choice.folder, "-j", jobs}, here).ok())
    return complain(exit_failure, "the tests do not build");
  print("built in " + duration(began_ms) + "\n");

  std::vector<std::string> test = {
      "ctest", "--test-dir", choice.folder, "--output-on-failure", "--no-tests=error", "-j", jobs};
  if (!words.empty()) test.insert(test.end(), {"-R", words[0]});
  const bool passed = run(test, here).ok();
  print(paint(passed ? Tone::good : Tone::bad, passed ? "all tests passed" : "tests failed") +
        " in " + duration(began_ms) + ", building included\n");
  return finish(passed ? exit_fine : exit_failure);
}

}  // namespace lab
