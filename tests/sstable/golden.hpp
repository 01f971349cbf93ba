// golden.hpp: a table of three entries, byte for byte as book/format.md says. It was put together
// from that page alone, by a program that shares no line with the library.
#pragma once

#include <lsmith/table_format.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace lsmith::testing {

// apple@5 put "red" · applesauce-jar@9 erase · applesauce-jar@7 put "sweet"; no filter; the id is
// 0x1122334455667788. Data block and trailer take the first 91 bytes.
inline constexpr std::string_view golden_hex =
    "03000000050000006170706c65000000000000000073617563652d6a6173617563652d6a61310000003d0000"
    "0047000000000105000000000000726564090009000000000000720901070000000000007273776565740069"
    "1f1b7c0a00000000000000636f756e742e626c636f756e742e656e636f756e742e65726b65792e666972736b"
    "65792e6c61737473657175656e636573657175656e636573697a652e64617473697a652e6b657973697a652e"
    "76616c800000008e0000009d000000ab000000c2000000e1000000f1000000000100000b010000160100000c"
    "01000000000000006f636b73010d01000000000000007472696573030c010000000000000061736573010901"
    "00000000000000746170706c6501050000000000000801000000000000006170706c6573617563652d6a6172"
    "01070000000000000e01000000000000002e6669727374050d01000000000000002e6c617374090901000000"
    "00000000615b09010000000000000073210b01000000000000007565730800f69e0b05010000000e00000061"
    "70706c6573617563652d6a61720000000000000000220000000001070000000000000056009860c01b830100"
    "00000000002d0000005b00000000000000230100008877665544332211f50100000000000001000100000000"
    "0000000000799574604c534d4954485442";

inline constexpr std::size_t golden_data_bytes = 91;

inline std::string golden_table() {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string bytes;
  for (std::size_t i = 0; i < golden_hex.size(); i += 2) {
    bytes += static_cast<char>(digit(golden_hex[i]) * 16 + digit(golden_hex[i + 1]));
  }
  return bytes;
}

// Of any table of these entries.
inline TableMeta golden_meta(std::uint64_t number, std::uint64_t file_bytes) {
  TableMeta meta;
  meta.number = number;
  meta.file_bytes = file_bytes;
  meta.table_id = 0x1122334455667788;
  meta.entries = 3;
  meta.erases = 1;
  meta.first_sequence = 5;
  meta.last_sequence = 9;
  meta.first_key = "apple";
  meta.first_tag = make_tag(5, Kind::put);
  meta.last_key = "applesauce-jar";
  meta.last_tag = make_tag(7, Kind::put);
  return meta;
}

}  // namespace lsmith::testing
