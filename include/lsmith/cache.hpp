// cache.hpp: recently read blocks in memory, under one byte budget.
//
//   hash of (table, offset) ──► shard (4 bits) ──► bucket ──► slot ──► next slot in the bucket
//                                                              │
//   slots of a shard, side by side:                            ▼
//   | block, mark | block, mark | free | block, mark |      | count of shares | body |
//                        ▲ hand                              one piece of memory
//
// Evicts by CLOCK (Corbató, 1968): a hit marks its slot and moves nothing; the hand goes round the
// slots, unmarks what is marked, and evicts what it finds unmarked. An LRU list would be spliced on
// each hit, and every line of memory touched is a miss. The slots stand side by side, so that the
// hand need not look at a block before it is to go.
//
// A pin shares a block's memory, so evicting, forgetting a table and destroying the cache only drop
// the cache's share. A block that somebody pins is passed over by the hand: evicting it would free
// nothing, and the budget would no longer tell the memory in use.
//
// Who is about to read a block gets the memory of the one that has to go for it. It has the size
// that was asked for, not twice that, as a string may that has to grow: what a block does not fill
// is lost to all others.
//
// Invariants, per shard
//  1. Each slot is free or in one bucket; used_bytes is the sum of the charges of those that are
//     not free.
//  2. No two slots have the same table and offset.
//  3. After a change the shard is within its budget, or everything left in it is pinned.
//
// Threads: thread-safe; one shard's mutex at a time, never held during a read. A pin may be dropped
// anywhere, and may outlive the cache. Cost of a hit: the mutex and two dependent loads; no
// allocation.
#pragma once

#include <lsmith/mutex.hpp>

#include <array>
#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <new>
#include <string_view>
#include <utility>
#include <vector>

namespace lsmith {

/// The memory of a block, shared by those who hold it, and gone with the last of them. Who makes it
/// fills it; once it is shared nobody writes. Move-only; empty when default made or moved from.
class BlockBytes {
 public:
  BlockBytes() = default;
  /// Bytes that mean nothing yet.
  explicit BlockBytes(std::size_t size);
  BlockBytes(BlockBytes&& other) noexcept : shared_(std::exchange(other.shared_, nullptr)) {}
  BlockBytes& operator=(BlockBytes&& other) noexcept {
    std::swap(shared_, other.shared_);
    return *this;
  }
  ~BlockBytes();

  explicit operator bool() const { return shared_ != nullptr; }
  char* data() const { return reinterpret_cast<char*>(shared_ + 1); }
  std::size_t size() const { return shared_->size; }
  std::string_view view() const { return {data(), size()}; }
  /// What it takes of the memory.
  std::size_t memory_bytes() const { return memory_bytes_for(shared_->capacity); }
  static std::size_t memory_bytes_for(std::size_t size) { return sizeof(Shared) + size; }
  /// Whether it has room for that size, and not much more.
  bool fits(std::size_t size) const {
    return shared_->capacity >= size && shared_->capacity - size <= size / 16;
  }
  /// Requires that it has room for it, and is not shared.
  void resize(std::size_t size);
  /// Another holder of the same memory.
  BlockBytes share() const;
  bool is_shared() const;

 private:
  // What follows it in memory are the bytes.
  struct Shared {
    std::atomic<std::size_t> holders{1};
    std::size_t size;
    std::size_t capacity;
  };

  Shared* shared_ = nullptr;
};

/// Keeps one block's body alive and unmoved. Move-only; empty when default made or moved from. A
/// pin may outlive the cache's entry, and the cache.
class BlockPin {
 public:
  BlockPin() = default;
  BlockPin(BlockPin&& other) noexcept
      : owned_(std::move(other.owned_)), body_(std::exchange(other.body_, {})) {}
  BlockPin& operator=(BlockPin&& other) noexcept {
    owned_ = std::move(other.owned_);
    body_ = std::exchange(other.body_, {});
    return *this;
  }
  explicit BlockPin(BlockBytes bytes) : owned_(std::move(bytes)), body_(owned_.view()) {}
  /// Borrows bytes that live longer than the pin, as those of a mapped file do.
  static BlockPin borrowed(std::string_view body);

  bool is_empty() const { return body_.data() == nullptr; }
  /// The body; lives as long as this pin, also when the pin is moved.
  std::string_view body() const { return body_; }

 private:
  BlockBytes owned_;
  std::string_view body_;
};

/// A sharded cache of block bodies by table and offset. Thread-safe.
class BlockCache {
 public:
  explicit BlockCache(std::size_t capacity_bytes);

  /// The block, or an empty pin.
  BlockPin find(std::uint64_t table_number, std::uint64_t offset);
  /// Memory for a block that was not found, to be filled and given to insert(). Room is made for it
  /// first, and it may be the memory of what had to go.
  BlockBytes allocate(std::uint64_t table_number, std::uint64_t offset, std::size_t size);
  /// Adds a block and pins it; one that is there already is pinned instead. What is pinned counts
  /// against the budget but is never evicted under a reader. A body larger than a shard is not
  /// kept.
  BlockPin insert(std::uint64_t table_number, std::uint64_t offset, BlockBytes body);
  /// Forgets all blocks of a table.
  void erase_table(std::uint64_t table_number);
  /// Takes bytes off the budget that are held elsewhere (indexes, filters); give them back negated.
  void reserve(std::int64_t bytes);

  std::size_t used_bytes() const;
  std::size_t capacity_bytes() const;
  std::uint64_t hits() const;
  std::uint64_t misses() const;

 private:
  using Position = std::uint32_t;  // of a slot
  static constexpr Position nowhere = 0xffffffff;

  struct Slot {
    std::uint64_t table_number = 0;
    std::uint64_t offset = 0;
    BlockBytes body;          // none: the slot is free
    Position next = nowhere;  // in the bucket, or of those that are free
    bool is_marked = false;   // found since the hand last passed

    static std::size_t charge_bytes(std::size_t memory_bytes) {
      return sizeof(Slot) + memory_bytes;
    }
  };

  // Aligned, so that threads in different shards do not share a cache line.
  struct alignas(64) Shard {
    mutable Mutex mutex;
    std::vector<Slot> slots LSMITH_GUARDED_BY(mutex);
    std::vector<Position> buckets LSMITH_GUARDED_BY(mutex) = std::vector<Position>(16, nowhere);
    Position first_free LSMITH_GUARDED_BY(mutex) = nowhere;
    Position hand LSMITH_GUARDED_BY(mutex) = 0;
    std::size_t used_bytes LSMITH_GUARDED_BY(mutex) = 0;
    std::uint64_t hits LSMITH_GUARDED_BY(mutex) = 0;
    std::uint64_t misses LSMITH_GUARDED_BY(mutex) = 0;

    Position& bucket_of(std::uint64_t hash) LSMITH_REQUIRES(mutex) {
      return buckets[hash & (buckets.size() - 1)];
    }
    Slot* find(std::uint64_t table_number, std::uint64_t offset, std::uint64_t hash)
        LSMITH_REQUIRES(mutex);
    void make_slot() LSMITH_REQUIRES(mutex);
    void add(std::uint64_t table_number, std::uint64_t offset, std::uint64_t hash, BlockBytes body)
        LSMITH_REQUIRES(mutex);
    BlockBytes remove(Position position) LSMITH_REQUIRES(mutex);
    BlockBytes evict(std::size_t budget_bytes) LSMITH_REQUIRES(mutex);
  };

  static constexpr std::size_t shard_count = 16;

  static std::uint64_t hash_of(std::uint64_t table_number, std::uint64_t offset);
  Shard& shard_of(std::uint64_t hash) { return shards_[hash >> 60]; }
  std::size_t shard_budget_bytes() const;

  const std::size_t capacity_bytes_;
  std::atomic<std::int64_t> reserved_bytes_{0};  // relaxed: a quantity, it publishes nothing
  std::array<Shard, shard_count> shards_;
};

inline BlockBytes::BlockBytes(std::size_t size) {
  void* const memory = ::operator new(memory_bytes_for(size));
  shared_ = new (memory) Shared{.size = size, .capacity = size};
}

inline BlockBytes::~BlockBytes() {
  if (shared_ == nullptr) return;
  // Release: what this holder read is read before the memory goes, or is written to again.
  if (shared_->holders.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
  shared_->~Shared();
  ::operator delete(shared_);
}

inline void BlockBytes::resize(std::size_t size) {
  assert(size <= shared_->capacity && !is_shared());
  shared_->size = size;
}

inline BlockBytes BlockBytes::share() const {
  shared_->holders.fetch_add(1, std::memory_order_relaxed);
  BlockBytes other;
  other.shared_ = shared_;
  return other;
}

inline bool BlockBytes::is_shared() const {
  return shared_->holders.load(std::memory_order_acquire) > 1;  // pairs with the destructor
}

inline BlockPin BlockPin::borrowed(std::string_view body) {
  BlockPin pin;
  pin.body_ = body;
  return pin;
}

inline BlockCache::BlockCache(std::size_t capacity_bytes) : capacity_bytes_(capacity_bytes) {}

inline BlockPin BlockCache::find(std::uint64_t table_number, std::uint64_t offset) {
  const std::uint64_t hash = hash_of(table_number, offset);
  Shard& shard = shard_of(hash);
  MutexLock lock(shard.mutex);
  Slot* const found = shard.find(table_number, offset, hash);
  if (found == nullptr) return ++shard.misses, BlockPin();
  ++shard.hits;
  found->is_marked = true;
  return BlockPin(found->body.share());
}

inline BlockBytes BlockCache::allocate(std::uint64_t table_number, std::uint64_t offset,
                                       std::size_t size) {
  const std::size_t budget_bytes = shard_budget_bytes();
  const std::size_t charge_bytes = Slot::charge_bytes(BlockBytes::memory_bytes_for(size));
  BlockBytes evicted;
  if (charge_bytes <= budget_bytes) {
    Shard& shard = shard_of(hash_of(table_number, offset));
    MutexLock lock(shard.mutex);
    evicted = shard.evict(budget_bytes - charge_bytes);
  }
  if (!evicted || !evicted.fits(size)) return BlockBytes(size);
  evicted.resize(size);
  return evicted;
}

inline BlockPin BlockCache::insert(std::uint64_t table_number, std::uint64_t offset,
                                   BlockBytes body) {
  const std::size_t budget_bytes = shard_budget_bytes();
  if (Slot::charge_bytes(body.memory_bytes()) > budget_bytes) return BlockPin(std::move(body));

  const std::uint64_t hash = hash_of(table_number, offset);
  Shard& shard = shard_of(hash);
  BlockPin pin(body.share());
  BlockBytes evicted;  // freed after the lock is given back
  MutexLock lock(shard.mutex);
  if (const Slot* const found = shard.find(table_number, offset, hash))
    return BlockPin(found->body.share());
  shard.add(table_number, offset, hash, std::move(body));
  evicted = shard.evict(budget_bytes);  // passes over the new block, which is pinned here
  return pin;
}

inline void BlockCache::erase_table(std::uint64_t table_number) {
  for (Shard& shard : shards_) {
    MutexLock lock(shard.mutex);
    for (Position position = 0; position < shard.slots.size(); ++position) {
      const Slot& slot = shard.slots[position];
      if (slot.body && slot.table_number == table_number) shard.remove(position);
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

inline BlockCache::Slot* BlockCache::Shard::find(std::uint64_t table_number, std::uint64_t offset,
                                                 std::uint64_t hash) {
  for (Position at = bucket_of(hash); at != nowhere; at = slots[at].next) {
    Slot& slot = slots[at];
    if (slot.offset == offset && slot.table_number == table_number) return &slot;
  }
  return nullptr;
}

// One more free slot, and buckets for twice as many where there would be more slots than buckets.
// Nothing has changed where memory runs out.
inline void BlockCache::Shard::make_slot() {
  std::vector<Position> heads;
  if (slots.size() == buckets.size()) heads.assign(2 * buckets.size(), nowhere);
  slots.emplace_back();
  if (!heads.empty()) {
    buckets.swap(heads);
    for (Position at = 0; at + 1 < slots.size(); ++at) {  // of which none is free
      Position& bucket = bucket_of(hash_of(slots[at].table_number, slots[at].offset));
      slots[at].next = std::exchange(bucket, at);
    }
  }
  first_free = static_cast<Position>(slots.size() - 1);
}

inline void BlockCache::Shard::add(std::uint64_t table_number, std::uint64_t offset,
                                   std::uint64_t hash, BlockBytes body) {
  if (first_free == nowhere) make_slot();
  const Position position = first_free;
  Slot& slot = slots[position];
  first_free = slot.next;
  Position& bucket = bucket_of(hash);
  slot = Slot{table_number, offset, std::move(body), bucket, false};
  bucket = position;
  used_bytes += Slot::charge_bytes(slot.body.memory_bytes());
}

inline BlockBytes BlockCache::Shard::remove(Position position) {
  Slot& slot = slots[position];
  used_bytes -= Slot::charge_bytes(slot.body.memory_bytes());
  Position* link = &bucket_of(hash_of(slot.table_number, slot.offset));
  while (*link != position)
    link = &slots[*link].next;
  *link = slot.next;
  slot.next = std::exchange(first_free, position);
  return std::exchange(slot.body, BlockBytes());
}

// Returns the memory of the block that went last, if any had to.
inline BlockBytes BlockCache::Shard::evict(std::size_t budget_bytes) {
  BlockBytes evicted;
  // Twice round at most: the first time unmarks, and what the second leaves is pinned.
  for (std::size_t steps = 2 * slots.size(); used_bytes > budget_bytes && steps > 0; --steps) {
    const Position position = hand;
    hand = position + 1 < slots.size() ? position + 1 : 0;
    Slot& slot = slots[position];
    if (!slot.body) continue;
    if (slot.is_marked || slot.body.is_shared()) {
      slot.is_marked = false;
      continue;
    }
    evicted = remove(position);
  }
  return evicted;
}

}  // namespace lsmith
