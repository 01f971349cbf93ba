// log_pages_test.cpp: what a store into a log costs where it touches a page first. Linux alone says
// which pages of a file are in memory.
#include <lsmith/file.hpp>

#include "../support/temp_folder.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace {

using namespace lsmith;
using lsmith::testing::TempFolder;

constexpr std::size_t log_bytes = std::size_t{4} << 20;
constexpr std::size_t page_bytes = 4096;

// How many pages of the file are in memory.
std::size_t pages_in_memory(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(file >= 0);
  void* const map = ::mmap(nullptr, log_bytes, PROT_READ, MAP_SHARED, file, 0);
  ::close(file);
  REQUIRE(map != MAP_FAILED);
  std::vector<unsigned char> pages(log_bytes / page_bytes);
  REQUIRE(::mincore(map, log_bytes, pages.data()) == 0);
  ::munmap(map, log_bytes);
  return static_cast<std::size_t>(
      std::count_if(pages.begin(), pages.end(), [](unsigned char page) { return page % 2 == 1; }));
}

// A log in a folder of its own.
struct NewLog {
  NewLog() {
    auto log = posix_file_system().create_log(path, log_bytes);
    REQUIRE(log.ok());
    file = *std::move(log);
  }
  // Whether none of it is in memory yet, as it should be; says so when some is.
  bool is_on_disk_alone() const {
    if (pages_in_memory(path) == 0) return true;
    MESSAGE("not checked: the file system of the temporary folder allocates in memory");
    return false;
  }

  const TempFolder folder;
  const std::string path = folder.path("log");
  std::unique_ptr<LogFile> file;
};

}  // namespace

TEST_SUITE("log pages") {
  TEST_CASE("a store into a new log reads little ahead, whatever the device is told") {
    const NewLog log;
    if (!log.is_on_disk_alone()) return;
    REQUIRE(log.file->write(log_bytes / 2, "stored", false).ok());
    // A quarter of a megabyte, and what is one to the system.
    CHECK(pages_in_memory(log.path) <= 80);
  }

  TEST_CASE("a log that was warmed up is in memory, and as it was") {
    const NewLog log;
    log.file->warm_up(100);
    CHECK(pages_in_memory(log.path) == log_bytes / page_bytes);
    REQUIRE(log.file->write(log_bytes / 2, "stored", false).ok());
    REQUIRE(log.file->close().ok());
    const auto bytes = read_file(posix_file_system(), log.path);
    REQUIRE(bytes.ok());
    CHECK(bytes->find_first_not_of('\0') == log_bytes / 2);
    CHECK(bytes->find_last_not_of('\0') == log_bytes / 2 + 5);
  }

  TEST_CASE("a log that large pieces will be written to is left alone") {
    const NewLog log;
    if (!log.is_on_disk_alone()) return;
    log.file->warm_up(100'000);
    CHECK(pages_in_memory(log.path) == 0);
  }
}
#endif
