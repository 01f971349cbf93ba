// 2_get_test.cpp: a get finds the newest version that it may see, in whatever block it stands, and
// nothing else; opening reads little.
#include "golden.hpp"
#include "judges.hpp"

using namespace lsmith;
using namespace lsmith::testing;

namespace {

const lab::Step step_2{
    "04.2", 10, "book/04-sstable.md#the-reader",
    "The first fence that is not before the target names the block. If the target is not "
    "in there, the next block may begin with its key."};

}  // namespace

TEST_SUITE("sstable") {
  TEST_CASE("the golden table is read") {
    const std::unique_ptr<Table> table = open_table(golden_table());
    lab::expect_equal("get apple", std::optional(put_at(5, "apple", "red")),
                      get_version(*table, "apple"));
    lab::expect_equal("get applesauce-jar", std::optional(erase_at(9, "applesauce-jar")),
                      get_version(*table, "applesauce-jar"));
    lab::expect_equal("get applesauce-jar at 8",
                      std::optional(put_at(7, "applesauce-jar", "sweet")),
                      get_version(*table, "applesauce-jar", 8));
    lab::expect_equal("properties().meta.file_bytes", std::uint64_t{golden_table().size()},
                      table->properties().meta.file_bytes);
    CHECK(table->properties().meta == golden_meta(1, golden_table().size()));
    lab::expect_equal("check()", "", joined(table->check()));
  }

  TEST_CASE("every key, gap and version is answered, for 1 to 24 entries in blocks of any size") {
    Random random(7);
    for (const int keys : {1, 2, 3, 4, 5, 8, 13, 16, 24}) {
      const Model model = random_model(random, keys, keys % 4 == 0 ? 1 : 3);
      for (const std::size_t block_bytes : {1u, 120u, 4096u}) {
        const std::string about =
            std::to_string(keys) + " keys, block_bytes " + std::to_string(block_bytes) + ": ";
        const BuiltTable built =
            build_table(model.all(), table_options(block_bytes, keys % 2 * 10));
        BlockCache cache(1 << 16);
        check_gets(*open_table(built.bytes, {.cache = &cache}), model, about);
        if (keys % 8 == 0) check_gets(*open_table(built.bytes, {.is_mapped = true}), model, about);
      }
    }
  }

  TEST_CASE("versions of one key that fill many blocks are all found") {
    Model model = model_of({put_at(3, "a", "before"), put_at(4, "z", "behind")});
    for (Sequence i = 1; i <= 60; ++i)
      add(model, put_at(10 * i, "k", std::string(i, 'v')));
    const BuiltTable built = build_table(model.all(), table_options(100, 10));
    CHECK(count_data_blocks(built.bytes) > 5);
    check_gets(*open_table(built.bytes), model, "");
  }

  TEST_CASE("any fence between two blocks is as good as any other") {
    // For each gap: what ends the first block, the fence, what begins the second.
    const Version a = put_at(9, "a", "1"), k9 = put_at(9, "k", "2"), k5 = put_at(5, "k", "3"),
                  m = put_at(4, "m", "4");
    const std::uint64_t k7 = make_tag(7, Kind::put);
    for (const std::vector<CraftedBlock>& blocks : std::vector<std::vector<CraftedBlock>>{
             {{{a, k9}, "k", k7}, {{k5, m}, "m", m.tag}},
             {{{a, k9}, "k", k9.tag}, {{k5, m}, "m", tag_oldest}},
             {{{a, k9}, "k", make_tag(6, Kind::put)}, {{k5}, "k", 0}, {{m}, "z", 0}},
             {{{a}, "k", make_tag(10, Kind::put)}, {{k9, k5}, "l", 0}, {{m}, "m", m.tag}},
             {{{a}, "f", 0},
              {{k9}, "k", k7},
              {{k5}, "k", make_tag(1, Kind::erase)},
              {{m}, "zz", 1}}}) {
      const std::string bytes = craft_table(blocks);
      lab::expect_equal("check a crafted table", "", joined(check_bytes(bytes)));
      check_gets(*open_table(bytes), model_of({a, k9, k5, m}), "free fences: ");
    }
  }

  TEST_CASE("the filter is asked first: what it denies reads nothing") {
    Random random(3);
    const Model model = random_model(random, 500, 1);
    ReadCounts counts;
    const auto table =
        open_table(build_table(model.all(), table_options(256, 10)).bytes, {.counts = &counts});
    for (const Version& version : model.all())
      CHECK(table->may_contain(hash_bytes(version.key)));
    const int reads = counts.reads;
    int denied = 0;
    for (int i = 0; i < 1000; ++i) {
      const std::string key = "absent" + std::to_string(i);
      if (table->may_contain(hash_bytes(key))) continue;
      ++denied;
      table->prefetch(Target::of(key));
      CHECK(!get_version(*table, key));
    }
    lab::expect(denied > 900, "ask for 1000 absent keys", "the filter denies nearly all", denied);
    lab::expect_equal("reads for keys that the filter denies", reads, counts.reads.load());
  }

  TEST_CASE("opening costs four reads at most, and a get one") {
    Model model;
    for (Sequence i = 0; i < 20000; ++i) {
      add(model, put_at(i + 1, "key" + std::to_string(100000 + i), std::string(20, 'v')));
    }
    const BuiltTable built = build_table(model.all(), table_options(200, 10));
    ReadCounts counts;
    const auto table = open_table(built.bytes, {.counts = &counts});
    lab::expect(counts.reads <= 4, "open; reads", "4 at most", counts.reads.load());
    const std::uint64_t behind_data = built.bytes.size() - table->properties().data_bytes;
    lab::expect(counts.bytes <= behind_data + (64 << 10), "open; bytes read",
                std::to_string(behind_data) + " and 64 KiB at most", counts.bytes.load());
    counts.reads = 0;
    lab::expect_equal("get one key", model.get("key107777"), get_version(*table, "key107777"));
    lab::expect_equal("reads for it", 1, counts.reads.load());
    const auto open = build_table(model.all(), table_options(200, 0));
    const auto without_filter = open_table(open.bytes, {.counts = &counts});
    counts.reads = 0;
    CHECK(get_version(*without_filter, "key107777+") == std::nullopt);
    lab::expect_equal("get key107777+, which is absent, without a filter; reads", 1,
                      counts.reads.load(), "A fence with a larger key ends the search.");
  }

  TEST_CASE("two tables of the same shape share a cache, and leave nothing in it") {
    BlockCache cache(1 << 20);
    const auto bytes_of = [](const char* value) {
      return build_table({put_at(1, "k", value)}, table_options(1, 10)).bytes;
    };
    auto one = open_table(bytes_of("one"), {.cache = &cache, .number = 1});
    auto two = open_table(bytes_of("two"), {.cache = &cache, .number = 2});
    for (int i = 0; i < 2; ++i) {
      lab::expect_equal("get k from the first", std::optional(put_at(1, "k", "one")),
                        get_version(*one, "k"));
      lab::expect_equal("get k from the second", std::optional(put_at(1, "k", "two")),
                        get_version(*two, "k"));
    }
    one.reset();
    two.reset();
    for (const std::uint64_t number : {1, 2})
      cache.erase_table(number);
    lab::expect_equal("close and erase both; bytes used", std::size_t{0}, cache.used_bytes());
  }

  TEST_CASE("a table is read by several threads at once") {
    Random random(11);
    const Model model = random_model(random, 200, 2);
    const std::string bytes = build_table(model.all(), table_options(256, 10)).bytes;
    for (const bool is_mapped : {false, true}) {
      BlockCache cache(40000);  // so small that blocks come and go
      const auto table = open_table(bytes, {.cache = &cache, .is_mapped = is_mapped});
      lab::expect_equal("2000 gets by four threads; wrong answers", 0,
                        get_by_threads(*table, model));
    }
  }
}
