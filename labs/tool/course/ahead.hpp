// ahead.hpp: what of the library does not depend on a part, compiled once for all of its checks.
//
// Most of the time that a check takes, the compiler reads and writes functions of the library that
// are the same as in the check before. So the headers that do not include the part, by whatever
// way, are taken apart (halves.hpp): their bodies become one object, their declarations are parsed
// ahead.
#pragma once

#include "grading.hpp"

#include <string>
#include <vector>

namespace lab {

/// Fills in chapter.ahead where the chapter is checked on the library's own parts; else leaves it
/// empty. `compile` is the compiler without a precompiled header, `standard`
/// the headers that one begins with.
void make_ahead(Chapter& chapter, const std::vector<std::string>& compile,
                std::string_view standard);

}  // namespace lab
