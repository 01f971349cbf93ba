// memtable.hpp: the newest writes, sorted in memory.
//
// A B+ tree whose leaves hold up to 14 keys, with one writer and readers that never wait
// (detail/memtable_tree.hpp). A key has its versions in a chain, newest first
// (detail/memtable_entry.hpp), so the tree holds each key once.
//
//   inner nodes              [ f, p ]
//                               |
//   leaves     [ a b c d ] --> [ f h k ] --> [ p q t ]
//                |
//   versions     a@9 --> a@5
//
// Invariants
//  1. Keys ascend from leaf to leaf; the versions of a key descend.
//  2. What can be reached never changes, but by a word that is stored with release after everything
//     behind it was written, and loaded with acquire. Nothing is ever taken out or used again.
//  3. A cursor stands on a version. When its leaf was split since, it finds its key again.
//
// Threads: one writer beside any number of readers, and no reader ever waits: invariant 2 is all
// the synchronisation there is.
//
// What this body changes from the textbook: a skip list takes a cache miss a step, and some thirty
// steps. Here a search takes one node a level, five or six levels, and a node tells where a key
// belongs from two or three cache lines, which are asked for at once; only the last step looks at a
// key. Neighbours lie side by side, so a walk misses the cache once for the entry itself. Many
// versions of one key cost neither a search nor a scan more. The writer remembers its leaf, so keys
// that arrive in order cost no descent. The price is memory: nodes that were split stay.
//
// Cost: add, get, seek and prev take O(log n) steps; next takes one. An entry takes its bytes and
// about 110 more when keys arrive at random, 70 when they arrive in order.
#pragma once

#include <lsmith/cursor.hpp>
#include <lsmith/detail/memtable_entry.hpp>
#include <lsmith/detail/memtable_node.hpp>
#include <lsmith/detail/memtable_tree.hpp>
#include <lsmith/key.hpp>

#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
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

  // A walk over the whole tree, from left to right. It takes memory only for what is wrong.
  struct Walk {
    std::vector<std::string> found;
    const detail::Leaf* before = nullptr;
    std::size_t entry_count = 0;

    void say(std::string what) { found.push_back(std::move(what)); }
  };
  static void check_node(const detail::Node* node, detail::Fences fences, Walk& walk);
  static void check_keys(const detail::Node* node, detail::Fences fences, Walk& walk);
  static void check_leaf(const detail::Leaf* leaf, Walk& walk);
  static void check_versions(const detail::KeyEntry* entry, Walk& walk);

  detail::Arena arena_;
  detail::Tree tree_;
  std::atomic<std::size_t> entry_count_{0};  // a gauge: relaxed, it orders nothing
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
  friend struct StayingValue;
  static bool value_stays() { return true; }
  explicit MemtableCursor(const Memtable& memtable) : memtable_(&memtable) {}

  // Stands on a key's newest, or oldest, version; not valid when there is no such key.
  void stand_on_newest(detail::LeafPlace place);
  void stand_on_oldest(detail::LeafPlace place);
  void next_key();
  // Looks at the leaf again: it may have more entries, or have been split, since it was seen.
  void renew();

  const Memtable* memtable_;
  detail::LeafPlace place_;
  const detail::KeyEntry* entry_ = nullptr;
  const detail::KeyVersion* version_ = nullptr;  // null: not valid
};

inline Memtable::Memtable() : tree_(arena_) {}

inline Memtable::~Memtable() = default;  // entries own nothing; the arena frees their bytes

inline void Memtable::add(std::uint64_t tag, std::string_view key, std::string_view value) {
  assert(key.size() <= key_bytes_max);
  assert(value.size() <= value_bytes_max);
  tree_.add(tag, key, value);
  entry_count_.store(entry_count() + 1, std::memory_order_relaxed);
}

inline std::optional<Entry> Memtable::get(const Target& target) const {
  const detail::KeyEntry* const entry = tree_.get(target.key);
  if (entry == nullptr) return std::nullopt;
  const detail::KeyVersion* const version = entry->newest()->at_most(target.tag());
  if (version == nullptr) return std::nullopt;
  return Entry{entry->key(), version->tag(), version->value()};
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
  Walk walk;
  check_node(tree_.root(), {}, walk);
  if (walk.before->next() != nullptr) walk.say("the last leaf is linked to another");
  if (walk.entry_count != entry_count() && walk.found.empty())
    walk.say("holds " + std::to_string(walk.entry_count) + " entries and counted " +
             std::to_string(entry_count()));
  return std::move(walk.found);
}

inline void Memtable::check_node(const detail::Node* node, detail::Fences fences, Walk& walk) {
  check_keys(node, fences, walk);
  if (node->is_leaf()) return check_leaf(static_cast<const detail::Leaf*>(node), walk);
  const auto& inner = static_cast<const detail::Inner&>(*node);
  const detail::Order order = inner.order();
  for (int i = 0; i <= order.count(); ++i) {
    detail::Fences part = fences;
    if (i > 0) part.lower = inner.separator(order, i - 1);
    if (i < order.count()) part.upper = inner.separator(order, i);
    const detail::Node* const child = inner.child(order, i);
    if (child->level() + 1 != inner.level()) walk.say("a node has a child of another level");
    check_node(child, part, walk);
  }
}

inline void Memtable::check_keys(const detail::Node* node, detail::Fences fences, Walk& walk) {
  const detail::Order order = node->order();
  const auto entry_of = [&](int position) {
    return node->is_leaf() ? static_cast<const detail::Leaf*>(node)->entry(order, position)
                           : static_cast<const detail::Inner*>(node)->separator(order, position);
  };
  const auto say = [&](const char* what) {
    walk.say("a node of level " + std::to_string(node->level()) + " " + what);
  };
  if (node->shared_bytes() > fences.shared_bytes()) say("takes more for shared than its fences do");
  for (int i = 0; i < order.count(); ++i) {
    const std::string_view key = entry_of(i)->key();
    if (i > 0 && entry_of(i - 1)->key() >= key) say("is out of order");
    if (fences.lower != nullptr && key < fences.lower->key()) say("has a key below its fences");
    if (fences.upper != nullptr && key >= fences.upper->key()) say("has a key above its fences");
    if (node->chunk(order.slot(i)) != chunk_of_key(key, node->shared_bytes()))
      say("has a chunk that is not its key's");
  }
}

inline void Memtable::check_leaf(const detail::Leaf* leaf, Walk& walk) {
  if (leaf->replacement() != nullptr) walk.say("a leaf that was split is in use");
  if (walk.before != nullptr && walk.before->linked() != leaf)
    walk.say("a leaf is not linked to the next");
  walk.before = leaf;
  const detail::Order order = leaf->order();
  for (int i = 0; i < order.count(); ++i)
    check_versions(leaf->entry(order, i), walk);
}

inline void Memtable::check_versions(const detail::KeyEntry* entry, Walk& walk) {
  const detail::KeyVersion* newer = nullptr;
  for (const auto* version = entry->newest(); version != nullptr; version = version->older()) {
    if (newer != nullptr && version->tag() >= newer->tag())
      walk.say("entry " + std::to_string(walk.entry_count) +
               " does not sort after the one before it");
    newer = version;
    ++walk.entry_count;
  }
}

inline void MemtableCursor::stand_on_newest(detail::LeafPlace place) {
  place_ = place;
  entry_ = place.entry();
  version_ = entry_ == nullptr ? nullptr : entry_->newest();
}

inline void MemtableCursor::stand_on_oldest(detail::LeafPlace place) {
  stand_on_newest(place);
  if (version_ != nullptr) version_ = version_->oldest();
}

inline void MemtableCursor::renew() {
  if (place_.leaf->replacement() != nullptr) {
    place_ = memtable_->tree_.first_from(entry_->key());
    return;
  }
  const detail::Order now = place_.leaf->order();
  if (now.word() == place_.order.word()) return;
  place_.order = now;
  place_.position = place_.leaf->find(now, entry_->key()).position;
}

inline void MemtableCursor::next_key() {
  renew();
  const detail::LeafPlace next = detail::Tree::next_of(place_);
  // The first step into a leaf asks for all that the next ones need.
  if (next.position == 0 && next.leaf != nullptr) next.leaf->prefetch_entries(next.order);
  stand_on_newest(next);
}

inline bool MemtableCursor::is_valid() const {
  return version_ != nullptr;
}

inline void MemtableCursor::seek_to_first() {
  stand_on_newest(memtable_->tree_.first());
}

inline void MemtableCursor::seek_to_last() {
  stand_on_oldest(memtable_->tree_.last());
}

inline void MemtableCursor::seek(std::string_view key, std::uint64_t tag) {
  stand_on_newest(memtable_->tree_.first_from(key));
  if (!is_valid() || entry_->key() != key) return;
  version_ = version_->at_most(tag);
  if (version_ == nullptr) next_key();  // all versions are before the place
}

inline void MemtableCursor::prepare(std::string_view, std::uint64_t) {}

inline void MemtableCursor::next() {
  assert(is_valid());
  version_ = version_->older();
  if (version_ == nullptr) next_key();
}

inline void MemtableCursor::prev() {
  assert(is_valid());
  if (const detail::KeyVersion* const newer = entry_->newer_than(version_->tag())) {
    version_ = newer;
    return;
  }
  renew();
  if (place_.position > 0) {
    --place_.position;
    return stand_on_oldest(place_);
  }
  const detail::LeafPlace before = memtable_->tree_.last_before(entry_->key());
  if (before.leaf != nullptr) before.leaf->prefetch_entries(before.order);  // as next_key() does
  stand_on_oldest(before);
}

inline std::string_view MemtableCursor::key() const {
  assert(is_valid());
  return entry_->key();
}

inline std::uint64_t MemtableCursor::tag() const {
  assert(is_valid());
  return version_->tag();
}

inline std::string_view MemtableCursor::value() const {
  assert(is_valid());
  return version_->value();
}

inline Status MemtableCursor::status() const {
  return {};
}

}  // namespace lsmith
