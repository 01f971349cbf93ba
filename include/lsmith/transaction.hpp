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
// Invariants
//  1. Checks run one at a time, in commit order, and what passed is recorded before the next runs.
//  2. Every commit above complete_after() is in the history, under each key that it wrote.
//  3. A range covers every key of which its cursor showed that it is there, or that it is not.
//
// A batch is approved before it is visible, so a transaction may begin in between. If others were
// open, the history knows the batch's keys and the check is exact. If none was, it has only the
// sequence number, and whoever began before it must fail. So the constructor asks whether its
// snapshot is too old, and if so passes through the commit queue once, behind the batch, and takes
// another.
//
// What this changes from the textbook:
//  - A commit while no transaction is open takes no lock.
//  - The history forgets key by key, from its old end, and also what no open transaction can need:
//    it is as small as transactions are short. A note is stale when its key was written again
//    later, and dropping it loses nothing.
//
//       keys   a=14  b=12  c=13       notes   oldest | 11 a, stale | 12 b | 13 c | 14 a | newest
//
//  - A scan shares the own writes with its transaction, which copies them only when it writes while
//    a cursor is alive. The cursor moves both sides in step, and seeks again only where it turns.
//
// Cost: a plain write costs a load and a store, or O(log keys) while transactions are open. A
// commit costs O(log keys) for each key written or read, and for each range a walk over what was
// committed lately within it.
#pragma once

#include <lsmith/commit_queue.hpp>
#include <lsmith/engine.hpp>
#include <lsmith/key.hpp>
#include <lsmith/mutex.hpp>
#include <lsmith/mvcc.hpp>
#include <lsmith/status.hpp>
#include <lsmith/write_batch.hpp>

#include <algorithm>
#include <atomic>
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
  friend class Transaction;
  static constexpr Sequence not_settled = 0;

  // The last commit of each key, and in which order they came. Guarded by its owner.
  struct Memory {
    using Keys = std::map<std::string, Sequence, std::less<>>;
    struct Note {
      Sequence sequence;
      Keys::iterator key;
    };

    void remember(const WriteBatch& batch, Sequence first, Sequence needed_after,
                  std::size_t bytes_max);
    void remember(std::string_view key, Sequence sequence);
    void forget_oldest();
    std::size_t used_bytes() const;

    Keys keys;
    std::deque<Note> notes;  // oldest first; the newest note of each key is here
    std::size_t key_bytes = 0;
    Sequence forgotten = 0;  // the newest commit that was dropped from the keys
  };

  // A transaction that entered may need everything, until it settles for what came after `since`.
  void settle(Sequence since);
  void leave_settled(Sequence since);
  // False when a check against `since` would fail for sure.
  bool reaches_back_to(Sequence since) const;

  void close(Sequence since) LSMITH_REQUIRES(mutex_);
  Sequence complete_after() const LSMITH_REQUIRES(mutex_);
  static Status too_old();
  static Status changed(std::string_view key);

  const std::size_t bytes_max_;
  // How many transactions are open. Relaxed, since a late answer is safe: who still reads 0 counts
  // its batch as unrecorded, who still reads 1 asks again under the mutex.
  std::atomic<std::size_t> open_count_{0};
  // The last commit that found no transaction open. Only record() stores it, one call at a time;
  // release, pairs with the acquire in complete_after().
  std::atomic<Sequence> unrecorded_{0};

  mutable Mutex mutex_;
  std::map<Sequence, std::size_t> open_ LSMITH_GUARDED_BY(mutex_);  // how many began at each
  Memory memory_ LSMITH_GUARDED_BY(mutex_);
  Sequence newest_ LSMITH_GUARDED_BY(mutex_) = 0;  // that memory_ was told
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
  using Ranges = std::deque<Bounds>;  // a deque, since cursors point to what they widen

  // What a transaction holds while it is open; its commit asks it when its turn has come.
  struct Open final : CommitCheck {
    Status approve(const WriteBatch& batch, Sequence first_sequence) override;

    std::shared_ptr<Engine> engine;
    std::shared_ptr<CommitHistory> history;
    Snapshot snapshot;
    std::shared_ptr<Writes> writes = std::make_shared<Writes>();  // unchanged while a cursor has it
    std::set<std::string, std::less<>> read_keys;
    std::shared_ptr<Ranges> read_ranges;  // shared with the cursors; null unless serializable
  };

  static Status over() { return Status(Code::invalid_argument, "the transaction is over"); }
  static Status check_sizes(std::size_t key_bytes, std::size_t value_bytes);
  void write(std::string_view key, std::optional<std::string> value);

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
  using Writes = Transaction::Writes;
  TransactionCursor(UserCursor base, std::shared_ptr<const Writes> own, Bounds bounds,
                    std::shared_ptr<Transaction::Ranges> ranges, Status failure);

  // Shows the nearer of the two sides, both of which stand at or past the place to show.
  void show_forward();
  void show_backward();
  // Shows an own write; null: what the base stands on, if it does.
  void show(const Writes::value_type* own);
  // Makes both sides stand at the shown key or past it, seen in the new direction.
  void turn_forward();
  void turn_backward();

  // What is known by where it stands: all keys below the one, or from the other on.
  std::optional<std::string> end_seen() const;
  std::optional<std::string> start_seen() const;
  void begin_range(std::optional<std::string> lower, std::optional<std::string> upper);
  static std::string just_behind(std::string_view key) { return std::string(key) + '\0'; }

  UserCursor base_;
  std::shared_ptr<const Writes> own_;
  Bounds bounds_;
  std::shared_ptr<Transaction::Ranges> ranges_;  // null unless serializable
  Bounds* range_ = nullptr;                      // the one that next() and prev() widen
  Status failure_;

  Writes::const_iterator own_first_;  // the own writes within the bounds
  Writes::const_iterator own_end_;
  Writes::const_iterator own_at_;  // the next; walking backward, the one behind the next
  const Writes::value_type* shown_ = nullptr;  // null: the base's entry is shown
  bool is_forward_ = true;
  bool is_valid_ = false;
};

inline Transaction::Transaction(std::shared_ptr<Engine> engine,
                                std::shared_ptr<CommitHistory> history, Isolation isolation)
    : open_(std::make_unique<Open>()) {
  if (isolation == Isolation::serializable) open_->read_ranges = std::make_shared<Ranges>();
  struct Entered {  // who fails on the way in leaves again
    CommitHistory* history;
    ~Entered() {
      if (history != nullptr) history->leave();
    }
  };
  history->enter();  // first, so that nothing after the snapshot goes by unrecorded
  Entered entered{history.get()};
  open_->snapshot = engine->snapshot();
  if (!history->reaches_back_to(open_->snapshot.sequence())) {
    WriteBatch nothing;  // waits for its turn, behind the commits that are under way
    [&]() noexcept { engine->commit(nothing, false, nullptr).ignore(); }();
    open_->snapshot = engine->snapshot();
  }
  history->settle(open_->snapshot.sequence());
  entered.history = nullptr;
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
  if (const auto own = open_->writes->find(key); own != open_->writes->end()) {
    if (own->second) value = *own->second;
    return own->second.has_value();
  }
  if (open_->read_ranges) open_->read_keys.emplace(key);
  return open_->engine->get(key, open_->snapshot.sequence(), value);
}

inline Status Transaction::put(std::string_view key, std::string_view value) {
  if (!open_) return over();
  if (Status s = check_sizes(key.size(), value.size()); !s.ok()) return s;
  write(key, std::string(value));
  return {};
}

inline Status Transaction::erase(std::string_view key) {
  if (!open_) return over();
  if (Status s = check_sizes(key.size(), 0); !s.ok()) return s;
  write(key, std::nullopt);
  return {};
}

inline TransactionCursor Transaction::scan(Bounds bounds) {
  if (!open_) {
    UserCursor nothing(MergeCursor({}), 0, {});
    return TransactionCursor(std::move(nothing), std::make_shared<Writes>(), {}, nullptr, over());
  }
  UserCursor base = open_->engine->cursor(open_->snapshot.sequence(), bounds, ReadPattern::scan);
  return TransactionCursor(std::move(base), open_->writes, std::move(bounds), open_->read_ranges,
                           {});
}

inline Status Transaction::commit(bool sync) {
  if (!open_) return over();
  WriteBatch batch;
  for (const auto& [key, value] : *open_->writes)
    value ? batch.put(key, *value) : batch.erase(key);
  Status result = batch.status();
  [&]() noexcept {  // half of it can not be taken back: who finds no memory ends the process
    if (result.ok() && !batch.is_empty()) result = open_->engine->commit(batch, sync, open_.get());
    rollback();
  }();
  return result;
}

inline void Transaction::rollback() {
  if (!open_) return;
  open_->history->leave_settled(open_->snapshot.sequence());
  open_.reset();
}

inline bool Transaction::is_active() const {
  return open_ != nullptr;
}

inline Status Transaction::Open::approve(const WriteBatch& batch, Sequence first_sequence) {
  const Sequence since = snapshot.sequence();
  for (const auto& [key, value] : *writes)
    if (Status s = history->check_key(key, since); !s.ok()) return s;
  for (const std::string& key : read_keys)
    if (Status s = history->check_key(key, since); !s.ok()) return s;
  if (read_ranges)
    for (const Bounds& range : *read_ranges)
      if (Status s = history->check_range(range, since); !s.ok()) return s;
  history->record(batch, first_sequence);
  return {};
}

inline Status Transaction::check_sizes(std::size_t key_bytes, std::size_t value_bytes) {
  const auto refuse = [](const char* what, std::size_t bytes, std::size_t bytes_max) {
    return Status(Code::invalid_argument, std::string(what) + " of " + std::to_string(bytes) +
                                              " bytes exceeds the limit of " +
                                              std::to_string(bytes_max));
  };
  if (key_bytes > key_bytes_max) return refuse("a key", key_bytes, key_bytes_max);
  if (value_bytes > value_bytes_max) return refuse("a value", value_bytes, value_bytes_max);
  return {};
}

inline void Transaction::write(std::string_view key, std::optional<std::string> value) {
  auto& writes = open_->writes;
  if (writes.use_count() > 1) writes = std::make_shared<Writes>(*writes);
  auto at = writes->lower_bound(key);
  if (at == writes->end() || at->first != key) at = writes->emplace_hint(at, key, std::nullopt);
  at->second = std::move(value);
}

}  // namespace lsmith

#include <lsmith/detail/commit_history.hpp>
#include <lsmith/detail/transaction_cursor.hpp>
