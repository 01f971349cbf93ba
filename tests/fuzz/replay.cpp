// replay.cpp: runs every target over its files, with any compiler and no fuzzer.
//
//   fuzz.replay tests/fuzz/corpus           all targets, each over the folder of its name
//   fuzz.replay --target block file …       one target over these files
//
// What a target does not like ends the process; the file stands in the line before. So does an
// allocation beyond what bytes of a few kilobytes can need.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "../support/allocations.hpp"
#include "fuzz.hpp"

namespace {

constexpr std::size_t allocation_bytes_max = std::size_t{16} << 20;

namespace fs = std::filesystem;

struct FuzzTarget {
  const char* name;
  void (*run)(std::string_view input);
};
constexpr FuzzTarget targets[] = {
    {"block", lsmith::fuzz::fuzz_block},
    {"bloom", lsmith::fuzz::fuzz_bloom},
    {"coding", lsmith::fuzz::fuzz_coding},
    {"current", lsmith::fuzz::fuzz_current},
    {"edit", lsmith::fuzz::fuzz_edit},
    {"log", lsmith::fuzz::fuzz_log},
    {"manifest", lsmith::fuzz::fuzz_manifest},
    {"names", lsmith::fuzz::fuzz_names},
    {"open", lsmith::fuzz::fuzz_open},
    {"table", lsmith::fuzz::fuzz_table},
    {"table_format", lsmith::fuzz::fuzz_table_format},
    {"write_batch", lsmith::fuzz::fuzz_write_batch},
};

// The bytes get memory of just their size, so that a sanitizer sees a read behind them.
void run_file(const FuzzTarget& target, const fs::path& path) {
  std::printf("%s %s\n", target.name, path.string().c_str());
  std::fflush(stdout);
  std::ifstream file(path, std::ios::binary);
  lsmith::fuzz::require(file.is_open(), "the file can be read");
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  const std::vector<char> exact(bytes.begin(), bytes.end());
  target.run({exact.empty() ? "" : exact.data(), exact.size()});
}

int run_folder(const FuzzTarget& target, const fs::path& folder) {
  int count = 0;
  if (!fs::is_directory(folder)) return count;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    run_file(target, entry.path());
    ++count;
  }
  return count;
}

int run_files(const std::string& name, char** files, int count) {
  for (const FuzzTarget& target : targets) {
    if (name != target.name) continue;
    for (int i = 0; i < count; ++i)
      run_file(target, files[i]);
    return 0;
  }
  std::fprintf(stderr, "there is no target %s\n", name.c_str());
  return 2;
}

}  // namespace

int main(int argument_count, char** arguments) {
  lsmith::testing::before_allocation = [] {
    lsmith::fuzz::require(lsmith::testing::wanted_bytes <= allocation_bytes_max,
                          "nothing asks for so much memory");
  };
  if (argument_count > 2 && std::strcmp(arguments[1], "--target") == 0)
    return run_files(arguments[2], arguments + 3, argument_count - 3);
  if (argument_count != 2) {
    std::fprintf(stderr, "usage: fuzz.replay corpus | fuzz.replay --target name file ...\n");
    return 2;
  }
  bool has_all = true;
  for (const FuzzTarget& target : targets) {
    const int count = run_folder(target, fs::path(arguments[1]) / target.name);
    std::printf("%-12s %d files\n", target.name, count);
    has_all = has_all && count > 0;
  }
  if (!has_all) std::fprintf(stderr, "a target has no files\n");
  return has_all ? 0 : 1;
}
