// merge_iterator.hpp: many sorted cursors as one. It drops nothing. Yours to write;
// book/06-merge.md explains.
//
// Goal: whoever reads the engine sees one sorted sequence, in both directions, though its entries
// lie in a memtable and in a dozen tables.
//
//   memtable   a@9        c@7                     the merge, forwards:
//   table      a@4   b@6         d@2     ->       a@9  a@4  b@6  c@7  c@3  d@2
//   table                 c@3
//
// Steps (each is checked by `labs/lab check 06`)
//   06.1  is_valid, seek_to_first, seek, prepare, next, key, tag, value      about 35 minutes
//   06.2  seek_to_last, prev; and next again, now that the walk may turn     about 40 minutes
//   06.3  a child that fails: is_valid and status say so                     about 15 minutes
//
// Step 06.3 has no stub of its own, for a merge that overlooks errors looks finished: until you see
// to them its verdict is "wrong". That is how such a merge fares in the world, too.
//
// Given: the constructor, which takes the children over; compare() of key.hpp.
//
// Invariants, while the merge is valid
//  1. Walking forwards, every other child stands on its first entry behind the current one, or is
//     at its end; walking backwards, on its last entry before the current one, or is at its end.
//  2. "Before" and "behind" mean the order of key.hpp, and between entries equal in key and tag the
//     order of the children. So no two entries are ever equal, and none is lost or doubled.
//  3. No child has failed. A child that ended by an error is not one that came to its end: what it
//     did not show may be newer than all the rest.
//
// The public declarations are the contract that the rest of the engine calls: leave them as they
// are. Everything below the `private:` is yours, and so are helpers, includes and bodies.
//
// Threads: one at a time. But a child may be a memtable, to which others add in the meantime.
#pragma once

#include <lsmith/cursor.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
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
  std::vector<std::unique_ptr<ChildCursor>> children_;

  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  // Whether the entry of child a comes out before that of child b, walking forwards.
  bool is_before(std::size_t a, std::size_t b) const;
  // Notes the first error among the children that are not valid; true when there is one.
  bool has_failed_child();
  // Makes the first (or the last) of the children's entries the current one.
  void choose();
  // Makes invariant 1 true for the other direction. False when a child failed.
  bool turn(bool forwards);
  void start(bool forwards);

  std::size_t current_ = none;
  bool is_forwards_ = true;
  Status status_;
};

// Given.
inline MergeCursor::MergeCursor(std::vector<std::unique_ptr<ChildCursor>> children)
    : children_(std::move(children)) {}

inline bool MergeCursor::is_before(std::size_t a, std::size_t b) const {
  const ChildCursor& first = *children_[a];
  const ChildCursor& second = *children_[b];
  const auto order = compare(first.key(), first.tag(), second.key(), second.tag());
  return order != 0 ? order < 0 : a < b;
}

inline bool MergeCursor::has_failed_child() {
  for (const auto& child : children_) {
    if (child->is_valid()) continue;
    status_ = child->status();
    if (!status_.ok()) return true;
  }
  return false;
}

inline void MergeCursor::choose() {
  current_ = none;
  if (has_failed_child()) return;
  for (std::size_t i = 0; i < children_.size(); ++i) {
    if (!children_[i]->is_valid()) continue;
    if (current_ == none || is_before(i, current_) == is_forwards_) current_ = i;
  }
}

inline void MergeCursor::start(bool forwards) {
  current_ = none;
  is_forwards_ = forwards;
  status_ = {};
}

inline bool MergeCursor::turn(bool forwards) {
  is_forwards_ = forwards;
  const ChildCursor& here = *children_[current_];
  for (std::size_t i = 0; i < children_.size(); ++i) {
    if (i == current_) continue;
    ChildCursor& child = *children_[i];
    child.seek(here.key(), here.tag());
    if (!child.is_valid()) {
      status_ = child.status();
      if (!status_.ok()) return false;  // the seek below would make the child forget it
      if (forwards) continue;
      child.seek_to_last();
    }
    while (child.is_valid() && is_before(i, current_) == forwards) {
      if (forwards) {
        child.next();
      } else {
        child.prev();
      }
    }
  }
  return true;
}

inline bool MergeCursor::is_valid() const {
  return current_ != none;
}

inline void MergeCursor::seek_to_first() {
  start(true);
  for (auto& child : children_)
    child->seek_to_first();
  choose();
}

inline void MergeCursor::seek_to_last() {
  start(false);
  for (auto& child : children_)
    child->seek_to_last();
  choose();
}

inline void MergeCursor::seek(std::string_view key, std::uint64_t tag) {
  prepare(key, tag);
  start(true);
  for (auto& child : children_)
    child->seek(key, tag);
  choose();
}

inline void MergeCursor::prepare(std::string_view key, std::uint64_t tag) {
  for (auto& child : children_)
    child->prepare(key, tag);
}

inline void MergeCursor::next() {
  if (!is_forwards_ && !turn(true)) {
    current_ = none;
    return;
  }
  children_[current_]->next();
  choose();
}

inline void MergeCursor::prev() {
  if (is_forwards_ && !turn(false)) {
    current_ = none;
    return;
  }
  children_[current_]->prev();
  choose();
}

inline std::string_view MergeCursor::key() const {
  return children_[current_]->key();
}

inline std::uint64_t MergeCursor::tag() const {
  return children_[current_]->tag();
}

inline std::string_view MergeCursor::value() const {
  return children_[current_]->value();
}

inline Status MergeCursor::status() const {
  return status_;
}

}  // namespace lsmith
