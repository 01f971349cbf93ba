// verdicts.hpp: verdicts as a person reads them.
#pragma once

#include "grading.hpp"

#include <string>

namespace lab {

/// "done", "needs 01.1 first": a verdict in words.
std::string words_of(const Step& step);
/// "1_insert_and_get_test" as "insert and get".
std::string title_of(const Step& step);
/// What went wrong: the compiler's first error, or the first cases that did not hold, each with its
/// report; at most `cases_max` of them. Empty when nothing did.
std::string story_of(const Step& step, std::size_t cases_max = 3);
/// Prints a text behind a bar, line by line.
void print_below(const std::string& story);
/// Prints a step's line and, below it, its story; not again when the step `before` had the same
/// error.
void print_step(const Step& step, const Step* before = nullptr);

}  // namespace lab
