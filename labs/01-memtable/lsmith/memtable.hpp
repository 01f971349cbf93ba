// memtable.hpp: the newest writes, sorted in memory. Yours to write; book/01-memtable.md explains.
//
// Goal: a sorted map that forgets nothing. Every version of every key stays, the newest first, and
// readers walk it while one writer adds.
//
//   level 1   head ------------> b@7 ------------> c@3 ------------------------> f@4 -> none
//   level 0   head -> a@9 -> a@5 -> b@7 -> b@1 ---> c@3 -> d@8 -> e@2 -> e@1 ---> f@4 -> none
//
// Steps (each is checked by `labs/lab check 01`)
//   01.1  Memtable::add, get                                    about 70 minutes
//   01.2  Memtable::cursor; all of MemtableCursor but:          about 30 minutes
//   01.3  MemtableCursor::prev, seek_to_last;
//         Memtable::memory_bytes, entry_count                   about 20 minutes
//
// Given: Memtable::check, which walks your memtable through its public face and says what is
// broken; compare() and the tags of key.hpp; Mutex and MutexLock of mutex.hpp (include it if you
// want it).
//
// Invariants
//  1. Entries are strictly ascending in the order of compare(): key, then tag, largest first.
//  2. An entry never changes and never moves once it can be found: cursors and views point at it.
//  3. A tombstone is an entry like any other; so is an empty value, and so is an empty key.
//
// The public declarations are the contract that the rest of the engine calls: leave them as they
// are. Everything below each `private:` is yours, and so are helpers, includes and bodies. A skip
// list is suggested; anything sorted that meets the invariants gets full points.
//
// Threads: one writer beside any number of readers. The plainest way is one Mutex that every call
// holds while it follows links. Bytes of an entry need no lock: they never change.
#pragma once

#include <lsmith/cursor.hpp>
#include <lsmith/key.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace lsmith {

class MemtableCursor;

/// Every version of every key written since the last freeze, in the order of key.hpp. Nothing is
/// ever changed or removed in it. One writer at a time, beside any number of readers; a reader sees
/// every add() that returned before its call began, and never half an entry.
class Memtable {
 public:
  Memtable();
  ~Memtable();
  Memtable(const Memtable&) = delete;
  Memtable& operator=(const Memtable&) = delete;

  /// Copies the entry in. Requires that no entry with this key and tag is present.
  void add(std::uint64_t tag, std::string_view key, std::string_view value);
  /// The newest version of target.key whose sequence is at most target.sequence, be it a put or a
  /// tombstone; nothing when there is none. What the entry views lives as long as the memtable.
  std::optional<Entry> get(const Target& target) const;
  /// A cursor over every version, newest first. Borrows the memtable, and may be used while others
  /// write: it sees every entry that was there when it moved, and perhaps newer ones.
  MemtableCursor cursor() const;
  /// Bytes of memory taken, with all overhead; what write_buffer_bytes is compared with. Any
  /// thread.
  std::size_t memory_bytes() const;
  /// Number of entries. Any thread.
  std::size_t entry_count() const;
  /// Walks all of it and says every broken invariant; empty when all is well. No writer meanwhile.
  std::vector<std::string> check() const;

 private:
  // Fields that work well for a skip list (<array>, <deque> and <lsmith/mutex.hpp> are needed):
  //
  //   friend class MemtableCursor;
  //   static constexpr int height_max = 12;
  //   struct Node {
  //     std::string key;
  //     std::uint64_t tag = 0;
  //     std::string value;
  //     std::vector<Node*> next;  // one link a level
  //   };
  //   mutable Mutex mutex_;
  //   std::deque<Node> nodes_;  // [0] is the head; a deque never moves what it holds
  //
  // And a helper that every function below can be told with: path_to(key, tag), which returns for
  // each level the last node that sorts before (key, tag).
};

/// Walks a memtable; see the laws of cursor.hpp. key() and value() live as long as the memtable.
/// One thread at a time.
class MemtableCursor {
 public:
  bool is_valid() const;
  void seek_to_first();
  void seek_to_last();
  void seek(std::string_view key, std::uint64_t tag);
  void prepare(std::string_view key, std::uint64_t tag);
  void next();
  void prev();
  std::string_view key() const;
  std::uint64_t tag() const;
  std::string_view value() const;
  Status status() const;

 private:
  // Fields that work well: the memtable, and the node on which the cursor stands (null: not valid).
};

inline Memtable::Memtable() {}

inline Memtable::~Memtable() {}

inline void Memtable::add(std::uint64_t, std::string_view, std::string_view) {
  // Afterwards the entry stands at its one place in the order, beside all older versions of its
  // key, and owns a copy of its bytes: the arguments may vanish. The search for that place must
  // take O(log n) steps. In a skip list that hangs on the heights: at least 1, each next level with
  // a chance of 1 in 4, at most 12, from a generator of your own with a fixed seed, so that a
  // failing run can be repeated.
  throw std::logic_error("01.1 is not yet written");
}

inline std::optional<Entry> Memtable::get(const Target&) const {
  // target.tag() sorts before every version that is as old as target.sequence or older, and after
  // all that are newer. What stands at that place may belong to another key.
  // A tombstone is found: it is returned, like any entry. The caller decides what it means.
  throw std::logic_error("01.1 is not yet written");
}

inline MemtableCursor Memtable::cursor() const {
  // A new cursor is not valid: it stands nowhere until it is sought.
  throw std::logic_error("01.2 is not yet written");
}

inline std::size_t Memtable::memory_bytes() const {
  // Never falls; counts keys, values and what you spend on each entry besides (node, links). An
  // estimate of the overhead is fine, a missing value is not: a flush is due when this is large.
  throw std::logic_error("01.3 is not yet written");
}

inline std::size_t Memtable::entry_count() const {
  // Versions and tombstones count each.
  throw std::logic_error("01.3 is not yet written");
}

// Given. Walks forwards, then backwards, then looks every entry up.
inline std::vector<std::string> Memtable::check() const {
  std::vector<std::string> broken;
  std::vector<Entry> entries;
  MemtableCursor at = cursor();
  for (at.seek_to_first(); at.is_valid() && broken.empty(); at.next()) {
    const Entry entry{at.key(), at.tag(), at.value()};
    const std::string where = "entry " + std::to_string(entries.size());
    if (!entries.empty() &&
        compare(entries.back().key, entries.back().tag, entry.key, entry.tag) >= 0)
      broken.push_back(where + " does not sort after the one before it");
    const std::optional<Entry> found = get(Target{entry.key, sequence_of(entry.tag)});
    if (!found || found->key != entry.key || found->tag != entry.tag)
      broken.push_back(where + " is not found by get()");
    entries.push_back(entry);
  }
  if (!broken.empty()) return broken;
  if (entries.size() != entry_count())
    broken.push_back("holds " + std::to_string(entries.size()) + " entries and counted " +
                     std::to_string(entry_count()));
  std::size_t left = entries.size();
  for (at.seek_to_last(); at.is_valid() && left > 0; at.prev()) {
    --left;
    if (at.key() != entries[left].key || at.tag() != entries[left].tag) {
      broken.push_back("backwards, entry " + std::to_string(left) + " is another than forwards");
      return broken;
    }
  }
  if (left != 0 || at.is_valid()) broken.push_back("is longer in one direction than in the other");
  return broken;
}

inline bool MemtableCursor::is_valid() const {
  // Whether the cursor stands on an entry. Ends, errors and a cursor's birth are "no".
  throw std::logic_error("01.2 is not yet written");
}

inline void MemtableCursor::seek_to_first() {
  throw std::logic_error("01.2 is not yet written");
}

inline void MemtableCursor::seek_to_last() {
  // In an empty memtable there is no last entry; the head of a list is not one.
  throw std::logic_error("01.3 is not yet written");
}

inline void MemtableCursor::seek(std::string_view, std::uint64_t) {
  // Afterwards the cursor stands on the first entry that is not before (key, tag): an equal one is
  // not before it.
  throw std::logic_error("01.2 is not yet written");
}

// Given: a hint that a seek follows. Nothing needs to be done here.
inline void MemtableCursor::prepare(std::string_view, std::uint64_t) {}

inline void MemtableCursor::next() {
  // Requires is_valid(). Past the last entry the cursor is not valid. Entries that were added
  // meanwhile are met if they come after the one on which the cursor stands.
  throw std::logic_error("01.2 is not yet written");
}

inline void MemtableCursor::prev() {
  // Requires is_valid(). The opposite of next(). Entries that were added meanwhile are met here
  // too, so a remembered neighbour may no longer be the neighbour.
  throw std::logic_error("01.3 is not yet written");
}

inline std::string_view MemtableCursor::key() const {
  // Requires is_valid(), as tag() and value() do. A view of the memtable's own copy.
  throw std::logic_error("01.2 is not yet written");
}

inline std::uint64_t MemtableCursor::tag() const {
  throw std::logic_error("01.2 is not yet written");
}

inline std::string_view MemtableCursor::value() const {
  throw std::logic_error("01.2 is not yet written");
}

// Given: memory does not fail.
inline Status MemtableCursor::status() const {
  return {};
}

}  // namespace lsmith
