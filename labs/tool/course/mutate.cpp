// mutate.cpp: the rules.
#include "mutate.hpp"

#include "contract.hpp"
#include "source_text.hpp"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

namespace lab {
namespace {

// Operators have spaces around them as clang-format leaves them; brackets of templates have none.
constexpr std::pair<std::string_view, std::string_view> rules[] = {
    {" < ", " <= "},   {" <= ", " < "},  {" > ", " >= "},  {" >= ", " > "}, {" == ", " != "},
    {" != ", " == "},  {" && ", " || "}, {" || ", " && "}, {" + ", " - "},  {" - ", " + "},
    {" += ", " -= "},  {" -= ", " += "}, {"(!", "("},      {" !", " "},     {"true", "false"},
    {"false", "true"}, {"0", "1"},       {"1", "0"}};

bool stands_alone(const std::string& code, std::size_t at, std::string_view word) {
  const std::size_t end = at + word.size();
  if (word.back() == '!') return code[end] != '=';
  if (!is_word(word.front())) return true;
  const bool joins_before = at > 0 && (is_word(code[at - 1]) || code[at - 1] == '.');
  return !joins_before && (end == code.size() || (!is_word(code[end]) && code[end] != '.'));
}

// Whether a line is a statement that can be taken out: no declaration, no return.
bool is_statement(const std::string& line) {
  const std::size_t begin = line.find_first_not_of(' ');
  if (begin == line.npos || begin < 2 || line.back() != ';') return false;
  const auto count = [&](char c) { return std::count(line.begin(), line.end(), c); };
  if (count('(') != count(')') || count('{') != count('}')) return false;
  const std::string text = line.substr(begin);
  if (text.compare(0, 6, "return") == 0 || text.compare(0, 5, "using") == 0) return false;
  // A name, then what is done with it. In a declaration a second name follows.
  std::size_t at = 0;
  while (at < text.size() && (is_word(text[at]) || text[at] == '*' || text[at] == '+' ||
                              text[at] == '-' || text[at] == '.'))
    ++at;
  if (at == text.size() || text[at] != ' ') return at > 0 && text[at] != ':' && text[at] != '<';
  return text.find('=') < at + 4;
}

// Where the condition of the `if (` at `at` begins, behind what it declares first, and ends.
std::pair<std::size_t, std::size_t> condition_of(const std::string& code, std::size_t at) {
  std::size_t begin = code.find('(', at) + 1, end = begin;
  for (int depth = 1; end < code.size(); ++end) {
    if (code[end] == '(') ++depth;
    if (code[end] == ')' && --depth == 0) break;
    if (code[end] == ';' && depth == 1) begin = end + 2;
  }
  return {begin, end};
}

// Whether the function at `at` stands in the lab as it is here.
bool is_given(const std::string& solution, const std::string& lab, std::size_t at) {
  const std::size_t begin = solution.rfind("\ninline ", at), end = solution.find("\n}\n", at);
  return begin != solution.npos && end != solution.npos &&
         lab.find(solution.substr(begin, end - begin)) != lab.npos;
}

Mutant change(const Part& part, std::size_t line, std::size_t column, std::string symptom) {
  Mutant mutant;
  mutant.id = part.number + "-" + std::to_string(line) + "-" + std::to_string(column);
  mutant.symptom = std::move(symptom);
  mutant.line = static_cast<int>(line);
  return mutant;
}

}  // namespace

// Each is the whole text, since what it changes may stand in many places.
std::vector<Mutant> automatic_mutants(const Part& part, const std::string& solution,
                                      const std::string& lab) {
  const std::string code = code_of(solution);
  const std::size_t first_body = code.find("\ninline ");
  std::vector<Mutant> mutants;
  std::size_t begin = 0;
  const auto add = [&](std::size_t line, std::size_t at, std::string_view old_text,
                       std::string_view new_text, std::string symptom) {
    mutants.push_back(change(part, line, at - begin + 1, std::move(symptom)));
    mutants.back().old_text = solution;
    mutants.back().new_text = std::string(solution).replace(at, old_text.size(), new_text);
  };
  for (const Line& line : lines_of(code)) {
    const std::size_t end = begin + line.text.size();
    const bool is_body = begin > first_body && line.text.compare(0, 2, "  ") == 0;
    const bool is_assert = line.text.find("assert(") != std::string::npos;
    if (is_body && !is_assert && !is_given(solution, lab, begin)) {
      for (const auto& [old_text, new_text] : rules)
        for (std::size_t at = begin; (at = code.find(old_text, at)) < end; ++at)
          if (stands_alone(code, at, old_text))
            add(line.number, at, old_text, new_text,
                "\"" + std::string(old_text) + "\" to \"" + std::string(new_text) + "\"");
      for (std::size_t at = begin; (at = code.find("if (", at)) < end; ++at) {
        const auto [from, to] = condition_of(code, at);
        const std::string condition = solution.substr(from, to - from);
        add(line.number, at, solution.substr(at, to - at),
            solution.substr(at, from - at) + "false && (" + condition + ")",
            "\"if\" to \"if false\"");
      }
      if (is_statement(line.text)) {
        const std::size_t at = begin + line.text.find_first_not_of(' ');
        const std::string statement = solution.substr(at, end - at);
        add(line.number, at, statement, ";", "without " + statement);
      }
    }
    begin = end + 1;
  }
  return mutants;
}

}  // namespace lab
