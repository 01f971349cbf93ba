// 3_garbage_test.cpp: what may be forgotten, against a judge that tries every reader.
#include "judges.hpp"

#include <lsmith/mvcc.hpp>

#include <string>
#include <vector>

using namespace lsmith;
using namespace lsmith::testing;

namespace {

const lab::Step step_3{
    "10.3", 15, "book/10-mvcc.md#what-may-be-forgotten",
    "Of the versions of a key between two snapshots only the newest can ever be "
    "read; the stripe of a sequence is the first snapshot that is not before it."};

struct Judged {
  Version version;
  Fate expected;
};

void expect_fates(const std::vector<Sequence>& snapshots, const std::vector<Judged>& stream,
                  int line = __builtin_LINE()) {
  GarbageRule rule(snapshots);
  for (const auto& [version, expected] : stream)
    lab::expect_equal(text(snapshots) + "; judge(" + show_place(version.key, version.tag) + ")",
                      name(expected), name(rule.judge(version.key, version.tag)), {}, __FILE__,
                      line);
}

Judged put(Sequence sequence, const char* key, Fate fate) {
  return {put_at(sequence, key, ""), fate};
}
Judged erase(Sequence sequence, const char* key, Fate fate) {
  return {erase_at(sequence, key), fate};
}

}  // namespace

TEST_SUITE("mvcc") {
  TEST_CASE("without snapshots only the newest version of a key is kept") {
    expect_fates({}, {put(9, "a", Fate::keep), put(5, "a", Fate::drop), erase(3, "a", Fate::drop),
                      put(2, "a", Fate::drop), put(7, "b", Fate::keep),
                      erase(8, "c", Fate::drop_unless_older), put(1, "c", Fate::drop)});
  }

  TEST_CASE("a snapshot keeps what it sees, and the newest version is kept beside it") {
    expect_fates({50},
                 {put(60, "a", Fate::keep), put(5, "a", Fate::keep), put(3, "a", Fate::drop)});
    expect_fates({4}, {put(5, "a", Fate::keep), put(4, "a", Fate::keep), put(3, "a", Fate::drop)});
    expect_fates({5}, {put(5, "a", Fate::keep), put(4, "a", Fate::drop)});
  }

  TEST_CASE("a snapshot between two versions is not the only one that cuts them") {
    // With the oldest snapshot alone, 40 and 30 would fall together, and the one at 35 lose its
    // view.
    expect_fates({10, 35},
                 {put(50, "a", Fate::keep), put(40, "a", Fate::drop), put(30, "a", Fate::keep),
                  put(20, "a", Fate::drop), put(10, "a", Fate::keep)});
    expect_fates({3, 6},
                 {put(9, "a", Fate::keep), put(8, "a", Fate::drop), put(6, "a", Fate::keep),
                  put(4, "a", Fate::drop), put(3, "a", Fate::keep), put(1, "a", Fate::drop)});
  }

  TEST_CASE("a tombstone goes only when no snapshot is before it") {
    expect_fates({5}, {erase(9, "a", Fate::keep), put(3, "a", Fate::keep)});
    expect_fates({5}, {erase(5, "a", Fate::drop_unless_older), put(3, "a", Fate::drop)});
    expect_fates({5}, {erase(9, "a", Fate::keep), erase(4, "a", Fate::drop_unless_older),
                       put(3, "a", Fate::drop)});
    expect_fates({5, 9}, {erase(8, "a", Fate::keep), put(5, "a", Fate::keep)});
  }

  TEST_CASE("a snapshot before the first write is a snapshot") {
    expect_fates({0},
                 {put(2, "a", Fate::keep), put(1, "a", Fate::drop), erase(3, "b", Fate::keep)});
    expect_fates({0}, {erase(1, "a", Fate::keep), erase(0, "a", Fate::drop_unless_older)});
  }

  TEST_CASE("keys are told apart by all of their bytes, and the empty one is a key") {
    using std::string;
    GarbageRule rule({});
    for (const string& key : {string(), string("\0", 1), string("\0\0", 2), string("a"),
                              string("a\0", 2), string("ab"), string("b")})
      lab::expect_equal("judge(" + lab::show(key) + ") of one version", "keep",
                        name(rule.judge(key, make_tag(1, Kind::put))));
    GarbageRule empty({});
    empty.judge("", make_tag(2, Kind::put));
    lab::expect_equal("judge(\"\"@1) after \"\"@2", "drop",
                      name(empty.judge("", make_tag(1, Kind::put))));
  }

  TEST_CASE("the rule does not look at a key after the call has returned") {
    GarbageRule rule({});
    std::string key = "aaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    rule.judge(key, make_tag(9, Kind::put));
    key.assign(key.size(), 'b');
    lab::expect_equal("judge() of another key in the same memory", "keep",
                      name(rule.judge(key, make_tag(8, Kind::put))));
  }

  TEST_CASE(
      "for every reader, random histories read the same before and after, and nothing is left") {
    for (std::uint64_t seed = 1; seed <= 400; ++seed) {
      CAPTURE(seed);
      Random random(seed);
      Model all;
      for (Sequence i = 1; i <= 40; ++i) {
        const std::string key = random.bytes(random.below(2)).substr(0, 1);
        const std::string few = key.empty() ? key : std::string(1, static_cast<char>(key[0] & 3));
        add(all, random.chance(35) ? erase_at(i, few) : put_at(i, few, std::to_string(i)));
      }
      std::vector<Sequence> snapshots;
      for (Sequence i = 0; i <= 42; ++i)
        if (random.chance(static_cast<unsigned>(seed % 20))) snapshots.push_back(i);
      REQUIRE(check_against_readers(all, snapshots));
    }
  }
}
