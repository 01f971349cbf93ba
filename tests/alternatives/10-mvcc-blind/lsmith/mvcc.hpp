// mvcc.hpp: time: snapshots, what a reader sees at one, and what may be forgotten. Yours to write;
// book/10-mvcc.md explains.
//
// Goal: every reader looks at the database as it was at one moment, while others write on; and what
// no reader can see any more is found out, so that its space comes back.
//
//   write number     1    2    3    4    5    6    7    8    9
//   a               put       put            put      erase
//   b                    put            put                put
//                              ^              ^
//                         snapshot 3     snapshot 6
//   stripe          ------ 0 ----- | ----- 1 ----- | --- 2, still open
//
// Steps (each is checked by `labs/lab check 10`)
//   10.1  SnapshotList                                          about 20 minutes
//   10.2  UserCursor                                            about 80 minutes
//   10.3  GarbageRule::judge                                    about 20 minutes
//
// Given: all of Snapshot; Bounds; the constructor of GarbageRule; of UserCursor the constructor,
// moving, and the helpers is_behind and stand_before; the tags and the order of key.hpp; Mutex and
// MutexLock of mutex.hpp. The steps do not need each other.
//
// Invariants
//  1. A moment is held as long as one snapshot of it lives, and no longer.
//  2. A valid UserCursor shows the newest version of its key that is not newer than the reader; it
//     is a put, and within the bounds.
//  3. Between two moves the entries below stand in one of two places, and the cursor knows in
//     which: walking forwards, on the version that is shown; walking backwards, on the last entry
//     of a smaller key, or before all entries. (Other places may serve; say yours down as a law.)
//  4. A version is dropped only when a newer one of its key is in the same stripe.
//
// The public declarations are the contract that the rest of the engine calls: leave them as they
// are. Everything below each `private:` is yours, and so are helpers, includes and bodies.
//
// Threads: a SnapshotList is thread-safe; the rest is for one thread at a time.
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
  Snapshot() = default;
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
  void release(Sequence sequence);  // a snapshot calls this once, when it lets go

  mutable Mutex mutex_;
  std::multiset<Sequence> held_ LSMITH_GUARDED_BY(mutex_);
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
  std::vector<Sequence> snapshots_;

  // The entry that was judged before; no key: there was none.
  std::optional<std::string> last_key_;
  std::size_t last_stripe_ = 0;
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

  MergeCursor entries_;
  Sequence sequence_ = 0;
  Bounds bounds_;

  // While valid, the entries stand on the version that is shown (is_forward_), or on the last entry
  // of a smaller key or before all entries (not is_forward_).
  bool is_valid_ = false;
  bool is_forward_ = true;
  std::string key_;
  std::string value_;
  std::uint64_t skipped_count_ = 0;

  // From where the entries stand forwards to the next version to show. With `is_key_done` nothing
  // more of key_ is shown.
  void find_forward(bool is_key_done);
  // From where the entries stand, on the last entry of a key, backwards to the next key to show.
  void find_backward();
};

// ---- Snapshot: given ----

inline Snapshot::Snapshot(std::shared_ptr<SnapshotList> list, Sequence sequence)
    : list_(std::move(list)), sequence_(sequence) {}

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

// ---- 10.1 ----

inline Snapshot SnapshotList::take(const std::atomic<Sequence>& visible) {
  std::shared_ptr<SnapshotList> self = shared_from_this();
  MutexLock lock(mutex_);
  const Sequence sequence = visible.load(std::memory_order_acquire);
  held_.insert(sequence);
  return Snapshot(std::move(self), sequence);
}

inline std::vector<Sequence> SnapshotList::sequences() const {
  MutexLock lock(mutex_);
  std::vector<Sequence> sequences;
  std::unique_copy(held_.begin(), held_.end(), std::back_inserter(sequences));
  return sequences;
}

inline std::size_t SnapshotList::count() const {
  MutexLock lock(mutex_);
  return held_.size();
}

inline void SnapshotList::release(Sequence sequence) {
  MutexLock lock(mutex_);
  const auto one = held_.find(sequence);
  assert(one != held_.end());
  held_.erase(one);
}

// ---- 10.2 ----

// Given.
inline UserCursor::UserCursor(MergeCursor entries, Sequence sequence, Bounds bounds)
    : entries_(std::move(entries)), sequence_(sequence), bounds_(std::move(bounds)) {}

inline UserCursor::UserCursor(UserCursor&&) noexcept = default;
inline UserCursor& UserCursor::operator=(UserCursor&&) noexcept = default;
inline UserCursor::~UserCursor() = default;

// Given: whether the upper bound excludes the key.
inline bool UserCursor::is_behind(std::string_view key) const {
  return bounds_.upper && key >= *bounds_.upper;
}

// Given: moves the entries to the last one that comes before (key, tag). What a memtable gained
// since the seek is stepped over too.
inline void UserCursor::stand_before(std::string_view key, std::uint64_t tag) {
  entries_.seek(key, tag);
  if (!entries_.is_valid() && entries_.status().ok()) entries_.seek_to_last();
  while (entries_.is_valid() && compare(entries_.key(), entries_.tag(), key, tag) >= 0)
    entries_.prev();
}

inline void UserCursor::find_forward(bool is_key_done) {
  is_forward_ = true;
  is_valid_ = false;
  for (; entries_.is_valid() && !is_behind(entries_.key()); entries_.next()) {
    const bool is_decided = is_key_done && entries_.key() == key_;
    if (!is_decided && sequence_of(entries_.tag()) <= sequence_) {  // this version decides its key
      key_ = entries_.key();
      is_key_done = true;
      if (kind_of(entries_.tag()) == Kind::put) {
        value_ = entries_.value();
        is_valid_ = true;
        return;
      }
    }
    ++skipped_count_;
  }
}

inline void UserCursor::find_backward() {
  is_forward_ = false;
  is_valid_ = false;
  std::optional<Kind> newest;  // of the visible versions of key_ so far; none yet
  for (; entries_.is_valid(); entries_.prev()) {
    if (newest && entries_.key() != key_) {
      if (newest == Kind::put) break;
      ++skipped_count_;
      newest.reset();
    }
    if (bounds_.lower && entries_.key() < *bounds_.lower) break;
    if (sequence_of(entries_.tag()) > sequence_) {
      ++skipped_count_;
      continue;
    }
    if (newest) ++skipped_count_;
    key_ = entries_.key();
    value_ = entries_.value();
    newest = kind_of(entries_.tag());
  }
  is_valid_ = newest == Kind::put && entries_.status().ok();
  if (newest && !is_valid_) ++skipped_count_;
}

inline bool UserCursor::is_valid() const {
  return is_valid_;
}

inline void UserCursor::seek_to_first() {
  if (bounds_.lower) {
    entries_.seek(*bounds_.lower, seek_tag(sequence_));
  } else {
    entries_.seek_to_first();
  }
  find_forward(false);
}

inline void UserCursor::seek_to_last() {
  if (bounds_.upper) {
    stand_before(*bounds_.upper, tag_newest);
  } else {
    entries_.seek_to_last();
  }
  find_backward();
}

inline void UserCursor::seek(std::string_view key) {
  if (bounds_.lower && key < *bounds_.lower) return seek_to_first();
  entries_.seek(key, seek_tag(sequence_));
  find_forward(false);
}

inline void UserCursor::seek_back(std::string_view key) {
  if (is_behind(key)) return seek_to_last();
  stand_before(key, tag_oldest);
  find_backward();
}

inline void UserCursor::next() {
  assert(is_valid_);
  if (is_forward_) {
    entries_.next();
  } else {
    entries_.seek(key_, tag_oldest);
  }
  find_forward(true);
}

inline void UserCursor::prev() {
  assert(is_valid_);
  if (is_forward_) {
    entries_.prev();
    for (; entries_.is_valid() && entries_.key() == key_; entries_.prev())
      ++skipped_count_;
  }
  find_backward();
}

inline std::string_view UserCursor::key() const {
  assert(is_valid_);
  return key_;
}

inline std::string_view UserCursor::value() const {
  assert(is_valid_);
  return value_;
}

inline Status UserCursor::status() const {
  return entries_.status();
}

inline std::uint64_t UserCursor::skipped_count() const {
  return skipped_count_;
}

// ---- 10.3 ----

// Given.
inline GarbageRule::GarbageRule(std::vector<Sequence> snapshots)
    : snapshots_(std::move(snapshots)) {
  assert(std::is_sorted(snapshots_.begin(), snapshots_.end()));
}

inline GarbageRule::Fate GarbageRule::judge(std::string_view key, std::uint64_t tag) {
  const auto end_of_stripe =
      std::lower_bound(snapshots_.begin(), snapshots_.end(), sequence_of(tag));
  const auto stripe = static_cast<std::size_t>(end_of_stripe - snapshots_.begin());
  const bool is_newest = !last_key_ || *last_key_ != key || last_stripe_ != stripe;
  if (!is_newest) return Fate::drop;

  last_key_ = key;
  last_stripe_ = stripe;
  const bool is_oldest_stripe = stripe == 0;
  if (kind_of(tag) == Kind::erase && is_oldest_stripe) return Fate::drop_unless_older;
  return Fate::keep;
}

}  // namespace lsmith
