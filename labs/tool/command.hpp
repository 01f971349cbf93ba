// command.hpp: what the commands of the tool have in common.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lab {

/// How the tool ends: fine; a negative answer or a failure; called in a way that it does not know.
inline constexpr int exit_fine = 0;
inline constexpr int exit_failure = 1;
inline constexpr int exit_usage = 2;

/// The words behind a command: first its options are taken out, then what is left is read.
class Arguments {
 public:
  explicit Arguments(std::vector<std::string> words) : words_(std::move(words)) {}

  /// Takes out `--name`; false when it is not there. Behind a word `--` nothing is an option.
  bool flag(std::string_view name);
  /// Takes out `--name TEXT` or `--name=TEXT`; nothing when it is not there.
  std::optional<std::string> option(std::string_view name);
  /// The words that are left. Requires that all options were taken; one that was not is in error().
  const std::vector<std::string>& words();
  /// Why the words can not be understood; empty when they can.
  const std::string& error() const { return error_; }

 private:
  std::size_t options_end() const;

  std::vector<std::string> words_;
  std::string error_;
  bool is_complete_ = false;
};

/// A command takes the words behind its name and returns the exit code. It says its own usage.
using Command = int (*)(std::vector<std::string>);
/// The command of that name; null for none. There are two programs, each with its own commands: the
/// course's, which is built in seconds, and the engine's, which takes longer.
Command find_command(std::string_view name);

/// Prints a line to standard error, behind the tool's name, and returns `code`.
int complain(int code, std::string_view message);
/// Prints to standard output.
void print(std::string_view text);
/// Ends a command that printed an answer: `code`, unless the answer could not be printed whole.
int finish(int code);

}  // namespace lab
