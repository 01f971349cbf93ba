// commit_history.hpp: the bodies of CommitHistory. Belongs to transaction.hpp, which has its idea
// and its invariants.
#pragma once

#include <lsmith/transaction.hpp>

namespace lsmith {

inline CommitHistory::CommitHistory(std::size_t bytes_max) : bytes_max_(bytes_max) {}

inline void CommitHistory::enter() {
  MutexLock lock(mutex_);
  ++open_[not_settled];
  open_count_.fetch_add(1, std::memory_order_relaxed);
}

inline void CommitHistory::leave() {
  leave_settled(not_settled);
}

inline void CommitHistory::record(const WriteBatch& batch, Sequence first_sequence) {
  if (batch.is_empty()) return;
  const Sequence last_sequence = first_sequence + batch.count() - 1;
  if (open_count_.load(std::memory_order_relaxed) == 0) {
    unrecorded_.store(last_sequence, std::memory_order_release);
    return;
  }
  MutexLock lock(mutex_);
  assert(first_sequence > newest_);
  newest_ = last_sequence;
  if (open_.empty()) {
    memory_.forgotten = newest_;
  } else {
    memory_.remember(batch, first_sequence, open_.begin()->first, bytes_max_);
  }
}

inline Status CommitHistory::check_key(std::string_view key, Sequence since) const {
  MutexLock lock(mutex_);
  if (since < complete_after()) return too_old();
  const auto found = memory_.keys.find(key);
  if (found == memory_.keys.end() || found->second <= since) return {};
  return changed(key);
}

inline Status CommitHistory::check_range(const Bounds& bounds, Sequence since) const {
  MutexLock lock(mutex_);
  if (since < complete_after()) return too_old();
  const auto& keys = memory_.keys;
  auto at = bounds.lower ? keys.lower_bound(*bounds.lower) : keys.begin();
  for (; at != keys.end() && bounds.contains(at->first); ++at) {
    if (at->second > since) return changed(at->first).in("in a range that was read");
  }
  return {};
}

inline std::size_t CommitHistory::memory_bytes() const {
  MutexLock lock(mutex_);
  return memory_.used_bytes();
}

// Every note that comes in takes two out that nobody needs: the old ones go without a long pause.
inline void CommitHistory::Memory::remember(const WriteBatch& batch, Sequence first,
                                            Sequence needed_after, std::size_t bytes_max) {
  Sequence sequence = first;
  batch.for_each([&](std::uint64_t, std::string_view key, std::string_view) {
    remember(key, sequence++);
    for (int i = 0; i < 2 && !notes.empty(); ++i)
      if (notes.front().sequence <= needed_after) forget_oldest();
    while (used_bytes() > bytes_max)
      forget_oldest();
  });
}

inline void CommitHistory::Memory::remember(std::string_view key, Sequence sequence) {
  auto at = keys.lower_bound(key);
  if (at == keys.end() || at->first != key) {
    at = keys.emplace_hint(at, std::string(key), sequence);
    key_bytes += key.size();
  }
  at->second = sequence;
  notes.push_back({sequence, at});
}

inline void CommitHistory::Memory::forget_oldest() {
  const Note note = notes.front();
  notes.pop_front();
  if (note.key->second != note.sequence) return;  // stale: a later note of the key remains
  forgotten = note.sequence;
  key_bytes -= note.key->first.size();
  keys.erase(note.key);
}

inline std::size_t CommitHistory::Memory::used_bytes() const {
  constexpr std::size_t node_bytes = sizeof(Keys::value_type) + 4 * sizeof(void*);
  return key_bytes + keys.size() * node_bytes + notes.size() * sizeof(Note);
}

inline void CommitHistory::settle(Sequence since) {
  MutexLock lock(mutex_);
  ++open_[since];  // it may find no memory, and then nothing has changed
  close(not_settled);
}

inline void CommitHistory::leave_settled(Sequence since) {
  Memory dropped;  // freed without the lock, under which a commit may be waiting
  MutexLock lock(mutex_);
  close(since);
  open_count_.fetch_sub(1, std::memory_order_relaxed);
  if (!open_.empty()) return;
  std::swap(memory_, dropped);
  memory_.forgotten = newest_;
}

inline bool CommitHistory::reaches_back_to(Sequence since) const {
  MutexLock lock(mutex_);
  return since >= complete_after();
}

inline void CommitHistory::close(Sequence since) {
  const auto at = open_.find(since);
  assert(at != open_.end());
  if (--at->second == 0) open_.erase(at);
}

inline Sequence CommitHistory::complete_after() const {
  return std::max(memory_.forgotten, unrecorded_.load(std::memory_order_acquire));
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

}  // namespace lsmith
