// fuzzing.cpp: calls libFuzzer.
#include "fuzzing.hpp"

#include "cmake_build.hpp"
#include "project.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <system_error>

namespace lab {

namespace fs = std::filesystem;

namespace {

const CmakeBuild fuzzer_build{"fuzzer", "clang++", "build/test-clang-fuzzer"};

}  // namespace

std::vector<std::string> fuzz_targets() {
  std::vector<std::string> targets;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(project_root() + "/tests/fuzz/corpus", ignored))
    targets.push_back(entry.path().filename().string());
  std::sort(targets.begin(), targets.end());
  return targets;
}

std::string build_fuzzers() {
  std::vector<std::string> programs;
  for (const std::string& target : fuzz_targets())
    programs.push_back("fuzz." + target);
  return build_tests(fuzzer_build, programs);
}

std::vector<std::string> fuzz_words(const std::string& target, double seconds, std::uint64_t seed) {
  constexpr std::uint64_t seeds = 1'000'000'000;
  const std::string found = project_root() + "/build/fuzz/" + target;
  std::error_code ignored;  // the fuzzer says so when the folder is not there
  fs::create_directories(found, ignored);
  return {project_root() + "/" + fuzzer_build.folder + "/fuzz." + target,
          "-max_total_time=" + std::to_string(static_cast<int>(std::ceil(seconds))),
          "-seed=" + std::to_string(1 + seed % seeds),
          "-malloc_limit_mb=16",
          "-timeout=20",
          "-print_final_stats=1",
          "-artifact_prefix=" + found + "-",
          found,
          project_root() + "/tests/fuzz/corpus/" + target};
}

std::uint64_t executions_of(const std::string& output) {
  const std::string name = "stat::number_of_executed_units:";
  const std::size_t at = output.rfind(name);
  return at == output.npos ? 0 : std::strtoull(output.c_str() + at + name.size(), nullptr, 10);
}

std::string failure_of(const std::string& output) {
  std::string text;
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    const bool says_it = line.rfind("not so:", 0) == 0 || line.find("ERROR: ") != line.npos ||
                         line.find("runtime error:") != line.npos ||
                         line.find("Test unit written to") != line.npos;
    if (says_it) text += "  " + line + "\n";
  }
  return text.empty() ? output : text;
}

}  // namespace lab
