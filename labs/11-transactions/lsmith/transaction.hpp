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
#include <stdexcept>
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

  // Fields that work well: bytes_max, and under one Mutex
  //
  //   std::map<std::string, Sequence, std::less<>> last_commit_;  // of each key
  //   std::size_t memory_bytes_ = 0;
  //   std::size_t open_count_ = 0;
  //   Sequence approved_ = 0;        // the last commit that was recorded
  //   Sequence complete_after_ = 0;  // the number of invariant 2
  //
  // And a helper: forget everything, and say so by the last of these.
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

  // 11.3: a pointer to the range in ranges_ that next() and prev() widen (a deque never moves what
  // it holds). And helpers: how far it is now known what there is, upwards and downwards; beginning
  // a range.
};

inline CommitHistory::CommitHistory(std::size_t) {}

inline void CommitHistory::enter() {
  // From now on commits are remembered, until as many have left as have entered.
  throw std::logic_error("11.2 is not yet written");
}

inline void CommitHistory::leave() {
  // 11.2. When the last one leaves nobody can ask about the past any more: it may be forgotten.
  // Destructors end here, so this stub does not throw.
}

inline void CommitHistory::record(const WriteBatch&, Sequence) {
  // 11.2. The first write of the batch has the sequence first_sequence, each further one the next;
  // WriteBatch::for_each shows them in this order. A batch may write a key twice, and may be empty.
  // While nobody is open nothing is kept, but the number of invariant 2 must rise. Nor is anything
  // kept that would take more than bytes_max, though it may for as long as this call lasts: then
  // all is forgotten, which is allowed at any time.
  // Plain writes come by here from the first step on, so this stub does not throw.
}

inline Status CommitHistory::check_key(std::string_view, Sequence) const {
  // too_old() when the history can not know; changed() when it knows of a commit after `since`;
  // else ok. The commit with the number `since` itself was seen: it is no conflict.
  return Status(Code::not_supported, "11.2 is not yet written");
}

inline Status CommitHistory::check_range(const Bounds&, Sequence) const {
  // Like check_key, for every key that the bounds contain. Bounds may lack either end, and may be
  // the wrong way round: then they contain nothing, and only too_old() can stand against them.
  return Status(Code::not_supported, "11.3 is not yet written");
}

inline std::size_t CommitHistory::memory_bytes() const {
  // What the remembered keys take, with an estimate of the overhead. At most bytes_max; 0 when
  // nothing is remembered.
  throw std::logic_error("11.2 is not yet written");
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

inline Status Transaction::Open::approve(const WriteBatch&, Sequence) {
  // Asked when the transaction's turn has come: every commit before it is recorded, none after it
  // has been asked. 11.2: the first failure of a check of the keys written; if there is none, the
  // batch is recorded, and ok. 11.3: the keys and the ranges that were read are checked as well.
  return Status(Code::not_supported, "11.2 is not yet written");
}

inline Transaction::Transaction(std::shared_ptr<Engine>, std::shared_ptr<CommitHistory>,
                                Isolation) {
  // Afterwards open_ is there and holds everything, with the engine's snapshot() of now. 11.2: it
  // has entered the history, and before it took the snapshot. 11.3: read_ranges is there.
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

inline Result<bool> Transaction::get(std::string_view, std::string&) {
  // What was written here hides what the snapshot has; an own erase is an answer too. When the
  // transaction is over: over(), here and everywhere. 11.3: when serializable, a key that the
  // database was asked for is noted as read, found or not; an own write that was read back is not.
  throw std::logic_error("11.1 is not yet written");
}

inline Status Transaction::put(std::string_view, std::string_view) {
  // A key or value over its limit is refused, and what was written before stays. Who knows the
  // limits, and has words for them, is a WriteBatch: put it into one of its own, and ask that.
  throw std::logic_error("11.1 is not yet written");
}

inline Status Transaction::erase(std::string_view) {
  // Remembered as well, be the key there or not.
  throw std::logic_error("11.1 is not yet written");
}

inline TransactionCursor Transaction::scan(Bounds) {
  // Given: what is over. Else a cursor over the engine's cursor() at the snapshot
  // (ReadPattern::scan) and a copy of those own writes that the bounds contain, and no others:
  // the cursor shows all that it is given. Bounds may be the wrong way round.
  // No ranges at Isolation::snapshot; 11.3: read_ranges when serializable.
  if (!open_) {
    UserCursor nothing(MergeCursor({}), 0, {});
    return TransactionCursor(std::move(nothing), {}, {}, nullptr, over());
  }
  throw std::logic_error("11.1 is not yet written");
}

inline Status Transaction::commit(bool sync) {
  // Given for 11.1: right as long as nobody else commits. 11.2: take the first gate out; the engine
  // asks open_ instead of nobody; and without writes the engine is not troubled at all, for it may
  // be closed. 11.3: take the second gate out.
  if (!open_) return over();
  WriteBatch batch;
  for (const auto& [key, value] : open_->writes)
    value ? batch.put(key, *value) : batch.erase(key);
  if (open_->engine->snapshot().sequence() != open_->snapshot.sequence())
    throw std::logic_error("11.2 is not yet written");
  if (open_->isolation == Isolation::serializable && !batch.is_empty())
    throw std::logic_error("11.3 is not yet written");
  Status result = open_->engine->commit(batch, sync, nullptr);
  rollback();
  return result;
}

inline void Transaction::rollback() {
  // Given for 11.1. 11.2: whoever entered the history leaves it, once. May be called again and
  // again, and on what was moved from; a destructor calls it, so it must not throw.
  open_.reset();
}

inline bool Transaction::is_active() const {
  // From its beginning until commit() or rollback(). Not when it was moved from.
  throw std::logic_error("11.2 is not yet written");
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

// The six moves. 11.1: each is one call of find_forward or find_backward. Neither shows anything
// outside the bounds: the base knows them, and own_ has nothing else.
// 11.3: unless ranges_ is null, a seek begins a range there: from the place that was asked for,
// brought within the bounds, to the key on which the cursor came to stand, included; or to the
// bound, when it found nothing. next() and prev() widen that range to where they came, and never
// narrow it. A range's missing end means that it has no end there: it can not become wider.

inline void TransactionCursor::seek_to_first() {
  throw std::logic_error("11.1 is not yet written");
}

inline void TransactionCursor::seek_to_last() {
  throw std::logic_error("11.1 is not yet written");
}

inline void TransactionCursor::seek(std::string_view) {
  // What is asked for may be a view of this cursor's own key(), which changes on the way.
  throw std::logic_error("11.1 is not yet written");
}

inline void TransactionCursor::seek_back(std::string_view) {
  // find_backward leaves out the place it is given; this does not leave out its key.
  throw std::logic_error("11.1 is not yet written");
}

inline void TransactionCursor::next() {
  // Requires is_valid(). May follow any other move, prev() too.
  throw std::logic_error("11.1 is not yet written");
}

inline void TransactionCursor::prev() {
  // Requires is_valid().
  throw std::logic_error("11.1 is not yet written");
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

inline void TransactionCursor::find_backward(const std::optional<std::string>&) {
  // find_forward in the mirror, and the place itself is left out, at which seek_back of the base
  // may well stop. `below` may be anywhere, outside the bounds too. Errors are seen to by show_own.
  throw std::logic_error("11.1 is not yet written");
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
