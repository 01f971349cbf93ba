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
//   a node:   | tag 8 | value size 4 | key size 2 | height 1 | links, one a level | key | value |
//
// Invariants
//  1. Level 0 holds every entry, strictly ascending in the order of key.hpp; each level holds a
//     part of the one below.
//  2. A node never changes after it can be reached, but for its links; no node is ever taken out.
//  3. A link is stored with release after everything behind it was written, and loaded with
//     acquire: who can reach a node sees all of it.
//  4. A node is linked from level 0 upwards, so whoever meets it high up finds it below as well.
//
// Threads: one writer beside any number of readers, and no reader ever waits: invariant 3 is all
// the synchronisation there is. A reader that meets a node half linked merely misses a short cut.
//
// What this body changes from the textbook: readers take no lock. A node is one piece of an arena,
// links, key and value side by side, where the textbook follows a vector and two strings; the arena
// hands out bytes by moving a pointer and is freed as a whole. A search asks for the two nodes that
// it may need next before it compares, and never compares a node twice on its way down. The writer
// remembers where it inserted last, so keys that arrive in order cost no search.
//
// Cost: add, get, seek and prev take O(log n) steps, most of them a cache miss; next takes one. An
// entry takes its bytes and about 30 more. Heights come from a fixed seed, so runs repeat exactly.
#pragma once

#include <lsmith/cursor.hpp>
#include <lsmith/key.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
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

  // The head of a node. Behind it, in the same piece of the arena: links, key, value.
  struct Node {
    using Link = std::atomic<Node*>;

    std::uint64_t tag;
    std::uint32_t value_bytes;
    std::uint16_t key_bytes;
    std::uint8_t height;

    Link* links() { return std::launder(reinterpret_cast<Link*>(this + 1)); }
    const Link* links() const { return std::launder(reinterpret_cast<const Link*>(this + 1)); }
    char* bytes() { return reinterpret_cast<char*>(links() + height); }
    const char* bytes() const { return reinterpret_cast<const char*>(links() + height); }
    std::string_view key() const { return {bytes(), key_bytes}; }
    std::string_view value() const { return {bytes() + key_bytes, value_bytes}; }

    Node* next(int level) const {
      assert(level < height);
      return links()[level].load(std::memory_order_acquire);  // pairs with the release in link()
    }
  };
  static_assert(alignof(Node) >= alignof(Node::Link));
  static_assert(sizeof(Node) % alignof(Node::Link) == 0);

  // Hands out bytes that live until the arena dies. The writer's alone, but for memory_bytes().
  class Arena {
   public:
    char* allocate(std::size_t bytes);
    std::size_t memory_bytes() const { return memory_bytes_.load(std::memory_order_relaxed); }

   private:
    static constexpr std::size_t block_bytes_min = std::size_t{4} << 10;
    static constexpr std::size_t block_bytes_max = std::size_t{1} << 20;

    char* new_block(std::size_t bytes);

    std::vector<std::unique_ptr<char[]>> blocks_;
    char* free_ = nullptr;
    std::size_t free_bytes_ = 0;
    std::atomic<std::size_t> memory_bytes_{0};  // a gauge: relaxed, it orders nothing
  };

  // For each level, the last node that sorts before some place: the nodes to link from.
  using Path = std::array<Node*, height_max>;

  Node* new_node(std::uint64_t tag, std::string_view key, std::string_view value, int height);
  int random_height();
  bool follows_last_insert(std::string_view key, std::uint64_t tag) const;
  void link(Node* node);

  static bool is_before(const Node* node, std::string_view key, std::uint64_t tag);
  static bool is_equal(const Node* node, std::string_view key, std::uint64_t tag);
  static void prefetch(const Node* node) { __builtin_prefetch(node); }  // null is harmless
  // The last node before (key, tag), or the head. `path` receives the last one of each level.
  Node* last_before(std::string_view key, std::uint64_t tag, Path* path = nullptr) const;
  // These return null when there is no such entry.
  const Node* first_from(std::string_view key, std::uint64_t tag) const;
  const Node* first() const { return head_->next(0); }
  const Node* last() const;
  const Node* unless_head(const Node* node) const { return node == head_ ? nullptr : node; }

  Arena arena_;
  Node* head_;                               // holds no entry; as high as a node can be
  std::atomic<std::size_t> entry_count_{0};  // a gauge: relaxed, it orders nothing

  // The writer's own.
  Path path_;          // from which the last entry was linked
  Node* last_insert_;  // that entry; the head at first
  std::uint32_t random_ = 0x9e3779b9;
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

inline Memtable::Memtable() : head_(new_node(0, {}, {}, height_max)), last_insert_(head_) {
  path_.fill(head_);
}

inline Memtable::~Memtable() = default;  // nodes own nothing; the arena frees their bytes

inline void Memtable::add(std::uint64_t tag, std::string_view key, std::string_view value) {
  assert(key.size() <= key_bytes_max);
  assert(value.size() <= value_bytes_max);
  if (!follows_last_insert(key, tag)) last_before(key, tag, &path_);
  assert(!is_equal(path_[0]->next(0), key, tag));
  link(new_node(tag, key, value, random_height()));
  entry_count_.store(entry_count() + 1, std::memory_order_relaxed);
}

inline std::optional<Entry> Memtable::get(const Target& target) const {
  const Node* node = first_from(target.key, target.tag());
  if (node == nullptr || node->key() != target.key) return std::nullopt;
  return Entry{node->key(), node->tag, node->value()};
}

inline MemtableCursor Memtable::cursor() const {
  return MemtableCursor(*this);
}

inline std::size_t Memtable::memory_bytes() const {
  return sizeof(Memtable) + arena_.memory_bytes();
}

inline std::size_t Memtable::entry_count() const {
  return entry_count_.load(std::memory_order_relaxed);
}

inline std::vector<std::string> Memtable::check() const {
  std::vector<std::string> broken;
  std::array<const Node*, height_max> expected;  // the node that each level must show next
  for (int level = 0; level < height_max; ++level)
    expected[level] = head_->next(level);
  std::size_t count = 0;
  const Node* before = nullptr;
  for (const Node* node = first(); node != nullptr; before = node, node = node->next(0)) {
    const std::string where = "entry " + std::to_string(count++);
    if (before != nullptr && !is_before(before, node->key(), node->tag)) {
      broken.push_back(where + " does not sort after the one before it");
      break;  // the list may be a circle
    }
    if (node->height < 1 || node->height > height_max) {
      broken.push_back(where + " has height " + std::to_string(node->height));
      break;
    }
    for (int level = 0; level < node->height; ++level) {
      if (expected[level] != node)
        broken.push_back(where + " is missing from level " + std::to_string(level));
      expected[level] = node->next(level);
    }
  }
  for (int level = 0; level < height_max && broken.empty(); ++level) {
    if (expected[level] != nullptr)
      broken.push_back("level " + std::to_string(level) + " holds a node that level 0 does not");
  }
  if (count != entry_count() && broken.empty())
    broken.push_back("holds " + std::to_string(count) + " entries and counted " +
                     std::to_string(entry_count()));
  return broken;
}

inline Memtable::Node* Memtable::new_node(std::uint64_t tag, std::string_view key,
                                          std::string_view value, int height) {
  const std::size_t links_bytes = static_cast<std::size_t>(height) * sizeof(Node::Link);
  char* place = arena_.allocate(sizeof(Node) + links_bytes + key.size() + value.size());
  Node* node =
      new (place) Node{tag, static_cast<std::uint32_t>(value.size()),
                       static_cast<std::uint16_t>(key.size()), static_cast<std::uint8_t>(height)};
  for (int level = 0; level < height; ++level)
    new (place + sizeof(Node) + static_cast<std::size_t>(level) * sizeof(Node::Link))
        Node::Link(nullptr);
  if (!key.empty()) std::memcpy(node->bytes(), key.data(), key.size());
  if (!value.empty()) std::memcpy(node->bytes() + key.size(), value.data(), value.size());
  return node;
}

inline int Memtable::random_height() {
  random_ ^= random_ << 13;  // xorshift, Marsaglia 2003
  random_ ^= random_ >> 17;
  random_ ^= random_ << 5;
  int height = 1;
  for (std::uint32_t bits = random_; height < height_max && (bits & 3) == 0; bits >>= 2)
    ++height;
  return height;
}

// The path to the last entry, with that entry on its own levels, is the path to a new entry exactly
// if no other entry sorts between the two.
inline bool Memtable::follows_last_insert(std::string_view key, std::uint64_t tag) const {
  if (last_insert_ == head_ || !is_before(last_insert_, key, tag)) return false;
  const Node* next = last_insert_->next(0);
  return next == nullptr || !is_before(next, key, tag);
}

inline void Memtable::link(Node* node) {
  for (int level = 0; level < node->height; ++level) {
    Node::Link& from = path_[level]->links()[level];
    // Relaxed: only this thread stores links, and nobody can reach `node` yet on this level.
    node->links()[level].store(from.load(std::memory_order_relaxed), std::memory_order_relaxed);
    from.store(node, std::memory_order_release);  // pairs with the acquire in next()
    path_[level] = node;
  }
  last_insert_ = node;
}

inline bool Memtable::is_before(const Node* node, std::string_view key, std::uint64_t tag) {
  return compare(node->key(), node->tag, key, tag) < 0;
}

inline bool Memtable::is_equal(const Node* node, std::string_view key, std::uint64_t tag) {
  return node != nullptr && compare(node->key(), node->tag, key, tag) == 0;
}

inline Memtable::Node* Memtable::last_before(std::string_view key, std::uint64_t tag,
                                             Path* path) const {
  Node* at = head_;
  const Node* too_far = nullptr;  // the nearest node known not to be before (key, tag), or the end
  for (int level = height_max - 1; level >= 0; --level) {
    Node* next = at->next(level);
    while (next !=
           too_far) {  // null only as too_far: every level below leads to a too_far once met
      if (level > 0) prefetch(at->next(level - 1));
      prefetch(next->next(level));
      if (!is_before(next, key, tag)) break;
      at = next;
      next = at->next(level);
    }
    too_far = next;
    if (path != nullptr) (*path)[level] = at;
  }
  return at;
}

inline const Memtable::Node* Memtable::first_from(std::string_view key, std::uint64_t tag) const {
  const Node* before = last_before(key, tag);
  // An entry that was added meanwhile may stand between, before the place we look for.
  const Node* node = before->next(0);
  while (node != nullptr && is_before(node, key, tag))
    node = node->next(0);
  return node;
}

inline const Memtable::Node* Memtable::last() const {
  const Node* at = head_;
  for (int level = height_max - 1; level >= 0; --level) {
    while (const Node* next = at->next(level))
      at = next;
  }
  return unless_head(at);
}

inline char* Memtable::Arena::allocate(std::size_t bytes) {
  bytes = (bytes + alignof(Node) - 1) / alignof(Node) * alignof(Node);
  if (bytes > free_bytes_) {
    // A quarter of what there is: few blocks, little of the last one unused.
    const std::size_t block_bytes =
        std::clamp(memory_bytes() / 4, block_bytes_min, block_bytes_max);
    if (bytes > block_bytes / 4) return new_block(bytes);  // alone, so the free rest is not lost
    free_ = new_block(block_bytes);
    free_bytes_ = block_bytes;
  }
  char* result = free_;
  free_ += bytes;
  free_bytes_ -= bytes;
  return result;
}

inline char* Memtable::Arena::new_block(std::size_t bytes) {
  blocks_.emplace_back(new char[bytes]);  // not make_unique, which would fill it with zeros
  memory_bytes_.store(memory_bytes() + bytes + sizeof blocks_.back(), std::memory_order_relaxed);
  return blocks_.back().get();
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
  node_ = node_->next(0);
  if (node_ != nullptr) Memtable::prefetch(node_->next(0));
}

inline void MemtableCursor::prev() {
  assert(is_valid());
  node_ = memtable_->unless_head(memtable_->last_before(node_->key(), node_->tag));
}

inline std::string_view MemtableCursor::key() const {
  assert(is_valid());
  return node_->key();
}

inline std::uint64_t MemtableCursor::tag() const {
  assert(is_valid());
  return node_->tag;
}

inline std::string_view MemtableCursor::value() const {
  assert(is_valid());
  return node_->value();
}

inline Status MemtableCursor::status() const {
  return {};
}

}  // namespace lsmith
