// step.hpp: the step that a test file grades, and checks whose failures tell a story.
//
// A graded file is one executable and declares its step once:
//
//   const lab::Step step_1{"01.1", 10, "book/01-memtable.md#…", "One sentence that helps."};
//
// Linked with step_reporter.cpp it prints a verdict (see there); linked with main.cpp it is a plain
// doctest file. Checks: doctest's own, or expect_equal(), which also says what was done.
#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace lab {

struct Step {
  Step(const char* id, int points, const char* read, const char* hint)
      : id(id), points(points), read(read), hint(hint) {
    declared = this;
  }
  Step(const Step&) = delete;

  const char* id;    // "01.1"
  int points;        // all or nothing
  const char* read;  // where to read: a page and its heading
  const char* hint;  // for a failure that has no hint of its own

  inline static const Step* declared = nullptr;
};

// Bytes as a person reads them: quoted, unprintable ones in hex, the middle of long ones left out.
inline std::string show(std::string_view bytes) {
  std::string text = "\"";
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (bytes.size() > 60 && i == 40) {
      text += "\" … " + std::to_string(bytes.size() - 50) + " bytes … \"";
      i = bytes.size() - 10;
    }
    const auto byte = static_cast<unsigned char>(bytes[i]);
    if (byte == '"' || byte == '\\') {
      text += '\\';
      text += bytes[i];
    } else if (byte >= 0x20 && byte < 0x7f) {
      text += bytes[i];
    } else {
      char hex[5];
      std::snprintf(hex, sizeof hex, "\\x%02x", static_cast<unsigned>(byte));
      text += hex;
    }
  }
  return text + "\"";
}
inline std::string show(const std::string& bytes) {
  return show(std::string_view(bytes));
}
inline std::string show(const char* bytes) {
  return show(std::string_view(bytes));
}
inline std::string show(bool value) {
  return value ? "true" : "false";
}
template <class Number>
requires(std::is_integral_v<Number> && !std::is_same_v<Number, bool>) std::string
    show(Number value) {
  return std::to_string(value);
}
inline std::string show(std::nullopt_t) {
  return "nothing";
}
template <class T>
std::string show(const std::optional<T>& value) {
  return value ? show(*value) : "nothing";
}

// Words that stand for a value as they are, without quotes.
struct Words {
  std::string text;
};
inline std::string show(const Words& words) {
  return words.text;
}

// Fails the running case with the four things a person needs. No hint: the step's.
inline void fail(std::string_view done, std::string_view expected, std::string_view found,
                 std::string_view hint = {}, const char* file = __builtin_FILE(),
                 int line = __builtin_LINE()) {
  std::string text = "done: " + std::string(done) + "\nexpected: " + std::string(expected) +
                     "\nfound: " + std::string(found);
  if (!hint.empty()) text += "\nhint: " + std::string(hint);
  DOCTEST_ADD_FAIL_CHECK_AT(file, line, text);
}

// Whether both are equal; fails the case if not.
template <class Expected, class Found>
bool expect_equal(std::string_view done, const Expected& expected, const Found& found,
                  std::string_view hint = {}, const char* file = __builtin_FILE(),
                  int line = __builtin_LINE()) {
  const bool is_equal = expected == found;
  if (!is_equal) fail(done, show(expected), show(found), hint, file, line);
  return is_equal;
}

// Whether the claim holds; fails the case if not, naming what was found.
template <class Found>
bool expect(bool holds, std::string_view done, std::string_view expected, const Found& found,
            std::string_view hint = {}, const char* file = __builtin_FILE(),
            int line = __builtin_LINE()) {
  if (!holds) fail(done, expected, show(found), hint, file, line);
  return holds;
}

}  // namespace lab
