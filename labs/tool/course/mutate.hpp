// mutate.hpp: small changes made everywhere by rule, to find what no case looks at.
//
//   a < b   a <= b        a && b   a || b        a + b   a - b        !a   a        0   1
//   a == b  a != b        if (a)   if (false)    true    false        a statement, taken out
//
// A change that no case notices is either no fault (another way to write the same) or a case that
// is missing. `labs/lab verify --only automatic` lists them.
#pragma once

#include "mutants.hpp"

#include <string>
#include <vector>

namespace lab {

/// A mutant for each place of the text where a rule fits, in order, but not in functions that the
/// lab gives. Some do not compile. The id is "NN-line-column", the symptom the change.
std::vector<Mutant> automatic_mutants(const Part& part, const std::string& solution,
                                      const std::string& lab);

}  // namespace lab
