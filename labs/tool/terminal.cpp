// terminal.cpp: colour, bars and numbers as text.
#include "terminal.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include <sys/ioctl.h>
#include <unistd.h>

namespace lab {
namespace {

bool is_set(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

bool shows_colours() {
  if (is_set("NO_COLOR")) return false;
  return is_set("FORCE_COLOR") || isatty(STDOUT_FILENO) == 1;
}

const char* code_of(Tone tone) {
  switch (tone) {
    case Tone::good:
      return "\033[32m";
    case Tone::bad:
      return "\033[31m";
    case Tone::note:
      return "\033[33m";
    case Tone::strong:
      return "\033[1m";
    case Tone::faint:
      return "\033[2m";
    case Tone::plain:
      break;
  }
  return "";
}

// Columns that UTF-8 text takes: one for each code point.
int columns_of(std::string_view text) {
  return static_cast<int>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

}  // namespace

std::string paint(Tone tone, std::string_view text) {
  static const bool colours = shows_colours();
  if (!colours || tone == Tone::plain) return std::string(text);
  return code_of(tone) + std::string(text) + "\033[0m";
}

bool is_live() {
  static const bool live = isatty(STDOUT_FILENO) == 1;
  return live;
}

int terminal_columns() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  const char* const columns = std::getenv("COLUMNS");
  const int number = columns != nullptr ? std::atoi(columns) : 0;
  return number > 0 ? number : 80;
}

std::string bar(double part, double whole, int columns) {
  const double share = whole > 0 ? std::clamp(part / whole, 0.0, 1.0) : 0;
  const int filled = static_cast<int>(share * columns + 0.5);
  std::string text;
  for (int i = 0; i < columns; ++i)
    text += i < filled ? "█" : "░";
  return text;
}

std::string with_commas(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (int at = static_cast<int>(text.size()) - 3; at > 0; at -= 3)
    text.insert(static_cast<std::size_t>(at), 1, ',');
  return text;
}

std::string counted(std::uint64_t number, std::string_view one, std::string_view many) {
  return with_commas(number) + " " + std::string(number == 1 ? one : many);
}

std::string as_decimal(double number, int decimals) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", decimals, number);
  return text;
}

std::string as_bytes(double bytes) {
  static constexpr const char* units[] = {" B", " kB", " MB", " GB", " TB"};
  int unit = 0;
  for (; bytes >= 1000 && unit < 4; ++unit)
    bytes /= 1000;
  return as_decimal(bytes, unit == 0 ? 0 : 1) + units[unit];
}

std::string pad(std::string_view text, int columns) {
  const int missing = std::max(0, std::abs(columns) - columns_of(text));
  const std::string spaces(static_cast<std::size_t>(missing), ' ');
  return columns < 0 ? spaces + std::string(text) : std::string(text) + spaces;
}

std::uint64_t clock_ms() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

Progress::Progress(std::string label, std::uint64_t total)
    : label_(std::move(label)), total_(total) {}

Progress::~Progress() {
  if (!is_drawn_) return;
  std::fputs("\r\033[K", stdout);
  std::fflush(stdout);
}

void Progress::update(std::uint64_t done) {
  if (!is_live() || total_ == 0) return;
  const std::uint64_t now = clock_ms();
  if (is_drawn_ && now - drawn_at_ms_ < 100) return;
  is_drawn_ = true;
  drawn_at_ms_ = now;
  const double share = std::min(1.0, static_cast<double>(done) / static_cast<double>(total_));
  const int columns = std::clamp(terminal_columns() - columns_of(label_) - 12, 5, 40);
  const std::string line = "\r" + label_ + "  " + bar(share, 1, columns) + "  " +
                           as_decimal(share * 100, 0) + " %\033[K";
  std::fputs(line.c_str(), stdout);
  std::fflush(stdout);
}

}  // namespace lab
