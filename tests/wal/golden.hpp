// golden.hpp: a header and two frames, byte for byte as book/format.md says. They were put together
// from that page alone, by a program that shares no line with the library.
#pragma once

#include "logs.hpp"

#include <lsmith/wal.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace lsmith::testing {

inline std::string from_hex(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1]));
  return bytes;
}

// "abc" as a batch at offset 64, nothing synced; "12345678" as an edit at 88, all before it synced.
inline const std::string golden_header = from_hex(
    "4c534d4954484c4701000101000000008877665544332211"
    "0d000100000000000c0000000000000040010000000000006300000000000000000000008c5aec4a");
inline const std::string golden_first =
    from_hex("fe1604340300000001000d00000000006162630000000000");
inline const std::string golden_second =
    from_hex("5571e6fd0800000002000d000b0000003132333435363738");

inline LogHeader example_header() {
  LogHeader header = header_for(0x1000d);
  header.previous_number = 12;
  header.previous_end = 0x140;
  header.previous_sequence = 99;
  return header;
}

}  // namespace lsmith::testing
