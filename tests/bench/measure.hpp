// measure.hpp: time for each operation and for all of them; memory, and bytes that went to files.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <thread>

#include <sys/resource.h>
#include <sys/stat.h>

namespace bench {

using Clock = std::chrono::steady_clock;

inline double seconds_since(Clock::time_point began) {
  return std::chrono::duration<double>(Clock::now() - began).count();
}

/// The processor's own clock, where it has a cheap one, in ticks of an unknown length.
inline std::uint64_t ticks() {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#else
  return static_cast<std::uint64_t>(Clock::now().time_since_epoch().count());
#endif
}

/// How long operations took, in ticks: in buckets, each at most a sixteenth wide.
class Latencies {
 public:
  void add(std::uint64_t ticks) {
    ++buckets_[bucket_of(ticks)];
    ++count_;
    if (ticks > max_) max_ = ticks;
  }
  void add(const Latencies& other) {
    for (std::size_t i = 0; i < buckets_.size(); ++i)
      buckets_[i] += other.buckets_[i];
    count_ += other.count_;
    if (other.max_ > max_) max_ = other.max_;
  }
  std::uint64_t max() const { return max_; }
  /// What `part` of all operations did not exceed.
  std::uint64_t quantile(double part) const {
    const auto wanted = static_cast<std::uint64_t>(part * static_cast<double>(count_));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets_.size(); ++i)
      if ((seen += buckets_[i]) > wanted) return std::min(end_of(i), max_);
    return max_;
  }

 private:
  static constexpr int fine_bits = 4;
  static std::size_t bucket_of(std::uint64_t ticks) {
    if (ticks < (1u << fine_bits)) return static_cast<std::size_t>(ticks);
    const int shift = static_cast<int>(std::bit_width(ticks)) - 1 - fine_bits;
    return static_cast<std::size_t>(((shift + 1) << fine_bits) +
                                    static_cast<int>((ticks >> shift) & ((1u << fine_bits) - 1)));
  }
  static std::uint64_t end_of(std::size_t bucket) {
    if (bucket < (1u << fine_bits)) return bucket;
    const std::size_t shift = (bucket >> fine_bits) - 1;
    return ((bucket & ((1u << fine_bits) - 1)) + (1u << fine_bits) + 1) << shift;
  }

  std::array<std::uint64_t, (64 - fine_bits + 1) << fine_bits> buckets_ = {};
  std::uint64_t count_ = 0, max_ = 0;
};

/// A number that stands behind `name` in a file of /proc/self; 0 where there is none.
inline std::uint64_t process_number(const char* file, const char* name) {
  std::FILE* const lines = std::fopen((std::string("/proc/self/") + file).c_str(), "r");
  if (lines == nullptr) return 0;
  char line[256];
  unsigned long long number = 0;
  while (std::fgets(line, sizeof line, lines) != nullptr)
    if (std::strncmp(line, name, std::strlen(name)) == 0)
      std::sscanf(line + std::strlen(name), ": %llu", &number);
  std::fclose(lines);
  return number;
}

/// Memory that is the process's own, not that of files. Bytes.
inline std::uint64_t anonymous_bytes() {
  return process_number("status", "RssAnon") * 1024;
}

/// What the process has given to files so far, by calls or through maps, in whole pages.
inline std::uint64_t written_bytes() {
  return process_number("io", "write_bytes");
}

/// What the files of a folder take on the disk.
inline std::uint64_t folder_bytes(const std::string& folder) {
  std::uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    struct stat info = {};
    if (::stat(entry.path().c_str(), &info) == 0 && S_ISREG(info.st_mode))
      bytes += static_cast<std::uint64_t>(info.st_blocks) * 512;
  }
  return bytes;
}

/// Waits until the process has done nothing for a while. Returns when it began to do nothing.
inline Clock::time_point wait_until_quiet() {
  const auto busy = [] {
    rusage usage = {};
    ::getrusage(RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1'000'000 + usage.ru_utime.tv_usec +
           usage.ru_stime.tv_usec;
  };
  constexpr long idle_us = 1500;  // this loop takes less
  Clock::time_point quiet = Clock::now();
  for (long before = busy(); quiet + std::chrono::milliseconds(100) > Clock::now();) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    const long now = busy();
    if (now - before > idle_us) quiet = Clock::now();
    before = now;
  }
  return quiet;
}

}  // namespace bench
