// table_format.hpp: the parts of a table's bytes that are given: handles, block trailers, footer,
// properties; book/format.md, sections 5 and 7.
//
//   data block + trailer … | filter + trailer | properties + trailer | index + trailer | footer 64
//
//   trailer   type u8 | crc u32        crc over (table id | offset | body | type)
//   footer    index 12 | properties 12 | table id 8 | file size 8 | version … | crc 4 | "LSMITHTB"
//
// A reader starts at the end. The footer is found by the file's size and says where index and
// properties stand; the index says where the data blocks stand; the properties say the rest.
//
// Every block is bound to its place: the checksum is seeded with the table's random id and the
// offset, so a block that was written elsewhere, or is left over from another table, does not pass
// although its bytes are whole. Only the footer is not seeded, since it is what tells the id.
//
// Invariants
//  1. What is decoded lies inside the file: no handle reaches beyond it, and no sum of one wraps.
//  2. Length first, then the checksum, then the meaning. Bytes that passed their checksum and still
//     contradict the format are corruption; those that a newer version may have written are not
//     supported.
//  3. Names in a properties block ascend, so none stands twice, and counting them finds one that
//     lacks.
//
// Threads: plain functions. Cost: an allocation for what is returned.
#pragma once

#include <lsmith/block.hpp>
#include <lsmith/coding.hpp>
#include <lsmith/file.hpp>
#include <lsmith/key.hpp>
#include <lsmith/status.hpp>

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lsmith {

/// Bytes behind each block: its type and its checksum.
inline constexpr std::size_t block_trailer_bytes = 5;
inline constexpr std::size_t footer_bytes = 64;

/// Where a block stands in its file, and the size of its body without the trailer.
struct BlockHandle {
  std::uint64_t offset = 0;
  std::uint32_t size = 0;

  bool operator==(const BlockHandle&) const = default;
};

/// A handle as stored in the index: varint64 offset, varint32 size.
std::string encode_handle(BlockHandle handle);
/// The inverse; bytes left over are corruption.
Result<BlockHandle> decode_handle(std::string_view bytes);

/// The five bytes behind `body` at `offset` of the table with that id.
std::string encode_block_trailer(std::uint64_t table_id, std::uint64_t offset,
                                 std::string_view body);
/// Checks body and trailer as read from `offset`: corruption unless the checksum, seeded with table
/// id and offset, is right; then not_supported unless the type is known.
Status check_block(std::uint64_t table_id, std::uint64_t offset, std::string_view body_and_trailer);

/// The last 64 bytes of a table.
struct Footer {
  BlockHandle index;
  BlockHandle properties;
  std::uint64_t table_id = 0;
  std::uint64_t file_bytes = 0;
};

std::string encode_footer(const Footer& footer);
/// `file_bytes` is the real size of the file. Corruption says what is wrong: not a table,
/// truncated, damaged; a newer version is not_supported. The handles lie inside the file.
Result<Footer> decode_footer(std::string_view bytes, std::uint64_t file_bytes);

/// What is known of a table without reading it; kept in the manifest too.
struct TableMeta {
  std::uint64_t number = 0;
  std::uint64_t file_bytes = 0;
  std::uint64_t table_id = 0;
  std::uint64_t entries = 0;
  std::uint64_t erases = 0;
  Sequence first_sequence = 0;  ///< the smallest
  Sequence last_sequence = 0;   ///< the largest
  std::string first_key;
  std::uint64_t first_tag = 0;
  std::string last_key;
  std::uint64_t last_tag = 0;

  bool operator==(const TableMeta&) const = default;
  /// Whether the user key lies between first and last key, both included.
  bool covers(std::string_view key) const { return first_key <= key && key <= last_key; }
  /// Whether any user key from `first` to `last`, both included, may be in the table.
  bool overlaps(std::string_view first, std::string_view last) const {
    return first_key <= last && first <= last_key;
  }
};

/// What a table's properties block says.
struct TableProperties {
  TableMeta meta;      ///< all but number, file_bytes and table_id
  BlockHandle filter;  ///< of size 0 when there is none
  std::uint64_t data_blocks = 0;
  std::uint64_t data_bytes = 0;
  std::uint64_t key_bytes = 0;
  std::uint64_t value_bytes = 0;
};

/// The body of a properties block.
std::string encode_properties(const TableProperties& properties);
/// The inverse; an unknown name that begins with '!' is not_supported, other unknown names are
/// skipped.
Result<TableProperties> decode_properties(std::string_view body);

/// Reads a whole table and says every violation: layout, checksums, order, index, filter,
/// properties, canonical blocks. `name` is put before each.
std::vector<std::string> check_table(const ReadableFile& file, std::string_view name,
                                     std::uint64_t table_id);

namespace detail {

inline constexpr std::string_view table_magic = "LSMITHTB";
inline constexpr std::size_t footer_crc_offset = 52;
inline constexpr std::uint16_t table_version = 1;
inline constexpr std::uint8_t checksum_crc32c = 1;
inline constexpr char block_as_it_is = 0;
inline constexpr std::uint64_t property_tag = 1;

// Far above any block that a builder makes, and small enough for a 32-bit size with its trailer.
inline constexpr std::uint32_t block_body_bytes_max = 0x7fff'0000;

static_assert(footer_crc_offset + 4 + table_magic.size() == footer_bytes);
static_assert(block_body_bytes_max > value_bytes_max + key_bytes_max);

inline Status corrupt(std::string message) {
  return {Code::corruption, std::move(message)};
}

inline std::string block_at(std::uint64_t offset) {
  return "block at offset " + std::to_string(offset);
}

// Whether body and trailer end at or before `end`.
inline bool fits_before(BlockHandle handle, std::uint64_t end) {
  if (handle.size > block_body_bytes_max || end < block_trailer_bytes) return false;
  const std::uint64_t room = end - block_trailer_bytes;
  return handle.size <= room && handle.offset <= room - handle.size;
}

// Of a block in the file, with its trailer.
inline std::size_t block_bytes(BlockHandle handle) {
  return std::size_t{handle.size} + block_trailer_bytes;
}

inline std::uint64_t block_end(BlockHandle handle) {
  return handle.offset + block_bytes(handle);
}

inline std::uint32_t block_seed(std::uint64_t table_id, std::uint64_t offset) {
  char place[16];
  store_fixed64(place, table_id);
  store_fixed64(place + 8, offset);
  return crc32c({place, sizeof place});
}

}  // namespace detail

inline std::string encode_handle(BlockHandle handle) {
  std::string bytes;
  put_varint64(bytes, handle.offset);
  put_varint32(bytes, handle.size);
  return bytes;
}

inline Result<BlockHandle> decode_handle(std::string_view bytes) {
  ByteReader reader(bytes);
  const std::optional<std::uint64_t> offset = reader.varint64();
  const std::optional<std::uint32_t> size = reader.varint32();
  if (!offset || !size || !reader.is_empty()) {
    return detail::corrupt("a block handle of " + std::to_string(bytes.size()) +
                           " bytes is malformed");
  }
  return BlockHandle{*offset, *size};
}

inline std::string encode_block_trailer(std::uint64_t table_id, std::uint64_t offset,
                                        std::string_view body) {
  std::string trailer(1, detail::block_as_it_is);
  const std::uint32_t crc = crc32c(trailer, crc32c(body, detail::block_seed(table_id, offset)));
  put_fixed32(trailer, mask_crc(crc));
  assert(trailer.size() == block_trailer_bytes);
  return trailer;
}

inline Status check_block(std::uint64_t table_id, std::uint64_t offset,
                          std::string_view body_and_trailer) {
  if (body_and_trailer.size() < block_trailer_bytes) {
    return detail::corrupt(detail::block_at(offset) + ": too short for its trailer");
  }
  const std::size_t crc_offset = body_and_trailer.size() - 4;
  const std::uint32_t stored = load_fixed32(body_and_trailer.data() + crc_offset);
  const std::uint32_t found = mask_crc(
      crc32c(body_and_trailer.substr(0, crc_offset), detail::block_seed(table_id, offset)));
  if (stored != found) {
    return detail::corrupt(detail::block_at(offset) +
                           ": checksum mismatch: damaged, or not the block of this place");
  }
  const char type = body_and_trailer[crc_offset - 1];
  if (type != detail::block_as_it_is) {
    return {Code::not_supported, detail::block_at(offset) + ": unknown block type " +
                                     std::to_string(static_cast<unsigned char>(type))};
  }
  return {};
}

inline std::string encode_footer(const Footer& footer) {
  std::string bytes;
  put_fixed64(bytes, footer.index.offset);
  put_fixed32(bytes, footer.index.size);
  put_fixed64(bytes, footer.properties.offset);
  put_fixed32(bytes, footer.properties.size);
  put_fixed64(bytes, footer.table_id);
  put_fixed64(bytes, footer.file_bytes);
  put_fixed16(bytes, detail::table_version);
  bytes.push_back(static_cast<char>(detail::checksum_crc32c));
  bytes.append(9, '\0');  // reserved, flags, reserved
  put_fixed32(bytes, mask_crc(crc32c(bytes)));
  bytes.append(detail::table_magic);
  assert(bytes.size() == footer_bytes);
  return bytes;
}

namespace detail {

// What a footer says of the format, behind a checksum that is right.
inline Status check_footer_version(std::string_view bytes) {
  const std::uint16_t version = load_fixed16(bytes.data() + 40);
  if (version > table_version) {
    return {Code::not_supported, "a table of format version " + std::to_string(version)};
  }
  if (version == 0) return corrupt("footer: format version 0");
  if (static_cast<std::uint8_t>(bytes[42]) != checksum_crc32c) {
    return {Code::not_supported, "footer: unknown kind of checksum"};
  }
  if (bytes.substr(43, 9) != std::string_view("\0\0\0\0\0\0\0\0\0", 9)) {
    return {Code::not_supported, "footer: flags of a newer version"};
  }
  return {};
}

}  // namespace detail

inline Result<Footer> decode_footer(std::string_view bytes, std::uint64_t file_bytes) {
  if (bytes.size() != footer_bytes || file_bytes < footer_bytes) {
    return detail::corrupt("not a table: " + std::to_string(file_bytes) +
                           " bytes are too few for a footer");
  }
  if (bytes.substr(detail::footer_crc_offset + 4) != detail::table_magic) {
    return detail::corrupt("not a table, or a truncated one: no footer at offset " +
                           std::to_string(file_bytes - footer_bytes));
  }
  const std::uint32_t stored = load_fixed32(bytes.data() + detail::footer_crc_offset);
  if (stored != mask_crc(crc32c(bytes.substr(0, detail::footer_crc_offset)))) {
    return detail::corrupt("footer at offset " + std::to_string(file_bytes - footer_bytes) +
                           ": checksum mismatch");
  }
  if (Status s = detail::check_footer_version(bytes); !s.ok()) return s;

  Footer footer;
  footer.index = {load_fixed64(bytes.data()), load_fixed32(bytes.data() + 8)};
  footer.properties = {load_fixed64(bytes.data() + 12), load_fixed32(bytes.data() + 20)};
  footer.table_id = load_fixed64(bytes.data() + 24);
  footer.file_bytes = load_fixed64(bytes.data() + 32);
  if (footer.file_bytes != file_bytes) {
    return detail::corrupt("truncated or grown: the footer says " +
                           std::to_string(footer.file_bytes) + " bytes, the file has " +
                           std::to_string(file_bytes));
  }
  for (const BlockHandle& handle : {footer.index, footer.properties}) {
    if (!detail::fits_before(handle, file_bytes - footer_bytes)) {
      return detail::corrupt("footer: a block at offset " + std::to_string(handle.offset) +
                             " reaches beyond the file");
    }
  }
  return footer;
}

namespace detail {

inline std::string as_varint(std::uint64_t number) {
  std::string bytes;
  put_varint64(bytes, number);
  return bytes;
}

inline std::string as_bound(std::string_view key, std::uint64_t tag) {
  std::string bytes(key);
  put_fixed64(bytes, tag);
  return bytes;
}

}  // namespace detail

inline std::string encode_properties(const TableProperties& properties) {
  const TableMeta& meta = properties.meta;
  BlockBuilder builder;
  const auto add = [&builder](std::string_view name, std::string_view value) {
    builder.add(name, detail::property_tag, value);
  };
  if (properties.filter.size > 0) add("block.filter", encode_handle(properties.filter));
  add("count.blocks", detail::as_varint(properties.data_blocks));
  add("count.entries", detail::as_varint(meta.entries));
  add("count.erases", detail::as_varint(meta.erases));
  add("key.first", detail::as_bound(meta.first_key, meta.first_tag));
  add("key.last", detail::as_bound(meta.last_key, meta.last_tag));
  add("sequence.first", detail::as_varint(meta.first_sequence));
  add("sequence.last", detail::as_varint(meta.last_sequence));
  add("size.data", detail::as_varint(properties.data_bytes));
  add("size.keys", detail::as_varint(properties.key_bytes));
  add("size.values", detail::as_varint(properties.value_bytes));
  return builder.finish();
}

namespace detail {

inline constexpr int properties_required = 10;  // all that encode_properties adds but the filter

// Where the number of that name is kept; null when the name is not that of a number.
inline std::uint64_t* property_number(TableProperties& properties, std::string_view name) {
  if (name == "count.blocks") return &properties.data_blocks;
  if (name == "count.entries") return &properties.meta.entries;
  if (name == "count.erases") return &properties.meta.erases;
  if (name == "sequence.first") return &properties.meta.first_sequence;
  if (name == "sequence.last") return &properties.meta.last_sequence;
  if (name == "size.data") return &properties.data_bytes;
  if (name == "size.keys") return &properties.key_bytes;
  if (name == "size.values") return &properties.value_bytes;
  return nullptr;
}

inline Status bad_property(std::string_view name) {
  return corrupt("properties: " + std::string(name) + " is malformed");
}

inline Status take_number(std::string_view name, std::string_view value, std::uint64_t& number) {
  ByteReader reader(value);
  const std::optional<std::uint64_t> found = reader.varint64();
  if (!found || !reader.is_empty()) return bad_property(name);
  number = *found;
  return {};
}

inline Status take_bound(std::string_view name, std::string_view value, std::string& key,
                         std::uint64_t& tag) {
  if (value.size() < 8 || value.size() - 8 > key_bytes_max) return bad_property(name);
  const std::string_view bound = value.substr(0, value.size() - 8);
  key.assign(bound.data(), bound.size());
  tag = load_fixed64(value.data() + bound.size());
  return {};
}

// Takes one property over; `required` counts those that every table has.
inline Status take_property(std::string_view name, std::string_view value, int& required,
                            TableProperties& properties) {
  TableMeta& meta = properties.meta;
  if (name == "block.filter") {
    Result<BlockHandle> handle = decode_handle(value);
    if (!handle.ok() || handle->size == 0) return bad_property(name);
    properties.filter = *handle;
    return {};
  }
  if (std::uint64_t* number = property_number(properties, name)) {
    ++required;
    return take_number(name, value, *number);
  }
  if (name == "key.first")
    return ++required, take_bound(name, value, meta.first_key, meta.first_tag);
  if (name == "key.last") return ++required, take_bound(name, value, meta.last_key, meta.last_tag);
  if (name.substr(0, 1) == "!") {
    return {Code::not_supported, "properties: a newer version's " + std::string(name)};
  }
  return {};
}

// Whether the properties can be true together.
inline bool is_plausible(const TableProperties& properties) {
  const TableMeta& meta = properties.meta;
  if (meta.entries == 0 || meta.erases > meta.entries) return false;
  if (properties.data_blocks == 0 || properties.data_blocks > meta.entries) return false;
  if (meta.first_sequence > meta.last_sequence || meta.last_sequence > sequence_max) return false;
  return compare(meta.first_key, meta.first_tag, meta.last_key, meta.last_tag) <= 0;
}

}  // namespace detail

inline Result<TableProperties> decode_properties(std::string_view body) {
  Result<Block> block = Block::open(body);
  if (!block.ok()) return std::move(block).status().in("properties");

  TableProperties properties;
  int required = 0;
  std::string previous;
  BlockCursor cursor = block->cursor();
  for (cursor.seek_to_first(); cursor.is_valid(); cursor.next()) {
    const std::string_view name = cursor.key();
    if (name <= previous) return detail::corrupt("properties: names do not ascend");
    if (cursor.tag() != detail::property_tag) return detail::bad_property(name);
    if (Status s = detail::take_property(name, cursor.value(), required, properties); !s.ok()) {
      return s;
    }
    previous.assign(name.data(), name.size());
  }
  if (Status s = cursor.status(); !s.ok()) return std::move(s).in("properties");
  if (required != detail::properties_required) return detail::corrupt("properties: incomplete");
  if (!detail::is_plausible(properties)) return detail::corrupt("properties: contradictory");
  return properties;
}

}  // namespace lsmith

#include <lsmith/detail/table_check.hpp>
