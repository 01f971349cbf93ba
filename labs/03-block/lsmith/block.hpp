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

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
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
  // Fields that work well: the entries so far, copied; how many bytes all their keys share; how
  // long all rows are, given that prefix.
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
  // `friend class BlockCursor;`, a constructor, and beside body_ the number of entries and the size
  // of the prefix work well. And helpers: the prefix; the chunk of an entry; and two more.
  //
  //   struct Row { std::string key; std::uint64_t tag; std::string_view value; };
  //   Result<Row> row(std::size_t index) const;
  //
  // row() rebuilds one entry. Everything that needs more of an entry than its chunk asks it, so it
  // is the one place to change in step 03.4: the page lists what can be wrong with a row. Until
  // then it may believe what it reads.
  //
  //   Result<std::size_t> lower_bound(std::string_view key, std::uint64_t tag) const;
  //
  // The index of the first entry that is not before (key, tag), or the number of entries: what
  // get() and a cursor's seek() both need.
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
  // Fields that work well: the block; whether the cursor is valid; the index on which it stands and
  // the row there; the status. A cursor may be copied and moved, so no field may view another.
  //
  // And a helper that every move ends in: stand_on(index).
};

inline BlockBuilder::BlockBuilder() {}

inline void BlockBuilder::add(std::string_view, std::uint64_t, std::string_view) {
  // Afterwards the entry is held, a copy of its bytes, and size_bytes() counts it. The prefix of a
  // single entry is its whole key; a key that shares less makes the prefix shorter, and with it
  // the rows of all entries longer, by as much as no longer fits into their chunks.
  // The cost should hang on the new entry alone, but for those rare times.
  throw std::logic_error("03.1 is not yet written");
}

inline std::size_t BlockBuilder::size_bytes() const {
  // Exactly the size of what finish() would return: 8 when nothing was added. A table asks after
  // each entry whether the block is full.
  throw std::logic_error("03.1 is not yet written");
}

inline std::size_t BlockBuilder::entry_count() const {
  throw std::logic_error("03.1 is not yet written");
}

inline std::string BlockBuilder::finish() {
  // The body, as the picture above and section 5 have it. Offsets count from the start of the body.
  // Afterwards the builder is like a new one.
  throw std::logic_error("03.1 is not yet written");
}

inline Result<Block> Block::open(std::string_view) {
  // Borrows the body. Corruption when it is shorter than its header, or than header, prefix, column
  // and offsets together: the count may be any number of 32 bits, so mind the type in which you
  // multiply. Flags that are set are not_supported. No row is looked at.
  throw std::logic_error("03.2 is not yet written");
}

inline std::size_t Block::entry_count() const {
  throw std::logic_error("03.2 is not yet written");
}

inline Result<std::optional<Entry>> Block::get(const Target&) const {
  // The first entry that is not before (target.key, target.tag()), if it has that very key. A key
  // that does not begin with the prefix sorts before all entries or behind them; the rest of it
  // compares by chunks, as unsigned bytes, and only where these tie is a row read: O(log n) steps,
  // however many entries tie. A row that can not be read is a failure, not "nothing".
  // The answer's key is target.key itself; its value views the body.
  throw std::logic_error("03.2 is not yet written");
}

inline BlockCursor Block::cursor() const {
  // A new cursor is not valid: it stands nowhere until it is sought.
  throw std::logic_error("03.3 is not yet written");
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

inline BlockCursor::BlockCursor(const Block&) {}

inline bool BlockCursor::is_valid() const {
  // Whether the cursor stands on an entry. Ends, errors and a cursor's birth are "no".
  throw std::logic_error("03.3 is not yet written");
}

inline void BlockCursor::seek_to_first() {
  // Each of the three seeks starts afresh: what failed before is forgotten.
  throw std::logic_error("03.3 is not yet written");
}

inline void BlockCursor::seek_to_last() {
  // An empty block has no last entry.
  throw std::logic_error("03.3 is not yet written");
}

inline void BlockCursor::seek(std::string_view, std::uint64_t) {
  // Afterwards the cursor stands on the first entry that is not before (key, tag). The key may be
  // what key() returned: read it before you overwrite it.
  throw std::logic_error("03.3 is not yet written");
}

// Given: a hint that a seek follows. Nothing needs to be done here.
inline void BlockCursor::prepare(std::string_view, std::uint64_t) {}

inline void BlockCursor::next() {
  // Requires is_valid(). Past the last entry the cursor is not valid, and its status is ok. Where a
  // row can not be read it is not valid either, and its status says why.
  throw std::logic_error("03.3 is not yet written");
}

inline void BlockCursor::prev() {
  // Requires is_valid(). The exact opposite of next(): past the first entry it is not valid.
  throw std::logic_error("03.3 is not yet written");
}

inline std::string_view BlockCursor::key() const {
  // Requires is_valid(), as tag() and value() do. The bytes of a key do not stand in one place in
  // the body, so this views a copy; the cursor owns it until it moves.
  throw std::logic_error("03.3 is not yet written");
}

inline std::uint64_t BlockCursor::tag() const {
  throw std::logic_error("03.3 is not yet written");
}

inline std::string_view BlockCursor::value() const {
  // A view of the body, which outlives the cursor's moves.
  throw std::logic_error("03.3 is not yet written");
}

inline Status BlockCursor::status() const {
  // Ok at an end and on an entry.
  throw std::logic_error("03.3 is not yet written");
}

}  // namespace lsmith
