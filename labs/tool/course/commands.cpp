// commands.cpp: finds the commands of the course's program.
#include "commands.hpp"

namespace lab {

Command find_command(std::string_view name) {
  if (name == "test") return run_test;
  if (name == "check") return run_check;
  if (name == "start") return run_start;
  if (name == "verify") return run_verify;
  if (name == "parts") return run_parts;
  return nullptr;
}

}  // namespace lab
