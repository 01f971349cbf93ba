// table_fences.hpp: a table's index, taken apart for searching; a part of sstable.hpp.
//
//   chunks   | 8 bytes of each fence's key, as numbers |     all that a search looks at, mostly
//   fences   | handle, tag, where the rest of the key lies | looked at once it is known which
//
// A block finds a row by its offset, and what the row says has to be decoded: two cache misses and
// some work for each read of a table. Taken apart, the block's place stands where the search ends.
// What all fences begin with is stored once, and a chunk is what follows it, as in a block.
//
// Invariants
//  1. Fences ascend in the order of key.hpp, so chunks never descend.
//  2. What is kept takes no more memory than a small multiple of the index that it was read from:
//     the shared bytes, of which a hostile index may have many, are kept once.
//
// Threads: read-only. Cost: a search takes log n steps over eight bytes each.
#pragma once

#include <lsmith/block.hpp>
#include <lsmith/key.hpp>
#include <lsmith/status.hpp>
#include <lsmith/table_format.hpp>

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lsmith::detail {

class TableFences {
 public:
  // Corruption when the index can not be read to its end, a handle can not be decoded, or the
  // fences do not ascend.
  static Result<TableFences> read(const Block& index);

  std::uint32_t count() const { return static_cast<std::uint32_t>(fences_.size()); }
  // The first fence that is not before (key, tag); count() when there is none.
  std::uint32_t lower_bound(std::string_view key, std::uint64_t tag) const;
  // Whether two chunks show that lower_bound() of the key is there, whatever the tag. False says
  // nothing: it may be there all the same.
  bool is_plainly_lower_bound(std::uint32_t position, std::string_view key) const;
  BlockHandle handle(std::uint32_t position) const {
    return {fences_[position].offset, fences_[position].size};
  }
  bool has_key(std::uint32_t position, std::string_view key) const;
  std::size_t memory_bytes() const;

 private:
  struct Fence {
    std::uint64_t offset;  // of the block
    std::uint64_t tag;
    std::uint32_t size;        // of the block
    std::uint32_t rest_begin;  // of the key's bytes behind the shared ones, in rests_
  };

  static std::string shared_by_all(const Block& index);
  Status add(std::string_view key, std::uint64_t tag, std::string_view value);
  std::string_view rest(std::uint32_t position) const;
  bool is_before(std::uint32_t position, std::string_view rest, std::uint64_t tag) const;

  std::string shared_;  // what all keys begin with
  std::vector<std::uint64_t> chunks_;
  std::vector<Fence> fences_;
  std::string rests_;
};

inline Result<TableFences> TableFences::read(const Block& index) {
  TableFences fences;
  fences.shared_ = shared_by_all(index);
  fences.chunks_.reserve(index.entry_count());
  fences.fences_.reserve(index.entry_count());
  BlockCursor cursor = index.cursor();
  for (cursor.seek_to_first(); cursor.is_valid(); cursor.next())
    if (Status s = fences.add(cursor.key(), cursor.tag(), cursor.value()); !s.ok()) return s;
  if (Status s = cursor.status(); !s.ok()) return s;
  // A copy takes what it needs. shrink_to_fit() would hide it when there is no memory.
  fences.rests_ = std::string(fences.rests_);
  return fences;
}

// Fences ascend, so what the first and the last have in common is shared by all; add() sees to it.
inline std::string TableFences::shared_by_all(const Block& index) {
  BlockCursor first = index.cursor(), last = index.cursor();
  first.seek_to_first();
  last.seek_to_last();
  if (!first.is_valid() || !last.is_valid()) return {};
  const std::string_view a = first.key(), b = last.key();
  const auto end = a.begin() + static_cast<std::ptrdiff_t>(std::min(a.size(), b.size()));
  return std::string(a.begin(), std::mismatch(a.begin(), end, b.begin()).first);
}

inline Status TableFences::add(std::string_view key, std::uint64_t tag, std::string_view value) {
  const Result<BlockHandle> handle = decode_handle(value);
  if (!handle.ok()) return handle.status();
  const bool is_behind_last =
      key.starts_with(shared_) &&
      (count() == 0 || is_before(count() - 1, key.substr(shared_.size()), tag));
  if (!is_behind_last) return corrupt("fence " + std::to_string(count()) + " is out of order");
  chunks_.push_back(chunk_of_key(key, shared_.size()));
  fences_.push_back({handle->offset, tag, handle->size, static_cast<std::uint32_t>(rests_.size())});
  rests_ += key.substr(shared_.size());
  return {};
}

inline std::string_view TableFences::rest(std::uint32_t position) const {
  const std::size_t begin = fences_[position].rest_begin;
  const std::size_t end = position + 1 < count() ? fences_[position + 1].rest_begin : rests_.size();
  return std::string_view(rests_).substr(begin, end - begin);
}

inline bool TableFences::is_before(std::uint32_t position, std::string_view other,
                                   std::uint64_t tag) const {
  return compare(rest(position), fences_[position].tag, other, tag) < 0;
}

inline bool TableFences::has_key(std::uint32_t position, std::string_view key) const {
  return key.starts_with(shared_) && rest(position) == key.substr(shared_.size());
}

inline std::uint32_t TableFences::lower_bound(std::string_view key, std::uint64_t tag) const {
  if (const int order = key.substr(0, shared_.size()).compare(shared_); order != 0)
    return order < 0 ? 0 : count();
  const std::uint64_t chunk = chunk_of_key(key, shared_.size());
  // Compiled as a branch, each step lets a processor fetch ahead where the search may go: without
  // branches a seek in a large table takes a tenth longer.
  const std::uint64_t* at = chunks_.data();
  for (std::size_t left = chunks_.size(); left > 1;) {
    const std::size_t half = left / 2;
    at += at[half - 1] < chunk ? half : 0;
    left -= half;
  }
  if (count() > 0 && *at < chunk) ++at;
  auto position = static_cast<std::uint32_t>(at - chunks_.data());
  if (position == count() || *at != chunk) return position;
  // Equal chunks are not equal keys: the fence is among those that have this one.
  const std::string_view rest = key.substr(shared_.size());
  auto end = static_cast<std::uint32_t>(std::upper_bound(at, chunks_.data() + count(), chunk) -
                                        chunks_.data());
  while (position < end) {
    const std::uint32_t middle = position + (end - position) / 2;
    if (is_before(middle, rest, tag))
      position = middle + 1;
    else
      end = middle;
  }
  return position;
}

inline bool TableFences::is_plainly_lower_bound(std::uint32_t position,
                                                std::string_view key) const {
  if (position >= count() || !key.starts_with(shared_)) return false;
  const std::uint64_t chunk = chunk_of_key(key, shared_.size());
  return chunk < chunks_[position] && (position == 0 || chunks_[position - 1] < chunk);
}

inline std::size_t TableFences::memory_bytes() const {
  return shared_.capacity() + rests_.capacity() + chunks_.capacity() * sizeof(std::uint64_t) +
         fences_.capacity() * sizeof(Fence);
}

}  // namespace lsmith::detail
