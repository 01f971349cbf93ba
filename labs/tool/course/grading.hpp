// grading.hpp: a chapter's steps: found, built in one view, run, and judged.
//
// Each step is a file of tests/<part> whose name begins with a digit; it becomes an executable of
// its own and prints a report (tests/support/step_reporter.cpp). What never changes while a student
// works, doctest and the standard library, is compiled ahead and kept.
#pragma once

#include "project.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lab {

/// What became of a step.
enum class Verdict { done, wrong, not_started, needs, does_not_compile, crashed, hangs };

/// A case that did not hold, and what its report says: done, expected, found, hint, read, at.
struct Failure {
  std::string name;
  std::vector<std::pair<std::string, std::string>> lines;
  /// The text of that line; empty when there is none.
  std::string line(std::string_view name) const;
};

struct Step {
  std::string source;  ///< from the project's root
  std::string name;    ///< "1_insert_and_get_test"
  std::string id;      ///< "01.1"
  int points_max = 0;

  Verdict verdict = Verdict::wrong;
  int points = 0;
  std::string needs;              ///< the step that comes first
  std::string said;               ///< the verdict that its executable printed
  std::string last_case;          ///< that was begun
  std::vector<Failure> failures;  ///< in the order of the cases
  std::string why;                ///< why it does not compile, crashed or hangs
};

/// A chapter in one view.
struct Chapter {
  Part part;
  std::string view;                  ///< as it was asked for
  std::string folder;                ///< put before include/, from the project's root; may be empty
  std::string cache;                 ///< the folder of what is compiled, of all chapters
  std::vector<std::string> compile;  ///< the compiler and its flags
  std::vector<Step> steps;
};

/// The steps of a part, in order; none when it is not graded yet.
std::vector<Step> find_steps(const Part& part);
/// The folder of a view (library, lab, mine, solutions), from the project's root; nothing when
/// there is no such view.
std::optional<std::string> folder_of(std::string_view view, const Part& part);
/// A chapter whose component is in `folder`. `view` names what is built.
Chapter make_chapter(const Part& part, std::string view, std::string folder);

/// Makes what all steps share; false, with the compiler's words, when it does not compile.
bool prepare(Chapter& chapter, std::string& errors);
/// Builds a step's executable. False when it does not compile, which is then the step's verdict.
bool build(const Chapter& chapter, Step& step, std::string& executable);
/// Runs a step's executable, for so long at most, and judges it.
void run_step(Step& step, const std::string& executable, int time_limit_ms);

}  // namespace lab
