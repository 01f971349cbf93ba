// memtable_node.hpp: the nodes of the memtable's tree; a helper of memtable.hpp alone.
//
//   inner     | order | chunks 14 | children 1 + 14 | separators 14 |
//   leaf      | order | chunks 14 | entries 14 | next | replacement |
//
//   order     one word: the number of used slots, and in which order they sort. Slots are filled in
//             the order in which they come, and never changed again:
//
//   slots     0 m   1 c   2 t   3 f          order  4 slots: 1 3 0 2          sorted  c f m t
//
// To insert is to fill the next slot and to store the new order: a reader has the old word or the
// new one, and each names slots that are whole. A chunk is 8 bytes of the key as a number, taken
// behind the bytes that all keys of the node share; so where a key belongs in a node shows without
// a look at any other key, unless chunks are equal. (The word is that of Masstree: Mao, Kohler and
// Morris, 2012.)
//
// A full leaf is not changed. Two new ones take its entries; it stays as it is, for readers that
// are in it. A full inner node is replaced and stays in the same way.
//
// Invariants
//  1. Used slots never change, but for the child in a slot. Order is stored with release after the
//     slot was filled, and loaded with acquire.
//  2. When a node is split, its parent shows the separator and the right half before it shows the
//     left half. So whoever loads a child, and then finds the order as it was, has the right child.
//  3. A leaf that was split has a replacement: the left half, which is linked to the right one.
//  4. All keys of a node, and all that are looked for in it, lie between its fences, the separators
//     around it: they begin with what the fences share.
//  5. Neighbours are linked: behind a leaf stands its next, or what replaced it.
#pragma once

#include <lsmith/detail/memtable_entry.hpp>
#include <lsmith/key.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace lsmith::detail {

inline constexpr int node_slots = 14;  // a leaf is four cache lines

#ifdef LSMITH_SCHEDULED
// What a test lets happen before this thread looks at, or changes, what others see.
using BeforeStep = void (*)();
inline thread_local BeforeStep before_step = nullptr;
#endif
inline void come_to_step() {
#ifdef LSMITH_SCHEDULED
  if (before_step != nullptr) before_step();
#endif
}

// The word that says which slots are used, and how they sort: a count, then a nibble for each.
class Order {
 public:
  Order() = default;
  explicit Order(std::uint64_t word) : word_(word) {}
  std::uint64_t word() const { return word_; }
  int count() const { return static_cast<int>(word_ & 15); }
  int slot(int position) const { return static_cast<int>((word_ >> (4 + 4 * position)) & 15); }
  // With the next slot at that position.
  Order with_next_at(int position) const {
    assert(count() < node_slots);
    const std::uint64_t slots = word_ >> 4;
    const std::uint64_t below = (std::uint64_t{1} << (4 * position)) - 1;
    const std::uint64_t next = static_cast<std::uint64_t>(count()) << (4 * position);
    const std::uint64_t all = (slots & below) | next | ((slots & ~below) << 4);
    return Order((all << 4) | static_cast<std::uint64_t>(count() + 1));
  }

 private:
  std::uint64_t word_ = 0;
};

// The entries between which a node's keys lie: lower <= key < upper; null: no bound.
struct Fences {
  const KeyEntry* lower = nullptr;
  const KeyEntry* upper = nullptr;

  std::size_t shared_bytes() const {
    if (lower == nullptr || upper == nullptr) return 0;
    const std::string_view a = lower->key(), b = upper->key();
    const auto end = std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first;
    return static_cast<std::size_t>(end - a.begin());
  }
};

// Where a key belongs in a node: how many are before it, and whether it is the next one.
struct Place {
  int position = 0;
  bool is_equal = false;
};

// What all nodes begin with: two cache lines, which a search reads.
class alignas(64) Node {
 public:
  Node(int level, Fences fences)
      : shared_bytes_(static_cast<std::uint32_t>(fences.shared_bytes())),
        level_(static_cast<std::uint32_t>(level)) {}

  bool is_leaf() const { return level_ == 0; }
  int level() const { return static_cast<int>(level_); }
  std::size_t shared_bytes() const { return shared_bytes_; }
  Order order() const {
    come_to_step();
    return Order(order_.load(std::memory_order_acquire));
  }
  std::uint64_t chunk(int slot) const { return chunks_[slot]; }
  // Asks for what a search needs: these two lines, and the two that say where to go from here.
  void prefetch() const {
    for (std::size_t at = 0; at < 4 * alignof(Node); at += alignof(Node))
      __builtin_prefetch(reinterpret_cast<const char*>(this) + at);
  }

 protected:
  using Entries = std::array<KeyEntry*, node_slots>;

  Place find(Order order, std::string_view key, const Entries& entries) const;
  // The writer's. The slot shows when the new order is published.
  void fill(int slot, KeyEntry* entry, Entries& entries) {
    chunks_[slot] = chunk_of_key(entry->key(), shared_bytes_);
    entries[static_cast<std::size_t>(slot)] = entry;
  }
  void publish(Order order) {
    come_to_step();
    order_.store(order.word(), std::memory_order_release);  // pairs with the acquire in order()
  }

 private:
  std::atomic<std::uint64_t> order_{0};
  const std::uint32_t shared_bytes_;
  const std::uint32_t level_;  // 0: a leaf
  std::uint64_t chunks_[node_slots];
};
static_assert(sizeof(Node) == 128);

class Leaf : public Node {
 public:
  explicit Leaf(Fences fences) : Node(0, fences) {}

  KeyEntry* entry(Order order, int position) const {
    return entries_[static_cast<std::size_t>(order.slot(position))];
  }
  Place find(Order order, std::string_view key) const { return Node::find(order, key, entries_); }
  // The leaf behind this one, as it is now; null behind the last.
  const Leaf* next() const {
    come_to_step();
    const Leaf* leaf = next_.load(std::memory_order_acquire);
    while (leaf != nullptr && leaf->replacement() != nullptr)
      leaf = leaf->replacement();
    return leaf;
  }
  // Asks for the entries, and for the leaf behind.
  void prefetch_entries(Order order) const {
    if (const Leaf* const next = next_.load(std::memory_order_relaxed)) next->prefetch();
    for (int i = 0; i < order.count(); ++i) {
      __builtin_prefetch(entry(order, i));
      __builtin_prefetch(reinterpret_cast<const char*>(entry(order, i)) + 64);
    }
  }
  const Leaf* replacement() const {
    come_to_step();
    return replacement_.load(std::memory_order_acquire);
  }

  // The writer's.
  void insert(int position, KeyEntry* entry) {
    const Order before = order();
    fill(before.count(), entry, entries_);
    publish(before.with_next_at(position));
  }
  Leaf* linked() const { return next_.load(std::memory_order_relaxed); }
  void link(Leaf* next) {
    come_to_step();
    next_.store(next, std::memory_order_release);
  }
  void replace_by(Leaf* left) {
    come_to_step();
    replacement_.store(left, std::memory_order_release);
  }

 private:
  Entries entries_;
  std::atomic<Leaf*> next_{nullptr};         // release in link(), acquire in next()
  std::atomic<Leaf*> replacement_{nullptr};  // release in replace_by(), acquire in replacement()
};
static_assert(sizeof(Leaf) == 256 || sizeof(void*) != 8);

// Child i holds what is before separator i, and not before separator i - 1.
class Inner : public Node {
 public:
  Inner(int level, Fences fences, Node* first) : Node(level, fences), first_(first) {}

  KeyEntry* separator(Order order, int position) const {
    return entries_[static_cast<std::size_t>(order.slot(position))];
  }
  Place find(Order order, std::string_view key) const { return Node::find(order, key, entries_); }
  Node* child(Order order, int index) const {
    come_to_step();
    return const_cast<Inner*>(this)->slot_of(order, index).load(std::memory_order_acquire);
  }

  // The writer's.
  void set_child(Order order, int index, Node* child) {
    come_to_step();
    slot_of(order, index).store(child, std::memory_order_release);  // pairs with child()
  }
  void insert(int index, KeyEntry* separator, Node* right) {
    const Order before = order();
    fill(before.count(), separator, entries_);
    children_[static_cast<std::size_t>(before.count())].store(
        right, std::memory_order_relaxed);  // the order publishes it
    publish(before.with_next_at(index));
  }

 private:
  std::atomic<Node*>& slot_of(Order order, int index) {
    return index == 0 ? first_ : children_[static_cast<std::size_t>(order.slot(index - 1))];
  }

  std::atomic<Node*> first_;
  std::array<std::atomic<Node*>, node_slots> children_;
  Entries entries_;
};

inline Place Node::find(Order order, std::string_view key, const Entries& entries) const {
  const std::uint64_t chunk = chunk_of_key(key, shared_bytes_);
  int less = 0, equal = 0;
  for (int slot = 0; slot < order.count(); ++slot) {
    less += chunks_[slot] < chunk ? 1 : 0;
    equal += chunks_[slot] == chunk ? 1 : 0;
  }
  // Among equal chunks the whole keys decide.
  int begin = less, end = less + equal;
  while (begin < end) {
    const int middle = (begin + end) / 2;
    const int by_key = entries[static_cast<std::size_t>(order.slot(middle))]->key().compare(key);
    if (by_key == 0) return {middle, true};
    if (by_key < 0) begin = middle + 1;
    if (by_key > 0) end = middle;
  }
  return {begin, false};
}

}  // namespace lsmith::detail
