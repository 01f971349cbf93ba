// command_map.cpp: bare `labs/lab`: the course, how far the student has come, and what is next.
#include "commands.hpp"
#include "grading.hpp"
#include "notes.hpp"
#include "terminal.hpp"
#include "verdicts.hpp"

#include <algorithm>
#include <filesystem>

namespace lab {
namespace {

namespace fs = std::filesystem;

// A chapter on the map.
struct Stop {
  Part part;
  std::vector<Step> steps;
  std::size_t done = 0;
  std::size_t next = 0;   // the first step that is not done; as many as there are: none
  bool is_begun = false;  // its folder is in labs/mine
  int points = 0;
  int points_max = 0;
};

Stop look_at(const Part& part, const Notes& notes) {
  Stop stop{part, find_steps(part)};
  stop.is_begun = fs::exists(project_root() + "/labs/mine/" + part.folder);
  stop.next = stop.steps.size();
  for (std::size_t at = 0; at < stop.steps.size(); ++at) {
    const Step& step = stop.steps[at];
    const bool is_done = stop.is_begun && notes.get("step", step.id) == "done";
    stop.done += is_done;
    stop.points += is_done ? step.points_max : 0;
    stop.points_max += step.points_max;
    if (!is_done) stop.next = std::min(stop.next, at);
  }
  return stop;
}

bool is_done(const Stop& stop) {
  return stop.next == stop.steps.size();
}

std::string state_of(const Stop& stop) {
  if (is_done(stop)) return paint(Tone::good, "✓ done");
  return stop.is_begun ? paint(Tone::note, "begun") : paint(Tone::faint, "·");
}

void print_next(const Stop& stop) {
  const Part& part = stop.part;
  const Step& step = stop.steps[stop.next];
  print("\n  next   step " + step.id + ", " + title_of(step) + "\n  read   book/" + part.folder +
        ".md\n  write  " + own_header(part) + "\n  then   labs/lab check " + part.number +
        ", or labs/lab watch " + part.number + " beside your editor\n  stuck  labs/lab hint " +
        step.id + "\n");
}

}  // namespace

int run_map(std::vector<std::string>) {
  const Notes notes;
  std::vector<Stop> stops;
  int points = 0, points_max = 0;
  for (const Part& part : all_parts()) {
    stops.push_back(look_at(part, notes));
    points += stops.back().points;
    points_max += stops.back().points_max;
  }
  const auto here = std::find_if_not(stops.begin(), stops.end(), is_done);
  print(paint(Tone::strong, "lsmith") + "  " + std::to_string(points) + " of " +
        std::to_string(points_max) + " points\n\n");
  for (auto stop = stops.begin(); stop != stops.end(); ++stop) {
    const std::size_t count = stop->steps.size();
    print("  " + stop->part.number + "  " + pad(stop->part.name, 14) +
          bar(static_cast<double>(stop->done), static_cast<double>(count), 12) + "  " +
          std::to_string(stop->done) + "/" + std::to_string(count) + "  " + state_of(*stop) +
          (stop == here ? paint(Tone::strong, "   ← you are here") : "") + "\n");
  }
  if (here == stops.end()) {
    print("\n  " + paint(Tone::good, "the engine is yours, whole") +
          ": labs/lab assemble writes it as one header\n");
    return finish(exit_fine);
  }
  if (!here->is_begun) {
    if (!copy_lab(here->part)) return exit_failure;
    print("\n  new: " + own_header(here->part) + " is yours to write\n");
  }
  print_next(*here);
  return finish(exit_fine);
}

}  // namespace lab
