// 1_build_test.cpp: the body of a block, byte for byte.
#include "blocks.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

namespace {

using namespace lsmith;
using namespace lsmith::testing;

const lab::Step step_1{"03.1", 10, "book/03-block.md#building",
                       "Prefix, column, offsets and rows: the picture at the top of block.hpp."};

// Builds the entries, asking for the size after each; holds sizes and bytes to the format.
bool expect_built(BlockBuilder& builder, const std::string& done,
                  const std::vector<Version>& entries) {
  std::vector<Version> so_far;
  for (const Version& entry : entries) {
    builder.add(entry.key, entry.tag, entry.value);
    so_far.push_back(entry);
    if (so_far.size() % 16 > 3 && so_far.size() != entries.size()) continue;
    if (!lab::expect_equal(done + "; size_bytes() after " + std::to_string(so_far.size()),
                           encode_block(so_far).size(), builder.size_bytes(),
                           "A shorter prefix leaves more of every key to its row."))
      return false;
  }
  lab::expect_equal(done + "; entry_count()", entries.size(), builder.entry_count());
  const std::string expected = encode_block(entries);
  const std::string found = builder.finish();
  if (found == expected) return true;
  const auto [a, b] = std::mismatch(expected.begin(), expected.end(), found.begin(), found.end());
  const auto at = static_cast<std::size_t>(a - expected.begin());
  lab::fail(done + "; finish() of " + std::to_string(entries.size()) + " entries, byte " +
                std::to_string(at) + " and on",
            lab::show(expected.substr(at)), lab::show(found.substr(at)));
  return false;
}

bool expect_built(const std::string& done, const std::vector<Version>& entries) {
  BlockBuilder builder;
  return expect_built(builder, done, entries);
}

}  // namespace

TEST_SUITE_BEGIN("block");

TEST_CASE("five entries are the bytes that were worked out by hand") {
  REQUIRE(encode_block(golden_entries()) == golden_block());  // the tests' own encoder
  expect_built("build a@9 a@4 a\\0@7 ab@5 abcdefghijkl@2", golden_entries());
}

TEST_CASE("no entries are a header of zeros") {
  BlockBuilder builder;
  lab::expect_equal("a new builder; size_bytes()", std::size_t{8}, builder.size_bytes());
  lab::expect_equal("a new builder; entry_count()", std::size_t{0}, builder.entry_count());
  lab::expect_equal("a new builder; finish()", std::string(8, '\0'), builder.finish());
}

TEST_CASE("the key of a single entry is all prefix") {
  expect_built("add key@1", {put_at(1, "key", "value")});
  expect_built("add the empty key", {put_at(1, "", "")});
  expect_built("add a key of 65535 bytes", {put_at(1, std::string(65535, 'k'), "v")});
}

TEST_CASE("the prefix shrinks to what the newest key shares with all before it") {
  std::vector<Version> entries;
  for (int shared = 140; shared >= 0; shared -= 4) {  // keys so long that a varint grows too
    const auto size = static_cast<std::size_t>(shared);
    entries.push_back(put_at(1, std::string(size, 'm') + "n" + std::string(size, 'x'), "v"));
  }
  expect_built("add keys that share less and less", entries);
  entries = {put_at(1, "ab", ""), put_at(1, "abc", ""), put_at(1, "abcd", "")};
  expect_built("add ab, abc, abcd", entries);
  for (std::size_t i = 0; i < 100; ++i)
    entries.push_back(put_at(1, "b" + std::string(i, 'y'), std::string(i, 'v')));
  expect_built("add ab, abc, abcd, b, by, byy, …", entries);
}

TEST_CASE("keys end before, at and behind their chunk") {
  for (std::size_t rest : {0, 1, 7, 8, 9, 15, 16, 17, 127, 128, 129, 16383, 16384, 65530}) {
    const Version a = put_at(3, "p", "first");
    const Version b = put_at(2, "pq" + std::string(rest, 'q'), "second");
    expect_built("add p and a key of " + std::to_string(rest + 2) + " bytes", {a, b});
  }
}

TEST_CASE("an offset has 32 bits, and one entry may be larger than any block should be") {
  expect_built("add values of 70000 bytes",
               {put_at(1, "a", std::string(70000, 'A')), put_at(1, "b", std::string(70000, 'B')),
                put_at(1, "c", "")});
}

TEST_CASE("an index may hold any tag, with a value") {
  expect_built("add a separator with tag 0", {{"a", 0, "handle"}, {"b", 0, "handle"}});
}

TEST_CASE("what was given may change once it was added") {
  BlockBuilder builder;
  std::string key = "key1", value = "value1";
  builder.add(key, 257, value);
  key = "key2";
  value = "value2";
  builder.add(key, 257, value);
  key = value = "########";
  lab::expect_equal("add key1 and key2 from one buffer; finish()",
                    encode_block({put_at(1, "key1", "value1"), put_at(1, "key2", "value2")}),
                    builder.finish(), "add() copies.");
}

TEST_CASE("a builder starts afresh after finish()") {
  BlockBuilder builder;
  if (!expect_built(builder, "first block", {put_at(1, "aaaa", "v"), put_at(1, "aaab", "v")}))
    return;
  lab::expect_equal("finish(); size_bytes()", std::size_t{8}, builder.size_bytes());
  if (!expect_built(builder, "second block, with smaller keys", {put_at(1, "Z", "")})) return;
  expect_built(builder, "third block", {put_at(1, "zzzzz1", "v"), put_at(1, "zzzzz2", "v")});
  lab::expect_equal("finish() again", std::string(8, '\0'), builder.finish());
}

TEST_CASE("random entries are encoded as the format says") {
  BlockBuilder builder;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Random random(seed);
    const Model model = random_versions(random, random.below(60));
    if (!expect_built(builder, "seed " + std::to_string(seed), model.all())) return;
  }
}

TEST_SUITE_END();
