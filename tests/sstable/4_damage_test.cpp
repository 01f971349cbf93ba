// 4_damage_test.cpp: whatever happens to a table's bytes, an answer is right or an error.
#include "golden.hpp"
#include "judges.hpp"

using namespace lsmith;
using namespace lsmith::testing;

namespace {

const lab::Step step_4{
    "04.4", 10, "book/04-sstable.md#damage",
    "Every block that is read, not only data, goes through check_block with the table's "
    "id and the offset where it stood."};

struct Sample {
  Model model;
  std::string bytes;
};

Sample make_sample() {
  Sample sample;
  for (Sequence i = 1; i <= 12; ++i) {
    add(sample.model, put_at(i, "key" + std::to_string(10 + i / 2), "value" + std::to_string(i)));
  }
  sample.bytes = build_table(sample.model.all(), table_options(100, 10)).bytes;
  return sample;
}

// Whether the first block can not be read to its end. Then walks in both directions and gets have
// to fail where the block's own cursor and get do.
bool fails_like_its_block(const Table& table, const std::string& body,
                          const std::vector<Version>& versions, const std::string& done) {
  const Result<Block> block = Block::open(body);
  Status status = block.status();
  std::size_t count = 0;
  if (block.ok()) {
    BlockCursor cursor = block->cursor();
    for (cursor.seek_to_first(); cursor.is_valid(); cursor.next())
      ++count;
    status = cursor.status();
  }
  if (status.ok()) return false;
  const auto expect_failed = [](const std::string& what, const Status& found) {
    const std::string text = found.to_string();
    lab::expect(!found.ok() && text.find("000001.sst") != text.npos, what,
                "a failure that names 000001.sst", lab::Words{text});
  };
  TableCursor cursor = table.cursor(ReadPattern::point);
  std::size_t shown = 0;
  for (cursor.seek_to_first(); cursor.is_valid() && shown <= count; cursor.next())
    ++shown;
  lab::expect_equal(done + "walk; entries before the failure", count, shown);
  expect_failed(done + "walk; status()", cursor.status());
  for (cursor.seek_to_last(); cursor.is_valid() && shown < 100; cursor.prev())
    ++shown;
  expect_failed(done + "walk back; status()", cursor.status());
  for (const Version& version : versions) {
    const Target target = Target::of(version.key, sequence_max);
    if (block.ok() && block->get(target).ok()) continue;
    std::string value;
    expect_failed(done + "get " + version.key, table.get(target, value).status());
  }
  return true;
}

}  // namespace

TEST_SUITE("sstable") {
  TEST_CASE("a table that was cut at any length is refused") {
    const Sample sample = make_sample();
    lab::expect_equal("read the whole sample; failures", 0,
                      read_damaged(sample.model, sample.bytes, {}, "the whole"));
    for (std::size_t size = 0; size < sample.bytes.size(); ++size) {
      const auto table = try_open(sample.bytes.substr(0, size));
      lab::expect(!table.ok() && is_honest(table.status()),
                  "open, cut to " + std::to_string(size) + " bytes", "corruption",
                  table.status().to_string());
    }
    CHECK(!try_open(sample.bytes + '\0').ok());
  }

  TEST_CASE("every flipped bit is an error or changes no answer, and check() finds it") {
    const Sample sample = make_sample();
    Random random(1);
    for (std::size_t at = 0; at < sample.bytes.size(); ++at) {
      std::string bytes = sample.bytes;
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << random.below(8)));
      const std::string done =
          "flip a bit of byte " + std::to_string(at) + " of " + std::to_string(bytes.size());
      const int failures = read_damaged(sample.model, bytes, {.is_mapped = at % 2 == 0}, done);
      lab::expect(failures > 0, done + "; failed calls", "one at least", failures);
      lab::expect(!check_bytes(bytes).empty(), done + "; check_table", "a violation", "none");
    }
  }

  TEST_CASE("a whole block in the wrong place is refused") {
    const Version a = put_at(1, "a", "1"), b = put_at(2, "b", "2");
    std::string bytes = craft_table({{{a}, "a", a.tag}, {{b}, "b", b.tag}});  // of the same size
    const auto size = static_cast<std::ptrdiff_t>(open_table(bytes)->properties().data_bytes / 2);
    std::swap_ranges(bytes.begin(), bytes.begin() + size, bytes.begin() + size);
    CHECK(read_damaged(model_of({a, b}), bytes, {}, "swap two blocks") > 0);
  }

  TEST_CASE("a table, or a block, of another id is refused") {
    const Sample sample = make_sample();
    const std::string other =
        build_table(sample.model.all(), table_options(100, 10), table_id + 1).bytes;
    lab::expect_equal("open a table with another id", code_name(Code::corruption),
                      code_name(try_open(other).status().code()));
    const std::size_t data = open_table(sample.bytes)->properties().data_bytes;
    CHECK(read_damaged(sample.model, other.substr(0, data) + sample.bytes.substr(data), {},
                       "another table's blocks") > 0);
  }

  TEST_CASE("bytes that contradict each other behind right checksums are refused") {
    const Version a = put_at(1, "a", "1"), b = put_at(2, "b", "2");
    Model model;
    add(model, a);
    add(model, b);
    const std::string good = craft_table({{{a}, "a", a.tag}, {{b}, "b", b.tag}});
    CHECK(read_damaged(model, good, {}, "a good table") == 0);
    for (const BlockHandle claimed :
         {BlockHandle{~std::uint64_t{0}, 40}, BlockHandle{0, 0xffffffff},
          BlockHandle{std::uint64_t{1} << 40, 0x7fffffff}}) {
      const std::string bytes = craft_table({{{a}, "a", a.tag, claimed}, {{b}, "b", b.tag}});
      CHECK(read_damaged(model, bytes, {.is_mapped = claimed.offset == 0}, "a handle outside") > 0);
      CHECK(!check_bytes(bytes).empty());
      ReadCounts counts;
      const auto table = open_table(bytes, {.counts = &counts});
      const int before = counts.reads;
      get_version(*table, "a");
      lab::expect_equal("get a from a block said to be at " + std::to_string(claimed.offset) +
                            ", of " + std::to_string(claimed.size) + " bytes; reads",
                        0, counts.reads - before, "A handle is compared before it is used.");
    }
    for (const std::uint64_t claimed : {1, 3}) {
      const auto table = try_open(craft_table({{{a}, "a", a.tag}, {{b}, "b", b.tag}}, {}, claimed));
      lab::expect_equal("open a table of 2 blocks whose properties say " + std::to_string(claimed),
                        code_name(Code::corruption), code_name(table.status().code()));
    }
    // check() sees what a reader can not: entries outside of their fences, out of order, denied.
    const auto violations = [](const std::vector<CraftedBlock>& blocks,
                               std::string_view filter = {}) {
      return check_bytes(craft_table(blocks, filter)).size();
    };
    CHECK(violations({{{a}, "a", a.tag}, {{b}, "b", b.tag}}) == 0);
    CHECK(violations({{{b}, "b", b.tag}, {{a}, "c", 0}}) > 0);
    CHECK(violations({{{a, b}, "a", 0}}) > 0);
    CHECK(violations({{{a}, "b", 0}, {{b}, "c", 0}}) > 0);
    BloomBuilder other_keys(10);
    other_keys.add(hash_bytes("c"));
    CHECK(violations({{{a}, "a", a.tag}}, other_keys.finish()) > 0);
  }

  TEST_CASE("a block that is wrong behind a right checksum fails where its own reader fails") {
    const std::vector<Version> versions{put_at(1, "a", "1"), put_at(2, "bb", "2"),
                                        put_at(3, "c", "3")};
    const Version last = put_at(4, "d", "4");
    BlockBuilder builder;
    for (const Version& version : versions)
      builder.add(version.key, version.tag, version.value);
    const std::string good(builder.finish());
    int failing = 0;
    for (std::size_t at = 0; at < good.size(); ++at) {
      std::string body = good;
      body[at] = '\xff';
      const std::string done = "byte " + std::to_string(at) + " of a block is 255; ";
      const CraftedBlock wrong{versions, "c", versions.back().tag, {}, body};
      const auto table = open_table(craft_table({wrong, {{last}, "d", last.tag}}));
      failing += fails_like_its_block(*table, body, versions, done);
      fails_like_its_block(*open_table(craft_table({wrong})), body, versions, "alone, " + done);
    }
    CHECK(failing > 5);
  }

  TEST_CASE("an index that is wrong behind a right checksum never makes a key absent") {
    const std::vector<Version> versions{put_at(1, "a", "1"), put_at(2, "bb", "2")};
    BlockBuilder builder;
    for (std::uint64_t i = 0; i < 2; ++i)
      builder.add(versions[i].key, versions[i].tag, encode_handle({i * 40, 30}));
    const std::string good(builder.finish());
    int failing = 0;
    for (std::size_t at = 0; at < good.size(); ++at) {
      std::string index = good;
      index[at] = '\xff';
      const std::string done = "byte " + std::to_string(at) + " of the index is 255; ";
      const auto table = try_open(craft_table(
          {{{versions[0]}, "a", versions[0].tag}, {{versions[1]}, "bb", versions[1].tag}}, {}, 0,
          index));
      if (!table.ok()) {
        lab::expect(is_honest(table.status()), done + "open", "corruption",
                    lab::Words{table.status().to_string()});
        ++failing;
        continue;
      }
      for (const Version& version : versions) {
        const Target target = Target::of(version.key);
        BlockCursor fence = Block::open(index)->cursor();
        fence.seek(target.key, target.tag());
        if (fence.is_valid() ? decode_handle(fence.value()).ok() : fence.status().ok()) continue;
        ++failing;
        std::string value;
        TableCursor cursor = (*table)->cursor(ReadPattern::point);
        cursor.seek(target.key, target.tag());
        for (const Status& s : {(*table)->get(target, value).status(), cursor.status()})
          lab::expect(is_honest(s), done + "get or seek " + version.key,
                      "corruption, as its own reader says", lab::Words{s.to_string()});
      }
    }
    CHECK(failing > 5);
  }

  TEST_CASE("a disk that fails is told as such, by open, get and cursor alike") {
    const Version a = put_at(1, "a", "1");
    const std::string bytes = build_table({a}, table_options(1, 10)).bytes;
    int failed = 0;
    for (int n = 1; n < 20; ++n) {
      ReadCounts counts;
      counts.fails_at = n;
      const auto table = try_open(bytes, {.counts = &counts});
      std::string value;
      Status status = table.status();
      if (table.ok() && n % 2 == 0) status = (*table)->get(Target::of("a"), value).status();
      if (table.ok() && n % 2 != 0) {
        TableCursor cursor = (*table)->cursor(ReadPattern::point);
        cursor.seek_to_first();
        status = cursor.status();
      }
      if (counts.reads < n) continue;
      ++failed;
      const std::string text = status.to_string();
      lab::expect(text.starts_with("i/o error") && text.find("000001.sst") != text.npos,
                  "read " + std::to_string(n) + " fails; open, then get or seek",
                  "an i/o error that names 000001.sst", lab::Words{text});
    }
    CHECK(failed > 1);
  }

  TEST_CASE("a filter that is none of ours, or is absent, hides nothing") {
    const Version a = put_at(9, "a", "1");
    for (const std::string& filter :
         {std::string(), std::string(8, '\0'), std::string(72, '\0'), std::string("?")}) {
      const auto table = open_table(craft_table({{{a}, "a", a.tag}}, filter));
      lab::expect_equal("get a behind the filter " + lab::show(filter), std::optional(a),
                        get_version(*table, "a"));
      CHECK(table->may_contain(hash_bytes("b")));
    }
  }

  TEST_CASE("a cursor that failed says so, and a later seek starts afresh") {
    const Sample sample = make_sample();
    std::string bytes = sample.bytes;
    bytes[10] = static_cast<char>(bytes[10] ^ 1);  // in the first block
    for (const ReadPattern pattern :
         {ReadPattern::point, ReadPattern::scan, ReadPattern::background}) {
      const auto table = open_table(bytes);
      TableCursor cursor = table->cursor(pattern);
      cursor.seek_to_first();
      CHECK(!cursor.is_valid());
      lab::expect(cursor.status().to_string().find("offset 0") != std::string::npos,
                  "seek into a damaged block", "corruption that names offset 0",
                  cursor.status().to_string());
      cursor.seek_to_last();
      CHECK(copy_of_current(cursor) == sample.model.all().back());
      CHECK(cursor.status().ok());
      while (cursor.is_valid())
        cursor.prev();
      lab::expect_equal("walk back into the damaged block", code_name(Code::corruption),
                        code_name(cursor.status().code()));
      cursor.seek("z", tag_newest);
      lab::expect_equal("then seek past the end", "ok", cursor.status().to_string());
    }
  }
}
