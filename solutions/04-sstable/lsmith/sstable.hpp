// sstable.hpp: a sorted table in one immutable file.
//
//   | data block | data block | … | filter | properties | index | footer |
//        ▲            ▲                                    │  ▲       │
//        └────────────┴──── one entry for each block ──────┘  └───────┘
//
// A builder takes sorted entries and cuts them into blocks of a few kilobytes, each with a checksum
// behind it. The index is a block too: for each data block its last key and tag (a fence), and the
// handle that says where the block stands. The footer has a fixed size, so a reader begins there.
//
// To find a target, seek it in the index: the first fence that is not before the target is that of
// the only block which can hold it. A fence may also be larger than the last entry of its block
// (other encoders choose shorter keys), so a target may lie between the two; then the first entry
// of the next block is the one sought.
//
// A cursor has two levels: one cursor over the index, one inside the block on which the first
// stands. When the inner one walks off its block, the outer one moves and a new inner one begins.
//
// Invariants
//  1. A block is believed only after its checksum, which is bound to table and offset, was right.
//  2. The inner cursor is in the block on which the outer one stands; without an inner cursor the
//     table's cursor is not valid.
//
// Threads: a Table is not changed after open(), so any number of threads may share it; each cursor,
// and a builder, belongs to one. Cost: each block is read from the file whenever it is entered.
#pragma once

#include <lsmith/block.hpp>
#include <lsmith/bloom.hpp>
#include <lsmith/cache.hpp>
#include <lsmith/cursor.hpp>
#include <lsmith/file.hpp>
#include <lsmith/key.hpp>
#include <lsmith/options.hpp>
#include <lsmith/status.hpp>
#include <lsmith/table_format.hpp>

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lsmith {

/// Writes a table from sorted entries; book/format.md, section 7. The first failure is final. One
/// thread at a time.
class TableBuilder {
 public:
  /// Takes a new, empty file. `table_id` is random. Of the options it reads block_bytes and
  /// bloom_bits_per_key.
  TableBuilder(const Options& options, std::unique_ptr<WritableFile> file, std::uint64_t table_id);

  /// Adds an entry, copying it. invalid_argument unless it sorts after the one before, and key
  /// and value are within their limits.
  Status add(std::string_view key, std::uint64_t tag, std::string_view value);
  std::uint64_t entry_count() const;
  /// Bytes that the file would have about now; what table_bytes is compared with.
  std::uint64_t size_bytes() const;
  /// Writes the rest, syncs and closes the file, and says what the table holds; the number is
  /// left to the caller. Requires at least one entry. The file's name is not durable yet
  /// (sync_dir).
  Result<TableMeta> finish();

 private:
  void count_entry(std::string_view key, std::uint64_t tag, std::string_view value);
  Result<BlockHandle> write_block(const std::string& body);
  Status end_data_block();
  Status write_rest();

  const std::size_t block_bytes_;
  std::unique_ptr<WritableFile> file_;
  TableProperties properties_;  // of what was added so far; meta.last_key is the entry before
  BlockBuilder data_;
  BlockBuilder index_;
  std::optional<BloomBuilder> filter_;
  std::uint64_t offset_ = 0;  // where the next block goes
  Status status_;             // the first failure
};

class TableCursor;

/// An open table. Thread-safe. Its cursors borrow it.
class Table {
 public:
  /// Reads footer, properties, index and filter. `name` is for messages. `number` names the table
  /// in `cache`, which may be null and outlives the table. When the footer's id is not
  /// `table_id`, the wrong file stands under this name: corruption.
  static Result<std::unique_ptr<Table>> open(std::unique_ptr<ReadableFile> file, std::string name,
                                             std::uint64_t number, std::uint64_t table_id,
                                             BlockCache* cache);
  ~Table();

  /// False only when the table holds no version of a key with this hash. Reads nothing.
  bool may_contain(std::uint64_t hash) const;
  /// A hint that may_contain and get follow for this target. It may do nothing.
  void prefetch(const Target& target) const;
  /// The tag of the newest version of target.key not newer than target.sequence, or nothing. For
  /// a put the value is copied into `value`. Asks the filter first.
  Result<std::optional<std::uint64_t>> get(const Target& target, std::string& value) const;
  TableCursor cursor(ReadPattern pattern) const;
  const TableProperties& properties() const;
  /// Reads all of it and says every violation: checksums, order, index, filter, properties.
  std::vector<std::string> check() const;

 private:
  friend class TableCursor;

  Table(std::unique_ptr<ReadableFile> file, std::string name, std::uint64_t table_id);
  Status load();
  Result<Footer> read_footer() const;
  Result<std::string> read_block(BlockHandle handle) const;
  Result<std::string> read_data_block(std::string_view fence_value) const;
  Result<Block> open_block(std::string_view body) const;

  std::unique_ptr<ReadableFile> file_;
  std::string name_;
  std::uint64_t table_id_;
  TableProperties properties_;
  std::string index_body_;
  std::string filter_body_;  // empty: no filter
};

/// Walks a table; see the laws of cursor.hpp. Borrows the table; key() and value() live until the
/// next move. One thread at a time.
class TableCursor {
 public:
  bool is_valid() const;
  void seek_to_first();
  void seek_to_last();
  void seek(std::string_view key, std::uint64_t tag);
  void prepare(std::string_view key, std::uint64_t tag);
  void next();
  void prev();
  std::string_view key() const;
  std::uint64_t tag() const;
  std::string_view value() const;
  Status status() const;

 private:
  friend class Table;

  TableCursor(const Table& table, const Block& index);
  bool enter_block();
  bool left_block();
  void skip_forward();
  void skip_backward();

  const Table* table_;
  BlockCursor index_;
  std::unique_ptr<std::string> body_;  // by pointer: it must not move when the cursor does
  std::optional<BlockCursor> block_;   // inside *body_
  Status status_;
};

inline TableBuilder::TableBuilder(const Options& options, std::unique_ptr<WritableFile> file,
                                  std::uint64_t table_id)
    : block_bytes_(options.block_bytes), file_(std::move(file)) {
  properties_.meta.table_id = table_id;
  if (options.bloom_bits_per_key > 0) filter_.emplace(options.bloom_bits_per_key);
}

inline Status TableBuilder::add(std::string_view key, std::uint64_t tag, std::string_view value) {
  if (!status_.ok()) return status_;
  const TableMeta& meta = properties_.meta;
  if (key.size() > key_bytes_max || value.size() > value_bytes_max) {
    status_ = Status(Code::invalid_argument,
                     "table entry " + std::to_string(meta.entries) + ": too large");
  } else if (meta.entries > 0 && compare(meta.last_key, meta.last_tag, key, tag) >= 0) {
    status_ = Status(Code::invalid_argument, "table entry " + std::to_string(meta.entries) +
                                                 ": does not sort after the entry before it");
  }
  if (!status_.ok()) return status_;

  count_entry(key, tag, value);
  data_.add(key, tag, value);
  if (data_.size_bytes() >= block_bytes_) status_ = end_data_block();
  return status_;
}

inline std::uint64_t TableBuilder::entry_count() const {
  return properties_.meta.entries;
}

inline std::uint64_t TableBuilder::size_bytes() const {
  return offset_ + data_.size_bytes();
}

inline Result<TableMeta> TableBuilder::finish() {
  assert(!status_.ok() || entry_count() > 0);
  if (status_.ok()) status_ = write_rest();
  if (!status_.ok()) return status_;
  return properties_.meta;
}

inline void TableBuilder::count_entry(std::string_view key, std::uint64_t tag,
                                      std::string_view value) {
  TableMeta& meta = properties_.meta;
  const Sequence sequence = sequence_of(tag);
  if (meta.entries == 0) {
    meta.first_key = key;
    meta.first_tag = tag;
    meta.first_sequence = meta.last_sequence = sequence;
  }
  meta.last_key = key;
  meta.last_tag = tag;
  meta.first_sequence = std::min(meta.first_sequence, sequence);
  meta.last_sequence = std::max(meta.last_sequence, sequence);
  meta.entries += 1;
  if (kind_of(tag) == Kind::erase) meta.erases += 1;
  properties_.key_bytes += key.size();
  properties_.value_bytes += value.size();
  if (filter_) filter_->add(hash_bytes(key));
}

inline Result<BlockHandle> TableBuilder::write_block(const std::string& body) {
  const BlockHandle handle{offset_, static_cast<std::uint32_t>(body.size())};
  const std::string trailer = encode_block_trailer(properties_.meta.table_id, offset_, body);
  if (Status s = file_->append(body + trailer); !s.ok()) return s;
  offset_ += body.size() + trailer.size();
  return handle;
}

inline Status TableBuilder::end_data_block() {
  Result<BlockHandle> handle = write_block(data_.finish());
  if (!handle.ok()) return std::move(handle).status();
  index_.add(properties_.meta.last_key, properties_.meta.last_tag, encode_handle(*handle));
  properties_.data_blocks += 1;
  properties_.data_bytes = offset_;
  return {};
}

inline Status TableBuilder::write_rest() {
  if (data_.entry_count() > 0) {
    if (Status s = end_data_block(); !s.ok()) return s;
  }
  if (filter_) {
    Result<BlockHandle> handle = write_block(filter_->finish());
    if (!handle.ok()) return std::move(handle).status();
    properties_.filter = *handle;
  }
  Result<BlockHandle> properties = write_block(encode_properties(properties_));
  if (!properties.ok()) return std::move(properties).status();
  Result<BlockHandle> index = write_block(index_.finish());
  if (!index.ok()) return std::move(index).status();

  properties_.meta.file_bytes = offset_ + footer_bytes;
  const Footer footer{*index, *properties, properties_.meta.table_id, properties_.meta.file_bytes};
  if (Status s = file_->append(encode_footer(footer)); !s.ok()) return s;
  if (Status s = file_->sync(); !s.ok()) return s;
  return file_->close();
}

inline Table::Table(std::unique_ptr<ReadableFile> file, std::string name, std::uint64_t table_id)
    : file_(std::move(file)), name_(std::move(name)), table_id_(table_id) {}

inline Result<std::unique_ptr<Table>> Table::open(std::unique_ptr<ReadableFile> file,
                                                  std::string name, std::uint64_t number,
                                                  std::uint64_t table_id, BlockCache*) {
  // The constructor is private, which make_unique can not reach.
  std::unique_ptr<Table> table(new Table(std::move(file), std::move(name), table_id));
  if (Status s = table->load(); !s.ok()) return std::move(s).in(table->name_);
  table->properties_.meta.number = number;
  return Result<std::unique_ptr<Table>>(std::move(table));
}

inline Table::~Table() = default;

inline Status Table::load() {
  const Result<Footer> footer = read_footer();
  if (!footer.ok()) return footer.status();
  Result<std::string> body = read_block(footer->properties);
  if (!body.ok()) return std::move(body).status();
  Result<TableProperties> properties = decode_properties(*body);
  if (!properties.ok()) return std::move(properties).status();
  properties_ = *std::move(properties);
  properties_.meta.table_id = table_id_;
  properties_.meta.file_bytes = footer->file_bytes;

  body = read_block(footer->index);
  if (!body.ok()) return std::move(body).status();
  index_body_ = *std::move(body);
  const Result<Block> index = Block::open(index_body_);
  if (!index.ok()) return index.status();
  if (index->entry_count() != properties_.data_blocks) {
    return Status(Code::corruption, "index and properties disagree on the number of blocks");
  }
  if (properties_.filter.size == 0) return {};
  body = read_block(properties_.filter);
  if (body.ok()) filter_body_ = *std::move(body);
  return body.status();
}

inline Result<Footer> Table::read_footer() const {
  const std::uint64_t file_bytes = file_->size_bytes();
  std::string bytes(static_cast<std::size_t>(std::min<std::uint64_t>(file_bytes, footer_bytes)), 0);
  if (Status s = file_->read(file_bytes - bytes.size(), bytes.data(), bytes.size()); !s.ok()) {
    return s;
  }
  Result<Footer> footer = decode_footer(bytes, file_bytes);
  if (footer.ok() && footer->table_id != table_id_) {
    return Status(Code::corruption, "the wrong file has this name: it has another table's id");
  }
  return footer;
}

inline Result<std::string> Table::read_block(BlockHandle handle) const {
  const std::uint64_t end = file_->size_bytes() - footer_bytes;
  const std::uint64_t size = std::uint64_t{handle.size} + block_trailer_bytes;
  if (size > end || handle.offset > end - size) {
    return Status(Code::corruption,
                  "block at offset " + std::to_string(handle.offset) + ": beyond the file");
  }
  std::string bytes(static_cast<std::size_t>(size), '\0');
  if (Status s = file_->read(handle.offset, bytes.data(), bytes.size()); !s.ok()) return s;
  if (Status s = check_block(table_id_, handle.offset, bytes); !s.ok()) return s;
  bytes.resize(handle.size);
  return bytes;
}

inline bool Table::may_contain(std::uint64_t hash) const {
  return filter_body_.empty() || BloomFilter(filter_body_).may_contain(hash);
}

inline void Table::prefetch(const Target&) const {}

inline Result<std::optional<std::uint64_t>> Table::get(const Target& target,
                                                       std::string& value) const {
  if (!may_contain(target.hash)) return std::optional<std::uint64_t>();
  const Result<Block> index = open_block(index_body_);
  if (!index.ok()) return index.status();
  BlockCursor fence = index->cursor();
  for (fence.seek(target.key, target.tag()); fence.is_valid(); fence.next()) {
    const Result<std::string> body = read_data_block(fence.value());
    if (!body.ok()) return body.status();
    const Result<Block> block = open_block(*body);
    if (!block.ok()) return block.status();
    const Result<std::optional<Entry>> found = block->get(target);
    if (!found.ok()) return Status(found.status()).in(name_);
    if (found->has_value()) {
      if (kind_of((*found)->tag) == Kind::put) value.assign((*found)->value);
      return std::optional<std::uint64_t>((*found)->tag);
    }
    // Everything behind this fence is larger: only with the fence's own key can it be the target's.
    if (fence.key() != target.key) break;
  }
  // A loop that ended by a damaged index must not look like a key that is not there.
  if (Status s = fence.status(); !s.ok()) return std::move(s).in(name_);
  return std::optional<std::uint64_t>();
}

inline TableCursor Table::cursor(ReadPattern) const {
  return TableCursor(*this, *Block::open(index_body_));  // load() saw that it opens
}

inline const TableProperties& Table::properties() const {
  return properties_;
}

inline std::vector<std::string> Table::check() const {
  return check_table(*file_, name_, table_id_);
}

inline Result<std::string> Table::read_data_block(std::string_view fence_value) const {
  const Result<BlockHandle> handle = decode_handle(fence_value);
  if (!handle.ok()) return Status(handle.status()).in(name_);
  Result<std::string> body = read_block(*handle);
  if (!body.ok()) return std::move(body).status().in(name_);
  return body;
}

inline Result<Block> Table::open_block(std::string_view body) const {
  Result<Block> block = Block::open(body);
  if (!block.ok()) return std::move(block).status().in(name_);
  if (block->entry_count() == 0) return Status(Code::corruption, name_ + ": an empty block");
  return block;
}

inline TableCursor::TableCursor(const Table& table, const Block& index)
    : table_(&table), index_(index.cursor()) {}

inline bool TableCursor::is_valid() const {
  return block_ && block_->is_valid();
}

inline void TableCursor::seek_to_first() {
  index_.seek_to_first();
  if (enter_block()) block_->seek_to_first();
  skip_forward();
}

inline void TableCursor::seek_to_last() {
  index_.seek_to_last();
  if (enter_block()) block_->seek_to_last();
  skip_backward();
}

inline void TableCursor::seek(std::string_view key, std::uint64_t tag) {
  index_.seek(key, tag);
  if (enter_block()) block_->seek(key, tag);
  skip_forward();  // the target may lie between the last entry of its block and the fence
}

inline void TableCursor::prepare(std::string_view, std::uint64_t) {}

inline void TableCursor::next() {
  assert(is_valid());
  block_->next();
  skip_forward();
}

inline void TableCursor::prev() {
  assert(is_valid());
  block_->prev();
  skip_backward();
}

inline std::string_view TableCursor::key() const {
  return block_->key();
}

inline std::uint64_t TableCursor::tag() const {
  return block_->tag();
}

inline std::string_view TableCursor::value() const {
  return block_->value();
}

inline Status TableCursor::status() const {
  return status_;
}

// Reads the block on which the index cursor stands. False when there is none, or it can not be
// read.
inline bool TableCursor::enter_block() {
  block_.reset();
  status_ = index_.status().in(table_->name_);
  if (!index_.is_valid()) return false;
  Result<std::string> body = table_->read_data_block(index_.value());
  if (!body.ok()) {
    status_ = std::move(body).status();
    return false;
  }
  body_ = std::make_unique<std::string>(*std::move(body));
  const Result<Block> block = table_->open_block(*body_);
  status_ = block.status();
  if (block.ok()) block_.emplace(*block);
  return block.ok();
}

// Whether the inner cursor came to an end of its block; when it failed instead, all has failed.
inline bool TableCursor::left_block() {
  if (!block_ || block_->is_valid()) return false;
  status_ = block_->status();
  if (status_.ok()) return true;
  status_ = std::move(status_).in(table_->name_);
  block_.reset();
  return false;
}

inline void TableCursor::skip_forward() {
  while (left_block()) {
    index_.next();
    if (enter_block()) block_->seek_to_first();
  }
}

inline void TableCursor::skip_backward() {
  while (left_block()) {
    index_.prev();
    if (enter_block()) block_->seek_to_last();
  }
}

}  // namespace lsmith
