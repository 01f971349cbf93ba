// claims.cpp: builds, runs and judges what is claimed.
#include "claims.hpp"

#include "grading.hpp"
#include "process.hpp"
#include "stubs.hpp"
#include "verdicts.hpp"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>

namespace lab {
namespace {

namespace fs = std::filesystem;

constexpr int engine_limit_ms = 300'000;

// Says what is wrong with what came of a step.
using Judge = std::function<std::string(const Step&)>;

std::string has_full_marks(const Step& step) {
  if (step.verdict == Verdict::done) return {};
  if (step.verdict != Verdict::needs) return "not done\n" + story_of(step);
  std::string text = "needs " + step.needs + " in";
  for (const Case& each : step.cases)
    if (each.verdict == Verdict::needs) text += "\n  " + each.name;
  return text;
}

std::string is_not_started(const Step& step) {
  const bool fine = step.verdict == Verdict::not_started || step.verdict == Verdict::needs;
  return fine ? "" : "neither not started nor in need of an earlier step";
}

void write_header(const std::string& folder, const Part& part, const std::string& text) {
  write_text(project_root() + "/" + header_in(folder, part), text);
}

std::string read_header(std::string_view view, const Part& part) {
  return read_text(project_root() + "/" + header_in(*folder_of(view, part), part)).value_or("");
}

// Builds the step once and runs it with each of the seeds.
std::string prove_step(Chapter chapter, Step built, const Judge& judge, std::uint64_t seeds_first,
                       std::uint64_t seeds_end) {
  std::string errors, executable, complaint;
  if (!prepare(chapter, errors)) return "the step reporter does not compile\n" + errors;
  const bool is_built = build(chapter, built, executable);
  for (std::uint64_t seed = seeds_first; seed < seeds_end && complaint.empty(); ++seed) {
    Step step = built;
    if (is_built) run_step(step, executable, {.seed = seed});
    complaint = judge(step);
    if (seed > 0 && !complaint.empty()) complaint += "\nwith --seed " + std::to_string(seed);
  }
  std::error_code error;
  fs::remove(executable, error);
  return complaint;
}

void add_step(std::vector<Claim>& claims, const std::string& group, const Chapter& chapter,
              const Step& step, const Judge& judge, std::uint64_t seeds_first = 0,
              std::uint64_t seeds_end = 1) {
  claims.push_back({group, chapter.part.folder + " " + chapter.view + " " + step.id,
                    [=] { return prove_step(chapter, step, judge, seeds_first, seeds_end); }});
}

void add_all(std::vector<Claim>& claims, const std::string& group, const Chapter& chapter,
             const Judge& judge) {
  for (const Step& step : chapter.steps)
    add_step(claims, group, chapter, step, judge);
}

// The engine's model test in a chapter's view.
std::string prove_engine(Chapter chapter) {
  std::string errors, executable;
  if (!prepare(chapter, errors, "main")) return errors;
  if (!build(chapter, {"tests/engine/model_test.cpp"}, "model_test", executable, errors))
    return "does not compile: " + errors;
  const Outcome outcome = run({executable}, {project_root(), true, engine_limit_ms});
  std::error_code error;
  fs::remove(executable, error);
  if (outcome.timed_out) return "had not ended after five minutes";
  return outcome.ok() ? "" : outcome.output;
}

void add_engine(std::vector<Claim>& claims, Chapter chapter) {
  std::string name = chapter.part.folder + " " + chapter.view;
  claims.push_back({"engines", std::move(name),
                    [chapter = std::move(chapter)] { return prove_engine(chapter); }});
}

}  // namespace

void add_bodies(std::vector<Claim>& claims, const Part& part) {
  for (const std::string view : {"solutions", "library"})
    add_all(claims, "bodies", make_chapter(part, view, *folder_of(view, part)), has_full_marks);
}

// Step by step, as a student comes along: what is later is still a stub. Not for those steps whose
// functions a later step makes longer: in the solution they call what is later.
void add_steps(std::vector<Claim>& claims, const Part& part) {
  const std::string lab = read_header("lab", part);
  const std::string solution = read_header("solutions", part);
  for (const Step& step : find_steps(part)) {
    if (step.id == "02.2" || step.id == "11.1") continue;
    const std::string folder = "build/verify/" + step.id;
    std::string complaint;
    write_header(folder, part, with_stubs_after(step.id, lab, solution, complaint));
    if (!complaint.empty())
      claims.push_back({"steps", step.id, [complaint] { return complaint; }});
    else
      add_step(claims, "steps", make_chapter(part, "up-to-" + step.id, folder), step,
               has_full_marks);
  }
}

void add_labs(std::vector<Claim>& claims, const Part& part) {
  add_all(claims, "labs", make_chapter(part, "lab", *folder_of("lab", part)), is_not_started);
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
    add_all(claims, "alternatives", make_chapter(part, name, "tests/alternatives/" + name),
            has_full_marks);
}

void add_engines(std::vector<Claim>& claims, const Part& part, bool with_those_before) {
  const std::string own = *folder_of("solutions", part);
  add_engine(claims, make_chapter(part, "engine", own, {"-Og"}));
  if (!with_those_before) return;
  Chapter chapter = make_chapter(part, "engine-up-to", own, {"-Og"});
  for (const Part& other : all_parts())
    if (other.folder < part.folder) chapter.others.push_back(*folder_of("solutions", other));
  if (!chapter.others.empty()) add_engine(claims, std::move(chapter));
}

// Seed 0 is the one that `check` runs.
void add_seeds(std::vector<Claim>& claims, const Part& part, std::uint64_t seeds) {
  const Chapter chapter = make_chapter(part, "seeds", *folder_of("solutions", part));
  for (const Step& step : chapter.steps)
    add_step(claims, "seeds", chapter, step, has_full_marks, 1, seeds + 1);
}

}  // namespace lab
