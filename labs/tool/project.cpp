// project.cpp: the repository as the tool sees it.
#include "project.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <system_error>

#include <unistd.h>

namespace lab {

namespace fs = std::filesystem;

std::string project_root() {
  const char* const root = std::getenv("LSMITH_ROOT");
  return root != nullptr ? root : fs::current_path().string();
}

std::string engine_program() {
  const char* const program = std::getenv("LSMITH_ENGINE");  // set by `demo NN`
  return program != nullptr ? program : project_root() + "/build/tool/lab-engine";
}

std::string course_program() {
  return project_root() + "/build/tool/lab-course";
}

std::vector<std::string> compiler_words() {
  const char* const compiler = std::getenv("LSMITH_CXX");
  std::istringstream words(compiler != nullptr ? compiler : "c++");
  return {std::istream_iterator<std::string>(words), {}};
}

std::vector<Part> all_parts() {
  std::vector<Part> parts;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(project_root() + "/labs", error)) {
    const std::string folder = entry.path().filename().string();
    const std::size_t dash = folder.find('-');
    if (dash == folder.npos) continue;
    for (const auto& header : fs::directory_iterator(entry.path() / "lsmith", error)) {
      if (header.path().extension() != ".hpp") continue;
      parts.push_back({folder, folder.substr(0, dash), folder.substr(dash + 1),
                       header.path().filename().string()});
      break;
    }
  }
  std::sort(parts.begin(), parts.end(),
            [](const Part& a, const Part& b) { return a.folder < b.folder; });
  return parts;
}

std::optional<Part> find_part(std::string_view name) {
  const std::string number = name.size() == 1 ? "0" + std::string(name) : std::string(name);
  for (Part& part : all_parts())
    if (number == part.number || name == part.name || name == part.folder) return std::move(part);
  return std::nullopt;
}

std::string header_in(const std::string& folder, const Part& part) {
  return (folder.empty() ? "include" : folder) + "/lsmith/" + part.header;
}

std::optional<std::string> read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file.is_open() || file.bad()) return std::nullopt;
  return text;
}

std::string draft_of(const std::string& path) {
  static std::atomic<int> number{0};
  return path + "." + std::to_string(getpid()) + "." + std::to_string(number.fetch_add(1));
}

bool write_text(const std::string& path, const std::string& text) {
  const std::string draft = draft_of(path);
  std::error_code error;
  const fs::path folder = fs::path(path).parent_path();
  if (!folder.empty()) fs::create_directories(folder, error);
  std::ofstream file(draft, std::ios::binary);
  file << text;
  file.close();
  if (file.good()) fs::rename(draft, path, error);
  const bool is_written = file.good() && !error;
  if (!is_written) fs::remove(draft, error);
  return is_written;
}

}  // namespace lab
