// walks.hpp: a block's entries, read in every way.
#pragma once

#include "../support/checked_cursor.hpp"
#include "blocks.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace lsmith::testing {

// A block, and a cursor on it that is held to the laws. A cursor needs the body, not the Block.
struct Walk {
  explicit Walk(const std::vector<Version>& versions)
      : entries(versions), body(encode_block(versions)), cursor(make_cursor(body.view())) {}

  static BlockCursor make_cursor(std::string_view body) {
    const Result<Block> block = Block::open(body);
    REQUIRE(block.ok());
    return block->cursor();
  }

  std::vector<Version> entries;
  ExactBytes body;
  CheckedCursor<BlockCursor> cursor;
};

inline bool expect_end(const std::string& done, const CheckedCursor<BlockCursor>& cursor) {
  return expect_at(done, cursor, std::nullopt) &&
         lab::expect(cursor.status().ok(), done + "; status()", "ok: an end is not an error",
                     cursor.status().to_string());
}

inline void expect_both_ways(const std::string& done, const std::vector<Version>& entries) {
  Walk walk(entries);
  walk.cursor.seek_to_first();
  for (std::size_t i = 0; i < entries.size(); ++i, walk.cursor.next())
    if (!expect_at(done + "; forwards, entry " + std::to_string(i), walk.cursor, entries[i]))
      return;
  expect_end(done + "; next() from the last", walk.cursor);
  walk.cursor.seek_to_last();
  for (std::size_t i = entries.size(); i > 0; --i, walk.cursor.prev())
    if (!expect_at(done + "; backwards, entry " + std::to_string(i - 1), walk.cursor,
                   entries[i - 1]))
      return;
  expect_end(done + "; prev() from the first", walk.cursor);
}

struct Reading {
  std::vector<Version> entries;
  Status status;
};

template <class Move>
Reading read_all(BlockCursor& cursor, std::size_t entry_count, Move move) {
  Reading reading;
  while (cursor.is_valid() && reading.entries.size() <= entry_count) {
    reading.entries.push_back(*copy_of_current(cursor));
    move();
  }
  reading.status = cursor.status();
  return reading;
}

// Reads in every way. What is not refused is the same in both directions, and check() is content
// with exactly the canonical bodies. Returns whether nothing was found to be wrong.
inline bool survey(const std::string& done, const std::string& bytes) {
  const ExactBytes body(bytes);
  const Result<Block> block = Block::open(body.view());
  if (!block.ok()) return false;
  const std::size_t count = block->entry_count();
  BlockCursor cursor = block->cursor();
  cursor.seek_to_first();
  const Reading forwards = read_all(cursor, count, [&] { cursor.next(); });
  cursor.seek_to_last();
  const Reading backwards = read_all(cursor, count, [&] { cursor.prev(); });
  for (const Reading* reading : {&forwards, &backwards}) {
    if (!reading->status.ok()) continue;
    lab::expect_equal(done + "; entries in one direction", count, reading->entries.size());
  }
  lab::expect_equal(done + "; whether both directions succeed", forwards.status.ok(),
                    backwards.status.ok());
  for (const Version& entry : golden_entries()) {
    cursor.seek(entry.key, entry.tag);
    static_cast<void>(block->get(Target::of(entry.key, sequence_of(entry.tag))));
  }
  const bool is_clean = block->check().empty();
  bool is_canonical = forwards.status.ok() && forwards.entries.size() == count;
  for (std::size_t i = 1; is_canonical && i < count; ++i) {
    const Version &a = forwards.entries[i - 1], &b = forwards.entries[i];
    is_canonical = compare(a.key, a.tag, b.key, b.tag) < 0;
  }
  is_canonical = is_canonical && encode_block(forwards.entries) == bytes;
  lab::expect_equal(done + "; whether check() finds nothing", is_canonical, is_clean);
  return is_clean;
}

}  // namespace lsmith::testing
