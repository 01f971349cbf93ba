// faulty_files.hpp: files in memory that fail on demand, and that know what a crash would leave.
//
//   after_kill()        what stands in the files now: the process died, the machine did not
//   after_power_cut()   only what was promised: bytes by sync(), names by sync_dir()
//
// Either comes as an Image, from which new files can be made, whole or damaged. A call that is told
// to fail does half of its work if it is a write, and nothing otherwise; the file is then poisoned,
// as the contract of file.hpp says. `on_change` runs after every call that changed something,
// without a lock. Calls may come from several threads, but not to one file.
#pragma once

#include <lsmith/file.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace engine_test {

using lsmith::Result;
using lsmith::Status;
using Image = std::map<std::string, std::string>;  // path, bytes

enum class Call {
  open,
  read,
  create,
  append,
  sync,
  close,
  create_log,
  log_write,
  log_sync,
  log_close,
  reuse_log,
  rename,
  remove,
  list,
  create_folder,
  sync_dir,
  lock,
  count,
};

inline const char* name_of(Call call) {
  static constexpr const char* names[] = {
      "open",       "read",      "create",        "append",    "sync",      "close",
      "create_log", "log_write", "log_sync",      "log_close", "reuse_log", "rename",
      "remove",     "list",      "create_folder", "sync_dir",  "lock"};
  return names[static_cast<std::size_t>(call)];
}

class FaultyFiles final : public lsmith::FileSystem {
 public:
  // Files that hold the image, durably.
  explicit FaultyFiles(const Image& image = {}) {
    for (const auto& [path, bytes] : image) {
      for (std::size_t slash = path.find('/', 1); slash != path.npos;
           slash = path.find('/', slash + 1))
        inner_->create_folder(path.substr(0, slash)).ignore();
      auto file = inner_->create(path);
      if (file.ok()) (*file)->append(bytes).ignore();
      names_[path] = durable_names_[path] = std::make_shared<Node>(Node{bytes, bytes});
    }
  }

  // The n-th call of this kind from now on fails (1: the next), and with `for_ever` all after it.
  void fail(Call call, std::uint64_t n, bool for_ever) {
    std::lock_guard lock(mutex_);
    failing_ = call;
    fails_at_ = counts_[static_cast<std::size_t>(call)] + n;
    fails_for_ever_ = for_ever;
  }
  void heal() {
    std::lock_guard lock(mutex_);
    fails_at_ = 0;
  }
  bool has_failed() const {
    std::lock_guard lock(mutex_);
    return has_failed_;
  }
  std::uint64_t count(Call call) const {
    std::lock_guard lock(mutex_);
    return counts_[static_cast<std::size_t>(call)];
  }
  // Paths of the calls so far that created or opened a file.
  std::vector<std::string> opened() const {
    std::lock_guard lock(mutex_);
    return opened_;
  }
  Image after_kill() const { return image(names_, &Node::now); }
  Image after_power_cut() const { return image(durable_names_, &Node::durable); }

  std::function<void(Call, const std::string& path)> on_change;
  bool lists_backwards = false;  // list() promises no order

  // ---- FileSystem ----
  Result<std::unique_ptr<lsmith::ReadableFile>> open(const std::string& path, bool mapped) override;
  Result<std::unique_ptr<lsmith::WritableFile>> create(const std::string& path) override;
  Result<std::unique_ptr<lsmith::LogFile>> create_log(const std::string& path,
                                                      std::uint64_t capacity) override;
  Result<std::unique_ptr<lsmith::LogFile>> reuse_log(const std::string& old_path,
                                                     const std::string& path) override;
  Status rename(const std::string& from, const std::string& to) override {
    return change(
        Call::rename, from, [&] { return inner_->rename(from, to); }, [&] { move_name(from, to); });
  }
  Status remove(const std::string& path) override {
    return change(
        Call::remove, path, [&] { return inner_->remove(path); }, [&] { names_.erase(path); });
  }
  Result<std::vector<std::string>> list(const std::string& folder) override {
    if (auto s = enter(Call::list, folder); !s.ok()) return s;
    auto names = inner_->list(folder);
    if (names.ok() && lists_backwards) std::reverse(names->begin(), names->end());
    return names;
  }
  Status create_folder(const std::string& path) override {
    if (auto s = enter(Call::create_folder, path); !s.ok()) return s;
    return inner_->create_folder(path);
  }
  Status sync_dir(const std::string& folder) override {
    return change(
        Call::sync_dir, folder, [&] { return inner_->sync_dir(folder); },
        [&] {
          std::erase_if(durable_names_,
                        [&](const auto& name) { return is_in(name.first, folder); });
          for (const auto& name : names_)
            if (is_in(name.first, folder)) durable_names_.insert(name);
        });
  }
  Result<std::unique_ptr<lsmith::FileLock>> lock(const std::string& path, bool exclusive) override {
    if (auto s = enter(Call::lock, path); !s.ok()) return s;
    auto lock = inner_->lock(path, exclusive);
    if (lock.ok()) node_at(path);  // it may be new
    return lock;
  }
  bool exists(const std::string& path) override { return inner_->exists(path); }
  std::uint64_t entropy() override { return inner_->entropy(); }

 private:
  struct Node {
    std::string now;
    std::string durable;
  };
  using Names = std::map<std::string, std::shared_ptr<Node>>;

  // What the three kinds of file share: where they belong, and the first failure.
  template <class File>
  struct Handle : File {
    Handle(FaultyFiles& owner, std::string path, std::unique_ptr<File> inner,
           std::shared_ptr<Node> node)
        : owner(owner), path(std::move(path)), inner(std::move(inner)), node(std::move(node)) {}
    // Half of the bytes arrive when the write is told to fail.
    Status write_at(Call call, std::uint64_t offset, std::string_view bytes,
                    const std::function<Status(std::string_view)>& write) {
      if (!failure.ok()) return failure;
      failure = owner.enter(call, path);
      const std::string_view part = failure.ok() ? bytes : bytes.substr(0, bytes.size() / 2);
      if (auto s = write(part); failure.ok()) failure = std::move(s);
      owner.changed(call, path, [&] {
        const auto at = static_cast<std::size_t>(offset);
        if (node->now.size() < at + part.size()) node->now.resize(at + part.size());
        std::copy(part.begin(), part.end(), node->now.begin() + static_cast<std::ptrdiff_t>(at));
      });
      return failure;
    }
    Status sync_as(Call call) {
      if (!failure.ok()) return failure;
      failure = owner.enter(call, path);
      if (failure.ok()) failure = inner->sync();
      if (failure.ok()) owner.changed(call, path, [&] { node->durable = node->now; });
      return failure;
    }
    Status close_as(Call call) {
      if (failure.ok()) failure = owner.enter(call, path);
      auto s = inner->close();
      return failure.ok() ? s : failure;
    }
    FaultyFiles& owner;
    const std::string path;
    const std::unique_ptr<File> inner;
    const std::shared_ptr<Node> node;
    Status failure;
  };
  struct Writable final : Handle<lsmith::WritableFile> {
    using Handle::Handle;
    Status append(std::string_view bytes) override {
      return write_at(Call::append, node->now.size(), bytes,
                      [&](std::string_view part) { return inner->append(part); });
    }
    Status sync() override { return sync_as(Call::sync); }
    Status close() override { return close_as(Call::close); }
  };
  struct Log final : Handle<lsmith::LogFile> {
    using Handle::Handle;
    Status write(std::uint64_t offset, std::string_view bytes, bool will_sync) override {
      return write_at(Call::log_write, offset, bytes,
                      [&](std::string_view part) { return inner->write(offset, part, will_sync); });
    }
    Status sync() override { return sync_as(Call::log_sync); }
    std::uint64_t capacity_bytes() const override { return inner->capacity_bytes(); }
    Status close() override { return close_as(Call::log_close); }
  };
  struct Readable final : lsmith::ReadableFile {
    Readable(FaultyFiles& owner, std::string path, std::unique_ptr<lsmith::ReadableFile> inner)
        : owner(owner), path(std::move(path)), inner(std::move(inner)) {}
    Status read(std::uint64_t offset, char* buffer, std::size_t size) const override {
      if (auto s = owner.enter(Call::read, path); !s.ok()) return s;
      return inner->read(offset, buffer, size);
    }
    std::uint64_t size_bytes() const override { return inner->size_bytes(); }
    FaultyFiles& owner;
    const std::string path;
    const std::unique_ptr<lsmith::ReadableFile> inner;
  };

  static bool is_in(const std::string& path, const std::string& folder) {
    return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
  }

  // Counts the call; says whether it is one that fails.
  Status enter(Call call, const std::string& path) {
    std::lock_guard lock(mutex_);
    const std::uint64_t n = ++counts_[static_cast<std::size_t>(call)];
    if (call == Call::open || call == Call::create) opened_.push_back(path);
    if (fails_at_ == 0 || call != failing_) return {};
    if (n < fails_at_ || (n > fails_at_ && !fails_for_ever_)) return {};
    has_failed_ = true;
    return Status(lsmith::Code::io_error, path + ": " + name_of(call) + " was told to fail");
  }
  template <class Act>
  void changed(Call call, const std::string& path, Act act) {
    {
      std::lock_guard lock(mutex_);
      act();
    }
    if (on_change) on_change(call, path);
  }
  template <class Do, class Note>
  Status change(Call call, const std::string& path, Do act, Note note) {
    if (auto s = enter(call, path); !s.ok()) return s;
    if (auto s = act(); !s.ok()) return s;
    changed(call, path, note);
    return {};
  }
  void move_name(const std::string& from, const std::string& to) {
    names_[to] = names_.at(from);
    if (from != to) names_.erase(from);
  }
  std::shared_ptr<Node> node_at(const std::string& path) {
    std::lock_guard lock(mutex_);
    std::shared_ptr<Node>& node = names_[path];
    if (!node) node = std::make_shared<Node>();
    return node;
  }
  Image image(const Names& names, std::string Node::*bytes) const {
    std::lock_guard lock(mutex_);
    Image image;
    for (const auto& [path, node] : names)
      image[path] = (*node).*bytes;
    return image;
  }

  // Another seed for each, so that what is written after a crash has ids of its own.
  inline static std::atomic<std::uint64_t> made_count_{0};
  const std::unique_ptr<lsmith::FileSystem> inner_ =
      lsmith::make_memory_file_system(made_count_.fetch_add(1, std::memory_order_relaxed));
  mutable std::mutex mutex_;  // guards all that follows, and the nodes
  Names names_;
  Names durable_names_;
  std::array<std::uint64_t, static_cast<std::size_t>(Call::count)> counts_{};
  std::vector<std::string> opened_;
  Call failing_ = Call::open;
  std::uint64_t fails_at_ = 0;  // by counts_; 0: none
  bool fails_for_ever_ = false;
  bool has_failed_ = false;
};

inline Result<std::unique_ptr<lsmith::ReadableFile>> FaultyFiles::open(const std::string& path,
                                                                       bool mapped) {
  if (auto s = enter(Call::open, path); !s.ok()) return s;
  auto file = inner_->open(path, mapped);
  if (!file.ok()) return file;
  return std::unique_ptr<lsmith::ReadableFile>(
      std::make_unique<Readable>(*this, path, std::move(*file)));
}

inline Result<std::unique_ptr<lsmith::WritableFile>> FaultyFiles::create(const std::string& path) {
  if (auto s = enter(Call::create, path); !s.ok()) return s;
  auto file = inner_->create(path);
  if (!file.ok()) return file;
  const auto node = node_at(path);
  changed(Call::create, path, [&] { node->now.clear(); });
  return std::unique_ptr<lsmith::WritableFile>(
      std::make_unique<Writable>(*this, path, std::move(*file), node));
}

inline Result<std::unique_ptr<lsmith::LogFile>> FaultyFiles::create_log(const std::string& path,
                                                                        std::uint64_t capacity) {
  if (auto s = enter(Call::create_log, path); !s.ok()) return s;
  auto file = inner_->create_log(path, capacity);
  if (!file.ok()) return file;
  const auto node = node_at(path);
  changed(Call::create_log, path,
          [&] { node->now.assign(static_cast<std::size_t>(capacity), '\0'); });
  return std::unique_ptr<lsmith::LogFile>(
      std::make_unique<Log>(*this, path, std::move(*file), node));
}

inline Result<std::unique_ptr<lsmith::LogFile>> FaultyFiles::reuse_log(const std::string& old_path,
                                                                       const std::string& path) {
  if (auto s = enter(Call::reuse_log, path); !s.ok()) return s;
  auto file = inner_->reuse_log(old_path, path);
  if (!file.ok()) return file;
  changed(Call::reuse_log, path, [&] { move_name(old_path, path); });
  return std::unique_ptr<lsmith::LogFile>(
      std::make_unique<Log>(*this, path, std::move(*file), node_at(path)));
}

}  // namespace engine_test
