// source_text.cpp: finds comments, literals and words.
#include "source_text.hpp"

#include <algorithm>
#include <cctype>
#include <cstddef>

namespace lab {
namespace {

// Where the literal or comment at `at` ends; `at` itself when none begins there.
std::size_t end_of_token(const std::string& text, std::size_t at) {
  const auto behind = [&](std::string_view end, std::size_t from) {
    const std::size_t found = text.find(end, from);
    return found == text.npos ? text.size() : found + end.size();
  };
  if (text.compare(at, 2, "//") == 0) return std::min(text.find('\n', at), text.size());
  if (text.compare(at, 2, "/*") == 0) return behind("*/", at + 2);
  if (text.compare(at, 2, "R\"") == 0) {
    const std::size_t open = std::min(text.find('(', at), text.size());
    return behind(")" + text.substr(at + 2, open - at - 2) + "\"", open);
  }
  const char quote = text[at];
  const bool is_separator = quote == '\'' && at > 0 && is_word(text[at - 1]);  // 1'000
  if ((quote != '"' && quote != '\'') || is_separator) return at;
  for (++at; at < text.size() && text[at] != quote; ++at)
    if (text[at] == '\\') ++at;
  return std::min(at + 1, text.size());
}

void blank(std::string& text, std::size_t begin, std::size_t end) {
  for (std::size_t i = begin; i < end; ++i)
    if (text[i] != '\n') text[i] = ' ';
}

}  // namespace

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

std::string without_comments(std::string text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = end_of_token(text, at);
    if (end > at && text[at] == '/') blank(text, at, end);
    at = std::max(end, at + 1);
  }
  return text;
}

std::string code_of(std::string text) {
  for (std::size_t at = 0; at < text.size();) {
    const bool begins_line = at == 0 || text[at - 1] == '\n';
    std::size_t end = end_of_token(text, at);
    if (begins_line && text[at] == '#') end = std::min(text.find('\n', at), text.size());
    blank(text, at, end);
    at = std::max(end, at + 1);
  }
  return text;
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at;
    while (end < text.size() && is_word(text[end]))
      ++end;
    if (end > at) words.emplace_back(text.substr(at, end - at));
    at = std::max(end, at + 1);
  }
  return words;
}

}  // namespace lab
