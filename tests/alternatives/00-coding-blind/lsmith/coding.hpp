// coding.hpp: integers and byte strings as bytes, and the checksum over them. Yours to write;
// book/00-coding.md explains.
//
// Goal: numbers and strings become bytes that every machine reads alike, and bytes become numbers
// and strings again, but only if they are beyond doubt.
//
//   fixed32(0x01020304)    04 03 02 01                  little-endian on every machine
//   varint32(300)          ac 02                        low bits first, high bit: more follows
//   bytes("abc")           03 61 62 63                  size as varint32, then the bytes
//
// Steps (each is checked by `labs/lab check 00`)
//   00.1  store_fixed32, load_fixed32, put_varint64, varint_size, put_bytes     about 10 minutes
//   00.2  ByteReader::raw, bytes, and its helpers fixed, varint                 about 25 minutes
//   00.3  crc32c, mask_crc, unmask_crc                                          about 20 minutes
//
// Given: whatever is the same again. The 16-bit integers show how the 32-bit ones go, the 64-bit
// ones are made of those; the readers of ByteReader that only differ in size call fixed() and
// varint(), which you write.
//
// Invariants
//  1. A value has one encoding. A varint with needless zero bytes at its end is refused.
//  2. A size is compared with what is left before it is used to read, to advance or to allocate.
//  3. Bytes are turned into numbers by shifting, as unsigned: neither the machine's byte order nor
//     the sign of its char can be seen in the result.
//
// The public declarations are the contract that the rest of the engine calls: leave them as they
// are. Everything below the `private:` is yours, and so are helpers, includes and bodies, those
// that are given too.
//
// Threads: the functions are thread-safe; a ByteReader belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
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
  std::optional<std::uint64_t> fixed(std::size_t size);
  std::optional<std::uint64_t> varint(std::uint64_t limit);

  std::string_view bytes_;
  std::size_t offset_ = 0;  // of the next byte to take; at most bytes_.size()
};

/// CRC-32C (Castagnoli) of `bytes`. `before` is the checksum of what precedes them, so that
/// crc32c(b, crc32c(a)) is the checksum of a followed by b.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t before = 0);
/// The form in which a checksum is stored.
std::uint32_t mask_crc(std::uint32_t crc);
/// The inverse of mask_crc.
std::uint32_t unmask_crc(std::uint32_t masked);

// Given: the pattern for the 32-bit integer below. The shift moves byte i to the low end, and the
// cast keeps that byte alone.
inline void store_fixed16(char* to, std::uint16_t value) {
  for (int i = 0; i < 2; ++i)
    to[i] = static_cast<char>(value >> (8 * i));
}

inline void store_fixed32(char* to, std::uint32_t value) {
  for (int i = 0; i < 4; ++i)
    to[i] = static_cast<char>(value >> (8 * i));
}

// Given: low half first, as low byte first.
inline void store_fixed64(char* to, std::uint64_t value) {
  store_fixed32(to, static_cast<std::uint32_t>(value));
  store_fixed32(to + 4, static_cast<std::uint32_t>(value >> 32));
}

// Given. A char may be negative: the byte 0xf8 would be -8, and spoil all the bits above it. Hence
// the first cast.
inline std::uint16_t load_fixed16(const char* from) {
  std::uint16_t value = 0;
  for (int i = 1; i >= 0; --i)
    value = static_cast<std::uint16_t>(value << 8 | static_cast<unsigned char>(from[i]));
  return value;
}

inline std::uint32_t load_fixed32(const char* from) {
  std::uint32_t value = 0;
  for (int i = 3; i >= 0; --i)
    value = value << 8 | static_cast<unsigned char>(from[i]);
  return value;
}

// Given.
inline std::uint64_t load_fixed64(const char* from) {
  const std::uint64_t high = load_fixed32(from + 4);
  return high << 32 | load_fixed32(from);
}

// Given, with the next two.
inline void put_fixed16(std::string& out, std::uint16_t value) {
  char bytes[2];
  store_fixed16(bytes, value);
  out.append(bytes, 2);
}

inline void put_fixed32(std::string& out, std::uint32_t value) {
  char bytes[4];
  store_fixed32(bytes, value);
  out.append(bytes, 4);
}

inline void put_fixed64(std::string& out, std::uint64_t value) {
  char bytes[8];
  store_fixed64(bytes, value);
  out.append(bytes, 8);
}

// Given: a small number has the same varint in both widths.
inline void put_varint32(std::string& out, std::uint32_t value) {
  put_varint64(out, value);
}

inline void put_varint64(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7)
    out.push_back(static_cast<char>((value & 0x7f) | 0x80));
  out.push_back(static_cast<char>(value));
}

inline void put_bytes(std::string& out, std::string_view bytes) {
  put_varint32(out, static_cast<std::uint32_t>(bytes.size()));
  out.append(bytes);
}

inline std::size_t varint_size(std::uint64_t value) {
  std::size_t size = 1;
  for (; value >= 0x80; value >>= 7)
    ++size;
  return size;
}

// Given.
inline ByteReader::ByteReader(std::string_view bytes) : bytes_(bytes) {}

// Given, to the end of varint64(): each asks for as much as its type holds.
inline std::optional<std::uint8_t> ByteReader::fixed8() {
  return fixed(1);
}

inline std::optional<std::uint16_t> ByteReader::fixed16() {
  return fixed(2);
}

inline std::optional<std::uint32_t> ByteReader::fixed32() {
  return fixed(4);
}

inline std::optional<std::uint64_t> ByteReader::fixed64() {
  return fixed(8);
}

inline std::optional<std::uint32_t> ByteReader::varint32() {
  return varint(std::numeric_limits<std::uint32_t>::max());
}

inline std::optional<std::uint64_t> ByteReader::varint64() {
  return varint(std::numeric_limits<std::uint64_t>::max());
}

inline std::optional<std::uint64_t> ByteReader::fixed(std::size_t size) {
  const std::optional<std::string_view> taken = raw(size);
  if (!taken) return std::nullopt;
  std::uint64_t value = 0;
  for (std::size_t i = size; i > 0; --i)
    value = value << 8 | static_cast<unsigned char>((*taken)[i - 1]);
  return value;
}

inline std::optional<std::uint64_t> ByteReader::varint(std::uint64_t limit) {
  std::uint64_t value = 0;
  std::size_t at = offset_;
  for (int shift = 0; shift < 64 && at < bytes_.size(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes_[at++]);
    const std::uint64_t group = byte & 0x7f;
    if (group > limit >> shift) return std::nullopt;  // it does not fit
    value |= group << shift;
    if ((byte & 0x80) != 0) continue;
    const bool is_shortest = byte != 0 || shift == 0;
    if (!is_shortest || value > limit) return std::nullopt;
    offset_ = at;
    return value;
  }
  return std::nullopt;
}

inline std::optional<std::string_view> ByteReader::bytes() {
  const std::size_t start = offset_;
  const std::optional<std::uint32_t> size = varint32();
  if (!size) return std::nullopt;
  const std::optional<std::string_view> taken = raw(*size);
  if (!taken) offset_ = start;
  return taken;
}

inline std::optional<std::string_view> ByteReader::raw(std::size_t size) {
  if (size > bytes_.size() - offset_) return std::nullopt;
  const std::string_view taken = bytes_.substr(offset_, size);
  offset_ += size;
  return taken;
}

// Given, with the next two.
inline std::string_view ByteReader::rest() const {
  return bytes_.substr(offset_);
}

inline std::size_t ByteReader::offset() const {
  return offset_;
}

inline bool ByteReader::is_empty() const {
  return offset_ == bytes_.size();
}

inline std::uint32_t crc32c(std::string_view bytes, std::uint32_t before) {
  constexpr std::uint32_t polynomial = 0x82f63b78;
  std::uint32_t remainder = ~before;
  for (const char byte : bytes) {
    remainder ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit)
      remainder = (remainder & 1) != 0 ? remainder >> 1 ^ polynomial : remainder >> 1;
  }
  return ~remainder;
}

inline constexpr std::uint32_t crc_mask_delta = 0xa282ead8;

inline std::uint32_t mask_crc(std::uint32_t crc) {
  return (crc >> 15 | crc << 17) + crc_mask_delta;
}

inline std::uint32_t unmask_crc(std::uint32_t masked) {
  const std::uint32_t turned = masked - crc_mask_delta;
  return turned << 15 | turned >> 17;
}

}  // namespace lsmith
