// memtable.hpp: the newest writes, sorted in memory.
//
// Different from the textbook: a tree of trees, and a lock that readers share. A std::map leads
// from each user key, which is stored once, to the std::map of its versions, the largest tag first.
// A cursor is a place in either map. Maps never move what they hold, so a cursor stays where it is
// while others add; it takes the lock to follow links, and none to read.
#pragma once

#include <lsmith/cursor.hpp>
#include <lsmith/key.hpp>

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

namespace lsmith {

class MemtableCursor;

/// Every version of every key written since the last freeze, in the order of key.hpp. Nothing is
/// ever changed or removed in it. One writer at a time, beside any number of readers; a reader sees
/// every add() that returned before its call began, and never half an entry.
class Memtable {
 public:
  Memtable();
  ~Memtable();
  Memtable(const Memtable&) = delete;
  Memtable& operator=(const Memtable&) = delete;

  /// Copies the entry in. Requires that no entry with this key and tag is present.
  void add(std::uint64_t tag, std::string_view key, std::string_view value);
  /// The newest version of target.key whose sequence is at most target.sequence, be it a put or a
  /// tombstone; nothing when there is none. What the entry views lives as long as the memtable.
  std::optional<Entry> get(const Target& target) const;
  /// A cursor over every version, newest first. Borrows the memtable, and may be used while others
  /// write: it sees every entry that was there when it moved, and perhaps newer ones.
  MemtableCursor cursor() const;
  /// Bytes of memory taken, with all overhead; what write_buffer_bytes is compared with. Any
  /// thread.
  std::size_t memory_bytes() const;
  /// Number of entries. Any thread.
  std::size_t entry_count() const;
  /// Walks all of it and says every broken invariant; empty when all is well. No writer meanwhile.
  std::vector<std::string> check() const;

 private:
  friend class MemtableCursor;

  using Versions = std::map<std::uint64_t, std::string, std::greater<>>;  // by tag; never empty
  using Keys = std::map<std::string, Versions, std::less<>>;

  // What is spent on a node besides its content: three links and a colour, and two words for each
  // of two allocations, those of the node and of its bytes.
  static constexpr std::size_t node_bytes = 8 * sizeof(void*);

  mutable std::shared_mutex mutex_;  // guards the links of all maps, and the two sums
  Keys keys_;
  std::size_t memory_bytes_ = sizeof(Memtable);
  std::size_t entry_count_ = 0;
};

/// Walks a memtable; see the laws of cursor.hpp. key() and value() live as long as the memtable.
/// One thread at a time.
class MemtableCursor {
 public:
  bool is_valid() const;
  void seek_to_first();
  void seek_to_last();
  void seek(std::string_view key, std::uint64_t tag);
  void prepare(std::string_view key, std::uint64_t tag);
  void next();
  void prev();
  std::string_view key() const;
  std::uint64_t tag() const;
  std::string_view value() const;
  Status status() const;

 private:
  friend class Memtable;
  explicit MemtableCursor(const Memtable& memtable) : memtable_(&memtable) {}

  const Memtable* memtable_;
  bool is_valid_ = false;
  Memtable::Keys::const_iterator key_;  // the rest has a meaning only while the cursor is valid
  Memtable::Versions::const_iterator version_;
};

inline Memtable::Memtable() = default;

inline Memtable::~Memtable() = default;

inline void Memtable::add(std::uint64_t tag, std::string_view key, std::string_view value) {
  const std::unique_lock lock(mutex_);
  auto at = keys_.lower_bound(key);
  if (at == keys_.end() || at->first != key) {
    at = keys_.try_emplace(at, std::string(key));
    memory_bytes_ += node_bytes + sizeof(Keys::value_type) + key.size();
  }
  assert(!at->second.contains(tag));
  at->second.try_emplace(tag, value);
  memory_bytes_ += node_bytes + sizeof(Versions::value_type) + value.size();
  ++entry_count_;
}

inline std::optional<Entry> Memtable::get(const Target& target) const {
  const std::shared_lock lock(mutex_);
  const auto at = keys_.find(target.key);
  if (at == keys_.end()) return std::nullopt;
  const auto version = at->second.lower_bound(target.tag());
  if (version == at->second.end()) return std::nullopt;
  return Entry{at->first, version->first, version->second};
}

inline MemtableCursor Memtable::cursor() const {
  return MemtableCursor(*this);
}

inline std::size_t Memtable::memory_bytes() const {
  const std::shared_lock lock(mutex_);
  return memory_bytes_;
}

inline std::size_t Memtable::entry_count() const {
  const std::shared_lock lock(mutex_);
  return entry_count_;
}

// Given. Walks forwards, then backwards, then looks every entry up.
inline std::vector<std::string> Memtable::check() const {
  std::vector<std::string> broken;
  std::vector<Entry> entries;
  MemtableCursor at = cursor();
  for (at.seek_to_first(); at.is_valid() && broken.empty(); at.next()) {
    const Entry entry{at.key(), at.tag(), at.value()};
    const std::string where = "entry " + std::to_string(entries.size());
    if (!entries.empty() &&
        compare(entries.back().key, entries.back().tag, entry.key, entry.tag) >= 0)
      broken.push_back(where + " does not sort after the one before it");
    const std::optional<Entry> found = get(Target{entry.key, sequence_of(entry.tag)});
    if (!found || found->key != entry.key || found->tag != entry.tag)
      broken.push_back(where + " is not found by get()");
    entries.push_back(entry);
  }
  if (!broken.empty()) return broken;
  if (entries.size() != entry_count())
    broken.push_back("holds " + std::to_string(entries.size()) + " entries and counted " +
                     std::to_string(entry_count()));
  std::size_t left = entries.size();
  for (at.seek_to_last(); at.is_valid() && left > 0; at.prev()) {
    --left;
    if (at.key() != entries[left].key || at.tag() != entries[left].tag) {
      broken.push_back("backwards, entry " + std::to_string(left) + " is another than forwards");
      return broken;
    }
  }
  if (left != 0 || at.is_valid()) broken.push_back("is longer in one direction than in the other");
  return broken;
}

inline bool MemtableCursor::is_valid() const {
  return is_valid_;
}

inline void MemtableCursor::seek_to_first() {
  const std::shared_lock lock(memtable_->mutex_);
  key_ = memtable_->keys_.begin();
  is_valid_ = key_ != memtable_->keys_.end();
  if (is_valid_) version_ = key_->second.begin();
}

inline void MemtableCursor::seek_to_last() {
  const std::shared_lock lock(memtable_->mutex_);
  is_valid_ = !memtable_->keys_.empty();
  if (!is_valid_) return;
  key_ = std::prev(memtable_->keys_.end());
  version_ = std::prev(key_->second.end());
}

inline void MemtableCursor::seek(std::string_view key, std::uint64_t tag) {
  const std::shared_lock lock(memtable_->mutex_);
  const auto end = memtable_->keys_.end();
  key_ = memtable_->keys_.lower_bound(key);
  if (key_ != end && key_->first == key) {
    version_ = key_->second.lower_bound(tag);
    is_valid_ = version_ != key_->second.end();
    if (is_valid_) return;
    ++key_;  // all versions of the key come before the place
  }
  is_valid_ = key_ != end;
  if (is_valid_) version_ = key_->second.begin();
}

inline void MemtableCursor::prepare(std::string_view, std::uint64_t) {}

inline void MemtableCursor::next() {
  assert(is_valid_);
  const std::shared_lock lock(memtable_->mutex_);
  if (++version_ != key_->second.end()) return;
  is_valid_ = ++key_ != memtable_->keys_.end();
  if (is_valid_) version_ = key_->second.begin();
}

inline void MemtableCursor::prev() {
  assert(is_valid_);
  const std::shared_lock lock(memtable_->mutex_);
  if (version_ == key_->second.begin()) {
    is_valid_ = key_ != memtable_->keys_.begin();
    if (!is_valid_) return;
    --key_;
    version_ = key_->second.end();
  }
  --version_;
}

inline std::string_view MemtableCursor::key() const {
  assert(is_valid_);
  return key_->first;
}

inline std::uint64_t MemtableCursor::tag() const {
  assert(is_valid_);
  return version_->first;
}

inline std::string_view MemtableCursor::value() const {
  assert(is_valid_);
  return version_->second;
}

inline Status MemtableCursor::status() const {
  return {};
}

}  // namespace lsmith
