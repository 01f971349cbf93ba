// compiling.cpp: calls the compiler.
#include "compiling.hpp"

#include "process.hpp"
#include "project.hpp"

#include <filesystem>
#include <functional>
#include <map>
#include <system_error>

namespace lab {

namespace fs = std::filesystem;

std::vector<std::string> joined(std::vector<std::string> words, std::vector<std::string> more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

bool is_clang() {
  static const bool found =
      run(joined(compiler_words(), {"--version"}), {{}, true, 0}).output.find("clang") !=
      std::string::npos;
  return found;
}

std::string precompiled_suffix() {
  return is_clang() ? ".pch" : ".gch";
}

std::string hash_name(const std::vector<std::string>& words) {
  std::size_t hash = 0;
  for (const std::string& word : words)
    hash = hash * 31 + std::hash<std::string>()(word);
  return std::to_string(hash);
}

bool is_newer(const std::string& path, const std::string& than) {
  std::error_code error;
  const auto a = fs::last_write_time(path, error);
  const auto b = fs::last_write_time(than, error);
  return error || a > b;
}

bool is_newer_than_all(const std::string& made, const std::string& folder) {
  std::error_code error;
  const auto made_at = fs::last_write_time(made, error);
  if (error) return false;
  for (const auto& entry : fs::recursive_directory_iterator(folder, error))
    if (entry.last_write_time(error) > made_at) return false;
  return true;
}

std::mutex& mutex_of(const std::string& name) {
  static std::mutex mutex;
  static std::map<std::string, std::mutex> mutexes;
  const std::lock_guard lock(mutex);
  return mutexes[name];
}

bool compile_once(const std::vector<std::string>& words, const std::string& result,
                  std::string& errors) {
  constexpr int time_limit_ms = 600'000;  // some headers no compiler comes to the end of
  const std::string draft = draft_of(result);
  RunOptions options{project_root(), true, time_limit_ms};
  options.is_confined = true;
  const Outcome outcome = run(joined(words, {"-o", draft}), options);
  errors = outcome.output;
  if (outcome.timed_out) errors += "the compiler had not ended after ten minutes\n";
  std::error_code error;
  if (outcome.ok()) fs::rename(draft, result, error);
  fs::remove(draft, error);
  return outcome.ok();
}

}  // namespace lab
