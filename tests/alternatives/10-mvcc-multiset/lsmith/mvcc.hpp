// mvcc.hpp: time: snapshots, what a reader sees at one, and what may be forgotten.
//
// Different from the textbook: live snapshots are a multiset in a plain vector, in no order, sorted
// only when somebody asks. The user cursor has no direction: it shows copies, and every move seeks
// from the key that it shows, so where the entries stand between two moves means nothing. The rule
// searches nothing: as the versions of a key grow older it goes down the snapshots, one by one.
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
  std::vector<Sequence> held_ LSMITH_GUARDED_BY(mutex_);  // one for each snapshot, in no order
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
  std::optional<std::string> key_;  // the one that is judged; nothing: none was yet
  std::size_t before_ = 0;          // how many snapshots are before its last judged version
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
  void stand_behind(std::string_view key);
  void stand_before(std::string_view key, std::uint64_t tag);
  void show();
  void show_back();
  bool take_key();

  MergeCursor entries_;
  Sequence sequence_ = 0;
  Bounds bounds_;
  bool is_valid_ = false;
  std::string key_;  // what is shown, or was looked at last
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
  // Acquire pairs with the release of the commit that made its writes visible.
  held_.push_back(visible.load(std::memory_order_acquire));
  return Snapshot(shared_from_this(), held_.back());
}

inline std::vector<Sequence> SnapshotList::sequences() const {
  MutexLock lock(mutex_);
  std::vector<Sequence> sequences = held_;
  std::sort(sequences.begin(), sequences.end());
  sequences.erase(std::unique(sequences.begin(), sequences.end()), sequences.end());
  return sequences;
}

inline std::size_t SnapshotList::count() const {
  MutexLock lock(mutex_);
  return held_.size();
}

inline void SnapshotList::release(Sequence sequence) {
  MutexLock lock(mutex_);
  const auto found = std::find(held_.begin(), held_.end(), sequence);
  assert(found != held_.end());
  *found = held_.back();
  held_.pop_back();
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
  seek(bounds_.lower ? *bounds_.lower : std::string_view());
}

inline void UserCursor::seek_to_last() {
  if (bounds_.upper)
    stand_before(*bounds_.upper, tag_newest);
  else
    entries_.seek_to_last();
  show_back();
}

inline void UserCursor::seek(std::string_view key) {
  if (bounds_.lower && key < *bounds_.lower) key = *bounds_.lower;
  entries_.seek(key, tag_newest);
  show();
}

inline void UserCursor::seek_back(std::string_view key) {
  if (bounds_.upper && key >= *bounds_.upper) return seek_to_last();
  stand_before(key, tag_oldest);
  show_back();
}

inline void UserCursor::next() {
  assert(is_valid_);
  stand_behind(key_);
  show();
}

inline void UserCursor::prev() {
  assert(is_valid_);
  stand_before(key_, tag_newest);
  show_back();
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

// Moves the entries to the first one behind all versions of the key.
inline void UserCursor::stand_behind(std::string_view key) {
  entries_.seek(key, tag_oldest);
  while (entries_.is_valid() && entries_.key() == key)
    entries_.next();  // there may be an entry whose tag is tag_oldest
}

// Moves the entries to the last one before (key, tag).
inline void UserCursor::stand_before(std::string_view key, std::uint64_t tag) {
  entries_.seek(key, tag);
  if (!entries_.is_valid() && entries_.status().ok()) entries_.seek_to_last();
  while (entries_.is_valid() && compare(entries_.key(), entries_.tag(), key, tag) >= 0)
    entries_.prev();
}

// From where the entries stand, shows the first key that has something to show.
inline void UserCursor::show() {
  is_valid_ = false;
  while (!is_valid_ && entries_.is_valid() && bounds_.contains(entries_.key())) {
    is_valid_ = take_key();
    if (!is_valid_ && entries_.status().ok()) stand_behind(key_);
  }
}

// The same backwards.
inline void UserCursor::show_back() {
  is_valid_ = false;
  while (!is_valid_ && entries_.is_valid() && bounds_.contains(entries_.key())) {
    is_valid_ = take_key();
    if (!is_valid_ && entries_.status().ok()) stand_before(key_, tag_newest);
  }
}

// From any entry of a key to its newest visible version. If that is a put, copies it and says true.
// Counts what the entries stood on in vain: the entry that they came from, and a tombstone.
inline bool UserCursor::take_key() {
  key_ = entries_.key();
  const std::uint64_t met_tag = entries_.tag();
  entries_.seek(key_, seek_tag(sequence_));
  const bool is_there = entries_.is_valid() && entries_.key() == key_;
  if (!is_there || entries_.tag() != met_tag) ++skipped_count_;
  if (!is_there) return false;
  if (kind_of(entries_.tag()) == Kind::erase) {
    ++skipped_count_;
    return false;
  }
  value_ = entries_.value();
  return true;
}

inline GarbageRule::GarbageRule(std::vector<Sequence> snapshots)
    : snapshots_(std::move(snapshots)) {
  assert(std::is_sorted(snapshots_.begin(), snapshots_.end()));
}

// Of a key that was not met before all snapshots may be before it. The next version of the same key
// is in the same stripe if the same snapshots are before it.
inline GarbageRule::Fate GarbageRule::judge(std::string_view key, std::uint64_t tag) {
  bool is_hidden = true;
  if (key_ != key) {
    key_ = key;
    before_ = snapshots_.size();
    is_hidden = false;
  }
  while (before_ > 0 && snapshots_[before_ - 1] >= sequence_of(tag)) {
    --before_;
    is_hidden = false;
  }
  if (is_hidden) return Fate::drop;
  return before_ == 0 && kind_of(tag) == Kind::erase ? Fate::drop_unless_older : Fate::keep;
}

}  // namespace lsmith
