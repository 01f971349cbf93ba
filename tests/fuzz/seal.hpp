// seal.hpp: right checksums over bytes that may be anything, so that what is behind them is
// reached.
//
// A seal believes what the bytes say of sizes and places as long as that stays inside the file; it
// changes checksums, and what ties a file to its name, but nothing else.
#pragma once

#include <lsmith/table_format.hpp>
#include <lsmith/wal.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace lsmith::fuzz {

inline void store_checksum(std::string& bytes, std::size_t at, std::uint32_t crc) {
  store_fixed32(bytes.data() + at, mask_crc(crc));
}

// The database that a log says it is of.
inline std::uint64_t claimed_database(std::string_view bytes) {
  return bytes.size() < 24 ? 0 : load_fixed64(bytes.data() + 16);
}

// Bit 0 of `spared` leaves the header as it is, bit i the i-th frame; bit 31 all from there on.
inline void seal_log(std::string& bytes, std::uint64_t database_id, std::uint64_t number,
                     std::uint32_t spared) {
  if (bytes.size() < LogHeader::size_bytes) return;
  if ((spared & 1) == 0) {
    store_fixed64(bytes.data() + 16, database_id);
    store_fixed64(bytes.data() + 24, number);
    store_checksum(bytes, 60, crc32c(std::string_view(bytes).substr(0, 60)));
  }
  std::size_t at = LogHeader::size_bytes;
  for (int i = 1; bytes.size() - at >= 16; ++i) {
    const std::uint64_t payload_bytes = load_fixed32(bytes.data() + at + 4);
    const std::uint64_t whole = (16 + payload_bytes + 7) / 8 * 8;
    if (whole > bytes.size() - at) return;
    if ((spared >> std::min(i, 31) & 1) == 0) {
      store_fixed16(bytes.data() + at + 10, static_cast<std::uint16_t>(number & 0xffff));
      char place[24];
      store_fixed64(place, database_id);
      store_fixed64(place + 8, number);
      store_fixed64(place + 16, at);
      const std::string_view covered(bytes.data() + at + 4, 12 + payload_bytes);
      store_checksum(bytes, at, crc32c(covered, crc32c({place, sizeof place})));
    }
    at += static_cast<std::size_t>(whole);
  }
}

// The body at a handle, its trailer made right; empty when it is not inside the file.
inline std::string_view seal_block(std::string& bytes, std::uint64_t table_id, BlockHandle handle) {
  if (handle.size > bytes.size() || bytes.size() - handle.size < block_trailer_bytes) return {};
  if (handle.offset > bytes.size() - handle.size - block_trailer_bytes) return {};
  const auto offset = static_cast<std::size_t>(handle.offset);
  char place[16];
  store_fixed64(place, table_id);
  store_fixed64(place + 8, offset);
  const std::string_view covered(bytes.data() + offset, std::size_t{handle.size} + 1);
  store_checksum(bytes, offset + handle.size + 1, crc32c(covered, crc32c({place, sizeof place})));
  return covered.substr(0, handle.size);
}

inline void seal_data_blocks(std::string& bytes, std::uint64_t table_id, BlockHandle index) {
  const std::string body(seal_block(bytes, table_id, index));
  const Result<Block> block = Block::open(body);
  if (!block.ok()) return;
  BlockCursor cursor = block->cursor();
  for (cursor.seek_to_first(); cursor.is_valid(); cursor.next()) {
    const Result<BlockHandle> handle = decode_handle(cursor.value());
    if (handle.ok()) seal_block(bytes, table_id, *handle);
  }
}

inline void seal_filter(std::string& bytes, std::uint64_t table_id, BlockHandle properties) {
  const std::string body(seal_block(bytes, table_id, properties));
  const Result<Block> block = Block::open(body);
  if (!block.ok()) return;
  const Result<std::optional<Entry>> filter = block->get(Target::of("block.filter"));
  if (!filter.ok() || !*filter) return;
  const Result<BlockHandle> handle = decode_handle((*filter)->value);
  if (handle.ok()) seal_block(bytes, table_id, *handle);
}

inline void seal_footer(std::string& bytes) {
  if (bytes.size() < footer_bytes) return;
  const std::size_t at = bytes.size() - footer_bytes;
  store_fixed64(bytes.data() + at + 32, bytes.size());
  store_checksum(bytes, at + 52, crc32c(std::string_view(bytes).substr(at, 52)));
}

inline void seal_table(std::string& bytes) {
  if (bytes.size() < footer_bytes) return;
  seal_footer(bytes);
  const char* const footer = bytes.data() + bytes.size() - footer_bytes;
  const BlockHandle index{load_fixed64(footer), load_fixed32(footer + 8)};
  const BlockHandle properties{load_fixed64(footer + 12), load_fixed32(footer + 20)};
  const std::uint64_t table_id = load_fixed64(footer + 24);
  seal_data_blocks(bytes, table_id, index);
  seal_filter(bytes, table_id, properties);
  // Again, should a block lie over them.
  seal_block(bytes, table_id, properties);
  seal_block(bytes, table_id, index);
  seal_footer(bytes);
}

}  // namespace lsmith::fuzz
