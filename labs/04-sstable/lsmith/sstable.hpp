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
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
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

  // Two helpers work well: write_block(body), which appends a block with its trailer and returns
  // its handle; and end_data_block(), which writes the open block and adds its fence to the index.

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

  // Helpers that work well: one that reads the block on which the index cursor stands; one that
  // goes on to the next block for as long as the inner cursor has come to an end, and its mirror.

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

inline Status TableBuilder::add(std::string_view, std::uint64_t, std::string_view) {
  // The first failure is final: it is kept in status_, returned by every later call, and nothing
  // more is written. invalid_argument for a key or value beyond its limit (key.hpp), and for an
  // entry that does not sort behind the one before it; the very first has none before it. An
  // accepted entry is counted and goes into the open block. A block ends with the entry that brings
  // it to block_bytes_ or beyond, and is then written at once, with its trailer, and fenced.
  throw std::logic_error("04.1 is not yet written");
}

inline std::uint64_t TableBuilder::entry_count() const {
  throw std::logic_error("04.1 is not yet written");
}

inline std::uint64_t TableBuilder::size_bytes() const {
  // What was written, and the open block: a compaction ends a table by this number.
  throw std::logic_error("04.1 is not yet written");
}

inline Result<TableMeta> TableBuilder::finish() {
  // The open block if anything is in it; then filter (if there is one), properties and index, each
  // a block with its trailer; then the footer. Properties are encoded when all that they tell is
  // known: the filter's handle, the number of data blocks and their bytes. Then one sync and a
  // close. Returns properties_.meta, with the file's size in it, or the first failure.
  throw std::logic_error("04.1 is not yet written");
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
  // Fills properties_ (with table id and file size, which the block of properties does not tell),
  // index_body_ and filter_body_, with four reads at most, all through read_footer and read_block.
  // A filter whose handle has size 0 is absent. The index must open as a block, with as many
  // entries as there are data blocks; anything else is corruption.
  throw std::logic_error("04.2 is not yet written");
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

inline Result<std::string> Table::read_block(BlockHandle) const {
  // The body of the block at this handle, without its trailer; one read. Every block of the table
  // comes through here. A handle is bytes of a file: it must end before the footer, which is found
  // out before anything is read or allocated, and without a sum that can wrap. From step 04.4 on
  // body and trailer must also pass check_block, for this table and this offset.
  throw std::logic_error("04.2 is not yet written");
}

inline bool Table::may_contain(std::uint64_t) const {
  // True when there is no filter. BloomFilter is a view of its body.
  throw std::logic_error("04.2 is not yet written");
}

// Given: a hint. Nothing needs to be done here.
inline void Table::prefetch(const Target&) const {}

inline Result<std::optional<std::uint64_t>> Table::get(const Target&, std::string&) const {
  // What the filter denies is not there, and nothing is read. Else seek the target in the index:
  // the block of the first fence that is not before it is the only one that can hold it, but for
  // one case: the target may lie between the last entry of that block and its fence. Then the next
  // block may begin with the key; it need not be read unless the fence has the very key.
  // A tombstone is found; its value is not copied. Every failure begins with name_, that of the
  // index's cursor too: a loop that ended by it must not look like "nothing".
  throw std::logic_error("04.2 is not yet written");
}

inline TableCursor Table::cursor(ReadPattern) const {
  // A new cursor is not valid. load() saw that the index opens.
  throw std::logic_error("04.3 is not yet written");
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

inline void TableCursor::seek_to_first() {
  // Each of the three seeks starts afresh: what failed before is forgotten.
  throw std::logic_error("04.3 is not yet written");
}

inline void TableCursor::seek_to_last() {
  throw std::logic_error("04.3 is not yet written");
}

inline void TableCursor::seek(std::string_view, std::uint64_t) {
  // The first entry that is not before (key, tag). It may be the first of a later block than the
  // one that the index names: see get.
  throw std::logic_error("04.3 is not yet written");
}

// Given: a hint that a seek follows. Nothing needs to be done here.
inline void TableCursor::prepare(std::string_view, std::uint64_t) {}

inline void TableCursor::next() {
  // Requires is_valid(). Behind the last entry of a block comes the first of the next one. Where
  // there is none the cursor is not valid and its status ok; where one can not be read, or an inner
  // cursor failed, it is not valid and its status says so, and begins with the file's name.
  throw std::logic_error("04.3 is not yet written");
}

inline void TableCursor::prev() {
  // Requires is_valid(). The exact opposite of next().
  throw std::logic_error("04.3 is not yet written");
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
