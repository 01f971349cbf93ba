// mutant_claims.cpp: what is claimed of the mutants, and of the cases that kill them.
#include "claims.hpp"
#include "compiling.hpp"
#include "contract.hpp"
#include "grading.hpp"
#include "mutate.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>
#include <system_error>

namespace lab {
namespace {

namespace fs = std::filesystem;

// Why the case that should kill a mutant does not: its report does not show the value at fault.
std::string shows_value(const Mutant& mutant, const Case& killer) {
  if (!killer.why.empty()) {
    const std::string way = killer.verdict == Verdict::hangs ? "(hang)" : "(crash)";
    return mutant.shows == way ? "" : way + ": " + killer.why;
  }
  const std::string story =
      killer.line("done") + "\n" + killer.line("expected") + "\n" + killer.line("found");
  if (story.find(mutant.shows) == story.npos)
    return "dies, but its report does not show \"" + mutant.shows + "\":\n" + story;
  if (killer.line("hint").find(mutant.shows) != std::string::npos ||
      killer.name.find(mutant.shows) != std::string::npos)
    return "\"" + mutant.shows + "\" is in the hint or in the case's name";
  return {};
}

// Why this is no kill; empty when it is one.
std::string is_killed(const Mutant& mutant, const Step& step) {
  std::string failing;
  for (const Case& each : step.cases) {
    if (!each.is_failure()) continue;
    if (each.name == mutant.kills) return shows_value(mutant, each);
    failing += "\n        " + each.name;
  }
  return failing.empty() ? "survives" : "dies in other cases only:" + failing;
}

// Compiles the textbook's component, from which mutants differ by a function.
void prepare_textbook(const Part& part) {
  const std::lock_guard lock(mutex_of("textbook " + part.folder));  // the first one does it
  Chapter chapter = make_chapter(part, "solutions", *folder_of("solutions", part));
  std::string ignored;
  prepare(chapter, ignored);
}

// Runs the case that should kill the mutant; when it does not, all of them, to say which do.
std::string prove_mutant(Chapter chapter, Step built, const Mutant& mutant) {
  std::string errors, executable;
  prepare_textbook(chapter.part);
  if (!prepare(chapter, errors)) return "the step reporter does not compile\n" + errors;
  if (!build(chapter, built, executable)) return "does not compile: " + built.why;
  Step killer = built;
  const int number = find_case(built, mutant.kills);
  if (number > 0) run_step(killer, executable, {.only_case = number});
  std::string complaint = is_killed(mutant, killer);
  if (complaint == "survives") {
    run_step(built, executable);
    complaint = is_killed(mutant, built);
  }
  std::error_code error;
  fs::remove_all(fs::path(executable).parent_path(), error);
  return complaint;
}

// A mutant as a chapter, written where only its own run looks; or why its record can not be
// applied.
Chapter chapter_of(const Mutant& mutant, const Part& part, std::string& complaint) {
  const std::string textbook = header_in(*folder_of("solutions", part), part);
  const std::string solution = read_text(project_root() + "/" + textbook).value_or("");
  const std::string folder = "build/verify/" + mutant.id;
  const std::string text = apply_mutant(mutant, solution, complaint);
  if (complaint.empty()) write_text(project_root() + "/" + header_in(folder, part), text);
  return make_chapter(part, mutant.id, folder);
}

// Which mutants die in a case, by its step and name: 03.1 "a key is found".
using Kills = std::map<std::string, std::set<std::string>>;

std::string title_of(const Step& step, const std::string& name) {
  return step.id + " \"" + name + "\"";
}

// Runs all cases of a part on a mutant and notes those in which it dies.
void note_kills(Chapter chapter, const std::string& id, Kills& kills) {
  constexpr int limit_ms = 10'000;
  std::string errors, executable;
  prepare_textbook(chapter.part);
  if (!prepare(chapter, errors)) return;
  for (Step& step : chapter.steps) {
    if (!build(chapter, step, executable)) continue;
    run_step(step, executable, {.case_limit_ms = limit_ms});
    for (const Case& each : step.cases)
      if (each.is_failure()) kills[title_of(step, each.name)].insert(id);
  }
  std::error_code error;
  fs::remove_all(fs::path(executable).parent_path(), error);
}

// Runs the part's cases until one fails. A change that does not compile is none.
std::string prove_noticed(Chapter chapter, const std::string& symptom) {
  constexpr int limit_ms = 4'000;
  std::string errors, executable;
  prepare_textbook(chapter.part);
  bool is_noticed = !prepare(chapter, errors) || chapter.bodies.empty();
  for (Step& step : chapter.steps) {
    if (is_noticed || !build(chapter, step, executable)) break;
    run_step(step, executable, {.case_limit_ms = limit_ms, .stops = true});
    is_noticed = step.verdict != Verdict::done;
  }
  std::error_code error;
  if (!executable.empty()) fs::remove_all(fs::path(executable).parent_path(), error);
  fs::remove_all(project_root() + "/" + chapter.folder, error);
  return is_noticed ? "" : "no case notices " + symptom;
}

// Which cases are the first of their step to fail for no mutant, and by no word stay all the same.
std::string prove_needed(const Part& part, const Kills& kills) {
  const std::string records =
      read_text(project_root() + "/tests/mutants/" + part.folder + ".txt").value_or("");
  std::string complaint, table;
  for (const Step& step : find_steps(part)) {
    std::set<std::string> dead;
    for (const std::string& name : names_of_cases(step)) {
      const std::string title = title_of(step, name);
      const auto own = kills.find(title);
      const std::size_t dead_before = dead.size();
      table += title + "\n ";
      if (own != kills.end())
        for (const std::string& id : own->second) {
          const bool is_own = id.compare(0, step.id.size(), step.id) == 0;
          table += (is_own && dead.insert(id).second ? " *" : " ") + id;
        }
      table += "\n";
      const bool stays = records.find("# " + title + " stays:") != records.npos;
      if (dead.size() == dead_before && !stays)
        complaint += "\n  " + title + " is for no mutant the first to fail";
    }
    if (dead.size() < 3) complaint += "\n  step " + step.id + " kills fewer than three mutants";
  }
  write_text(project_root() + "/build/matrix/" + part.folder + ".txt", table);
  return complaint;
}

}  // namespace

void add_mutants(std::vector<Claim>& claims, const Part& part, const std::vector<Mutant>& mutants) {
  for (const Mutant& mutant : mutants) {
    std::string complaint;
    const Chapter chapter = chapter_of(mutant, part, complaint);
    const auto step = std::find_if(chapter.steps.begin(), chapter.steps.end(),
                                   [&](const Step& each) { return each.id == mutant.step; });
    if (step == chapter.steps.end()) complaint = "there is no step " + mutant.step;
    if (!complaint.empty()) {
      claims.push_back({"mutants", mutant.id, [complaint] { return complaint; }});
      continue;
    }
    claims.push_back({"mutants", mutant.id, [chapter, mutant, step = *step] {
                        return prove_mutant(chapter, step, mutant);
                      }});
  }
}

void add_automatic(std::vector<Claim>& claims, const Part& part, std::uint64_t every) {
  const std::string textbook = header_in(*folder_of("solutions", part), part);
  const std::string solution = read_text(project_root() + "/" + textbook).value_or("");
  const std::string labs = header_in(*folder_of("lab", part), part);
  const std::string lab = read_text(project_root() + "/" + labs).value_or("");
  const std::string records =
      read_text(project_root() + "/tests/mutants/" + part.folder + ".txt").value_or("");
  const std::vector<Line> lines = lines_of(solution);
  const std::vector<Mutant> mutants = automatic_mutants(part, solution, lab);
  for (std::size_t at = 0; at < mutants.size(); at += every) {
    const Mutant& mutant = mutants[at];
    std::string line = lines[static_cast<std::size_t>(mutant.line) - 1].text;
    line.erase(0, line.find_first_not_of(' '));
    const std::string symptom = mutant.symptom + " in: " + line;
    if (records.find("# unnoticed: " + symptom + "\n") != records.npos) continue;
    claims.push_back({"automatic", mutant.id, [part, mutant, symptom] {
                        std::string complaint;
                        const Chapter chapter = chapter_of(mutant, part, complaint);
                        return complaint.empty() ? prove_noticed(chapter, symptom) : complaint;
                      }});
  }
}

void add_matrix(std::vector<Claim>& claims, const Part& part, const std::vector<Mutant>& mutants) {
  claims.push_back({"matrix", part.folder, [part, mutants] {
                      Kills kills;
                      for (const Mutant& mutant : mutants) {
                        std::string complaint;
                        const Chapter chapter = chapter_of(mutant, part, complaint);
                        if (complaint.empty()) note_kills(chapter, mutant.id, kills);
                      }
                      return prove_needed(part, kills);
                    }});
}

}  // namespace lab
