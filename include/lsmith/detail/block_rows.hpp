// block_rows.hpp: the bytes of a block's body, read without believing them.
//
//   | header 8 | prefix P | column 8 × count | offsets 4 × count | rows
//
// open() proves that header, prefix, column and offsets lie inside the body, which never changes.
// Of a row nothing is believed: read_row() checks it each time and touches no byte outside it.
//
// A search suits today's processors. A chunk is compared as one big-endian number. The search over
// the column is written so that a compiler needs no branch, which would be mispredicted. A tie is
// decided in place, so no key is built.
#pragma once

#include <lsmith/coding.hpp>
#include <lsmith/key.hpp>
#include <lsmith/status.hpp>

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace lsmith::detail {

// One entry as it is stored: its key is the prefix, then the first `rest_bytes` of chunk and tail.
struct BlockRow {
  std::uint64_t chunk;
  std::uint64_t tag;
  std::string_view tail;
  std::string_view value;
  std::uint32_t rest_bytes;
};

// What can be wrong with a row.
enum class RowFault : std::uint8_t { none, place, size, key, value, padding, kind };

// A sought entry, taken apart as rows are. Its key begins with the block's prefix.
class SoughtRow {
 public:
  SoughtRow(std::string_view key, std::size_t prefix_bytes, std::uint64_t tag);

  std::uint64_t chunk() const { return chunk_; }
  bool has_key_of(const BlockRow& row) const;
  // Requires that the chunks are equal.
  bool is_after(const BlockRow& row) const;

 private:
  std::uint64_t chunk_;
  std::uint64_t tag_;
  std::string_view tail_;
  std::size_t rest_bytes_;
};

// A view of a body. Thread-safe.
class BlockRows {
 public:
  static Result<BlockRows> open(std::string_view body);

  std::uint32_t count() const { return count_; }
  std::string_view prefix() const { return {body_ + header_bytes, prefix_bytes_}; }
  std::uint32_t prefix_bytes() const { return prefix_bytes_; }
  const char* column() const { return body_ + header_bytes + prefix_bytes_; }
  std::uint64_t chunk(std::uint32_t index) const {
    return load_big_64(column() + std::size_t{8} * index);
  }
  bool has_gap() const { return row_begin(0) != rows_begin_; }

  // Requires index < count(). The row is undefined unless the fault is none.
  RowFault read_row(std::uint32_t index, BlockRow& row) const;
  // The first entry whose chunk is not smaller; count() when there is none.
  std::uint32_t column_lower_bound(std::uint64_t chunk) const;
  // Moves `index` from the first row that has the chunk of `sought` to the first row that is not
  // before it, and reads that row unless there is none. On a fault `index` is the damaged row.
  RowFault tie_lower_bound(const SoughtRow& sought, std::uint32_t& index, BlockRow& row) const;
  // The same from anywhere in the block, for any key.
  RowFault lower_bound(std::string_view key, std::uint64_t tag, std::uint32_t& index,
                       BlockRow& row) const;
  // Brings the row that a search for the key would end at near, if that takes no look at any row.
  void prefetch_row(std::string_view key) const;
  Status failure(std::uint32_t index, RowFault fault) const;

 private:
  BlockRows(std::string_view body, std::uint32_t count, std::uint32_t prefix_bytes);
  std::uint32_t row_begin(std::uint32_t index) const;
  static bool read_long_rest(std::string_view bytes, std::uint32_t& rest_bytes,
                             std::size_t& varint_bytes);

  static constexpr std::uint32_t header_bytes = 8;

  const char* body_;
  std::uint32_t size_bytes_;
  std::uint32_t count_;
  std::uint32_t prefix_bytes_;
  std::uint32_t rows_begin_;
};

inline SoughtRow::SoughtRow(std::string_view key, std::size_t prefix_bytes, std::uint64_t tag)
    : chunk_(chunk_of_key(key, prefix_bytes)), tag_(tag), rest_bytes_(key.size() - prefix_bytes) {
  if (rest_bytes_ > 8) tail_ = key.substr(prefix_bytes + 8);
}

inline bool SoughtRow::has_key_of(const BlockRow& row) const {
  return row.chunk == chunk_ && row.rest_bytes == rest_bytes_ && row.tail == tail_;
}

inline bool SoughtRow::is_after(const BlockRow& row) const {
  const int by_tail = row.tail.compare(tail_);
  if (by_tail != 0) return by_tail < 0;
  if (row.rest_bytes != rest_bytes_) return row.rest_bytes < rest_bytes_;
  return row.tag > tag_;
}

inline BlockRows::BlockRows(std::string_view body, std::uint32_t count, std::uint32_t prefix_bytes)
    : body_(body.data()),
      size_bytes_(static_cast<std::uint32_t>(body.size())),
      count_(count),
      prefix_bytes_(prefix_bytes),
      rows_begin_(header_bytes + prefix_bytes + (8 + 4) * count) {
  assert(rows_begin_ <= size_bytes_);
}

inline Result<BlockRows> BlockRows::open(std::string_view body) {
  if (body.size() < header_bytes) {
    return Status(Code::corruption, "block: the header is cut short");
  }
  const std::uint32_t count = load_fixed32(body.data());
  const std::uint32_t prefix_bytes = load_fixed16(body.data() + 4);
  if (load_fixed16(body.data() + 6) != 0) {
    return Status(Code::not_supported, "block: it has flags of a newer version");
  }
  const std::uint64_t size_bytes = body.size();
  if (header_bytes + prefix_bytes + std::uint64_t{8 + 4} * count > size_bytes) {
    return Status(Code::corruption, "block: prefix, column and offsets exceed the body");
  }
  if (size_bytes > 0xffffffff) return Status(Code::corruption, "block: it exceeds 4 GiB");
  return BlockRows(body, count, prefix_bytes);
}

// A row ends where the next begins, the last one with the body.
inline std::uint32_t BlockRows::row_begin(std::uint32_t index) const {
  if (index == count_) return size_bytes_;
  return load_fixed32(column() + std::size_t{8} * count_ + std::size_t{4} * index);
}

// Apart, so that read_row() keeps nothing on the stack for it.
inline bool BlockRows::read_long_rest(std::string_view bytes, std::uint32_t& rest_bytes,
                                      std::size_t& varint_bytes) {
  ByteReader reader(bytes);
  const auto rest = reader.varint32();
  if (!rest) return false;
  rest_bytes = *rest;
  varint_bytes = reader.offset();
  return true;
}

inline RowFault BlockRows::read_row(std::uint32_t index, BlockRow& row) const {
  assert(index < count_);
  const std::uint32_t begin = row_begin(index);
  const std::uint32_t end = row_begin(index + 1);
  if (begin < rows_begin_ || begin > end || end > size_bytes_) return RowFault::place;
  const char* at = body_ + begin;
  std::size_t left = end - begin;
  if (left < 1 + 8) return RowFault::size;

  std::uint32_t rest_bytes = static_cast<unsigned char>(*at);
  std::size_t varint_bytes = 1;
  if (rest_bytes >= 0x80) [[unlikely]] {
    if (!read_long_rest({at, left - 8}, rest_bytes, varint_bytes)) return RowFault::size;
  }
  if (rest_bytes > key_bytes_max - prefix_bytes_) return RowFault::key;
  at += varint_bytes;
  left -= varint_bytes + 8;
  const std::size_t tail_bytes = rest_bytes > 8 ? rest_bytes - 8 : 0;
  if (tail_bytes > left) return RowFault::size;
  if (left - tail_bytes > value_bytes_max) return RowFault::value;

  row.chunk = chunk(index);
  row.tag = load_fixed64(at);
  row.tail = {at + 8, tail_bytes};
  row.value = {at + 8 + tail_bytes, left - tail_bytes};
  row.rest_bytes = rest_bytes;
  if (rest_bytes < 8 && row.chunk << (8 * rest_bytes) != 0) return RowFault::padding;
  return (row.tag & 0xff) <= kind_max ? RowFault::none : RowFault::kind;
}

// Each step adds something or nothing, and `left` shrinks the same way whatever is compared.
inline std::uint32_t BlockRows::column_lower_bound(std::uint64_t chunk) const {
  if (count_ == 0) return 0;
  const char* at = column();
  for (std::size_t left = count_; left > 1;) {
    const std::size_t half = left / 2;
    at += load_big_64(at + 8 * (half - 1)) < chunk ? 8 * half : 0;
    left -= half;
  }
  const auto index = static_cast<std::uint32_t>(static_cast<std::size_t>(at - column()) / 8);
  return index + static_cast<std::uint32_t>(load_big_64(at) < chunk);
}

inline RowFault BlockRows::tie_lower_bound(const SoughtRow& sought, std::uint32_t& index,
                                           BlockRow& row) const {
  if (RowFault fault = read_row(index, row); fault != RowFault::none) return fault;
  if (!sought.is_after(row)) return RowFault::none;  // nearly always: chunks rarely tie

  std::uint32_t begin = index + 1;
  std::uint32_t end = count_;
  while (begin < end) {
    index = begin + (end - begin) / 2;
    bool is_before = false;
    if (chunk(index) == sought.chunk()) {
      if (RowFault fault = read_row(index, row); fault != RowFault::none) return fault;
      is_before = sought.is_after(row);
    }
    if (is_before) {
      begin = index + 1;
    } else {
      end = index;
    }
  }
  index = begin;
  return index < count_ ? read_row(index, row) : RowFault::none;
}

inline RowFault BlockRows::lower_bound(std::string_view key, std::uint64_t tag,
                                       std::uint32_t& index, BlockRow& row) const {
  const int by_prefix = key.substr(0, prefix_bytes_).compare(prefix());
  if (by_prefix == 0) {
    const SoughtRow sought(key, prefix_bytes_, tag);
    index = column_lower_bound(sought.chunk());
    if (index < count_ && chunk(index) == sought.chunk()) {
      return tie_lower_bound(sought, index, row);
    }
  } else {
    index = by_prefix < 0 ? 0 : count_;
  }
  return index < count_ ? read_row(index, row) : RowFault::none;
}

inline void BlockRows::prefetch_row([[maybe_unused]] std::string_view key) const {
#if defined(__GNUC__)
  if (!key.starts_with(prefix())) return;
  const std::uint32_t index = column_lower_bound(chunk_of_key(key, prefix_bytes_));
  if (index == count_) return;
  const std::uint32_t begin = row_begin(index);  // which nobody has checked
  if (begin >= size_bytes_) return;
  const char* const row = body_ + begin;
  __builtin_prefetch(row);
  __builtin_prefetch(row + std::min<std::size_t>(64, size_bytes_ - begin));
#endif
}

inline Status BlockRows::failure(std::uint32_t index, RowFault fault) const {
  constexpr const char* what[] = {"is fine",
                                  "does not lie within the rows",
                                  "is cut short",
                                  "has a key that is too large",
                                  "has a value that is too large",
                                  "has a chunk that is not padded with zeros",
                                  "has a kind of a newer version"};
  assert(fault != RowFault::none);
  return Status(fault == RowFault::kind ? Code::not_supported : Code::corruption,
                "block: row " + std::to_string(index) + " of " + std::to_string(count_) +
                    ", at byte " + std::to_string(row_begin(index)) + ", " +
                    what[static_cast<std::size_t>(fault)]);
}

}  // namespace lsmith::detail
