// current.cpp: fuzzes decode_current. CURRENT has one form for each manifest.
#include <lsmith/manifest.hpp>

#include <cstdint>
#include <string>
#include <string_view>

#include "fuzz.hpp"
#include "names.hpp"

namespace lsmith::fuzz {

void fuzz_current(std::string_view input) {
  const Result<std::uint64_t> named = decode_current(input);
  if (named.ok()) {
    require(encode_current(*named) == input, "CURRENT encodes to its bytes");
  } else {
    require_refusal(named.status(), "the ");
  }
  Source source(input);
  const std::uint64_t number = source.number(8);
  if (number == 0 || number > file_number_max) return;
  const std::string content = encode_current(number);
  const Result<std::uint64_t> decoded = decode_current(content);
  require(decoded.ok() && *decoded == number, "what was encoded decodes to the same", content);
  std::string damaged = content;
  damaged[source.byte() % damaged.size()] ^= static_cast<char>(source.byte() | 1);
  require(!decode_current(damaged).ok(), "a damaged byte is noticed", damaged);
  require(!decode_current(content + "\n").ok(), "a byte too many is noticed");
  require(!decode_current(content.substr(0, content.size() - 1)).ok(), "and one too few");
}

}  // namespace lsmith::fuzz

LSMITH_FUZZ_TARGET(lsmith::fuzz::fuzz_current)
