// sstable.hpp: a sorted table in one immutable file. Yours to write; book/04-sstable.md explains.
//
// Goal: sorted entries into a file that is opened with few reads, answers a get with one, is walked
// both ways, and never answers wrongly, whatever has happened to its bytes.
//
//   | data block | data block | … | filter | properties | index | footer |
//        ▲            ▲                                    │  ▲       │
//        └────────────┴──── one entry for each block ──────┘  └───────┘
//
// The index is a block too. For each data block it holds a fence, which is a key and tag that no
// entry of the block exceeds and every later entry does, and as value the block's handle.
//
// Steps (each is checked by `labs/lab check 04`)
//   04.1  TableBuilder::add, entry_count, size_bytes, finish    about 50 minutes
//   04.2  Table::load, read_block, may_contain, get             about 60 minutes
//   04.3  Table::cursor; all of TableCursor but what is given   about 50 minutes
//   04.4  the checksums, in Table::read_block: no function of   about 20 minutes
//         its own; and every failure names the file
//
// Given: all of table_format.hpp (handles, trailers, footer, properties: read its declarations
// first), blocks, filters; the fields; the bookkeeping in count_entry; Table::open and read_footer;
// prefetch, properties and check; the cursor's accessors. The format: book/format.md, section 7.
//
// Invariants
//  1. A block is believed only after its checksum, which is bound to table and offset, was right.
//  2. The inner cursor is in the block on which the outer one stands; without an inner cursor the
//     table's cursor is not valid.
//  3. A cursor, or a get, that failed never looks like one that came to an end.
//
// The public declarations are the contract that the rest of the engine calls: leave them as they
// are. Everything below each `private:` is yours, what is given there too, and so are helpers,
// includes and bodies. This textbook reads each block from the file whenever it needs it: the cache
// and the read pattern may be ignored.
//
// Threads: a Table is not changed after open(), so any number of threads may share it; each cursor,
// and a builder, belongs to one.
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
  // Given: takes an accepted entry into the properties and the filter.
  void count_entry(std::string_view key, std::uint64_t tag, std::string_view value);

  // What the rules of the format have against this entry.
  Status judge(std::string_view key, std::uint64_t tag, std::string_view value) const;
  // Appends a block with its trailer; a failure is in status_.
  BlockHandle write_block(const std::string& body);
  // Writes the open block and fences it.
  void end_data_block();

  const std::size_t block_bytes_;
  std::unique_ptr<WritableFile> file_;
  TableProperties properties_;  // of what was added so far; meta.last_key is the entry before
  BlockBuilder data_;           // the open block
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
  // get(), but for the filter and for the file's name in what went wrong.
  Result<std::optional<std::uint64_t>> find(const Target& target, std::string& value) const;

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

  void start();
  void fail(Status status);
  // Reads the block on which the index cursor stands; false when it stands nowhere, or on failure.
  bool enter_block();
  // Goes on to the next block (the one before) while the inner cursor is at its end.
  void skip_forward();
  void skip_backward();

  const Table* table_;
  BlockCursor index_;
  std::unique_ptr<std::string> body_;  // by pointer: it must not move when the cursor does
  std::optional<BlockCursor> block_;   // inside *body_
  Status status_;
};

// Given.
inline TableBuilder::TableBuilder(const Options& options, std::unique_ptr<WritableFile> file,
                                  std::uint64_t table_id)
    : block_bytes_(options.block_bytes), file_(std::move(file)) {
  properties_.meta.table_id = table_id;
  if (options.bloom_bits_per_key > 0) filter_.emplace(options.bloom_bits_per_key);
}

inline Status TableBuilder::judge(std::string_view key, std::uint64_t tag,
                                  std::string_view value) const {
  if (key.size() > key_bytes_max) {
    return {Code::invalid_argument, "a key of " + std::to_string(key.size()) +
                                        " bytes exceeds the limit of " +
                                        std::to_string(key_bytes_max)};
  }
  if (value.size() > value_bytes_max) {
    return {Code::invalid_argument, "a value of " + std::to_string(value.size()) +
                                        " bytes exceeds the limit of " +
                                        std::to_string(value_bytes_max)};
  }
  const TableMeta& meta = properties_.meta;
  if (meta.entries > 0 && compare(meta.last_key, meta.last_tag, key, tag) >= 0) {
    return {Code::invalid_argument, "an entry does not sort after the one before it"};
  }
  return {};
}

inline BlockHandle TableBuilder::write_block(const std::string& body) {
  const BlockHandle handle{offset_, static_cast<std::uint32_t>(body.size())};
  if (status_.ok()) status_ = file_->append(body);
  if (status_.ok()) {
    status_ = file_->append(encode_block_trailer(properties_.meta.table_id, offset_, body));
  }
  offset_ += body.size() + block_trailer_bytes;
  return handle;
}

inline void TableBuilder::end_data_block() {
  const BlockHandle handle = write_block(data_.finish());
  index_.add(properties_.meta.last_key, properties_.meta.last_tag, encode_handle(handle));
  properties_.data_blocks += 1;
  properties_.data_bytes += handle.size + block_trailer_bytes;
}

inline Status TableBuilder::add(std::string_view key, std::uint64_t tag, std::string_view value) {
  if (status_.ok()) status_ = judge(key, tag, value);
  if (!status_.ok()) return status_;
  count_entry(key, tag, value);
  data_.add(key, tag, value);
  if (data_.size_bytes() >= block_bytes_) end_data_block();
  return status_;
}

inline std::uint64_t TableBuilder::entry_count() const {
  return properties_.meta.entries;
}

inline std::uint64_t TableBuilder::size_bytes() const {
  return offset_ + (data_.entry_count() > 0 ? data_.size_bytes() : 0);
}

inline Result<TableMeta> TableBuilder::finish() {
  assert(entry_count() > 0);
  if (!status_.ok()) return status_;
  if (data_.entry_count() > 0) end_data_block();
  if (filter_) properties_.filter = write_block(filter_->finish());
  Footer footer;
  footer.properties = write_block(encode_properties(properties_));
  footer.index = write_block(index_.finish());
  footer.table_id = properties_.meta.table_id;
  footer.file_bytes = offset_ + footer_bytes;
  if (status_.ok()) status_ = file_->append(encode_footer(footer));
  if (status_.ok()) status_ = file_->sync();
  if (status_.ok()) status_ = file_->close();
  if (!status_.ok()) return status_;
  properties_.meta.file_bytes = footer.file_bytes;
  return properties_.meta;
}

// Given.
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

// Given.
inline Table::Table(std::unique_ptr<ReadableFile> file, std::string name, std::uint64_t table_id)
    : file_(std::move(file)), name_(std::move(name)), table_id_(table_id) {}

// Given. Whatever load() complains about gets the file's name.
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

  Result<std::string> properties_body = read_block(footer->properties);
  if (!properties_body.ok()) return std::move(properties_body).status();
  Result<TableProperties> properties = decode_properties(*properties_body);
  if (!properties.ok()) return std::move(properties).status();
  properties_ = *std::move(properties);
  properties_.meta.table_id = footer->table_id;
  properties_.meta.file_bytes = footer->file_bytes;

  Result<std::string> index_body = read_block(footer->index);
  if (!index_body.ok()) return std::move(index_body).status();
  index_body_ = *std::move(index_body);
  const Result<Block> index = Block::open(index_body_);
  if (!index.ok()) return Status(index.status()).in("index");
  if (index->entry_count() != properties_.data_blocks) {
    return {Code::corruption, "the index has " + std::to_string(index->entry_count()) +
                                  " entries for " + std::to_string(properties_.data_blocks) +
                                  " data blocks"};
  }

  if (properties_.filter.size == 0) return {};
  Result<std::string> filter_body = read_block(properties_.filter);
  if (!filter_body.ok()) return std::move(filter_body).status();
  filter_body_ = *std::move(filter_body);
  return {};
}

// Given. The end of the file, and whether it is the table that was asked for.
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
  const std::uint64_t file_bytes = file_->size_bytes();  // read_footer saw that it has a footer
  if (!detail::fits_before(handle, file_bytes - footer_bytes)) {
    return Status(Code::corruption,
                  "a handle names a block at offset " + std::to_string(handle.offset) + " with " +
                      std::to_string(handle.size) + " bytes, which is not before the footer");
  }
  std::string bytes(std::size_t{handle.size} + block_trailer_bytes, '\0');
  if (Status s = file_->read(handle.offset, bytes.data(), bytes.size()); !s.ok()) return s;
  if (Status s = check_block(table_id_, handle.offset, bytes); !s.ok()) return s;
  bytes.resize(handle.size);
  return bytes;
}

inline bool Table::may_contain(std::uint64_t hash) const {
  return filter_body_.empty() || BloomFilter(filter_body_).may_contain(hash);
}

// Given: a hint. Nothing needs to be done here.
inline void Table::prefetch(const Target&) const {}

inline Result<std::optional<std::uint64_t>> Table::find(const Target& target,
                                                        std::string& value) const {
  const Result<Block> index = Block::open(index_body_);
  if (!index.ok()) return index.status();
  BlockCursor fence = index->cursor();
  for (fence.seek(target.key, target.tag()); fence.is_valid(); fence.next()) {
    const Result<BlockHandle> handle = decode_handle(fence.value());
    if (!handle.ok()) return handle.status();
    const Result<std::string> body = read_block(*handle);
    if (!body.ok()) return body.status();
    const Result<Block> block = Block::open(*body);
    if (!block.ok()) return block.status();
    const Result<std::optional<Entry>> entry = block->get(target);
    if (!entry.ok()) return entry.status();
    if (*entry) {
      if (kind_of((*entry)->tag) != Kind::erase) value = (*entry)->value;
      return std::optional<std::uint64_t>((*entry)->tag);
    }
    if (fence.key() != target.key) return std::optional<std::uint64_t>();
    // The target lies between the block's last entry and its fence: the next block may have it.
  }
  if (!fence.status().ok()) return fence.status();
  return std::optional<std::uint64_t>();
}

inline Result<std::optional<std::uint64_t>> Table::get(const Target& target,
                                                       std::string& value) const {
  if (!may_contain(target.hash)) return std::optional<std::uint64_t>();
  Result<std::optional<std::uint64_t>> found = find(target, value);
  if (!found.ok()) return std::move(found).status().in(name_);
  return found;
}

inline TableCursor Table::cursor(ReadPattern) const {
  return TableCursor(*this, *Block::open(index_body_));
}

// Given.
inline const TableProperties& Table::properties() const {
  return properties_;
}

inline std::vector<std::string> Table::check() const {
  return check_table(*file_, name_, table_id_);
}

// Given.
inline TableCursor::TableCursor(const Table& table, const Block& index)
    : table_(&table), index_(index.cursor()) {}

// Given.
inline bool TableCursor::is_valid() const {
  return block_ && block_->is_valid();
}

inline void TableCursor::start() {
  block_.reset();
  status_ = {};
}

inline void TableCursor::fail(Status status) {
  block_.reset();
  status_ = std::move(status).in(table_->name_);
}

inline bool TableCursor::enter_block() {
  block_.reset();
  if (!index_.is_valid()) {
    if (Status s = index_.status(); !s.ok()) fail(std::move(s));
    return false;
  }
  const Result<BlockHandle> handle = decode_handle(index_.value());
  if (!handle.ok()) return fail(handle.status()), false;
  Result<std::string> body = table_->read_block(*handle);
  if (!body.ok()) return fail(std::move(body).status()), false;
  body_ = std::make_unique<std::string>(*std::move(body));
  const Result<Block> block = Block::open(*body_);
  if (!block.ok()) return fail(block.status()), false;
  block_ = block->cursor();
  return true;
}

inline void TableCursor::skip_forward() {
  while (!block_->is_valid()) {
    if (Status s = block_->status(); !s.ok()) return fail(std::move(s));
    index_.next();
    if (!enter_block()) return;
    block_->seek_to_first();
  }
}

inline void TableCursor::skip_backward() {
  while (!block_->is_valid()) {
    if (Status s = block_->status(); !s.ok()) return fail(std::move(s));
    index_.prev();
    if (!enter_block()) return;
    block_->seek_to_last();
  }
}

inline void TableCursor::seek_to_first() {
  start();
  index_.seek_to_first();
  if (!enter_block()) return;
  block_->seek_to_first();
  skip_forward();
}

inline void TableCursor::seek_to_last() {
  start();
  index_.seek_to_last();
  if (!enter_block()) return;
  block_->seek_to_last();
  skip_backward();
}

inline void TableCursor::seek(std::string_view key, std::uint64_t tag) {
  const std::string wanted(key);  // it may be a view of what this cursor shows
  start();
  index_.seek(wanted, tag);
  if (!enter_block()) return;
  block_->seek(wanted, tag);
  skip_forward();
}

// Given: a hint that a seek follows. Nothing needs to be done here.
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

// Given, as is_valid() above.
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

}  // namespace lsmith
