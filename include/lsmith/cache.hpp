// cache.hpp: recently read blocks in memory, under one byte budget.
//
//   hash of (table, offset) ──► shard (4 bits) ──► bucket ──► entry ──► next in the bucket
//
//   shard:  mutex · buckets · ring of all entries, with a hand        (CLOCK: Corbató, 1968)
//
//              ┌─► entry ⇄ entry ⇄ entry ⇄ entry ─┐      a hit marks its entry and moves nothing;
//              └──────────── hand ▲ ──────────────┘      the hand unmarks, and evicts the unmarked
//
// CLOCK rather than LRU, because a hit then writes to one entry alone: an LRU list is spliced on
// each hit, which touches the neighbours too, and every line touched is a miss to main memory.
//
// A pin shares ownership of its entry, so evicting, forgetting a table and destroying the cache
// only drop the cache's share. An entry that somebody pins is passed over by the hand: evicting it
// would free nothing, and the budget would no longer tell the memory in use.
//
// The memory of the block that was evicted last is handed to who reads the next one: allocators
// make threads wait that give back what others took.
//
// Invariants, per shard
//  1. Each entry is in one bucket and in the ring; used_bytes is the sum of their charges.
//  2. No two entries have the same table and offset.
//  3. After a change the shard is within its budget, or everything left in it is pinned.
//
// Threads: thread-safe; one shard's mutex at a time, never held during a read. The count of shares
// is std::shared_ptr's, so a pin may be dropped anywhere. Cost of a hit: the mutex and two
// dependent loads; no allocation.
#pragma once

#include <lsmith/mutex.hpp>

#include <array>
#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lsmith {

/// Keeps one block's body alive and unmoved. Move-only; empty when default made. A pin may outlive
/// the cache's entry, and the cache.
class BlockPin {
 public:
  BlockPin() = default;
  BlockPin(BlockPin&& other) noexcept = default;
  BlockPin& operator=(BlockPin&& other) noexcept = default;
  /// Pins bytes that are in no cache.
  explicit BlockPin(std::unique_ptr<std::string> body);
  /// Borrows bytes that live longer than the pin, as those of a mapped file do.
  static BlockPin borrowed(std::string_view body);

  bool is_empty() const;
  /// The body; lives as long as this pin, also when the pin is moved.
  std::string_view body() const;

 private:
  friend class BlockCache;
  explicit BlockPin(std::shared_ptr<const std::string> owned) : owned_(std::move(owned)) {}

  std::shared_ptr<const std::string> owned_;
  std::string_view borrowed_;  // when nothing is owned
};

/// A sharded cache of block bodies by table and offset. Thread-safe.
class BlockCache {
 public:
  explicit BlockCache(std::size_t capacity_bytes);

  /// The block, or an empty pin.
  BlockPin find(std::uint64_t table_number, std::uint64_t offset);
  /// Adds a block and pins it; one that is there already is pinned instead. What is pinned counts
  /// against the budget but is never evicted under a reader. A body larger than a shard is not
  /// kept.
  BlockPin insert(std::uint64_t table_number, std::uint64_t offset, std::string body);
  /// Memory of a block that was evicted, whose bytes mean nothing any more; or an empty string.
  /// What was not found is read into it, and given to insert().
  std::string take_buffer(std::uint64_t table_number, std::uint64_t offset);
  /// Forgets all blocks of a table.
  void erase_table(std::uint64_t table_number);
  /// Takes bytes off the budget that are held elsewhere (indexes, filters); give them back negated.
  void reserve(std::int64_t bytes);

  std::size_t used_bytes() const;
  std::size_t capacity_bytes() const;
  std::uint64_t hits() const;
  std::uint64_t misses() const;

 private:
  struct Entry : std::enable_shared_from_this<Entry> {
    Entry(std::uint64_t table_number, std::uint64_t offset, std::uint64_t hash, std::string body)
        : table_number(table_number), offset(offset), hash(hash), body(std::move(body)) {}

    std::uint64_t table_number;
    std::uint64_t offset;
    std::uint64_t hash;
    std::string body;
    std::shared_ptr<Entry> next_in_bucket = nullptr;
    Entry* next = nullptr;  // in the ring
    Entry* previous = nullptr;
    bool is_marked = false;  // found since the hand last passed

    std::size_t charge_bytes() const { return sizeof(Entry) + body.capacity(); }
    // Only the bucket owns an entry that nobody pins, and only under the mutex can that change.
    bool is_pinned() const { return weak_from_this().use_count() > 1; }
  };
  using Owner = std::shared_ptr<Entry>;

  // Aligned, so that threads in different shards do not share a cache line.
  struct alignas(64) Shard {
    mutable Mutex mutex;
    std::vector<Owner> buckets LSMITH_GUARDED_BY(mutex) = std::vector<Owner>(16);
    Entry* hand LSMITH_GUARDED_BY(mutex) = nullptr;  // null when there are no entries
    std::size_t entry_count LSMITH_GUARDED_BY(mutex) = 0;
    std::size_t used_bytes LSMITH_GUARDED_BY(mutex) = 0;
    std::uint64_t hits LSMITH_GUARDED_BY(mutex) = 0;
    std::uint64_t misses LSMITH_GUARDED_BY(mutex) = 0;
    std::string spare LSMITH_GUARDED_BY(mutex);  // memory of the block that was evicted last

    Owner& owner_of(std::uint64_t table_number, std::uint64_t offset, std::uint64_t hash)
        LSMITH_REQUIRES(mutex);
    void add(Owner entry) LSMITH_REQUIRES(mutex);
    Owner remove(Entry& entry) LSMITH_REQUIRES(mutex);
    void evict(std::size_t budget_bytes) LSMITH_REQUIRES(mutex);
    void grow() LSMITH_REQUIRES(mutex);
  };

  static constexpr std::size_t shard_count = 16;

  static std::uint64_t hash_of(std::uint64_t table_number, std::uint64_t offset);
  static BlockPin pin(const Owner& entry) {
    return BlockPin(std::shared_ptr<const std::string>(entry, &entry->body));
  }
  Shard& shard_of(std::uint64_t hash) { return shards_[hash >> 60]; }
  std::size_t shard_budget_bytes() const;

  const std::size_t capacity_bytes_;
  std::atomic<std::int64_t> reserved_bytes_{0};  // relaxed: a quantity, it publishes nothing
  std::array<Shard, shard_count> shards_;
};

inline BlockPin::BlockPin(std::unique_ptr<std::string> body) : owned_(std::move(body)) {}

inline BlockPin BlockPin::borrowed(std::string_view body) {
  BlockPin pin;
  pin.borrowed_ = body;
  return pin;
}

inline bool BlockPin::is_empty() const {
  return !owned_ && borrowed_.data() == nullptr;
}

inline std::string_view BlockPin::body() const {
  return owned_ ? std::string_view(*owned_) : borrowed_;
}

inline BlockCache::BlockCache(std::size_t capacity_bytes) : capacity_bytes_(capacity_bytes) {}

inline BlockPin BlockCache::find(std::uint64_t table_number, std::uint64_t offset) {
  const std::uint64_t hash = hash_of(table_number, offset);
  Shard& shard = shard_of(hash);
  MutexLock lock(shard.mutex);
  const Owner& found = shard.owner_of(table_number, offset, hash);
  if (!found) return ++shard.misses, BlockPin();
  ++shard.hits;
  found->is_marked = true;
  return pin(found);
}

inline BlockPin BlockCache::insert(std::uint64_t table_number, std::uint64_t offset,
                                   std::string body) {
  const std::uint64_t hash = hash_of(table_number, offset);
  const auto entry = std::make_shared<Entry>(table_number, offset, hash, std::move(body));
  const std::size_t budget_bytes = shard_budget_bytes();
  if (entry->charge_bytes() > budget_bytes) return pin(entry);

  Shard& shard = shard_of(hash);
  MutexLock lock(shard.mutex);
  if (const Owner& found = shard.owner_of(table_number, offset, hash)) return pin(found);
  shard.add(entry);
  shard.evict(budget_bytes);  // passes over the new entry, which is pinned here
  return pin(entry);
}

// Threads that hand large blocks back to the allocator which another one took would wait for it.
inline std::string BlockCache::take_buffer(std::uint64_t table_number, std::uint64_t offset) {
  Shard& shard = shard_of(hash_of(table_number, offset));
  MutexLock lock(shard.mutex);
  return std::exchange(shard.spare, {});
}

inline void BlockCache::erase_table(std::uint64_t table_number) {
  for (Shard& shard : shards_) {
    MutexLock lock(shard.mutex);
    for (std::size_t left = shard.entry_count; left > 0; --left) {
      Entry& entry = *shard.hand;
      shard.hand = entry.next;
      if (entry.table_number == table_number) shard.remove(entry);
    }
  }
}

inline void BlockCache::reserve(std::int64_t bytes) {
  reserved_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  if (bytes <= 0) return;
  for (Shard& shard : shards_) {
    MutexLock lock(shard.mutex);
    shard.evict(shard_budget_bytes());
  }
}

inline std::size_t BlockCache::used_bytes() const {
  std::size_t bytes = 0;
  for (const Shard& shard : shards_) {
    MutexLock lock(shard.mutex);
    bytes += shard.used_bytes;
  }
  return bytes + static_cast<std::size_t>(reserved_bytes_.load(std::memory_order_relaxed));
}

inline std::size_t BlockCache::capacity_bytes() const {
  return capacity_bytes_;
}

inline std::uint64_t BlockCache::hits() const {
  std::uint64_t count = 0;
  for (const Shard& shard : shards_) {
    MutexLock lock(shard.mutex);
    count += shard.hits;
  }
  return count;
}

inline std::uint64_t BlockCache::misses() const {
  std::uint64_t count = 0;
  for (const Shard& shard : shards_) {
    MutexLock lock(shard.mutex);
    count += shard.misses;
  }
  return count;
}

// Offsets are nearly multiples of the block size, so all bits are mixed into all others.
inline std::uint64_t BlockCache::hash_of(std::uint64_t table_number, std::uint64_t offset) {
  std::uint64_t hash = (table_number * 0x9e3779b97f4a7c15u) ^ offset;
  hash = (hash ^ (hash >> 32)) * 0xd6e8feb86659fd93u;
  hash = (hash ^ (hash >> 32)) * 0xd6e8feb86659fd93u;
  return hash ^ (hash >> 32);
}

inline std::size_t BlockCache::shard_budget_bytes() const {
  const std::int64_t signed_bytes = reserved_bytes_.load(std::memory_order_relaxed);
  assert(signed_bytes >= 0);
  const auto reserved = static_cast<std::uint64_t>(signed_bytes);
  if (reserved >= capacity_bytes_) return 0;
  return static_cast<std::size_t>(capacity_bytes_ - reserved) / shard_count;
}

// The pointer that owns the entry; where there is none, the empty one at the end of its bucket.
inline BlockCache::Owner& BlockCache::Shard::owner_of(std::uint64_t table_number,
                                                      std::uint64_t offset, std::uint64_t hash) {
  Owner* owner = &buckets[hash & (buckets.size() - 1)];
  while (*owner && ((*owner)->offset != offset || (*owner)->table_number != table_number)) {
    owner = &(*owner)->next_in_bucket;
  }
  return *owner;
}

// Right behind the hand, so that the hand comes to it last.
inline void BlockCache::Shard::add(Owner entry) {
  if (entry_count == buckets.size()) grow();
  Entry& added = *entry;
  if (hand == nullptr) hand = added.next = added.previous = &added;
  added.next = hand;
  added.previous = hand->previous;
  added.next->previous = added.previous->next = &added;
  ++entry_count;
  used_bytes += added.charge_bytes();
  owner_of(added.table_number, added.offset, added.hash) = std::move(entry);
}

inline BlockCache::Owner BlockCache::Shard::remove(Entry& entry) {
  entry.next->previous = entry.previous;
  entry.previous->next = entry.next;
  if (hand == &entry) hand = entry.next;
  if (--entry_count == 0) hand = nullptr;
  used_bytes -= entry.charge_bytes();
  Owner& owner = owner_of(entry.table_number, entry.offset, entry.hash);
  Owner removed = std::move(owner);
  owner = std::move(removed->next_in_bucket);
  return removed;
}

inline void BlockCache::Shard::evict(std::size_t budget_bytes) {
  // Twice round at most: the first time unmarks, and what the second leaves is pinned.
  for (std::size_t steps = 2 * entry_count; used_bytes > budget_bytes && steps > 0; --steps) {
    Entry& entry = *hand;
    hand = entry.next;
    if (entry.is_marked || entry.is_pinned()) {
      entry.is_marked = false;
      continue;
    }
    const Owner removed = remove(entry);
    if (spare.empty()) spare = std::move(removed->body);
  }
}

inline void BlockCache::Shard::grow() {
  std::vector<Owner> chains(2 * buckets.size());
  chains.swap(buckets);
  for (Owner& chain : chains) {
    while (chain) {
      Owner entry = std::move(chain);
      chain = std::move(entry->next_in_bucket);
      Owner& bucket = buckets[entry->hash & (buckets.size() - 1)];
      entry->next_in_bucket = std::move(bucket);
      bucket = std::move(entry);
    }
  }
}

}  // namespace lsmith
