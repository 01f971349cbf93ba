// process.hpp: other programs: started, watched, and stopped when they take too long.
#pragma once

#include <string>
#include <vector>

namespace lab {

/// How a program ended.
struct Outcome {
  int exit_code = -1;      ///< when it ended by itself
  int signal = 0;          ///< that ended it, else 0
  bool timed_out = false;  ///< it was killed because its time was over
  std::string output;      ///< what it wrote to standard output and error, when that was kept
  bool ok() const { return exit_code == 0 && signal == 0 && !timed_out; }
};

/// How to run one.
struct RunOptions {
  std::string folder = {};    ///< to run in; empty: this one
  bool keeps_output = false;  ///< else it goes where this program's goes
  int time_limit_ms = 0;      ///< 0: none
  /// For programs that may run wild: at most 4 GB of memory, 256 MB a file, and no core dump.
  bool is_confined = false;
};

/// Runs a program with its arguments and waits for it. Its children die with it when its time is
/// over.
Outcome run(const std::vector<std::string>& words, const RunOptions& options = {});
/// Starts a program that goes on when this one ends; its output goes to a file.
void start_detached(const std::vector<std::string>& words, const std::string& output);
/// Whether a program of that name is on the PATH.
bool has_program(const std::string& name);
/// How many programs this machine runs at once.
int processor_count();

}  // namespace lab
