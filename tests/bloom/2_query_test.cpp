// 2_query_test.cpp: no false "no" ever, and few false "maybe".
#include "filters.hpp"

#include <lsmith/hash.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace lsmith;
using namespace lsmith::testing;

const lab::Step step_2{
    "05.2", 15, "book/05-bloom.md#asking",
    "Answer no only when a bit of the hash is not set in a filter that you understand."};

std::vector<std::uint64_t> hashes_of_keys(const std::string& prefix, std::size_t count) {
  std::vector<std::uint64_t> hashes;
  for (std::size_t i = 0; i < count; ++i)
    hashes.push_back(hash_bytes(prefix + std::to_string(i)));
  return hashes;
}

// The share of 100,000 foreign keys that the filter lets through, in millionths.
std::uint64_t passed_per_million(std::string_view body) {
  static const std::vector<std::uint64_t> foreign = hashes_of_keys("foreign", 100000);
  const BloomFilter filter(body);
  std::uint64_t passed = 0;
  for (std::uint64_t hash : foreign)
    passed += filter.may_contain(hash) ? 1 : 0;
  return passed * 10;
}

void expect_passed(const std::string& done, std::string_view body, std::uint64_t at_least,
                   std::uint64_t at_most) {
  const std::uint64_t found = passed_per_million(body);
  lab::expect(at_least <= found && found <= at_most, done + "; foreign keys let through",
              std::to_string(at_least) + " to " + std::to_string(at_most) + " in a million",
              std::to_string(found) + " in a million");
}

}  // namespace

TEST_SUITE_BEGIN("bloom");

TEST_CASE("the filter that was worked out by hand is read") {
  expect_holds("the filter made by hand", golden_filter(), golden_hashes());
  const std::string body = golden_filter();
  const BloomFilter filter(body);
  const std::vector<std::uint64_t> foreign = {1, 0x00000000deadbeef, 0x7fffffff00000001,
                                              0x80000000ffffffff, 0xffffffff5eadbeef};
  for (std::uint64_t hash : foreign)
    lab::expect_equal("the filter made by hand; may_contain(" + show_hash(hash) + ")", false,
                      filter.may_contain(hash));
  const std::uint64_t lucky = 0x8000000000000000;  // its three probes are bit 0, which is set
  lab::expect_equal("the filter made by hand; may_contain(" + show_hash(lucky) + ")", true,
                    filter.may_contain(lucky));
}

TEST_CASE("a key that was added is never denied") {
  for (std::size_t count = 1; count <= 120; ++count) {
    for (int bits : {1, 3, 10, 30}) {
      const auto hashes = hashes_of_keys("key", count);
      if (!expect_holds(std::to_string(count) + " keys at " + std::to_string(bits) + " bits a key",
                        build_filter(hashes, bits), hashes))
        return;
    }
  }
  auto hashes = hashes_of_keys("", 50000);
  for (const char* key : {"", "\x80", "\xff\xff\xff\xff\xff\xff\xff\xff"})
    hashes.insert(hashes.begin(), hash_bytes(key));
  expect_holds("50003 keys, the empty one among them", build_filter(hashes), hashes);
}

TEST_CASE("foreign keys are let through as rarely as theory says") {
  // What lines that fill unevenly and the best number of probes give, in millionths.
  constexpr struct {
    int bits;
    std::uint64_t theory;
  } rates[] = {{4, 147900}, {8, 23100}, {10, 9600}, {14, 1800}};
  const auto hashes = hashes_of_keys("key", 20000);
  for (const auto& rate : rates)
    expect_passed("20000 keys at " + std::to_string(rate.bits) + " bits a key",
                  build_filter(hashes, rate.bits), rate.theory * 3 / 10, rate.theory * 3 / 2);
}

TEST_CASE("foreign keys are let through as rarely by filters that others wrote") {
  const auto hashes = hashes_of_keys("key", 20000);
  expect_passed("10 bits a key, 1 probe", encode_filter(hashes, 391, 1), 80000, 110000);
  expect_passed("10 bits a key, 6 probes", encode_filter(hashes, 391, 6), 6000, 14000);
  expect_passed("10 bits a key, 12 probes", encode_filter(hashes, 391, 12), 10000, 40000);
}

TEST_CASE("a filter of a few keys is as good as one of many") {
  for (std::size_t count = 1; count <= 5; ++count)
    expect_passed(std::to_string(count) + " keys", build_filter(hashes_of_keys("key", count)), 0,
                  300);
}

TEST_CASE("what is not a filter of this format may contain everything") {
  const std::vector<std::uint64_t> foreign = random_hashes(99, 200);
  const std::string body = build_filter(random_hashes(1, 100));
  const std::size_t tail = body.size() - 8;
  const std::string_view hint = "A filter may cost time, never a key.";
  for (std::size_t size = 0; size < 8; ++size) {
    expect_holds(std::to_string(size) + " bytes", std::string(size, '\1'), foreign, hint);
    expect_holds(std::to_string(size) + " bytes", std::string(size, '\0'), foreign, hint);
  }
  for (int kind : {0, 2, 0x81, 0xff}) {
    std::string other = body;
    other[tail] = static_cast<char>(kind);
    expect_holds("a filter of kind " + std::to_string(kind), other, foreign, hint);
  }
  for (std::size_t reserved : {2, 3}) {
    std::string other = body;
    other[tail + reserved] = '\1';
    expect_holds("a filter with reserved bytes", other, foreign, hint);
  }
  expect_holds("no probes", std::string(body).replace(tail + 1, 1, 1, '\0'), foreign, hint);
  expect_holds("no lines", body.substr(tail).replace(4, 4, 4, '\0'), foreign, hint);
  for (const char* lines : {"\0\0\0\0", "\1\0\0\0", "\3\0\0\0", "\2\0\0\4", "\xff\xff\xff\xff"})
    expect_holds("lines that contradict the size", std::string(body).replace(tail + 4, 4, lines, 4),
                 foreign, hint);
  expect_holds("a byte more before the tail", std::string(body).insert(tail, 1, '\0'), foreign,
               hint);
  expect_holds("a line less", body.substr(64), foreign, hint);
}

TEST_CASE("a filter that is cut, and any tail, is asked without harm") {
  const std::vector<std::uint64_t> hashes = random_hashes(5, 100);
  const std::string body = build_filter(hashes);
  for (std::size_t size = 0; size < body.size(); ++size) {
    const auto cut = std::make_unique<char[]>(size);  // of exactly this size
    body.copy(cut.get(), size);
    if (!expect_holds("the first " + std::to_string(size) + " bytes", {cut.get(), size}, hashes))
      return;
  }
  Random random(6);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes = random.bytes(64 * random.below(3) + 8);
    if (random.chance(80)) bytes.replace(bytes.size() - 8, 1, 1, '\1');
    if (random.chance(80)) bytes.replace(bytes.size() - 6, 2, 2, '\0');
    if (random.chance(80))
      bytes.replace(bytes.size() - 4, 4, {static_cast<char>(bytes.size() / 64), 0, 0, 0});
    const BloomFilter filter(bytes);
    for (int i = 0; i < 4; ++i)
      static_cast<void>(filter.may_contain(random.next()));
  }
}

TEST_SUITE_END();
