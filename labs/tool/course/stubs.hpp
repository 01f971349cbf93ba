// stubs.hpp: a solution of which only the first steps are written.
//
// A stub of a lab is a function at the outer level whose body throws "NN.S is not yet written". The
// solution's function of the same name gets that body when S is a later step.
#pragma once

#include <string>

namespace lab {

/// The solution with the lab's stubs for all that belongs to steps after `step`. Empty, with the
/// reason, when a stub's function is in the solution more than once.
std::string with_stubs_after(const std::string& step, const std::string& lab,
                             const std::string& solution, std::string& error);

}  // namespace lab
