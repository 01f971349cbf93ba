// memory_file.hpp: the file system in memory; a helper of file.hpp alone.
//
// A map from paths to inodes. A handle shares its inode, so it outlives the name:
//
//   names:   "db" -> (folder)     "db/CURRENT" -> inode     "db/000007.log" -> inode <- open
//   LogFile
//
// Paths are text: slashes at either end are dropped, so "" and "/" are the root and "/db" is "db";
// nothing else is resolved. An inode stores its bytes up to the last one written and counts the
// zeros behind them, so a log that was allocated ahead costs only what is in it.
//
// Locks: the table of names has one mutex, each inode its own, taken in that order.
#pragma once

#include <lsmith/file.hpp>
#include <lsmith/mutex.hpp>

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

namespace lsmith::detail {

// The bytes of a file, and its lock. Thread-safe.
class MemoryInode {
 public:
  std::uint64_t size_bytes() const;
  // Drops the content for `size_bytes` zeros.
  void reset(std::uint64_t size_bytes);
  Status read(const std::string& path, std::uint64_t offset, char* buffer, std::size_t size) const;
  Status write(const std::string& path, std::uint64_t offset, std::string_view bytes);
  bool try_lock(bool exclusive);
  void unlock();

 private:
  mutable Mutex mutex_;
  std::string front_ LSMITH_GUARDED_BY(mutex_);  // from here to the size there are zeros
  std::uint64_t size_bytes_ LSMITH_GUARDED_BY(mutex_) = 0;
  int holder_count_ LSMITH_GUARDED_BY(mutex_) = 0;  // of the lock
  bool is_exclusive_ LSMITH_GUARDED_BY(mutex_) = false;
};

using MemoryInodePointer = std::shared_ptr<MemoryInode>;

class MemoryReadableFile final : public ReadableFile {
 public:
  MemoryReadableFile(std::string path, MemoryInodePointer inode)
      : path_(std::move(path)), inode_(std::move(inode)), size_bytes_(inode_->size_bytes()) {}
  Status read(std::uint64_t offset, char* buffer, std::size_t size) const override {
    return inode_->read(path_, offset, buffer, size);
  }
  std::uint64_t size_bytes() const override { return size_bytes_; }

 private:
  std::string path_;
  MemoryInodePointer inode_;
  std::uint64_t size_bytes_;
};

class MemoryWritableFile final : public WritableFile {
 public:
  MemoryWritableFile(std::string path, MemoryInodePointer inode)
      : path_(std::move(path)), inode_(std::move(inode)) {}
  Status append(std::string_view bytes) override {
    assert(!is_closed_);
    if (failure_.ok()) failure_ = inode_->write(path_, offset_, bytes);
    if (failure_.ok()) offset_ += bytes.size();
    return failure_;
  }
  Status sync() override {
    assert(!is_closed_);
    return failure_;
  }
  Status close() override {
    is_closed_ = true;
    return failure_;
  }

 private:
  std::string path_;
  MemoryInodePointer inode_;
  std::uint64_t offset_ = 0;
  bool is_closed_ = false;
  Status failure_;
};

class MemoryLogFile final : public LogFile {
 public:
  MemoryLogFile(std::string path, MemoryInodePointer inode)
      : path_(std::move(path)), inode_(std::move(inode)) {}
  Status write(std::uint64_t offset, std::string_view bytes, bool) override;
  void set_path(const std::string& path) override;
  Status sync() override;
  std::uint64_t capacity_bytes() const override { return inode_->size_bytes(); }
  Status close() override;

 private:
  std::string path_;
  MemoryInodePointer inode_;
  Mutex mutex_;  // sync() may run beside write()
  bool is_closed_ LSMITH_GUARDED_BY(mutex_) = false;
  Status failure_ LSMITH_GUARDED_BY(mutex_);
};

class MemoryFileLock final : public FileLock {
 public:
  explicit MemoryFileLock(MemoryInodePointer inode) : inode_(std::move(inode)) {}
  ~MemoryFileLock() override { inode_->unlock(); }

 private:
  MemoryInodePointer inode_;
};

class MemoryFileSystem final : public FileSystem {
 public:
  explicit MemoryFileSystem(std::uint64_t seed) : seed_(seed) {}
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

 private:
  // The folder exists, or why it does not.
  Status check_folder(const std::string& folder) const LSMITH_REQUIRES(mutex_);
  Result<MemoryInodePointer> find(const std::string& path) const LSMITH_REQUIRES(mutex_);
  Result<MemoryInodePointer> find_or_create(const std::string& path) LSMITH_REQUIRES(mutex_);
  Status move(const std::string& from, const std::string& to) LSMITH_REQUIRES(mutex_);

  const std::uint64_t seed_;
  Mutex mutex_;
  std::map<std::string, MemoryInodePointer> names_ LSMITH_GUARDED_BY(mutex_);  // null: a folder
  std::uint64_t entropy_count_ LSMITH_GUARDED_BY(mutex_) = 0;
};

// The key of a path in the map of names.
inline std::string memory_name(std::string_view path) {
  while (!path.empty() && path.front() == '/')
    path.remove_prefix(1);
  while (!path.empty() && path.back() == '/')
    path.remove_suffix(1);
  return std::string(path);
}

inline std::string memory_parent(std::string_view name) {
  const std::size_t slash = name.rfind('/');
  return slash == std::string_view::npos ? std::string() : memory_name(name.substr(0, slash));
}

inline Status memory_failure(Code code, std::string_view path, std::string_view reason) {
  return Status(code, std::string(path) + ": " + std::string(reason));
}

inline std::uint64_t MemoryInode::size_bytes() const {
  MutexLock lock(mutex_);
  return size_bytes_;
}

inline void MemoryInode::reset(std::uint64_t size_bytes) {
  MutexLock lock(mutex_);
  front_.clear();
  size_bytes_ = size_bytes;
}

inline Status MemoryInode::read(const std::string& path, std::uint64_t offset, char* buffer,
                                std::size_t size) const {
  MutexLock lock(mutex_);
  if (offset > size_bytes_ || size > size_bytes_ - offset) {
    return memory_failure(Code::corruption, path,
                          "the file ends at byte " + std::to_string(size_bytes_) + ", but " +
                              std::to_string(size) + " bytes were wanted at offset " +
                              std::to_string(offset));
  }
  std::size_t stored = 0;
  if (offset < front_.size()) stored = front_.copy(buffer, size, static_cast<std::size_t>(offset));
  std::fill_n(buffer + stored, size - stored, '\0');
  return {};
}

inline Status MemoryInode::write(const std::string& path, std::uint64_t offset,
                                 std::string_view bytes) {
  if (bytes.empty()) return {};
  MutexLock lock(mutex_);
  const std::uint64_t end_max = front_.max_size();
  if (offset > end_max || bytes.size() > end_max - offset) {
    return memory_failure(Code::no_space, path, "the file would not fit into memory");
  }
  const auto begin = static_cast<std::size_t>(offset);
  if (begin + bytes.size() > front_.size()) front_.resize(begin + bytes.size());
  std::memcpy(front_.data() + begin, bytes.data(), bytes.size());
  size_bytes_ = std::max<std::uint64_t>(size_bytes_, front_.size());
  return {};
}

inline bool MemoryInode::try_lock(bool exclusive) {
  MutexLock lock(mutex_);
  if (holder_count_ > 0 && (exclusive || is_exclusive_)) return false;
  holder_count_ += 1;
  is_exclusive_ = exclusive;
  return true;
}

inline void MemoryInode::unlock() {
  MutexLock lock(mutex_);
  assert(holder_count_ > 0);
  holder_count_ -= 1;
}

inline Status MemoryLogFile::write(std::uint64_t offset, std::string_view bytes, bool) {
  MutexLock lock(mutex_);
  assert(!is_closed_);
  if (failure_.ok()) failure_ = inode_->write(path_, offset, bytes);
  return failure_;
}

inline void MemoryLogFile::set_path(const std::string& path) {
  MutexLock lock(mutex_);
  path_ = path;
}

inline Status MemoryLogFile::sync() {
  MutexLock lock(mutex_);
  assert(!is_closed_);
  return failure_;
}

inline Status MemoryLogFile::close() {
  MutexLock lock(mutex_);
  is_closed_ = true;
  return failure_;
}

inline Result<std::unique_ptr<ReadableFile>> MemoryFileSystem::open(const std::string& path, bool) {
  MutexLock lock(mutex_);
  Result<MemoryInodePointer> inode = find(path);
  if (!inode.ok()) return std::move(inode).status();
  return std::unique_ptr<ReadableFile>(std::make_unique<MemoryReadableFile>(path, *inode));
}

inline Result<std::unique_ptr<WritableFile>> MemoryFileSystem::create(const std::string& path) {
  MutexLock lock(mutex_);
  Result<MemoryInodePointer> inode = find_or_create(path);
  if (!inode.ok()) return std::move(inode).status();
  (*inode)->reset(0);
  return std::unique_ptr<WritableFile>(std::make_unique<MemoryWritableFile>(path, *inode));
}

inline Result<std::unique_ptr<LogFile>> MemoryFileSystem::create_log(const std::string& path,
                                                                     std::uint64_t capacity_bytes) {
  MutexLock lock(mutex_);
  Result<MemoryInodePointer> inode = find_or_create(path);
  if (!inode.ok()) return std::move(inode).status();
  (*inode)->reset(capacity_bytes);
  return std::unique_ptr<LogFile>(std::make_unique<MemoryLogFile>(path, *inode));
}

inline Result<std::unique_ptr<LogFile>> MemoryFileSystem::reuse_log(const std::string& old_path,
                                                                    const std::string& path) {
  MutexLock lock(mutex_);
  if (Status s = move(old_path, path); !s.ok()) return s;
  return std::unique_ptr<LogFile>(
      std::make_unique<MemoryLogFile>(path, names_.find(memory_name(path))->second));
}

inline Status MemoryFileSystem::rename(const std::string& from, const std::string& to) {
  MutexLock lock(mutex_);
  return move(from, to);
}

inline Status MemoryFileSystem::remove(const std::string& path) {
  MutexLock lock(mutex_);
  if (Result<MemoryInodePointer> inode = find(path); !inode.ok()) return std::move(inode).status();
  names_.erase(memory_name(path));
  return {};
}

inline Result<std::vector<std::string>> MemoryFileSystem::list(const std::string& folder) {
  MutexLock lock(mutex_);
  if (Status s = check_folder(folder); !s.ok()) return s;
  const std::string name = memory_name(folder);
  const std::string prefix = name.empty() ? name : name + "/";
  std::vector<std::string> names;
  for (auto at = names_.lower_bound(prefix); at != names_.end(); ++at) {
    if (!std::string_view(at->first).starts_with(prefix)) break;
    if (memory_parent(at->first) == name) names.push_back(at->first.substr(prefix.size()));
  }
  return names;
}

inline Status MemoryFileSystem::create_folder(const std::string& path) {
  MutexLock lock(mutex_);
  const std::string name = memory_name(path);
  if (name.empty()) return {};
  if (Status s = check_folder(memory_parent(name)); !s.ok()) return std::move(s).in(path);
  const auto [at, is_new] = names_.try_emplace(name);
  if (!is_new && at->second != nullptr) {
    return memory_failure(Code::io_error, path, "exists and is not a folder");
  }
  return {};
}

inline Status MemoryFileSystem::sync_dir(const std::string& folder) {
  MutexLock lock(mutex_);
  return check_folder(folder);
}

inline Result<std::unique_ptr<FileLock>> MemoryFileSystem::lock(const std::string& path,
                                                                bool exclusive) {
  MutexLock lock(mutex_);
  Result<MemoryInodePointer> inode = exclusive ? find_or_create(path) : find(path);
  if (!inode.ok()) return std::move(inode).status();
  if (!(*inode)->try_lock(exclusive)) {
    return memory_failure(Code::busy, path, "the lock is held by someone else");
  }
  return std::unique_ptr<FileLock>(std::make_unique<MemoryFileLock>(*inode));
}

inline bool MemoryFileSystem::exists(const std::string& path) {
  MutexLock lock(mutex_);
  const std::string name = memory_name(path);
  return name.empty() || names_.find(name) != names_.end();
}

// Two rounds of a bijective mixer, so that neighbouring seeds do not give neighbouring streams.
inline std::uint64_t MemoryFileSystem::entropy() {
  const auto mix = [](std::uint64_t x) {
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
  };
  MutexLock lock(mutex_);
  entropy_count_ += 1;
  return mix(mix(seed_ + 0x9E3779B97F4A7C15u) + entropy_count_);
}

inline Status MemoryFileSystem::check_folder(const std::string& folder) const {
  const std::string name = memory_name(folder);
  if (name.empty()) return {};
  const auto at = names_.find(name);
  if (at == names_.end()) return memory_failure(Code::not_found, folder, "no such folder");
  if (at->second != nullptr) return memory_failure(Code::io_error, folder, "is not a folder");
  return {};
}

inline Result<MemoryInodePointer> MemoryFileSystem::find(const std::string& path) const {
  const std::string name = memory_name(path);
  if (name.empty()) return memory_failure(Code::io_error, path, "is a folder");
  const auto at = names_.find(name);
  if (at == names_.end()) return memory_failure(Code::not_found, path, "no such file");
  if (at->second == nullptr) return memory_failure(Code::io_error, path, "is a folder");
  return at->second;
}

inline Result<MemoryInodePointer> MemoryFileSystem::find_or_create(const std::string& path) {
  Result<MemoryInodePointer> inode = find(path);
  if (inode.ok() || inode.status().code() != Code::not_found) return inode;
  const std::string name = memory_name(path);
  if (Status s = check_folder(memory_parent(name)); !s.ok()) return std::move(s).in(path);
  return names_[name] = std::make_shared<MemoryInode>();
}

inline Status MemoryFileSystem::move(const std::string& from, const std::string& to) {
  Result<MemoryInodePointer> inode = find(from);
  if (!inode.ok()) return std::move(inode).status();
  if (Result<MemoryInodePointer> place = find_or_create(to); !place.ok()) {
    return std::move(place).status();
  }
  if (memory_name(from) == memory_name(to)) return {};
  names_[memory_name(to)] = *std::move(inode);
  names_.erase(memory_name(from));
  return {};
}

}  // namespace lsmith::detail

namespace lsmith {

inline std::unique_ptr<FileSystem> make_memory_file_system(std::uint64_t seed) {
  return std::make_unique<detail::MemoryFileSystem>(seed);
}

}  // namespace lsmith
