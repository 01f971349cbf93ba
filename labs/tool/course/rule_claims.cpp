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

// The first source in these folders that has the text; empty when none has.
std::string source_with(const std::string& wanted, const std::vector<std::string>& folders) {
  for (const std::string& folder : folders)
    for (const std::string& source : sources_in(folder)) {
      const std::string text = read_text(project_root() + "/" + source).value_or("");
      if (text.find(wanted) != text.npos) return source;
    }
  return {};
}

// How the test that should tell is built and run.
struct Witness {
  std::vector<std::string> flags;
  std::string source;
  std::string main;
  std::vector<std::string> arguments;
};
Witness witness_of(const Mutant& mutant) {
  if (mutant.kills.find(' ') == std::string::npos)
    return {{"-DLSMITH_TORTURE_RUN=" + mutant.kills},
            source_with("const Run " + mutant.kills + " =", {"torture"}),
            "tests/torture/main.cpp",
            {mutant.kills, "--seconds", std::to_string(run_seconds), "--seed", "1"}};
  std::string filter = "--test-case=" + mutant.kills;
  std::replace(filter.begin(), filter.end(), ',', '?');  // which would end it
  return {{"-DLSMITH_SCHEDULED"},
          source_with("\"" + mutant.kills + "\"",
                      {"given", "engine", "wal", "manifest", "sstable"}),
          "tests/support/main.cpp",
          {filter}};
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
  if (witness.source.empty()) return "there is no run or case \"" + mutant.kills + "\"";

  const std::string folder = "build/verify/" + mutant.id;
  const std::string program = project_root() + "/" + folder + "/witness";
  write_text(project_root() + "/" + folder + "/" + mutant.in, text);
  const std::vector<std::string> words =
      joined(compiler_words(), {"-std=c++20", "-O1", "-w", "-pthread", "-I" + folder, "-Iinclude",
                                "-Itests", witness.source, witness.main});
  std::string errors;
  if (!compile_once(joined(words, witness.flags), program, errors))
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
