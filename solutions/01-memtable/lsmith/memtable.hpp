// memtable.hpp: the newest writes, sorted in memory.
//
// A skip list (Pugh, 1990): a sorted linked list, of whose nodes every fourth is also in a second
// list, every fourth of those in a third, and so on. A search runs along the top list until the
// next node would be too far, goes down one list and runs on.
//
//   level 2   head ------------------------------> c@3 ------------------------------> none
//   level 1   head ------------> b@7 ------------> c@3 ------------------------> f@4 -> none
//   level 0   head -> a@9 -> a@5 -> b@7 -> b@1 ---> c@3 -> d@8 -> e@2 -> e@1 ---> f@4 -> none
//
// Invariants
//  1. Level 0 holds every entry, strictly ascending in the order of key.hpp; each level holds a
//     part of the one below.
//  2. A node never changes but for its links, and is never taken out. So a cursor may stand on it,
//     and views may look into it, while others write.
//  3. A tombstone is an entry like any other: get() returns it, and the caller decides.
//
// Threads: one writer beside any number of readers. The links are guarded by a mutex, which every
// call holds while it follows them; keys, tags and values need none, since they never change.
//
// Cost: add, get, seek and prev take O(log n) steps on average, next takes one.
#pragma once

#include <lsmith/cursor.hpp>
#include <lsmith/key.hpp>
#include <lsmith/mutex.hpp>

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
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

  static constexpr int height_max = 12;  // with every fourth node promoted: for 16 million entries

  struct Node {
    std::string key;
    std::uint64_t tag = 0;
    std::string value;
    std::vector<Node*> next;  // one link a level; as many as the node is high
  };

  // For each level, the last node that sorts before some place.
  using Path = std::array<Node*, height_max>;

  int random_height() LSMITH_REQUIRES(mutex_);
  Path path_to(std::string_view key, std::uint64_t tag) const LSMITH_REQUIRES(mutex_);
  void check_level(int level, std::vector<std::string>& broken) const LSMITH_REQUIRES(mutex_);

  // What a cursor moves by; each takes the lock. Null: there is no such entry.
  const Node* first() const;
  const Node* last() const;
  const Node* first_from(std::string_view key, std::uint64_t tag) const;
  const Node* after(const Node* node) const;
  const Node* before(const Node* node) const;

  mutable Mutex mutex_;
  std::deque<Node> nodes_ LSMITH_GUARDED_BY(mutex_);  // [0] is the head; a deque never moves them
  std::size_t memory_bytes_ LSMITH_GUARDED_BY(mutex_) = 0;
  std::uint32_t random_ LSMITH_GUARDED_BY(mutex_) = 0x9e3779b9;
  Node* const head_;  // holds no entry; as high as a node can be
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
  const Memtable::Node* node_ = nullptr;  // null: not valid
};

inline Memtable::Memtable() : nodes_(1), head_(&nodes_.front()) {
  head_->next.resize(height_max);
}

inline Memtable::~Memtable() = default;

inline void Memtable::add(std::uint64_t tag, std::string_view key, std::string_view value) {
  MutexLock lock(mutex_);
  const Path path = path_to(key, tag);
  const int height = random_height();
  Node& node = nodes_.emplace_back();
  node.key = key;
  node.tag = tag;
  node.value = value;
  for (int level = 0; level < height; ++level) {
    node.next.push_back(path[level]->next[level]);
    path[level]->next[level] = &node;
  }
  memory_bytes_ += sizeof(Node) + key.size() + value.size() + node.next.size() * sizeof(Node*);
}

inline std::optional<Entry> Memtable::get(const Target& target) const {
  const Node* node = first_from(target.key, target.tag());
  if (node == nullptr || node->key != target.key) return std::nullopt;
  return Entry{node->key, node->tag, node->value};
}

inline MemtableCursor Memtable::cursor() const {
  return MemtableCursor(*this);
}

inline std::size_t Memtable::memory_bytes() const {
  MutexLock lock(mutex_);
  return sizeof(Memtable) + memory_bytes_;
}

inline std::size_t Memtable::entry_count() const {
  MutexLock lock(mutex_);
  return nodes_.size() - 1;
}

inline std::vector<std::string> Memtable::check() const {
  MutexLock lock(mutex_);
  std::vector<std::string> broken;
  for (int level = 0; level < height_max; ++level)
    check_level(level, broken);
  return broken;
}

inline void Memtable::check_level(int level, std::vector<std::string>& broken) const {
  const std::string where = "level " + std::to_string(level);
  std::size_t count = 0;
  const Node* before = nullptr;
  for (const Node* node = head_->next[level]; node != nullptr; node = node->next[level]) {
    ++count;
    if (before != nullptr && compare(before->key, before->tag, node->key, node->tag) >= 0) {
      broken.push_back(where + ", node " + std::to_string(count) +
                       ", does not sort after the one before it");
      break;  // the list may be a circle
    }
    before = node;
  }
  std::size_t expected = 0;
  for (const Node& node : nodes_)
    if (&node != head_ && node.next.size() > static_cast<std::size_t>(level)) ++expected;
  if (count != expected)
    broken.push_back(where + " links " + std::to_string(count) + " of " + std::to_string(expected) +
                     " nodes");
}

inline int Memtable::random_height() {
  random_ ^= random_ << 13;  // xorshift, Marsaglia 2003
  random_ ^= random_ >> 17;
  random_ ^= random_ << 5;
  int height = 1;
  for (std::uint32_t bits = random_; height < height_max && bits % 4 == 0; bits /= 4)
    ++height;
  return height;
}

inline Memtable::Path Memtable::path_to(std::string_view key, std::uint64_t tag) const {
  Path path;
  Node* at = head_;
  for (int level = height_max - 1; level >= 0; --level) {
    for (Node* next = at->next[level];
         next != nullptr && compare(next->key, next->tag, key, tag) < 0; next = at->next[level])
      at = next;
    path[level] = at;
  }
  return path;
}

inline const Memtable::Node* Memtable::first() const {
  MutexLock lock(mutex_);
  return head_->next[0];
}

inline const Memtable::Node* Memtable::last() const {
  MutexLock lock(mutex_);
  const Node* at = head_;
  for (int level = height_max - 1; level >= 0; --level) {
    while (at->next[level] != nullptr)
      at = at->next[level];
  }
  return at == head_ ? nullptr : at;
}

inline const Memtable::Node* Memtable::first_from(std::string_view key, std::uint64_t tag) const {
  MutexLock lock(mutex_);
  return path_to(key, tag)[0]->next[0];
}

inline const Memtable::Node* Memtable::after(const Node* node) const {
  MutexLock lock(mutex_);
  return node->next[0];
}

inline const Memtable::Node* Memtable::before(const Node* node) const {
  MutexLock lock(mutex_);
  const Node* found = path_to(node->key, node->tag)[0];
  return found == head_ ? nullptr : found;
}

inline bool MemtableCursor::is_valid() const {
  return node_ != nullptr;
}

inline void MemtableCursor::seek_to_first() {
  node_ = memtable_->first();
}

inline void MemtableCursor::seek_to_last() {
  node_ = memtable_->last();
}

inline void MemtableCursor::seek(std::string_view key, std::uint64_t tag) {
  node_ = memtable_->first_from(key, tag);
}

inline void MemtableCursor::prepare(std::string_view, std::uint64_t) {}

inline void MemtableCursor::next() {
  assert(is_valid());
  node_ = memtable_->after(node_);
}

inline void MemtableCursor::prev() {
  assert(is_valid());
  node_ = memtable_->before(node_);
}

inline std::string_view MemtableCursor::key() const {
  assert(is_valid());
  return node_->key;
}

inline std::uint64_t MemtableCursor::tag() const {
  assert(is_valid());
  return node_->tag;
}

inline std::string_view MemtableCursor::value() const {
  assert(is_valid());
  return node_->value;
}

inline Status MemtableCursor::status() const {
  return {};
}

}  // namespace lsmith
