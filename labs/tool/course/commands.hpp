// commands.hpp: the commands of the course's program.
#pragma once

#include "command.hpp"

namespace lab {

int run_test(std::vector<std::string> words);
int run_check(std::vector<std::string> words);
int run_start(std::vector<std::string> words);
int run_parts(std::vector<std::string> words);

}  // namespace lab
