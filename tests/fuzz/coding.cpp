// coding.cpp: fuzzes ByteReader and the checksum. What is read encodes to the bytes that were
// taken, what is refused takes nothing and is no value's encoding.
#include <lsmith/coding.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "fuzz.hpp"

namespace lsmith::fuzz {
namespace {

// A varint is what some number encodes to: gathers a number, however long the form, and compares.
bool begins_with_varint(std::string_view bytes, std::uint64_t largest) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes.size() && i < 10; ++i) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    value |= std::uint64_t{byte & 0x7fu} << (7 * i);
    if (byte >= 0x80) continue;
    std::string encoded;
    put_varint64(encoded, value);
    return encoded == bytes.substr(0, i + 1) && value <= largest;
  }
  return false;
}

// `read` takes a value off a reader, `put` appends one, `is_there` says what must be taken.
template <class Read, class Put>
bool step(ByteReader& reader, bool is_there, Read read, Put put) {
  const std::string_view before = reader.rest();
  const std::size_t offset = reader.offset();
  const auto value = read();
  require(value.has_value() == is_there, "a reader takes what is there, and nothing else");
  if (!value) {
    require(reader.offset() == offset, "what is refused is not taken");
    return false;
  }
  std::string encoded;
  put(encoded, *value);
  require(encoded == before.substr(0, reader.offset() - offset), "a value encodes to its bytes");
  require(reader.rest() == before.substr(encoded.size()), "the rest is what was not taken");
  return true;
}

bool is_length_prefixed(std::string_view bytes) {
  ByteReader reader(bytes);
  const auto size = reader.varint32();
  return size && *size <= reader.rest().size();
}

bool read_any(ByteReader& reader, std::uint8_t kind) {
  const std::string_view rest = reader.rest();
  switch (kind % 7) {
    case 0:
      return step(
          reader, !rest.empty(), [&] { return reader.fixed8(); },
          [](std::string& out, std::uint8_t value) { out.push_back(static_cast<char>(value)); });
    case 1:
      return step(
          reader, rest.size() >= 2, [&] { return reader.fixed16(); }, put_fixed16);
    case 2:
      return step(
          reader, rest.size() >= 4, [&] { return reader.fixed32(); }, put_fixed32);
    case 3:
      return step(
          reader, rest.size() >= 8, [&] { return reader.fixed64(); }, put_fixed64);
    case 4:
      return step(
          reader, begins_with_varint(rest, std::numeric_limits<std::uint32_t>::max()),
          [&] { return reader.varint32(); }, put_varint32);
    case 5:
      return step(
          reader, begins_with_varint(rest, std::numeric_limits<std::uint64_t>::max()),
          [&] { return reader.varint64(); }, put_varint64);
    default:
      return step(
          reader, is_length_prefixed(rest), [&] { return reader.bytes(); }, put_bytes);
  }
}

void check_number(std::uint64_t value) {
  std::string encoded;
  put_varint64(encoded, value);
  require(encoded.size() == varint_size(value), "varint_size() is the size");
  ByteReader reader(encoded);
  require(reader.varint64() == value && reader.is_empty(), "a varint reads back");
}

std::uint32_t plain_crc(std::string_view bytes) {
  std::uint32_t crc = ~0u;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit)
      crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82f63b78u : 0);
  }
  return ~crc;
}

void check_checksum(std::string_view bytes, std::size_t cut) {
  const std::uint32_t crc = crc32c(bytes);
  cut = std::min(cut, bytes.size());
  require(crc == plain_crc(bytes), "the checksum is CRC-32C");
  require(crc == crc32c(bytes.substr(cut), crc32c(bytes.substr(0, cut))), "it goes on");
  require(unmask_crc(mask_crc(crc)) == crc, "a mask comes off");
}

}  // namespace

// The first eight bytes say what is read, over and over.
void fuzz_coding(std::string_view input) {
  Source source(input);
  const std::uint64_t kinds = source.number(8);
  check_number(kinds);
  check_checksum(source.rest(), static_cast<std::size_t>(kinds & 0xff));
  ByteReader reader(source.rest());
  for (unsigned i = 0; !reader.is_empty(); ++i) {
    const auto kind = static_cast<std::uint8_t>(kinds >> (8 * (i % 8)));
    if (!read_any(reader, kind) && !reader.raw(1)) return;
  }
}

}  // namespace lsmith::fuzz

LSMITH_FUZZ_TARGET(lsmith::fuzz::fuzz_coding)
