// demo_index.cpp: finds the headers and takes them apart.
#include "demo_index.hpp"

#include "process.hpp"
#include "project.hpp"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <set>
#include <sstream>
#include <system_error>

namespace lab {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t file_bytes_max = 1'000'000;
constexpr std::size_t token_bytes_max = 100;
constexpr std::size_t shown_bytes_max = 100;

// The folders that the compiler says it searches, and the system's, each once.
std::vector<std::string> header_folders() {
  std::vector<std::string> words = compiler_words();
  words.insert(words.end(), {"-E", "-v", "-x", "c++", "/dev/null"});
  std::istringstream report(run(words, {{}, true, 0}).output);
  std::vector<std::string> folders;
  bool is_list = false;
  for (std::string line; std::getline(report, line);) {
    if (line.find("End of search list") == 0) is_list = false;
    if (is_list && line.size() > 1) folders.push_back(line.substr(1, line.find(" (", 1) - 1));
    if (line.find("#include <...>") == 0) is_list = true;
  }
  folders.push_back("/usr/include");
  return folders;
}

std::vector<HeaderFile> files_below(const std::string& folder) {
  std::vector<HeaderFile> files;
  std::error_code error;
  const auto options = fs::directory_options::skip_permission_denied;
  const fs::path root = fs::canonical(folder, error);
  for (auto entry = fs::recursive_directory_iterator(root, options, error);
       !error && entry != fs::end(entry); entry.increment(error)) {
    std::error_code ignored;
    if (entry->is_symlink(ignored) || !entry->is_regular_file(ignored)) continue;
    const std::uint64_t bytes = entry->file_size(ignored);
    if (!ignored && bytes > 0 && bytes <= file_bytes_max)
      files.push_back({entry->path().string(), bytes});
  }
  std::sort(files.begin(), files.end(),
            [](const HeaderFile& a, const HeaderFile& b) { return a.path < b.path; });
  return files;
}

bool begins_token(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool continues_token(char c) {
  return begins_token(c) || (c >= '0' && c <= '9');
}

}  // namespace

std::vector<HeaderFile> find_headers(std::uint64_t bytes_max) {
  std::vector<HeaderFile> all;
  std::set<std::string> seen;
  std::uint64_t bytes = 0;
  for (const std::string& folder : header_folders()) {
    for (HeaderFile& file : files_below(folder)) {
      if (bytes >= bytes_max) return all;
      if (!seen.insert(file.path).second) continue;
      bytes += file.bytes;
      all.push_back(std::move(file));
    }
  }
  return all;
}

std::vector<std::string_view> tokens_of(std::string_view line) {
  std::vector<std::string_view> tokens;
  for (std::size_t at = 0; at < line.size();) {
    if (!continues_token(line[at])) {
      ++at;
      continue;
    }
    std::size_t end = at + 1;
    while (end < line.size() && continues_token(line[end]))
      ++end;
    const std::string_view token = line.substr(at, end - at);
    const bool is_new = std::find(tokens.begin(), tokens.end(), token) == tokens.end();
    if (begins_token(line[at]) && token.size() <= token_bytes_max && is_new)
      tokens.push_back(token);
    at = end;
  }
  return tokens;
}

std::string token_key(std::string_view token_prefix) {
  return "t:" + std::string(token_prefix);
}

std::string show_match(std::string_view key, std::string_view value) {
  const std::size_t path = key.find('\0') + 1;
  const std::size_t line = key.find('\0', path) + 1;
  const std::string_view digits = key.substr(line);
  const std::size_t first = std::min(digits.find_first_not_of('0'), digits.size() - 1);
  return std::string(key.substr(path, line - path - 1)) + ":" + std::string(digits.substr(first)) +
         ": " + std::string(value);
}

namespace detail {

std::string_view shown_text(std::string_view line) {
  const std::size_t first = std::min(line.find_first_not_of(" \t"), line.size());
  std::string_view text = line.substr(first, shown_bytes_max);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\r'))
    text.remove_suffix(1);
  return text;
}

void set_entry_key(std::string& key, std::string_view token, const std::string& path,
                   std::size_t line_number) {
  char digits[24];
  std::snprintf(digits, sizeof digits, "%06zu", line_number);
  key = "t:";
  key.append(token).push_back('\0');
  key.append(path).push_back('\0');
  key += digits;
}

}  // namespace detail
}  // namespace lab
