// commands.cpp: finds the commands of the engine's program.
#include "commands.hpp"

namespace lab {

Command find_command(std::string_view name) {
  if (name == "db") return run_db;
  if (name == "demo") return run_demo;
  if (name == "demo-writer") return run_demo_writer;
  return nullptr;
}

}  // namespace lab
