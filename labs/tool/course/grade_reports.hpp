// grade_reports.hpp: the grades of submissions, for people and for machines.
#pragma once

#include "grading.hpp"

#include <string>
#include <vector>

namespace lab {

/// A submission and what was graded of it so far.
struct Submission {
  std::string name;
  std::vector<Step> steps;  ///< in the order of the course
  double seconds = 0;       ///< that grading took
  int points() const;
  int points_max() const;
};

/// JUnit's XML: a suite for each submission's step, a test for each case.
std::string as_junit(const std::vector<Submission>& submissions);
/// Gradescope's results.json of one submission: a test for each step, with its points.
std::string as_gradescope(const Submission& submission);

}  // namespace lab
