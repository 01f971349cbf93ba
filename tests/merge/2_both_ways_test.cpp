// 2_both_ways_test.cpp: the merge walks back, and turns round anywhere.
#include "../support/vector_cursor.hpp"

#include <lsmith/merge_iterator.hpp>

#include <algorithm>
#include <string>
#include <vector>

using namespace lsmith;
using namespace lsmith::testing;

namespace {

const lab::Step step_2{
    "06.2", 15, "book/06-merge.md#walking-backwards-and-turning",
    "Where the walk turns, every child but the current one stands on the wrong side "
    "of the current entry, or at its end: seek it again."};

// With entries that are equal in key and tag, and a child without any.
Sources few() {
  return make_sources({{put_at(9, "a", "child 0"), put_at(5, "c", "child 0")},
                       {put_at(3, "a", "child 1"), erase_at(4, "b"), put_at(8, "c", "child 1"),
                        put_at(5, "c", "child 1")},
                       {},
                       {put_at(5, "c", "child 3"), put_at(1, "d", "child 3")},
                       {put_at(9, "a", "child 4")}});
}

// Holds a merge to a list of entries, equal ones too, which a Model can not tell apart.
class Walk {
 public:
  explicit Walk(const Sources& sources) : all_(merged(sources)), merge_(children_of(sources)) {}

  std::size_t size() const { return all_.size(); }
  bool is_valid() const { return at_ < all_.size(); }
  bool seek_to_first() { return merge_.seek_to_first(), expect("seek_to_first()", 0); }
  bool seek_to_last() { return merge_.seek_to_last(), expect("seek_to_last()", all_.size() - 1); }
  bool seek(const Version& target) {
    merge_.seek(target.key, target.tag);
    const auto first = std::lower_bound(all_.begin(), all_.end(), target, comes_before);
    return expect("seek(" + show_place(target.key, target.tag) + ")",
                  static_cast<std::size_t>(first - all_.begin()));
  }
  bool next() { return merge_.next(), expect("next()", at_ + 1); }
  bool prev() { return merge_.prev(), expect("prev()", at_ - 1); }

 private:
  bool expect(const std::string& call, std::size_t position) {
    path_ = path_.size() > 300 ? "… " + call : path_ + (path_.empty() ? "" : ", ") + call;
    at_ = position;  // before the first: beyond the last, like any place without an entry
    return expect_at(path_, merge_, at_ < all_.size() ? std::optional(all_[at_]) : std::nullopt) &&
           lab::expect_equal("status() after " + path_, "ok", merge_.status().to_string());
  }

  std::vector<Version> all_;
  MergeCursor merge_;
  std::size_t at_ = ~std::size_t{0};
  std::string path_;
};

}  // namespace

TEST_SUITE("merge") {
  TEST_CASE("backwards is forwards reversed, entries that are equal included") {
    Walk walk(few());
    REQUIRE(walk.seek_to_last());
    while (walk.is_valid())
      REQUIRE(walk.prev());
  }

  TEST_CASE("next and prev are opposites at every entry") {
    for (std::size_t i = 0; i < merged(few()).size(); ++i) {
      Walk walk(few());
      REQUIRE(walk.seek_to_first());
      for (std::size_t steps = 0; steps < i; ++steps)
        REQUIRE(walk.next());
      if (i > 0) {
        REQUIRE(walk.prev());
        REQUIRE(walk.next());
      }
      REQUIRE(walk.next());
      if (!walk.is_valid()) continue;
      REQUIRE(walk.prev());
      REQUIRE(walk.prev());
    }
  }

  TEST_CASE("the walk turns beside children that are at their end on one side") {
    Walk walk(make_sources(
        {{put_at(5, "m", "")}, {put_at(1, "a", ""), put_at(2, "b", "")}, {put_at(3, "x", "")}}));
    REQUIRE(walk.seek(put_at(5, "m", "")));
    for (const char move : std::string("pnnppnnnlpppnfnnpp")) {
      if (move == 'l') REQUIRE(walk.seek_to_last());
      if (move == 'f') REQUIRE(walk.seek_to_first());
      if (move == 'n') REQUIRE(walk.next());
      if (move == 'p') REQUIRE(walk.prev());
    }
  }

  TEST_CASE("a child that grows meanwhile never sends the walk to the wrong side") {
    const Sources sources =
        make_sources({{put_at(1, "c", "")}, {put_at(2, "b", ""), put_at(3, "d", "")}, {}});
    CheckedCursor<MergeCursor> merge{MergeCursor(children_of(sources))};
    merge.seek("d", tag_newest);
    merge.prev();
    REQUIRE(expect_at("seek(\"d\"), prev()", merge, put_at(1, "c", "")));
    sources[1]->add(put_at(10, "bb", ""));
    sources[2]->add(put_at(11, "aa", ""));
    merge.next();  // what is new may show or not, but behind "c"; the checker sees to that
    lab::expect(merge.is_valid(), "next() from \"c\"", "\"d\"", "nothing");

    merge.seek("c", tag_newest);
    sources[0]->add(put_at(12, "x", ""));
    sources[2]->add(put_at(13, "y", ""));
    merge.prev();
    lab::expect(merge.is_valid(), "prev() from \"c\"", "an entry before it", "nothing");
  }

  TEST_CASE("random walks over entries that may be equal never lose their place") {
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
      CAPTURE(seed);
      Random random(seed);
      Sources sources = make_sources(std::vector<std::vector<Version>>(1 + random.below(12)));
      for (Sequence i = 1; i <= 50; ++i) {
        const Version version = put_at(random.chance(20) ? 1 + random.below(3) : 10 + i,
                                       random.bytes(random.below(2)), std::to_string(i));
        Source& source = *sources[random.below(sources.size())];
        const bool is_there = std::binary_search(source.versions.begin(), source.versions.end(),
                                                 version, comes_before);
        if (!is_there) source.add(version);
      }
      Walk walk(sources);
      bool is_right = walk.seek_to_first();
      for (int i = 0; is_right && i < 400; ++i) {
        const auto choice = random.below(walk.is_valid() ? 12 : 4);
        if (choice == 0) is_right = walk.seek_to_first();
        if (choice == 1) is_right = walk.seek_to_last();
        if (choice == 2 || choice == 3)
          is_right = walk.seek(put_at(random.below(70), random.bytes(random.below(2)), ""));
        if (choice >= 4) is_right = choice <= 7 ? walk.next() : walk.prev();
      }
      REQUIRE(is_right);
    }
  }
}
