// notes.cpp: reads and writes the notes.
#include "notes.hpp"

#include "project.hpp"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include <unistd.h>

namespace lab {

namespace fs = std::filesystem;

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

void Notes::set(const std::string& kind, const std::string& name, const std::string& text) {
  lines_ = read_notes();  // another run may have noted something
  lines_[kind + " " + name] = text;
  const std::string path = project_root() + "/build/course.txt";
  const std::string draft = path + "." + std::to_string(getpid());
  std::error_code error;
  fs::create_directories(project_root() + "/build", error);
  {
    std::ofstream file(draft);
    for (const auto& [key, value] : lines_)
      if (!value.empty()) file << key << ' ' << value << '\n';
  }
  fs::rename(draft, path, error);
}

}  // namespace lab
