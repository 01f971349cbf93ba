// transaction.hpp: reads and writes that take effect at one moment, or not at all.
//
// A transaction locks nothing. It reads one snapshot, keeps its writes to itself, and asks once, at
// the end, whether it may: optimistic concurrency control, validated backwards (Kung and Robinson).
//
//   sequence   ....10....11....12....13....14....15
//   T1          begins at 10                 commits a=1 as 14: nobody wrote `a` after 10
//   T2               begins at 11                  wants a=2 as 15: 14 > 11, a conflict
//   plain writes               b=.. is 12, c=.. is 13
//
// The commit lock makes check and write one step: checks run one at a time, in the order of the
// sequence numbers, and each one that passes is recorded before the next one runs. Under
// Isolation::snapshot the keys written are checked. Under Isolation::serializable the keys read are
// too, whether they were found or not, and the ranges walked, gaps included: then the transaction
// would have seen the same at the moment of its commit, and the order of the commits is the order
// of an equivalent serial execution.
//
// Invariants
//  1. Every commit with a sequence above complete_after_ is in the history, under each of its keys.
//     A transaction that began before complete_after_ can not be checked, and conflicts.
//  2. A cursor's range covers every key of which it showed that it is there, or that it is not.
//
// A batch is approved before it is visible. So a transaction may take its snapshot between the two,
// of a moment that the history, silent until then, does not reach back to: it is told to try again.
//
// Cost: a get or put is a look into a map of the own writes first; a step of a cursor is a seek; a
// commit is a lookup for each key and a walk over what was committed within each range.
#pragma once

#include <lsmith/commit_queue.hpp>
#include <lsmith/engine.hpp>
#include <lsmith/key.hpp>
#include <lsmith/mutex.hpp>
#include <lsmith/mvcc.hpp>
#include <lsmith/status.hpp>
#include <lsmith/write_batch.hpp>

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lsmith {

/// What a transaction is promised.
enum class Isolation : std::uint8_t {
  snapshot,      ///< reads are of one moment; of two that write one key, the first to commit wins
  serializable,  ///< also: what it read, ranges included, has not changed when it commits
};

/// Which keys were committed lately, and when: what a transaction is checked against. It remembers
/// only while transactions are open, and at most `bytes_max` of keys; a transaction that began
/// before what it remembers is told to try again. Thread-safe.
class CommitHistory {
 public:
  explicit CommitHistory(std::size_t bytes_max);

  /// A transaction begins (before it takes its snapshot) or ends.
  void enter();
  void leave();
  /// Notes what a batch writes. Called for every commit, under the commit lock, in commit order.
  void record(const WriteBatch& batch, Sequence first_sequence);
  /// Ok when no commit after `since` wrote this key; else conflict. The message shows the key.
  Status check_key(std::string_view key, Sequence since) const;
  /// The same for every key within the bounds.
  Status check_range(const Bounds& bounds, Sequence since) const;
  std::size_t memory_bytes() const;

 private:
  using Keys = std::map<std::string, Sequence, std::less<>>;

  // Returns by how many bytes the keys grew.
  static std::size_t remember(Keys& keys, const WriteBatch& batch, Sequence first_sequence);
  void forget_all() LSMITH_REQUIRES(mutex_);
  static Status too_old();
  static Status changed(std::string_view key);

  const std::size_t bytes_max_;
  mutable Mutex mutex_;
  Keys last_commit_ LSMITH_GUARDED_BY(mutex_);
  std::size_t memory_bytes_ LSMITH_GUARDED_BY(mutex_) = 0;
  std::size_t open_count_ LSMITH_GUARDED_BY(mutex_) = 0;
  Sequence approved_ LSMITH_GUARDED_BY(mutex_) = 0;  // the last commit that was recorded
  Sequence complete_after_ LSMITH_GUARDED_BY(mutex_) = 0;
};

class TransactionCursor;

/// An optimistic transaction: reads see the snapshot it began with and its own writes; nothing is
/// locked; commit() finds out whether it may. Move-only. One thread at a time; many transactions
/// may run side by side. It may outlive the Db; then its commit fails.
class Transaction {
 public:
  /// Begins now.
  Transaction(std::shared_ptr<Engine> engine, std::shared_ptr<CommitHistory> history,
              Isolation isolation);
  /// Rolls back unless it was committed.
  ~Transaction();
  Transaction(Transaction&&) noexcept;
  Transaction& operator=(Transaction&&) noexcept;

  /// Copies the value into `value`; false when there is none.
  Result<bool> get(std::string_view key, std::string& value);
  /// Remembered here; what is too large is refused at once.
  Status put(std::string_view key, std::string_view value);
  Status erase(std::string_view key);
  /// What this transaction sees within the bounds, its own writes up to this call included. Must
  /// not outlive it. A serializable transaction remembers how far it has been walked and sought.
  TransactionCursor scan(Bounds bounds);

  /// All writes at once, or Code::conflict, which names the key or range that another commit
  /// changed: run the transaction again. Without writes it always succeeds. Whatever it returns,
  /// the transaction is over.
  Status commit(bool sync);
  void rollback();
  bool is_active() const;

 private:
  friend class TransactionCursor;
  using Writes = std::map<std::string, std::optional<std::string>, std::less<>>;  // nothing: erased
  // What a transaction holds while it is open; its commit asks it when its turn has come.
  struct Open final : CommitCheck {
    Status approve(const WriteBatch& batch, Sequence first_sequence) override;

    std::shared_ptr<Engine> engine;
    std::shared_ptr<CommitHistory> history;
    Isolation isolation = Isolation::snapshot;
    Snapshot snapshot;
    Writes writes;
    std::set<std::string, std::less<>> read_keys;
    std::shared_ptr<std::deque<Bounds>> read_ranges;  // shared with the cursors, which widen them
  };
  static Status over() { return Status(Code::invalid_argument, "the transaction is over"); }

  std::unique_ptr<Open> open_;  // null when the transaction is over
};

/// Walks what a transaction sees. Never outlives its transaction. Same laws as UserCursor.
class TransactionCursor {
 public:
  TransactionCursor(TransactionCursor&&) noexcept;
  TransactionCursor& operator=(TransactionCursor&&) noexcept;
  ~TransactionCursor();

  bool is_valid() const;
  void seek_to_first();
  void seek_to_last();
  void seek(std::string_view key);
  void seek_back(std::string_view key);
  void next();
  void prev();
  std::string_view key() const;
  std::string_view value() const;
  Status status() const;

 private:
  friend class Transaction;
  TransactionCursor(UserCursor base, Transaction::Writes own, Bounds bounds,
                    std::shared_ptr<std::deque<Bounds>> ranges, Status failure);

  // To the first key from `from` on; to the last key below `below` (nothing: to the last).
  void find_forward(std::string_view from);
  void find_backward(const std::optional<std::string>& below);
  void show_base();
  void show_own(const Transaction::Writes::value_type& write);
  // How far it is now known what there is: up to and with this key, or to the end; and down to it.
  std::optional<std::string> end_seen() const;
  std::optional<std::string> start_seen() const;
  void begin_range(std::optional<std::string> lower, std::optional<std::string> upper);
  static std::string just_behind(std::string_view key) { return std::string(key) + '\0'; }

  UserCursor base_;
  Transaction::Writes own_;  // those within the bounds
  Bounds bounds_;
  std::shared_ptr<std::deque<Bounds>> ranges_;  // null unless serializable
  Bounds* range_ = nullptr;                     // the one that next() and prev() widen
  Status failure_;
  bool is_valid_ = false;
  std::string key_;
  std::string value_;
};

inline CommitHistory::CommitHistory(std::size_t bytes_max) : bytes_max_(bytes_max) {}

inline void CommitHistory::enter() {
  MutexLock lock(mutex_);
  ++open_count_;
}

inline void CommitHistory::leave() {
  MutexLock lock(mutex_);
  assert(open_count_ > 0);
  if (--open_count_ == 0) forget_all();
}

inline void CommitHistory::record(const WriteBatch& batch, Sequence first_sequence) {
  if (batch.is_empty()) return;
  MutexLock lock(mutex_);
  assert(first_sequence > approved_);
  approved_ = first_sequence + batch.count() - 1;
  if (open_count_ == 0) return forget_all();
  memory_bytes_ += remember(last_commit_, batch, first_sequence);
  if (memory_bytes_ > bytes_max_) forget_all();
}

inline Status CommitHistory::check_key(std::string_view key, Sequence since) const {
  MutexLock lock(mutex_);
  if (since < complete_after_) return too_old();
  const auto found = last_commit_.find(key);
  if (found == last_commit_.end() || found->second <= since) return {};
  return changed(key);
}

inline Status CommitHistory::check_range(const Bounds& bounds, Sequence since) const {
  MutexLock lock(mutex_);
  if (since < complete_after_) return too_old();
  auto at = bounds.lower ? last_commit_.lower_bound(*bounds.lower) : last_commit_.begin();
  for (; at != last_commit_.end() && bounds.contains(at->first); ++at) {
    if (at->second > since) return changed(at->first).in("in a range that was read");
  }
  return {};
}

inline std::size_t CommitHistory::memory_bytes() const {
  MutexLock lock(mutex_);
  return memory_bytes_;
}

inline std::size_t CommitHistory::remember(Keys& keys, const WriteBatch& batch,
                                           Sequence first_sequence) {
  constexpr std::size_t node_bytes = sizeof(Keys::value_type) + 4 * sizeof(void*);
  std::size_t new_bytes = 0;
  Sequence sequence = first_sequence;
  batch.for_each([&](std::uint64_t, std::string_view key, std::string_view) {
    const bool is_new = keys.insert_or_assign(std::string(key), sequence++).second;
    if (is_new) new_bytes += key.size() + node_bytes;
  });
  return new_bytes;
}

inline void CommitHistory::forget_all() {
  last_commit_.clear();
  memory_bytes_ = 0;
  complete_after_ = approved_;
}

inline Status CommitHistory::too_old() {
  return Status(Code::conflict, "the history does not reach back to the transaction's beginning");
}

inline Status CommitHistory::changed(std::string_view key) {
  std::string shown;
  for (const char c : key.substr(0, 64))
    shown += c >= ' ' && c <= '~' ? c : '?';
  return Status(Code::conflict, "another commit wrote the key '" + shown + "'");
}

inline Status Transaction::Open::approve(const WriteBatch& batch, Sequence first_sequence) {
  const Sequence since = snapshot.sequence();
  for (const auto& [key, value] : writes) {
    if (Status s = history->check_key(key, since); !s.ok()) return s;
  }
  for (const std::string& key : read_keys) {
    if (Status s = history->check_key(key, since); !s.ok()) return s;
  }
  for (const Bounds& range : *read_ranges) {
    if (Status s = history->check_range(range, since); !s.ok()) return s;
  }
  history->record(batch, first_sequence);
  return {};
}

inline Transaction::Transaction(std::shared_ptr<Engine> engine,
                                std::shared_ptr<CommitHistory> history, Isolation isolation)
    : open_(std::make_unique<Open>()) {
  history->enter();  // first, so that nothing after the snapshot goes by unrecorded
  open_->snapshot = engine->snapshot();
  open_->isolation = isolation;
  open_->read_ranges = std::make_shared<std::deque<Bounds>>();
  open_->engine = std::move(engine);
  open_->history = std::move(history);
}

inline Transaction::~Transaction() {
  rollback();
}

inline Transaction::Transaction(Transaction&&) noexcept = default;

inline Transaction& Transaction::operator=(Transaction&& other) noexcept {
  if (this == &other) return *this;
  rollback();
  open_ = std::move(other.open_);
  return *this;
}

inline Result<bool> Transaction::get(std::string_view key, std::string& value) {
  if (!open_) return over();
  if (const auto own = open_->writes.find(key); own != open_->writes.end()) {
    if (own->second) value = *own->second;
    return own->second.has_value();
  }
  if (open_->isolation == Isolation::serializable) open_->read_keys.emplace(key);
  return open_->engine->get(key, open_->snapshot.sequence(), value);
}

inline Status Transaction::put(std::string_view key, std::string_view value) {
  if (!open_) return over();
  WriteBatch alone;  // it knows the limits
  alone.put(key, value);
  if (alone.status().ok()) open_->writes.insert_or_assign(std::string(key), std::string(value));
  return alone.status();
}

inline Status Transaction::erase(std::string_view key) {
  if (!open_) return over();
  WriteBatch alone;
  alone.erase(key);
  if (alone.status().ok()) open_->writes.insert_or_assign(std::string(key), std::nullopt);
  return alone.status();
}

inline TransactionCursor Transaction::scan(Bounds bounds) {
  if (!open_) {
    UserCursor nothing(MergeCursor({}), 0, {});
    return TransactionCursor(std::move(nothing), {}, {}, nullptr, over());
  }
  const Writes& writes = open_->writes;
  Writes own;
  auto at = bounds.lower ? writes.lower_bound(*bounds.lower) : writes.begin();
  for (; at != writes.end() && bounds.contains(at->first); ++at)
    own.insert(*at);
  UserCursor base = open_->engine->cursor(open_->snapshot.sequence(), bounds, ReadPattern::scan);
  const bool is_watched = open_->isolation == Isolation::serializable;
  return TransactionCursor(std::move(base), std::move(own), std::move(bounds),
                           is_watched ? open_->read_ranges : nullptr, {});
}

inline Status Transaction::commit(bool sync) {
  if (!open_) return over();
  WriteBatch batch;
  for (const auto& [key, value] : open_->writes)
    value ? batch.put(key, *value) : batch.erase(key);
  Status result = batch.status();
  if (result.ok() && !batch.is_empty()) result = open_->engine->commit(batch, sync, open_.get());
  rollback();
  return result;
}

inline void Transaction::rollback() {
  if (!open_) return;
  open_->history->leave();
  open_.reset();
}

inline bool Transaction::is_active() const {
  return open_ != nullptr;
}

inline TransactionCursor::TransactionCursor(UserCursor base, Transaction::Writes own, Bounds bounds,
                                            std::shared_ptr<std::deque<Bounds>> ranges,
                                            Status failure)
    : base_(std::move(base)),
      own_(std::move(own)),
      bounds_(std::move(bounds)),
      ranges_(std::move(ranges)),
      failure_(std::move(failure)) {}

inline TransactionCursor::TransactionCursor(TransactionCursor&&) noexcept = default;
inline TransactionCursor& TransactionCursor::operator=(TransactionCursor&&) noexcept = default;
inline TransactionCursor::~TransactionCursor() = default;

inline bool TransactionCursor::is_valid() const {
  return is_valid_;
}

inline void TransactionCursor::seek_to_first() {
  seek({});
}

inline void TransactionCursor::seek_to_last() {
  find_backward(bounds_.upper);
  begin_range(start_seen(), bounds_.upper);
}

inline void TransactionCursor::seek(std::string_view key) {
  std::string from(key);
  if (bounds_.lower && from < *bounds_.lower) from = *bounds_.lower;
  find_forward(from);
  begin_range(std::move(from), end_seen());
}

inline void TransactionCursor::seek_back(std::string_view key) {
  std::string below = just_behind(key);
  if (bounds_.upper && below > *bounds_.upper) below = *bounds_.upper;
  find_backward(below);
  begin_range(start_seen(), std::move(below));
}

inline void TransactionCursor::next() {
  assert(is_valid());
  find_forward(just_behind(key_));
  if (!range_ || !range_->upper) return;
  const auto end = end_seen();
  if (!end || *end > *range_->upper) range_->upper = end;
}

inline void TransactionCursor::prev() {
  assert(is_valid());
  find_backward(key_);
  if (!range_ || !range_->lower) return;
  const auto start = start_seen();
  if (!start || *start < *range_->lower) range_->lower = start;
}

inline std::string_view TransactionCursor::key() const {
  assert(is_valid());
  return key_;
}

inline std::string_view TransactionCursor::value() const {
  assert(is_valid());
  return value_;
}

inline Status TransactionCursor::status() const {
  return failure_.ok() ? base_.status() : failure_;
}

inline void TransactionCursor::find_forward(std::string_view from) {
  base_.seek(from);
  for (auto own = own_.lower_bound(from);; ++own) {
    if (own == own_.end()) return show_base();
    if (base_.is_valid() && base_.key() < own->first) return show_base();
    if (base_.is_valid() && base_.key() == own->first) base_.next();  // the own write hides it
    if (own->second) return show_own(*own);
  }
}

inline void TransactionCursor::find_backward(const std::optional<std::string>& below) {
  below ? base_.seek_back(*below) : base_.seek_to_last();
  if (below && base_.is_valid() && base_.key() == *below) base_.prev();
  for (auto own = below ? own_.lower_bound(*below) : own_.end();; --own) {
    if (own == own_.begin()) return show_base();
    const auto& write = *std::prev(own);
    if (base_.is_valid() && base_.key() > write.first) return show_base();
    if (base_.is_valid() && base_.key() == write.first) base_.prev();
    if (write.second) return show_own(write);
  }
}

inline void TransactionCursor::show_base() {
  is_valid_ = base_.is_valid();
  if (!is_valid_) return;
  key_ = base_.key();
  value_ = base_.value();
}

inline void TransactionCursor::show_own(const Transaction::Writes::value_type& write) {
  is_valid_ = base_.status().ok();  // after an error nobody knows what comes before this write
  key_ = write.first;
  value_ = *write.second;
}

inline std::optional<std::string> TransactionCursor::end_seen() const {
  return is_valid_ ? just_behind(key_) : bounds_.upper;
}

inline std::optional<std::string> TransactionCursor::start_seen() const {
  return is_valid_ ? key_ : bounds_.lower;
}

inline void TransactionCursor::begin_range(std::optional<std::string> lower,
                                           std::optional<std::string> upper) {
  if (ranges_) range_ = &ranges_->emplace_back(Bounds{std::move(lower), std::move(upper)});
}

}  // namespace lsmith
