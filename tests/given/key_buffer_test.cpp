// key_buffer_test.cpp: keys that are copied and compared eight bytes at a time.
#include "../support/random.hpp"

#include <lsmith/key_buffer.hpp>

#include <doctest/doctest.h>

#include <string>
#include <utility>

using namespace lsmith;

TEST_SUITE("key_buffer") {
  TEST_CASE("a key of any size is copied whole, whatever was held before") {
    testing::Random random(1);
    KeyBuffer buffer;
    CHECK(buffer.view().empty());
    for (int step = 0; step < 3000; ++step) {
      const std::string key = random.bytes(random.below(random.chance(50) ? 50 : 300));
      buffer.assign(key);
      CHECK(buffer.view() == key);
    }
  }

  TEST_CASE("a buffer that is moved takes its key along") {
    testing::Random random(4);
    for (std::size_t size = 0; size < 200; ++size) {
      const std::string key = random.bytes(size);
      KeyBuffer buffer;
      buffer.assign(key);
      const KeyBuffer moved = std::exchange(buffer, KeyBuffer());
      CHECK(moved.view() == key);
      CHECK(buffer.view().empty());
    }
  }

  TEST_CASE("a buffer that was moved from has room for what it is given next") {
    KeyBuffer buffer;
    buffer.assign(std::string(100, 'a'));
    KeyBuffer moved = std::move(buffer);
    buffer.assign(std::string(90, 'b'));  // NOLINT(bugprone-use-after-move): that is the question
    const char* const end = reinterpret_cast<const char*>(&buffer) + sizeof buffer;
    const bool lies_inside = buffer.view().data() >= reinterpret_cast<const char*>(&buffer) &&
                             buffer.view().data() < end;
    CHECK(!lies_inside);
    CHECK(buffer.view() == std::string(90, 'b'));
    CHECK(moved.view() == std::string(100, 'a'));
  }

  TEST_CASE("keys of up to 48 bytes lie in the buffer itself, others where the longest did") {
    KeyBuffer buffer;
    const char* const begin = reinterpret_cast<const char*>(&buffer);
    const char* const end = begin + sizeof buffer;
    for (std::size_t size = 0; size <= 48; ++size) {
      buffer.assign(std::string(size, 'k'));
      CHECK(buffer.view().data() >= begin);
      CHECK(buffer.view().data() < end);
    }
    buffer.assign(std::string(100, 'k'));
    const char* const place = buffer.view().data();
    for (std::size_t size = 0; size <= 100; ++size) {
      buffer.assign(std::string(size, 'k'));
      CHECK(buffer.view().data() == place);
    }
  }

  TEST_CASE("keys that grow byte by byte find a new place seldom") {
    KeyBuffer buffer;
    const char* place = nullptr;
    int places = 0;
    for (std::size_t size = 49; size <= 1000; ++size) {
      buffer.assign(std::string(size, 'k'));
      places += std::exchange(place, buffer.view().data()) != place ? 1 : 0;
    }
    CHECK(places == 5);  // of 96, 192, 384, 768 and 1536 bytes
  }

  TEST_CASE("a part of what is held may be assigned") {
    testing::Random random(2);
    for (std::size_t size = 0; size < 70; ++size) {
      for (std::size_t from = 0; from <= size; ++from) {
        const std::string key = random.bytes(size);
        KeyBuffer buffer;
        buffer.assign(key);
        buffer.assign(buffer.view().substr(from));
        CHECK(buffer.view() == key.substr(from));
      }
    }
  }

  TEST_CASE("keys are the same when no byte and no size differs") {
    testing::Random random(3);
    for (std::size_t size = 0; size < 70; ++size) {
      const std::string key = random.bytes(size);
      CHECK(is_same_key(key, std::string(key)));
      CHECK_FALSE(is_same_key(key, key + '\0'));
      CHECK_FALSE(is_same_key(key + '\0', key));
      for (std::size_t at = 0; at < size; ++at) {
        std::string other = key;
        other[at] = static_cast<char>(other[at] ^ 1);
        CHECK_FALSE(is_same_key(key, other));
      }
    }
  }
}
