// memtable_tree_test.cpp: the library's memtable beside its writer: a reader is stopped at each
// step at which it looks at what is shared, and the writer at each at which it changes it.
#include "../support/turns.hpp"

#include <lsmith/memtable.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace memtable_tree_test {

using namespace lsmith;
using testing::with_turn;

// Every fourth number, in an order without a pattern; there is room for others between them.
std::string key_of(int i, int offset = 0) {
  const int number = 10000 + 4 * (i * 37 % 233) + offset;
  return "key" + std::to_string(number);
}

class Writer {
 public:
  explicit Writer(int count) {
    for (int i = 0; i < count; ++i)
      add(key_of(i));
  }
  void add(const std::string& key) {
    memtable_.add(make_tag(++sequence_, Kind::put), key, key);
    keys_.push_back(key);
  }
  const std::vector<std::string>& keys() const { return keys_; }
  const Memtable& memtable() const { return memtable_; }

  // What a reader does not find that is one of the first `count` keys; empty: nothing.
  std::string missing(std::size_t count) const {
    for (std::size_t i = 0; i < count; ++i)
      if (!memtable_.get(Target::of(keys_[i]))) return "get(" + keys_[i] + ")";
    for (const bool is_forward : {true, false})
      if (walk(count, is_forward) != count) return is_forward ? "a walk" : "a walk backwards";
    return "";
  }

 private:
  // How many of the first `count` entries a walk meets.
  std::size_t walk(std::size_t count, bool is_forward) const {
    std::size_t met = 0;
    MemtableCursor cursor = memtable_.cursor();
    is_forward ? cursor.seek_to_first() : cursor.seek_to_last();
    while (cursor.is_valid()) {
      if (sequence_of(cursor.tag()) <= count) ++met;
      is_forward ? cursor.next() : cursor.prev();
    }
    return met;
  }

  Memtable memtable_;
  Sequence sequence_ = 0;
  std::vector<std::string> keys_;
};

TEST_SUITE("memtable tree") {
  TEST_CASE("a reader finds what was there when it began, wherever the writer gets its turn") {
    constexpr int there = 150;  // three levels
    for (int wanted = 0; wanted < there; ++wanted) {
      bool is_over = false;
      for (int n = 1; !is_over; ++n) {
        Writer writer(there);
        bool is_found = false, is_before = false;
        is_over = !with_turn(
            lsmith::detail::before_step, n,
            [&] {
              is_found = writer.memtable().get(Target::of(key_of(wanted))).has_value();
              MemtableCursor cursor = writer.memtable().cursor();
              cursor.seek(key_of(wanted, 1), tag_newest);
              const std::string landed(cursor.is_valid() ? cursor.key() : "l");
              cursor.is_valid() ? cursor.prev() : cursor.seek_to_last();
              is_before = cursor.key() >= key_of(wanted) && cursor.key() < landed;
            },
            [&] {  // splits every leaf
              for (int i = 0; i < there; ++i)
                for (const int offset : {-1, 1, 2})
                  writer.add(key_of(i, offset));
            });
        CAPTURE(n);
        CAPTURE(wanted);
        REQUIRE(is_found);
        REQUIRE(is_before);
      }
    }
  }

  TEST_CASE("in the middle of an insertion readers find all that was there before") {
    // Until leaves and inner nodes have been split in every way, the root too.
    for (int there = 10; there < 230; there += 3) {
      bool is_over = false;
      for (int n = 1; !is_over; ++n) {
        Writer writer(there);
        std::string missing;
        is_over = !with_turn(
            lsmith::detail::before_step, n, [&] { writer.add(key_of(there)); },
            [&] { missing = writer.missing(static_cast<std::size_t>(there)); });
        CAPTURE(n);
        CAPTURE(there);
        REQUIRE(missing == "");
      }
    }
  }

  TEST_CASE("a cursor in a leaf that is split meanwhile goes on to what was put behind it") {
    for (const bool is_forward : {true, false}) {
      Writer writer(150);
      MemtableCursor cursor = writer.memtable().cursor();
      cursor.seek(key_of(75), tag_newest);
      REQUIRE(cursor.is_valid());
      for (int i = 0; i < 150; ++i)
        for (const int offset : {-1, 1})
          writer.add(key_of(i, offset));
      is_forward ? cursor.next() : cursor.prev();
      REQUIRE(cursor.is_valid());
      CHECK(cursor.key() == key_of(75, is_forward ? 1 : -1));
    }
  }

  TEST_CASE("keys in order leave full leaves, and any mixture of orders is sound") {
    Memtable ascending, descending, mixed;
    for (int i = 0; i < 5000; ++i) {
      const auto tag = make_tag(static_cast<Sequence>(i) + 1, Kind::put);
      ascending.add(tag, "key" + std::to_string(10000 + i), "");
      descending.add(tag, "key" + std::to_string(20000 - i), "");
      mixed.add(tag, "key" + std::to_string(i % 2 == 0 ? i : 9999 - i) + std::string(i % 5, '\0'),
                "");
    }
    for (const Memtable* memtable : {&ascending, &descending, &mixed})
      CHECK(memtable->check() == std::vector<std::string>{});
    CHECK(ascending.memory_bytes() < descending.memory_bytes());
  }

  // Where others are before, the leaf that splits is often its parent's first.
  TEST_CASE("keys that descend towards others leave no chain of split leaves behind") {
    for (int others = 0; others < 260; ++others) {
      Memtable memtable;
      for (int i = 0; i < others + 300; ++i) {
        const int key = i < others ? i : 1000 - i;
        memtable.add(make_tag(static_cast<Sequence>(i) + 1, Kind::put),
                     "key" + std::to_string(10000 + key), "");
      }
      CHECK(memtable.check() == std::vector<std::string>{});
    }
  }

  TEST_CASE("a version among many is found, from the newest and from the oldest") {
    constexpr Sequence count = 3000;
    Memtable memtable;
    for (Sequence i = 1; i <= count; ++i)  // some of them late
      memtable.add(make_tag(i % 10 == 5 ? i + 1 : i % 10 == 6 ? i - 1 : i, Kind::put), "k", "v");
    CHECK(memtable.check() == std::vector<std::string>{});
    MemtableCursor cursor = memtable.cursor();
    cursor.seek_to_last();
    for (Sequence i = 1; i <= count; ++i) {
      REQUIRE(sequence_of(memtable.get(Target::of("k", i))->tag) == i);
      REQUIRE(sequence_of(cursor.tag()) == i);
      cursor.prev();
    }
    CHECK_FALSE(cursor.is_valid());
  }
}

}  // namespace memtable_tree_test
