// table_format.cpp: fuzzes what a table is made of beside its blocks: handles, trailers, the footer
// and the properties. What decodes encodes to its bytes.
#include <lsmith/table_format.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "fuzz.hpp"
#include "seal.hpp"

namespace lsmith::fuzz {
namespace {

void check_handle(std::string_view bytes) {
  const Result<BlockHandle> handle = decode_handle(bytes);
  if (!handle.ok()) return require_refusal(handle.status(), "handle");
  require(encode_handle(*handle) == bytes, "a handle encodes to its bytes");
}

void check_trailer(Source source) {
  const std::uint64_t table_id = source.number(8);
  const std::uint64_t offset = source.number(8);
  const std::size_t damaged_at = static_cast<std::size_t>(source.number(2));
  const auto damage = static_cast<char>(source.byte() | 1);
  const Status refused = check_block(table_id, offset, source.rest());
  if (!refused.ok()) require_refusal(refused, "block at offset " + std::to_string(offset));

  std::string whole(source.rest());
  whole += encode_block_trailer(table_id, offset, source.rest());
  require(check_block(table_id, offset, whole).ok(), "a block with its trailer is whole");
  require(!check_block(table_id, offset + 1, whole).ok(), "at another place it is not");
  require(!check_block(table_id ^ 1, offset, whole).ok(), "nor in another table");
  whole[damaged_at % whole.size()] ^= damage;
  require(!check_block(table_id, offset, whole).ok(), "a damaged byte is noticed");
}

void check_footer(Source source) {
  const bool is_sealed = (source.byte() & 1) == 0;
  std::string bytes(source.rest());
  if (is_sealed) bytes.resize(footer_bytes);
  const std::uint64_t file_bytes =
      bytes.size() == footer_bytes ? load_fixed64(bytes.data() + 32) : source.number(8);
  if (is_sealed) store_checksum(bytes, 52, crc32c(std::string_view(bytes).substr(0, 52)));
  const Result<Footer> footer = decode_footer(bytes, file_bytes);
  if (!footer.ok()) return require_refusal(footer.status(), "");
  require(encode_footer(*footer) == bytes, "a footer encodes to its bytes");
  for (const BlockHandle handle : {footer->index, footer->properties}) {
    require(handle.offset <= file_bytes, "a block begins inside its file");
    require(handle.size + 5 + 64 <= file_bytes - handle.offset, "and ends before the footer");
  }
}

void check_properties(std::string_view body) {
  const Result<TableProperties> decoded = decode_properties(body);
  if (!decoded.ok()) return require_refusal(decoded.status(), "properties");
  const std::string encoded = encode_properties(*decoded);
  const Result<TableProperties> again = decode_properties(encoded);
  require(again.ok(), "what was encoded decodes");
  require(again->meta == decoded->meta, "to the same");
  require(again->filter == decoded->filter, "to the same filter");
  const Result<Block> block = Block::open(body);
  const std::size_t known = decoded->filter.size > 0 ? 11 : 10;
  if (block->entry_count() == known && block->check().empty())
    require(encoded == body, "properties encode to their bytes");
}

}  // namespace

void fuzz_table_format(std::string_view input) {
  Source source(input);
  switch (source.byte() % 4) {
    case 0:
      return check_handle(source.rest());
    case 1:
      return check_trailer(source);
    case 2:
      return check_footer(source);
    default:
      return check_properties(source.rest());
  }
}

}  // namespace lsmith::fuzz

LSMITH_FUZZ_TARGET(lsmith::fuzz::fuzz_table_format)
