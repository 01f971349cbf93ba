// source_text.hpp: C++ as text, in which what is no code is told from what is.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lab {

/// Whether a character can be in a name.
bool is_word(char c);
/// The names, keywords and numbers of a text.
std::vector<std::string> words_of(std::string_view text);
/// The text with spaces for its comments.
std::string without_comments(std::string text);
/// The text with spaces for all that is no code: comments, literals, the preprocessor's lines.
std::string code_of(std::string text);

}  // namespace lab
