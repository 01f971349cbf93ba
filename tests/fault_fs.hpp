// fault_fs.hpp: files in memory that fail when they are told to, and that know what a crash may
// leave.
//
// A file is its bytes now, the bytes that are durable, and the changes between the two; sync()
// makes its bytes durable, but not its name. Names are kept in the same way, and sync_dir() makes
// those of one folder durable. That is the strictest file system that file.hpp allows.
//
//   after_kill()       what the process sees; a killed one leaves it
//   after_power_cut()  what a power cut leaves at the least
//   wreck()            that and any of the changes: sectors in any order, torn, filled with zeros,
//                      rubbish or what a removed file held; names and bytes apart from each other
//
// Each comes as an Image, from which new files are made, whole or damaged. Everything is a function
// of the calls and of the seeds: trace() is the same for the same calls.
//
// A call that was told to fail does a part of its work, or nothing, or all of it, and reports an
// error; its file is poisoned, as file.hpp says. `on_change` runs after every call that changed
// something, without a lock. Calls may come from several threads.
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
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/fault_inode.hpp"
#include "support/random.hpp"

namespace lsmith::testing {

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
inline constexpr std::size_t call_count = static_cast<std::size_t>(Call::count);

inline const char* name_of(Call call) {
  static constexpr const char* names[] = {
      "open",       "read",      "create",        "append",    "sync",      "close",
      "create_log", "log_write", "log_sync",      "log_close", "reuse_log", "rename",
      "remove",     "list",      "create_folder", "sync_dir",  "lock"};
  return names[static_cast<std::size_t>(call)];
}

class FaultFs : public FileSystem {
 public:
  // Files that hold the image, durably.
  explicit FaultFs(const Image& image = {}, std::uint64_t seed = next_seed()) : seed_(seed) {
    for (const auto& [path, bytes] : image) {
      for (std::size_t slash = path.find('/', 1); slash != path.npos;
           slash = path.find('/', slash + 1))
        folders_.insert(path.substr(0, slash));
      names_[path] = durable_names_[path] = std::make_shared<FaultInode>(bytes);
    }
  }

  // ---- What shall fail ----

  // The n-th call of this kind from now on (1: the next), and with `for_ever` all after it.
  void fail(Call call, std::uint64_t n, bool for_ever, Effect effect = Effect::part) {
    const std::lock_guard lock(mutex_);
    failing_ = call;
    fails_at_ = counts_[static_cast<std::size_t>(call)] + n;
    fails_for_ever_ = for_ever;
    effect_ = effect;
  }
  // Files may take so many bytes together; nothing: as many as they like.
  void limit_space(std::optional<std::uint64_t> bytes_max) {
    const std::lock_guard lock(mutex_);
    space_bytes_ = bytes_max;
  }
  void heal() {
    const std::lock_guard lock(mutex_);
    fails_at_ = 0;
    space_bytes_.reset();
  }

  // ---- What happened ----

  bool has_failed() const {
    const std::lock_guard lock(mutex_);
    return has_failed_;
  }
  // Calls to files after they had failed: a second sync would be told that all is well.
  std::uint64_t retries() const {
    const std::lock_guard lock(mutex_);
    return retries_;
  }
  std::uint64_t count(Call call) const {
    const std::lock_guard lock(mutex_);
    return counts_[static_cast<std::size_t>(call)];
  }
  // Files that were mapped.
  std::uint64_t maps() const {
    const std::lock_guard lock(mutex_);
    return maps_;
  }
  // The bytes of all files now.
  std::uint64_t used_bytes() const {
    const std::lock_guard lock(mutex_);
    return used();
  }
  // Paths of the calls so far that created or opened a file.
  std::vector<std::string> opened() const {
    const std::lock_guard lock(mutex_);
    return opened_;
  }
  // A checksum of all calls so far.
  std::uint64_t trace() const {
    const std::lock_guard lock(mutex_);
    return trace_;
  }
  // Whether a power cut leaves the file as it is now, name and all.
  bool is_durable(const std::string& path) const {
    const std::lock_guard lock(mutex_);
    const auto now = names_.find(path), durable = durable_names_.find(path);
    return now != names_.end() && durable != durable_names_.end() &&
           now->second == durable->second && now->second->is_durable();
  }

  // What a file holds now; empty when there is none.
  std::string content(const std::string& path) const {
    const std::lock_guard lock(mutex_);
    const auto at = names_.find(path);
    return at == names_.end() ? std::string() : at->second->now();
  }

  // The same, of what a power cut leaves at the least.
  std::string durable_content(const std::string& path) const {
    const std::lock_guard lock(mutex_);
    const auto at = durable_names_.find(path);
    return at == durable_names_.end() ? std::string() : at->second->durable();
  }

  // ---- What a crash leaves ----

  Image after_kill() const {
    const std::lock_guard lock(mutex_);
    return image_of(names_, &FaultInode::now);
  }
  Image after_power_cut() const {
    const std::lock_guard lock(mutex_);
    return image_of(durable_names_, &FaultInode::durable);
  }
  // As after_kill(), but the last write to the file at `path` was stored in part.
  Image after_kill_in_write(const std::string& path, Random& random) const {
    Image image = after_kill();
    const std::lock_guard lock(mutex_);
    if (const auto at = names_.find(path); at != names_.end())
      image[path] = at->second->in_last_write(random);
    return image;
  }
  Image wreck(Wreck kind, Random& random) const {
    const std::lock_guard lock(mutex_);
    Image image;
    for (const auto& [path, inode] : wreck_names(kind, random)) {
      const bool is_new = durable_names_.find(path) == durable_names_.end();
      const std::string& stale = stale_.empty() ? path : stale_[random.below(stale_.size())];
      if (kind != Wreck::empty || !is_new || inode->is_durable() || random.chance(50))
        image[path] = inode->wreck(kind, stale, random);
      else
        image[path] = {};
    }
    return image;
  }

  std::function<void(Call, const std::string& path)> on_change;
  bool lists_backwards = false;  // list() promises no order
  bool has_maps = false;         // whether a map is given to who asks for one

  // ---- FileSystem ----

  Result<std::unique_ptr<ReadableFile>> open(const std::string& path, bool mapped) override;
  Result<std::unique_ptr<WritableFile>> create(const std::string& path) override;
  Result<std::unique_ptr<LogFile>> create_log(const std::string& path,
                                              std::uint64_t capacity_bytes) override;
  Result<std::unique_ptr<LogFile>> reuse_log(const std::string& old_path,
                                             const std::string& path) override;
  Status rename(const std::string& from, const std::string& to) override {
    return change(Call::rename, from, [&] { return move_name(from, to); });
  }
  Status remove(const std::string& path) override {
    return change(Call::remove, path, [&]() -> Status {
      const auto at = names_.find(path);
      if (at == names_.end()) return missing(path);
      stale_.push_back(at->second->now());
      if (stale_.size() > 4) stale_.erase(stale_.begin());
      names_.erase(at);
      pending_names_.push_back({{path, nullptr}});
      return {};
    });
  }
  Result<std::vector<std::string>> list(const std::string& folder) override {
    const std::lock_guard lock(mutex_);
    if (Entered entered = enter(Call::list, folder); !entered.status.ok()) return entered.status;
    if (!has_folder(folder)) return missing(folder);
    std::vector<std::string> found;
    for (const auto& [path, inode] : names_)
      if (folder_of(path) == folder) found.push_back(path.substr(folder.size() + 1));
    for (const std::string& path : folders_)
      if (folder_of(path) == folder) found.push_back(path.substr(folder.size() + 1));
    if (lists_backwards) std::reverse(found.begin(), found.end());
    return found;
  }
  Status create_folder(const std::string& path) override {
    const std::lock_guard lock(mutex_);
    if (Entered entered = enter(Call::create_folder, path); !entered.status.ok())
      return entered.status;
    if (names_.count(path) > 0) return Status(Code::io_error, path + ": it is a file");
    if (!has_folder(folder_of(path))) return missing(folder_of(path));
    folders_.insert(path);
    return {};
  }
  Status sync_dir(const std::string& folder) override {
    return change(Call::sync_dir, folder, [&]() -> Status {
      if (!has_folder(folder)) return missing(folder);
      std::erase_if(pending_names_, [&](const NameChange& names) {
        if (folder_of(names.front().first) != folder) return false;
        for (const auto& [path, inode] : names)
          set_name(durable_names_, path, inode);
        return true;
      });
      return {};
    });
  }
  Result<std::unique_ptr<FileLock>> lock(const std::string& path, bool exclusive) override;
  bool exists(const std::string& path) override {
    const std::lock_guard lock(mutex_);
    return names_.count(path) > 0 || has_folder(path);
  }
  std::uint64_t entropy() override {
    const std::lock_guard lock(mutex_);
    return Random(seed_ * 0xD1342543DE82EF95u + ++entropy_calls_).next();
  }

 private:
  using Inode = std::shared_ptr<FaultInode>;
  using Names = std::map<std::string, Inode>;
  using NameChange = std::vector<std::pair<std::string, Inode>>;  // null: the name is gone
  struct Entered {
    Status status;
    Effect effect = Effect::all;
  };
  struct Readable;
  template <class File>
  struct Handle;
  struct Writable;
  struct Log;
  struct Lock;

  // Another one for each, so that what is written after a crash has ids of its own.
  static std::uint64_t next_seed() {
    static std::atomic<std::uint64_t> made{0};
    return made.fetch_add(1, std::memory_order_relaxed);
  }
  static std::string folder_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == path.npos ? std::string() : path.substr(0, slash);
  }
  static Status missing(const std::string& path) {
    return Status(Code::not_found, path + ": no such file or folder");
  }
  static void set_name(Names& names, const std::string& path, const Inode& inode) {
    if (inode)
      names[path] = inode;
    else
      names.erase(path);
  }
  bool has_folder(const std::string& path) const {
    return path.empty() || folders_.count(path) > 0;
  }
  std::uint64_t used() const {
    std::uint64_t bytes = 0;
    for (const auto& [path, inode] : names_)
      bytes += inode->now().size();
    return bytes;
  }
  // How many of `bytes` more there is room for.
  std::uint64_t room_for(std::uint64_t bytes) const {
    if (!space_bytes_) return bytes;
    const std::uint64_t taken = used();
    return taken >= *space_bytes_ ? 0 : std::min(bytes, *space_bytes_ - taken);
  }

  // Counts the call; says whether it fails, and what it does all the same.
  Entered enter(Call call, const std::string& path) {
    const std::uint64_t n = ++counts_[static_cast<std::size_t>(call)];
    note(static_cast<std::uint64_t>(call), path);
    if (call == Call::open || call == Call::create) opened_.push_back(path);
    if (fails_at_ == 0 || call != failing_) return {};
    if (n < fails_at_ || (n > fails_at_ && !fails_for_ever_)) return {};
    has_failed_ = true;
    return {Status(Code::io_error, path + ": " + name_of(call) + " was told to fail"), effect_};
  }
  // FNV-1a, over a number and bytes.
  void note(std::uint64_t number, std::string_view bytes) {
    const auto mix = [&](std::uint64_t x) { trace_ = (trace_ ^ x) * 0x100000001B3u; };
    mix(number);
    for (const char c : bytes)
      mix(static_cast<unsigned char>(c));
  }
  template <class Act>
  Status change(Call call, const std::string& path, Act act) {
    Entered entered;
    {
      const std::lock_guard lock(mutex_);
      entered = enter(call, path);
      if (entered.effect == Effect::all)
        if (Status s = act(); !s.ok() && entered.status.ok()) return s;
    }
    if (entered.effect == Effect::all && on_change) on_change(call, path);
    return entered.status;
  }
  Status move_name(const std::string& from, const std::string& to) {
    const auto at = names_.find(from);
    if (at == names_.end()) return missing(from);
    if (from == to) return {};
    const Inode inode = at->second;
    names_.erase(at);
    names_[to] = inode;
    pending_names_.push_back({{from, nullptr}, {to, inode}});
    return {};
  }
  // The inode of a file that is to be empty: the old one if the name is taken.
  Inode emptied(const std::string& path) {
    Inode& inode = names_[path];
    if (!inode) {
      inode = std::make_shared<FaultInode>();
      pending_names_.push_back({{path, inode}});
    } else {
      inode->resize(0);
    }
    return inode;
  }
  Image image_of(const Names& names, const std::string& (FaultInode::*bytes)() const) const {
    Image image;
    for (const auto& [path, inode] : names)
      image[path] = ((*inode).*bytes)();
    return image;
  }
  Names wreck_names(Wreck kind, Random& random) const {
    if (kind == Wreck::durable) return durable_names_;
    const bool is_any = kind == Wreck::across || kind == Wreck::names;
    if (kind != Wreck::prefix && !is_any) return names_;
    Names names = durable_names_;
    const std::size_t count = random.below(pending_names_.size() + 1);
    for (std::size_t i = 0; i < pending_names_.size(); ++i) {
      if (is_any ? random.chance(50) : i >= count) continue;
      for (const auto& [path, inode] : pending_names_[i])
        set_name(names, path, inode);
    }
    return names;
  }

  const std::uint64_t seed_;
  mutable std::mutex mutex_;  // guards all that follows, and the inodes
  Names names_;
  Names durable_names_;
  std::vector<NameChange> pending_names_;
  std::set<std::string> folders_;
  std::map<std::string, int> locks_;  // -1: exclusive; else how many share it
  std::vector<std::string> stale_;    // what removed files held
  std::array<std::uint64_t, call_count> counts_{};
  std::vector<std::string> opened_;
  std::uint64_t entropy_calls_ = 0;
  std::uint64_t trace_ = 0xCBF29CE484222325u;
  Call failing_ = Call::open;
  Effect effect_ = Effect::part;
  std::uint64_t fails_at_ = 0;  // by counts_; 0: none
  bool fails_for_ever_ = false;
  bool has_failed_ = false;
  std::uint64_t retries_ = 0;
  std::uint64_t maps_ = 0;
  std::optional<std::uint64_t> space_bytes_;
};

struct FaultFs::Readable final : ReadableFile {
  Readable(FaultFs& owner, std::string path, Inode inode, bool is_mapped)
      : owner(owner),
        path(std::move(path)),
        inode(std::move(inode)),
        size(this->inode->now().size()) {
    if (is_mapped) map = this->inode->now();
  }
  Status read(std::uint64_t offset, char* buffer, std::size_t bytes) const override {
    const std::lock_guard lock(owner.mutex_);
    if (Entered entered = owner.enter(Call::read, path); !entered.status.ok())
      return entered.status;
    const std::string& now = inode->now();
    if (offset > now.size() || bytes > now.size() - offset)
      return Status(Code::corruption,
                    path + ": offset " + std::to_string(offset) + ": the file ends before it");
    std::copy_n(now.data() + offset, bytes, buffer);
    return {};
  }
  std::uint64_t size_bytes() const override { return size; }
  std::string_view mapped() const override { return map; }
  Status bring_in() const override {
    const std::lock_guard lock(owner.mutex_);
    return owner.enter(Call::read, path).status;
  }
  FaultFs& owner;
  const std::string path;
  const Inode inode;
  const std::uint64_t size;
  std::string map;
};

// What both kinds of file for writing share: where they belong, and the first failure.
template <class File>
struct FaultFs::Handle : File {
  Handle(FaultFs& owner, std::string path, Inode inode)
      : owner(owner), path(std::move(path)), inode(std::move(inode)) {}
  Status write_at(Call call, std::uint64_t offset, std::string_view bytes) {
    {
      const std::lock_guard lock(owner.mutex_);
      if (!failure.ok()) return ++owner.retries_, failure;
      Entered entered = owner.enter(call, path);
      failure = entered.status;
      if (entered.effect == Effect::part) bytes = bytes.substr(0, bytes.size() / 2);
      if (entered.effect == Effect::nothing) bytes = {};
      const std::uint64_t end = offset + bytes.size(), size = inode->now().size();
      const std::uint64_t grows = end > size ? end - size : 0, room = owner.room_for(grows);
      if (room < grows) {
        bytes.remove_suffix(
            static_cast<std::size_t>(std::min<std::uint64_t>(grows - room, bytes.size())));
        owner.has_failed_ = true;
        if (failure.ok())
          failure = Status(Code::no_space, path + ": no space, as it was told to fail");
      }
      if (!bytes.empty()) inode->write(static_cast<std::size_t>(offset), bytes);
      owner.note(offset, bytes);
    }
    if (owner.on_change) owner.on_change(call, path);
    return failure;
  }
  Status sync_as(Call call) {
    {
      const std::lock_guard lock(owner.mutex_);
      if (!failure.ok()) return ++owner.retries_, failure;
      Entered entered = owner.enter(call, path);
      failure = entered.status;
      if (failure.ok())
        inode->sync();
      else
        inode->sync_in_vain(entered.effect);
    }
    if (owner.on_change) owner.on_change(call, path);
    return failure;
  }
  Status close_as(Call call) {
    const std::lock_guard lock(owner.mutex_);
    if (failure.ok()) failure = owner.enter(call, path).status;
    return failure;
  }
  FaultFs& owner;
  std::string path;  // changes under the owner's lock
  const Inode inode;
  Status failure;  // under it
};

struct FaultFs::Writable final : Handle<WritableFile> {
  using Handle::Handle;
  Status append(std::string_view bytes) override {
    Status s = write_at(Call::append, size_bytes, bytes);
    size_bytes += bytes.size();
    return s;
  }
  Status sync() override { return sync_as(Call::sync); }
  Status close() override { return close_as(Call::close); }
  std::uint64_t size_bytes = 0;
};

struct FaultFs::Log final : Handle<LogFile> {
  using Handle::Handle;
  Status write(std::uint64_t offset, std::string_view bytes, bool) override {
    return write_at(Call::log_write, offset, bytes);
  }
  void set_path(const std::string& now) override {
    const std::lock_guard lock(owner.mutex_);
    path = now;
  }
  Status sync() override { return sync_as(Call::log_sync); }
  std::uint64_t capacity_bytes() const override {
    const std::lock_guard lock(owner.mutex_);
    return inode->now().size();
  }
  Status close() override { return close_as(Call::log_close); }
};

struct FaultFs::Lock final : FileLock {
  Lock(FaultFs& owner, std::string path) : owner(owner), path(std::move(path)) {}
  ~Lock() override {
    const std::lock_guard lock(owner.mutex_);
    int& holders = owner.locks_[path];
    holders = holders < 0 ? 0 : holders - 1;
  }
  FaultFs& owner;
  const std::string path;
};

inline Result<std::unique_ptr<ReadableFile>> FaultFs::open(const std::string& path, bool mapped) {
  const std::lock_guard lock(mutex_);
  if (Entered entered = enter(Call::open, path); !entered.status.ok()) return entered.status;
  const auto at = names_.find(path);
  if (at == names_.end()) return missing(path);
  const bool is_mapped = mapped && has_maps;
  maps_ += is_mapped ? 1 : 0;
  return std::unique_ptr<ReadableFile>(
      std::make_unique<Readable>(*this, path, at->second, is_mapped));
}

inline Result<std::unique_ptr<WritableFile>> FaultFs::create(const std::string& path) {
  Inode inode;
  Status s = change(Call::create, path, [&]() -> Status {
    if (!has_folder(folder_of(path))) return missing(folder_of(path));
    inode = emptied(path);
    return {};
  });
  if (!s.ok()) return s;
  return std::unique_ptr<WritableFile>(std::make_unique<Writable>(*this, path, inode));
}

inline Result<std::unique_ptr<LogFile>> FaultFs::create_log(const std::string& path,
                                                            std::uint64_t capacity_bytes) {
  Inode inode;
  Status s = change(Call::create_log, path, [&]() -> Status {
    if (!has_folder(folder_of(path))) return missing(folder_of(path));
    inode = emptied(path);
    if (room_for(capacity_bytes) < capacity_bytes) {
      has_failed_ = true;
      return Status(Code::no_space, path + ": no space, as it was told to fail");
    }
    if (capacity_bytes > 0) inode->resize(static_cast<std::size_t>(capacity_bytes));
    return {};
  });
  if (!s.ok()) return s;
  return std::unique_ptr<LogFile>(std::make_unique<Log>(*this, path, inode));
}

inline Result<std::unique_ptr<LogFile>> FaultFs::reuse_log(const std::string& old_path,
                                                           const std::string& path) {
  Inode inode;
  Status s = change(Call::reuse_log, path, [&]() -> Status {
    if (Status moved = move_name(old_path, path); !moved.ok()) return moved;
    inode = names_.at(path);
    return {};
  });
  if (!s.ok()) return s;
  return std::unique_ptr<LogFile>(std::make_unique<Log>(*this, path, inode));
}

inline Result<std::unique_ptr<FileLock>> FaultFs::lock(const std::string& path, bool exclusive) {
  const std::lock_guard lock(mutex_);
  if (Entered entered = enter(Call::lock, path); !entered.status.ok()) return entered.status;
  if (names_.count(path) == 0) {
    if (!exclusive || !has_folder(folder_of(path))) return missing(path);
    emptied(path);
  }
  int& holders = locks_[path];
  if (exclusive ? holders != 0 : holders < 0) return Status(Code::busy, path + ": it is locked");
  holders = exclusive ? -1 : holders + 1;
  return std::unique_ptr<FileLock>(std::make_unique<Lock>(*this, path));
}

}  // namespace lsmith::testing
