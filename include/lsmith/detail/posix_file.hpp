// posix_file.hpp: the operating system's files, by POSIX calls; a helper of file.hpp alone.
//
// A log file has two ways in, which see each other's bytes at once:
//
//   offset:  0                                  capacity when opened           size now
//            | allocated, zeros or old bytes, mapped | grown by what was written |
//            '-- small, not synced: stored in the map-'
//            '-- large, synced, or beyond the map: pwrite -----------------------'
//
// A stored byte belongs to the operating system at once, as a written one does, and costs no call.
// But the first store into each page traps, which for many pages costs more than the call: 128 KiB
// in one piece take a tenth of the time when they are written. The space is allocated first: a
// store into a hole of a full device would end the process. Where the file system can not allocate,
// zeros are written instead and nothing is mapped. (A file system that copies on write can run out
// of space all the same; there the promise is only as good as its own.)
//
// Invariants
//  1. Short counts and EINTR are continued; every other failure of a write or sync is final.
//  2. A file's size is durable after sync(): fdatasync only when the size is known to be durable.
//  3. Every descriptor is closed on exec; a lock is flock's, so it is between open files and not
//     between processes, and two opens in one process exclude each other.
#pragma once

#include <lsmith/file.hpp>
#include <lsmith/hash.hpp>
#include <lsmith/mutex.hpp>

#if !defined(__wasm__)

#include <lsmith/detail/posix_calls.hpp>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#if defined(__linux__) && __has_include(<sys/random.h>)
#include <sys/random.h>
#endif

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

namespace lsmith::detail {

// What a writable file gathers before it calls the operating system. Pieces begin and end at
// multiples of it, so that the system can keep each in one large page: less work for who writes it,
// and for who reads of it.
inline constexpr std::size_t write_buffer_bytes = std::size_t{256} << 10;
// How much the device is told to begin with at a time, so that a sync at the end waits for little.
inline constexpr std::size_t write_back_bytes = std::size_t{1} << 20;
// How much of a log is read at once before it is stored into.
inline constexpr std::uint64_t ahead_bytes = std::uint64_t{256} << 10;
// From here on a piece of a log is written by a call, not stored.
inline constexpr std::size_t stored_bytes_max = 4096;
// Remembers a file's first failure. Thread-safe.
class Poison {
 public:
  // The first failure; ok when there is none.
  Status first() const;
  // Takes the outcome of a step; a failure becomes the first one unless there is one.
  Status note(Status outcome);

 private:
  std::atomic<bool> is_set_{false};
  mutable Mutex mutex_;
  Status failure_ LSMITH_GUARDED_BY(mutex_);
};

class PosixReadableFile final : public ReadableFile {
 public:
  PosixReadableFile(std::string path, Descriptor file, std::uint64_t size_bytes, bool mapped);
  Status read(std::uint64_t offset, char* buffer, std::size_t size) const override;
  std::uint64_t size_bytes() const override { return size_bytes_; }
  std::string_view mapped() const override { return {map_.data(), map_.size()}; }
  Status bring_in() const override;

 private:
  std::string path_;
  Descriptor file_;
  std::uint64_t size_bytes_;
  MemoryMap map_;
};

class PosixWritableFile final : public WritableFile {
 public:
  PosixWritableFile(std::string path, Descriptor file)
      : path_(std::move(path)), file_(std::move(file)) {}
  ~PosixWritableFile() override { PosixWritableFile::close().ignore(); }
  Status append(std::string_view bytes) override;
  Status sync() override;
  Status close() override;

 private:
  std::size_t room_bytes() const;
  Status flush();
  Status write(std::string_view bytes);

  std::string path_;
  Descriptor file_;
  std::uint64_t offset_ = 0;      // of the buffer's first byte
  std::uint64_t write_back_ = 0;  // how far the device was told to begin
  std::string buffer_;
  Status failure_;
};

class PosixLogFile final : public LogFile {
 public:
  PosixLogFile(std::string path, Descriptor file, std::uint64_t capacity_bytes, MemoryMap map)
      : path_(std::move(path)),
        file_(std::move(file)),
        map_(std::move(map)),
        capacity_bytes_(capacity_bytes) {}
  Status write(std::uint64_t offset, std::string_view bytes, bool will_sync) override;
  void warm_up(std::uint64_t write_bytes) override;
  void set_path(const std::string& path) override { path_ = path; }
  Status sync() override;
  std::uint64_t capacity_bytes() const override { return capacity_bytes_; }
  Status close() override;

 private:
  void read_ahead(std::uint64_t offset);

  std::string path_;
  Descriptor file_;
  MemoryMap map_;
  std::uint64_t capacity_bytes_;  // the writing thread's
  std::uint64_t ahead_ = 0;       // its, too: up to here the file was asked to be in memory
  std::atomic<bool> has_new_size_{true};
  Poison poison_;
};

class PosixFileLock final : public FileLock {
 public:
  explicit PosixFileLock(Descriptor file) : file_(std::move(file)) {}

 private:
  Descriptor file_;  // closing it releases the lock
};

class PosixFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<ReadableFile>> open(const std::string& path, bool mapped) override;
  Result<std::unique_ptr<WritableFile>> create(const std::string& path) override;
  Result<std::unique_ptr<LogFile>> create_log(const std::string& path,
                                              std::uint64_t capacity_bytes) override;
  Result<std::unique_ptr<LogFile>> reuse_log(const std::string& old_path,
                                             const std::string& path) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& folder) override;
  Status create_folder(const std::string& path) override;
  Status sync_dir(const std::string& folder) override;
  Result<std::unique_ptr<FileLock>> lock(const std::string& path, bool exclusive) override;
  bool exists(const std::string& path) override;
  std::uint64_t entropy() override;
};

inline MemoryMap map_log(const Descriptor& file, std::uint64_t size_bytes) {
  // Pages are not populated ahead: for 80 MiB that costs the caller 25 to 135 ms at once, and the
  // faults that it spares cost the same, spread over the stores.
  MemoryMap map(file, size_bytes, PROT_READ | PROT_WRITE);
  // Nor may a fault read ahead: what a device is told to read ahead, up to 8 MiB, would be filled
  // with zeros at once, and the store that faults takes 2 to 20 ms. read_ahead() takes less.
  if (map.data() != nullptr) ::madvise(map.data(), map.size(), MADV_RANDOM);
  return map;
}

inline Status Poison::first() const {
  // Pairs with the release in note(): whoever sees the flag sees the failure.
  if (!is_set_.load(std::memory_order_acquire)) return {};
  MutexLock lock(mutex_);
  return failure_;
}

inline Status Poison::note(Status outcome) {
  if (outcome.ok()) return first();
  MutexLock lock(mutex_);
  if (failure_.ok()) failure_ = std::move(outcome);
  is_set_.store(true, std::memory_order_release);  // pairs with the acquire in first()
  return failure_;
}

inline PosixReadableFile::PosixReadableFile(std::string path, Descriptor file,
                                            std::uint64_t size_bytes, bool mapped)
    : path_(std::move(path)),
      file_(std::move(file)),
      size_bytes_(size_bytes),
      map_(mapped ? MemoryMap(file_, size_bytes, PROT_READ) : MemoryMap()) {
  // A table is read here and there: reading ahead would only fill memory. A hint, so it may fail.
  if (map_.data() != nullptr) ::madvise(map_.data(), map_.size(), MADV_RANDOM);
}

inline Status PosixReadableFile::read(std::uint64_t offset, char* buffer, std::size_t size) const {
  const bool is_in_map = offset <= map_.size() && size <= map_.size() - offset;
  if (!is_in_map || map_.data() == nullptr) return read_at(file_, path_, offset, buffer, size);
  std::memcpy(buffer, map_.data() + static_cast<std::size_t>(offset), size);
  return {};
}

inline Status PosixReadableFile::bring_in() const {
  if (map_.data() == nullptr) return {};
  ::madvise(map_.data(), map_.size(), MADV_NORMAL);  // now reading ahead is what is wanted
  return map_.populate(path_);
}

inline Status PosixWritableFile::append(std::string_view bytes) {
  assert(file_.is_open() || !failure_.ok());
  if (!failure_.ok()) return failure_;
  for (std::size_t room = room_bytes(); bytes.size() >= room; room = room_bytes()) {
    std::size_t taken = room;
    if (buffer_.empty()) {  // then whole pieces need not be gathered
      taken = bytes.size() - (offset_ + bytes.size()) % write_buffer_bytes;
      if (Status s = write(bytes.substr(0, taken)); !s.ok()) return s;
    } else {
      buffer_.append(bytes.substr(0, taken));
      if (Status s = flush(); !s.ok()) return s;
    }
    bytes.remove_prefix(taken);
  }
  buffer_.append(bytes);
  return {};
}

// To the end of the piece.
inline std::size_t PosixWritableFile::room_bytes() const {
  return write_buffer_bytes -
         static_cast<std::size_t>((offset_ + buffer_.size()) % write_buffer_bytes);
}

inline Status PosixWritableFile::sync() {
  assert(file_.is_open() || !failure_.ok());
  if (Status s = flush(); !s.ok()) return s;
  return failure_ = sync_descriptor(file_, path_, true);
}

inline Status PosixWritableFile::close() {
  if (!file_.is_open()) return failure_;
  const Status flushed = flush();
  Status closed = file_.close(path_);
  if (flushed.ok()) failure_ = std::move(closed);
  return failure_;
}

inline Status PosixWritableFile::flush() {
  if (!failure_.ok()) return failure_;
  if (Status s = write(buffer_); !s.ok()) return s;
  buffer_.clear();
  return {};
}

inline Status PosixWritableFile::write(std::string_view bytes) {
  failure_ = write_at(file_, path_, offset_, bytes);
  if (!failure_.ok()) return failure_;
  offset_ += bytes.size();
  if (offset_ - write_back_ >= write_back_bytes) {
    begin_write_back(file_, write_back_, offset_ - write_back_);
    write_back_ = offset_;
  }
  return {};
}

inline Status PosixLogFile::write(std::uint64_t offset, std::string_view bytes, bool will_sync) {
  assert(file_.is_open());
  if (Status s = poison_.first(); !s.ok()) return s;
  const bool is_in_map = offset <= map_.size() && bytes.size() <= map_.size() - offset;
  if (is_in_map && !will_sync && !bytes.empty() && bytes.size() < stored_bytes_max) {
    if (offset >= ahead_) read_ahead(offset);
    std::memcpy(map_.data() + static_cast<std::size_t>(offset), bytes.data(), bytes.size());
    return {};
  }
  if (Status s = poison_.note(write_at(file_, path_, offset, bytes)); !s.ok()) return s;
  if (!bytes.empty() && offset + bytes.size() > capacity_bytes_) {
    capacity_bytes_ = offset + bytes.size();
    has_new_size_.store(true, std::memory_order_release);  // pairs with the exchange in sync()
  }
  return {};
}

// Reads the whole file, and so has the system hold it in memory, in pieces as large as it likes.
// Not through a map: other threads that ask the system for memory would wait. The pages are not
// touched: what is touched a sync would write. Large pieces are written, and need no page that is
// there already.
inline void PosixLogFile::warm_up(std::uint64_t write_bytes) {
  if (map_.data() == nullptr || write_bytes >= stored_bytes_max) return;
  std::string buffer(static_cast<std::size_t>(ahead_bytes), '\0');
  for (std::uint64_t at = 0; at < map_.size(); at += ahead_bytes) {
    const std::uint64_t size = std::min<std::uint64_t>(ahead_bytes, map_.size() - at);
    if (!read_at(file_, path_, at, buffer.data(), static_cast<std::size_t>(size)).ok()) return;
  }
  ::madvise(map_.data(), map_.size(), MADV_NORMAL);  // nothing is left to be read ahead
  ahead_ = map_.size();
}

// A quarter of a megabyte: half the time of a fault for each page, and no store waits long.
inline void PosixLogFile::read_ahead(std::uint64_t offset) {
  offset -= offset % ahead_bytes;
  ahead_ = offset + ahead_bytes;
#if defined(POSIX_FADV_WILLNEED)
  ::posix_fadvise(file_.number(), static_cast<off_t>(offset), static_cast<off_t>(ahead_bytes),
                  POSIX_FADV_WILLNEED);
#endif
}

inline Status PosixLogFile::sync() {
  assert(file_.is_open());
  if (Status s = poison_.first(); !s.ok()) return s;
  // Taken before the call, so that a file which grows meanwhile has its size synced by the next
  // one. Pairs with the store in write().
  const bool has_new_size = has_new_size_.exchange(false, std::memory_order_acq_rel);
#if !defined(__linux__)
  // Linux finds the stores by itself; POSIX asks that they be named.
  if (map_.data() != nullptr && ::msync(map_.data(), map_.size(), MS_SYNC) != 0) {
    return poison_.note(posix_failure(path_, "sync", errno));
  }
#endif
  return poison_.note(sync_descriptor(file_, path_, has_new_size));
}

inline Status PosixLogFile::close() {
  map_.unmap();
  return poison_.note(file_.close(path_));
}

inline Result<std::unique_ptr<ReadableFile>> PosixFileSystem::open(const std::string& path,
                                                                   bool mapped) {
  Result<Descriptor> file = open_descriptor(path, O_RDONLY);
  if (!file.ok()) return std::move(file).status();
  Result<std::uint64_t> size_bytes = size_of(*file, path);
  if (!size_bytes.ok()) return std::move(size_bytes).status();
  return std::unique_ptr<ReadableFile>(
      std::make_unique<PosixReadableFile>(path, *std::move(file), *size_bytes, mapped));
}

inline Result<std::unique_ptr<WritableFile>> PosixFileSystem::create(const std::string& path) {
  Result<Descriptor> file = open_descriptor(path, O_WRONLY | O_CREAT | O_TRUNC);
  if (!file.ok()) return std::move(file).status();
  return std::unique_ptr<WritableFile>(std::make_unique<PosixWritableFile>(path, *std::move(file)));
}

inline Result<std::unique_ptr<LogFile>> PosixFileSystem::create_log(const std::string& path,
                                                                    std::uint64_t capacity_bytes) {
  Result<Descriptor> file = open_descriptor(path, O_RDWR | O_CREAT | O_TRUNC);
  if (!file.ok()) return std::move(file).status();
  Result<bool> is_allocated = false;
  if (capacity_bytes > 0) is_allocated = allocate(*file, path, capacity_bytes);
  Status outcome = is_allocated.status();
  if (outcome.ok() && !*is_allocated) outcome = write_zeros(*file, path, capacity_bytes);
  if (!outcome.ok()) {
    ::unlink(path.c_str());  // half a log is of no use and takes the space that is missing
    return outcome;
  }
  MemoryMap map = *is_allocated ? map_log(*file, capacity_bytes) : MemoryMap();
  return std::unique_ptr<LogFile>(
      std::make_unique<PosixLogFile>(path, *std::move(file), capacity_bytes, std::move(map)));
}

inline Result<std::unique_ptr<LogFile>> PosixFileSystem::reuse_log(const std::string& old_path,
                                                                   const std::string& path) {
  Result<Descriptor> file = open_descriptor(old_path, O_RDWR);
  if (!file.ok()) return std::move(file).status();
  Result<std::uint64_t> size_bytes = size_of(*file, old_path);
  if (!size_bytes.ok()) return std::move(size_bytes).status();
  // Fills what may be a hole; the bytes stay.
  Result<bool> is_allocated = false;
  if (*size_bytes > 0) is_allocated = allocate(*file, old_path, *size_bytes);
  if (!is_allocated.ok()) return std::move(is_allocated).status();
  MemoryMap map = *is_allocated ? map_log(*file, *size_bytes) : MemoryMap();
  if (Status s = rename(old_path, path); !s.ok()) return s;
  return std::unique_ptr<LogFile>(
      std::make_unique<PosixLogFile>(path, *std::move(file), *size_bytes, std::move(map)));
}

inline Status PosixFileSystem::rename(const std::string& from, const std::string& to) {
  if (std::rename(from.c_str(), to.c_str()) == 0) return {};
  return posix_failure(from, "rename to " + to, errno);
}

inline Status PosixFileSystem::remove(const std::string& path) {
  if (::unlink(path.c_str()) == 0) return {};
  return posix_failure(path, "remove", errno);
}

inline Result<std::vector<std::string>> PosixFileSystem::list(const std::string& folder) {
  DIR* const stream = ::opendir(folder.c_str());
  if (stream == nullptr) return posix_failure(folder, "list", errno);
  std::vector<std::string> names;
  errno = 0;  // readdir tells an error from the end only by it
  while (const dirent* entry = ::readdir(stream)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
    errno = 0;
  }
  const int error = errno;
  ::closedir(stream);
  if (error != 0) return posix_failure(folder, "list", error);
  return names;
}

inline Status PosixFileSystem::create_folder(const std::string& path) {
  const bool is_new = ::mkdir(path.c_str(), 0777) == 0;
  if (!is_new) {
    const int error = errno;
    struct stat about;
    const bool is_folder = ::stat(path.c_str(), &about) == 0 && S_ISDIR(about.st_mode);
    if (error != EEXIST || !is_folder) return posix_failure(path, "create folder", error);
  }
  const std::string parent = parent_folder(path);
  Result<Descriptor> folder = open_descriptor(parent, O_RDONLY | O_DIRECTORY);
  // One that exists may have lost its maker before this sync; but not every parent can be opened.
  if (!folder.ok()) return is_new ? std::move(folder).status() : Status();
  return sync_folder(*folder, parent);
}

inline Status PosixFileSystem::sync_dir(const std::string& folder) {
  Result<Descriptor> file = open_descriptor(folder, O_RDONLY | O_DIRECTORY);
  if (!file.ok()) return std::move(file).status();
  return sync_folder(*file, folder);
}

inline Result<std::unique_ptr<FileLock>> PosixFileSystem::lock(const std::string& path,
                                                               bool exclusive) {
  Result<Descriptor> file = open_descriptor(path, exclusive ? O_RDWR | O_CREAT : O_RDONLY);
  if (!file.ok()) return std::move(file).status();
  const int act = (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB;
  if (uninterrupted([&] { return ::flock(file->number(), act); }) != 0) {
    if (errno != EWOULDBLOCK) return posix_failure(path, "lock", errno);
    return Status(Code::busy, path + ": the lock is held by someone else");
  }
  return std::unique_ptr<FileLock>(std::make_unique<PosixFileLock>(*std::move(file)));
}

inline bool PosixFileSystem::exists(const std::string& path) {
  struct stat about;
  return ::stat(path.c_str(), &about) == 0;
}

// The kernel's random bytes when it has them without waiting; else what tells one call from
// another.
inline std::uint64_t PosixFileSystem::entropy() {
  char bytes[8];
#if defined(__linux__) && __has_include(<sys/random.h>)
  const bool is_filled = ::getrandom(bytes, sizeof(bytes), GRND_NONBLOCK) == sizeof(bytes);
  if (is_filled) return load_little_64(bytes);
#endif
  if (Result<Descriptor> device = open_descriptor("/dev/urandom", O_RDONLY | O_NONBLOCK);
      device.ok()) {
    const auto count =
        uninterrupted([&] { return ::read(device->number(), bytes, sizeof(bytes)); });
    if (count == sizeof(bytes)) return load_little_64(bytes);
  }
  static std::atomic<std::uint64_t> call_count{0};
  struct timespec now = {};
  ::clock_gettime(CLOCK_REALTIME, &now);
  // Relaxed: only that no two calls get the same number matters.
  const std::uint64_t call = call_count.fetch_add(1, std::memory_order_relaxed);
  return hash_bytes(std::to_string(now.tv_sec) + "." + std::to_string(now.tv_nsec) + " " +
                    std::to_string(::getpid()) + " " + std::to_string(call));
}

}  // namespace lsmith::detail

namespace lsmith {

inline FileSystem& posix_file_system() {
  static detail::PosixFileSystem files;
  return files;
}

}  // namespace lsmith

#endif
