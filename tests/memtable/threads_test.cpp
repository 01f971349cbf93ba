// threads_test.cpp: one writer, three readers: whatever can be reached is whole and in order. For
// the thread sanitizer; without it the chances of seeing a wrong memory order are small.
#include "../support/random.hpp"

#include <lsmith/memtable.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace lsmith;

// Key and value of the entry with this sequence number; the value repeats the key.
std::string key_of(Sequence sequence) {
  return std::to_string(sequence * 7919 % 10007);
}
std::string value_of(Sequence sequence) {
  return key_of(sequence) + "=" + std::to_string(sequence);
}

bool is_whole(std::string_view key, std::uint64_t tag, std::string_view value) {
  const Sequence sequence = sequence_of(tag);
  return kind_of(tag) == Kind::put && key == key_of(sequence) && value == value_of(sequence);
}

// Gets a few published entries, then walks 30 entries forwards and 10 back. Returns what was wrong.
int read_some(const Memtable& memtable, Sequence published, lsmith::testing::Random& random) {
  int wrong = 0;
  for (int i = 0; i < 5 && published > 0; ++i) {
    const Sequence sequence = 1 + random.below(published);
    const auto found = memtable.get(Target::of(key_of(sequence), sequence));
    if (!found || sequence_of(found->tag) != sequence) ++wrong;
    if (found && !is_whole(found->key, found->tag, found->value)) ++wrong;
  }
  if (memtable.entry_count() < published || memtable.memory_bytes() < published) ++wrong;
  MemtableCursor cursor = memtable.cursor();
  cursor.seek(key_of(1 + random.below(10000)), tag_newest);
  std::string before;
  std::uint64_t tag_before = tag_newest;
  for (int i = 0; i < 40 && cursor.is_valid(); ++i) {
    if (!is_whole(cursor.key(), cursor.tag(), cursor.value())) ++wrong;
    const auto order = compare(before, tag_before, cursor.key(), cursor.tag());
    if (i > 30 ? order <= 0 : order >= 0) ++wrong;
    before = cursor.key();
    tag_before = cursor.tag();
    i < 30 ? cursor.next() : cursor.prev();
  }
  return wrong;
}

// Walks all of it, in one direction or the other: how many of the first `published` entries it met.
Sequence count_published(const Memtable& memtable, Sequence published, bool is_forward) {
  Sequence count = 0;
  MemtableCursor cursor = memtable.cursor();
  is_forward ? cursor.seek_to_first() : cursor.seek_to_last();
  while (cursor.is_valid()) {
    if (sequence_of(cursor.tag()) <= published) ++count;
    is_forward ? cursor.next() : cursor.prev();
  }
  return count;
}

}  // namespace

TEST_SUITE_BEGIN("memtable");

TEST_CASE("readers beside the writer see whole entries, in order, and all that were published") {
  constexpr Sequence writes = 20000;
  Memtable memtable;
  std::atomic<Sequence> published{0};
  std::atomic<int> wrong{0};
  std::vector<std::thread> readers;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    readers.emplace_back([&, seed] {
      lsmith::testing::Random random(seed);
      for (Sequence seen = 0; seen < writes;) {
        seen = published.load(std::memory_order_acquire);  // pairs with the writer's release
        wrong += read_some(memtable, seen, random);
      }
    });
  }
  for (Sequence sequence = 1; sequence <= writes; ++sequence) {
    memtable.add(make_tag(sequence, Kind::put), key_of(sequence), value_of(sequence));
    published.store(sequence, std::memory_order_release);  // pairs with the readers' acquire
  }
  for (std::thread& reader : readers)
    reader.join();
  CHECK(wrong == 0);
  CHECK(memtable.entry_count() == writes);
  CHECK(memtable.check().empty());
}

// An entry that can be reached before it knows what follows it cuts the list off for a moment. Here
// every reader passes through the newest entry, so it would be met in that moment.
TEST_CASE("an entry added at the front never hides those behind it") {
  constexpr Sequence writes = 20000;
  Memtable memtable;
  for (Sequence sequence = 1; sequence <= 10; ++sequence)
    memtable.add(make_tag(sequence, Kind::put), "k", "v");
  std::atomic<bool> is_over{false};
  std::atomic<int> hidden{0};
  std::vector<std::thread> readers;
  for (int reader = 0; reader < 3; ++reader) {
    readers.emplace_back([&] {
      MemtableCursor cursor = memtable.cursor();
      while (!is_over.load(std::memory_order_relaxed)) {  // a flag: it orders nothing
        int seen = 0;
        for (cursor.seek_to_first(); cursor.is_valid() && seen < 10; cursor.next())
          ++seen;
        if (seen < 10) ++hidden;
      }
    });
  }
  for (Sequence sequence = 11; sequence <= writes; ++sequence)
    memtable.add(make_tag(sequence, Kind::put), "k", "v");
  is_over.store(true, std::memory_order_relaxed);
  for (std::thread& reader : readers)
    reader.join();
  CHECK(hidden == 0);
}

TEST_CASE("a walk beside the writer meets all that was there when it began, each once") {
  constexpr Sequence writes = 30000;
  Memtable memtable;
  std::atomic<Sequence> published{0};
  std::atomic<int> wrong{0};
  std::vector<std::thread> readers;
  for (const bool is_forward : {true, false}) {
    readers.emplace_back([&, is_forward] {
      for (Sequence seen = 0; seen < writes;) {
        seen = published.load(std::memory_order_acquire);  // pairs with the writer's release
        if (count_published(memtable, seen, is_forward) != seen) ++wrong;
      }
    });
  }
  for (Sequence sequence = 1; sequence <= writes; ++sequence) {
    memtable.add(make_tag(sequence, Kind::put), key_of(sequence), value_of(sequence));
    published.store(sequence, std::memory_order_release);  // pairs with the readers' acquire
  }
  for (std::thread& reader : readers)
    reader.join();
  CHECK(wrong.load() == 0);
}

TEST_SUITE_END();
