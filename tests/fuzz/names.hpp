// names.hpp: the file numbers that have a name which can be read back.
#pragma once

#include <cstdint>

namespace lsmith::fuzz {

// parse_file_name refuses the six numbers above, which file_name spells all the same. No folder
// gets so far.
inline constexpr std::uint64_t file_number_max = 18446744073709551609u;

}  // namespace lsmith::fuzz
