// merge_iterator.hpp: many sorted cursors as one. It drops nothing.
//
//   memtable   a@9        c@7                     the merge, forwards:
//   table      a@4   b@6         d@2     ->       a@9  a@4  b@6  c@7  c@3  d@2
//   table                 c@3
//
// Every child stands on its own next entry; the merge stands where the first of them in the
// direction of the walk stands. next() and prev() move that child alone, then look for the first
// one again.
//
// Invariants, while the merge is valid
//  1. Walking forwards, every other child stands on its first entry behind the current one, or is
//     at its end; walking backwards, on its last entry before the current one, or is at its end.
//  2. "Before" and "behind" mean the order of key.hpp, and between entries equal in key and tag the
//     order of the children. So no two entries are ever equal, and none is lost or doubled.
//  3. No child has failed. A child that ended by an error is not one that came to its end: what it
//     did not show may be newer than all the rest.
//  4. winner_ is the first child in the direction of the walk, second_ the first of all others that
//     are not at their end. While there is none, ranks are not kept up.
//
// Turning round breaks the first invariant for all children but the current one, so each of them is
// sought again, to the other side of the current entry. Seeking, rather than stepping once, stays
// right when a child is a memtable that grew in the meantime.
//
// What this body changes from the textbook:
//  - Each child's key is boiled down to a rank, a 64-bit number that is smaller the sooner the key
//    comes. Ranks lie side by side in one array, so comparing children touches neither them nor
//    their keys; only equal ranks compare keys. The rank is made of the eight bytes behind what the
//    keys of all children share, since decimal keys and table prefixes begin with long runs of
//    bytes that say nothing. Walking backwards it is inverted, so one search serves both ways.
//  - The runner-up is remembered. As long as the moved child stays before it nothing is searched:
//    one comparison a step when one run holds most of the data, as the last level does; and none
//    when it holds all that is left.
//  - A child's status is asked for when the child ends, not at every step.
// The search stays linear: for the dozen children of a tree it beats a heap and a loser tree.
//
// Threads: one at a time. Cost: a step makes one comparison, or one a child; a turn seeks every
// child.
#pragma once

#include <lsmith/cursor.hpp>
#include <lsmith/key.hpp>
#include <lsmith/key_buffer.hpp>

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
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
  friend struct StayingValue;

  struct Head {
    std::uint64_t rank = 0;  // the largest there is when the child is at its end
    std::unique_ptr<ChildCursor> child;
  };
  static constexpr std::size_t nobody = ~std::size_t{0};
  static constexpr std::size_t varying_bytes = 4;  // of a rank, that all keys had in common
  static constexpr int ties_max = 64;              // until the ranks are made anew

  bool value_stays() const { return current_->value_stays(); }
  void begin(bool is_forwards);
  void turn(bool is_forwards);
  void turn_child(std::size_t i);
  void advance();
  void settle();
  void note_end(const ChildCursor& child);

  void find_second();
  std::size_t first_but(std::size_t excluded);
  bool is_sooner(std::size_t a, std::size_t b);
  bool comes_before(std::size_t a, std::size_t b) const;
  void rank_all();
  std::uint64_t rank_of(const ChildCursor& child) const;
  std::uint64_t place_of(std::string_view key) const;

  std::vector<Head> heads_;
  ChildCursor* current_ = nullptr;  // the winner while the merge is valid, else null
  std::size_t winner_ = nobody;
  std::size_t second_ = nobody;
  bool is_forwards_ = true;
  std::string shared_;  // what ranks leave out: all keys began with it when it was chosen
  int ties_ = 0;        // comparisons since then that the ranks could not decide
  Status status_;
};

inline MergeCursor::MergeCursor(std::vector<std::unique_ptr<ChildCursor>> children)
    : heads_(children.size()) {
  for (std::size_t i = 0; i < children.size(); ++i)
    heads_[i].child = std::move(children[i]);
}

inline bool MergeCursor::is_valid() const {
  return current_ != nullptr;
}

inline void MergeCursor::seek_to_first() {
  for (Head& head : heads_)
    head.child->seek_to_first();
  begin(true);
}

inline void MergeCursor::seek_to_last() {
  for (Head& head : heads_)
    head.child->seek_to_last();
  begin(false);
}

// Each hint brings what the next step waits for near, in all children at once.
inline void MergeCursor::seek(std::string_view key, std::uint64_t tag) {
  prepare(key, tag);
  prepare(key, tag);
  for (Head& head : heads_)
    head.child->seek(key, tag);
  begin(true);
}

inline void MergeCursor::prepare(std::string_view key, std::uint64_t tag) {
  for (Head& head : heads_)
    head.child->prepare(key, tag);
}

inline void MergeCursor::next() {
  assert(is_valid());
  if (!is_forwards_) turn(true);
  current_->next();
  advance();
}

inline void MergeCursor::prev() {
  assert(is_valid());
  if (is_forwards_) turn(false);
  current_->prev();
  advance();
}

inline std::string_view MergeCursor::key() const {
  assert(is_valid());
  return current_->key();
}

inline std::uint64_t MergeCursor::tag() const {
  assert(is_valid());
  return current_->tag();
}

inline std::string_view MergeCursor::value() const {
  assert(is_valid());
  return current_->value();
}

inline Status MergeCursor::status() const {
  return status_;
}

// After every child was sought: finds out who is first, and who comes next.
inline void MergeCursor::begin(bool is_forwards) {
  is_forwards_ = is_forwards;
  status_ = Status();
  for (const Head& head : heads_)
    note_end(*head.child);
  rank_all();
  winner_ = first_but(nobody);
  find_second();
  settle();
}

inline void MergeCursor::turn(bool is_forwards) {
  is_forwards_ = is_forwards;
  for (std::size_t i = 0; i < heads_.size(); ++i)
    if (i != winner_) turn_child(i);
  rank_all();
  find_second();
}

// Moves a child to its first entry on the new side of the current one. The winner stays where it is
// meanwhile, so its key may be used.
inline void MergeCursor::turn_child(std::size_t i) {
  ChildCursor& child = *heads_[i].child;
  child.seek(current_->key(), current_->tag());
  if (is_forwards_) {
    while (child.is_valid() && comes_before(i, winner_))
      child.next();
  } else {
    // When nothing is at or behind the current entry, all that the child has is before it.
    if (!child.is_valid() && child.status().ok()) child.seek_to_last();
    while (child.is_valid() && comes_before(winner_, i))
      child.prev();
  }
  note_end(child);
}

// After the winner moved: it stays the winner, or the runner-up is first now.
inline void MergeCursor::advance() {
  note_end(*current_);
  if (second_ != nobody) {
    if (ties_ >= ties_max) rank_all();
    heads_[winner_].rank = rank_of(*current_);
    if (is_sooner(second_, winner_)) {
      winner_ = second_;
      find_second();
    }
  }
  settle();
}

// Nobody when all others are at their end: the winner then walks on without a comparison.
inline void MergeCursor::find_second() {
  second_ = first_but(winner_);
  if (second_ != nobody && !heads_[second_].child->is_valid()) second_ = nobody;
}

// The merge stands where the winner stands, unless some child has failed.
inline void MergeCursor::settle() {
  current_ = winner_ == nobody || !status_.ok() ? nullptr : heads_[winner_].child.get();
  if (current_ != nullptr && !current_->is_valid()) current_ = nullptr;
}

// A child that is not valid is at its end, or it has failed, and then the merge has failed.
inline void MergeCursor::note_end(const ChildCursor& child) {
  if (!child.is_valid() && status_.ok()) status_ = child.status();
}

// The first child in the direction of the walk, leaving one out; nobody when no other is there. It
// is at its end only when all the others are.
inline std::size_t MergeCursor::first_but(std::size_t excluded) {
  std::size_t best = nobody;
  for (std::size_t i = 0; i < heads_.size(); ++i) {
    if (i == excluded) continue;
    if (best == nobody || is_sooner(i, best)) best = i;
  }
  return best;
}

// Whether child a comes before child b in the direction of the walk; those at their end come last.
inline bool MergeCursor::is_sooner(std::size_t a, std::size_t b) {
  if (heads_[a].rank != heads_[b].rank) return heads_[a].rank < heads_[b].rank;
  if (!heads_[a].child->is_valid()) return false;
  if (!heads_[b].child->is_valid()) return true;
  ++ties_;
  return is_forwards_ ? comes_before(a, b) : comes_before(b, a);
}

// Whether the entry of child a comes out before that of child b, walking forwards. Both are valid.
inline bool MergeCursor::comes_before(std::size_t a, std::size_t b) const {
  const ChildCursor& left = *heads_[a].child;
  const ChildCursor& right = *heads_[b].child;
  const auto order = compare(left.key(), left.tag(), right.key(), right.tag());
  return order == 0 ? a < b : order < 0;
}

// Chooses anew what the ranks leave out, so that they differ where the keys of the children do.
inline void MergeCursor::rank_all() {
  std::string_view shared;
  bool is_first = true;
  for (const Head& head : heads_) {
    if (!head.child->is_valid()) continue;
    const std::string_view key = head.child->key();
    if (std::exchange(is_first, false)) shared = key;
    const auto last = shared.begin() + std::min(shared.size(), key.size());
    const auto differs = std::mismatch(shared.begin(), last, key.begin()).first;
    shared = shared.substr(0, static_cast<std::size_t>(differs - shared.begin()));
  }
  // The last bytes in common are the next to change: they stay in the rank.
  shared_ = shared.substr(0, shared.size() - std::min(shared.size(), varying_bytes));
  ties_ = 0;
  for (Head& head : heads_)
    head.rank = rank_of(*head.child);
}

inline std::uint64_t MergeCursor::rank_of(const ChildCursor& child) const {
  if (!child.is_valid()) return ~std::uint64_t{0};
  const std::uint64_t place = place_of(child.key());
  return is_forwards_ ? place : ~place;
}

// Never falls when the key rises: 0 before all keys that begin with what is shared, the largest
// number behind them, and in between the eight bytes that follow it.
inline std::uint64_t MergeCursor::place_of(std::string_view key) const {
  const std::string_view begin = key.substr(0, shared_.size());
  if (is_same_key(begin, shared_)) return chunk_of_key(key, shared_.size());
  return begin < shared_ ? 0 : ~std::uint64_t{0};
}

}  // namespace lsmith
