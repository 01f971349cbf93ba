// mvcc.hpp: time: snapshots, what a reader sees at one, and what may be forgotten.
//
//   write number     1    2    3    4    5    6    7    8    9
//   a               put       put            put      erase
//   b                    put            put                put
//                              ^              ^
//                         snapshot 3     snapshot 6
//   stripe          ------ 0 ----- | ----- 1 ----- | --- 2, still open
//
// A reader at sequence s sees of each key its newest version that is not newer than s; a tombstone
// means that there is no key. Live snapshots cut time into stripes, each up to and including a
// snapshot, the last one open. Every reader, now or later, looks from the end of some stripe, so of
// the versions of a key in one stripe only the newest can ever be read. Here a@1 may be forgotten.
// When both snapshots are gone all is one stripe, and only a@8 and b@9 remain; then a@8, a
// tombstone with nothing below it to hide, may go too.
//
// Invariants of a valid UserCursor
//  1. key_ and value_ are the newest visible version of key_, a put, and within the bounds.
//  2. Walking forwards, the entries below stand on that version; walking backwards, on the last
//     entry of a smaller key, or before all entries.
//
// Walking backwards the versions of a key come oldest first. Which of them is the newest visible
// one shows only when the next one is too new or of another key, so each is copied in case it is.
//
// Threads: a SnapshotList is thread-safe; the rest is for one thread at a time. Cost: a step of the
// cursor is one of the merge below for each entry passed; judging an entry is a search in the
// snapshots.
#pragma once

#include <lsmith/cursor.hpp>
#include <lsmith/key.hpp>
#include <lsmith/merge_iterator.hpp>
#include <lsmith/mutex.hpp>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lsmith {

class SnapshotList;

/// Holds one moment: while it lives, nothing that is visible at its sequence is forgotten.
/// Move-only; empty when default made. May outlive its database.
class Snapshot {
 public:
  Snapshot();
  ~Snapshot();
  Snapshot(Snapshot&& other) noexcept;
  Snapshot& operator=(Snapshot&& other) noexcept;

  bool is_empty() const;
  /// Writes up to and including this one are seen. Requires !is_empty().
  Sequence sequence() const;

 private:
  friend class SnapshotList;
  Snapshot(std::shared_ptr<SnapshotList> list, Sequence sequence);
  void release();

  std::shared_ptr<SnapshotList> list_;
  Sequence sequence_ = 0;
};

/// The snapshots that are alive. Thread-safe. Owned by shared_ptr, which its snapshots hold too.
class SnapshotList : public std::enable_shared_from_this<SnapshotList> {
 public:
  /// A snapshot of what `visible` says now. Loads and registers under one lock, so that no flush or
  /// compaction can capture sequences() in between.
  Snapshot take(const std::atomic<Sequence>& visible);
  /// The sequences that live snapshots hold, ascending, each once.
  std::vector<Sequence> sequences() const;
  /// How many snapshots are alive; two of the same sequence are two.
  std::size_t count() const;

 private:
  friend class Snapshot;
  void release(Sequence sequence);

  mutable Mutex mutex_;
  std::multiset<Sequence> sequences_ LSMITH_GUARDED_BY(mutex_);  // one for each live snapshot
};

/// Decides which entries of a sorted stream must be kept. Live snapshots cut time into stripes; of
/// the versions of a key that fall into one stripe only the newest can ever be read.
class GarbageRule {
 public:
  enum class Fate : std::uint8_t {
    keep,               ///< some reader, now or later, can see it
    drop,               ///< hidden from all readers by a newer version in its stripe
    drop_unless_older,  ///< a tombstone with no snapshot before it: needed only while something
                        ///< older outside the stream may hold the key
  };

  /// `snapshots` as SnapshotList::sequences() returned them after the inputs were fixed.
  explicit GarbageRule(std::vector<Sequence> snapshots);
  /// Judges the next entry. Entries come in the order of key.hpp, every version of the stream.
  Fate judge(std::string_view key, std::uint64_t tag);

 private:
  std::size_t stripe_of(Sequence sequence) const;

  std::vector<Sequence> snapshots_;
  bool has_entry_ = false;  // the rest is about the entry judged before
  std::string key_;
  std::size_t stripe_ = 0;
};

/// Which user keys a cursor may see: from `lower` (included) to `upper` (excluded); nothing: no
/// bound.
struct Bounds {
  std::optional<std::string> lower;
  std::optional<std::string> upper;

  bool contains(std::string_view key) const {
    return (!lower || key >= *lower) && (!upper || key < *upper);
  }
};

/// What a reader at one sequence sees: each live key once, newest visible value, no tombstones,
/// within bounds, in both directions. Never valid outside its bounds, wherever it is sought. When
/// the cursor below fails it is not valid and status() says why. One thread at a time.
class UserCursor {
 public:
  /// `entries` holds every version of what there is to read; it is not positioned yet.
  UserCursor(MergeCursor entries, Sequence sequence, Bounds bounds);
  UserCursor(UserCursor&&) noexcept;
  UserCursor& operator=(UserCursor&&) noexcept;
  ~UserCursor();

  bool is_valid() const;
  void seek_to_first();
  void seek_to_last();
  /// To the first key that is not before `key`, which may be a view of key().
  void seek(std::string_view key);
  /// To the last key that is not behind `key`, which may be a view of key().
  void seek_back(std::string_view key);
  void next();
  void prev();
  /// Key and value live until the next move.
  std::string_view key() const;
  std::string_view value() const;
  Status status() const;
  /// Tombstones and hidden versions that had to be stepped over so far.
  std::uint64_t skipped_count() const;

 private:
  bool is_behind(std::string_view key) const;
  void stand_before(std::string_view key, std::uint64_t tag);
  void find_forwards(bool is_key_done);
  void find_backwards();

  MergeCursor entries_;
  Sequence sequence_ = 0;
  Bounds bounds_;
  bool is_valid_ = false;
  bool is_forwards_ = true;
  std::string key_;  // where the cursor stands, or the last key that it looked at
  std::string value_;
  std::uint64_t skipped_count_ = 0;
};

inline Snapshot::Snapshot(std::shared_ptr<SnapshotList> list, Sequence sequence)
    : list_(std::move(list)), sequence_(sequence) {}

inline Snapshot::Snapshot() = default;

inline Snapshot::~Snapshot() {
  release();
}

inline Snapshot::Snapshot(Snapshot&& other) noexcept
    : list_(std::move(other.list_)), sequence_(other.sequence_) {}

inline Snapshot& Snapshot::operator=(Snapshot&& other) noexcept {
  if (this == &other) return *this;
  release();
  list_ = std::move(other.list_);
  sequence_ = other.sequence_;
  return *this;
}

inline bool Snapshot::is_empty() const {
  return list_ == nullptr;
}

inline Sequence Snapshot::sequence() const {
  assert(!is_empty());
  return sequence_;
}

inline void Snapshot::release() {
  if (list_ != nullptr) list_->release(sequence_);
  list_ = nullptr;
}

inline Snapshot SnapshotList::take(const std::atomic<Sequence>& visible) {
  MutexLock lock(mutex_);
  // Acquire pairs with the release of the commit that made its writes visible: whoever sees the
  // number sees the writes.
  const Sequence sequence = visible.load(std::memory_order_acquire);
  sequences_.insert(sequence);
  return Snapshot(shared_from_this(), sequence);
}

inline std::vector<Sequence> SnapshotList::sequences() const {
  MutexLock lock(mutex_);
  std::vector<Sequence> result;
  std::unique_copy(sequences_.begin(), sequences_.end(), std::back_inserter(result));
  return result;
}

inline std::size_t SnapshotList::count() const {
  MutexLock lock(mutex_);
  return sequences_.size();
}

inline void SnapshotList::release(Sequence sequence) {
  MutexLock lock(mutex_);
  const auto found = sequences_.find(sequence);
  assert(found != sequences_.end());
  sequences_.erase(found);  // this one, not all that are equal to it
}

inline GarbageRule::GarbageRule(std::vector<Sequence> snapshots)
    : snapshots_(std::move(snapshots)) {
  assert(std::is_sorted(snapshots_.begin(), snapshots_.end()));
}

inline GarbageRule::Fate GarbageRule::judge(std::string_view key, std::uint64_t tag) {
  const std::size_t stripe = stripe_of(sequence_of(tag));
  const bool is_hidden = has_entry_ && key == key_ && stripe == stripe_;
  if (is_hidden) return Fate::drop;
  has_entry_ = true;
  key_ = key;
  stripe_ = stripe;
  const bool is_oldest = stripe == 0;
  return is_oldest && kind_of(tag) == Kind::erase ? Fate::drop_unless_older : Fate::keep;
}

// The index of the first snapshot that sees the sequence number; for the open stripe, their count.
inline std::size_t GarbageRule::stripe_of(Sequence sequence) const {
  const auto first = std::lower_bound(snapshots_.begin(), snapshots_.end(), sequence);
  return static_cast<std::size_t>(first - snapshots_.begin());
}

inline UserCursor::UserCursor(MergeCursor entries, Sequence sequence, Bounds bounds)
    : entries_(std::move(entries)), sequence_(sequence), bounds_(std::move(bounds)) {}

inline UserCursor::UserCursor(UserCursor&&) noexcept = default;
inline UserCursor& UserCursor::operator=(UserCursor&&) noexcept = default;
inline UserCursor::~UserCursor() = default;

inline bool UserCursor::is_valid() const {
  return is_valid_;
}

inline void UserCursor::seek_to_first() {
  if (bounds_.lower) return seek(*bounds_.lower);
  entries_.seek_to_first();
  find_forwards(false);
}

inline void UserCursor::seek_to_last() {
  if (bounds_.upper)
    stand_before(*bounds_.upper, tag_newest);
  else
    entries_.seek_to_last();
  find_backwards();
}

inline void UserCursor::seek(std::string_view key) {
  if (bounds_.lower && key < *bounds_.lower) key = *bounds_.lower;
  entries_.seek(key, seek_tag(sequence_));
  find_forwards(false);
}

inline void UserCursor::seek_back(std::string_view key) {
  if (is_behind(key)) return seek_to_last();
  stand_before(key, tag_oldest);
  find_backwards();
}

inline void UserCursor::next() {
  assert(is_valid());
  if (is_forwards_)
    entries_.next();
  else
    entries_.seek(key_, tag_oldest);
  find_forwards(true);
}

inline void UserCursor::prev() {
  assert(is_valid());
  if (is_forwards_)
    while (entries_.is_valid() && entries_.key() == key_)
      entries_.prev();
  find_backwards();
}

inline std::string_view UserCursor::key() const {
  assert(is_valid());
  return key_;
}

inline std::string_view UserCursor::value() const {
  assert(is_valid());
  return value_;
}

inline Status UserCursor::status() const {
  return entries_.status();
}

inline std::uint64_t UserCursor::skipped_count() const {
  return skipped_count_;
}

// Whether the upper bound excludes the key.
inline bool UserCursor::is_behind(std::string_view key) const {
  return bounds_.upper && key >= *bounds_.upper;
}

// Moves to the last entry that comes before (key, tag). What a memtable gained since the seek is
// stepped over too.
inline void UserCursor::stand_before(std::string_view key, std::uint64_t tag) {
  entries_.seek(key, tag);
  if (!entries_.is_valid() && entries_.status().ok()) entries_.seek_to_last();
  while (entries_.is_valid() && compare(entries_.key(), entries_.tag(), key, tag) >= 0)
    entries_.prev();
}

// Moves on, from where the entries stand, to the first visible put of a key whose newest visible
// version was not seen yet. `is_key_done`: that of key_ was.
inline void UserCursor::find_forwards(bool is_key_done) {
  is_forwards_ = true;
  is_valid_ = false;
  for (; entries_.is_valid() && !is_behind(entries_.key()); entries_.next()) {
    const bool is_too_new = sequence_of(entries_.tag()) > sequence_;
    const bool is_hidden = is_key_done && entries_.key() == key_;
    if (!is_too_new && !is_hidden) {
      key_ = entries_.key();
      value_ = entries_.value();
      is_key_done = true;
      is_valid_ = kind_of(entries_.tag()) != Kind::erase;
      if (is_valid_) return;
    }
    ++skipped_count_;
  }
}

// Moves back, from where the entries stand, over all versions of a key, until that key is one to
// show.
inline void UserCursor::find_backwards() {
  is_forwards_ = false;
  is_valid_ = false;
  while (entries_.is_valid() && !(bounds_.lower && entries_.key() < *bounds_.lower)) {
    key_ = entries_.key();
    bool is_live = false;
    for (; entries_.is_valid() && entries_.key() == key_; entries_.prev()) {
      ++skipped_count_;
      if (sequence_of(entries_.tag()) > sequence_) continue;
      is_live = kind_of(entries_.tag()) != Kind::erase;
      value_ = entries_.value();
    }
    if (!entries_.status().ok()) return;  // a newer version may be what could not be read
    if (is_live) {
      --skipped_count_;  // all were, but for the one that is shown
      is_valid_ = true;
      return;
    }
  }
}

}  // namespace lsmith
