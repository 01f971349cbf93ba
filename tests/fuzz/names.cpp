// names.cpp: fuzzes parse_file_name. A name that is ours is the only spelling of its number.
#include <lsmith/names.hpp>

#include <cstdint>
#include <string>
#include <string_view>

#include "fuzz.hpp"
#include "names.hpp"

namespace lsmith::fuzz {

void fuzz_names(std::string_view input) {
  using Type = FileName::Type;
  if (const auto parsed = parse_file_name(input))
    require(file_name(parsed->type, parsed->number) == input,
            "a name is the spelling of what it is");

  const std::uint64_t number = Source(input).number(8);
  if (number == 0 || number > file_number_max) return;
  for (const Type type : {Type::manifest, Type::log, Type::table, Type::retired_log}) {
    const std::string name = file_name(type, number);
    require(parse_file_name(name) == FileName{type, number}, "a name parses to what it is of",
            name);
    require(!parse_file_name("0" + name), "a needless zero is foreign");
    require(!parse_file_name(name + " "), "a longer name is foreign");
  }
}

}  // namespace lsmith::fuzz

LSMITH_FUZZ_TARGET(lsmith::fuzz::fuzz_names)
