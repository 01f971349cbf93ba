// 2_user_cursor_test.cpp: a reader at a sequence sees each live key once, both ways, within bounds.
#include "judges.hpp"

#include <lsmith/mvcc.hpp>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

using namespace lsmith;
using namespace lsmith::testing;

namespace {

const lab::Step step_2{
    "10.2", 20, "book/10-mvcc.md#what-a-reader-sees",
    "Of each key only the newest version that is not newer than the reader counts, "
    "and if it is a tombstone the key is not there."};

Sources several_versions() {
  return make_sources(
      {{put_at(9, "b", "b9"), erase_at(8, "c"), put_at(10, "e", "")},
       {put_at(3, "a", "a3"), put_at(5, "b", "b5"), put_at(4, "c", "c4")},
       {put_at(1, "b", "b1"), put_at(2, "", "empty key"), erase_at(6, "a"), put_at(7, "f", "f7")}});
}

}  // namespace

TEST_SUITE("mvcc") {
  TEST_CASE("each reader sees the writes up to its sequence, and not one more") {
    for (Sequence sequence = 0; sequence <= 11; ++sequence)
      REQUIRE(Reader(several_versions(), sequence, {}).scan());
    REQUIRE(Reader(several_versions(), sequence_max, {}).scan());
    REQUIRE(Reader({}, sequence_max, {}).scan());
  }

  TEST_CASE("the cursor turns at every key, and neither repeats it nor shows what is too new") {
    for (Sequence sequence = 1; sequence <= 11; ++sequence) {
      for (const char* moves : {"fnpnpn", "lpnpnp", "fnnppnnn", "lppnnppp"}) {
        Reader reader(several_versions(), sequence, {});
        for (const char* move = moves; *move != 0 && (move == moves || reader.is_valid()); ++move) {
          if (*move == 'f') REQUIRE(reader.seek_to_first());
          if (*move == 'l') REQUIRE(reader.seek_to_last());
          if (*move == 'n') REQUIRE(reader.next());
          if (*move == 'p') REQUIRE(reader.prev());
        }
      }
    }
  }

  TEST_CASE("bounds hold wherever the cursor is sought") {
    for (const char* lower : {"", "a", "b", "bb", "e", "z"}) {
      for (const char* upper : {"", "a", "b", "bb", "e", "z"}) {
        for (const Bounds& bounds : {Bounds{lower, upper}, Bounds{lower, {}}, Bounds{{}, upper}}) {
          Reader reader(several_versions(), 7, bounds);
          REQUIRE(reader.scan());
          for (const char* key : {"", "a", "aa", "b", "bb", "c", "e", "f", "zz"}) {
            REQUIRE(reader.seek(key));
            if (reader.is_valid()) REQUIRE(reader.prev());
            REQUIRE(reader.seek_back(key));
            if (reader.is_valid()) REQUIRE(reader.next());
          }
        }
      }
    }
  }

  TEST_CASE("long runs of tombstones, of old versions and of new ones are passed both ways") {
    std::vector<Version> versions = {put_at(1, "a", "a"), put_at(5000, "z", "z")};
    for (Sequence i = 2; i < 1000; ++i)
      versions.push_back(erase_at(i, "d" + std::to_string(i)));
    for (Sequence i = 1000; i < 1300; ++i)
      versions.push_back(i % 7 == 0 ? erase_at(i, "hot") : put_at(i, "hot", std::to_string(i)));
    const Sources sources = make_sources({versions});
    for (const Sequence sequence : {999, 1000, 1001, 1010, 1022, 1150, 1299, 5000}) {
      Reader reader(sources, static_cast<Sequence>(sequence), {});
      REQUIRE(reader.scan());
      REQUIRE(reader.seek_back("hot"));
      if (reader.is_valid()) REQUIRE(reader.next());
      REQUIRE(reader.seek("hot"));
      if (reader.is_valid()) REQUIRE(reader.prev());
    }
  }

  TEST_CASE("what was stepped over is counted") {
    Reader clean(make_sources({{put_at(1, "a", ""), put_at(2, "b", "")}}), sequence_max, {});
    REQUIRE(clean.scan());
    lab::expect_equal("a scan without garbage; skipped_count()", 0u,
                      clean.cursor().skipped_count());
    // Nobody can tell these from a key to show before standing on them.
    Reader alone(make_sources({{erase_at(1, "a"), erase_at(2, "b"), put_at(9, "c", "")}}), 5, {});
    alone.seek_to_first();
    lab::expect_equal("to first, over 2 tombstones and what is too new; skipped_count()", 3u,
                      alone.cursor().skipped_count());
    alone.seek_to_last();
    lab::expect_equal("to last after that; skipped_count()", 6u, alone.cursor().skipped_count());
    Reader reader(several_versions(), sequence_max, {});
    reader.seek_to_first();
    while (reader.is_valid())
      REQUIRE(reader.next());
    const std::uint64_t skipped = reader.cursor().skipped_count();
    lab::expect(skipped > 0 && skipped <= 6, "a scan over 2 tombstones and 4 hidden versions",
                "a skipped_count() of 6, or less if a seek was used", skipped);
  }

  TEST_CASE("a cursor that is moved stays where it is") {
    for (const bool is_back : {false, true}) {
      UserCursor first(MergeCursor(children_of(several_versions())), 7, Bounds{"a", "f"});
      is_back ? first.seek_to_last() : first.seek_to_first();
      UserCursor second = std::move(first);
      REQUIRE(second.is_valid());
      lab::expect_equal("moved; key()", is_back ? "c" : "b", std::string(second.key()));
      is_back ? second.prev() : second.next();
      lab::expect_equal("moved, one step; key()", is_back ? "b" : "c", std::string(second.key()));
    }
  }

  TEST_CASE("when what is below fails, nothing wrong is shown, and the end is not an end") {
    for (const bool is_back : {false, true}) {
      for (std::size_t child = 0; child < 3; ++child) {
        for (int moves = 0; moves < 12; ++moves) {
          const Sources sources = several_versions();
          Pairs all = model_of(sources).visible(9);
          if (is_back) std::reverse(all.begin(), all.end());
          sources[child]->moves_until_failure = moves;
          UserCursor cursor(MergeCursor(children_of(sources)), 9, {});
          const std::string done = std::string(is_back ? "walk back; child " : "walk; child ") +
                                   lab::show(child) + " fails at move " + lab::show(moves) + "; ";
          std::size_t seen = 0;
          for (is_back ? cursor.seek_to_last() : cursor.seek_to_first(); cursor.is_valid();
               is_back ? cursor.prev() : cursor.next(), ++seen) {
            REQUIRE(seen < all.size());
            lab::expect_equal(done + "key()", all[seen].first, cursor.key());
            lab::expect_equal(done + "value()", all[seen].second, cursor.value());
          }
          const bool has_failed = sources[child]->moves_until_failure < 0;
          lab::expect_equal(done + "status().ok()", !has_failed, cursor.status().ok());
          if (!has_failed) CHECK(seen == all.size());
        }
      }
    }
  }

  TEST_CASE("random versions, readers, bounds and moves agree with the model") {
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
      CAPTURE(seed);
      Random random(seed);
      const auto key = [&] { return random.bytes(random.below(3)).substr(0, 2); };
      Sources sources = make_sources(std::vector<std::vector<Version>>(1 + random.below(5)));
      std::vector<std::string> keys;
      for (int i = 0; i < 12; ++i)
        keys.push_back(key());
      for (Sequence i = 1; i <= 80; ++i) {
        const std::string& k = keys[random.chance(20) ? 0 : random.below(keys.size())];
        sources[random.below(sources.size())]->add(
            random.chance(30) ? erase_at(i, k) : put_at(i, k, std::to_string(i)));
      }
      Bounds bounds;
      if (random.chance(40)) bounds.lower = keys[random.below(keys.size())];
      if (random.chance(40)) bounds.upper = random.chance(50) ? key() : keys[random.below(12)];
      Reader reader(sources, random.below(85), bounds);
      bool is_right = reader.scan();
      for (int i = 0; is_right && i < 200; ++i) {
        const auto choice = random.below(reader.is_valid() ? 10 : 4);
        const std::string target = random.chance(30) ? key() : keys[random.below(keys.size())];
        if (choice == 0) is_right = reader.seek_to_first();
        if (choice == 1) is_right = reader.seek_to_last();
        if (choice == 2) is_right = reader.seek(target);
        if (choice == 3) is_right = reader.seek_back(target);
        if (choice >= 4) is_right = choice < 7 ? reader.next() : reader.prev();
      }
      REQUIRE(is_right);
    }
  }
}
