// commands.hpp: the commands of the course's program.
#pragma once

#include "command.hpp"

namespace lab {

int run_test(std::vector<std::string> words);
int run_check(std::vector<std::string> words);
int run_verify(std::vector<std::string> words);
int run_start(std::vector<std::string> words);
/// Says that there is no such chapter, and which exist; returns the exit code.
int no_such_chapter(const std::string& name);
int run_parts(std::vector<std::string> words);

}  // namespace lab
