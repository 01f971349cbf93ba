// mutants.cpp: reads and applies the records of tests/mutants.
#include "mutants.hpp"

#include <sstream>

namespace lab {
namespace {

// The text behind `name` and the spaces that follow it; false when the line has another name.
bool take_field(const std::string& line, const std::string& name, std::string& text) {
  const std::size_t at = line.find_first_not_of(' ');
  if (at == 0 || at == line.npos || line.compare(at, name.size() + 1, name + " ") != 0)
    return false;
  const std::size_t begin = line.find_first_not_of(' ', at + name.size());
  if (begin == line.npos) return false;
  text = line.substr(begin);
  return true;
}

// The rest of a line that begins with "- " or "+ "; a lone sign is an empty line.
void add_line(std::string& text, const std::string& line) {
  if (!text.empty()) text += '\n';
  text += line.size() > 2 ? line.substr(2) : "";
}

bool is_whole(const Mutant& mutant) {
  return !mutant.symptom.empty() && !mutant.kills.empty() && !mutant.shows.empty() &&
         !mutant.old_text.empty() && mutant.old_text != mutant.new_text;
}

// The records of a file, whose names begin with `prefix`.
std::vector<Mutant> read_records(const std::string& path, const std::string& prefix,
                                 std::string& error) {
  std::istringstream text(read_text(project_root() + "/" + path).value_or(""));
  std::vector<Mutant> mutants;
  int number = 0;
  for (std::string line; error.empty() && std::getline(text, line);) {
    ++number;
    if (line.empty() || line[0] == '#') continue;
    if (line.compare(0, prefix.size(), prefix) == 0) {
      Mutant mutant;
      mutant.line = number;
      mutant.id = line.substr(0, line.find(' '));
      mutant.step = mutant.id.substr(0, mutant.id.find('-'));
      const std::size_t symptom = line.find_first_not_of(' ', mutant.id.size());
      if (symptom != line.npos) mutant.symptom = line.substr(symptom);
      mutants.push_back(std::move(mutant));
      continue;
    }
    const bool is_known = !mutants.empty() && (line[0] == '-' || line[0] == '+' ||
                                               take_field(line, "in", mutants.back().in) ||
                                               take_field(line, "kills", mutants.back().kills) ||
                                               take_field(line, "shows", mutants.back().shows));
    if (!is_known)
      error = path + ":" + std::to_string(number) +
              ": neither a record's first line, nor kills, shows, - or +";
    else if (line[0] == '-')
      add_line(mutants.back().old_text, line);
    else if (line[0] == '+')
      add_line(mutants.back().new_text, line);
  }
  for (const Mutant& mutant : mutants)
    if (error.empty() && !is_whole(mutant))
      error = path + ":" + std::to_string(mutant.line) + ": " + mutant.id +
              " lacks its symptom, kills, shows or a change";
  return mutants;
}

}  // namespace

std::vector<Mutant> read_mutants(const Part& part, std::string& error) {
  return read_records("tests/mutants/" + part.folder + ".txt", part.number + ".", error);
}

std::vector<Mutant> read_library_mutants(std::string& error) {
  return read_records("tests/mutants/library.txt", "R-", error);
}

std::string apply_mutant(const Mutant& mutant, const std::string& solution, std::string& error) {
  const std::size_t at = solution.find(mutant.old_text);
  if (at == solution.npos) {
    error = "its old text is not in the solution";
  } else if (solution.find(mutant.old_text, at + 1) != solution.npos) {
    error = "its old text is in the solution more than once";
  } else {
    return solution.substr(0, at) + mutant.new_text + solution.substr(at + mutant.old_text.size());
  }
  return {};
}

}  // namespace lab
