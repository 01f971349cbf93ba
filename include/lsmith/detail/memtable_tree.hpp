// memtable_tree.hpp: a B+ tree with one writer and readers that never wait; a helper of
// memtable.hpp alone. memtable_node.hpp has the nodes, and what always holds for them.
#pragma once

#include <lsmith/detail/memtable_entry.hpp>
#include <lsmith/detail/memtable_node.hpp>

#include <array>
#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace lsmith::detail {

// An entry's place in a leaf, as it was seen.
struct LeafPlace {
  const Leaf* leaf = nullptr;  // null: there is no such entry
  Order order;
  int position = 0;

  const KeyEntry* entry() const { return leaf == nullptr ? nullptr : leaf->entry(order, position); }
};

class Tree {
 public:
  explicit Tree(Arena& arena);

  // For readers. The entry with that key, or null.
  const KeyEntry* get(std::string_view key) const;
  // The first entry whose key is not before `key`.
  LeafPlace first_from(std::string_view key) const;
  // The last entry whose key is before `key`.
  LeafPlace last_before(std::string_view key) const;
  LeafPlace first() const;
  LeafPlace last() const;
  static LeafPlace next_of(const LeafPlace& place);

  // The writer's. The version joins those of its key, or is the first.
  void add(std::uint64_t tag, std::string_view key, std::string_view value);

  const Node* root() const { return root_.load(std::memory_order_acquire); }

 private:
  static constexpr int height_max = 16;  // halves have 7 or more separators: for 8^15 leaves

  // How the writer came to a leaf: for each level the node, the child it took, and the fences.
  struct Step {
    Inner* node = nullptr;
    int index = 0;
    Fences fences;
  };

  template <class Choose>
  static const Node* child_of(const Inner& node, Choose&& choose);
  const Leaf* leaf_for(std::string_view key) const;
  static LeafPlace first_in(const Leaf* leaf);

  bool follows_last(std::string_view key) const;
  void descend(std::string_view key);
  void insert(int position, KeyEntry* entry);
  void append_leaf(KeyEntry* entry);
  void split_leaf(int position, KeyEntry* entry);
  Leaf* left_neighbour() const;
  void add_child(int level, KeyEntry* separator, Node* left, Node* right);
  void split_inner(int level, KeyEntry* separator, Node* left, Node* right);

  template <class T, class... Arguments>
  T* make(Arguments... arguments) {
    return new (arena_.allocate(sizeof(T), alignof(T))) T(arguments...);
  }

  Arena& arena_;
  std::atomic<Node*> root_;  // release by the writer; acquire in root()

  // The writer's own: the path to the leaf that it was in last.
  std::array<Step, height_max> path_;  // by level; path_[0] has the leaf's fences alone
  Leaf* leaf_ = nullptr;
  const KeyEntry* last_ = nullptr;  // that leaf's last entry, if it was inserted last
};

inline Tree::Tree(Arena& arena) : arena_(arena), root_(make<Leaf>(Fences{})) {}

// The child whose index `choose` says, given the order.
template <class Choose>
const Node* Tree::child_of(const Inner& node, Choose&& choose) {
  for (Order order = node.order();;) {
    const Node* const child = node.child(order, choose(order));
    const Order now = node.order();
    if (now.word() == order.word()) return child;  // invariant 2
    order = now;
  }
}

inline const Leaf* Tree::leaf_for(std::string_view key) const {
  const Node* node = root();
  while (!node->is_leaf()) {
    const auto& inner = static_cast<const Inner&>(*node);
    node = child_of(inner, [&](Order at) {
      const Place place = inner.find(at, key);
      return place.position + (place.is_equal ? 1 : 0);
    });
    node->prefetch();
  }
  return static_cast<const Leaf*>(node);
}

inline const KeyEntry* Tree::get(std::string_view key) const {
  const Leaf* const leaf = leaf_for(key);
  const Order order = leaf->order();
  const Place place = leaf->find(order, key);
  return place.is_equal ? leaf->entry(order, place.position) : nullptr;
}

inline LeafPlace Tree::first_in(const Leaf* leaf) {
  if (leaf == nullptr) return {};
  const Order order = leaf->order();
  if (order.count() == 0) return {};  // no leaf but the first is
  return {leaf, order, 0};
}

inline LeafPlace Tree::first_from(std::string_view key) const {
  const Leaf* const leaf = leaf_for(key);
  const Order order = leaf->order();
  const int position = leaf->find(order, key).position;
  if (position < order.count()) return {leaf, order, position};
  return first_in(leaf->next());
}

inline LeafPlace Tree::first() const {
  const Node* node = root();
  while (!node->is_leaf())
    node = static_cast<const Inner*>(node)->child({}, 0);
  return first_in(static_cast<const Leaf*>(node));
}

inline LeafPlace Tree::last() const {
  const Node* node = root();
  while (!node->is_leaf())
    node = child_of(static_cast<const Inner&>(*node), [](Order at) { return at.count(); });
  const Order order = node->order();
  if (order.count() == 0) return {};
  return {static_cast<const Leaf*>(node), order, order.count() - 1};
}

// A separator is the first key of the leaf on its right, for ever. So the leaf that holds what is
// before the key, which is on the left of an equal separator, has such an entry; but for the first.
inline LeafPlace Tree::last_before(std::string_view key) const {
  const Node* node = root();
  while (!node->is_leaf()) {
    const auto& inner = static_cast<const Inner&>(*node);
    node = child_of(inner, [&](Order at) { return inner.find(at, key).position; });
  }
  const auto* const leaf = static_cast<const Leaf*>(node);
  const Order order = leaf->order();
  const int position = leaf->find(order, key).position;
  return position > 0 ? LeafPlace{leaf, order, position - 1} : LeafPlace{};
}

inline LeafPlace Tree::next_of(const LeafPlace& place) {
  if (place.position + 1 < place.order.count())
    return {place.leaf, place.order, place.position + 1};
  return first_in(place.leaf->next());
}

inline void Tree::add(std::uint64_t tag, std::string_view key, std::string_view value) {
  const bool is_next = follows_last(key);
  if (!is_next) descend(key);
  const Order order = leaf_->order();
  const Place place = is_next ? Place{order.count(), false} : leaf_->find(order, key);
  if (place.is_equal) return leaf_->entry(order, place.position)->add(arena_, tag, value);
  insert(place.position, KeyEntry::make(arena_, tag, key, value));
}

// Whether the key belongs behind the last insertion, when that was at its leaf's end: as it is
// where keys arrive in order. The keys that this compares were touched just now.
inline bool Tree::follows_last(std::string_view key) const {
  if (last_ == nullptr || last_->key() >= key) return false;
  const KeyEntry* const upper = path_[0].fences.upper;
  return upper == nullptr || key < upper->key();
}

inline void Tree::descend(std::string_view key) {
  Node* node = root_.load(std::memory_order_relaxed);  // this thread stored it
  Fences fences;
  while (!node->is_leaf()) {
    auto* const inner = static_cast<Inner*>(node);
    const Order order = inner->order();
    const Place place = inner->find(order, key);
    const int index = place.position + (place.is_equal ? 1 : 0);
    path_[static_cast<std::size_t>(inner->level())] = {inner, index, fences};
    if (index > 0) fences.lower = inner->separator(order, index - 1);
    if (index < order.count()) fences.upper = inner->separator(order, index);
    node = inner->child(order, index);
    node->prefetch();
  }
  path_[0].fences = fences;
  leaf_ = static_cast<Leaf*>(node);
  last_ = nullptr;
}

inline void Tree::insert(int position, KeyEntry* entry) {
  const Order order = leaf_->order();
  if (order.count() < node_slots) {
    leaf_->insert(position, entry);
    last_ = position == order.count() ? entry : nullptr;
    return;
  }
  position == node_slots ? append_leaf(entry) : split_leaf(position, entry);
  last_ = nullptr;  // the path leads to a leaf that is full, or was split
}

// Keys that come in order leave full leaves behind.
inline void Tree::append_leaf(KeyEntry* entry) {
  Leaf* const right = make<Leaf>(Fences{entry, path_[0].fences.upper});
  right->insert(0, entry);
  right->link(leaf_->linked());
  add_child(1, entry, nullptr, right);
  leaf_->link(right);
}

inline void Tree::split_leaf(int position, KeyEntry* entry) {
  constexpr int half = (node_slots + 1) / 2;
  const Order order = leaf_->order();
  std::array<KeyEntry*, node_slots + 1> all;
  for (int i = 0; i <= node_slots; ++i)
    all[i] = i == position ? entry : leaf_->entry(order, i < position ? i : i - 1);

  const Fences fences = path_[0].fences;
  Leaf* const left = make<Leaf>(Fences{fences.lower, all[half]});
  Leaf* const right = make<Leaf>(Fences{all[half], fences.upper});
  for (int i = 0; i <= node_slots; ++i) {
    Leaf* const to = i < half ? left : right;
    to->insert(to->order().count(), all[i]);
  }
  left->link(right);
  right->link(leaf_->linked());
  Leaf* const neighbour = left_neighbour();
  add_child(1, all[half], left, right);
  leaf_->replace_by(left);
  // Else readers would pass through ever more replacements.
  if (neighbour != nullptr) neighbour->link(left);
}

// The leaf before that one to which the path leads; null for the first.
inline Leaf* Tree::left_neighbour() const {
  const int height = root()->level();
  int level = 1;
  while (level <= height && path_[static_cast<std::size_t>(level)].index == 0)
    ++level;
  if (level > height) return nullptr;
  const Step& step = path_[static_cast<std::size_t>(level)];
  Node* node = step.node->child(step.node->order(), step.index - 1);
  while (!node->is_leaf()) {
    auto* const inner = static_cast<Inner*>(node);
    node = inner->child(inner->order(), inner->order().count());
  }
  return static_cast<Leaf*>(node);
}

// Puts `right` behind the child of the path at that level, which `left`, if there is one, replaces.
inline void Tree::add_child(int level, KeyEntry* separator, Node* left, Node* right) {
  Node* const root = root_.load(std::memory_order_relaxed);  // this thread stored it
  if (level > root->level()) {
    auto* const above = make<Inner>(level, Fences{}, left != nullptr ? left : root);
    above->insert(0, separator, right);
    return root_.store(above, std::memory_order_release);  // pairs with the acquire in root()
  }
  const Step& step = path_[static_cast<std::size_t>(level)];
  const Order order = step.node->order();
  if (order.count() == node_slots) return split_inner(level, separator, left, right);
  step.node->insert(step.index, separator, right);
  if (left != nullptr) step.node->set_child(order, step.index, left);  // last: invariant 2
}

inline void Tree::split_inner(int level, KeyEntry* separator, Node* left, Node* right) {
  const Step step = path_[static_cast<std::size_t>(level)];
  const Order order = step.node->order();
  if (step.index == node_slots && left == nullptr) {  // in order: the full node stays
    const Fences fences{separator, step.fences.upper};
    return add_child(level + 1, separator, nullptr, make<Inner>(level, fences, right));
  }
  std::array<KeyEntry*, node_slots + 1> separators;
  std::array<Node*, node_slots + 2> children;
  for (int i = 0; i <= node_slots; ++i)
    separators[i] =
        i == step.index ? separator : step.node->separator(order, i < step.index ? i : i - 1);
  for (int i = 0; i <= node_slots + 1; ++i)
    children[i] =
        i == step.index + 1 ? right : step.node->child(order, i <= step.index ? i : i - 1);
  if (left != nullptr) children[step.index] = left;

  constexpr int half = node_slots / 2 + 1;  // the separator that goes up
  KeyEntry* const middle = separators[half];
  auto* const lower = make<Inner>(level, Fences{step.fences.lower, middle}, children[0]);
  auto* const upper = make<Inner>(level, Fences{middle, step.fences.upper}, children[half + 1]);
  for (int i = 0; i < half; ++i)
    lower->insert(i, separators[i], children[i + 1]);
  for (int i = half + 1; i <= node_slots; ++i)
    upper->insert(i - half - 1, separators[i], children[i + 1]);
  add_child(level + 1, middle, lower, upper);
}

}  // namespace lsmith::detail
