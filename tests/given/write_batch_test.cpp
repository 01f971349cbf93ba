// write_batch_test.cpp: a batch is the bytes of its log record, and no damaged record becomes one.
#include "../support/random.hpp"

#include <lsmith/write_batch.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

using namespace lsmith;
using namespace std::string_literals;

namespace {

struct Write {
  std::uint64_t tag;
  std::string key;
  std::string value;
  bool operator==(const Write&) const = default;
};

std::vector<Write> writes_of(const WriteBatch& batch) {
  std::vector<Write> writes;
  batch.for_each([&](std::uint64_t tag, std::string_view key, std::string_view value) {
    writes.push_back({tag, std::string(key), std::string(value)});
  });
  return writes;
}

// put a=1, erase b, put "" = "", from sequence 7.
WriteBatch three_writes() {
  WriteBatch batch;
  batch.put("a", "1");
  batch.erase("b");
  batch.put("", "");
  batch.set_sequence(7);
  return batch;
}

const std::string three_bytes =
    "\x07\0\0\0\0\0\0\0\x03\0\0\0"
    "\x01\x01"
    "a\x01"
    "1\0\x01"
    "b\x01\0\0"s;

void expect_refused(std::string_view payload, Code code, std::string_view words) {
  const std::string exact(payload);  // no slack: the sanitizer sees a read past the end
  const Result<WriteBatch> parsed = WriteBatch::parse(exact);
  REQUIRE_FALSE(parsed.ok());
  CHECK(parsed.status().code() == code);
  INFO("message: ", std::string(parsed.status().message()));
  CHECK(parsed.status().message().find(words) != std::string_view::npos);
}

std::string with_records(std::uint32_t count, std::string_view records, Sequence sequence = 1) {
  std::string bytes;
  put_fixed64(bytes, sequence);
  put_fixed32(bytes, count);
  return bytes.append(records);
}

}  // namespace

TEST_SUITE_BEGIN("write_batch");

TEST_CASE("a new batch is empty, and twelve bytes long") {
  const WriteBatch batch;
  CHECK(batch.is_empty());
  CHECK(batch.count() == 0);
  CHECK(batch.sequence() == 0);
  CHECK(batch.status().ok());
  CHECK(batch.payload() == std::string(12, '\0'));
  CHECK(writes_of(batch).empty());
}

TEST_CASE("a batch is the bytes that the format says, and shows its writes in order") {
  const WriteBatch batch = three_writes();
  CHECK(batch.payload() == three_bytes);
  CHECK(batch.size_bytes() == three_bytes.size());
  CHECK(batch.count() == 3);
  CHECK(batch.sequence() == 7);
  CHECK(writes_of(batch) == std::vector<Write>{{make_tag(7, Kind::put), "a", "1"},
                                               {make_tag(8, Kind::erase), "b", ""},
                                               {make_tag(9, Kind::put), "", ""}});
}

TEST_CASE("a batch that was moved from is a new one") {
  WriteBatch from = three_writes();
  WriteBatch to = std::move(from);
  for (int way = 0; way < 2; ++way) {
    CHECK(to.payload() == three_writes().payload());
    CHECK(from.payload() == WriteBatch().payload());
    from.put("x", "y");
    from.set_sequence(1);
    CHECK(from.count() == 1);
    CHECK(WriteBatch::check(from.payload()).ok());
    from = std::move(to);
    std::swap(from, to);
    from = WriteBatch();
  }
}

TEST_CASE("a batch comes back from its bytes, and can grow on") {
  Result<WriteBatch> parsed = WriteBatch::parse(three_bytes);
  REQUIRE(parsed.ok());
  CHECK(writes_of(*parsed) == writes_of(three_writes()));
  parsed->erase("z");
  CHECK(parsed->count() == 4);
  CHECK(writes_of(*parsed).back() == Write{make_tag(10, Kind::erase), "z", ""});
  parsed->clear();
  CHECK(parsed->payload() == std::string(12, '\0'));
}

TEST_CASE("append adds all writes of another batch, or of the same") {
  WriteBatch batch = three_writes();
  WriteBatch more;
  more.erase("x");
  more.set_sequence(99);
  batch.append(more);
  CHECK(batch.count() == 4);
  CHECK(batch.sequence() == 7);
  CHECK(writes_of(batch).back() == Write{make_tag(10, Kind::erase), "x", ""});
  batch.append(batch);
  CHECK(batch.count() == 8);
  CHECK(writes_of(batch)[4] == Write{make_tag(11, Kind::put), "a", "1"});
  batch.append(WriteBatch());
  CHECK(batch.count() == 8);
}

TEST_CASE("a key or value over its limit is left out and remembered") {
  WriteBatch batch;
  batch.put(std::string(key_bytes_max, 'k'), "v");
  CHECK(batch.status().ok());
  batch.erase(std::string(key_bytes_max + 1, 'k'));
  CHECK(batch.count() == 1);
  CHECK(batch.status().code() == Code::invalid_argument);
  CHECK(batch.status().message().find("65536") != std::string_view::npos);
  batch.put("good", "v");
  CHECK(batch.count() == 2);
  CHECK_FALSE(batch.status().ok());

  // A view of more memory than there is; a refused write looks at its size alone.
  WriteBatch other;
  other.put("k", std::string_view("v", value_bytes_max + 1));
  CHECK(other.is_empty());
  CHECK(other.status().message().find("value") != std::string_view::npos);

  WriteBatch whole;
  whole.append(batch);
  CHECK(whole.status().code() == Code::invalid_argument);
  batch.clear();
  CHECK(batch.status().ok());
}

TEST_CASE("no cut of a batch is taken for one, and each says where it ends") {
  for (std::size_t size = 0; size < three_bytes.size(); ++size)
    expect_refused(three_bytes.substr(0, size), Code::corruption, "batch offset ");
  expect_refused(three_bytes + '\0', Code::corruption, "batch offset 23");
}

TEST_CASE("what contradicts the format is corruption with its offset") {
  expect_refused(with_records(0, ""), Code::corruption, "batch offset 8");
  expect_refused(with_records(1, ""), Code::corruption, "batch offset 12");
  expect_refused(with_records(2, "\0\x01z"s), Code::corruption, "batch offset 15");
  expect_refused(with_records(0xffffffff, "\0\x01z"s), Code::corruption, "batch offset 15");
  expect_refused(with_records(1, "\0\x01z\0\x01y"s), Code::corruption, "batch offset 15");
  expect_refused(with_records(1, "\0\x81\0z"s), Code::corruption, "batch offset 13");
  expect_refused(with_records(1, "\x01\x01z\x05v"s), Code::corruption, "batch offset 15");
  expect_refused(with_records(1, "\0\xff\xff\xff\xff\x0fz"s), Code::corruption, "batch offset 13");
  expect_refused(with_records(1, "\0\x80\x80\x04"s + std::string(65536, 'k')), Code::corruption,
                 "batch offset 13");
  expect_refused(with_records(1, "\0\x01z"s, 0), Code::corruption, "sequence");
  expect_refused(with_records(2, "\0\x01z\0\x01z"s, sequence_max), Code::corruption, "sequence");
  CHECK(WriteBatch::parse(with_records(1, "\0\x01z"s, sequence_max)).ok());
}

TEST_CASE("a reserved kind needs a newer version, any other is corruption") {
  for (int kind = 2; kind < 256; ++kind) {
    const std::string record = static_cast<char>(kind) + "\x01z"s;
    expect_refused(with_records(1, record), kind <= 6 ? Code::not_supported : Code::corruption,
                   "batch offset 12");
  }
}

TEST_CASE("whatever bytes parse accepts are the canonical ones of the writes they hold") {
  constexpr std::uint64_t seed = 21;
  INFO("seed ", seed);
  lsmith::testing::Random random(seed);
  for (int round = 0; round < 20000; ++round) {
    std::string damaged = three_bytes;
    for (std::uint64_t flips = 1 + random.below(3); flips > 0; --flips)
      damaged[random.below(damaged.size())] ^= static_cast<char>(1u << random.below(8));
    const Result<WriteBatch> parsed = WriteBatch::parse(damaged);
    if (!parsed.ok()) continue;
    WriteBatch again;
    for (const Write& write : writes_of(*parsed))
      kind_of(write.tag) == Kind::put ? again.put(write.key, write.value) : again.erase(write.key);
    again.set_sequence(parsed->sequence());
    REQUIRE(again.payload() == damaged);
  }
}

TEST_SUITE_END();
