// memtable_entry.hpp: keys and their versions in an arena; a helper of memtable.hpp alone.
//
//   an entry:    | newest | key size | key | first version |
//   a version:   | tag | older | value size | depth | jump, but in the first | value |
//
//   entry  newest --> a@9 --> a@7 --> a@5 --> a@2          older: one step
//                      '-----------------------^           jump: several
//
// Versions are a chain, newest first. To find one among many, each also points further down, as far
// as in the skew-binary lists of Myers, "An applicative random-access stack" (1983): a search takes
// O(log n) steps, and a new head needs nothing but the head before it.
//
// Invariants
//  1. Tags fall along the chain. `jump` leads to an older version, never a newer one.
//  2. A version never changes after it can be reached, but for `older`, when one is put in behind
//     it. It is stored with release after all behind it was written, and loaded with acquire.
#pragma once

#include <lsmith/key.hpp>
#include <lsmith/pages.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>
#include <vector>

namespace lsmith::detail {

// Hands out bytes that live until the arena dies. The writer's alone, but for memory_bytes().
class Arena {
 public:
  // `alignment` is 8 or, for at most a kilobyte, up to 64.
  char* allocate(std::size_t bytes, std::size_t alignment = 8);
  std::size_t memory_bytes() const { return memory_bytes_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::size_t block_bytes_min = std::size_t{4} << 10;

  char* new_block(std::size_t bytes);

  std::vector<std::unique_ptr<char[]>> blocks_;
  std::vector<LargePage> pages_;  // all blocks of that size, so most of a large memtable
  char* free_ = nullptr;
  std::size_t free_bytes_ = 0;
  std::atomic<std::size_t> memory_bytes_{0};  // a gauge: relaxed, it orders nothing
};

// One version of a key. Its value lies behind it.
class alignas(8) KeyVersion {
 public:
  static KeyVersion* make(char* place, std::uint64_t tag, std::string_view value,
                          KeyVersion* before);
  // What one takes that is put before `before`; null: the first of a key.
  static std::size_t size_bytes(std::string_view value, const KeyVersion* before);

  std::uint64_t tag() const { return tag_; }
  std::string_view value() const { return {bytes() + jump_bytes(), value_bytes_}; }
  KeyVersion* older() const { return older_.load(std::memory_order_acquire); }
  // Puts `version` behind this one.
  void insert_behind(KeyVersion* version) {
    version->older_.store(older_.load(std::memory_order_relaxed), std::memory_order_relaxed);
    older_.store(version, std::memory_order_release);  // pairs with the acquire in older()
  }
  // The newest version from here on whose tag is at most that; null when all are newer.
  const KeyVersion* at_most(std::uint64_t tag) const;
  // The oldest version from here on whose tag is above that. Requires that this one's is.
  const KeyVersion* above(std::uint64_t tag) const;
  const KeyVersion* oldest() const;

 private:
  // The oldest version from here on that `holds`, as all newer ones and this one do.
  template <class Holds>
  const KeyVersion* last_where(Holds&& holds) const;
  const char* bytes() const { return reinterpret_cast<const char*>(this + 1); }
  std::size_t jump_bytes() const { return depth_ > 0 ? sizeof(KeyVersion*) : 0; }
  // An older version, or this one.
  const KeyVersion* jump() const {
    if (depth_ == 0) return this;
    const KeyVersion* older = nullptr;
    std::memcpy(&older, bytes(), sizeof older);
    return older;
  }

  std::uint64_t tag_ = 0;
  std::atomic<KeyVersion*> older_{nullptr};
  std::uint32_t value_bytes_ = 0;
  std::uint32_t depth_ = 0;  // how many are below it; 0 as well for one that was put in between
};
static_assert(sizeof(KeyVersion) % 8 == 0);

// A key and its versions.
class alignas(8) KeyEntry {
 public:
  static KeyEntry* make(Arena& arena, std::uint64_t tag, std::string_view key,
                        std::string_view value);

  std::string_view key() const { return {reinterpret_cast<const char*>(this + 1), key_bytes_}; }
  const KeyVersion* newest() const { return newest_.load(std::memory_order_acquire); }
  // Adds a version with a tag that no other has. The writer's.
  void add(Arena& arena, std::uint64_t tag, std::string_view value);
  // The version next newer than the one with that tag; null when it is the newest.
  const KeyVersion* newer_than(std::uint64_t tag) const {
    const KeyVersion* newest = this->newest();
    return newest->tag() > tag ? newest->above(tag) : nullptr;
  }

 private:
  std::atomic<KeyVersion*> newest_{nullptr};
  std::uint32_t key_bytes_ = 0;
};
static_assert(sizeof(KeyEntry) % 8 == 0);

constexpr std::size_t round_up_to_8(std::size_t bytes) {
  return (bytes + 7) & ~std::size_t{7};
}

inline char* Arena::allocate(std::size_t bytes, std::size_t alignment) {
  bytes = round_up_to_8(bytes);
  const auto misplaced = reinterpret_cast<std::uintptr_t>(free_) & (alignment - 1);
  const std::size_t gap_bytes = misplaced == 0 ? 0 : alignment - misplaced;
  if (gap_bytes + bytes > free_bytes_) {
    // A quarter of what there is: few blocks, little of the last one unused.
    const std::size_t block_bytes =
        std::clamp(memory_bytes() / 4, block_bytes_min, large_page_bytes);
    static_assert(large_pages_from_bytes / 4 == large_page_bytes);
    if (bytes > block_bytes / 4) return new_block(bytes);  // alone, so the free rest is not lost
    free_ = new_block(block_bytes);
    free_bytes_ = block_bytes;
    return allocate(bytes, alignment);
  }
  char* const place = free_ + gap_bytes;
  free_ = place + bytes;
  free_bytes_ -= gap_bytes + bytes;
  return place;
}

inline char* Arena::new_block(std::size_t bytes) {
  char* block = bytes == large_page_bytes ? pages_.emplace_back(SparePage::take()).data() : nullptr;
  if (block == nullptr) {
    block = blocks_.emplace_back(new char[bytes]).get();  // not make_unique, which would fill it
    populate_pages(block, bytes);
  }
  memory_bytes_.store(memory_bytes() + bytes + sizeof block, std::memory_order_relaxed);
  return block;
}

inline std::size_t KeyVersion::size_bytes(std::string_view value, const KeyVersion* before) {
  return sizeof(KeyVersion) + (before != nullptr ? sizeof(KeyVersion*) : 0) + value.size();
}

inline KeyVersion* KeyVersion::make(char* place, std::uint64_t tag, std::string_view value,
                                    KeyVersion* before) {
  auto* version = new (place) KeyVersion;
  version->tag_ = tag;
  version->value_bytes_ = static_cast<std::uint32_t>(value.size());
  if (before != nullptr) {
    // Two jumps of one length become one that is twice as long.
    const KeyVersion* jump = before->jump();
    const bool is_twice = before->depth_ - jump->depth_ == jump->depth_ - jump->jump()->depth_;
    jump = is_twice ? jump->jump() : before;
    version->depth_ = before->depth_ + 1;
    version->older_.store(before, std::memory_order_relaxed);  // nobody can reach it yet
    std::memcpy(place + sizeof(KeyVersion), &jump, sizeof jump);
  }
  char* const bytes = place + sizeof(KeyVersion) + version->jump_bytes();
  if (!value.empty()) std::memcpy(bytes, value.data(), value.size());
  return version;
}

inline const KeyVersion* KeyVersion::at_most(std::uint64_t tag) const {
  const KeyVersion* at = this;
  while (at != nullptr && at->tag_ > tag) {
    const KeyVersion* jump = at->jump();
    at = jump != at && jump->tag_ > tag ? jump : at->older();
  }
  return at;
}

template <class Holds>
const KeyVersion* KeyVersion::last_where(Holds&& holds) const {
  const KeyVersion* at = this;
  while (true) {
    const KeyVersion* const jump = at->jump();
    const KeyVersion* const next = jump != at && holds(*jump) ? jump : at->older();
    if (next == nullptr || !holds(*next)) return at;
    at = next;
  }
}

inline const KeyVersion* KeyVersion::above(std::uint64_t tag) const {
  return last_where([tag](const KeyVersion& version) { return version.tag_ > tag; });
}

inline const KeyVersion* KeyVersion::oldest() const {
  return last_where([](const KeyVersion&) { return true; });
}

inline KeyEntry* KeyEntry::make(Arena& arena, std::uint64_t tag, std::string_view key,
                                std::string_view value) {
  const std::size_t head_bytes = sizeof(KeyEntry) + round_up_to_8(key.size());
  char* const place = arena.allocate(head_bytes + KeyVersion::size_bytes(value, nullptr));
  auto* entry = new (place) KeyEntry;
  entry->key_bytes_ = static_cast<std::uint32_t>(key.size());
  if (!key.empty()) std::memcpy(place + sizeof(KeyEntry), key.data(), key.size());
  entry->newest_.store(KeyVersion::make(place + head_bytes, tag, value, nullptr),
                       std::memory_order_relaxed);  // nobody can reach it yet
  return entry;
}

inline void KeyEntry::add(Arena& arena, std::uint64_t tag, std::string_view value) {
  KeyVersion* const head = newest_.load(std::memory_order_relaxed);  // this thread stored it
  if (head->tag() < tag) {
    char* const place = arena.allocate(KeyVersion::size_bytes(value, head));
    newest_.store(KeyVersion::make(place, tag, value, head),
                  std::memory_order_release);  // pairs with the acquire in newest()
    return;
  }
  char* const place = arena.allocate(KeyVersion::size_bytes(value, nullptr));
  KeyVersion* const version = KeyVersion::make(place, tag, value, nullptr);
  const_cast<KeyVersion*>(head->above(tag))->insert_behind(version);
}

}  // namespace lsmith::detail
