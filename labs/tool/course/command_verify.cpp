// command_verify.cpp: `labs/lab verify`: the course tests itself.
//
// Every claim is one step of one view, built and run apart, with what must come of it:
//
//   labs as shipped             not started, or needs an earlier step
//   solutions, library          full marks
//   mutants of the solutions    wrong, in the case that is named, with a value of the failure
//   alternatives                full marks: other correct ways to write the part
#include "commands.hpp"
#include "grading.hpp"
#include "mutants.hpp"
#include "process.hpp"
#include "terminal.hpp"
#include "text.hpp"
#include "verdicts.hpp"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <thread>

namespace lab {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view verify_usage =
    "usage: labs/lab verify [NN…] [--only labs|bodies|mutants|alternatives|seeds] [--seeds N]\n\n"
    "Proves that the tests of the course are good: the labs as shipped are not started, the\n"
    "solutions and the library have full marks, every mutant of a solution dies by the case that\n"
    "its record names, and every alternative solution has full marks. Of all chapters, or of NN.\n"
    "  --seeds  runs every step of the solutions N times more, each with other random cases\n";

constexpr int verify_limit_ms = 20'000;

// One step in one view; `judge` says what is wrong with what came of it.
struct Claim {
  std::string group;
  std::string name;
  Chapter chapter;
  Step step;
  std::function<std::string(const Step&)> judge;
  std::string complaint;
  std::uint64_t runs = 1;  ///< with as many seeds
};

std::string has_full_marks(const Step& step) {
  return step.verdict == Verdict::done ? "" : "not done\n" + story_of(step);
}

std::string is_not_started(const Step& step) {
  const bool fine = step.verdict == Verdict::not_started || step.verdict == Verdict::needs;
  return fine ? "" : "neither not started nor in need of an earlier step";
}

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
  if (step.verdict == Verdict::does_not_compile) return "does not compile: " + step.why;
  std::string failing;
  for (const Case& each : step.cases) {
    if (!each.is_failure()) continue;
    if (each.name == mutant.kills) return shows_value(mutant, each);
    failing += "\n        " + each.name;
  }
  return failing.empty() ? "survives" : "dies in other cases only:" + failing;
}

void add_steps(std::vector<Claim>& claims, const std::string& group, const Chapter& chapter,
               std::string (*judge)(const Step&)) {
  for (const Step& step : chapter.steps)
    claims.push_back({group, chapter.view + " " + step.id, chapter, step, judge, {}});
}

void add_bodies(std::vector<Claim>& claims, const Part& part) {
  for (const std::string view : {"solutions", "library"})
    add_steps(claims, "bodies", make_chapter(part, view, *folder_of(view, part)), has_full_marks);
}

// The first run, of seed 0, is the one that `check` shows.
void add_seeds(std::vector<Claim>& claims, const Part& part, std::uint64_t seeds) {
  const std::size_t first = claims.size();
  add_steps(claims, "seeds", make_chapter(part, "seeds", "solutions/" + part.folder),
            has_full_marks);
  for (std::size_t at = first; at < claims.size(); ++at)
    claims[at].runs = seeds + 1;
}

void add_labs(std::vector<Claim>& claims, const Part& part) {
  const std::string folder = *folder_of("lab", part);
  if (fs::exists(project_root() + "/" + folder))
    add_steps(claims, "labs", make_chapter(part, "lab", folder), is_not_started);
}

// tests/alternatives/NN-part-name/lsmith/part.hpp
void add_alternatives(std::vector<Claim>& claims, const Part& part) {
  std::set<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(project_root() + "/tests/alternatives", error))
    if (const std::string name = entry.path().filename().string();
        name.compare(0, part.folder.size() + 1, part.folder + "-") == 0)
      names.insert(name);
  for (const std::string& name : names)
    add_steps(claims, "alternatives", make_chapter(part, name, "tests/alternatives/" + name),
              has_full_marks);
}

// Writes the mutant where only this run looks. A record that can not be applied is a claim that
// failed.
void add_mutant(std::vector<Claim>& claims, const Part& part, const Mutant& mutant) {
  const std::string folder = "build/verify/" + mutant.id;
  Claim claim{"mutants", mutant.id, make_chapter(part, mutant.id, folder), {}, {}, {}};
  const auto solution =
      read_text(project_root() + "/solutions/" + part.folder + "/lsmith/" + part.header);
  const std::string text = apply_mutant(mutant, solution.value_or(""), claim.complaint);
  const auto& steps = claim.chapter.steps;
  const auto step = std::find_if(steps.begin(), steps.end(),
                                 [&](const Step& each) { return each.id == mutant.step; });
  if (step == steps.end()) claim.complaint = "there is no step " + mutant.step;
  if (claim.complaint.empty()) {
    claim.step = *step;
    claim.judge = [mutant](const Step& found) { return is_killed(mutant, found); };
    std::error_code error;
    fs::create_directories(project_root() + "/" + folder + "/lsmith", error);
    std::ofstream(project_root() + "/" + folder + "/lsmith/" + part.header) << text;
  }
  claims.push_back(std::move(claim));
}

void prove(Claim& claim) {
  if (!claim.judge) return;
  std::string executable;
  const bool is_built = build(claim.chapter, claim.step, executable);
  for (std::uint64_t seed = 0; seed < claim.runs && claim.complaint.empty(); ++seed) {
    Step step = claim.step;
    if (is_built) run_step(step, executable, verify_limit_ms, seed);
    claim.complaint = claim.judge(step);
    if (seed > 0 && !claim.complaint.empty())
      claim.complaint += "\nwith --seed " + std::to_string(seed);
  }
  std::error_code error;
  fs::remove(executable, error);
}

void prove_all(std::vector<Claim>& claims) {
  Progress progress("verify", claims.size());
  std::atomic<std::size_t> next{0};
  std::atomic<std::size_t> done{0};
  std::mutex mutex;
  const auto work = [&] {
    for (std::size_t i; (i = next.fetch_add(1)) < claims.size();) {
      prove(claims[i]);
      const std::lock_guard lock(mutex);
      progress.update(++done);
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < processor_count(); ++i)
    threads.emplace_back(work);
  for (std::thread& thread : threads)
    thread.join();
}

int report(const std::vector<Claim>& claims, std::uint64_t began_ms) {
  std::map<std::string, std::pair<int, int>> counts;  // held, all
  bool is_fine = !claims.empty();
  for (const Claim& claim : claims) {
    counts[claim.group].first += claim.complaint.empty();
    counts[claim.group].second += 1;
    if (claim.complaint.empty()) continue;
    is_fine = false;
    print(paint(Tone::bad, claim.chapter.part.folder + " " + claim.name) + "  " + claim.complaint +
          "\n");
  }
  std::string line;
  for (const char* group : {"labs", "bodies", "mutants", "alternatives", "seeds"}) {
    if (counts[group].second == 0) continue;
    line += (line.empty() ? "" : ", ") + std::string(group) + " " +
            std::to_string(counts[group].first) + "/" + std::to_string(counts[group].second);
  }
  const auto seconds = std::to_string((clock_ms() - began_ms + 500) / 1000);
  print(paint(is_fine ? Tone::good : Tone::bad, line.empty() ? "nothing to verify" : line) + "  " +
        seconds + " s\n");
  return finish(is_fine ? exit_fine : exit_failure);
}

}  // namespace

int run_verify(std::vector<std::string> given) {
  Arguments arguments(std::move(given));
  if (arguments.flag("--help")) return print(verify_usage), finish(exit_fine);
  const std::string only = arguments.option("--only").value_or("");
  const auto asked = arguments.option("--seeds");
  const auto seeds = asked ? parse_number(*asked) : std::optional<std::uint64_t>(0);
  if (!seeds) return complain(exit_usage, "--seeds takes a whole number");
  std::vector<Part> parts;
  for (const std::string& word : arguments.words()) {
    const auto part = find_part(word);
    if (!part) return no_such_chapter(word);
    parts.push_back(*part);
  }
  if (!arguments.error().empty())
    return complain(exit_usage, arguments.error() + "\n\n" + std::string(verify_usage));
  if (parts.empty()) parts = all_parts();

  const std::uint64_t began_ms = clock_ms();
  const auto wants = [&](std::string_view group) { return only.empty() || only == group; };
  std::vector<Claim> claims;
  for (const Part& part : parts) {
    if (wants("labs")) add_labs(claims, part);
    if (wants("bodies")) add_bodies(claims, part);
    if (wants("alternatives")) add_alternatives(claims, part);
    if (*seeds > 0 && wants("seeds")) add_seeds(claims, part, *seeds);
    std::string error;
    const std::vector<Mutant> mutants = read_mutants(part, error);
    if (!error.empty()) return complain(exit_failure, error);
    for (const Mutant& mutant : mutants)
      if (wants("mutants")) add_mutant(claims, part, mutant);
  }
  if (claims.empty()) return report(claims, began_ms);
  std::string errors;
  for (Claim& claim : claims)  // the first makes what all share
    if (!prepare(claim.chapter, errors))
      return complain(exit_failure, "the step reporter does not compile\n" + errors);
  prove_all(claims);
  return report(claims, began_ms);
}

}  // namespace lab
