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

  // Fields that work well beside them: the child whose entry is the merge's, or a sign that there
  // is none; from 06.2 on the direction of the walk; from 06.3 on a Status.
  //
  // And helpers that the functions below can be told with: whether the entry of child a comes out
  // before that of child b, walking forwards; and choosing the current child anew.
};

// Given.
inline MergeCursor::MergeCursor(std::vector<std::unique_ptr<ChildCursor>> children)
    : children_(std::move(children)) {}

inline bool MergeCursor::is_valid() const {
  // A new merge, one whose children are all at their end, one without children: "no". From 06.3 on
  // so is one of which a child has failed, whatever the others stand on.
  throw std::logic_error("06.1 is not yet written");
}

inline void MergeCursor::seek_to_first() {
  // Afterwards the merge stands on the first entry of all children, and invariant 1 holds.
  throw std::logic_error("06.1 is not yet written");
}

inline void MergeCursor::seek_to_last() {
  // The walk goes backwards from here: of entries equal in key and tag the last child's is last.
  throw std::logic_error("06.2 is not yet written");
}

inline void MergeCursor::seek(std::string_view, std::uint64_t) {
  // All children are prepared before the first is sought: so their waiting for memory or for the
  // disk can overlap. Afterwards the walk goes forwards, wherever the merge stood before.
  throw std::logic_error("06.1 is not yet written");
}

inline void MergeCursor::prepare(std::string_view, std::uint64_t) {
  // Passed on to every child. Law 8: nothing is to be seen of it.
  throw std::logic_error("06.1 is not yet written");
}

inline void MergeCursor::next() {
  // Requires is_valid(). Only a child that is valid itself may be moved with next() or prev().
  // 06.2: when the walk came backwards, invariant 1 must first be made true for the other
  // direction. The current child stays where it is meanwhile, so its key may be used. Law 6: after
  // a child has moved, the views that it gave before are void.
  throw std::logic_error("06.1 is not yet written");
}

inline void MergeCursor::prev() {
  // Requires is_valid(). The opposite of next(), at every entry. Beware of children that are at
  // their end: there may be entries before the current one in them, all the same.
  throw std::logic_error("06.2 is not yet written");
}

inline std::string_view MergeCursor::key() const {
  // Requires is_valid(), as tag() and value() do.
  throw std::logic_error("06.1 is not yet written");
}

inline std::uint64_t MergeCursor::tag() const {
  throw std::logic_error("06.1 is not yet written");
}

inline std::string_view MergeCursor::value() const {
  throw std::logic_error("06.1 is not yet written");
}

inline Status MergeCursor::status() const {
  // Given for 06.1 and 06.2, which know of no failure. 06.3: the error of a child that failed, and
  // ok in all other cases. A later seek starts afresh (law 7), and may find that all is well again.
  // That holds for the children too: seek one that has failed, and its error is forgotten.
  return {};
}

}  // namespace lsmith
