// machine.cpp: what this machine can do at best, in the units in which engines use it up.
//
//   bench.machine --folder DIR
//
// Prints `limit NAME NANOSECONDS` for one of each: the best of a few rounds, since what is looked
// for is the limit and not the noise.
#include "measure.hpp"

#include "../support/random.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace {

constexpr std::size_t mib = std::size_t{1} << 20;
constexpr std::size_t record_bytes = 144;  // a log's frame of one entry
constexpr int rounds = 5;

[[noreturn]] void stop(const std::string& why) {
  std::fprintf(stderr, "bench.machine: %s\n", why.c_str());
  std::exit(1);
}

// Nanoseconds for one of `count`: the best round of `work()`.
template <class Work>
double best_ns(std::size_t count, Work&& work) {
  double best = 1e300;
  for (int round = 0; round < rounds; ++round) {
    const auto began = bench::Clock::now();
    work();
    best = std::min(best, bench::seconds_since(began) * 1e9 / static_cast<double>(count));
  }
  return best;
}

// A file in the folder, with its space allocated; gone when this is.
class Scratch {
 public:
  Scratch(const std::string& folder, std::size_t size_bytes) : path_(folder + "/scratch") {
    file_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (file_ < 0) stop(path_ + " can not be made");
    if (size_bytes > 0 && ::posix_fallocate(file_, 0, static_cast<off_t>(size_bytes)) != 0)
      stop(path_ + ": there is no space");
  }
  ~Scratch() {
    ::close(file_);
    ::unlink(path_.c_str());
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  int file() const { return file_; }
  void write(const char* bytes, std::size_t size_bytes, std::size_t offset) const {
    if (::pwrite(file_, bytes, size_bytes, static_cast<off_t>(offset)) !=
        static_cast<ssize_t>(size_bytes))
      stop(path_ + " can not be written");
  }

 private:
  std::string path_;
  int file_ = -1;
};

double copied_byte() {
  const std::vector<char> from(64 * mib, 'x');
  std::vector<char> to(from.size());
  return best_ns(from.size(), [&] { std::memcpy(to.data(), from.data(), from.size()); });
}

// Each load says where the next one goes, over far more than the caches hold.
double cache_miss() {
  constexpr std::size_t count = 64 * mib / sizeof(std::uint64_t), steps = 300'000;
  std::vector<std::uint64_t> next(count);
  for (std::size_t i = 0; i < count; ++i)
    next[i] = i;
  lsmith::testing::Random random(1);
  for (std::size_t i = count - 1; i > 0; --i)  // one circle through all of them
    std::swap(next[i], next[random.below(i)]);
  std::uint64_t at = 0;
  const double ns = best_ns(steps, [&] {
    for (std::size_t i = 0; i < steps; ++i)
      at = next[at];
  });
  return at == count ? 0 : ns;  // so that the loads are needed
}

double appended_record(const std::string& folder) {
  constexpr std::size_t count = 20'000;
  const std::string record(record_bytes, 'r');
  return best_ns(count, [&] {
    const Scratch scratch(folder, 0);
    for (std::size_t i = 0; i < count; ++i)
      scratch.write(record.data(), record.size(), i * record.size());
  });
}

// Into a file that was allocated and is new, so each page is touched for the first time.
double stored_record(const std::string& folder) {
  constexpr std::size_t size_bytes = 32 * mib, count = size_bytes / record_bytes;
  const std::string record(record_bytes, 'r');
  double best = 1e300;
  for (int round = 0; round < rounds; ++round) {
    const Scratch scratch(folder, size_bytes);
    void* const map =
        ::mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, scratch.file(), 0);
    if (map == MAP_FAILED) stop("a file can not be mapped");
    const auto began = bench::Clock::now();
    for (std::size_t i = 0; i < count; ++i)
      std::memcpy(static_cast<char*>(map) + i * record_bytes, record.data(), record_bytes);
    best = std::min(best, bench::seconds_since(began) * 1e9 / static_cast<double>(count));
    ::munmap(map, size_bytes);
  }
  return best;
}

double written_byte(const std::string& folder) {
  constexpr std::size_t size_bytes = 64 * mib, piece_bytes = mib / 16;
  const std::string piece(piece_bytes, 'p');
  return best_ns(size_bytes, [&] {
    const Scratch scratch(folder, 0);
    for (std::size_t at = 0; at < size_bytes; at += piece_bytes)
      scratch.write(piece.data(), piece_bytes, at);
  });
}

// Of a record, in space that was allocated and written before. The median: a device has no best.
double synced_record(const std::string& folder) {
  constexpr std::size_t count = 100;
  const Scratch scratch(folder, mib);
  const std::string zeros(mib, '\0'), record(record_bytes, 'r');
  scratch.write(zeros.data(), zeros.size(), 0);
  ::fsync(scratch.file());
  std::vector<double> times;
  for (std::size_t i = 0; i < count; ++i) {
    const auto began = bench::Clock::now();
    scratch.write(record.data(), record.size(), i * record.size());
    if (::fdatasync(scratch.file()) != 0) stop("a file can not be synced");
    times.push_back(bench::seconds_since(began) * 1e9);
  }
  std::nth_element(times.begin(), times.begin() + count / 2, times.end());
  return times[count / 2];
}

void print(const char* name, double ns) {
  std::printf("limit %s %.4f\n", name, ns);
  std::fflush(stdout);
}

}  // namespace

int main(int argument_count, char** arguments) {
  if (argument_count != 3 || std::strcmp(arguments[1], "--folder") != 0)
    stop("usage: bench.machine --folder DIR");
  const std::string folder = arguments[2];
  print("copied-byte", copied_byte());
  print("cache-miss", cache_miss());
  print("appended-record", appended_record(folder));
  print("stored-record", stored_record(folder));
  print("written-byte", written_byte(folder));
  print("synced-record", synced_record(folder));
}
