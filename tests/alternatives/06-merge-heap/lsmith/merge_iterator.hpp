// merge_iterator.hpp: many sorted cursors as one. It drops nothing.
//
// Different from the textbook: the children that stand on an entry form a heap (std::push_heap and
// std::pop_heap), and the merge stands where the child at its front stands. Forwards the smallest
// entry is in front, backwards the largest; a turn builds the heap anew. A step costs a logarithm
// of the number of children. A child that fails empties the heap.
#pragma once

#include <lsmith/cursor.hpp>

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace lsmith {

/// All entries of its children in the order of key.hpp, in both directions; see the laws of
/// cursor.hpp. Every version and every tombstone comes out: what to hide is decided above. Entries
/// equal in key and tag come out in the order of the children (reversed when walking back). When a
/// child fails, the merge is not valid and says the child's error. One thread at a time.
class MergeCursor {
 public:
  /// Owns the children; none of them is positioned yet. There may be none at all.
  explicit MergeCursor(std::vector<std::unique_ptr<ChildCursor>> children);

  bool is_valid() const;
  void seek_to_first();
  void seek_to_last();
  /// Prepares every child, then seeks every child.
  void seek(std::string_view key, std::uint64_t tag);
  void prepare(std::string_view key, std::uint64_t tag);
  void next();
  void prev();
  std::string_view key() const;
  std::uint64_t tag() const;
  std::string_view value() const;
  Status status() const;

 private:
  struct IsLater;  // the order of the heap

  void start(bool is_forwards);
  void turn();
  void move_to_far_side(std::size_t i, std::size_t current);
  void step();
  bool enter(std::size_t i);

  std::vector<std::unique_ptr<ChildCursor>> children_;
  std::vector<std::size_t> heap_;  // of the numbers of those children that are valid
  bool is_forwards_ = true;
  Status status_;
};

// Whether child a is met after child b in the direction of the walk; both are valid. Entries equal
// in key and tag follow the order of the children.
struct MergeCursor::IsLater {
  const MergeCursor& merge;

  bool operator()(std::size_t a, std::size_t b) const {
    const ChildCursor& left = *merge.children_[a];
    const ChildCursor& right = *merge.children_[b];
    const auto by_entry = compare(left.key(), left.tag(), right.key(), right.tag());
    const auto order = by_entry != 0 ? by_entry : a <=> b;
    return merge.is_forwards_ ? order > 0 : order < 0;
  }
};

inline MergeCursor::MergeCursor(std::vector<std::unique_ptr<ChildCursor>> children)
    : children_(std::move(children)) {}

inline bool MergeCursor::is_valid() const {
  return !heap_.empty();
}

inline void MergeCursor::seek_to_first() {
  for (auto& child : children_)
    child->seek_to_first();
  start(true);
}

inline void MergeCursor::seek_to_last() {
  for (auto& child : children_)
    child->seek_to_last();
  start(false);
}

inline void MergeCursor::seek(std::string_view key, std::uint64_t tag) {
  prepare(key, tag);
  for (auto& child : children_)
    child->seek(key, tag);
  start(true);
}

inline void MergeCursor::prepare(std::string_view key, std::uint64_t tag) {
  for (auto& child : children_)
    child->prepare(key, tag);
}

inline void MergeCursor::next() {
  assert(is_valid());
  if (!is_forwards_) turn();
  if (is_valid()) step();
}

inline void MergeCursor::prev() {
  assert(is_valid());
  if (is_forwards_) turn();
  if (is_valid()) step();
}

inline std::string_view MergeCursor::key() const {
  assert(is_valid());
  return children_[heap_.front()]->key();
}

inline std::uint64_t MergeCursor::tag() const {
  assert(is_valid());
  return children_[heap_.front()]->tag();
}

inline std::string_view MergeCursor::value() const {
  assert(is_valid());
  return children_[heap_.front()]->value();
}

inline Status MergeCursor::status() const {
  return status_;
}

// Builds the heap of where the children stand now.
inline void MergeCursor::start(bool is_forwards) {
  is_forwards_ = is_forwards;
  status_ = Status();
  heap_.clear();
  for (std::size_t i = 0; i < children_.size(); ++i)
    if (!enter(i)) return;
}

// From now on the walk goes the other way. The current child stays where it is, and is in front of
// the new heap too, since all others move to the far side of its entry.
inline void MergeCursor::turn() {
  const std::size_t current = heap_.front();
  is_forwards_ = !is_forwards_;
  heap_.assign(1, current);
  for (std::size_t i = 0; i < children_.size(); ++i) {
    if (i == current) continue;
    move_to_far_side(i, current);
    if (!enter(i)) return;
  }
  assert(heap_.front() == current);
}

// Moves a child to the entry of its own that is met next after the current one.
inline void MergeCursor::move_to_far_side(std::size_t i, std::size_t current) {
  const IsLater is_later{*this};
  ChildCursor& child = *children_[i];
  child.seek(children_[current]->key(), children_[current]->tag());
  if (is_forwards_) {
    while (child.is_valid() && is_later(current, i))
      child.next();
    return;
  }
  if (!child.is_valid() && child.status().ok()) child.seek_to_last();
  while (child.is_valid() && is_later(current, i))
    child.prev();
}

// Takes the child in front out, moves it on, and lets it in again.
inline void MergeCursor::step() {
  std::pop_heap(heap_.begin(), heap_.end(), IsLater{*this});
  const std::size_t current = heap_.back();
  heap_.pop_back();
  if (is_forwards_)
    children_[current]->next();
  else
    children_[current]->prev();
  enter(current);
}

// Lets a child into the heap if it stands on an entry. False when it has failed: the merge then
// has.
inline bool MergeCursor::enter(std::size_t i) {
  const ChildCursor& child = *children_[i];
  if (child.is_valid()) {
    heap_.push_back(i);
    std::push_heap(heap_.begin(), heap_.end(), IsLater{*this});
    return true;
  }
  status_ = child.status();
  if (!status_.ok()) heap_.clear();
  return status_.ok();
}

}  // namespace lsmith
