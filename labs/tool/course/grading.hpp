// grading.hpp: a chapter's steps: found, built in one view, run, and judged.
//
// Each step is a file of tests/<part> whose name begins with a digit; it becomes an executable of
// its own. It is run once for each of its cases, so that one that crashes takes no other along, and
// prints a report (tests/support/step_reporter.cpp). What never changes while a student works,
// doctest and the standard library, is compiled ahead and kept.
#pragma once

#include "project.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lab {

/// What became of a step, or of one of its cases.
enum class Verdict { done, wrong, not_started, needs, does_not_compile, crashed, hangs };

/// A case that ran, and what its report says of a failure: done, expected, found, hint, read, at.
struct Case {
  std::string name;
  Verdict verdict = Verdict::wrong;
  std::string why;  ///< it crashed, hangs, or ended in the middle
  std::vector<std::pair<std::string, std::string>> lines;
  /// The text of that line; empty when there is none.
  std::string line(std::string_view name) const;
  /// Whether it is to blame: neither done nor stopped by a stub.
  bool is_failure() const;
};

struct Step {
  std::string source;  ///< from the project's root
  std::string name;    ///< "1_insert_and_get_test"
  std::string id;      ///< "01.1"
  int points_max = 0;
  bool is_untouched = false;  ///< all stubs of the lab for this step are still there

  Verdict verdict = Verdict::wrong;
  int points = 0;
  std::string needs;        ///< the step that comes first
  std::vector<Case> cases;  ///< that ran, in order
  std::string why;          ///< why it does not compile or has no cases
};

/// A chapter in one view.
struct Chapter {
  Part part;
  std::string view;                  ///< as it was asked for
  std::string folder;                ///< put before include/, from the project's root; may be empty
  std::vector<std::string> others;   ///< folders of other parts to put there too
  std::string cache;                 ///< the folder of what is compiled, of all chapters
  std::vector<std::string> compile;  ///< the compiler and its flags
  std::vector<std::string> ahead;    ///< the same with what ahead.hpp made, or nothing
  std::string ahead_folder;          ///< the headers that were parsed ahead
  std::string ahead_object;          ///< their functions
  std::string declared;  ///< folder of what is compiled against the component's declarations
  std::vector<std::string> bodies;  ///< objects of its functions; none when they do not compile
  std::string main_object;          ///< what every executable is linked with, made by prepare()
  std::vector<Step> steps;
};

/// The steps of a part, in order; none when it is not graded yet.
std::vector<Step> find_steps(const Part& part);
/// The names of the cases in a step's file, in order.
std::vector<std::string> names_of_cases(const Step& step);
/// Which case of a step's file has that name, counted from 1; 0 when none has.
int find_case(const Step& step, const std::string& name);
/// The folder of a view (library, lab, mine, solutions), from the project's root; nothing when
/// there is no such view.
std::optional<std::string> folder_of(std::string_view view, const Part& part);
/// A chapter whose component is in `folder`. `view` names what is built. `flags` are put behind the
/// compiler's; what is compiled with other flags is kept apart.
Chapter make_chapter(const Part& part, std::string view, std::string folder,
                     const std::vector<std::string>& flags = {"-O0"});

/// Makes what all steps share; false, with the compiler's words, when it does not compile. `main`
/// is the file of tests/support that has main(): step_reporter for steps, main for plain cases.
bool prepare(Chapter& chapter, std::string& errors, const std::string& main = "step_reporter");
/// Builds sources against the chapter's component. False, with the error that helps, when they do
/// not compile.
bool build(const Chapter& chapter, const std::vector<std::string>& sources, const std::string& name,
           std::string& executable, std::string& errors);
/// Builds a step's executable. False when it does not compile, which is then the step's verdict.
bool build(const Chapter& chapter, Step& step, std::string& executable);

/// How the cases of a step are run.
struct Trial {
  /// What a case may take, more where the machine is slow or busy; on a quiet one it takes far
  /// less.
  int case_limit_ms = 20'000;
  std::uint64_t seed = 0;   ///< others than 0 make other random cases
  bool is_confined = true;  ///< in memory and files; a sanitizer needs more than that
  int only_case = 0;        ///< the one to run, counted from 1; 0: all of them
  bool stops = false;       ///< at the first case that fails
};
/// Runs a step's cases, each in a process of its own, and judges them.
void run_step(Step& step, const std::string& executable, const Trial& trial = {});

}  // namespace lab
