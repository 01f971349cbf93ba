// coverage.cpp: calls llvm-profdata and llvm-cov, and reads the second's lcov records:
//
//   SF:FILE   DA:LINE,COUNT   BRF:branches   BRH:branches that ran   end_of_record
#include "coverage.hpp"

#include "cmake_build.hpp"
#include "contract.hpp"
#include "process.hpp"
#include "project.hpp"
#include "terminal.hpp"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>
#include <system_error>

namespace lab {

namespace fs = std::filesystem;

namespace {

constexpr double lines_least = 98, branches_least = 90;  // percent
constexpr std::string_view reasons_file = "tests/uncovered.txt";
// All that looks at include/, but for the house rules: on the library and, for what only the
// textbook calls, once on that.
constexpr std::string_view tests_pattern =
    "^(given|fuzz.replay|engine.textbook|[a-eg-np-z][a-z]*[.]library)$";

struct Coverage {
  std::uint64_t lines = 0, lines_run = 0, branches = 0, branches_run = 0;
  std::map<std::string, std::vector<std::size_t>> missed;  // by file, the lines in order
};

Coverage read_coverage(const std::string& lcov) {
  Coverage coverage;
  std::string file;
  const std::string root = project_root() + "/";
  for (const auto& [number, line] : lines_of(lcov)) {
    const auto value = [&](std::string_view name) -> const char* {
      return line.rfind(name, 0) == 0 ? line.c_str() + name.size() : nullptr;
    };
    if (const char* path = value("SF:")) file = std::string(path).substr(root.size());
    if (const char* count = value("BRF:")) coverage.branches += std::strtoull(count, nullptr, 10);
    if (const char* count = value("BRH:"))
      coverage.branches_run += std::strtoull(count, nullptr, 10);
    const char* const data = value("DA:");
    if (data == nullptr) continue;
    char* end = nullptr;
    const std::size_t at = std::strtoull(data, &end, 10);
    const bool runs = std::strtoull(end + 1, nullptr, 10) > 0;
    ++coverage.lines;
    coverage.lines_run += runs;
    if (!runs) coverage.missed[file].push_back(at);
  }
  return coverage;
}

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(' ');
  return first == text.npos ? "" : text.substr(first);
}

// "FILE: first line" of each piece of code that does not run, and where it stands.
std::map<std::string, std::string> missed_pieces(const Coverage& coverage) {
  std::map<std::string, std::string> pieces;
  for (const auto& [file, numbers] : coverage.missed) {
    const auto lines = lines_of(read_text(project_root() + "/" + file).value_or(""));
    std::size_t before = 0;
    for (const std::size_t number : numbers) {
      const bool goes_on = number == before + 1;
      before = number;
      if (goes_on || number > lines.size()) continue;
      pieces[file + ": " + trimmed(lines[number - 1].text)] = file + ":" + std::to_string(number);
    }
  }
  return pieces;
}

// A line of the file of reasons: "FILE: first line of the piece", behind it, indented, why.
std::set<std::string> explained_pieces() {
  std::set<std::string> pieces;
  const std::string text = read_text(project_root() + "/" + std::string(reasons_file)).value_or("");
  for (const auto& [number, line] : lines_of(text))
    if (!line.empty() && line[0] != ' ' && line[0] != '#') pieces.insert(line);
  return pieces;
}

bool run_and_count(const CmakeBuild& build, std::string& lcov) {
  const std::string root = project_root() + "/";
  const std::string profiles = root + build.folder + "/profiles";
  std::error_code error;
  fs::remove_all(profiles, error);
  setenv("LLVM_PROFILE_FILE", (profiles + "/%m.profraw").c_str(), 1);
  setenv("LSMITH_OPERATIONS", "50000", 0);
  const std::vector<std::string> targets = targets_of(build, std::string(tests_pattern));
  if (!build_targets(build, targets).empty()) return false;
  const Outcome tests = run({"ctest", "--test-dir", build.folder, "--output-on-failure", "-j",
                             std::to_string(processor_count()), "-R", std::string(tests_pattern)},
                            {project_root(), false, 0});
  if (!tests.ok()) return false;
  std::vector<std::string> merge = {"llvm-profdata", "merge", "-o", profiles + "/all"};
  for (const auto& entry : fs::directory_iterator(profiles, error))
    merge.push_back(entry.path().string());
  if (!run(merge, {root, false, 0}).ok()) return false;
  std::vector<std::string> show = {"llvm-cov", "export", "-format=lcov",
                                   "-instr-profile=" + profiles + "/all"};
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (i > 0) show.push_back("-object");
    show.push_back(root + build.folder + "/" + targets[i]);
  }
  show.push_back(root + "include");
  const Outcome shown = run(show, {root, true, 0});
  lcov = shown.output;
  return shown.ok();
}

double percent(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

int measure_coverage() {
  for (const char* needed : {"clang++", "llvm-profdata", "llvm-cov"})
    if (!has_program(needed))
      return complain(exit_failure, std::string(needed) + " is needed and is not here");
  CmakeBuild build{"", "clang++", "build/test-clang-coverage"};
  build.counts_coverage = true;
  if (const std::string why = configure_tests(build); !why.empty())
    return complain(exit_failure, why);
  std::string lcov;
  if (!run_and_count(build, lcov)) return complain(exit_failure, "coverage could not be measured");

  const Coverage coverage = read_coverage(lcov);
  std::set<std::string> explained = explained_pieces();
  std::size_t unexplained = 0;
  for (const auto& [piece, place] : missed_pieces(coverage)) {
    if (explained.erase(piece) > 0) continue;
    ++unexplained;
    print(paint(Tone::bad, "not run: ") + place + piece.substr(piece.find(": ")) + "\n");
  }
  for (const std::string& piece : explained)
    print(paint(Tone::note, "runs after all: ") + piece + "\n");
  if (unexplained > 0)
    print("why something can not be run stands in " + std::string(reasons_file) + "\n");
  const double lines = percent(coverage.lines_run, coverage.lines);
  const double branches = percent(coverage.branches_run, coverage.branches);
  char text[200];
  std::snprintf(text, sizeof text, "include/: %.1f %% of %llu lines, %.1f %% of %llu branches\n",
                lines, static_cast<unsigned long long>(coverage.lines), branches,
                static_cast<unsigned long long>(coverage.branches));
  const bool is_enough = lines >= lines_least && branches >= branches_least && unexplained == 0;
  print(paint(is_enough ? Tone::good : Tone::bad, text));
  return finish(is_enough ? exit_fine : exit_failure);
}

}  // namespace lab
