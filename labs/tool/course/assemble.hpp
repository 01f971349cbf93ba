// assemble.hpp: many headers as one.
#pragma once

#include <string>
#include <vector>

namespace lab {

/// The library as one header: <lsmith/lsmith.hpp> with every header of the project that it includes
/// put in its place, each taken from the first of `folders` that has it. The folders are relative
/// to the project's root. Empty, with the reason, when a header is nowhere.
std::string assemble(const std::vector<std::string>& folders, std::string& error);

}  // namespace lab
