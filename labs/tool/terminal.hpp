// terminal.hpp: what the tool shows: colour where it is wanted, a progress bar, bars and numbers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace lab {

/// What a piece of text means; a terminal shows it by its colour.
enum class Tone { plain, good, bad, note, strong, faint };

/// `text` in that tone, when standard output shows colours: it is a terminal and NO_COLOR is not
/// set, or FORCE_COLOR is.
std::string paint(Tone tone, std::string_view text);
/// Columns of the terminal; 80 when it is none.
int terminal_columns();
/// Whether standard output is a terminal, on which a line can be drawn again.
bool is_live();

/// A bar of `columns` columns of which `part` of `whole` are filled.
std::string bar(double part, double whole, int columns);
/// 1234567 as "1,234,567".
std::string with_commas(std::uint64_t number);
/// "1 line", "2,000 lines".
std::string counted(std::uint64_t number, std::string_view one, std::string_view many);
/// 1234567 as "1.2 MB".
std::string as_bytes(double bytes);
/// A figure with that many decimals.
std::string as_decimal(double number, int decimals);
/// `text` padded with spaces to a width; to the left for a negative one.
std::string pad(std::string_view text, int columns);

/// A line on the terminal that tells how far the work has come. On anything but a terminal it says
/// nothing. One thread at a time.
class Progress {
 public:
  Progress(std::string label, std::uint64_t total);
  /// Takes the line away.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Draws the line again, at most ten times a second.
  void update(std::uint64_t done);

 private:
  std::string label_;
  std::uint64_t total_;
  std::uint64_t drawn_at_ms_ = 0;
  bool is_drawn_ = false;
};

/// Milliseconds on a clock that never goes back.
std::uint64_t clock_ms();

}  // namespace lab
