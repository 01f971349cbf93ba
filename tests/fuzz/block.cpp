// block.cpp: fuzzes Block and its cursor. Walks agree with each other whatever the bytes; a block
// in which check() finds nothing is the one that a builder makes of its entries, and no other is.
#include <lsmith/block.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz.hpp"
#include "walks.hpp"

namespace lsmith::fuzz {
namespace {

std::string build_block(const std::vector<Row>& rows) {
  BlockBuilder builder;
  for (const Row& row : rows)
    builder.add(row.key, row.tag, row.value);
  const std::size_t size_bytes = builder.size_bytes();
  std::string body = builder.finish();
  require(body.size() == size_bytes, "a builder knows the size of its body");
  return body;
}

// In any block: what is found has the key that was sought, and stands in the block.
void ask_any_block(const Block& block, const Walk& walk, std::string_view key, Sequence sequence) {
  const auto found = block.get(Target::of(key, sequence));
  if (!found.ok()) {
    require(!walk.status.ok(), "a get fails only where a walk does");
    return require_refusal(found.status(), "block: row ");
  }
  if (!*found) return;
  require((*found)->tag <= seek_tag(sequence), "a get finds nothing newer than was asked for");
  if (!walk.status.ok()) return;
  const Row row{std::string((*found)->key), (*found)->tag, std::string((*found)->value)};
  require(row.key == key, "a get finds the key that was sought");
  require(std::find(walk.rows.begin(), walk.rows.end(), row) != walk.rows.end(),
          "what a get finds stands in the block");
}

void ask_whole_block(const Block& block, const std::vector<Row>& rows, std::string_view key,
                     Sequence sequence) {
  const auto found = block.get(Target::of(key, sequence));
  require(found.ok(), "a get in a whole block has no error");
  const std::size_t at = lower_bound(rows, key, seek_tag(sequence));
  const bool is_there = at < rows.size() && rows[at].key == key;
  require(found->has_value() == is_there, "a get finds what a walk shows");
  if (!is_there) return;
  require((*found)->tag == rows[at].tag, "a get finds the newest version");
  require((*found)->value == rows[at].value, "a get finds its value");
}

// Keys that are there, and those that are nearly.
std::vector<std::string> keys_near(const std::string& key) {
  std::vector<std::string> keys{key, key + '\0', key + "\xff"};
  if (key.empty()) return keys;
  keys.push_back(key.substr(0, key.size() - 1));
  keys.push_back(key);
  keys.back().back() = static_cast<char>(keys.back().back() ^ 1);
  return keys;
}

template <class Ask>
void ask_near_rows(const std::vector<Row>& rows, Ask ask) {
  const std::size_t step = 1 + rows.size() / 50;
  for (std::size_t i = 0; i < rows.size(); i += step) {
    for (const std::string& key : keys_near(rows[i].key)) {
      ask(key, sequence_of(rows[i].tag));
      ask(key, sequence_max);
      if (rows[i].tag >> 8 != 0) ask(key, sequence_of(rows[i].tag) - 1);
    }
  }
  ask("", sequence_max);
}

void check_whole_block(const Block& block, const std::vector<Row>& rows) {
  ask_near_rows(rows, [&](std::string_view key, Sequence sequence) {
    ask_whole_block(block, rows, key, sequence);
    BlockCursor cursor = block.cursor();
    require_seek(cursor, rows, key, seek_tag(sequence));
  });
}

}  // namespace

void fuzz_block(std::string_view input) {
  const Result<Block> block = Block::open(input);
  if (!block.ok()) return require_refusal(block.status(), "block: ");

  const Walk walk = walk_forwards(block->cursor());
  require_same(walk, walk_backwards(block->cursor()), "a block reads the same both ways");
  if (walk.status.ok()) {
    require(walk.rows.size() == block->entry_count(), "a walk shows as many as there are");
  } else {
    require_refusal(walk.status, "block: row ");
  }
  const bool is_whole = walk.status.ok() && is_ascending(walk.rows);
  const bool is_canonical = is_whole && build_block(walk.rows) == input;
  require(block->check().empty() == is_canonical, "check() passes what a builder makes");
  ask_near_rows(walk.rows, [&](std::string_view key, Sequence sequence) {
    ask_any_block(*block, walk, key, sequence);
    BlockCursor cursor = block->cursor();
    cursor.seek(key, seek_tag(sequence));
  });
  if (is_whole) check_whole_block(*block, walk.rows);
}

}  // namespace lsmith::fuzz

LSMITH_FUZZ_TARGET(lsmith::fuzz::fuzz_block)
