// detail/crc32c.hpp: the checksum's inner loops, with and without help from the processor.
//
// CRC-32C is the remainder of a long division of the bytes, taken as one polynomial over single
// bits. x86-64 since SSE4.2 and ARMv8 with its CRC extension divide eight bytes with one
// instruction. Elsewhere remainders are looked up: table k holds what a byte contributes when k
// more bytes follow it, and eight look-ups that do not wait for each other take eight bytes at once
// ("slicing by 8", Kounavis and Berry, 2005). All loops compute the same number.
//
//   bytes     |---- lane a ----|---- lane b ----|---- lane c ----| …      a, b, c at the same time
//   together  c ^ behind(b ^ behind(a))              behind(x): x, with a lane of zeros behind it
//
// An instruction waits three cycles for the one before, so x86-64 walks three lanes at once:
// remainders are linear, and what a lane contributes when others follow it is looked up (Gopal and
// others, 2011). A block of 4 KiB takes 150 ns instead of 390.
//
// Which loop runs is asked of the processor at run time, so a binary that was built for any machine
// is fast on a good one; a build that already promises the instruction (-msse4.2,
// -march=armv8-a+crc) asks nothing. Only coding.hpp includes this file. Thread-safe.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__aarch64__) && defined(__linux__) && !defined(__ARM_FEATURE_CRC32)
#include <sys/auxv.h>
#endif

namespace lsmith::detail {

using CrcTables = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr CrcTables make_crc_tables() {
  constexpr std::uint32_t polynomial = 0x82f63b78;  // 0x1EDC6F41 with its bits in reverse order
  CrcTables tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit)
      crc = (crc >> 1) ^ ((crc & 1) != 0 ? polynomial : 0);
    tables[0][byte] = crc;
  }
  for (std::size_t more = 1; more < 8; ++more) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t crc = tables[more - 1][byte];
      tables[more][byte] = (crc >> 8) ^ tables[0][crc & 0xff];
    }
  }
  return tables;
}

inline constexpr CrcTables crc_tables = make_crc_tables();
static_assert(crc_tables[0][1] == 0xf26b8303);

// Each loop takes and returns the raw remainder; crc32c() inverts it on the way in and out.
inline std::uint32_t crc_by_tables(std::uint32_t crc, const char* bytes, std::size_t size) {
  const auto* at = reinterpret_cast<const unsigned char*>(bytes);
  const CrcTables& table = crc_tables;
  for (; size >= 8; size -= 8, at += 8) {
    crc = table[7][(crc ^ at[0]) & 0xff] ^ table[6][((crc >> 8) ^ at[1]) & 0xff] ^
          table[5][((crc >> 16) ^ at[2]) & 0xff] ^ table[4][(crc >> 24) ^ at[3]] ^ table[3][at[4]] ^
          table[2][at[5]] ^ table[1][at[6]] ^ table[0][at[7]];
  }
  for (; size > 0; --size, ++at)
    crc = (crc >> 8) ^ table[0][(crc ^ *at) & 0xff];
  return crc;
}

#if defined(__x86_64__)

// Four of three lanes, and little more, are a block of 4 KiB.
inline constexpr std::size_t crc_lane_bytes = 336;
using CrcLaneTables = std::array<std::array<std::uint32_t, 256>, 4>;

// What each byte of a remainder becomes when a lane of zeros follows.
constexpr CrcLaneTables make_crc_lane_tables() {
  CrcLaneTables tables{};
  for (std::size_t place = 0; place < 4; ++place) {
    for (std::uint32_t bit = 0; bit < 8; ++bit) {
      std::uint32_t crc = std::uint32_t{1} << (8 * place + bit);
      for (std::size_t i = 0; i < crc_lane_bytes; ++i)
        crc = (crc >> 8) ^ crc_tables[0][crc & 0xff];
      for (std::uint32_t byte = 0; byte < 256; ++byte)
        if ((byte >> bit & 1) != 0) tables[place][byte] ^= crc;
    }
  }
  return tables;
}

inline constexpr CrcLaneTables crc_lane_tables = make_crc_lane_tables();

inline std::uint32_t crc_behind(std::uint64_t crc) {
  const CrcLaneTables& table = crc_lane_tables;
  return table[0][crc & 0xff] ^ table[1][crc >> 8 & 0xff] ^ table[2][crc >> 16 & 0xff] ^
         table[3][crc >> 24 & 0xff];
}

__attribute__((target("sse4.2"))) inline std::uint32_t crc_by_processor(std::uint32_t crc,
                                                                        const char* bytes,
                                                                        std::size_t size) {
  std::uint64_t wide = crc;
  for (; size >= 3 * crc_lane_bytes; size -= 3 * crc_lane_bytes, bytes += 3 * crc_lane_bytes) {
    std::uint64_t second = 0, third = 0, words[3];
    for (const char* at = bytes; at < bytes + crc_lane_bytes; at += 8) {
      std::memcpy(&words[0], at, 8);
      std::memcpy(&words[1], at + crc_lane_bytes, 8);
      std::memcpy(&words[2], at + 2 * crc_lane_bytes, 8);
      wide = __builtin_ia32_crc32di(wide, words[0]);
      second = __builtin_ia32_crc32di(second, words[1]);
      third = __builtin_ia32_crc32di(third, words[2]);
    }
    wide = crc_behind(crc_behind(wide) ^ second) ^ third;
  }
  for (; size >= 8; size -= 8, bytes += 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes, 8);
    wide = __builtin_ia32_crc32di(wide, word);
  }
  crc = static_cast<std::uint32_t>(wide);
  for (; size > 0; --size, ++bytes) {
    crc = __builtin_ia32_crc32qi(crc, static_cast<unsigned char>(*bytes));
  }
  return crc;
}

inline bool processor_has_crc() {
#if defined(__SSE4_2__)
  return true;
#else
  return __builtin_cpu_supports("sse4.2") != 0;  // the runtime has asked: a load and a test
#endif
}

#elif defined(__aarch64__) && defined(__AARCH64EL__)

// The assembler is told about the extension here, because gcc and clang disagree on how a function
// is told.
inline std::uint32_t crc_by_processor(std::uint32_t crc, const char* bytes, std::size_t size) {
  for (; size >= 8; size -= 8, bytes += 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes, 8);
    asm(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(crc) : "r"(word));
  }
  for (; size > 0; --size, ++bytes) {
    const std::uint32_t byte = static_cast<unsigned char>(*bytes);
    asm(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1" : "+r"(crc) : "r"(byte));
  }
  return crc;
}

inline bool processor_has_crc() {
#if defined(__ARM_FEATURE_CRC32)
  return true;
#elif defined(__linux__)
  constexpr unsigned long crc_bit = 1ul << 7;  // HWCAP_CRC32
  static const bool has = (getauxval(AT_HWCAP) & crc_bit) != 0;
  return has;
#else
  return false;
#endif
}

#else

inline std::uint32_t crc_by_processor(std::uint32_t crc, const char* bytes, std::size_t size) {
  return crc_by_tables(crc, bytes, size);
}

inline bool processor_has_crc() {
  return false;
}

#endif

}  // namespace lsmith::detail
