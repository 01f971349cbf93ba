// mutants.hpp: the wrong versions of the solutions that the graded tests must catch.
//
// tests/mutants/NN-part.txt, one record each:
//
//   05.2-c  the probes stop one short                 step 05.2, a letter, and the symptom
//     kills  a key that was added is never denied     the case that must fail
//     shows  9e3779b9                                 what its report must show, beside its hint
//   -   for (int i = 0; i < probes; ++i)              the text in the solution, found exactly once
//   +   for (int i = 1; i < probes; ++i)              what stands there instead
//
// What a report must show is a value of this failure: never a word of the hint or of the case's
// name. A crash or hang is shown by "(crash)" or "(hang)". Lines that begin with # are comments.
//
// tests/mutants/library.txt has wrong versions of the library, R-a and on: `in` names the header
// that is changed, `kills` a run of torture or a case of the tests.
#pragma once

#include "project.hpp"

#include <string>
#include <vector>

namespace lab {

struct Mutant {
  std::string id;    ///< "05.2-c"
  std::string step;  ///< "05.2"
  std::string in;    ///< of the library's: the header, "lsmith/wal.hpp"
  std::string symptom;
  std::string kills;
  std::string shows;
  std::string old_text;
  std::string new_text;
  int line = 0;  ///< of the record's first line
};

/// The mutants of a part, in order; none when it has no file. What can not be read is in `error`,
/// with file and line.
std::vector<Mutant> read_mutants(const Part& part, std::string& error);
/// Those of the library.
std::vector<Mutant> read_library_mutants(std::string& error);
/// The solution with the mutant's change; empty, with the reason, when the old text is not there
/// exactly once.
std::string apply_mutant(const Mutant& mutant, const std::string& solution, std::string& error);

}  // namespace lab
