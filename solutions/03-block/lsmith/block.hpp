// block.hpp: sorted entries in a few kilobytes, found with few cache misses.
//
// What all keys of a block share is stored once. The next eight bytes of every key stand in one
// column, so a binary search walks over neighbouring bytes and touches a row only at its end. The
// offsets make rows as easy to read backwards as forwards.
//
//   user1@9 = A   user2@7 = B   user2@3 = C
//
//   | count 3 | P 4 | flags 0 | user | 1....... 2....... 2....... | 3 offsets | row 0 | row 1 | …
//     u32       u16   u16       P      8 bytes each: the column     u32 each
//
//   row:  | rest varint32 | tag u64 | the key's bytes from P+8 | value
//
// A dot is a zero byte. `rest` is the key's size less P, so the key is rebuilt as the prefix, then
// the first `rest` bytes of its chunk, then what the row holds of it.
//
// Invariants:
//  1. Entries are strictly ascending in the order of key.hpp, so chunks never descend.
//  2. Equal chunks are not equal keys: `a` and `a\0` share one, and so do the versions of a key.
//     Where chunks tie, the whole key and the tag decide.
//  3. Given its entries the body is canonical, so check() may rebuild it and compare.
//
// The bytes may be anybody's. open() checks that the three arrays fit, row() checks a row each time
// it is read, and nothing else touches the body. A block is read-only: any number of threads may
// share one, with a cursor each. A search costs O(log count) comparisons.
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
  struct Pending {
    std::string key;
    std::uint64_t tag;
    std::string value;
  };
  std::size_t row_bytes(const Pending& entry) const;

  std::vector<Pending> entries_;
  std::size_t prefix_bytes_ = 0;  // how many bytes all keys so far share
  std::size_t rows_bytes_ = 0;    // the size of all rows, given that prefix
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
    std::string key;  // whole, rebuilt
    std::uint64_t tag;
    std::string_view value;
  };
  Block(std::string_view body, std::size_t count, std::size_t prefix_bytes);
  std::string_view prefix() const;
  std::string_view chunk(std::size_t index) const;
  std::size_t row_begin(std::size_t index) const;
  Result<Row> row(std::size_t index) const;
  Result<std::size_t> lower_bound(std::string_view key, std::uint64_t tag) const;
  static Status damaged(std::size_t index, std::string_view what);

  static constexpr std::size_t header_bytes = 8;
  static constexpr std::size_t chunk_bytes = 8;

  std::string_view body_;
  std::size_t count_;
  std::size_t prefix_bytes_;
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
  void stand_on(std::size_t index);

  Block block_;
  bool is_valid_ = false;
  std::size_t index_ = 0;
  Block::Row row_ = {};
  Status status_;
};

inline BlockBuilder::BlockBuilder() = default;

inline void BlockBuilder::add(std::string_view key, std::uint64_t tag, std::string_view value) {
  assert(key.size() <= key_bytes_max);
  assert(value.size() <= value_bytes_max);
  assert(entries_.empty() || compare(entries_.back().key, entries_.back().tag, key, tag) < 0);
  entries_.push_back({std::string(key), tag, std::string(value)});

  const std::string_view first = entries_.front().key;
  std::size_t shared = 0;
  while (shared < first.size() && shared < key.size() && first[shared] == key[shared])
    ++shared;
  if (entries_.size() > 1 && shared >= prefix_bytes_) {
    rows_bytes_ += row_bytes(entries_.back());
    return;
  }
  // A shorter prefix leaves more of every key to its row.
  prefix_bytes_ = shared;
  rows_bytes_ = 0;
  for (const Pending& entry : entries_)
    rows_bytes_ += row_bytes(entry);
}

inline std::size_t BlockBuilder::row_bytes(const Pending& entry) const {
  const std::size_t rest = entry.key.size() - prefix_bytes_;
  return varint_size(rest) + 8 + (rest > 8 ? rest - 8 : 0) + entry.value.size();
}

inline std::size_t BlockBuilder::size_bytes() const {
  return 8 + prefix_bytes_ + (8 + 4) * entries_.size() + rows_bytes_;
}

inline std::size_t BlockBuilder::entry_count() const {
  return entries_.size();
}

inline std::string BlockBuilder::finish() {
  const std::size_t size = size_bytes();
  assert(size <= 0xffffffff);
  std::string column, offsets, rows;
  for (const Pending& entry : entries_) {
    const std::string_view rest = std::string_view(entry.key).substr(prefix_bytes_);
    std::string chunk(rest.substr(0, 8));
    chunk.resize(8, '\0');
    column += chunk;
    put_fixed32(offsets, static_cast<std::uint32_t>(size - rows_bytes_ + rows.size()));
    put_varint32(rows, static_cast<std::uint32_t>(rest.size()));
    put_fixed64(rows, entry.tag);
    if (rest.size() > 8) rows += rest.substr(8);
    rows += entry.value;
  }

  std::string body;
  put_fixed32(body, static_cast<std::uint32_t>(entries_.size()));
  put_fixed16(body, static_cast<std::uint16_t>(prefix_bytes_));
  put_fixed16(body, 0);
  if (!entries_.empty()) body += entries_.front().key.substr(0, prefix_bytes_);
  body += column + offsets + rows;
  assert(body.size() == size);
  *this = BlockBuilder();
  return body;
}

inline Block::Block(std::string_view body, std::size_t count, std::size_t prefix_bytes)
    : body_(body), count_(count), prefix_bytes_(prefix_bytes) {}

inline Result<Block> Block::open(std::string_view body) {
  ByteReader reader(body);
  const auto count = reader.fixed32();
  const auto prefix_bytes = reader.fixed16();
  const auto flags = reader.fixed16();
  if (!flags) return Status(Code::corruption, "block: the header is cut short");
  if (*flags != 0) return Status(Code::not_supported, "block: flags of a newer version");
  const std::uint64_t arrays_bytes = *prefix_bytes + std::uint64_t{8 + 4} * *count;
  if (arrays_bytes > body.size() - header_bytes) {
    return Status(Code::corruption, "block: prefix, column and offsets exceed the body");
  }
  return Block(body, *count, *prefix_bytes);
}

inline std::size_t Block::entry_count() const {
  return count_;
}

inline std::string_view Block::prefix() const {
  return body_.substr(header_bytes, prefix_bytes_);
}

inline std::string_view Block::chunk(std::size_t index) const {
  return body_.substr(header_bytes + prefix_bytes_ + chunk_bytes * index, chunk_bytes);
}

inline std::size_t Block::row_begin(std::size_t index) const {
  if (index == count_) return body_.size();
  const std::size_t offsets = header_bytes + prefix_bytes_ + chunk_bytes * count_;
  return load_fixed32(body_.data() + offsets + 4 * index);
}

inline Status Block::damaged(std::size_t index, std::string_view what) {
  return Status(Code::corruption, "block: row " + std::to_string(index) + " " + std::string(what));
}

inline Result<Block::Row> Block::row(std::size_t index) const {
  assert(index < count_);
  const std::size_t begin = row_begin(index);
  const std::size_t end = row_begin(index + 1);
  const std::size_t rows_begin = header_bytes + prefix_bytes_ + (chunk_bytes + 4) * count_;
  if (begin < rows_begin || begin > end || end > body_.size()) {
    return damaged(index, "is not within the rows");
  }
  ByteReader reader(body_.substr(begin, end - begin));
  const auto rest = reader.varint32();
  const auto tag = reader.fixed64();
  if (!rest || !tag) return damaged(index, "is cut short");
  if (*rest > key_bytes_max - prefix_bytes_) return damaged(index, "has a key that is too large");
  const auto tail = reader.raw(*rest > chunk_bytes ? *rest - chunk_bytes : 0);
  if (!tail) return damaged(index, "ends within its key");
  if (reader.rest().size() > value_bytes_max)
    return damaged(index, "has a value that is too large");
  if ((*tag & 0xff) > kind_max) {
    return Status(Code::not_supported, "block: row " + std::to_string(index) + " has a newer kind");
  }
  const std::size_t used = std::min<std::size_t>(*rest, chunk_bytes);
  if (chunk(index).find_first_not_of('\0', used) != std::string_view::npos) {
    return damaged(index, "has a chunk that is not padded with zeros");
  }
  std::string key(prefix());
  key += chunk(index).substr(0, used);
  key += *tail;
  return Row{std::move(key), *tag, reader.rest()};
}

// The first entry that is not before (key, tag); count_ when there is none.
inline Result<std::size_t> Block::lower_bound(std::string_view key, std::uint64_t tag) const {
  const int by_prefix = key.substr(0, prefix_bytes_).compare(prefix());
  if (by_prefix < 0) return std::size_t{0};
  if (by_prefix > 0) return count_;
  std::string wanted(key.substr(prefix_bytes_, chunk_bytes));
  wanted.resize(chunk_bytes, '\0');

  std::size_t begin = 0;
  std::size_t end = count_;
  while (begin < end) {
    const std::size_t middle = begin + (end - begin) / 2;
    bool is_before = chunk(middle) < wanted;
    if (chunk(middle) == wanted) {
      Result<Row> found = row(middle);
      if (!found.ok()) return std::move(found).status();
      is_before = compare(found->key, found->tag, key, tag) < 0;
    }
    if (is_before) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return begin;
}

inline Result<std::optional<Entry>> Block::get(const Target& target) const {
  Result<std::size_t> index = lower_bound(target.key, target.tag());
  if (!index.ok()) return std::move(index).status();
  if (*index == count_) return std::optional<Entry>();
  Result<Row> found = row(*index);
  if (!found.ok()) return std::move(found).status();
  if (found->key != target.key) return std::optional<Entry>();
  return std::optional<Entry>(Entry{target.key, found->tag, found->value});
}

inline BlockCursor Block::cursor() const {
  return BlockCursor(*this);
}

inline std::vector<std::string> Block::check() const {
  std::vector<std::string> violations;
  BlockBuilder again;
  std::optional<Row> before;
  for (std::size_t index = 0; index < count_; ++index) {
    Result<Row> found = row(index);
    if (!found.ok()) {
      violations.emplace_back(found.status().message());
      continue;
    }
    if (before && compare(before->key, before->tag, found->key, found->tag) >= 0) {
      violations.push_back("block: row " + std::to_string(index) + " is out of order");
    }
    if (violations.empty()) again.add(found->key, found->tag, found->value);
    before = *std::move(found);
  }
  if (violations.empty() && again.finish() != body_) {
    violations.emplace_back("block: the body is not the canonical one of its entries");
  }
  return violations;
}

inline BlockCursor::BlockCursor(const Block& block) : block_(block) {}

inline bool BlockCursor::is_valid() const {
  return is_valid_;
}

// Stands on entry `index`; one that is not there (SIZE_MAX included) makes the cursor not valid.
inline void BlockCursor::stand_on(std::size_t index) {
  status_ = Status();
  is_valid_ = index < block_.count_;
  if (!is_valid_) return;
  index_ = index;
  Result<Block::Row> found = block_.row(index);
  is_valid_ = found.ok();
  if (found.ok()) {
    row_ = *std::move(found);
  } else {
    status_ = std::move(found).status();
  }
}

inline void BlockCursor::seek_to_first() {
  stand_on(0);
}

inline void BlockCursor::seek_to_last() {
  stand_on(block_.count_ - 1);
}

inline void BlockCursor::seek(std::string_view key, std::uint64_t tag) {
  Result<std::size_t> index = block_.lower_bound(key, tag);
  if (index.ok()) {
    stand_on(*index);
  } else {
    is_valid_ = false;
    status_ = std::move(index).status();
  }
}

inline void BlockCursor::prepare(std::string_view, std::uint64_t) {}

inline void BlockCursor::next() {
  assert(is_valid_);
  stand_on(index_ + 1);
}

inline void BlockCursor::prev() {
  assert(is_valid_);
  stand_on(index_ - 1);
}

inline std::string_view BlockCursor::key() const {
  assert(is_valid_);
  return row_.key;
}

inline std::uint64_t BlockCursor::tag() const {
  assert(is_valid_);
  return row_.tag;
}

inline std::string_view BlockCursor::value() const {
  assert(is_valid_);
  return row_.value;
}

inline Status BlockCursor::status() const {
  return status_;
}

}  // namespace lsmith
