// block.hpp: sorted entries in a few kilobytes, found with few cache misses. Yours to write;
// book/03-block.md explains.
//
// Goal: entries in, bytes out; then find and walk them in those bytes, without unpacking them and
// without believing them.
//
//   user1@9 = A   user2@7 = B   user2@3 = C
//
//   | count 3 | P 4 | flags 0 | user | 1....... 2....... 2....... | 3 offsets | row 0 | row 1 | …
//     u32       u16   u16       P      8 bytes each: the column     u32 each
//
//   row:  | rest varint32 | tag u64 | the key's bytes from P+8 | value
//
// P is the size of the prefix that all keys share. A dot is a zero byte. `rest` is the key's size
// less P, so a key is the prefix, then `rest` bytes, of which the first 8 stand in the column.
//
// Steps (each is checked by `labs/lab check 03`)
//   03.1  all of BlockBuilder                                   about 50 minutes
//   03.2  Block::open, entry_count, get                         about 60 minutes
//   03.3  Block::cursor; all of BlockCursor                     about 30 minutes
//   03.4  a row is checked before it is believed: no function   about 40 minutes
//         of its own, but whatever reads a row
//
// Given: Block::check, which walks your block with your cursor and builds it again with your
// builder, and body_, which it compares with; ByteReader, put_varint32 and their kin in coding.hpp;
// the format in book/format.md, section 5.
//
// Invariants
//  1. Entries are strictly ascending in the order of compare(), so chunks never descend.
//  2. Equal chunks are not equal keys: `a` and `a\0` share one, and so do the versions of a key.
//     Where chunks tie, the whole key and the tag decide.
//  3. Given its entries the body is canonical: one encoding is right, byte for byte.
//  4. Nothing outside the body is ever read, whatever the body says.
//
// The public declarations are the contract that the rest of the engine calls: leave them as they
// are. Everything below each `private:` is yours, and so are helpers, includes and bodies.
//
// Threads: a block is never changed, so any number of threads may share one, with a cursor each.
#pragma once

#include <lsmith/coding.hpp>
#include <lsmith/cursor.hpp>
#include <lsmith/key.hpp>
#include <lsmith/status.hpp>

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lsmith {

/// Builds the body of a block; book/format.md, section 5. One thread at a time.
class BlockBuilder {
 public:
  BlockBuilder();

  /// Adds an entry, copying it. Requires that it sorts after the one before, and that key and value
  /// are within their limits.
  void add(std::string_view key, std::uint64_t tag, std::string_view value);
  /// The size of the body that finish() would return now, in bytes: exact.
  std::size_t size_bytes() const;
  std::size_t entry_count() const;
  /// The body; the builder is empty afterwards and can be used again.
  std::string finish();

 private:
  struct Held {
    std::string key;
    std::uint64_t tag;
    std::string value;
  };

  std::string_view prefix() const;
  std::size_t row_bytes(const Held& entry) const;

  std::vector<Held> entries_;
  std::size_t prefix_bytes_ = 0;  // what all keys share
  std::size_t rows_bytes_ = 0;    // of all rows, given that prefix
};

class BlockCursor;

/// A block's body, for searching. A view: it borrows the body and is cheap to copy. Thread-safe.
class Block {
 public:
  /// Checks the header and that prefix, column and offsets fit into the body. The rows are checked
  /// as they are read: hostile bytes give corruption, never a read outside the body.
  static Result<Block> open(std::string_view body);

  std::size_t entry_count() const;
  /// The newest version of target.key not newer than target.sequence, put or tombstone, or nothing.
  /// Its key is target.key; its value views the body.
  Result<std::optional<Entry>> get(const Target& target) const;
  BlockCursor cursor() const;
  /// Walks all of it, order and canonical form included, and says every violation.
  std::vector<std::string> check() const;

 private:
  friend class BlockCursor;

  struct Row {
    std::string key;
    std::uint64_t tag = 0;
    std::string_view value;
  };

  explicit Block(std::string_view body);

  std::string_view prefix() const;
  std::string_view chunk(std::size_t index) const;
  std::size_t offsets_at() const;
  std::uint64_t row_begin(std::size_t index) const;
  std::uint64_t row_end(std::size_t index) const;
  static Status corrupt_row(std::size_t index, std::string_view why);
  // Rebuilds an entry, having checked its row.
  Result<Row> row(std::size_t index) const;
  // The first entry that is not before (key, tag), or the number of entries.
  Result<std::size_t> lower_bound(std::string_view key, std::uint64_t tag) const;

  std::size_t count_ = 0;
  std::size_t prefix_bytes_ = 0;
  std::string_view body_;
};

/// Walks a block; see the laws of cursor.hpp. It keeps the Block (a view) itself; key() lives until
/// the next move, value() as long as the body. One thread at a time.
class BlockCursor {
 public:
  explicit BlockCursor(const Block& block);

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
  // Every move ends here. Past the end is any index that no entry has.
  void stand_on(std::size_t index);
  void fail(Status status);

  Block block_;
  bool is_valid_ = false;
  std::size_t index_ = 0;
  Block::Row row_;
  Status status_;
};

namespace detail {

inline constexpr std::size_t block_header_bytes = 8;
inline constexpr std::size_t block_chunk_bytes = 8;
inline constexpr std::size_t block_offset_bytes = 4;

// The chunk of a key, of which `rest` is what follows the prefix.
inline std::string block_chunk(std::string_view rest) {
  std::string chunk(rest.substr(0, block_chunk_bytes));
  chunk.resize(block_chunk_bytes, '\0');
  return chunk;
}

// How many bytes of a key stand in its row.
inline std::size_t block_tail_bytes(std::size_t rest) {
  return rest > block_chunk_bytes ? rest - block_chunk_bytes : 0;
}

}  // namespace detail

inline BlockBuilder::BlockBuilder() {}

inline std::string_view BlockBuilder::prefix() const {
  if (entries_.empty()) return {};
  return std::string_view(entries_.front().key).substr(0, prefix_bytes_);
}

inline std::size_t BlockBuilder::row_bytes(const Held& entry) const {
  const std::size_t rest = entry.key.size() - prefix_bytes_;
  return varint_size(rest) + 8 + detail::block_tail_bytes(rest) + entry.value.size();
}

inline void BlockBuilder::add(std::string_view key, std::uint64_t tag, std::string_view value) {
  assert(key.size() <= key_bytes_max && value.size() <= value_bytes_max);
  entries_.push_back({std::string(key), tag, std::string(value)});
  if (entries_.size() == 1) prefix_bytes_ = key.size();
  const std::string_view before = prefix();
  const auto differ = std::mismatch(before.begin(), before.end(), key.begin(), key.end());
  const std::size_t shared = static_cast<std::size_t>(differ.first - before.begin());
  if (shared == prefix_bytes_) {
    rows_bytes_ += row_bytes(entries_.back());
    return;
  }
  prefix_bytes_ = shared;
  rows_bytes_ = 0;
  for (const Held& entry : entries_)
    rows_bytes_ += row_bytes(entry);
}

inline std::size_t BlockBuilder::size_bytes() const {
  return detail::block_header_bytes + prefix_bytes_ +
         entries_.size() * (detail::block_chunk_bytes + detail::block_offset_bytes) + rows_bytes_;
}

inline std::size_t BlockBuilder::entry_count() const {
  return entries_.size();
}

inline std::string BlockBuilder::finish() {
  std::string body;
  body.reserve(size_bytes());
  put_fixed32(body, static_cast<std::uint32_t>(entries_.size()));
  put_fixed16(body, static_cast<std::uint16_t>(prefix_bytes_));
  put_fixed16(body, 0);
  body.append(prefix());
  for (const Held& entry : entries_)
    body.append(detail::block_chunk(std::string_view(entry.key).substr(prefix_bytes_)));
  std::size_t at = body.size() + entries_.size() * detail::block_offset_bytes;
  for (const Held& entry : entries_) {
    put_fixed32(body, static_cast<std::uint32_t>(at));
    at += row_bytes(entry);
  }
  for (const Held& entry : entries_) {
    const std::size_t rest = entry.key.size() - prefix_bytes_;
    put_varint32(body, static_cast<std::uint32_t>(rest));
    put_fixed64(body, entry.tag);
    body.append(entry.key, entry.key.size() - detail::block_tail_bytes(rest));
    body.append(entry.value);
  }
  assert(body.size() == size_bytes());
  *this = BlockBuilder();
  return body;
}

inline Block::Block(std::string_view body)
    : count_(load_fixed32(body.data())), prefix_bytes_(load_fixed16(body.data() + 4)) {
  body_ = body;
}

inline Result<Block> Block::open(std::string_view body) {
  using namespace detail;
  if (body.size() < block_header_bytes) {
    return Status(Code::corruption, "block: shorter than its header");
  }
  const std::uint64_t count = load_fixed32(body.data());
  const std::uint64_t prefix_bytes = load_fixed16(body.data() + 4);
  if (load_fixed16(body.data() + 6) != 0) {
    return Status(Code::not_supported, "block: flags of a newer version");
  }
  if (block_header_bytes + prefix_bytes + count * (block_chunk_bytes + block_offset_bytes) >
      body.size()) {
    return Status(Code::corruption, "block: " + std::to_string(count) +
                                        " entries do not fit into " + std::to_string(body.size()) +
                                        " bytes");
  }
  return Block(body);
}

inline std::size_t Block::entry_count() const {
  return count_;
}

inline std::string_view Block::prefix() const {
  return body_.substr(detail::block_header_bytes, prefix_bytes_);
}

inline std::string_view Block::chunk(std::size_t index) const {
  const std::size_t column_at = detail::block_header_bytes + prefix_bytes_;
  return body_.substr(column_at + index * detail::block_chunk_bytes, detail::block_chunk_bytes);
}

inline std::size_t Block::offsets_at() const {
  return detail::block_header_bytes + prefix_bytes_ + count_ * detail::block_chunk_bytes;
}

inline std::uint64_t Block::row_begin(std::size_t index) const {
  return load_fixed32(body_.data() + offsets_at() + index * detail::block_offset_bytes);
}

inline std::uint64_t Block::row_end(std::size_t index) const {
  return index + 1 < count_ ? row_begin(index + 1) : body_.size();
}

inline Status Block::corrupt_row(std::size_t index, std::string_view why) {
  return {Code::corruption, "block: row " + std::to_string(index) + ": " + std::string(why)};
}

inline Result<Block::Row> Block::row(std::size_t index) const {
  const std::uint64_t begin = row_begin(index);
  const std::uint64_t end = row_end(index);
  if (begin < offsets_at() + count_ * detail::block_offset_bytes || begin > end ||
      end > body_.size()) {
    return corrupt_row(index, "its offset is out of place");
  }
  ByteReader reader(
      body_.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)));
  const std::optional<std::uint32_t> rest = reader.varint32();
  if (!rest) return corrupt_row(index, "the size of its key is malformed");
  if (*rest > key_bytes_max - prefix_bytes_) {
    return corrupt_row(index, "its key is larger than a key can be");
  }
  const std::optional<std::uint64_t> tag = reader.fixed64();
  const auto tail = reader.raw(detail::block_tail_bytes(*rest));
  if (!tag || !tail) return corrupt_row(index, "it is cut short");
  if (reader.rest().size() > value_bytes_max) {
    return corrupt_row(index, "its value is larger than a value can be");
  }
  const std::string_view in_chunk = chunk(index).substr(0, *rest);
  if (detail::block_chunk(in_chunk) != chunk(index)) {
    return corrupt_row(index, "its chunk is longer than its key");
  }
  if (static_cast<std::uint8_t>(kind_of(*tag)) > kind_max) {
    return Status(Code::not_supported, "block: row " + std::to_string(index) + ": kind " +
                                           std::to_string(*tag & 0xff) + " needs a newer version");
  }
  Row row;
  row.key.reserve(prefix_bytes_ + *rest);
  row.key.append(prefix()).append(in_chunk).append(*tail);
  row.tag = *tag;
  row.value = reader.rest();
  return row;
}

inline Result<std::size_t> Block::lower_bound(std::string_view key, std::uint64_t tag) const {
  const int by_prefix = key.substr(0, prefix_bytes_).compare(prefix());
  if (by_prefix < 0) return std::size_t{0};
  if (by_prefix > 0) return count_;
  const std::string wanted = detail::block_chunk(key.substr(prefix_bytes_));
  std::size_t low = 0;  // all entries before it are before (key, tag)
  std::size_t high = count_;
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    int order = chunk(middle).compare(wanted);
    if (order == 0) {
      const Result<Row> found = row(middle);
      if (!found.ok()) return found.status();
      order = compare(found->key, found->tag, key, tag) < 0 ? -1 : 1;
    }
    if (order < 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

inline Result<std::optional<Entry>> Block::get(const Target& target) const {
  const std::optional<Entry> nothing;
  if (!target.key.starts_with(prefix())) return nothing;
  const Result<std::size_t> index = lower_bound(target.key, target.tag());
  if (!index.ok()) return index.status();
  if (*index == count_) return nothing;
  if (chunk(*index) != detail::block_chunk(target.key.substr(prefix_bytes_))) return nothing;
  const Result<Row> found = row(*index);
  if (!found.ok()) return found.status();
  if (found->key != target.key) return nothing;
  return std::optional<Entry>(Entry{target.key, found->tag, found->value});
}

inline BlockCursor Block::cursor() const {
  return BlockCursor(*this);
}

// Given. Walks the block and builds it again: exactly the canonical bodies have no violation.
inline std::vector<std::string> Block::check() const {
  std::vector<std::string> violations;
  BlockBuilder again;
  std::string key_before;
  std::uint64_t tag_before = 0;
  std::size_t index = 0;
  BlockCursor at = cursor();
  for (at.seek_to_first(); at.is_valid() && index < entry_count(); at.next(), ++index) {
    if (index > 0 && compare(key_before, tag_before, at.key(), at.tag()) >= 0) {
      violations.push_back("block: row " + std::to_string(index) + " is out of order");
      return violations;
    }
    again.add(at.key(), at.tag(), at.value());
    key_before = at.key();
    tag_before = at.tag();
  }
  if (!at.status().ok()) {
    violations.emplace_back(at.status().message());
  } else if (index != entry_count() || at.is_valid()) {
    violations.emplace_back("block: the cursor does not show as many entries as there are");
  } else if (again.finish() != body_) {
    violations.emplace_back("block: the body is not the canonical one of its entries");
  }
  return violations;
}

inline BlockCursor::BlockCursor(const Block& block) : block_(block) {}

inline void BlockCursor::stand_on(std::size_t index) {
  is_valid_ = false;
  status_ = {};
  if (index >= block_.entry_count()) return;
  Result<Block::Row> found = block_.row(index);
  if (!found.ok()) return fail(found.status());
  row_ = *std::move(found);
  index_ = index;
  is_valid_ = true;
}

inline void BlockCursor::fail(Status status) {
  is_valid_ = false;
  status_ = std::move(status);
}

inline bool BlockCursor::is_valid() const {
  return is_valid_;
}

inline void BlockCursor::seek_to_first() {
  stand_on(0);
}

inline void BlockCursor::seek_to_last() {
  stand_on(block_.entry_count() - 1);  // of an empty block: a number that no entry has
}

inline void BlockCursor::seek(std::string_view key, std::uint64_t tag) {
  const Result<std::size_t> index = block_.lower_bound(key, tag);
  if (!index.ok()) return fail(index.status());
  stand_on(*index);
}

// Given: a hint that a seek follows. Nothing needs to be done here.
inline void BlockCursor::prepare(std::string_view, std::uint64_t) {}

inline void BlockCursor::next() {
  assert(is_valid_);
  stand_on(index_ + 1);
}

inline void BlockCursor::prev() {
  assert(is_valid_);
  stand_on(index_ - 1);  // before the first: a number that no entry has
}

inline std::string_view BlockCursor::key() const {
  return row_.key;
}

inline std::uint64_t BlockCursor::tag() const {
  return row_.tag;
}

inline std::string_view BlockCursor::value() const {
  return row_.value;
}

inline Status BlockCursor::status() const {
  return status_;
}

}  // namespace lsmith
