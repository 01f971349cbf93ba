// 4_hostile_test.cpp: bytes that nobody vouches for. No checksum stands before a block here, so a
// changed value is a value; but every read stays inside the body, ends, and is right or refused.
#include "walks.hpp"

#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace lsmith;
using namespace lsmith::testing;

const lab::Step step_4{"03.4", 15, "book/03-block.md#hostile-bytes",
                       "Check each row when it is read: where it lies, then sizes, then meaning."};

// The block made by hand with some bytes replaced: `row` can no longer be read, most others can,
// and check() says so.
void expect_damaged(const std::string& what, std::size_t at, const std::string& bytes,
                    std::size_t row, Code code = Code::corruption) {
  const std::string done = what + " (byte " + std::to_string(at) + ": " + lab::show(bytes) + ")";
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
  if (row < 2) return;  // row 0 may be damaged with it
  const auto expect_fresh = [&](const std::string& move, const Version& entry) {
    expect_at(done + move, cursor, entry);
    lab::expect(cursor.status().ok(), done + move + "; status()", "ok: a seek starts afresh",
                cursor.status().to_string());
    cursor.seek(entries[row].key, entries[row].tag);  // fails again
    lab::expect(!cursor.status().ok(), done + "; seek to row", code_name(code), lab::Words{"ok"});
    lab::expect(!cursor.is_valid(), done + "; seek to row; is_valid()", "false", true);
  };
  cursor.seek_to_first();
  expect_fresh("; seek_to_first() after the failure", entries[0]);
  cursor.seek("", tag_newest);
  expect_fresh("; seek to the empty key after the failure", entries[0]);
  if (row != 3) return;
  cursor.seek_to_last();
  expect_fresh("; seek_to_last() after the failure", entries[4]);
}

}  // namespace

TEST_SUITE_BEGIN("block");

TEST_CASE("the block made by hand has no fault") {
  for (const std::string& bytes : {golden_block(), std::string(8, '\0')}) {
    const ExactBytes body(bytes);
    const std::vector<std::string> violations = Block::open(body.view())->check();
    lab::expect_equal("check() of " + std::to_string(bytes.size()) + " bytes", "",
                      violations.empty() ? "" : violations.front());
    CHECK(survey("as it is", bytes));
  }
}

TEST_CASE("each way of being wrong is named where it is read") {
  using namespace std::string_literals;
  expect_damaged("row 0 begins in the column", 0x31, "\x20"s, 0);
  expect_damaged("row 2 begins behind row 3", 0x31 + 8, "\x62"s, 2);
  expect_damaged("row 2 ends behind the body", 0x31 + 12, "\0\0\0\x7f"s, 2);
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
  for (std::size_t at = 0x22; at < 0x29; ++at) {  // row 3 holds `ab`, so its chunk is `b`
    const std::string done = "byte " + std::to_string(at) + " is 1";
    const ExactBytes body(golden_block().replace(at, 1, "\1"));
    CHECK_FALSE(survey(done, std::string(body.view())));
    BlockCursor cursor = Walk::make_cursor(body.view());
    cursor.seek_to_first();
    for (int row = 0; row < 3 && cursor.is_valid(); ++row)
      cursor.next();
    lab::expect(cursor.status().code() == Code::corruption, done + "; walk to row 3",
                code_name(Code::corruption), cursor.status().to_string());
  }
}

TEST_CASE("a key or a value may reach its limit, and not one byte more") {
  const auto expect_last = [](const std::string& done, std::string_view body, bool is_refused) {
    BlockCursor cursor = Walk::make_cursor(body);
    cursor.seek_to_last();
    lab::expect_equal(done + "; seek_to_last()",
                      code_name(is_refused ? Code::corruption : Code::ok),
                      code_name(cursor.status().code()));
  };
  for (std::size_t more : {0, 1}) {
    const std::string key(key_bytes_max + more, 'k');
    expect_last("a key of " + std::to_string(key.size()) + " bytes",
                ExactBytes(encode_block({put_at(1, "a", ""), put_at(1, key, "")})).view(),
                more > 0);
    expect_last("a key of " + std::to_string(key.size()) + " bytes behind a prefix of two",
                ExactBytes(encode_block({put_at(1, "kk", ""), put_at(1, key, "")})).view(),
                more > 0);
    const std::size_t size = 29 + value_bytes_max + more;          // one entry: the empty key at 0
    char* const zeros = static_cast<char*>(std::calloc(size, 1));  // its value is never touched
    if (zeros == nullptr) return;
    zeros[0] = 1;    // the count
    zeros[16] = 20;  // where the row begins
    expect_last("a value of " + std::to_string(size - 29) + " bytes", {zeros, size}, more > 0);
    std::free(zeros);
  }
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
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
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
