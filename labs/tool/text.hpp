// text.hpp: bytes as text that shows all of them, and back.
//
//   bytes        a b 00 ff \           text        ab\x00\xff\\        (also \n \r \t)
//
// What is printable ASCII stays itself; so does valid UTF-8. Whatever a command prints for a key or
// a value, every command takes back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lab {

/// The bytes as text on one line, without tabs.
std::string escape(std::string_view bytes);
/// The same within quotes, cut behind `bytes_max` bytes with a note of how many there are.
std::string quote(std::string_view bytes, std::size_t bytes_max = static_cast<std::size_t>(-1));
/// The inverse of escape; nothing when a backslash begins no escape that is known.
std::optional<std::string> unescape(std::string_view text);

/// A record of a text that is loaded: or why it is none.
struct Record {
  std::string key;
  std::string value;
  std::string error;  ///< empty when all is well
};
/// A line of the form key TAB value, both escaped.
Record parse_tabbed(std::string_view line);
/// A line of the form {"key": "…", "value": "…"}; a \u escape becomes UTF-8.
Record parse_json(std::string_view line);

/// A whole decimal number; nothing when it is not one or too large.
std::optional<std::uint64_t> parse_number(std::string_view text);

}  // namespace lab
