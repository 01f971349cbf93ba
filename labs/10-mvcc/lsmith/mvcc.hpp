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
#include <memory>
#include <optional>
#include <stdexcept>
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
  void release(Sequence sequence);  // a snapshot calls this once, when it lets go

  // Fields that work well: a Mutex, mutable since readers lock it too, and a container of the
  // sequence numbers that are held, which must tell two snapshots of one moment from one.
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

  // Fields that work well beside it: what must be known of the entry that was judged before, as
  // there may have been none. A helper that works well: the number of the stripe of a sequence.
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

  // Fields that work well beside them: whether the cursor is valid, which way it walks, copies of
  // the key and of the value that it shows, the count of what was stepped over.
  //
  // And two helpers that all moves can be told with: from wherever the entries stand, forwards to
  // the next version to show, and backwards to the next key to show.
};

// ---- Snapshot: given ----

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

// ---- 10.1 ----

inline Snapshot SnapshotList::take(const std::atomic<Sequence>&) {
  // The number is loaded under the lock under which it is registered, never before. Load it with
  // std::memory_order_acquire or stronger: whoever sees the number must see the writes up to it.
  // The new snapshot holds this list, by shared_from_this(), and the number.
  throw std::logic_error("10.1 is not yet written");
}

inline std::vector<Sequence> SnapshotList::sequences() const {
  // Ascending, each once, however many snapshots hold it. 0 is a number like any other.
  throw std::logic_error("10.1 is not yet written");
}

inline std::size_t SnapshotList::count() const {
  // Of snapshots, not of moments.
  throw std::logic_error("10.1 is not yet written");
}

inline void SnapshotList::release(Sequence) {
  // Part of 10.1: one snapshot of this moment has gone; others of the same moment may live on. No
  // throw stands here, since destructors call this. Until you write it, what take() registers stays
  // for good.
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

inline bool UserCursor::is_valid() const {
  // Not before the first seek, not at either end, not outside the bounds, not after a failure.
  throw std::logic_error("10.2 is not yet written");
}

inline void UserCursor::seek_to_first() {
  // The first key within the bounds that has something to show.
  throw std::logic_error("10.2 is not yet written");
}

inline void UserCursor::seek_to_last() {
  // The upper bound itself is excluded: all its versions are.
  throw std::logic_error("10.2 is not yet written");
}

inline void UserCursor::seek(std::string_view) {
  // The key may lie before the lower bound or behind the upper one. Of the versions of a key,
  // seek_tag(sequence_) sorts before all that the reader sees and behind those that are too new.
  throw std::logic_error("10.2 is not yet written");
}

inline void UserCursor::seek_back(std::string_view) {
  // The opposite of seek: to the key itself, or to the last one before it. Again the key may lie
  // beyond either bound. tag_oldest sorts behind all versions of a key.
  throw std::logic_error("10.2 is not yet written");
}

inline void UserCursor::next() {
  // Requires is_valid(). Older versions of the key that was shown are not shown. If the walk came
  // backwards, the entries stand before the current key: all its versions lie ahead once more. The
  // laws of cursor.hpp hold for the entries too: only while valid may they be stepped or read.
  throw std::logic_error("10.2 is not yet written");
}

inline void UserCursor::prev() {
  // Requires is_valid(). The versions of a key come oldest first now; which of them the reader sees
  // shows only when the next one is too new or of another key. Law 6: what the entries show is gone
  // once they move. If they fail before all versions were met, a newer one may be what could not be
  // read: nothing is shown then.
  throw std::logic_error("10.2 is not yet written");
}

inline std::string_view UserCursor::key() const {
  // Requires is_valid(), as value() does.
  throw std::logic_error("10.2 is not yet written");
}

inline std::string_view UserCursor::value() const {
  throw std::logic_error("10.2 is not yet written");
}

inline Status UserCursor::status() const {
  // Ok at an end; the error of the entries when they have failed.
  throw std::logic_error("10.2 is not yet written");
}

inline std::uint64_t UserCursor::skipped_count() const {
  // Counts up by one for each entry that was passed and not shown: too new, hidden, or a tombstone.
  // Entries that a seek leaps over need not be counted, and those at a turn may be counted again.
  // Without any garbage it stays 0.
  throw std::logic_error("10.2 is not yet written");
}

// ---- 10.3 ----

// Given.
inline GarbageRule::GarbageRule(std::vector<Sequence> snapshots)
    : snapshots_(std::move(snapshots)) {
  assert(std::is_sorted(snapshots_.begin(), snapshots_.end()));
}

inline GarbageRule::Fate GarbageRule::judge(std::string_view, std::uint64_t) {
  // A stripe reaches up to and including a snapshot; what is newer than all of them is in the open
  // one. Within a key entries come newest first, so the first one met in a stripe is the newest.
  // A tombstone that is the newest of its stripe is drop_unless_older if no snapshot is before it.
  // The key is a view that dies when the call returns; the first key of the stream may be empty.
  throw std::logic_error("10.3 is not yet written");
}

}  // namespace lsmith
