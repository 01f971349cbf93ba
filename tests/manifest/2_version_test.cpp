// 2_version_test.cpp: a version is a set of tables that never changes, and an edit makes the next
// one.
#include "manifests.hpp"

#include <algorithm>

using namespace lsmith;
using namespace lsmith::testing;
using namespace std::string_literals;

namespace {

const lab::Step step_2{"07.2", 10, "book/07-manifest.md#versions",
                       "All removals, then all additions; tables that stay are shared."};

// Level 0: 31, 28, 30. Level 1: 19 a–c, 20 e–g, 21 m–z. Level 2: 5 b–y. Level 6: 3 a–d, 2 e–h.
Version example_version() {
  return applied(Version(), edit_of({}, {{6, table(2, "e", "h")},
                                         {6, table(3, "a", "d")},
                                         {0, table(30, "a", "q", 70)},
                                         {1, table(21, "m", "z")},
                                         {2, table(5, "b", "y")},
                                         {1, table(19, "a", "c")},
                                         {0, table(28, "d", "k", 80)},
                                         {0, table(31, "b", "c", 80)},
                                         {1, table(20, "e", "g")}}));
}

void expect_refused(const Version& version, const std::string& done, const VersionEdit& edit) {
  const std::string before = show_version(version);
  const Status status = version.apply(edit).status();
  lab::expect(status.code() == Code::corruption, done, "corruption", status.to_string());
  lab::expect_equal(done + "; the version itself", before, show_version(version));
}

}  // namespace

TEST_SUITE("manifest") {
  TEST_CASE("level 0 is newest first, the others are in key order") {
    const Version version = example_version();
    lab::expect_equal("apply an edit to nothing",
                      "L0: 31[b-c] 28[d-k] 30[a-q] L1: 19[a-c] 20[e-g] 21[m-z] L2: 5[b-y] "
                      "L6: 3[a-d] 2[e-h] ",
                      show_version(version));
    CHECK(version.table_count() == 9);
    CHECK(version.level_bytes(0) == 89000);
    CHECK(version.level_bytes(1) == 60000);
    CHECK(version.level_bytes(5) == 0);
    CHECK(Version().table_count() == 0);
    CHECK(Version().check().empty());
    CHECK(Version().find(1, "a") == nullptr);
  }

  TEST_CASE("an edit is a change, not the new set: two that began together both count") {
    const Version before = example_version();
    const VersionEdit flush = edit_of({}, {{0, table(33, "a", "b", 90)}});
    const VersionEdit compaction = edit_of({{0, 30}, {1, 20}}, {{1, table(32, "d", "k")}});
    const Version after = applied(applied(before, flush), compaction);
    lab::expect_equal("flush 33, then compact 30 and 20 into 32",
                      "L0: 33[a-b] 31[b-c] 28[d-k] L1: 19[a-c] 32[d-k] 21[m-z] L2: 5[b-y] "
                      "L6: 3[a-d] 2[e-h] ",
                      show_version(after));
    lab::expect_equal("the other way round", show_version(after),
                      show_version(applied(applied(before, compaction), flush)));
    lab::expect_equal("the version before", show_version(example_version()), show_version(before));
    CHECK(after.level_bytes(1) == 72000);
  }

  TEST_CASE("tables that both versions name are shared, moved ones too; others are let go") {
    auto before = std::make_unique<Version>(example_version());
    const TableRef moved = before->level(2)[0];
    const std::weak_ptr<const TableMeta> gone = before->level(1)[1];
    const Version after = applied(*before, edit_of({{2, 5}, {1, 20}}, {{3, *moved}}));
    const std::string done = "move 5 from level 2 to level 3, remove 20 from level 1";
    lab::expect_equal(done + "; level 1", "19 21 ", show_tables(after.level(1)));
    REQUIRE(lab::expect_equal(done + "; level 3", "5 ", show_tables(after.level(3))));
    expect_shared(done, before->level(0)[0], after.level(0)[0]);
    expect_shared(done, before->level(1)[0], after.level(1)[0]);
    expect_shared(done, before->level(1)[2], after.level(1)[1]);
    expect_shared(done, moved, after.level(3)[0]);
    CHECK_FALSE(gone.expired());
    before.reset();
    CHECK(gone.expired());
  }

  TEST_CASE("an edit that does not fit the version is corruption, and changes nothing") {
    const Version version = example_version();
    expect_refused(version, "remove table 99, which is nowhere", edit_of({{1, 99}}, {}));
    expect_refused(version, "remove table 20 of level 1 from level 2", edit_of({{2, 20}}, {}));
    expect_refused(version, "remove table 20 twice", edit_of({{1, 20}, {1, 20}}, {}));
    expect_refused(version, "add table 31, which is there",
                   edit_of({}, {{0, table(31, "b", "c", 80)}}));
    expect_refused(version, "add table 5, which is in level 2, to level 4",
                   edit_of({}, {{4, table(5, "b", "y")}}));
    expect_refused(version, "add table 40 to levels 4 and 5",
                   edit_of({}, {{4, table(40, "a", "b")}, {5, table(40, "a", "b")}}));
    for (const TableMeta& overlapping :
         {table(40, "c", "d"), table(40, "d", "e"), table(40, "f", "f"), table(40, "0", "~"),
          table(40, "g", "h"), table(40, "", "a"), table(40, "z", "zz")})
      expect_refused(version,
                     "add " + overlapping.first_key + "-" + overlapping.last_key + " to level 1",
                     edit_of({}, {{1, overlapping}}));
    expect_refused(version, "add a-k and k-p to level 3",
                   edit_of({}, {{3, table(40, "a", "k")}, {3, table(41, "k", "p")}}));
    applied(version, edit_of({}, {{1, table(40, "d", "d")}, {1, table(41, "g\0"s, "l")}}));
    // Removals come first.
    applied(version, edit_of({{1, 20}}, {{1, table(40, "d", "h")}}));
    const Version widened = applied(version, edit_of({{1, 20}}, {{1, table(20, "d", "h")}}));
    lab::expect_equal("remove 20 (e-g) from level 1, add 20 (d-h)",
                      "19 \"a\" to \"c\", 20 \"d\" to \"h\", 21 \"m\" to \"z\", "s,
                      show_level(widened, 1));
    applied(version, edit_of({}, {{0, table(40, "a", "z", 99)}}));  // level 0 may overlap
    const Result<Version> reversed = Version().apply(edit_of({}, {{0, table(9, "z", "a")}}));
    CHECK((!reversed.ok() || !reversed->check().empty()));
  }

  TEST_CASE("random edits: find and overlapping agree with looking at every table") {
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
      CAPTURE(seed);
      Random random(seed);
      Version version;
      std::uint64_t number = 1;
      const auto key = [&] { return random.bytes(random.below(3)); };
      std::vector<std::pair<int, TableMeta>> model;
      for (int round = 0; round < 25; ++round) {
        VersionEdit edit;
        auto next = model;
        for (std::uint64_t i = random.below(3); i > 0 && !next.empty(); --i) {
          const std::size_t at = random.below(next.size());
          edit.removed.emplace_back(next[at].first, next[at].second.number);
          next.erase(next.begin() + static_cast<std::ptrdiff_t>(at));
        }
        for (std::uint64_t i = random.below(4); i > 0; --i) {
          const int level = static_cast<int>(random.below(4));
          const std::string a = key(), b = key();
          const TableMeta added = table(number++, std::min(a, b), std::max(a, b), random.below(9));
          edit.added.emplace_back(level, added);
          next.emplace_back(level, added);
        }
        Result<Version> result = version.apply(edit);
        const bool is_right = lab::expect(
            result.ok() == fits(next), "edit " + std::to_string(round) + " of random levels",
            fits(next) ? "ok" : "corruption", lab::Words{result.status().to_string()});
        if (!is_right) return;
        if (!result.ok()) continue;
        version = *std::move(result);
        model = std::move(next);
        REQUIRE(joined(version.check()) == "");
        CHECK(version.table_count() == model.size());
        for (int level = 0; level < 4; ++level) {
          const std::string a = key(), b = key();
          const std::string first = std::min(a, b), last = std::max(a, b);
          const std::string in =
              "in level " + std::to_string(level) + " of " + show_level(version, level);
          lab::expect_equal(in + "overlapping " + lab::show(first) + " to " + lab::show(last),
                            show_tables(overlapping_by_looking(version, level, first, last)),
                            show_tables(version.overlapping(level, first, last)));
          std::vector<TableRef> covering = overlapping_by_looking(version, level, a, a);
          covering.resize(1);
          if (level > 0)
            lab::expect_equal(in + "find " + lab::show(a), show_tables(covering),
                              show_tables({version.find(level, a)}));
        }
      }
      const Version rebuilt = applied(Version(), version.to_base_edit());
      CHECK(version.to_base_edit().is_base);
      CHECK(encode_edit(rebuilt.to_base_edit()) == encode_edit(version.to_base_edit()));
      lab::expect_equal("rebuild from the base", show_version(version), show_version(rebuilt));
    }
  }
}
