// contract.hpp: the contract of a part, as it stands in a header's text.
//
// The contract is what the three bodies of a part share word for word: each declaration at the
// outer level that a `///` comment stands before, with that comment. Of a class it is everything up
// to its private section, or to its end; of a function or constant it is everything up to the
// semicolon or the body. The text is taken as clang-format leaves it: what belongs to the outer
// level begins in column 1.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace lab {

/// A line of a file; numbers begin at 1.
struct Line {
  std::size_t number = 0;
  std::string text;
};

/// The lines of a text, without their ends.
inline std::vector<Line> lines_of(std::string_view text) {
  std::vector<Line> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.push_back({lines.size() + 1, std::string(text.substr(0, end))});
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
  }
  return lines;
}

/// The header that a line includes in angles, "lsmith/wal.hpp"; empty when it includes none so.
inline std::string included_header(const std::string& line) {
  constexpr std::string_view front = "#include <";
  if (line.compare(0, front.size(), front) != 0) return {};
  return line.substr(front.size(), line.find('>') - front.size());
}

namespace detail {

inline bool begins_with(std::string_view text, std::string_view front) {
  return text.substr(0, front.size()) == front;
}

inline bool ends_with(std::string_view text, std::string_view back) {
  return text.size() >= back.size() && text.substr(text.size() - back.size()) == back;
}

inline bool is_comment(const Line& line) {
  return begins_with(line.text, "///");
}

inline bool begins_type(std::string_view text) {
  for (const std::string_view word : {"class ", "struct ", "enum ", "union "})
    if (begins_with(text, word)) return true;
  return false;
}

// Takes a type from lines[at] on; `at` ends behind it.
inline void take_type(const std::vector<Line>& lines, std::size_t& at, std::vector<Line>& out) {
  for (; at < lines.size(); ++at) {
    const std::string& text = lines[at].text;
    if (text == " private:") {
      while (out.back().text.empty())
        out.pop_back();
      return;
    }
    out.push_back(lines[at]);
    const bool is_whole = begins_with(text, "}") || (ends_with(text, "};") && begins_type(text));
    const bool is_forward = begins_type(text) && ends_with(text, ";");
    if (is_whole || is_forward) return void(++at);
  }
}

// Takes a function or a constant. The body of one that has it is not part of the contract.
inline void take_other(const std::vector<Line>& lines, std::size_t& at, std::vector<Line>& out) {
  for (; at < lines.size(); ++at) {
    const std::string& text = lines[at].text;
    const std::size_t body = text.find(") {");
    const std::size_t const_body = text.find(") const {");
    const std::size_t cut = body < const_body ? body + 1 : const_body;
    out.push_back({lines[at].number, text.substr(0, cut == text.npos ? text.size() : cut)});
    if (cut != text.npos || ends_with(text, ";")) return void(++at);
  }
}

}  // namespace detail

/// The lines of the contract in the text of a header.
inline std::vector<Line> contract_of(std::string_view text) {
  const std::vector<Line> lines = lines_of(text);
  std::vector<Line> contract;
  for (std::size_t at = 0; at < lines.size();) {
    if (!detail::is_comment(lines[at])) {
      ++at;
      continue;
    }
    while (at < lines.size() &&
           (detail::is_comment(lines[at]) || detail::begins_with(lines[at].text, "template <"))) {
      contract.push_back(lines[at++]);
    }
    if (at == lines.size()) break;
    if (detail::begins_type(lines[at].text)) {
      detail::take_type(lines, at, contract);
    } else {
      detail::take_other(lines, at, contract);
    }
  }
  return contract;
}

}  // namespace lab
