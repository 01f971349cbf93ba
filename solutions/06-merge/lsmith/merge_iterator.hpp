// merge_iterator.hpp: many sorted cursors as one. It drops nothing.
//
//   memtable   a@9        c@7                     the merge, forwards:
//   table      a@4   b@6         d@2     ->       a@9  a@4  b@6  c@7  c@3  d@2
//   table                 c@3
//
// Every child stands on its own next entry. Walking forwards, the merge stands where its smallest
// child stands; next() moves that child alone and looks for the smallest again. Walking backwards
// it is the largest child, and prev().
//
// Invariants, while the merge is valid
//  1. Walking forwards, every other child stands on its first entry behind the current one, or is
//     at its end; walking backwards, on its last entry before the current one, or is at its end.
//  2. "Before" and "behind" mean the order of key.hpp, and between entries equal in key and tag the
//     order of the children. So no two entries are ever equal, and none is lost or doubled.
//  3. No child has failed. A child that ended by an error is not one that came to its end: what it
//     did not show may be newer than all the rest.
//
// Turning round breaks the first invariant for all children but the current one, so each of them is
// sought again, to the other side of the current entry. Seeking, rather than stepping once, stays
// right when a child is a memtable that grew in the meantime.
//
// Threads: one at a time. Cost: a step compares every child, a turn seeks every child.
#pragma once

#include <lsmith/cursor.hpp>

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
  static constexpr std::size_t nobody = ~std::size_t{0};

  bool comes_before(std::size_t a, std::size_t b) const;
  void turn_forwards();
  void turn_backwards();
  void choose();
  bool is_better(std::size_t a, std::size_t b) const;

  std::vector<std::unique_ptr<ChildCursor>> children_;
  std::size_t current_ = nobody;  // the child whose entry is the merge's
  bool is_forwards_ = true;
  Status status_;
};

inline MergeCursor::MergeCursor(std::vector<std::unique_ptr<ChildCursor>> children)
    : children_(std::move(children)) {}

inline bool MergeCursor::is_valid() const {
  return current_ != nobody;
}

inline void MergeCursor::seek_to_first() {
  for (auto& child : children_)
    child->seek_to_first();
  is_forwards_ = true;
  choose();
}

inline void MergeCursor::seek_to_last() {
  for (auto& child : children_)
    child->seek_to_last();
  is_forwards_ = false;
  choose();
}

inline void MergeCursor::seek(std::string_view key, std::uint64_t tag) {
  prepare(key, tag);
  for (auto& child : children_)
    child->seek(key, tag);
  is_forwards_ = true;
  choose();
}

inline void MergeCursor::prepare(std::string_view key, std::uint64_t tag) {
  for (auto& child : children_)
    child->prepare(key, tag);
}

inline void MergeCursor::next() {
  assert(is_valid());
  if (!is_forwards_) turn_forwards();
  children_[current_]->next();
  choose();
}

inline void MergeCursor::prev() {
  assert(is_valid());
  if (is_forwards_) turn_backwards();
  children_[current_]->prev();
  choose();
}

inline std::string_view MergeCursor::key() const {
  assert(is_valid());
  return children_[current_]->key();
}

inline std::uint64_t MergeCursor::tag() const {
  assert(is_valid());
  return children_[current_]->tag();
}

inline std::string_view MergeCursor::value() const {
  assert(is_valid());
  return children_[current_]->value();
}

inline Status MergeCursor::status() const {
  return status_;
}

// Whether the entry of child a comes out before that of child b, walking forwards.
inline bool MergeCursor::comes_before(std::size_t a, std::size_t b) const {
  const ChildCursor& left = *children_[a];
  const ChildCursor& right = *children_[b];
  const auto order = compare(left.key(), left.tag(), right.key(), right.tag());
  return order == 0 ? a < b : order < 0;
}

// Every other child goes to its first entry behind the current one. The current child stays where
// it is, so its key may be used all the while.
inline void MergeCursor::turn_forwards() {
  for (std::size_t i = 0; i < children_.size(); ++i) {
    if (i == current_) continue;
    ChildCursor& child = *children_[i];
    child.seek(key(), tag());
    while (child.is_valid() && comes_before(i, current_))
      child.next();
  }
  is_forwards_ = true;
}

// Every other child goes to its last entry before the current one: when none is at or behind it,
// that is the child's very last.
inline void MergeCursor::turn_backwards() {
  for (std::size_t i = 0; i < children_.size(); ++i) {
    if (i == current_) continue;
    ChildCursor& child = *children_[i];
    child.seek(key(), tag());
    if (!child.is_valid() && child.status().ok()) child.seek_to_last();
    while (child.is_valid() && comes_before(current_, i))
      child.prev();
  }
  is_forwards_ = false;
}

// Makes the child that is next in the direction of the walk the current one. A failed child ends
// it.
inline void MergeCursor::choose() {
  status_ = Status();
  current_ = nobody;
  for (std::size_t i = 0; i < children_.size(); ++i) {
    if (children_[i]->is_valid()) {
      if (current_ == nobody || is_better(i, current_)) current_ = i;
    } else if (Status s = children_[i]->status(); !s.ok()) {
      status_ = std::move(s);
      current_ = nobody;
      return;
    }
  }
}

inline bool MergeCursor::is_better(std::size_t a, std::size_t b) const {
  return is_forwards_ ? comes_before(a, b) : comes_before(b, a);
}

}  // namespace lsmith
