// file.hpp: the only header that speaks to the operating system.
//
// A FileSystem is files by path, with the durability rules of the strictest real file system said
// out loud: sync() makes a file's bytes and size durable, but not its name; sync_dir() makes the
// names in a folder durable. What was written but not synced survives a killed process, not a power
// cut.
//
// Three kinds of file, by use:
//   ReadableFile   positioned reads, many threads                  tables
//   WritableFile   appended once, synced, closed                   tables, CURRENT.tmp
//   LogFile        stores at offsets into space allocated ahead    logs, manifests
//
// Every failure names the path and the operating system's reason. ENOSPC and EDQUOT are
// Code::no_space; a missing file is Code::not_found; the rest is Code::io_error. A file whose write
// or sync failed is poisoned: what reached the disk is unknown, and a second sync would call it
// good.
#pragma once

#include <lsmith/status.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace lsmith {

/// A file open for reading. Thread-safe.
class ReadableFile {
 public:
  virtual ~ReadableFile() = default;
  /// Fills buffer[0, size) from `offset`. An end of file before that is Code::corruption with the
  /// offset: every caller knows how much there must be.
  virtual Status read(std::uint64_t offset, char* buffer, std::size_t size) const = 0;
  /// Size in bytes when it was opened.
  virtual std::uint64_t size_bytes() const = 0;
  /// The whole file in memory when it was opened mapped, else empty. Lives as long as this object.
  virtual std::string_view mapped() const { return {}; }
  /// All of it will be looked at now, from front to back: what is mapped comes into memory, as far
  /// as the system can do that. An error of the device is then found here, and ends no process.
  virtual Status bring_in() const { return {}; }
};

/// A new file that is written from front to back. One thread at a time.
class WritableFile {
 public:
  /// Closes the file; errors of an implicit close are lost, so call close().
  virtual ~WritableFile() = default;
  /// Appends the bytes, all or an error. They are buffered: the operating system has them after
  /// sync() or close(). A failure poisons the file, as one of sync() does.
  virtual Status append(std::string_view bytes) = 0;
  /// Makes bytes and size durable. After a failure the file is poisoned: every later call fails
  /// with the same reason, and nothing is tried again.
  virtual Status sync() = 0;
  virtual Status close() = 0;
};

/// A file that is written at offsets, in space allocated ahead. One thread at a time, but sync()
/// may run beside write() of another thread; it then covers at least the writes that returned
/// before it began.
class LogFile {
 public:
  virtual ~LogFile() = default;
  /// Stores bytes at `offset`. When it returns they survive a killed process. `will_sync` says that
  /// sync() follows at once, which decides how to write: a mapped store costs 40 ns but makes the
  /// sync dearer, a write call the reverse. Beyond capacity_bytes() the file grows. A failure
  /// poisons the file, as one of sync() does.
  virtual Status write(std::uint64_t offset, std::string_view bytes, bool will_sync) = 0;
  /// A hint: nothing is written yet, and there is time, as much as 100 ms, to make cheap what will
  /// come: writes of about `write_bytes` each, that are not synced.
  virtual void warm_up(std::uint64_t /*write_bytes*/) {}
  /// The file was renamed by FileSystem::rename: failures name this path from now on. Nothing is
  /// written yet.
  virtual void set_path(const std::string&) {}
  /// Makes all earlier writes durable. After a failure the file is poisoned, as WritableFile is.
  virtual Status sync() = 0;
  /// Bytes that can be stored without growing the file.
  virtual std::uint64_t capacity_bytes() const = 0;
  virtual Status close() = 0;
};

/// Holds a folder's lock until it is destroyed (or the process dies).
class FileLock {
 public:
  virtual ~FileLock() = default;
};

/// Files by path. Thread-safe. Paths use '/'.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  /// Opens for reading; `mapped` asks for a memory map, which may be declined.
  virtual Result<std::unique_ptr<ReadableFile>> open(const std::string& path, bool mapped) = 0;
  /// Creates an empty file; one that exists is emptied.
  virtual Result<std::unique_ptr<WritableFile>> create(const std::string& path) = 0;
  /// Creates a log file of `capacity_bytes` zeros (0: it grows as it is written); one that exists
  /// is emptied first. The space is really allocated, so that a later write can not run out of it.
  virtual Result<std::unique_ptr<LogFile>> create_log(const std::string& path,
                                                      std::uint64_t capacity_bytes) = 0;
  /// Renames `old_path` to `path` and opens it as a log file, old bytes and capacity kept.
  virtual Result<std::unique_ptr<LogFile>> reuse_log(const std::string& old_path,
                                                     const std::string& path) = 0;
  /// Replaces `to` when it exists. Atomic; durable after sync_dir.
  virtual Status rename(const std::string& from, const std::string& to) = 0;
  virtual Status remove(const std::string& path) = 0;
  /// The names in a folder, unordered, without "." and "..".
  virtual Result<std::vector<std::string>> list(const std::string& folder) = 0;
  /// Creates the folder (not its parents) and makes its name durable; one that exists is fine.
  virtual Status create_folder(const std::string& path) = 0;
  /// Makes creations, renames and removals in the folder durable.
  virtual Status sync_dir(const std::string& folder) = 0;
  /// Takes the lock file at `path`: exclusive (created if absent), or shared (must exist). Held by
  /// someone else, in this process or another: Code::busy.
  virtual Result<std::unique_ptr<FileLock>> lock(const std::string& path, bool exclusive) = 0;
  virtual bool exists(const std::string& path) = 0;
  /// 64 bits that no other call on any machine is expected to return; for table and database ids.
  virtual std::uint64_t entropy() = 0;
};

/// The whole content of a file.
Result<std::string> read_file(FileSystem& files, const std::string& path);

/// The whole content of a file that is large and may end in a long run of zeros, as a log does that
/// was allocated ahead. It is the system's own memory when it is mapped; else a copy, in which the
/// zeros take no memory where the system can do that, until they are looked at. Move-only.
class LargeFile {
 public:
  /// `mapped` asks for a memory map, which may be declined.
  static Result<LargeFile> read(FileSystem& files, const std::string& path, bool mapped);
  /// Lives as long as this object.
  std::string_view bytes() const { return bytes_; }
  /// The same up to some place behind which all is zero, and which is not far behind what is not.
  std::string_view front() const { return bytes_.substr(0, front_size_); }
  static bool are_zeros(std::string_view bytes);

 private:
  struct Free {
    void operator()(char* bytes) const { std::free(bytes); }
  };
  static constexpr std::size_t piece_bytes = std::size_t{256} << 10;

  Status show(std::unique_ptr<ReadableFile> file);
  bool allocate(std::uint64_t size_bytes);
  Status fill(const ReadableFile& file);

  std::unique_ptr<ReadableFile> file_;  // when it is mapped, else null
  std::unique_ptr<char, Free> copy_;    // when it is not
  std::string_view bytes_;              // of either
  std::size_t front_size_ = 0;
};

/// The operating system's files. Lives as long as the program.
FileSystem& posix_file_system();

/// Files in memory: for tests, for the browser, and for a store that need not outlive its process.
/// Deterministic: entropy() is a counter mixed with `seed`. Open handles survive remove and rename,
/// as on POSIX.
std::unique_ptr<FileSystem> make_memory_file_system(std::uint64_t seed = 0);

inline Result<std::string> read_file(FileSystem& files, const std::string& path) {
  Result<std::unique_ptr<ReadableFile>> file = files.open(path, false);
  if (!file.ok()) return std::move(file).status();
  const std::uint64_t size_bytes = (*file)->size_bytes();
  std::string content;
  if (size_bytes > content.max_size()) {
    return Status(Code::not_supported, path + ": too large to be read into memory");
  }
  content.resize(static_cast<std::size_t>(size_bytes));
  if (Status s = (*file)->read(0, content.data(), content.size()); !s.ok()) return s;
  return content;
}

}  // namespace lsmith

#include <lsmith/detail/large_file.hpp>
#include <lsmith/detail/memory_file.hpp>
#include <lsmith/detail/posix_file.hpp>
