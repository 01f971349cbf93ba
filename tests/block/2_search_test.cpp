// 2_search_test.cpp: opening a block, and finding a key in it as of any sequence number.
#include "blocks.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace lsmith;
using namespace lsmith::testing;
using namespace std::string_literals;

const lab::Step step_2{"03.2", 15, "book/03-block.md#searching",
                       "Where chunks are equal, the whole key and then the tag decide."};

bool expect_get(const std::string& done, std::string_view body, std::string_view key,
                Sequence sequence, const std::optional<Version>& expected) {
  const Result<Block> block = Block::open(body);
  if (!lab::expect(block.ok(), done + "; open()", "ok", block.status().to_string())) return false;
  const auto found = block->get(Target::of(key, sequence));
  const std::string all = done + "; get(" + show_place(key, seek_tag(sequence)) + ")";
  if (!lab::expect(found.ok(), all, "ok", found.status().to_string())) return false;
  return lab::expect_equal(all, expected, copy_of(*found));
}

// Asks for every key at every interesting sequence, and for the gaps around every key.
bool expect_all_gets(const std::string& done, const Model& model) {
  const ExactBytes body(encode_block(model.all()));
  for (const Version& version : model.all()) {
    const Sequence here = sequence_of(version.tag);
    std::vector<std::string> keys = {version.key, version.key + '\0', version.key + '\xff'};
    if (!version.key.empty()) {
      keys.push_back(version.key.substr(0, version.key.size() - 1));
      for (int step : {-1, 1}) {
        keys.push_back(version.key);
        keys.back().back() = static_cast<char>(keys.back().back() + step);
      }
    }
    for (const std::string& key : keys) {
      for (Sequence sequence : {here - 1, here, here + 1, sequence_max}) {
        if (!expect_get(done, body.view(), key, sequence, model.get(key, sequence))) return false;
      }
    }
  }
  return true;
}

void expect_refused(const std::string& done, std::string body, Code code) {
  const Result<Block> block = Block::open(body);
  lab::expect(block.status().code() == code, done + "; open()", code_name(code),
              block.status().to_string());
}

}  // namespace

TEST_SUITE_BEGIN("block");

TEST_CASE("each entry of the block made by hand is found") {
  const std::string body = golden_block();
  const std::string done = "the block made by hand";
  const std::vector<Version> entries = golden_entries();
  expect_get(done, body, "a", sequence_max, entries[0]);
  expect_get(done, body, "a", 8, entries[1]);
  expect_get(done, body, "a", 3, std::nullopt);
  expect_get(done, body, "a\0"s, sequence_max, entries[2]);
  expect_get(done, body, "ab", 5, entries[3]);
  expect_get(done, body, "abcdefghijkl", 2, entries[4]);
  for (const std::string& key : {""s, "A"s, "a\0\0"s, "a\1"s, "abcdefghi"s, "abcdefghijk"s, "b"s})
    expect_get(done, body, key, sequence_max, std::nullopt);
  lab::expect_equal("entry_count()", std::size_t{5}, Block::open(body)->entry_count());
}

TEST_CASE("every key and no gap is found, in blocks of every size") {
  for (std::size_t count = 0; count <= 40; ++count) {
    Model model;
    for (std::size_t i = 0; i < count; ++i)
      add(model, put_at(5, "key" + std::to_string(1000 + 2 * i), "v" + std::to_string(i)));
    if (!expect_all_gets(std::to_string(count) + " entries", model)) return;
  }
}

TEST_CASE("an empty block holds nothing") {
  expect_get("an empty block", std::string(8, '\0'), "", sequence_max, std::nullopt);
  expect_get("an empty block", std::string(8, '\0'), "a", sequence_max, std::nullopt);
}

TEST_CASE("keys that do not begin with the prefix are not there") {
  const Model model = model_of({put_at(1, "prefix-a", "1"), put_at(1, "prefix-b", "2")});
  const std::string body = encode_block(model.all());
  for (const char* key : {"", "p", "prefix-", "prefiw-a", "prefiy-a", "a", "z", "prefix-ab"})
    expect_get("prefix-a and prefix-b", body, key, sequence_max, std::nullopt);
  expect_all_gets("prefix-a and prefix-b", model);
  expect_all_gets("the empty key", model_of({put_at(3, "", "v")}));
  expect_all_gets("the empty key and others",
                  model_of({put_at(3, "", "v"), put_at(2, "\0"s, "w")}));
}

TEST_CASE("many keys with one chunk are told apart by what follows it") {
  for (std::size_t ties = 1; ties <= 12; ++ties) {
    Model model = model_of({put_at(1, "a", "before"), put_at(1, "z", "behind")});
    for (std::size_t i = 0; i < ties; ++i) {
      add(model, put_at(7, "same-chunk" + std::to_string(10 + i), "same size"));
      add(model, put_at(7, "m" + std::string(i, '\0'), "zeros"));
      add(model, put_at(7, "n1234567" + std::string(i, '\0'), "longer and longer"));
    }
    if (!expect_all_gets(std::to_string(ties) + " ties", model)) return;
  }
}

TEST_CASE("many versions of one key: the newest that is not newer") {
  for (std::size_t count = 1; count <= 20; ++count) {
    Model model = model_of({put_at(50, "j", "before"), put_at(50, "l", "behind")});
    for (Sequence i = 1; i <= count; ++i)
      add(model, i % 3 == 0 ? erase_at(2 * i, "k") : put_at(2 * i, "k", std::to_string(i)));
    if (!expect_all_gets(std::to_string(count) + " versions", model)) return;
  }
}

TEST_CASE("an answer borrows: its key from the question, its value from the body") {
  const std::string body = golden_block();
  const std::string key = "ab";
  const Result<Block> block = Block::open(body);
  const auto found = block->get(Target::of(key));
  REQUIRE(found.ok());
  REQUIRE(found->has_value());
  CHECK(block->get(Target::of("abcdefghijkl")).ok());
  lab::expect_equal("get ab, then abcdefghijkl; the value of ab", "yz", (*found)->value);
  CHECK((*found)->key.data() == key.data());
  CHECK((*found)->value.data() == body.data() + 0x61 + 9);
}

TEST_CASE("what can not be a block is refused when it is opened") {
  for (std::size_t size = 0; size < 8 + 1 + 5 * 12; ++size)
    expect_refused("the first " + std::to_string(size) + " bytes", golden_block().substr(0, size),
                   Code::corruption);
  for (std::uint32_t count : {6u, 0x10000000u, 0x15555556u, 0xffffffffu}) {
    std::string bytes;
    put_number(bytes, count, 4);
    expect_refused("a count of " + std::to_string(count), bytes + golden_block().substr(4, 65),
                   Code::corruption);
  }
  for (std::size_t at : {6, 7})
    expect_refused("flags: byte " + std::to_string(at) + " is 1",
                   golden_block().replace(at, 1, "\1"), Code::not_supported);
}

TEST_CASE("random blocks answer as the model does") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    Random random(seed);
    const Model model = random_versions(random, 1 + random.below(40));
    if (!expect_all_gets("seed " + std::to_string(seed), model)) return;
  }
}

TEST_SUITE_END();
