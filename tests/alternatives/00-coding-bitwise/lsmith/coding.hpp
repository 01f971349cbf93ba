// coding.hpp: integers and byte strings as bytes, and the checksum over them.
//
// Different from the textbook: wide integers are made of two halves each, varints are written and
// read by recursion, and the reader holds what is left, not an offset; whoever may fail halfway
// works on a copy of it. The checksum is the long division as it stands on paper: one bit at a
// time, with the polynomial in its usual order, and turned round only at the end.
#pragma once

#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>

namespace lsmith {

/// Stores `value` at `to` in little-endian order, whatever this machine's order is.
void store_fixed16(char* to, std::uint16_t value);
/// Stores 4 bytes.
void store_fixed32(char* to, std::uint32_t value);
/// Stores 8 bytes.
void store_fixed64(char* to, std::uint64_t value);
/// The inverse of store_fixed16; reads exactly 2 bytes, at any alignment.
std::uint16_t load_fixed16(const char* from);
/// Reads exactly 4 bytes.
std::uint32_t load_fixed32(const char* from);
/// Reads exactly 8 bytes.
std::uint64_t load_fixed64(const char* from);

/// Appends `value` to `out` as 2 bytes.
void put_fixed16(std::string& out, std::uint16_t value);
/// Appends 4 bytes.
void put_fixed32(std::string& out, std::uint32_t value);
/// Appends 8 bytes.
void put_fixed64(std::string& out, std::uint64_t value);
/// Appends 1 to 5 bytes: seven bits a byte, low bits first, the high bit set on all but the last.
void put_varint32(std::string& out, std::uint32_t value);
/// Appends 1 to 10 bytes.
void put_varint64(std::string& out, std::uint64_t value);
/// Appends the size as varint32, then the bytes. Requires size < 2^32.
void put_bytes(std::string& out, std::string_view bytes);
/// How many bytes put_varint64 appends for `value`.
std::size_t varint_size(std::uint64_t value);

/// Takes values from the front of bytes that nobody vouches for. Each read either takes a whole,
/// canonical value, or returns nothing and takes nothing. Borrows the bytes; what bytes() returns
/// lives as long as they do. One thread at a time.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes);

  std::optional<std::uint8_t> fixed8();
  std::optional<std::uint16_t> fixed16();
  std::optional<std::uint32_t> fixed32();
  std::optional<std::uint64_t> fixed64();
  /// Nothing when cut short, above 32 bits, or longer than its shortest form.
  std::optional<std::uint32_t> varint32();
  /// Nothing when cut short, above 64 bits, or longer than its shortest form.
  std::optional<std::uint64_t> varint64();
  /// The inverse of put_bytes; a size that exceeds what is left is refused before it is used.
  std::optional<std::string_view> bytes();
  /// Exactly `size` raw bytes.
  std::optional<std::string_view> raw(std::size_t size);

  /// What has not been taken yet.
  std::string_view rest() const;
  /// How many bytes have been taken: where an error message points.
  std::size_t offset() const;
  bool is_empty() const;

 private:
  template <class Integer>
  std::optional<Integer> fixed();
  std::optional<std::uint64_t> varint(std::uint64_t limit);

  std::string_view rest_;
  std::size_t taken_ = 0;
};

/// CRC-32C (Castagnoli) of `bytes`. `before` is the checksum of what precedes them, so that
/// crc32c(b, crc32c(a)) is the checksum of a followed by b.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t before = 0);
/// The form in which a checksum is stored.
std::uint32_t mask_crc(std::uint32_t crc);
/// The inverse of mask_crc.
std::uint32_t unmask_crc(std::uint32_t masked);

inline void store_fixed16(char* to, std::uint16_t value) {
  to[0] = static_cast<char>(value & 0xff);
  to[1] = static_cast<char>(value >> 8);
}

inline void store_fixed32(char* to, std::uint32_t value) {
  store_fixed16(to, static_cast<std::uint16_t>(value & 0xffff));
  store_fixed16(to + 2, static_cast<std::uint16_t>(value >> 16));
}

inline void store_fixed64(char* to, std::uint64_t value) {
  store_fixed32(to, static_cast<std::uint32_t>(value & 0xffffffff));
  store_fixed32(to + 4, static_cast<std::uint32_t>(value >> 32));
}

inline std::uint16_t load_fixed16(const char* from) {
  const auto low = static_cast<unsigned char>(from[0]);
  const auto high = static_cast<unsigned char>(from[1]);
  return static_cast<std::uint16_t>(low + 256 * high);
}

inline std::uint32_t load_fixed32(const char* from) {
  return load_fixed16(from) + std::uint32_t{load_fixed16(from + 2)} * 0x10000;
}

inline std::uint64_t load_fixed64(const char* from) {
  return load_fixed32(from) + std::uint64_t{load_fixed32(from + 4)} * 0x100000000;
}

inline void put_fixed16(std::string& out, std::uint16_t value) {
  out.resize(out.size() + 2);
  store_fixed16(&out[out.size() - 2], value);
}

inline void put_fixed32(std::string& out, std::uint32_t value) {
  out.resize(out.size() + 4);
  store_fixed32(&out[out.size() - 4], value);
}

inline void put_fixed64(std::string& out, std::uint64_t value) {
  out.resize(out.size() + 8);
  store_fixed64(&out[out.size() - 8], value);
}

inline void put_varint32(std::string& out, std::uint32_t value) {
  put_varint64(out, value);
}

// The low seven bits, then the varint of what is above them.
inline void put_varint64(std::string& out, std::uint64_t value) {
  if (value < 0x80) return out.push_back(static_cast<char>(value));
  out.push_back(static_cast<char>(value % 0x80 + 0x80));
  put_varint64(out, value / 0x80);
}

inline void put_bytes(std::string& out, std::string_view bytes) {
  assert(bytes.size() <= std::numeric_limits<std::uint32_t>::max());
  put_varint32(out, static_cast<std::uint32_t>(bytes.size()));
  out.append(bytes);
}

inline std::size_t varint_size(std::uint64_t value) {
  const auto bits = static_cast<std::size_t>(std::bit_width(value | 1));  // 0 has one digit, too
  return (bits + 6) / 7;
}

inline ByteReader::ByteReader(std::string_view bytes) : rest_(bytes) {}

inline std::optional<std::string_view> ByteReader::raw(std::size_t size) {
  if (size > rest_.size()) return std::nullopt;
  const std::string_view taken(rest_.data(), size);
  rest_.remove_prefix(size);
  taken_ += size;
  return taken;
}

// The last byte is the highest digit of a number to the base 256.
template <class Integer>
std::optional<Integer> ByteReader::fixed() {
  const std::optional<std::string_view> bytes = raw(sizeof(Integer));
  if (!bytes) return std::nullopt;
  const auto append = [](std::uint64_t above, char digit) {
    return above << 8 | static_cast<unsigned char>(digit);
  };
  return static_cast<Integer>(
      std::accumulate(bytes->rbegin(), bytes->rend(), std::uint64_t{0}, append));
}

inline std::optional<std::uint8_t> ByteReader::fixed8() {
  return fixed<std::uint8_t>();
}

inline std::optional<std::uint16_t> ByteReader::fixed16() {
  return fixed<std::uint16_t>();
}

inline std::optional<std::uint32_t> ByteReader::fixed32() {
  return fixed<std::uint32_t>();
}

inline std::optional<std::uint64_t> ByteReader::fixed64() {
  return fixed<std::uint64_t>();
}

inline std::optional<std::uint32_t> ByteReader::varint32() {
  return varint(std::numeric_limits<std::uint32_t>::max());
}

inline std::optional<std::uint64_t> ByteReader::varint64() {
  return varint(std::numeric_limits<std::uint64_t>::max());
}

// A varint is a byte below 0x80, or one from 0x80 on and the varint of what is above its seven
// bits. That is never 0, for then the first byte would have been enough; and it has a limit of its
// own, which is 0 after ten bytes at the latest. So the recursion ends, whatever the bytes are.
inline std::optional<std::uint64_t> ByteReader::varint(std::uint64_t limit) {
  ByteReader ahead = *this;
  const std::optional<std::uint8_t> byte = ahead.fixed8();
  if (!byte) return std::nullopt;
  std::uint64_t value = *byte % 0x80;
  if (value > limit) return std::nullopt;
  if (*byte >= 0x80) {
    const std::uint64_t limit_above = (limit - value) / 0x80;
    if (limit_above == 0) return std::nullopt;
    const std::optional<std::uint64_t> above = ahead.varint(limit_above);
    if (!above || *above == 0) return std::nullopt;
    value += 0x80 * *above;
  }
  *this = ahead;
  return value;
}

inline std::optional<std::string_view> ByteReader::bytes() {
  ByteReader ahead = *this;
  const std::optional<std::uint32_t> size = ahead.varint32();
  if (!size) return std::nullopt;
  const std::optional<std::string_view> taken = ahead.raw(*size);
  if (taken) *this = ahead;
  return taken;
}

inline std::string_view ByteReader::rest() const {
  return rest_;
}

inline std::size_t ByteReader::offset() const {
  return taken_;
}

inline bool ByteReader::is_empty() const {
  return rest_.empty();
}

// The same number with its lowest bit first.
inline std::uint32_t turn_round(std::uint32_t number) {
  std::uint32_t turned = 0;
  for (int bit = 0; bit < 32; ++bit)
    turned |= (number >> bit & 1) << (31 - bit);
  return turned;
}

// Castagnoli's polynomial without its highest term; the highest power that is left is on the left.
inline constexpr std::uint32_t castagnoli = 0x1edc6f41;

inline std::uint32_t crc32c(std::string_view bytes, std::uint32_t before) {
  std::uint32_t remainder = turn_round(~before);
  for (const char byte : bytes) {
    for (int bit = 0; bit < 8; ++bit) {  // the lowest one comes first
      const std::uint32_t next = static_cast<unsigned char>(byte) >> bit & 1u;
      const bool goes_in = (remainder >> 31 ^ next) != 0;
      remainder <<= 1;
      if (goes_in) remainder ^= castagnoli;
    }
  }
  return ~turn_round(remainder);
}

inline std::uint32_t mask_crc(std::uint32_t crc) {
  return std::rotr(crc, 15) + 0xa282ead8u;
}

inline std::uint32_t unmask_crc(std::uint32_t masked) {
  return std::rotl(masked - 0xa282ead8u, 15);
}

}  // namespace lsmith
