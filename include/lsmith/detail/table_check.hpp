// table_check.hpp: reads a whole table and says every violation; a part of table_format.hpp.
//
// It believes nothing that an open table keeps in memory, and shares no code with the ways in which
// a table is read: the file alone is judged. What can not be read is said and left out, and the
// rest is still checked. Not included by anything but table_format.hpp.
#pragma once

#include <lsmith/bloom.hpp>
#include <lsmith/table_format.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lsmith {
namespace detail {

class TableChecker {
 public:
  TableChecker(const ReadableFile& file, std::string_view name, std::uint64_t table_id)
      : file_(file), name_(name), table_id_(table_id) {}

  std::vector<std::string> run() &&;

 private:
  void say(std::string_view what) { violations_.push_back(name_ + ": " + std::string(what)); }
  void say_at(std::uint64_t offset, std::string_view what);
  void say(const Status& failure) { say(failure.message()); }

  bool read_footer();
  std::optional<std::string> read_body(BlockHandle handle);
  std::optional<Block> open_block(BlockHandle handle, std::string_view body);
  void check_layout();
  void check_data(const Block& index);
  void check_data_block(BlockHandle handle, std::string_view fence_key, std::uint64_t fence_tag);
  void check_entry(BlockHandle handle, const Entry& entry);
  void check_properties();
  void expect(std::string_view property, std::uint64_t stated, std::uint64_t found);

  const ReadableFile& file_;
  const std::string name_;
  const std::uint64_t table_id_;
  std::vector<std::string> violations_;

  Footer footer_;
  TableProperties stated_;
  std::string filter_body_;
  TableProperties found_;  // counted while walking; meta.last_key is the entry before
  std::string fence_key_;  // of the block before; read when found_ has blocks
  std::uint64_t fence_tag_ = 0;
  bool is_complete_ = true;  // all data blocks could be read
};

inline void TableChecker::say_at(std::uint64_t offset, std::string_view what) {
  say(block_at(offset) + ": " + std::string(what));
}

inline std::vector<std::string> TableChecker::run() && {
  if (!read_footer()) return std::move(violations_);
  const std::optional<std::string> properties_body = read_body(footer_.properties);
  const std::optional<std::string> index_body = read_body(footer_.index);
  if (!properties_body || !index_body) return std::move(violations_);

  Result<TableProperties> stated = decode_properties(*properties_body);
  if (!stated.ok()) return say(stated.status()), std::move(violations_);
  stated_ = *std::move(stated);
  open_block(footer_.properties, *properties_body);
  if (stated_.filter.size > 0) filter_body_ = read_body(stated_.filter).value_or("");
  check_layout();
  if (const std::optional<Block> index = open_block(footer_.index, *index_body)) {
    check_data(*index);
    if (is_complete_) check_properties();
  }
  return std::move(violations_);
}

inline bool TableChecker::read_footer() {
  const std::uint64_t file_bytes = file_.size_bytes();
  std::string bytes(static_cast<std::size_t>(std::min<std::uint64_t>(file_bytes, footer_bytes)), 0);
  if (Status s = file_.read(file_bytes - bytes.size(), bytes.data(), bytes.size()); !s.ok()) {
    return say(s), false;
  }
  Result<Footer> footer = decode_footer(bytes, file_bytes);
  if (!footer.ok()) return say(footer.status()), false;
  footer_ = *footer;
  if (footer_.table_id != table_id_) return say("footer: the id of another table"), false;
  return true;
}

inline std::optional<std::string> TableChecker::read_body(BlockHandle handle) {
  if (!fits_before(handle, file_.size_bytes() - footer_bytes)) {
    say_at(handle.offset, "reaches beyond the file");
    return std::nullopt;
  }
  std::string bytes(handle.size + block_trailer_bytes, 0);
  Status status = file_.read(handle.offset, bytes.data(), bytes.size());
  if (status.ok()) status = check_block(table_id_, handle.offset, bytes);
  if (!status.ok()) return say(status), std::nullopt;
  bytes.resize(handle.size);
  return bytes;
}

// A block of entries, whose own violations are said.
inline std::optional<Block> TableChecker::open_block(BlockHandle handle, std::string_view body) {
  Result<Block> block = Block::open(body);
  if (!block.ok()) return say_at(handle.offset, block.status().message()), std::nullopt;
  for (const std::string& violation : block->check())
    say_at(handle.offset, violation);
  return *block;
}

// The blocks behind the data: in any order, without gaps, up to the footer.
inline void TableChecker::check_layout() {
  std::vector<BlockHandle> handles{footer_.index, footer_.properties};
  if (stated_.filter.size > 0) handles.push_back(stated_.filter);
  std::sort(handles.begin(), handles.end(),
            [](const BlockHandle& a, const BlockHandle& b) { return a.offset < b.offset; });
  std::uint64_t end = stated_.data_bytes;
  for (const BlockHandle& handle : handles) {
    if (handle.offset != end) say_at(handle.offset, "does not begin where the one before it ends");
    end = block_end(handle);
  }
  if (end != footer_.file_bytes - footer_bytes) say("there are bytes between blocks and footer");
}

inline void TableChecker::check_data(const Block& index) {
  BlockCursor fences = index.cursor();
  for (fences.seek_to_first(); fences.is_valid(); fences.next()) {
    const Result<BlockHandle> handle = decode_handle(fences.value());
    if (!handle.ok()) {
      is_complete_ = false;
      say(handle.status());
      continue;
    }
    if (handle->offset != found_.data_bytes) {
      say_at(handle->offset, "does not begin where the data block before it ends");
    }
    check_data_block(*handle, fences.key(), fences.tag());
    found_.data_blocks += 1;
    found_.data_bytes = block_end(*handle);
    fence_key_ = fences.key();
    fence_tag_ = fences.tag();
  }
  is_complete_ = is_complete_ && fences.status().ok();
}

inline void TableChecker::check_data_block(BlockHandle handle, std::string_view fence_key,
                                           std::uint64_t fence_tag) {
  const std::optional<std::string> body = read_body(handle);
  const std::optional<Block> block = body ? open_block(handle, *body) : std::nullopt;
  is_complete_ = is_complete_ && block.has_value();
  if (!block) return;
  if (block->entry_count() == 0) say_at(handle.offset, "holds no entry");

  BlockCursor cursor = block->cursor();
  cursor.seek_to_first();
  if (cursor.is_valid() && found_.data_blocks > 0 &&
      compare(fence_key_, fence_tag_, cursor.key(), cursor.tag()) >= 0) {
    say_at(handle.offset, "begins before the index entry of the block before it");
  }
  for (; cursor.is_valid(); cursor.next()) {
    check_entry(handle, {cursor.key(), cursor.tag(), cursor.value()});
  }
  is_complete_ = is_complete_ && cursor.status().ok();
  if (found_.meta.entries > 0 &&
      compare(found_.meta.last_key, found_.meta.last_tag, fence_key, fence_tag) > 0) {
    say_at(handle.offset, "ends behind its index entry");
  }
}

inline void TableChecker::check_entry(BlockHandle handle, const Entry& entry) {
  TableMeta& meta = found_.meta;
  const Sequence sequence = sequence_of(entry.tag);
  if (meta.entries == 0) {
    meta.first_key = entry.key;
    meta.first_tag = entry.tag;
    meta.first_sequence = meta.last_sequence = sequence;
  } else if (compare(meta.last_key, meta.last_tag, entry.key, entry.tag) >= 0) {
    say_at(handle.offset, "entry " + std::to_string(meta.entries) + " is out of order");
  }
  if (!BloomFilter(filter_body_).may_contain(hash_bytes(entry.key))) {
    say_at(handle.offset, "the filter denies entry " + std::to_string(meta.entries));
  }
  meta.last_key = entry.key;
  meta.last_tag = entry.tag;
  meta.first_sequence = std::min(meta.first_sequence, sequence);
  meta.last_sequence = std::max(meta.last_sequence, sequence);
  meta.entries += 1;
  meta.erases += kind_of(entry.tag) == Kind::erase ? 1 : 0;
  found_.key_bytes += entry.key.size();
  found_.value_bytes += entry.value.size();
}

inline void TableChecker::check_properties() {
  const TableMeta& stated = stated_.meta;
  const TableMeta& found = found_.meta;
  expect("count.blocks", stated_.data_blocks, found_.data_blocks);
  expect("count.entries", stated.entries, found.entries);
  expect("count.erases", stated.erases, found.erases);
  expect("sequence.first", stated.first_sequence, found.first_sequence);
  expect("sequence.last", stated.last_sequence, found.last_sequence);
  expect("size.data", stated_.data_bytes, found_.data_bytes);
  expect("size.keys", stated_.key_bytes, found_.key_bytes);
  expect("size.values", stated_.value_bytes, found_.value_bytes);
  if (compare(stated.first_key, stated.first_tag, found.first_key, found.first_tag) != 0) {
    say("properties: key.first is not the first key");
  }
  if (compare(stated.last_key, stated.last_tag, found.last_key, found.last_tag) != 0) {
    say("properties: key.last is not the last key");
  }
}

inline void TableChecker::expect(std::string_view property, std::uint64_t stated,
                                 std::uint64_t found) {
  if (stated == found) return;
  say("properties: " + std::string(property) + " is " + std::to_string(stated) + ", counted " +
      std::to_string(found));
}

}  // namespace detail

inline std::vector<std::string> check_table(const ReadableFile& file, std::string_view name,
                                            std::uint64_t table_id) {
  return detail::TableChecker(file, name, table_id).run();
}

}  // namespace lsmith
