// slow_lane.hpp: what takes longer than a verdict may: sanitizers, and the engine on a component.
//
// A chapter's steps once more under AddressSanitizer and UndefinedBehaviorSanitizer, what it has of
// threads under ThreadSanitizer, then the engine's model test with the component put in. It runs
// behind a check, in a process of its own, and leaves its verdict in the notes.
#pragma once

#include "grading.hpp"

#include <string>

namespace lab {

/// What the slow lane said of the component as it stands now: "done", "wrong", "running", or
/// nothing.
std::string slow_verdict(const Chapter& chapter);
/// Starts it behind this program.
void start_slow_lane(const Chapter& chapter);
/// Runs it here and prints a line for each of its parts; whether all held.
bool run_slow_lane(const Chapter& chapter);

}  // namespace lab
