// transaction.hpp: reads and writes that take effect at one moment, or not at all. Yours to write;
// book/11-transactions.md explains.
//
// Goal: many transactions side by side, none of which locks anything. Each reads one snapshot,
// keeps its writes to itself, and asks once, at its commit, whether it may.
//
//   sequence   ....10....11....12....13....14....15
//   T1          begins at 10                 commits a=1 as 14: nobody wrote `a` after 10
//   T2               begins at 11                  wants a=2 as 15: 14 > 11, a conflict
//   plain writes               b=.. is 12, c=.. is 13
//
// Steps (each is checked by `labs/lab check 11`)
//   11.1  Transaction: constructor, get, put, erase, scan;
//         TransactionCursor: find_backward and the six moves           about 50 minutes
//   11.2  all of CommitHistory but check_range; Open::approve;
//         Transaction: commit, rollback, is_active, constructor        about 60 minutes
//   11.3  CommitHistory::check_range; approve and get once more;
//         TransactionCursor: what the six moves learned                about 50 minutes
//
// Several functions grow from step to step; their comments say when. commit() has two gates, which
// throw: one to 11.2 and one to 11.3. Take each out when you come to its step, not before: until
// then the step reads as "not started", afterwards as "wrong" until all of it is there.
//
// Given: Open, which is what a transaction holds; the cursor's find_forward, which merges the
// snapshot with the own writes; as much of commit and rollback as 11.1 needs; the words of the
// refusals; move construction and assignment.
//
// Invariants
//  1. Checks run one at a time, in commit order, and what passed is recorded before the next runs.
//  2. The history knows a number from which on it is complete: every commit above it is there,
//     under each of its keys. Whoever began before that number can not be checked, and conflicts.
//  3. A cursor's range covers every key of which it showed that it is there, or that it is not.
//
// The public declarations are the contract that the rest of the engine calls: leave them as they
// are. Everything below each `private:` is yours, and so are helpers, includes and bodies.
//
// Threads: a transaction and its cursors are one thread's. The history is everybody's: a mutex.
// approve, and all that it calls, runs inside the queue of the commits, on behalf of other writers
// too: it must come back with a Status, and never throw. So the stubs there return one.
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
  static Status too_old();
  static Status changed(std::string_view key);

  // Allowed at any time: whoever began before now can no longer be checked.
  void forget() LSMITH_REQUIRES(mutex_);
  // False, and nothing is kept, when it does not fit.
  bool keep(std::string_view key, Sequence sequence) LSMITH_REQUIRES(mutex_);

  // What a key of a map takes besides its bytes: its node, its string, its number.
  static constexpr std::size_t overhead_bytes = 96;

  const std::size_t bytes_max_;
  mutable Mutex mutex_;
  std::map<std::string, Sequence, std::less<>> last_commit_ LSMITH_GUARDED_BY(mutex_);
  std::size_t memory_bytes_ LSMITH_GUARDED_BY(mutex_) = 0;
  std::size_t open_count_ LSMITH_GUARDED_BY(mutex_) = 0;
  Sequence approved_ LSMITH_GUARDED_BY(mutex_) = 0;        // the last commit that was recorded
  Sequence complete_after_ LSMITH_GUARDED_BY(mutex_) = 0;  // invariant 2
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
  // The least key behind `key`: there is nothing in between.
  static std::string just_behind(std::string_view key) { return std::string(key) + '\0'; }

  UserCursor base_;          // the snapshot, within the bounds
  Transaction::Writes own_;  // those within the bounds
  Bounds bounds_;
  std::shared_ptr<std::deque<Bounds>> ranges_;  // null unless serializable
  Status failure_;
  bool is_valid_ = false;
  std::string key_;
  std::string value_;

  // How far it is known, now that the cursor has moved, what there is: a range's end.
  std::optional<std::string> known_upwards() const;
  std::optional<std::string> known_downwards() const;
  std::string within_bounds(std::string place) const;
  void begin_range(std::optional<std::string> lower, std::optional<std::string> upper);

  Bounds* range_ = nullptr;  // in ranges_: the one that next() and prev() widen
};

inline CommitHistory::CommitHistory(std::size_t bytes_max) : bytes_max_(bytes_max) {}

inline void CommitHistory::forget() {
  last_commit_.clear();
  memory_bytes_ = 0;
  complete_after_ = approved_;
}

inline bool CommitHistory::keep(std::string_view key, Sequence sequence) {
  const auto known = last_commit_.find(key);
  if (known != last_commit_.end()) {
    known->second = sequence;
    return true;
  }
  const std::size_t more = key.size() + overhead_bytes;
  if (more > bytes_max_ || memory_bytes_ > bytes_max_ - more) return false;
  last_commit_.emplace(key, sequence);
  memory_bytes_ += more;
  return true;
}

inline void CommitHistory::enter() {
  const MutexLock lock(mutex_);
  ++open_count_;
}

inline void CommitHistory::leave() {
  const MutexLock lock(mutex_);
  assert(open_count_ > 0);
  if (--open_count_ == 0) forget();
}

inline void CommitHistory::record(const WriteBatch& batch, Sequence first_sequence) {
  if (batch.is_empty()) return;
  const MutexLock lock(mutex_);
  approved_ = first_sequence + batch.count() - 1;
  bool is_kept = open_count_ > 0;
  Sequence sequence = first_sequence;
  batch.for_each([&](std::uint64_t, std::string_view key, std::string_view)
                     LSMITH_REQUIRES(mutex_) { is_kept = is_kept && keep(key, sequence++); });
  if (!is_kept) forget();
}

inline Status CommitHistory::check_key(std::string_view key, Sequence since) const {
  const MutexLock lock(mutex_);
  if (since < complete_after_) return too_old();
  const auto last = last_commit_.find(key);
  if (last != last_commit_.end() && last->second > since) return changed(key);
  return {};
}

inline Status CommitHistory::check_range(const Bounds& bounds, Sequence since) const {
  const MutexLock lock(mutex_);
  if (since < complete_after_) return too_old();
  auto at = bounds.lower ? last_commit_.lower_bound(*bounds.lower) : last_commit_.begin();
  for (; at != last_commit_.end() && bounds.contains(at->first); ++at)
    if (at->second > since) return changed(at->first);
  return {};
}

inline std::size_t CommitHistory::memory_bytes() const {
  const MutexLock lock(mutex_);
  return memory_bytes_;
}

// Given.
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
  for (const auto& write : writes)
    if (Status s = history->check_key(write.first, since); !s.ok()) return s;
  for (const std::string& key : read_keys)
    if (Status s = history->check_key(key, since); !s.ok()) return s;
  for (const Bounds& range : *read_ranges)
    if (Status s = history->check_range(range, since); !s.ok()) return s;
  history->record(batch, first_sequence);
  return {};
}

inline Transaction::Transaction(std::shared_ptr<Engine> engine,
                                std::shared_ptr<CommitHistory> history, Isolation isolation)
    : open_(std::make_unique<Open>()) {
  open_->engine = std::move(engine);
  open_->history = std::move(history);
  open_->isolation = isolation;
  open_->read_ranges = std::make_shared<std::deque<Bounds>>();
  open_->history->enter();  // first: a commit between the two would not be recorded
  open_->snapshot = open_->engine->snapshot();
}

// Given.
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
  WriteBatch probe;
  probe.put(key, value);
  if (probe.status().ok()) open_->writes.insert_or_assign(std::string(key), std::string(value));
  return probe.status();
}

inline Status Transaction::erase(std::string_view key) {
  if (!open_) return over();
  WriteBatch probe;
  probe.erase(key);
  if (probe.status().ok()) open_->writes.insert_or_assign(std::string(key), std::nullopt);
  return probe.status();
}

inline TransactionCursor Transaction::scan(Bounds bounds) {
  // Given: what is over. Else a cursor over the engine's cursor() at the snapshot
  // (ReadPattern::scan) and a copy of those own writes that the bounds contain, and no others:
  // the cursor shows all that it is given. Bounds may be the wrong way round.
  // No ranges at Isolation::snapshot; 11.3: read_ranges when serializable.
  if (!open_) {
    UserCursor nothing(MergeCursor({}), 0, {});
    return TransactionCursor(std::move(nothing), {}, {}, nullptr, over());
  }
  const Writes& writes = open_->writes;
  Writes own;
  auto at = bounds.lower ? writes.lower_bound(*bounds.lower) : writes.begin();
  for (; at != writes.end() && bounds.contains(at->first); ++at)
    own.insert(own.end(), *at);
  const bool is_serializable = open_->isolation == Isolation::serializable;
  UserCursor base = open_->engine->cursor(open_->snapshot.sequence(), bounds, ReadPattern::scan);
  return TransactionCursor(std::move(base), std::move(own), std::move(bounds),
                           is_serializable ? open_->read_ranges : nullptr, {});
}

inline Status Transaction::commit(bool sync) {
  if (!open_) return over();
  WriteBatch batch;
  for (const auto& [key, value] : open_->writes)
    value ? batch.put(key, *value) : batch.erase(key);
  Status result;
  if (!open_->writes.empty()) result = open_->engine->commit(batch, sync, open_.get());
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

// Given.
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

inline std::optional<std::string> TransactionCursor::known_upwards() const {
  if (!is_valid_) return bounds_.upper;
  return just_behind(key_);
}

inline std::optional<std::string> TransactionCursor::known_downwards() const {
  if (!is_valid_) return bounds_.lower;
  return key_;
}

inline std::string TransactionCursor::within_bounds(std::string place) const {
  if (bounds_.lower && place < *bounds_.lower) return *bounds_.lower;
  if (bounds_.upper && place > *bounds_.upper) return *bounds_.upper;
  return place;
}

inline void TransactionCursor::begin_range(std::optional<std::string> lower,
                                           std::optional<std::string> upper) {
  if (ranges_ == nullptr) return;
  ranges_->push_back({std::move(lower), std::move(upper)});
  range_ = &ranges_->back();
}

// The six moves. Neither find_ shows anything outside the bounds: the base knows them, and own_ has
// nothing else.

inline void TransactionCursor::seek_to_first() {
  find_forward(bounds_.lower ? std::string_view(*bounds_.lower) : std::string_view());
  begin_range(bounds_.lower, known_upwards());
}

inline void TransactionCursor::seek_to_last() {
  find_backward(bounds_.upper);
  begin_range(known_downwards(), bounds_.upper);
}

inline void TransactionCursor::seek(std::string_view key) {
  std::string from(key);  // it may be a view of key_
  find_forward(from);
  begin_range(within_bounds(std::move(from)), known_upwards());
}

inline void TransactionCursor::seek_back(std::string_view key) {
  std::string below = just_behind(key);
  find_backward(below);
  begin_range(known_downwards(), within_bounds(std::move(below)));
}

inline void TransactionCursor::next() {
  assert(is_valid());
  find_forward(just_behind(key_));
  if (range_ == nullptr || !range_->upper) return;
  std::optional<std::string> known = known_upwards();
  if (!known || *known > *range_->upper) range_->upper = std::move(known);
}

inline void TransactionCursor::prev() {
  assert(is_valid());
  find_backward(key_);
  if (range_ == nullptr || !range_->lower) return;
  std::optional<std::string> known = known_downwards();
  if (!known || *known < *range_->lower) range_->lower = std::move(known);
}

// Given.
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
  if (below) {
    base_.seek_back(*below);
    if (base_.is_valid() && base_.key() == *below) base_.prev();
  } else {
    base_.seek_to_last();
  }
  auto own = below ? own_.lower_bound(*below) : own_.end();
  while (own != own_.begin()) {
    --own;
    if (base_.is_valid() && base_.key() > own->first) return show_base();
    if (base_.is_valid() && base_.key() == own->first) base_.prev();  // the own write hides it
    if (own->second) return show_own(*own);
  }
  show_base();
}

// Given, to the end of the file.
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

}  // namespace lsmith
