// commands.hpp: the commands of the engine's program.
#pragma once

#include "command.hpp"

namespace lab {

int run_db(std::vector<std::string> words);
int run_demo(std::vector<std::string> words);
/// What the demo starts as a process of its own.
int run_demo_writer(std::vector<std::string> words);

/// `db dump`: prints a file; an exit code.
int dump_file(const std::string& path, bool is_full);

}  // namespace lab
