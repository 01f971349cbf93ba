// 1_build_test.cpp: what a builder writes is a table, says what it holds, and refuses what can not
// be one. The table is judged by check_table and by its bytes, not by the reader of the next step.
#include "golden.hpp"
#include "judges.hpp"

#include <cstdlib>

using namespace lsmith;
using namespace lsmith::testing;

namespace {

const lab::Step step_1{
    "04.1", 10, "book/04-sstable.md#the-builder",
    "Blocks lie behind each other without gaps, each with its trailer; the index has "
    "one entry for each."};

const std::vector<Version> golden_versions{put_at(5, "apple", "red"), erase_at(9, "applesauce-jar"),
                                           put_at(7, "applesauce-jar", "sweet")};

}  // namespace

TEST_SUITE("sstable") {
  TEST_CASE("the bytes of a small table are those of the format") {
    const std::string golden = golden_table();
    lab::expect_equal("check the golden table", "", joined(check_bytes(golden)));

    const BuiltTable built = build_table(golden_versions, table_options(4096, 0));
    lab::expect_equal("build the golden table; its data block and trailer",
                      golden.substr(0, golden_data_bytes),
                      built.bytes.substr(0, golden_data_bytes));
    lab::expect_equal("check what was built", "", joined(check_bytes(built.bytes)));
  }

  TEST_CASE("every number of entries makes a whole table, with and without a filter") {
    for (int count = 1; count <= 40; ++count) {
      for (const std::size_t block_bytes : {1u, 100u, 4096u}) {
        std::vector<Version> versions;
        for (int i = 0; i < count; ++i) {
          const std::string key = "k" + std::to_string(100 + i / 3);  // three versions each
          const auto sequence = static_cast<Sequence>(100 - i);
          versions.push_back(i % 3 == 1 ? erase_at(sequence, key) : put_at(sequence, key, "value"));
        }
        const std::string done = "build " + std::to_string(count) + " entries, block_bytes " +
                                 std::to_string(block_bytes);
        const BuiltTable built = build_table(versions, table_options(block_bytes, count % 2 * 10));
        lab::expect_equal(done + ", check", "", joined(check_bytes(built.bytes)));
        lab::expect_equal(done + ", entries", static_cast<std::uint64_t>(count),
                          built.meta.entries);
        lab::expect_equal(done + ", last key", versions.back().key, built.meta.last_key);
      }
    }
  }

  TEST_CASE("any bytes may be keys and values, and empty ones are as good as others") {
    Random random(41);
    Model model = random_model(random, 300, 4);
    add(model, put_at(1, "", ""));
    add(model, put_at(2, std::string(key_bytes_max, '\xff'), std::string(70000, '\0')));
    const BuiltTable built = build_table(model.all(), table_options(256, 10));
    lab::expect_equal("check a random table", "", joined(check_bytes(built.bytes)));
  }

  TEST_CASE("the meta says what was added") {
    const BuiltTable built = build_table(golden_versions, table_options(1, 10));
    const TableMeta& meta = built.meta;
    lab::expect_equal("build the golden table; entries", std::uint64_t{3}, meta.entries);
    lab::expect_equal("its erases", std::uint64_t{1}, meta.erases);
    lab::expect_equal("its smallest sequence", Sequence{5}, meta.first_sequence);
    lab::expect_equal("its last key", "applesauce-jar", meta.last_key);
    lab::expect_equal("its file_bytes", std::uint64_t{built.bytes.size()}, meta.file_bytes);
    const TableMeta expected = golden_meta(0, built.bytes.size());
    lab::expect(meta == expected, "its meta", "also the tags, bytes and id", lab::Words{"others"});
  }

  TEST_CASE("a block ends with the entry that fills it, and the size counts the open block") {
    Recording log;
    TableBuilder builder(table_options(200, 0), std::make_unique<RecordingFile>(log), table_id);
    std::uint64_t size_before = 0;
    for (Sequence i = 0; i < 100; ++i) {
      CHECK(builder.add("key" + std::to_string(100 + i), make_tag(i + 1, Kind::put), "value").ok());
      lab::expect(builder.size_bytes() > size_before,
                  "add entry " + std::to_string(i) + "; size_bytes()",
                  "more than " + std::to_string(size_before), builder.size_bytes());
      size_before = builder.size_bytes();
    }
    CHECK(builder.entry_count() == 100);
    REQUIRE(builder.finish().ok());
    lab::expect(size_before <= log.bytes.size(), "finish; size_bytes() before",
                "no more than the file's " + std::to_string(log.bytes.size()), size_before);
    const std::size_t blocks = count_data_blocks(log.bytes);
    lab::expect(blocks >= 100 / 9 && blocks <= 100 / 6,
                "build 100 entries of about 25 bytes, block_bytes 200; blocks",
                "7 or 8 entries in each", blocks);
  }

  TEST_CASE("an entry that does not sort behind the one before is refused, and so is the table") {
    const Version first = put_at(5, "b", "");
    for (const Version& second :
         {put_at(9, "a", ""), put_at(5, "b", ""), put_at(6, "b", ""), put_at(1, "", ""),
          put_at(9, std::string(key_bytes_max + 1, 'x'), "")}) {
      Recording log;
      TableBuilder builder(table_options(1, 10), std::make_unique<RecordingFile>(log), table_id);
      CHECK(builder.add(first.key, first.tag, first.value).ok());
      const Status status = builder.add(second.key, second.tag, second.value);
      const std::string done = "add " + show(first) + ", then " + show(second);
      lab::expect_equal(done, code_name(Code::invalid_argument), code_name(status.code()));
      const Status later = builder.add("c", make_tag(1, Kind::put), "");
      lab::expect_equal(done + ", then a good one", status.to_string(), later.to_string());
      const Status bad = builder.add("a", make_tag(1, Kind::put), "");
      lab::expect_equal(done + ", then a bad one", status.to_string(), bad.to_string());
      lab::expect_equal(done + ", then finish", status.to_string(),
                        builder.finish().status().to_string());
    }
  }

  TEST_CASE("a value beyond the limit is refused") {
    char* const zeros = static_cast<char*>(std::calloc(value_bytes_max + 1, 1));  // never touched
    if (zeros == nullptr) return;
    Recording log;
    TableBuilder builder(table_options(4096, 0), std::make_unique<RecordingFile>(log), table_id);
    const Status status = builder.add("k", make_tag(1, Kind::put), {zeros, value_bytes_max + 1});
    lab::expect_equal("add a value of 2^30 + 1 bytes", code_name(Code::invalid_argument),
                      code_name(status.code()));
    std::free(zeros);
  }

  TEST_CASE("the file is synced once, at the end, then closed; every failure is reported") {
    for (int fails_at = 0, calls = 1; fails_at <= calls; ++fails_at) {
      Recording log{"", "", 0, fails_at};
      TableBuilder builder(table_options(1, 10), std::make_unique<RecordingFile>(log), table_id);
      for (const Version& version : golden_versions) {
        builder.add(version.key, version.tag, version.value).ignore();
      }
      const Result<TableMeta> meta = builder.finish();
      if (fails_at == 0) {
        calls = log.count;
        lab::expect_equal("build; appends, syncs and closes", "asc", log.calls);
      } else {
        lab::expect_equal("build, with call " + std::to_string(fails_at) + " of the file failing",
                          "i/o error: the disk is gone", meta.status().to_string());
        lab::expect_equal("calls after the one that failed", 0, log.count - fails_at);
      }
    }
  }
}
