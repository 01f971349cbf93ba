// notes.cpp: reads and writes the notes.
#include "notes.hpp"

#include "project.hpp"

#include <sstream>

namespace lab {

namespace {

std::map<std::string, std::string> read_notes() {
  std::map<std::string, std::string> lines;
  std::istringstream text(read_text(project_root() + "/build/course.txt").value_or(""));
  for (std::string line; std::getline(text, line);) {
    const std::size_t name = line.find(' ');
    const std::size_t end = name == line.npos ? line.npos : line.find(' ', name + 1);
    if (end != line.npos) lines[line.substr(0, end)] = line.substr(end + 1);
  }
  return lines;
}

}  // namespace

Notes::Notes() : lines_(read_notes()) {}

std::string Notes::get(const std::string& kind, const std::string& name) const {
  const auto found = lines_.find(kind + " " + name);
  return found == lines_.end() ? "" : found->second;
}

void Notes::set(const std::string& kind, const std::string& name, const std::string& noted) {
  lines_ = read_notes();  // another run may have noted something
  lines_[kind + " " + name] = noted;
  std::string text;
  for (const auto& [key, value] : lines_)
    if (!value.empty()) text += key + " " + value + "\n";
  write_text(project_root() + "/build/course.txt", text);
}

}  // namespace lab
