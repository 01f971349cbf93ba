// 4_hostile_test.cpp: bytes that nobody vouches for. No checksum stands before a block here, so a
// changed value is a value; but every read stays inside the body, ends, and is right or refused.
#include "blocks.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace lsmith;
using namespace lsmith::testing;

const lab::Step step{"03.4", 15, "book/03-block.md#hostile-bytes",
                     "Check each row when it is read: where it lies, then sizes, then meaning."};

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
bool survey(const std::string& done, const std::string& bytes) {
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

// The block made by hand with some bytes replaced: `row` can no longer be read, all others can, and
// check() says so.
void expect_damaged(const std::string& done, std::size_t at, const std::string& bytes,
                    std::size_t row, Code code = Code::corruption) {
  const ExactBytes body(golden_block().replace(at, bytes.size(), bytes));
  const Result<Block> block = Block::open(body.view());
  REQUIRE(block.ok());
  lab::expect(!block->check().empty(), done + "; check()", "a violation", lab::Words{"none"});
  BlockCursor cursor = block->cursor();
  const std::vector<Version> entries = golden_entries();
  cursor.seek_to_first();
  for (std::size_t i = 0; i < row && cursor.is_valid(); ++i)
    cursor.next();
  lab::expect(!cursor.is_valid() && cursor.status().code() == code,
              done + "; walk to row " + std::to_string(row), code_name(code),
              cursor.status().to_string());
  const auto found = block->get(Target::of(entries[row].key, sequence_of(entries[row].tag)));
  lab::expect(found.status().code() == code, done + "; get of row " + std::to_string(row),
              code_name(code), found.status().to_string());
  if (row == 0) return;
  cursor.seek_to_first();
  expect_at(done + "; seek_to_first() after the failure", cursor, entries[0]);
}

}  // namespace

TEST_SUITE_BEGIN("block");

TEST_CASE("the block made by hand has no fault") {
  CHECK(survey("as it is", golden_block()));
  CHECK(survey("an empty block", std::string(8, '\0')));
}

TEST_CASE("each way of being wrong is named where it is read") {
  using namespace std::string_literals;
  expect_damaged("row 0 begins in the column", 0x31, "\x20"s, 0);
  expect_damaged("row 2 begins behind row 3", 0x31 + 8, "\x62"s, 2);
  expect_damaged("row 3 begins behind the body", 0x31 + 12, "\0\0\0\x7f"s, 3);
  expect_damaged("row 4 begins at its last byte", 0x31 + 16, "\x7a"s, 4);
  expect_damaged("row 4 begins at the body's end", 0x31 + 16, "\x7b"s, 4);
  expect_damaged("the size of row 3 has a shorter form", 0x61, "\x81\0"s, 3);
  expect_damaged("the key of row 4 exceeds the row", 0x6c, "\xf"s, 4);
  expect_damaged("the key of row 4 is 2^32 - 1 bytes", 0x6c, "\xff\xff\xff\xff\xf"s, 4);
  expect_damaged("row 4 is a merge operand", 0x6d, "\2"s, 4, Code::not_supported);
  expect_damaged("row 4 is of kind 255", 0x6d, "\xff"s, 4, Code::not_supported);
}

TEST_CASE("a chunk that is not padded with zeros is not believed") {
  for (std::size_t at = 0x22; at < 0x29; ++at)  // row 3 holds `ab`, so its chunk is `b`
    CHECK_FALSE(
        survey("byte " + std::to_string(at) + " is 1", golden_block().replace(at, 1, "\1")));
}

TEST_CASE("a body cut at any length never reads beyond it") {
  for (std::size_t size = 0; size < golden_block().size(); ++size) {
    const std::string done = "the first " + std::to_string(size) + " bytes";
    const bool may_be_clean = size >= golden_block().size() - 3;  // the last value is shorter
    lab::expect_equal(done + "; clean", may_be_clean, survey(done, golden_block().substr(0, size)));
  }
}

TEST_CASE("any byte may be anything") {
  for (std::size_t at = 0; at < golden_block().size(); ++at) {
    for (int flip : {1, 2, 4, 8, 16, 32, 64, 128, 255, 0x7f}) {
      std::string bytes = golden_block();
      bytes[at] = static_cast<char>(bytes[at] ^ flip);
      survey("byte " + std::to_string(at) + " xor " + std::to_string(flip), bytes);
    }
  }
}

TEST_CASE("order, gaps and prefix: check() accepts canonical bodies alone") {
  std::vector<Version> entries = golden_entries();
  std::swap(entries[0], entries[1]);
  CHECK_FALSE(survey("two versions swapped", encode_block(entries)));
  entries[1] = entries[0];
  CHECK_FALSE(survey("the same entry twice", encode_block(entries)));
  std::string longer = golden_block().insert(0x45, "gap");
  for (std::size_t i = 0; i < 5; ++i)
    longer[0x31 + 4 * i] = static_cast<char>(longer[0x31 + 4 * i] + 3);
  CHECK_FALSE(survey("three bytes before the rows", longer));
  CHECK_FALSE(survey("bytes behind an empty block", std::string(9, '\0')));
  CHECK_FALSE(survey("a prefix of no keys", std::string("\0\0\0\0\1\0\0\0p", 9)));
  const std::string row(10, '\1');
  CHECK_FALSE(survey("a prefix that is too short", std::string("\1\0\0\0\0\0\0\0", 8) + "k" +
                                                       std::string(7, '\0') +
                                                       std::string("\x14\0\0\0", 4) + row));
}

TEST_CASE("random bytes behind a header that fits") {
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    Random random(seed);
    std::string bytes = random.chance(50) ? encode_block(random_versions(random, 20).all())
                                          : random.bytes(8 + random.below(200));
    if (bytes.size() < 60) bytes.resize(60);
    if (random.chance(50)) bytes.replace(0, 8, std::string("\3\0\0\0\2\0\0\0", 8));
    for (std::uint64_t i = random.below(4); i > 0; --i)
      bytes[random.below(bytes.size())] = static_cast<char>(random.below(256));
    survey("seed " + std::to_string(seed), bytes);
  }
}

TEST_SUITE_END();
