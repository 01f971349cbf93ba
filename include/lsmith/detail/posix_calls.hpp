// posix_calls.hpp: POSIX calls made safe to use; a helper that posix_file.hpp alone includes.
//
// Each wrapper continues after EINTR and short counts, knows the width of file offsets, and turns
// errno into a Status that names the path, the act and the system's reason.
#pragma once

#include <lsmith/status.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

namespace lsmith::detail {

// The most that one call is asked to transfer; some systems refuse 2 GiB.
inline constexpr std::size_t transfer_bytes_max = std::size_t{1} << 30;
// What is done at once to the pages of a memory map.
inline constexpr std::size_t map_piece_bytes = std::size_t{1} << 20;

// An open file descriptor, closed at its end. Move-only.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (is_open()) ::close(number_);
  }
  bool is_open() const { return number_ >= 0; }
  int number() const { return number_; }
  Status close(const std::string& path);

 private:
  int number_;
};

// A memory map of a file from its start; empty when it was declined. Move-only.
class MemoryMap {
 public:
  MemoryMap() = default;
  MemoryMap(const Descriptor& file, std::uint64_t size_bytes, int protection);
  MemoryMap(MemoryMap&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  MemoryMap& operator=(MemoryMap&&) = delete;
  ~MemoryMap() { unmap(); }
  void unmap();
  // Has the system bring all of the file in and map it, where it knows how to.
  Status populate(const std::string& path) const;
  char* data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  char* data_ = nullptr;
  std::size_t size_ = 0;
};

// strerror_r comes in two shapes; the overload takes whichever this system has.
inline std::string errno_text(int, const char* buffer) {
  return buffer;
}
inline std::string errno_text(const char* text, const char*) {
  return text;
}

inline Status posix_failure(const std::string& path, std::string_view act, int error) {
  char buffer[128] = "unknown error";
  const std::string reason = errno_text(::strerror_r(error, buffer, sizeof(buffer)), buffer);
  Code code = Code::io_error;
  if (error == ENOENT) code = Code::not_found;
  if (error == ENOSPC || error == EDQUOT) code = Code::no_space;
  return Status(code, path + ": " + std::string(act) + " failed: " + reason);
}

// Calls until it is not interrupted.
template <class Call>
auto uninterrupted(Call call) {
  auto result = call();
  while (result == -1 && errno == EINTR)
    result = call();
  return result;
}

// False when the system's file offsets are too narrow for this range.
inline bool fits_offset(std::uint64_t offset, std::uint64_t size) {
  constexpr auto end_max = static_cast<std::uint64_t>(std::numeric_limits<off_t>::max());
  return offset <= end_max && size <= end_max - offset;
}

inline Result<Descriptor> open_descriptor(const std::string& path, int flags) {
  const int number = uninterrupted([&] { return ::open(path.c_str(), flags | O_CLOEXEC, 0666); });
  if (number < 0) return posix_failure(path, "open", errno);
  return Descriptor(number);
}

// The size of an open regular file; anything else is a failure.
inline Result<std::uint64_t> size_of(const Descriptor& file, const std::string& path) {
  struct stat about;
  if (::fstat(file.number(), &about) != 0) return posix_failure(path, "stat", errno);
  if (S_ISDIR(about.st_mode)) return posix_failure(path, "open", EISDIR);
  return static_cast<std::uint64_t>(about.st_size);
}

inline Status read_at(const Descriptor& file, const std::string& path, std::uint64_t offset,
                      char* buffer, std::size_t size) {
  if (!fits_offset(offset, size)) return posix_failure(path, "read", EOVERFLOW);
  while (size > 0) {
    const std::size_t wanted = std::min(size, transfer_bytes_max);
    const ssize_t count = uninterrupted(
        [&] { return ::pread(file.number(), buffer, wanted, static_cast<off_t>(offset)); });
    if (count < 0) return posix_failure(path, "read", errno);
    if (count == 0) {
      return Status(Code::corruption, path + ": the file ends at or before offset " +
                                          std::to_string(offset) + ", with " +
                                          std::to_string(size) + " more bytes wanted");
    }
    offset += static_cast<std::uint64_t>(count);
    buffer += count;
    size -= static_cast<std::size_t>(count);
  }
  return {};
}

inline Status write_at(const Descriptor& file, const std::string& path, std::uint64_t offset,
                       std::string_view bytes) {
  if (!fits_offset(offset, bytes.size())) return posix_failure(path, "write", EFBIG);
  while (!bytes.empty()) {
    const std::size_t wanted = std::min(bytes.size(), transfer_bytes_max);
    const ssize_t count = uninterrupted(
        [&] { return ::pwrite(file.number(), bytes.data(), wanted, static_cast<off_t>(offset)); });
    if (count < 0) return posix_failure(path, "write", errno);
    if (count == 0) return posix_failure(path, "write", EIO);  // no reason and no progress
    offset += static_cast<std::uint64_t>(count);
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

// Has the device begin to take these bytes. A hint that promises nothing: sync_descriptor() does,
// and says what went wrong in between.
inline void begin_write_back([[maybe_unused]] const Descriptor& file,
                             [[maybe_unused]] std::uint64_t offset,
                             [[maybe_unused]] std::uint64_t size) {
#if defined(SYNC_FILE_RANGE_WRITE)
  ::sync_file_range(file.number(), static_cast<off_t>(offset), static_cast<off_t>(size),
                    SYNC_FILE_RANGE_WRITE);
#endif
}

// Makes bytes durable, with `has_new_size` the size as well.
inline int sync_call(const Descriptor& file, bool has_new_size) {
#if defined(__APPLE__)
  // Here fsync leaves the bytes in the drive's cache; not every file system knows the full one.
  static_cast<void>(has_new_size);
  const int result = ::fcntl(file.number(), F_FULLFSYNC);
  const bool is_unknown = result == -1 && (errno == ENOTSUP || errno == EINVAL || errno == ENOTTY);
  return is_unknown ? ::fsync(file.number()) : result;
#else
  return has_new_size ? ::fsync(file.number()) : ::fdatasync(file.number());
#endif
}

inline Status sync_descriptor(const Descriptor& file, const std::string& path, bool has_new_size) {
  if (uninterrupted([&] { return sync_call(file, has_new_size); }) == 0) return {};
  return posix_failure(path, "sync", errno);
}

// Some file systems refuse to sync a folder (EINVAL, EBADF): they have no such thing as its names
// being durable, and nobody else can give it to them.
inline Status sync_folder(const Descriptor& folder, const std::string& path) {
  if (uninterrupted([&] { return sync_call(folder, true); }) == 0) return {};
  if (errno == EINVAL || errno == EBADF) return {};
  return posix_failure(path, "sync", errno);
}

inline std::string parent_folder(std::string_view path) {
  while (path.size() > 1 && path.back() == '/')
    path.remove_suffix(1);
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return std::string(path.substr(0, std::max<std::size_t>(slash, 1)));
}

// Allocates [0, size) without changing a byte. True, or false where the file system can not.
// glibc's posix_fallocate would then write to every page instead of saying so.
inline Result<bool> allocate(const Descriptor& file, const std::string& path, std::uint64_t size) {
  if (!fits_offset(0, size)) return posix_failure(path, "allocate", EFBIG);
#if defined(__APPLE__)
  static_cast<void>(file);
  return false;
#else
  const auto size_bytes = static_cast<off_t>(size);
  int error = EINTR;
  while (error == EINTR) {
#if defined(__linux__)
    error = ::fallocate(file.number(), 0, 0, size_bytes) == 0 ? 0 : errno;
#else
    error = ::posix_fallocate(file.number(), 0, size_bytes);
#endif
  }
  if (error == 0) return true;
  if (error == EOPNOTSUPP || error == EINVAL || error == ENOSYS) return false;
  return posix_failure(path, "allocate", error);
#endif
}

inline Status write_zeros(const Descriptor& file, const std::string& path, std::uint64_t size) {
  const std::string zeros(std::size_t{64} << 10, '\0');
  for (std::uint64_t offset = 0; offset < size; offset += zeros.size()) {
    const std::size_t count =
        static_cast<std::size_t>(std::min<std::uint64_t>(zeros.size(), size - offset));
    if (Status s = write_at(file, path, offset, std::string_view(zeros).substr(0, count)); !s.ok())
      return s;
  }
  return {};
}

inline Status Descriptor::close(const std::string& path) {
  if (!is_open()) return {};
  // An interrupted close has closed: calling again could close another thread's new file.
  if (::close(std::exchange(number_, -1)) == 0 || errno == EINTR) return {};
  return posix_failure(path, "close", errno);
}

inline MemoryMap::MemoryMap(const Descriptor& file, std::uint64_t size_bytes, int protection) {
  if (size_bytes == 0 || size_bytes > std::numeric_limits<std::size_t>::max()) return;
  const auto size = static_cast<std::size_t>(size_bytes);
  void* const address = ::mmap(nullptr, size, protection, MAP_SHARED, file.number(), 0);
  if (address == MAP_FAILED) return;
  data_ = static_cast<char*>(address);
  size_ = size;
}

inline Status MemoryMap::populate([[maybe_unused]] const std::string& path) const {
#if defined(__linux__)
  constexpr int madv_populate_read = 22;  // by number: headers may be older than the system
  ::madvise(data_, size_, MADV_WILLNEED);
  const bool is_there =
      uninterrupted([&] { return ::madvise(data_, size_, madv_populate_read); }) == 0;
  // A device or a memory that fails. What else there is the system does not know, or has no room.
  const bool is_lost = !is_there && (errno == EFAULT || errno == EHWPOISON);
  if (is_lost) return posix_failure(path, "read", EIO);
#endif
  return {};
}

// Pages go first, and in pieces: while a map goes, threads that ask the system for memory wait, as
// long as 5 ms for that of a log; for one that has no pages microseconds.
inline void MemoryMap::unmap() {
  if (data_ == nullptr) return;
#if defined(__linux__)
  for (std::size_t at = 0; at < size_; at += map_piece_bytes)
    ::madvise(data_ + at, std::min(map_piece_bytes, size_ - at), MADV_DONTNEED);
#endif
  ::munmap(data_, size_);
  data_ = nullptr;
  size_ = 0;
}

}  // namespace lsmith::detail
