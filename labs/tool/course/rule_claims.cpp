// rule_claims.cpp: what is claimed of the library's mutants: that somebody notices.
#include "claims.hpp"
#include "compiling.hpp"
#include "process.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>

namespace lab {
namespace {

namespace fs = std::filesystem;

constexpr int run_seconds = 30;

// The sources in a folder of the tests, in the order of their names.
std::vector<std::string> sources_in(const std::string& folder) {
  std::vector<std::string> sources;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(project_root() + "/tests/" + folder, ignored))
    if (entry.path().extension() == ".cpp")
      sources.push_back("tests/" + folder + "/" + entry.path().filename().string());
  std::sort(sources.begin(), sources.end());
  return sources;
}

// The source that has the case; empty when none has.
std::string source_of_case(const std::string& name) {
  for (const char* folder : {"given", "engine", "wal", "manifest", "sstable"})
    for (const std::string& source : sources_in(folder)) {
      const std::string text = read_text(project_root() + "/" + source).value_or("");
      if (text.find("TEST_CASE(\"" + name + "\"") != text.npos) return source;
    }
  return {};
}

// How the test that should tell is built and run.
struct Witness {
  std::vector<std::string> sources;
  std::vector<std::string> arguments;
};
Witness witness_of(const Mutant& mutant) {
  if (mutant.kills.find(' ') == std::string::npos)
    return {sources_in("torture"),
            {mutant.kills, "--seconds", std::to_string(run_seconds), "--seed", "1"}};
  const std::string source = source_of_case(mutant.kills);
  if (source.empty()) return {};
  std::string name = mutant.kills;
  std::replace(name.begin(), name.end(), ',', '?');  // doctest's filters end at commas
  return {{source, "tests/support/main.cpp"}, {"--test-case=" + name}};
}

// Why nobody noticed; empty when somebody did.
std::string judge(const Mutant& mutant, const Outcome& outcome) {
  if (outcome.ok()) return "survives";
  if (mutant.shows == "(crash)") return outcome.signal != 0 ? "" : "is noticed, but not by a crash";
  if (outcome.output.find(mutant.shows) != std::string::npos) return {};
  return "is noticed, but \"" + mutant.shows + "\" is not shown:\n" + outcome.output.substr(0, 600);
}

std::string prove_rule(const Mutant& mutant) {
  std::string complaint;
  const std::string header = read_text(project_root() + "/include/" + mutant.in).value_or("");
  const std::string text = apply_mutant(mutant, header, complaint);
  if (!complaint.empty()) return complaint;
  const Witness witness = witness_of(mutant);
  if (witness.sources.empty()) return "there is no run or case \"" + mutant.kills + "\"";

  const std::string folder = "build/verify/" + mutant.id;
  const std::string program = project_root() + "/" + folder + "/witness";
  write_text(project_root() + "/" + folder + "/" + mutant.in, text);
  const std::vector<std::string> words =
      joined(compiler_words(), {"-std=c++20", "-O1", "-w", "-pthread", "-DLSMITH_SCHEDULED",
                                "-I" + folder, "-Iinclude", "-Itests"});
  std::string errors;
  if (!compile_once(joined(words, witness.sources), program, errors))
    return "does not compile:\n" + errors.substr(0, 600);
  const Outcome outcome =
      run(joined({program}, witness.arguments), {project_root(), true, (run_seconds + 120) * 1000});
  std::error_code ignored;
  fs::remove_all(project_root() + "/" + folder, ignored);
  return judge(mutant, outcome);
}

}  // namespace

void add_rules(std::vector<Claim>& claims, const std::vector<Mutant>& mutants) {
  for (const Mutant& mutant : mutants)
    claims.push_back(
        {"rules", mutant.id + "  " + mutant.symptom, [mutant] { return prove_rule(mutant); }});
}

}  // namespace lab
