// table_format_test.cpp: handles, trailers, footer and properties say what they were given, and
// nothing that was damaged is believed.
#include <lsmith/table_format.hpp>

#include "../support/random.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

using namespace lsmith;
using lsmith::testing::Random;

namespace {

constexpr std::uint64_t id = 0x0102030405060708;

TableProperties some_properties() {
  TableProperties properties;
  properties.meta.entries = 5;
  properties.meta.erases = 2;
  properties.meta.first_sequence = 3;
  properties.meta.last_sequence = sequence_max;
  properties.meta.first_key = std::string("a\0b", 3);
  properties.meta.first_tag = make_tag(sequence_max, Kind::erase);
  properties.meta.last_key = std::string(key_bytes_max, '\xff');
  properties.meta.last_tag = make_tag(3, Kind::put);
  properties.filter = {1000, 72};
  properties.data_blocks = 2;
  properties.data_bytes = 1000;
  properties.key_bytes = 70000;
  properties.value_bytes = std::uint64_t{1} << 40;
  return properties;
}

// A properties block made of what stands in `properties`, one entry replaced, added or (value "-")
// left out.
std::string with_property(std::string_view name, std::string_view value) {
  const std::string body = encode_properties(some_properties());
  std::vector<std::pair<std::string, std::string>> entries;
  const Result<Block> block = Block::open(body);
  BlockCursor cursor = block->cursor();
  for (cursor.seek_to_first(); cursor.is_valid(); cursor.next()) {
    if (cursor.key() != name) entries.emplace_back(cursor.key(), cursor.value());
  }
  if (value != "-") entries.emplace_back(name, value);
  std::sort(entries.begin(), entries.end());
  BlockBuilder builder;
  for (const auto& [key, bytes] : entries)
    builder.add(key, 1, bytes);
  return builder.finish();
}

Code code_of(std::string_view name, std::string_view value) {
  return decode_properties(with_property(name, value)).status().code();
}

// The footer with one byte changed and its checksum made right again.
Code footer_code(std::size_t at, char byte) {
  std::string bytes = encode_footer({{0, 50}, {60, 70}, id, 1000});
  bytes[at] = byte;
  store_fixed32(bytes.data() + 52, mask_crc(crc32c(bytes.substr(0, 52))));
  return decode_footer(bytes, 1000).status().code();
}

}  // namespace

TEST_SUITE_BEGIN("table_format");

TEST_CASE("a handle survives its encoding, and only its own") {
  for (const BlockHandle handle : {BlockHandle{0, 0}, BlockHandle{127, 128},
                                   BlockHandle{~std::uint64_t{0}, ~std::uint32_t{0}}}) {
    const std::string bytes = encode_handle(handle);
    CHECK(*decode_handle(bytes) == handle);
    CHECK(!decode_handle(bytes + '\0').ok());
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      CHECK(decode_handle(bytes.substr(0, size)).status().code() == Code::corruption);
    }
  }
}

TEST_CASE("a block passes only whole, in its place, in its table") {
  const std::string body = "any bytes";
  const std::string bytes = body + encode_block_trailer(id, 4096, body);
  REQUIRE(bytes.size() == body.size() + block_trailer_bytes);
  CHECK(check_block(id, 4096, bytes).ok());
  CHECK(check_block(id + 1, 4096, bytes).code() == Code::corruption);
  CHECK(check_block(id, 4097, bytes).code() == Code::corruption);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CHECK(check_block(id, 4096, std::string_view(bytes).substr(0, size)).code() ==
          Code::corruption);
  }
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    CHECK(check_block(id, 4096, flipped).code() == Code::corruption);
  }
}

TEST_CASE("a block of an unknown type is not supported, once its checksum is right") {
  std::string bytes = "any bytes";
  bytes += '\1';  // LZ4, which is reserved
  char place[16];
  store_fixed64(place, id);
  store_fixed64(place + 8, 4096);
  put_fixed32(bytes, mask_crc(crc32c(bytes, crc32c({place, 16}))));
  CHECK(check_block(id, 4096, bytes).code() == Code::not_supported);
}

TEST_CASE("a footer survives its encoding") {
  const Footer footer{{0, 50}, {60, 70}, id, 1000};
  const std::string bytes = encode_footer(footer);
  REQUIRE(bytes.size() == footer_bytes);
  const Result<Footer> decoded = decode_footer(bytes, 1000);
  REQUIRE_MESSAGE(decoded.ok(), decoded.status().to_string());
  CHECK(decoded->index == footer.index);
  CHECK(decoded->properties == footer.properties);
  CHECK(decoded->table_id == id);
  CHECK(decoded->file_bytes == 1000);
}

TEST_CASE("a damaged footer says what is wrong with it") {
  const std::string bytes = encode_footer({{0, 50}, {60, 70}, id, 1000});
  CHECK(decode_footer(bytes.substr(1), 1000).status().message().find("not a table") == 0);
  CHECK(decode_footer(std::string(64, '\0'), 1000).status().message().find("not a table") == 0);
  CHECK(decode_footer(bytes, 1001).status().message().find("truncated") == 0);
  for (std::size_t bit = 0; bit < footer_bytes * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    CHECK(decode_footer(flipped, 1000).status().code() == Code::corruption);
  }
}

TEST_CASE("what a newer version may have put into a footer is not supported") {
  CHECK(footer_code(40, 1) == Code::ok);
  CHECK(footer_code(40, 2) == Code::not_supported);
  CHECK(footer_code(40, 0) == Code::corruption);
  CHECK(footer_code(42, 2) == Code::not_supported);
  for (std::size_t at = 43; at < 52; ++at)
    CHECK(footer_code(at, 1) == Code::not_supported);
}

TEST_CASE("a handle of the footer that reaches beyond the file is corruption, however large") {
  const std::uint64_t room = 1000 - footer_bytes - block_trailer_bytes;
  const std::uint32_t size_max = ~std::uint32_t{0};
  const auto code = [](BlockHandle handle) {
    const Footer good{{0, 1}, {0, 1}, id, 1000};
    Footer index = good, properties = good;
    index.index = properties.properties = handle;
    const Code code = decode_footer(encode_footer(index), 1000).status().code();
    CHECK(decode_footer(encode_footer(properties), 1000).status().code() == code);
    return code;
  };
  CHECK(code({room - 50, 50}) == Code::ok);
  CHECK(code({room - 50, 51}) == Code::corruption);
  CHECK(code({~std::uint64_t{0}, 1}) == Code::corruption);
  CHECK(code({~std::uint64_t{0}, size_max}) == Code::corruption);
  CHECK(code({0, size_max}) == Code::corruption);
  CHECK(decode_footer(encode_footer({{0, 0}, {0, 0}, id, 64}), 64).status().code() ==
        Code::corruption);
}

TEST_CASE("properties survive their encoding") {
  for (const bool has_filter : {false, true}) {
    TableProperties properties = some_properties();
    if (!has_filter) properties.filter = {};
    const Result<TableProperties> decoded = decode_properties(encode_properties(properties));
    REQUIRE_MESSAGE(decoded.ok(), decoded.status().to_string());
    CHECK(decoded->meta == properties.meta);
    CHECK(decoded->filter == properties.filter);
    CHECK(decoded->data_blocks == properties.data_blocks);
    CHECK(decoded->data_bytes == properties.data_bytes);
    CHECK(decoded->key_bytes == properties.key_bytes);
    CHECK(decoded->value_bytes == properties.value_bytes);
  }
}

TEST_CASE("unknown properties are skipped, unless they say that they must not be") {
  CHECK(code_of("name.anything", "x") == Code::ok);
  CHECK(code_of("zzz", "") == Code::ok);
  CHECK(code_of("!block.dictionary", "x") == Code::not_supported);
}

TEST_CASE("properties that lack something, or contradict themselves, are corruption") {
  for (const char* name :
       {"count.blocks", "count.entries", "count.erases", "key.first", "key.last", "sequence.first",
        "sequence.last", "size.data", "size.keys", "size.values"}) {
    INFO(name);
    CHECK(code_of(name, "-") == Code::corruption);
    CHECK(code_of(name, "") == Code::corruption);
  }
  CHECK(code_of("block.filter", "-") == Code::ok);
  CHECK(code_of("block.filter", "x") == Code::corruption);
  CHECK(code_of("count.entries", std::string(1, '\0')) == Code::corruption);
  CHECK(code_of("count.erases", "\x06") == Code::corruption);
  CHECK(code_of("count.blocks", "\x06") == Code::corruption);
  CHECK(code_of("sequence.last", "\x02") == Code::corruption);
  CHECK(code_of("key.last", std::string(8, '\0')) == Code::corruption);  // the empty key, after "a"
  CHECK(code_of("key.last", std::string(key_bytes_max + 9, 'x')) == Code::corruption);
}

TEST_CASE("random bytes in the place of properties are refused, not believed") {
  Random random(2);
  const std::string good = encode_properties(some_properties());
  for (std::size_t size = 0; size < 600; ++size) {
    CHECK(!decode_properties(good.substr(0, size)).ok());
    std::string bytes = good;
    bytes[random.below(600)] = static_cast<char>(random.next());
    decode_properties(bytes).status().ignore();  // no checksum here: it need only stay in bounds
  }
}

TEST_CASE("a meta knows which user keys it covers") {
  TableMeta meta;
  meta.first_key = "b";
  meta.last_key = "d";
  CHECK(meta.covers("b"));
  CHECK(meta.covers("c"));
  CHECK(meta.covers("d"));
  CHECK(!meta.covers("a"));
  CHECK(!meta.covers(std::string_view("d\0", 2)));
  CHECK(meta.overlaps("a", "b"));
  CHECK(meta.overlaps("d", "e"));
  CHECK(meta.overlaps("c", "c"));
  CHECK(meta.overlaps("a", "e"));
  CHECK(!meta.overlaps("a", "az"));
  CHECK(!meta.overlaps("da", "e"));
}

TEST_SUITE_END();
