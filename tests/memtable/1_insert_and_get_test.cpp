// 1_insert_and_get_test.cpp: what was added is found, as of any sequence number.
#include "../support/model.hpp"

#include <lsmith/memtable.hpp>

#include <algorithm>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace lsmith;
using namespace lsmith::testing;
using namespace std::string_literals;

const lab::Step step_1{"01.1", 15, "book/01-memtable.md#adding-and-finding",
                       "The order is compare() of key.hpp: key ascending, then tag descending."};

bool expect_get(const Memtable& memtable, const std::string& after, std::string_view key,
                Sequence sequence, const std::optional<Version>& expected,
                std::string_view hint = {}, int line = __builtin_LINE()) {
  const std::string done = after + "; get(" + show_place(key, seek_tag(sequence)) + ")";
  const std::optional<Version> found = copy_of(memtable.get(Target::of(key, sequence)));
  return lab::expect_equal(done, expected, found, hint, __FILE__, line);
}

// Processor time of 300 gets among `count` entries, in clock ticks: the least of a few rounds.
std::clock_t cost_of_gets(int count) {
  Memtable memtable;
  std::vector<std::string> keys;
  for (int i = 0; i < count; ++i)
    keys.push_back(std::to_string(100000 + i));
  for (int i = count; i > 0; --i)  // the largest first, so that a plain list is built quickly too
    memtable.add(make_tag(1, Kind::put), keys[static_cast<std::size_t>(i) - 1], "v");
  std::clock_t least = 0;
  for (int round = 0; round < 5; ++round) {
    const std::clock_t begin = std::clock();
    for (std::size_t i = 1; i <= 300; ++i)
      static_cast<void>(memtable.get(Target::of(keys[keys.size() - i % 200 - 1])));
    const std::clock_t ticks = std::clock() - begin;
    least = round == 0 ? ticks : std::min(least, ticks);
  }
  return least;
}

}  // namespace

TEST_SUITE_BEGIN("memtable");

TEST_CASE("an added key is found, its neighbours are not") {
  Memtable memtable;
  expect_get(memtable, "add nothing", "", sequence_max, std::nullopt);
  const Version b = put_at(5, "bb", "value");
  add(memtable, b);
  const std::string_view hint =
      "A search ends at the first entry not before the target: is it the same key?";
  expect_get(memtable, "add bb@5", "bb", sequence_max, b);
  for (const char* key : {"", "a", "b", "ba", "bba", "bc", "c"})
    expect_get(memtable, "add bb@5", key, sequence_max, std::nullopt, hint);
}

TEST_CASE("every version stays, and a sequence number picks the newest that is not newer") {
  const std::vector<Version> versions = {put_at(3, "k", "three"), erase_at(5, "k"),
                                         put_at(9, "k", "nine")};
  const std::string_view hint = "Nothing is overwritten; a larger sequence number comes first.";
  const auto by_tag = [](const Version& a, const Version& b) { return a.tag < b.tag; };
  std::vector<Version> arriving = versions;
  do {  // in every order of arrival
    Memtable memtable;
    add(memtable, put_at(7, "j", "before")), add(memtable, put_at(7, "l", "after"));
    std::string after = "add";
    for (const Version& version : arriving)
      add(memtable, version), after += " " + show(version);
    for (const Sequence at : {2, 3, 4, 5, 8, 9, 10}) {
      std::optional<Version> expected;
      for (const Version& version : versions)
        if (sequence_of(version.tag) <= at) expected = version;
      expect_get(memtable, after, "k", at, expected, hint);
    }
  } while (std::next_permutation(arriving.begin(), arriving.end(), by_tag));
}

TEST_CASE("deleted, empty and absent are three different answers") {
  Memtable memtable;
  add(memtable, erase_at(1, "deleted"));
  add(memtable, put_at(2, "empty", ""));
  add(memtable, put_at(3, "", "the empty key"));
  const std::string after = "add deleted@1 erase, empty@2 put \"\", \"\"@3 put";
  expect_get(memtable, after, "deleted", sequence_max, erase_at(1, "deleted"),
             "A tombstone is an entry: it is returned, so that older values below stay hidden.");
  expect_get(memtable, after, "empty", sequence_max, put_at(2, "empty", ""),
             "An empty value is a value; the kind says what is deleted.");
  expect_get(memtable, after, "", sequence_max, put_at(3, "", "the empty key"),
             "The empty key is a key; can it be told from the head of your list?");
  expect_get(memtable, after, "absent", sequence_max, std::nullopt);
}

TEST_CASE("keys and values are bytes: zeros count, and 0x80 comes after 0x7f") {
  Memtable memtable;
  const std::vector<std::string> keys = {"a",     "a\0"s,  "a\0b"s, "a\0c"s,
                                         "a\x7f", "a\x80", "a\xff", "\xff\xff"};
  for (std::size_t i = 0; i < keys.size(); ++i)
    add(memtable, put_at(i + 1, keys[i], keys[i] + " is the key"));
  for (std::size_t i = 0; i < keys.size(); ++i)
    expect_get(memtable, "add eight keys that differ in odd bytes", keys[i], sequence_max,
               put_at(i + 1, keys[i], keys[i] + " is the key"));
}

TEST_CASE("the bytes are copied in, and what was returned stays while more is added") {
  Memtable memtable;
  std::string key = "key", value(100, 'v');
  memtable.add(make_tag(1, Kind::put), key, value);
  key.assign(3, '?'), value.assign(100, '?');
  const std::optional<Entry> kept = memtable.get(Target::of("key"));
  for (Sequence i = 2; i < 3000; ++i)
    add(memtable, put_at(i, "k" + std::to_string(i * 7919 % 10007), "x"));
  lab::expect_equal("add key@1, keep get(key), add 3,000 more; read what was kept",
                    std::optional(put_at(1, "key", std::string(100, 'v'))), copy_of(kept),
                    "Views look into the memtable's own copy, which must never move.");
}

TEST_CASE("the largest key, a large value and the last sequence number fit") {
  Memtable memtable;
  const Version large =
      put_at(sequence_max, std::string(key_bytes_max, 'k'), std::string(1 << 20, 'v'));
  add(memtable, large);
  add(memtable, put_at(1, "k", ""));
  expect_get(memtable, "add a key of 65,535 and a value of 2^20 bytes", large.key, sequence_max,
             large);
}

TEST_CASE("random writes are found as a map finds them, at every sequence") {
  Random random(11);
  Memtable memtable;
  Model model;
  for (Sequence sequence = 1; sequence <= 3000; ++sequence) {
    const std::string key = std::to_string(random.below(300)) + random.bytes(random.below(2));
    Version version =
        random.chance(25) ? erase_at(sequence, key) : put_at(sequence, key, "v" + key);
    add(memtable, version);
    add(model, version);
    const std::string after = "seed 11, " + std::to_string(sequence) + " writes";
    const Sequence at = random.below(sequence + 2);
    const std::string other = std::to_string(random.below(300));
    if (!expect_get(memtable, after, key, at, model.get(key, at))) return;
    if (!expect_get(memtable, after, other, at, model.get(other, at))) return;
  }
}

TEST_CASE("among 64 times as many entries, a search does not take 64 times as long") {
  const std::clock_t few = cost_of_gets(250), many = cost_of_gets(16000);
  lab::expect(many < 16 * std::max<std::clock_t>(few, 1),
              "300 gets among 250, then among 16,000 entries", "a few times the cost",
              lab::Words{std::to_string(few) + " and " + std::to_string(many) + " ticks"},
              "Every fourth node should be on the next level, up to a height of 12.");
}

TEST_SUITE_END();
