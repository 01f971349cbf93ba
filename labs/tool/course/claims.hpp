// claims.hpp: what the course claims of its own tests, one claim at a time.
//
//   labs            a step of a lab as shipped: not started, or needs an earlier step
//   bodies          a step of the solutions or the library: full marks
//   steps           a step with all that comes later still stubs: full marks
//   mutants         a wrong solution: wrong in the case that is named, with a value of the failure
//   matrix          a case: for some mutant of its step it is the first that fails, whose story is
//                   told; or it is said why it stays
//   automatic       a small change of a solution made by rule: some case notices
//   alternatives    a step of another correct way to write the part: full marks
//   engines         the engine with textbook parts put in: agrees with a map
//   rules           the library with a rule of durability broken: a run of torture, or a case,
//   tells seeds           a step of the solutions with many other random cases: full marks
#pragma once

#include "mutants.hpp"
#include "project.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace lab {

struct Claim {
  std::string group;
  std::string name;                    ///< "03-block solutions 03.2"
  std::function<std::string()> prove;  ///< builds and runs; what is wrong, empty when it holds
};

/// Each adds the claims of its group about a part.
void add_labs(std::vector<Claim>& claims, const Part& part);
void add_bodies(std::vector<Claim>& claims, const Part& part);
void add_steps(std::vector<Claim>& claims, const Part& part);
void add_mutants(std::vector<Claim>& claims, const Part& part, const std::vector<Mutant>& mutants);
/// The matrix of cases and mutants is written to build/matrix/NN-part.txt, first failures starred.
/// A case that is first for none stays by a line of the mutants' file, `# 03.1 "the case" stays:
/// why`.
void add_matrix(std::vector<Claim>& claims, const Part& part, const std::vector<Mutant>& mutants);
/// Each `every`th change. One that is no fault is listed with its reason in the mutants' file,
/// below a line `# unnoticed: CHANGE in: LINE`, as the complaint words it.
void add_automatic(std::vector<Claim>& claims, const Part& part, std::uint64_t every);
void add_alternatives(std::vector<Claim>& claims, const Part& part);
/// The engine with this part of the textbook alone; and, when wanted, with all up to this one.
void add_engines(std::vector<Claim>& claims, const Part& part, bool with_those_before);
/// The library's mutants, which have no part.
void add_rules(std::vector<Claim>& claims, const std::vector<Mutant>& mutants);
/// Every step `seeds` times, each time with other random cases.
void add_seeds(std::vector<Claim>& claims, const Part& part, std::uint64_t seeds);

}  // namespace lab
