// file_test.cpp: both file systems keep the same promises; then what only the operating system's
// has.
#include <lsmith/file.hpp>

#include "../support/random.hpp"
#include "../support/temp_folder.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using lsmith::Code;
using lsmith::FileSystem;
using lsmith::Result;
using lsmith::Status;
using lsmith::testing::Random;
using lsmith::testing::TempFolder;

namespace {

// A file system and a folder in it that is empty.
struct Posix {
  TempFolder folder;
  FileSystem& files = lsmith::posix_file_system();
  std::string path(const std::string& name) const { return folder.path(name); }
  std::string root() const { return folder.path(); }
};

struct Memory {
  std::unique_ptr<FileSystem> owned = lsmith::make_memory_file_system();
  FileSystem& files = *owned;
  Memory() { REQUIRE(files.create_folder("/db").ok()); }
  std::string path(const std::string& name) const { return "/db/" + name; }
  std::string root() const { return "/db"; }
};

#define BOTH_FILE_SYSTEMS Posix, Memory

void must(const Status& status) {
  INFO(status.to_string());
  REQUIRE(status.ok());
}

template <class T>
T must(Result<T> result) {
  must(result.status());
  return *std::move(result);
}

// The failure has this code, and its message names the path.
void check_failure(const Status& status, Code code, const std::string& path) {
  INFO(status.to_string());
  CHECK(lsmith::code_name(status.code()) == lsmith::code_name(code));
  CHECK(status.message().find(path) != std::string_view::npos);
}

std::string content(FileSystem& files, const std::string& path) {
  return must(lsmith::read_file(files, path));
}

void put(FileSystem& files, const std::string& path, const std::string& bytes) {
  auto file = must(files.create(path));
  must(file->append(bytes));
  must(file->close());
}

std::set<std::string> names(FileSystem& files, const std::string& folder) {
  const auto listed = must(files.list(folder));
  const std::set<std::string> result(listed.begin(), listed.end());
  CHECK(result.size() == listed.size());
  return result;
}

std::string read(const lsmith::ReadableFile& file, std::uint64_t offset, std::size_t size) {
  std::string bytes(size, '?');
  must(file.read(offset, bytes.data(), size));
  return bytes;
}

}  // namespace

TEST_SUITE_BEGIN("file");

TEST_CASE_TEMPLATE("what is appended is read back, in pieces of any size", World,
                   BOTH_FILE_SYSTEMS) {
  World world;
  Random random(1);
  std::string expected;
  auto file = must(world.files.create(world.path("t")));
  // Around 256 KiB, where a piece of a real file ends.
  for (const std::size_t size : {0u, 1u, 262143u, 262144u, 1u, 262142u, 3u, 262145u, 700000u}) {
    const std::string piece = random.bytes(size);
    must(file->append(piece));
    expected += piece;
    if (size == 3) must(file->sync());
  }
  must(file->sync());
  CHECK(content(world.files, world.path("t")) == expected);
  must(file->append("tail"));
  must(file->close());
  CHECK(content(world.files, world.path("t")) == expected + "tail");
}

TEST_CASE_TEMPLATE("a second close says what the first one said", World, BOTH_FILE_SYSTEMS) {
  World world;
  auto file = must(world.files.create(world.path("t")));
  CHECK(file->close().ok());
  CHECK(file->close().ok());
  auto log = must(world.files.create_log(world.path("log"), 100));
  CHECK(log->close().ok());
  CHECK(log->close().ok());
}

TEST_CASE_TEMPLATE("a file that is dropped without close keeps its bytes", World,
                   BOTH_FILE_SYSTEMS) {
  World world;
  must(must(world.files.create(world.path("t")))->append("kept"));
  CHECK(content(world.files, world.path("t")) == "kept");
}

TEST_CASE_TEMPLATE("create empties a file that exists", World, BOTH_FILE_SYSTEMS) {
  World world;
  put(world.files, world.path("t"), "a long old content");
  put(world.files, world.path("t"), "new");
  CHECK(content(world.files, world.path("t")) == "new");
}

TEST_CASE_TEMPLATE("a read past the end is corruption and names path and offset", World,
                   BOTH_FILE_SYSTEMS) {
  World world;
  const std::string path = world.path("t");
  put(world.files, path, "0123456789");
  for (const bool mapped : {false, true}) {
    CAPTURE(mapped);
    const auto file = must(world.files.open(path, mapped));
    CHECK(file->size_bytes() == 10);
    CHECK(read(*file, 0, 10) == "0123456789");
    CHECK(read(*file, 3, 4) == "3456");
    CHECK(read(*file, 10, 0).empty());
    char buffer[16];
    const Status failure = file->read(7, buffer, 4);
    check_failure(failure, Code::corruption, path);
    check_failure(file->read(10, buffer, 1), Code::corruption, path);
    check_failure(file->read(12345, buffer, 1), Code::corruption, "12345");
    CHECK_FALSE(file->read(~std::uint64_t{0}, buffer, 2).ok());
    CHECK_FALSE(file->read(std::uint64_t{1} << 63, buffer, 2).ok());
  }
}

TEST_CASE_TEMPLATE("a mapped file shows the same bytes, or declines", World, BOTH_FILE_SYSTEMS) {
  World world;
  const std::string bytes = Random(7).bytes(10000);
  put(world.files, world.path("t"), bytes);
  put(world.files, world.path("empty"), "");
  CHECK(must(world.files.open(world.path("t"), false))->mapped().empty());
  const auto file = must(world.files.open(world.path("t"), true));
  if (!file->mapped().empty()) CHECK(file->mapped() == bytes);
  CHECK(read(*file, 4095, 2000) == bytes.substr(4095, 2000));
  CHECK(must(world.files.open(world.path("empty"), true))->mapped().empty());
}

TEST_CASE_TEMPLATE("what is missing is not found and is named", World, BOTH_FILE_SYSTEMS) {
  World world;
  const std::string path = world.path("none");
  const std::string below = world.path("none/t");
  CHECK_FALSE(world.files.exists(path));
  check_failure(world.files.open(path, false).status(), Code::not_found, path);
  check_failure(world.files.open(path, true).status(), Code::not_found, path);
  check_failure(lsmith::read_file(world.files, path).status(), Code::not_found, path);
  check_failure(world.files.remove(path), Code::not_found, path);
  check_failure(world.files.rename(path, world.path("u")), Code::not_found, path);
  check_failure(world.files.reuse_log(path, world.path("u")).status(), Code::not_found, path);
  check_failure(world.files.list(path).status(), Code::not_found, path);
  check_failure(world.files.sync_dir(path), Code::not_found, path);
  check_failure(world.files.lock(path, false).status(), Code::not_found, path);
  check_failure(world.files.create(below).status(), Code::not_found, below);
  check_failure(world.files.create_log(below, 10).status(), Code::not_found, below);
  check_failure(world.files.create_folder(below), Code::not_found, path);
  check_failure(world.files.lock(below, true).status(), Code::not_found, below);
  CHECK(names(world.files, world.root()).empty());
}

TEST_CASE_TEMPLATE("a folder is not a file and a file is no folder", World, BOTH_FILE_SYSTEMS) {
  World world;
  must(world.files.create_folder(world.path("sub")));
  put(world.files, world.path("t"), "x");
  check_failure(world.files.open(world.path("sub"), false).status(), Code::io_error, "sub");
  check_failure(world.files.create(world.path("sub")).status(), Code::io_error, "sub");
  check_failure(world.files.create_log(world.path("sub"), 8).status(), Code::io_error, "sub");
  check_failure(world.files.remove(world.path("sub")), Code::io_error, "sub");
  check_failure(world.files.rename(world.path("t"), world.path("sub")), Code::io_error, "sub");
  check_failure(world.files.list(world.path("t")).status(), Code::io_error, "t");
  check_failure(world.files.sync_dir(world.path("t")), Code::io_error, "t");
  check_failure(world.files.create_folder(world.path("t")), Code::io_error, world.path("t"));
  check_failure(world.files.create(world.path("t/u")).status(), Code::io_error, "t/u");
  CHECK(content(world.files, world.path("t")) == "x");
}

TEST_CASE_TEMPLATE("a folder lists its own names and no others", World, BOTH_FILE_SYSTEMS) {
  World world;
  must(world.files.create_folder(world.path("sub")));
  must(world.files.create_folder(world.path("sub")));
  must(world.files.create_folder(world.path("sub/deeper/")));
  must(world.files.create_folder(world.path("sub-")));
  put(world.files, world.path("sub/one"), "1");
  put(world.files, world.path("sub/deeper/two"), "2");
  put(world.files, world.path("sub.txt"), "3");
  CHECK(names(world.files, world.root()) == std::set<std::string>{"sub", "sub-", "sub.txt"});
  CHECK(names(world.files, world.path("sub")) == std::set<std::string>{"deeper", "one"});
  CHECK(names(world.files, world.path("sub/")) == std::set<std::string>{"deeper", "one"});
  CHECK(names(world.files, world.path("sub-")).empty());
  CHECK(world.files.exists(world.path("sub")));
  CHECK(world.files.exists(world.path("sub/one")));
  must(world.files.sync_dir(world.path("sub")));
}

TEST_CASE_TEMPLATE("rename replaces, and open handles stay with their file", World,
                   BOTH_FILE_SYSTEMS) {
  World world;
  put(world.files, world.path("a"), "from a");
  put(world.files, world.path("b"), "from b");
  const auto a = must(world.files.open(world.path("a"), false));
  const auto b = must(world.files.open(world.path("b"), false));
  must(world.files.rename(world.path("a"), world.path("b")));
  CHECK(names(world.files, world.root()) == std::set<std::string>{"b"});
  CHECK(content(world.files, world.path("b")) == "from a");
  CHECK(read(*a, 0, 6) == "from a");
  CHECK(read(*b, 0, 6) == "from b");
  must(world.files.rename(world.path("b"), world.path("b")));
  CHECK(content(world.files, world.path("b")) == "from a");
}

TEST_CASE_TEMPLATE("open handles survive the removal of their name", World, BOTH_FILE_SYSTEMS) {
  World world;
  auto writing = must(world.files.create(world.path("t")));
  must(writing->append("before"));
  must(writing->sync());
  const auto reading = must(world.files.open(world.path("t"), false));
  auto log = must(world.files.create_log(world.path("log"), 64));
  must(world.files.remove(world.path("t")));
  must(world.files.remove(world.path("log")));
  put(world.files, world.path("t"), "another");
  must(writing->append(" after"));
  must(writing->sync());
  must(log->write(0, "x", false));
  must(log->sync());
  CHECK(read(*reading, 0, 12) == "before after");
  CHECK(content(world.files, world.path("t")) == "another");
  CHECK_FALSE(world.files.exists(world.path("log")));
}

TEST_CASE_TEMPLATE("a new log is zeros up to its capacity", World, BOTH_FILE_SYSTEMS) {
  World world;
  put(world.files, world.path("log"), std::string(9000, 'x'));
  auto log = must(world.files.create_log(world.path("log"), 5000));
  CHECK(log->capacity_bytes() == 5000);
  CHECK(content(world.files, world.path("log")) == std::string(5000, '\0'));
  must(log->close());
  CHECK(content(world.files, world.path("log")) == std::string(5000, '\0'));
}

TEST_CASE_TEMPLATE("a log takes stores at any offset, synced or not", World, BOTH_FILE_SYSTEMS) {
  World world;
  for (const std::uint64_t capacity : {0u, 1u, 4096u, 20000u}) {
    const std::uint64_t seed = 100 + capacity;
    CAPTURE(seed);
    Random random(seed);
    auto log = must(world.files.create_log(world.path("log"), capacity));
    std::string expected(capacity, '\0');
    for (int step = 0; step < 100; ++step) {
      const std::uint64_t offset = random.below(15000);
      const std::string bytes = random.bytes(random.below(5000));
      must(log->write(offset, bytes, random.chance(50)));
      if (!bytes.empty())
        expected.resize(std::max<std::size_t>(expected.size(), offset + bytes.size()));
      std::copy(bytes.begin(), bytes.end(), expected.begin() + (bytes.empty() ? 0 : offset));
      if (random.chance(10)) must(log->sync());
      CHECK(log->capacity_bytes() == expected.size());
      if (random.chance(20)) REQUIRE(content(world.files, world.path("log")) == expected);
    }
    must(log->close());
    CHECK(content(world.files, world.path("log")) == expected);
  }
}

TEST_CASE_TEMPLATE("a store across the end of the capacity lands whole", World, BOTH_FILE_SYSTEMS) {
  World world;
  auto log = must(world.files.create_log(world.path("log"), 10));
  must(log->write(8, "abcd", false));
  CHECK(log->capacity_bytes() == 12);
  must(log->write(20, "z", false));
  must(log->sync());
  CHECK(content(world.files, world.path("log")) ==
        std::string(8, '\0') + "abcd" + std::string(8, '\0') + "z");
}

TEST_CASE_TEMPLATE("a reused log keeps its bytes and takes new ones", World, BOTH_FILE_SYSTEMS) {
  World world;
  auto old = must(world.files.create_log(world.path("old"), 10000));
  must(old->write(5000, "old bytes", false));
  must(old->close());
  put(world.files, world.path("new"), "is replaced");
  auto log = must(world.files.reuse_log(world.path("old"), world.path("new")));
  CHECK(log->capacity_bytes() == 10000);
  CHECK(names(world.files, world.root()) == std::set<std::string>{"new"});
  must(log->write(5000, "new", false));
  must(log->write(9000, "synced", true));
  must(log->sync());
  const std::string bytes = content(world.files, world.path("new"));
  CHECK(bytes.size() == 10000);
  CHECK(bytes.substr(5000, 9) == "new bytes");
  CHECK(bytes.substr(9000, 6) == "synced");
}

TEST_CASE_TEMPLATE("an offset that no file can have is refused and poisons", World,
                   BOTH_FILE_SYSTEMS) {
  World world;
  auto log = must(world.files.create_log(world.path("log"), 100));
  const Status failure = log->write(~std::uint64_t{0} - 2, "bytes", false);
  CHECK_FALSE(failure.ok());
  CHECK(log->write(0, "x", false).to_string() == failure.to_string());
  CHECK(log->sync().to_string() == failure.to_string());
  CHECK(log->close().to_string() == failure.to_string());
}

TEST_CASE_TEMPLATE("sync may run beside writes", World, BOTH_FILE_SYSTEMS) {
  World world;
  auto log = must(world.files.create_log(world.path("log"), 1000));
  bool has_synced = true;
  std::thread syncing([&] {
    for (int i = 0; i < 20; ++i)
      has_synced = log->sync().ok() && has_synced;
  });
  bool has_written = true;
  for (std::uint64_t i = 0; i < 2000; ++i) {
    has_written = log->write(i, "x", i % 2 == 0).ok() && has_written;
  }
  syncing.join();
  CHECK(has_written);
  CHECK(has_synced);
  CHECK(content(world.files, world.path("log")) == std::string(2000, 'x'));
}

TEST_CASE_TEMPLATE("one file is read by many threads", World, BOTH_FILE_SYSTEMS) {
  World world;
  const std::string bytes = Random(3).bytes(50000);
  put(world.files, world.path("t"), bytes);
  const auto file = must(world.files.open(world.path("t"), false));
  std::vector<std::thread> threads;
  std::vector<int> wrong_counts(4, 0);
  for (std::size_t t = 0; t < wrong_counts.size(); ++t) {
    threads.emplace_back([&, t] {
      Random random(t);
      std::string piece(100, '\0');
      for (int i = 0; i < 200; ++i) {
        const std::uint64_t offset = random.below(bytes.size() - piece.size());
        const bool ok = file->read(offset, piece.data(), piece.size()).ok();
        if (!ok || bytes.compare(offset, piece.size(), piece) != 0) wrong_counts[t] += 1;
      }
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  CHECK(wrong_counts == std::vector<int>(4, 0));
}

TEST_CASE_TEMPLATE("an exclusive lock excludes all, shared locks share", World, BOTH_FILE_SYSTEMS) {
  World world;
  const std::string path = world.path("LOCK");
  auto exclusive = must(world.files.lock(path, true));
  CHECK(world.files.exists(path));
  check_failure(world.files.lock(path, true).status(), Code::busy, path);
  check_failure(world.files.lock(path, false).status(), Code::busy, path);
  exclusive.reset();
  auto first = must(world.files.lock(path, false));
  auto second = must(world.files.lock(path, false));
  check_failure(world.files.lock(path, true).status(), Code::busy, path);
  first.reset();
  check_failure(world.files.lock(path, true).status(), Code::busy, path);
  second.reset();
  exclusive = must(world.files.lock(path, true));
}

TEST_CASE_TEMPLATE("entropy does not repeat", World, BOTH_FILE_SYSTEMS) {
  World world;
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i)
    CHECK(seen.insert(world.files.entropy()).second);
}

TEST_CASE_TEMPLATE("any run of operations agrees with a map of strings", World, BOTH_FILE_SYSTEMS) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    CAPTURE(seed);
    World world;
    Random random(seed);
    std::map<std::string, std::string> model;
    for (int step = 0; step < 200; ++step) {
      CAPTURE(step);
      const std::string name(1, static_cast<char>('a' + random.below(6)));
      const std::string other(1, static_cast<char>('a' + random.below(6)));
      const bool is_there = model.count(name) > 0;
      switch (random.below(6)) {
        case 0:
          model[name] = random.bytes(random.below(300));
          put(world.files, world.path(name), model[name]);
          break;
        case 1:
          must((*world.files.create_log(world.path(name), 128))->write(100, "log", false));
          model[name] = std::string(100, '\0') + "log" + std::string(25, '\0');
          break;
        case 2:
          CHECK(world.files.remove(world.path(name)).ok() == is_there);
          model.erase(name);
          break;
        case 3:
          CHECK(world.files.rename(world.path(name), world.path(other)).ok() == is_there);
          if (is_there && name != other) model[other] = model[name], model.erase(name);
          break;
        case 4:
          if (!is_there) break;
          must((*world.files.reuse_log(world.path(name), world.path(other)))->write(1, "re", true));
          if (name != other) model[other] = model[name], model.erase(name);
          if (model[other].size() < 3) model[other].resize(3);
          model[other].replace(1, 2, "re");
          break;
        default:
          CHECK(world.files.exists(world.path(name)) == is_there);
          if (is_there) CHECK(content(world.files, world.path(name)) == model[name]);
      }
      std::set<std::string> expected;
      for (const auto& [key, bytes] : model)
        expected.insert(key);
      REQUIRE(names(world.files, world.root()) == expected);
    }
    for (const auto& [key, bytes] : model)
      CHECK(content(world.files, world.path(key)) == bytes);
  }
}

TEST_CASE("in memory the same seed gives the same entropy, another seed another") {
  const auto a = lsmith::make_memory_file_system(5);
  const auto b = lsmith::make_memory_file_system(5);
  const auto c = lsmith::make_memory_file_system(6);
  const std::uint64_t first = a->entropy();
  CHECK(b->entropy() == first);
  CHECK(c->entropy() != first);
}

TEST_CASE("in memory the root is there and slashes at the ends do not matter") {
  const auto files = lsmith::make_memory_file_system();
  CHECK(files->exists(""));
  CHECK(files->exists("/"));
  must(files->create_folder("/"));
  must(files->create_folder("db"));
  put(*files, "/db/t", "x");
  CHECK(content(*files, "db/t") == "x");
  CHECK(names(*files, "/") == std::set<std::string>{"db"});
  CHECK(names(*files, "") == std::set<std::string>{"db"});
  must(files->sync_dir("/"));
}

TEST_CASE("in memory a log of any capacity costs only what is written") {
  const auto files = lsmith::make_memory_file_system();
  const std::uint64_t capacity = std::uint64_t{1} << 50;
  auto log = must(files->create_log("log", capacity));
  must(log->write(3, "abc", false));
  CHECK(log->capacity_bytes() == capacity);
  CHECK(read(*must(files->open("log", false)), capacity - 4, 4) == std::string(4, '\0'));
  CHECK(read(*must(files->open("log", false)), 2, 6) == std::string("\0abc\0\0", 6));
}

#if defined(__linux__)

TEST_CASE("a full device is no_space, and the file stays poisoned") {
  FileSystem& files = lsmith::posix_file_system();
  auto file = must(files.create("/dev/full"));
  must(file->append("small"));
  const Status failure = file->append(std::string(300000, 'x'));
  check_failure(failure, Code::no_space, "/dev/full");
  CHECK(failure.message().find("No space left") != std::string_view::npos);
  CHECK(file->append("more").to_string() == failure.to_string());
  CHECK(file->sync().to_string() == failure.to_string());
  CHECK(file->close().to_string() == failure.to_string());
  CHECK(file->close().to_string() == failure.to_string());

  auto log = must(files.create_log("/dev/full", 0));
  check_failure(log->write(0, "x", false), Code::no_space, "/dev/full");
  check_failure(log->sync(), Code::no_space, "/dev/full");
  auto renamed = must(files.create_log("/dev/full", 0));
  renamed->set_path("/dev/other");
  check_failure(renamed->write(0, "x", false), Code::no_space, "/dev/other");
}

TEST_CASE("what is gathered goes to the system up to a multiple of 256 KiB") {
  constexpr std::uint64_t piece = 262144;
  Posix world;
  auto file = must(world.files.create(world.path("t")));
  const auto appended = [&](std::size_t size) {
    must(file->append(std::string(size, 'x')));
    return std::filesystem::file_size(world.path("t"));
  };
  CHECK(appended(200'000) == 0);
  CHECK(appended(200'000) == piece);
  CHECK(appended(700'000) == 4 * piece);  // of 1,100,000
  must(file->sync());
  CHECK(appended(1'000'000) == 8 * piece);
  CHECK(appended(piece) == 9 * piece);
}

TEST_CASE("a close that can not write what was gathered says so") {
  auto file = must(lsmith::posix_file_system().create("/dev/full"));
  must(file->append("small"));
  check_failure(file->close(), Code::no_space, "/dev/full");
}

TEST_CASE("a failed sync poisons and is not tried again") {
  FileSystem& files = lsmith::posix_file_system();
  auto file = must(files.create("/dev/null"));  // takes every write and refuses to be synced
  must(file->append("x"));
  const Status failure = file->sync();
  check_failure(failure, Code::io_error, "/dev/null");
  CHECK(failure.message().find("sync") != std::string_view::npos);
  CHECK(file->append("y").to_string() == failure.to_string());
  CHECK(file->sync().to_string() == failure.to_string());
  CHECK(file->close().to_string() == failure.to_string());

  auto log = must(files.create_log("/dev/null", 0));
  must(log->write(0, "x", true));
  const Status log_failure = log->sync();
  check_failure(log_failure, Code::io_error, "/dev/null");
  CHECK(log->write(1, "y", false).to_string() == log_failure.to_string());
  CHECK(log->sync().to_string() == log_failure.to_string());
}

TEST_CASE("the space of a new log is really allocated, that of a reused one again") {
  TempFolder folder;
  FileSystem& files = lsmith::posix_file_system();
  put(files, folder.path("probe"), "");
  const int probe = ::open(folder.path("probe").c_str(), O_RDWR | O_CLOEXEC);
  const bool can_allocate = ::fallocate(probe, 0, 0, 4096) == 0;
  ::close(probe);
  if (!can_allocate) {
    MESSAGE("not checked: the file system of the temporary folder can not allocate");
    return;
  }
  const auto allocated = [&](const std::string& name) {
    struct stat about;
    REQUIRE(::stat(folder.path(name).c_str(), &about) == 0);
    return static_cast<std::uint64_t>(about.st_blocks) * 512;
  };
  must(must(files.create_log(folder.path("log"), 1 << 20))->close());
  CHECK(allocated("log") >= std::uint64_t{1} << 20);
  put(files, folder.path("hole"), "x");
  REQUIRE(::truncate(folder.path("hole").c_str(), 1 << 20) == 0);
  must(must(files.reuse_log(folder.path("hole"), folder.path("filled")))->close());
  CHECK(allocated("filled") >= std::uint64_t{1} << 20);
  CHECK(content(files, folder.path("filled")).front() == 'x');
}

#endif

TEST_CASE("a log that can not be allocated is an error and leaves no file") {
  TempFolder folder;
  FileSystem& files = lsmith::posix_file_system();
  rlimit before;
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  rlimit small = before;
  small.rlim_cur = 1 << 16;
  std::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  const auto log = files.create_log(folder.path("log"), 1 << 20);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  std::signal(SIGXFSZ, SIG_DFL);
  check_failure(log.status(), Code::io_error, folder.path("log"));
  CHECK_FALSE(files.exists(folder.path("log")));
  CHECK_FALSE(files.create_log(folder.path("log"), ~std::uint64_t{0}).ok());
  CHECK_FALSE(files.exists(folder.path("log")));
}

#if defined(__linux__)
TEST_CASE("bytes that a map has lost are an error of bringing it in, where the system tells") {
  TempFolder folder;
  FileSystem& files = lsmith::posix_file_system();
  const std::string path = folder.path("t");
  put(files, path, std::string(65536, 'x'));
  const auto file = must(files.open(path, true));
  CHECK(file->bring_in().ok());
  put(files, path, std::string(100, 'y'));
  char* const lost = const_cast<char*>(file->mapped().data()) + 32768;
  constexpr int madv_populate_read = 22;
  if (::madvise(lost, 4096, madv_populate_read) == 0 || errno != EFAULT) return;
  CHECK(file->bring_in().code() == Code::io_error);
  CHECK(file->bring_in().message() == path + ": read failed: Input/output error");
}
#endif

TEST_CASE("unsynced stores survive a killed process") {
  TempFolder folder;
  FileSystem& files = lsmith::posix_file_system();
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    auto log = files.create_log(folder.path("log"), 4096);
    const bool ok = log.ok() && (*log)->write(0, "mapped", false).ok() &&
                    (*log)->write(4094, "grown", false).ok();
    if (ok) ::raise(SIGKILL);
    ::_exit(1);
  }
  int how = 0;
  REQUIRE(::waitpid(child, &how, 0) == child);
  REQUIRE(WIFSIGNALED(how));
  const std::string bytes = content(files, folder.path("log"));
  CHECK(bytes.size() == 4099);
  CHECK(bytes.substr(0, 6) == "mapped");
  CHECK(bytes.substr(4094) == "grown");
}

TEST_CASE("a lock ends with its process, and holds against another") {
  TempFolder folder;
  FileSystem& files = lsmith::posix_file_system();
  const std::string path = folder.path("LOCK");
  auto held = must(files.lock(path, true));
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) ::_exit(files.lock(path, true).status().code() == Code::busy ? 0 : 1);
  int how = 0;
  REQUIRE(::waitpid(child, &how, 0) == child);
  CHECK(WIFEXITED(how));
  CHECK(WEXITSTATUS(how) == 0);
  held.reset();

  const pid_t holder = ::fork();
  REQUIRE(holder >= 0);
  if (holder == 0) {
    const auto lock = files.lock(path, true);
    if (lock.ok()) ::raise(SIGKILL);
    ::_exit(1);
  }
  REQUIRE(::waitpid(holder, &how, 0) == holder);
  CHECK(WIFSIGNALED(how));
  CHECK(files.lock(path, true).ok());
}

TEST_CASE("descriptors are closed on exec and none leaks") {
  TempFolder folder;
  FileSystem& files = lsmith::posix_file_system();
  const auto next_descriptor = [] {
    const int number = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::close(number);
    return number;
  };
  const int before = next_descriptor();
  {
    auto file = must(files.create(folder.path("t")));
    CHECK((::fcntl(before, F_GETFD) & FD_CLOEXEC) != 0);
    must(file->append("x"));
  }
  must(must(files.create_log(folder.path("log"), 4096))->write(0, "x", false));
  CHECK(must(files.open(folder.path("log"), true))->size_bytes() == 4096);
  must(files.lock(folder.path("LOCK"), true)).reset();
  must(files.list(folder.path()));
  must(files.sync_dir(folder.path()));
  must(files.create_folder(folder.path("sub")));
  CHECK_FALSE(files.open(folder.path("sub"), false).ok());
  CHECK(next_descriptor() == before);
}

TEST_SUITE_END();
