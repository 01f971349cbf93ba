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
//  1. It stands on the newest visible version of a key, a put, within the bounds.
//  2. Walking forwards, the entries below stand on that version, and key() and value() are theirs;
//     walking backwards, they stand on the last entry of a smaller key, or before all entries, and
//     key_ is what is shown, with staying_value_ or, where there is none, value_.
//
// What this body changes from the textbook:
//  - Walking copies a key only into memory that is used again, eight bytes at a time
//    (key_buffer.hpp). It copies no value forwards, and backwards none that stays where it is.
//  - A key that was written a thousand times costs a few steps and a seek, not a thousand steps.
//  - The list of snapshots is a sorted array of moments with counts. A new snapshot is nearly
//    always the newest, so taking one appends or counts up, and in the long run allocates nothing.
//
// Threads: a SnapshotList is thread-safe; the rest is for one thread at a time. Cost: a step of the
// cursor is one of the merge below for each entry passed; judging an entry is a comparison with the
// key before it and, when it is older than some snapshot, a search in the snapshots.
#pragma once

#include <lsmith/cursor.hpp>
#include <lsmith/key.hpp>
#include <lsmith/key_buffer.hpp>
#include <lsmith/merge_iterator.hpp>
#include <lsmith/mutex.hpp>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
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
  struct Moment {
    Sequence sequence;
    std::size_t count;  // of the snapshots that hold it
  };

  std::vector<Moment>::iterator find(Sequence sequence) LSMITH_REQUIRES(mutex_);
  void release(Sequence sequence);

  mutable Mutex mutex_;
  std::vector<Moment> moments_ LSMITH_GUARDED_BY(mutex_);  // ascending
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
  KeyBuffer key_;
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
  // Versions of one key that are stepped over one by one, before the rest is passed by a seek.
  static constexpr int steps_max = 16;

  bool is_behind(std::string_view key) const;
  void stand_before(std::string_view key, std::uint64_t tag);
  void find_forwards(bool is_key_done);
  void leave_backwards();
  void find_backwards();
  bool find_newest_backwards();
  bool take_visible();
  void copy_value();

  MergeCursor entries_;
  Sequence sequence_ = 0;
  Bounds bounds_;
  bool is_valid_ = false;
  bool is_forwards_ = true;
  KeyBuffer key_;      // backwards: the current key; forwards: the last one that was passed
  std::string value_;  // backwards: the current value, unless the merge below keeps it for a while
  std::optional<std::string_view> staying_value_;
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
  const auto found = find(sequence);
  if (found != moments_.end() && found->sequence == sequence)
    ++found->count;
  else
    moments_.insert(found, Moment{sequence, 1});
  return Snapshot(shared_from_this(), sequence);
}

inline std::vector<Sequence> SnapshotList::sequences() const {
  MutexLock lock(mutex_);
  std::vector<Sequence> result;
  result.reserve(moments_.size());
  for (const Moment& moment : moments_)
    result.push_back(moment.sequence);
  return result;
}

inline std::size_t SnapshotList::count() const {
  MutexLock lock(mutex_);
  std::size_t sum = 0;
  for (const Moment& moment : moments_)
    sum += moment.count;
  return sum;
}

// The moment of the sequence number, or where it belongs.
inline std::vector<SnapshotList::Moment>::iterator SnapshotList::find(Sequence sequence) {
  return std::lower_bound(moments_.begin(), moments_.end(), sequence,
                          [](const Moment& moment, Sequence s) { return moment.sequence < s; });
}

inline void SnapshotList::release(Sequence sequence) {
  MutexLock lock(mutex_);
  const auto found = find(sequence);
  assert(found != moments_.end());
  assert(found->sequence == sequence);
  if (--found->count == 0) moments_.erase(found);
}

inline GarbageRule::GarbageRule(std::vector<Sequence> snapshots)
    : snapshots_(std::move(snapshots)) {
  assert(std::is_sorted(snapshots_.begin(), snapshots_.end()));
}

inline GarbageRule::Fate GarbageRule::judge(std::string_view key, std::uint64_t tag) {
  const std::size_t stripe = stripe_of(sequence_of(tag));
  const bool is_hidden = has_entry_ && is_same_key(key, key_.view()) && stripe == stripe_;
  if (is_hidden) return Fate::drop;
  has_entry_ = true;
  key_.assign(key);
  stripe_ = stripe;
  const bool is_oldest = stripe == 0;
  return is_oldest && kind_of(tag) == Kind::erase ? Fate::drop_unless_older : Fate::keep;
}

// The index of the first snapshot that sees the sequence number; for the open stripe, their count.
inline std::size_t GarbageRule::stripe_of(Sequence sequence) const {
  if (snapshots_.empty() || sequence > snapshots_.back()) return snapshots_.size();
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
  key_.assign(key);  // it may be a view into what moves now
  entries_.seek(key_.view(), seek_tag(sequence_));
  find_forwards(false);
}

inline void UserCursor::seek_back(std::string_view key) {
  if (is_behind(key)) return seek_to_last();
  key_.assign(key);  // it may be a view into what moves now
  stand_before(key_.view(), tag_oldest);
  find_backwards();
}

inline void UserCursor::next() {
  assert(is_valid());
  if (is_forwards_) {
    key_.assign(entries_.key());
    entries_.next();
  } else {
    entries_.seek(key_.view(), tag_oldest);
  }
  find_forwards(true);
}

inline void UserCursor::prev() {
  assert(is_valid());
  if (is_forwards_) leave_backwards();
  find_backwards();
}

inline std::string_view UserCursor::key() const {
  assert(is_valid());
  return is_forwards_ ? entries_.key() : key_.view();
}

inline std::string_view UserCursor::value() const {
  assert(is_valid());
  if (is_forwards_) return entries_.value();
  return staying_value_ ? *staying_value_ : std::string_view(value_);
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
  int steps = 0;
  while (entries_.is_valid() && !is_behind(entries_.key())) {
    const bool is_new_key = !is_same_key(entries_.key(), key_.view());
    const bool is_visible = sequence_of(entries_.tag()) <= sequence_;
    if (is_visible && (is_new_key || !is_key_done) && kind_of(entries_.tag()) != Kind::erase) {
      is_valid_ = true;
      return;
    }
    if (is_new_key) {
      key_.assign(entries_.key());
      steps = 0;
      is_key_done = false;
    }
    is_key_done = is_key_done || is_visible;
    ++skipped_count_;
    if (++steps <= steps_max) {
      entries_.next();
    } else {
      entries_.seek(key_.view(), is_key_done ? tag_oldest : seek_tag(sequence_));
      steps = 0;
    }
  }
}

// From the current version, walking forwards, to the last entry of a smaller key.
inline void UserCursor::leave_backwards() {
  key_.assign(entries_.key());
  for (int steps = 0; steps < steps_max; ++steps) {
    entries_.prev();
    if (!entries_.is_valid() || !is_same_key(entries_.key(), key_.view())) return;
  }
  stand_before(key_.view(), tag_newest);
}

// Moves back, from where the entries stand, over all versions of a key, until that key is one to
// show.
inline void UserCursor::find_backwards() {
  is_forwards_ = false;
  is_valid_ = false;
  while (entries_.is_valid() && !(bounds_.lower && entries_.key() < *bounds_.lower)) {
    key_.assign(entries_.key());
    const bool is_live = find_newest_backwards();
    if (!entries_.status().ok()) return;  // a newer version may be what could not be read
    if (is_live) {
      --skipped_count_;  // all versions were counted, but this one is shown
      is_valid_ = true;
      return;
    }
  }
}

// Passes all versions of key_, which come oldest first, and keeps the newest visible one. Whether
// that is a put.
inline bool UserCursor::find_newest_backwards() {
  bool is_live = false;
  staying_value_.reset();  // of another key
  for (int steps = 0; steps < steps_max; ++steps) {
    ++skipped_count_;
    if (sequence_of(entries_.tag()) <= sequence_) is_live = take_visible();
    entries_.prev();
    if (!entries_.is_valid() || !is_same_key(entries_.key(), key_.view())) return is_live;
  }
  copy_value();  // none stays when the merge is sought
  entries_.seek(key_.view(), seek_tag(sequence_));
  if (entries_.is_valid() && is_same_key(entries_.key(), key_.view())) is_live = take_visible();
  copy_value();
  if (entries_.status().ok()) stand_before(key_.view(), tag_newest);
  return is_live;
}

// Keeps the value of a visible version; false for a tombstone.
inline bool UserCursor::take_visible() {
  staying_value_.reset();
  if (kind_of(entries_.tag()) == Kind::erase) return false;
  if (StayingValue::is_of(entries_))
    staying_value_ = entries_.value();
  else
    value_.assign(entries_.value());
  return true;
}

inline void UserCursor::copy_value() {
  if (!staying_value_) return;
  value_.assign(*staying_value_);
  staying_value_.reset();
}

}  // namespace lsmith
