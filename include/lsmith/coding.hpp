// coding.hpp: integers and byte strings as bytes, and the checksum over them.
//
//   fixed32(0x01020304)    04 03 02 01                  little-endian on every machine
//   varint32(300)          ac 02                        low bits first, high bit: more follows
//   bytes("abc")           03 61 62 63                  size as varint32, then the bytes
//
// Writing can not fail. Reading can, always: the bytes come from a disk, a network or an attacker.
// ByteReader therefore returns nothing instead of a doubtful value, and what it refuses it does not
// take, so a caller may try something else or name the offset.
//
// Invariants
//  1. A value has one encoding. A varint with needless zero bytes at its end is refused, so equal
//     values have equal bytes and equal checksums.
//  2. A size is compared with what is left before it is used to read, to advance or to allocate.
//  3. Nothing is added to an offset before the sum is known to stay inside, so no sum wraps around.
//
// A checksum is kept masked, as LevelDB does: a value may hold a file of this very format, and the
// checksum of bytes that contain their own checksum is weak.
//
// What this body changes from the textbook: fixed integers are copied with one store, a varint is
// gathered in a small array and appended once, the one-byte varint (nearly every size) is read
// without a loop, and the checksum takes eight bytes at a time with the processor's own
// instruction (detail/crc32c.hpp).
//
// Threads: the functions are thread-safe; a ByteReader belongs to one thread. Cost: linear in the
// bytes; no allocation but the growth of `out`.
#pragma once

#include <lsmith/detail/crc32c.hpp>

#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
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
  template <class Integer>
  std::optional<Integer> fixed();
  template <class Integer>
  std::optional<Integer> varint();
  template <class Integer>
  std::optional<Integer> long_varint();

  std::string_view bytes_;
  std::size_t offset_ = 0;  // <= bytes_.size()
};

/// CRC-32C (Castagnoli) of `bytes`. `before` is the checksum of what precedes them, so that
/// crc32c(b, crc32c(a)) is the checksum of a followed by b.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t before = 0);
/// The form in which a checksum is stored.
std::uint32_t mask_crc(std::uint32_t crc);
/// The inverse of mask_crc.
std::uint32_t unmask_crc(std::uint32_t masked);

namespace detail {

// The compiler turns the shifts of the other branch into a byte swap.
template <class Integer>
void store_little(char* to, Integer value) {
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(to, &value, sizeof value);
  } else {
    for (std::size_t i = 0; i < sizeof value; ++i)
      to[i] = static_cast<char>(value >> (8 * i));
  }
}

template <class Integer>
Integer load_little(const char* from) {
  Integer value = 0;
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(&value, from, sizeof value);
  } else {
    for (std::size_t i = 0; i < sizeof value; ++i) {
      value |= static_cast<Integer>(Integer{static_cast<unsigned char>(from[i])} << (8 * i));
    }
  }
  return value;
}

template <class Integer>
void put_little(std::string& out, Integer value) {
  char bytes[sizeof value];
  store_little(bytes, value);
  out.append(bytes, sizeof value);
}

}  // namespace detail

inline void store_fixed16(char* to, std::uint16_t value) {
  detail::store_little(to, value);
}
inline void store_fixed32(char* to, std::uint32_t value) {
  detail::store_little(to, value);
}
inline void store_fixed64(char* to, std::uint64_t value) {
  detail::store_little(to, value);
}

inline std::uint16_t load_fixed16(const char* from) {
  return detail::load_little<std::uint16_t>(from);
}
inline std::uint32_t load_fixed32(const char* from) {
  return detail::load_little<std::uint32_t>(from);
}
inline std::uint64_t load_fixed64(const char* from) {
  return detail::load_little<std::uint64_t>(from);
}

inline void put_fixed16(std::string& out, std::uint16_t value) {
  detail::put_little(out, value);
}
inline void put_fixed32(std::string& out, std::uint32_t value) {
  detail::put_little(out, value);
}
inline void put_fixed64(std::string& out, std::uint64_t value) {
  detail::put_little(out, value);
}

inline void put_varint32(std::string& out, std::uint32_t value) {
  put_varint64(out, value);
}

inline void put_varint64(std::string& out, std::uint64_t value) {
  char bytes[10];
  std::size_t size = 0;
  for (; value >= 0x80; value >>= 7)
    bytes[size++] = static_cast<char>(value | 0x80);
  bytes[size++] = static_cast<char>(value);
  out.append(bytes, size);
}

inline void put_bytes(std::string& out, std::string_view bytes) {
  assert(bytes.size() <= std::numeric_limits<std::uint32_t>::max());
  put_varint32(out, static_cast<std::uint32_t>(bytes.size()));
  out.append(bytes);
}

inline std::size_t varint_size(std::uint64_t value) {
  return (static_cast<std::size_t>(std::bit_width(value | 1)) + 6) / 7;
}

inline ByteReader::ByteReader(std::string_view bytes) : bytes_(bytes) {}

template <class Integer>
std::optional<Integer> ByteReader::fixed() {
  if (bytes_.size() - offset_ < sizeof(Integer)) return std::nullopt;
  const Integer value = detail::load_little<Integer>(bytes_.data() + offset_);
  offset_ += sizeof(Integer);
  return value;
}

template <class Integer>
std::optional<Integer> ByteReader::varint() {
  if (offset_ < bytes_.size()) {
    const auto first = static_cast<unsigned char>(bytes_[offset_]);
    if (first < 0x80) {
      ++offset_;
      return first;
    }
  }
  return long_varint<Integer>();
}

template <class Integer>
std::optional<Integer> ByteReader::long_varint() {
  constexpr int bits = std::numeric_limits<Integer>::digits;
  Integer value = 0;
  std::size_t at = offset_;
  for (int shift = 0; shift < bits && at < bytes_.size(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes_[at++]);
    const unsigned payload = byte & 0x7f;
    if (bits - shift < 7 && (payload >> (bits - shift)) != 0) return std::nullopt;  // too large
    value |= static_cast<Integer>(Integer{payload} << shift);
    if (byte >= 0x80) continue;
    if (byte == 0 && shift > 0) return std::nullopt;  // a shorter form exists
    offset_ = at;
    return value;
  }
  return std::nullopt;
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
  return varint<std::uint32_t>();
}
inline std::optional<std::uint64_t> ByteReader::varint64() {
  return varint<std::uint64_t>();
}

inline std::optional<std::string_view> ByteReader::bytes() {
  const std::size_t before = offset_;
  if (const std::optional<std::uint32_t> size = varint32()) {
    if (const std::optional<std::string_view> taken = raw(*size)) return taken;
  }
  offset_ = before;
  return std::nullopt;
}

inline std::optional<std::string_view> ByteReader::raw(std::size_t size) {
  if (size > bytes_.size() - offset_) return std::nullopt;
  const std::string_view taken(bytes_.data() + offset_, size);
  offset_ += size;
  return taken;
}

inline std::string_view ByteReader::rest() const {
  return {bytes_.data() + offset_, bytes_.size() - offset_};
}

inline std::size_t ByteReader::offset() const {
  return offset_;
}

inline bool ByteReader::is_empty() const {
  return offset_ == bytes_.size();
}

inline std::uint32_t crc32c(std::string_view bytes, std::uint32_t before) {
  if (detail::processor_has_crc()) {
    return ~detail::crc_by_processor(~before, bytes.data(), bytes.size());
  }
  return ~detail::crc_by_tables(~before, bytes.data(), bytes.size());
}

inline std::uint32_t mask_crc(std::uint32_t crc) {
  return std::rotr(crc, 15) + 0xa282ead8u;
}

inline std::uint32_t unmask_crc(std::uint32_t masked) {
  return std::rotl(masked - 0xa282ead8u, 15);
}

}  // namespace lsmith
