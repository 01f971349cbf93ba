// cmake_build.cpp: calls CMake.
#include "cmake_build.hpp"

#include "contract.hpp"
#include "process.hpp"
#include "project.hpp"
#include "terminal.hpp"

#include <cstdlib>
#include <set>

namespace lab {
namespace {

std::vector<std::string> configure_words(const CmakeBuild& build) {
  std::vector<std::string> words = {"cmake",
                                    "-S",
                                    ".",
                                    "-B",
                                    build.folder,
                                    "-DLSMITH_SANITIZE=" + build.sanitizer,
                                    "--log-level=WARNING"};
  if (build.counts_coverage) words.push_back("-DLSMITH_COVERAGE=ON");
  if (build.platform.empty())
    words.push_back("-DCMAKE_CXX_COMPILER=" + build.compiler);
  else
    words.push_back("-DCMAKE_TOOLCHAIN_FILE=" + project_root() + "/tests/platforms/" +
                    build.platform + ".cmake");
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
  if (const auto platform = arguments.option("--platform")) build.platform = *platform;
  for (const std::string& part : {build.sanitizer, build.platform})
    if (!part.empty()) build.folder += "-" + part;
  return build;
}

std::string configure_tests(const CmakeBuild& build) {
  // Else ccache passes by precompiled headers.
  setenv("CCACHE_SLOPPINESS", "pch_defines,time_macros", 0);
  const bool is_fine = run(configure_words(build), {project_root(), false, 0}).ok();
  return is_fine ? "" : "CMake could not configure the tests";
}

std::string build_tests(const CmakeBuild& build, const std::vector<std::string>& targets) {
  std::string why = configure_tests(build);
  return why.empty() ? build_targets(build, targets) : why;
}

std::string build_targets(const CmakeBuild& build, const std::vector<std::string>& targets) {
  std::vector<std::string> words = {"cmake", "--build", build.folder, "-j",
                                    std::to_string(processor_count())};
  if (!targets.empty()) {
    words.push_back("--target");
    words.insert(words.end(), targets.begin(), targets.end());
  }
  return run(words, {project_root(), false, 0}).ok() ? "" : "the tests do not build";
}

std::vector<std::string> targets_of(const CmakeBuild& build, const std::string& pattern) {
  std::set<std::string> known;
  const std::string list = project_root() + "/" + build.folder + "/targets.txt";
  for (const auto& [number, line] : lines_of(read_text(list).value_or("")))
    known.insert(line);
  const Outcome listed = run({"ctest", "--test-dir", build.folder, "-N", "-R", pattern},
                             {project_root(), true, 0});  // "  Test #7: wal.library"
  std::vector<std::string> targets;
  for (const auto& [number, line] : lines_of(listed.output)) {
    const std::size_t at = line.find(": ");
    if (at != line.npos && known.count(line.substr(at + 2)) > 0)
      targets.push_back(line.substr(at + 2));
  }
  return targets;
}

std::string duration_since(std::uint64_t since_ms) {
  const std::uint64_t seconds = (clock_ms() - since_ms + 500) / 1000;
  if (seconds < 60) return std::to_string(seconds) + " s";
  return std::to_string(seconds / 60) + " min " + std::to_string(seconds % 60) + " s";
}

}  // namespace lab
