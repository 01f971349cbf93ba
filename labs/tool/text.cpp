// text.cpp: escapes, and the two forms of a line that is loaded.
#include "text.hpp"

#include <algorithm>

namespace lab {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// How many bytes at the front of `bytes` are one well-formed UTF-8 character beyond ASCII; 0 for
// none.
std::size_t utf8_size(std::string_view bytes) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned char lead = at(0);
  const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 0;
  if (size == 0 || lead > 0xf4 || bytes.size() < size) return 0;
  for (std::size_t i = 1; i < size; ++i)
    if ((at(i) & 0xc0) != 0x80) return 0;
  if (lead == 0xe0 && at(1) < 0xa0) return 0;                    // a longer form than needed
  if (lead == 0xed && at(1) >= 0xa0) return 0;                   // half of a surrogate pair
  if (lead == 0xf0 && at(1) < 0x90) return 0;                    // a longer form than needed
  if (lead == 0xf4 && at(1) >= 0x90) return 0;                   // beyond the last code point
  if (lead == 0xc2 && at(1) < 0xa0) return 0;                    // a control character
  if (lead == 0xe2 && at(1) == 0x80 && at(2) >= 0xa8) return 0;  // separators, changes of direction
  return size;
}

void append_utf8(std::string& out, std::uint32_t point) {
  const auto add = [&](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (point < 0x80) return add(point);
  if (point < 0x800) {
    add(0xc0 | (point >> 6));
  } else {
    if (point < 0x10000) {
      add(0xe0 | (point >> 12));
    } else {
      add(0xf0 | (point >> 18));
      add(0x80 | ((point >> 12) & 0x3f));
    }
    add(0x80 | ((point >> 6) & 0x3f));
  }
  add(0x80 | (point & 0x3f));
}

// Takes a JSON object of strings from the front of a line.
class JsonReader {
 public:
  explicit JsonReader(std::string_view text) : text_(text) {}

  Record read() {
    bool has_key = false;
    bool has_value = false;
    if (!take('{')) return failed("an object {…} is expected");
    do {
      std::string name;
      if (!string(name)) return failed("a member's name in quotes is expected");
      if (!take(':')) return failed("a colon is expected");
      const bool is_key = name == "key";
      if (!is_key && name != "value") return failed("unknown member \"" + escape(name) + "\"");
      if (is_key ? has_key : has_value) return failed("\"" + name + "\" stands twice");
      (is_key ? has_key : has_value) = true;
      if (!string(is_key ? record_.key : record_.value))
        return failed("\"" + name + "\" is not a well-formed string");
    } while (take(','));
    if (!take('}')) return failed("a closing brace is expected");
    if (!at_end()) return failed("something follows the object");
    if (!has_key) return failed("there is no \"key\"");
    if (!has_value) return failed("there is no \"value\"");
    return std::move(record_);
  }

 private:
  Record failed(std::string why) {
    return {{}, {}, "column " + std::to_string(at_ + 1) + ": " + std::move(why)};
  }
  void skip_spaces() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != text_.npos)
      ++at_;
  }
  bool at_end() { return skip_spaces(), at_ == text_.size(); }
  bool take(char c) {
    if (at_end() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  bool string(std::string& out) {
    if (!take('"')) return false;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '"') return true;
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c != '\\') {
        out.push_back(c);
      } else if (!escaped(out)) {
        return false;
      }
    }
    return false;
  }

  bool escaped(std::string& out) {
    if (at_ == text_.size()) return false;
    const char c = text_[at_++];
    static constexpr std::string_view from = "\"\\/bfnrt";
    static constexpr std::string_view to = "\"\\/\b\f\n\r\t";
    if (const std::size_t which = from.find(c); which != from.npos) {
      out.push_back(to[which]);
      return true;
    }
    std::uint32_t point = 0;
    if (c != 'u' || !four_digits(point)) return false;
    if (point >= 0xdc00 && point <= 0xdfff)
      return false;  // the second half of a pair without a first
    if (point >= 0xd800 && point <= 0xdbff) {
      std::uint32_t second = 0;
      if (text_.substr(at_, 2) != "\\u") return false;
      at_ += 2;
      if (!four_digits(second) || second < 0xdc00 || second > 0xdfff) return false;
      point = 0x10000 + ((point - 0xd800) << 10) + (second - 0xdc00);
    }
    append_utf8(out, point);
    return true;
  }

  bool four_digits(std::uint32_t& number) {
    for (int i = 0; i < 4; ++i, ++at_) {
      const int digit = at_ < text_.size() ? hex_value(text_[at_]) : -1;
      if (digit < 0) return false;
      number = number * 16 + static_cast<std::uint32_t>(digit);
    }
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  Record record_;
};

}  // namespace

std::string escape(std::string_view bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size();) {
    const char c = bytes[i];
    const std::size_t wide = static_cast<unsigned char>(c) >= 0x80 ? utf8_size(bytes.substr(i)) : 0;
    if (wide > 0) {
      text.append(bytes.substr(i, wide));
      i += wide;
      continue;
    }
    ++i;
    if (c == '\\') {
      text += "\\\\";
    } else if (c == '\n') {
      text += "\\n";
    } else if (c == '\r') {
      text += "\\r";
    } else if (c == '\t') {
      text += "\\t";
    } else if (c >= 0x20 && c < 0x7f) {
      text.push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      text += {'\\', 'x', hex_digits[byte >> 4], hex_digits[byte & 15]};
    }
  }
  return text;
}

std::string quote(std::string_view bytes, std::size_t bytes_max) {
  const std::string text = "\"" + escape(bytes.substr(0, bytes_max)) + "\"";
  if (bytes.size() <= bytes_max) return text;
  return text + "… (" + std::to_string(bytes.size()) + " bytes)";
}

std::optional<std::string> unescape(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      bytes.push_back(text[i]);
      continue;
    }
    if (++i == text.size()) return std::nullopt;
    static constexpr std::string_view from = "\\nrt";
    static constexpr std::string_view to = "\\\n\r\t";
    if (const std::size_t which = from.find(text[i]); which != from.npos) {
      bytes.push_back(to[which]);
      continue;
    }
    if (text[i] != 'x' || i + 2 >= text.size()) return std::nullopt;
    const int high = hex_value(text[i + 1]);
    const int low = hex_value(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return bytes;
}

Record parse_tabbed(std::string_view line) {
  const std::size_t tab = line.find('\t');
  if (tab == line.npos) return {{}, {}, "there is no tab between key and value"};
  if (line.find('\t', tab + 1) != line.npos) return {{}, {}, "a second tab (write it as \\t)"};
  auto key = unescape(line.substr(0, tab));
  if (!key) return {{}, {}, "a backslash in the key begins no escape (\\\\ \\n \\r \\t \\xNN)"};
  auto value = unescape(line.substr(tab + 1));
  if (!value) return {{}, {}, "a backslash in the value begins no escape (\\\\ \\n \\r \\t \\xNN)"};
  return {std::move(*key), std::move(*value), {}};
}

Record parse_json(std::string_view line) {
  return JsonReader(line).read();
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t number = 0;
  if (text.empty()) return std::nullopt;
  for (const char c : text) {
    if (c < '0' || c > '9' || number > (~std::uint64_t{0} - 9) / 10) return std::nullopt;
    number = number * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return number;
}

}  // namespace lab
