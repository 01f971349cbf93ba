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
    for (int round = 0; round < 3; ++round) {
      for (std::size_t size = 0; size < 200; ++size) {
        const std::string key = random.bytes(size);
        buffer.assign(key);
        CHECK(buffer.view() == key);
        const KeyBuffer moved = std::exchange(buffer, KeyBuffer());
        CHECK(moved.view() == key);
      }
    }
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
