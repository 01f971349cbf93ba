// slow_lane.cpp: sanitizers, threads, the engine.
#include "slow_lane.hpp"

#include "command.hpp"
#include "notes.hpp"
#include "process.hpp"
#include "terminal.hpp"
#include "verdicts.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>

namespace lab {
namespace {

namespace fs = std::filesystem;

constexpr int slow_limit_ms = 300'000;

const std::vector<std::string> memory_flags = {"-O1", "-g", "-fsanitize=address,undefined",
                                               "-fno-sanitize-recover=all",
                                               "-D_GLIBCXX_ASSERTIONS"};
const std::vector<std::string> thread_flags = {"-O1", "-g", "-fsanitize=thread"};

std::string hash_of(const Chapter& chapter) {
  const std::string path = project_root() + "/" + header_in(chapter.folder, chapter.part);
  return std::to_string(std::hash<std::string>()(read_text(path).value_or("")));
}

void print_line(const std::string& name, bool held, const std::string& story) {
  print("  " + pad(name, 44) + (held ? paint(Tone::good, "✓ done") : paint(Tone::bad, "✗ wrong")) +
        "\n");
  if (!held) print_below(story);
  std::fflush(stdout);
}

// The lines from the first one that tells of a failure on, a screen of them.
std::string essence_of(const std::string& output) {
  const std::size_t sign =
      std::min({output.find("WARNING: ThreadSanitizer"), output.find("ERROR: AddressSanitizer"),
                output.find("runtime error:"), output.find("TEST CASE:")});
  const std::size_t line = sign == output.npos ? 0 : output.rfind('\n', sign) + 1;
  return output.substr(line, 1600);
}

// The same chapter, compiled with other flags.
Chapter with_flags(const Chapter& plain, const std::vector<std::string>& flags) {
  Chapter chapter = make_chapter(plain.part, plain.view, plain.folder, flags);
  chapter.others = plain.others;
  return chapter;
}

// A step again, memory watched.
bool run_memory(const Chapter& plain, Step step) {
  Chapter chapter = with_flags(plain, memory_flags);
  std::string errors, executable;
  if (!prepare(chapter, errors)) {
    print_line("AddressSanitizer", false, errors);
    return false;
  }
  step.cases.clear();
  if (build(chapter, step, executable))
    run_step(step, executable, {.case_limit_ms = slow_limit_ms, .is_confined = false});
  const bool is_done = step.verdict == Verdict::done;
  print_line(step.id + " under AddressSanitizer", is_done, story_of(step, 1));
  return is_done;
}

// A file of doctest cases, with the flags of its lane.
bool run_file(const Chapter& plain, const std::string& name, const std::string& source,
              const std::vector<std::string>& flags) {
  Chapter chapter = with_flags(plain, flags);
  std::string errors, executable;
  bool held = prepare(chapter, errors, "main") &&
              build(chapter, {source}, fs::path(source).stem().string(), executable, errors);
  if (held) {
    const Outcome outcome = run({executable}, {project_root(), true, slow_limit_ms});
    held = outcome.ok();
    errors = outcome.timed_out ? "it had not ended after five minutes" : essence_of(outcome.output);
  }
  print_line(name, held, errors);
  return held;
}

}  // namespace

std::string slow_verdict(const Chapter& chapter) {
  const std::string noted = Notes().get("slow", chapter.part.number);
  const std::string hash = hash_of(chapter) + " ";
  return noted.compare(0, hash.size(), hash) == 0 ? noted.substr(hash.size()) : "";
}

void start_slow_lane(const Chapter& chapter) {
  Notes().set("slow", chapter.part.number, hash_of(chapter) + " running");
  start_detached({"nice", course_program(), "check", chapter.part.number, "--slow"},
                 project_root() + "/build/slow-" + chapter.part.number + ".txt");
}

// The lanes one after the other. What is not the student's component any more is not judged.
bool run_slow_lane(const Chapter& chapter) {
  const std::string hash = hash_of(chapter);
  Notes notes;
  notes.set("slow", chapter.part.number, hash + " running");
  setenv("LSMITH_OPERATIONS", "20000", 0);  // of the model test
  const std::string threads = "tests/" + chapter.part.name + "/threads_test.cpp";
  std::vector<std::function<bool()>> lanes;
  for (const Step& step : chapter.steps)
    lanes.push_back([&chapter, step] { return run_memory(chapter, step); });
  if (fs::exists(project_root() + "/" + threads))
    lanes.push_back(
        [&] { return run_file(chapter, "threads under ThreadSanitizer", threads, thread_flags); });
  lanes.push_back([&] {
    return run_file(chapter, "the engine on this component", "tests/engine/model_test.cpp",
                    {"-Og"});
  });
  bool held = true;
  for (const auto& lane : lanes) {
    held = lane() && held;
    if (hash_of(chapter) == hash) continue;
    print("  the component has changed meanwhile\n");
    return false;
  }
  notes.set("slow", chapter.part.number, hash + (held ? " done" : " wrong"));
  return held;
}

}  // namespace lab
