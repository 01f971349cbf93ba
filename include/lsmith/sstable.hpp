// sstable.hpp: a sorted table in one immutable file.
//
//   | data block | data block | … | filter | properties | index | footer |
//        ▲            ▲                                    │  ▲       │
//        └────────────┴──── one entry for each block ──────┘  └───────┘
//
// A builder takes sorted entries and cuts them into blocks of a few kilobytes. The index is a block
// too: for each data block a key and tag (a fence) that no entry of the block exceeds and that
// every later entry exceeds, and where the block stands. To find a target, seek it in the index:
// the first fence that is not before the target is that of the only block which can hold it. Nearly
// so: a target may lie between the last entry of its block and the fence, and then the first entry
// of the next block is the one sought.
//
// What this changes from the textbook:
//  - Opening costs one read of the last 64 KiB, and at most three more where that was too little.
//  - Data blocks are read through the block cache; or from a mapped file, where a bitmap remembers
//    which blocks were checked, so that each is checked once.
//  - A cursor that is seen to walk in order reads ahead, in windows that double up to 256 KiB.
//  - Fences are shortened to a few bytes where the user keys around them differ early. In an open
//    table they stand apart from the index that they were read from (detail/table_fences.hpp), so a
//    search ends where the block's place is. An index with a fault is refused when it is opened.
//  - A seek may be prepared in two stages: the block's head is asked for, then the row.
//  - A walk backwards through a mapped table asks for the lines that it will need a block further
//    on, and its values stay where they are when it has passed them: nobody need copy one.
//  - The filter's body stands at a multiple of 64, so that each of its lines is one cache line.
//
// What it buys, in one table of a million entries of 16 + 100 bytes: a get costs about 3.1 us when
// each block is read anew, 1.5 us from the cache, 1.2 us mapped; a scan about 60 ns an entry
// through reads (nearly half of it the checksum and the kernel's copy), 33 ns mapped and checked
// before.
//
// Invariants
//  1. Index and filter are checked once, when the table is opened, and kept in memory; they count
//     against the cache's budget for as long as the table is open.
//  2. A data block is believed only after its checksum, seeded with the table's id and its offset,
//     was found right. What a cursor reads ahead is checked block by block as it is entered.
//  3. A cursor that stands on an entry has a block cursor inside the block at position_; no block
//     cursor means that it is not valid.
//
// Threads: a Table may be shared by any number of threads; each cursor, and a builder, by one.
#pragma once

#include <lsmith/block.hpp>
#include <lsmith/bloom.hpp>
#include <lsmith/cache.hpp>
#include <lsmith/cursor.hpp>
#include <lsmith/detail/table_fences.hpp>
#include <lsmith/file.hpp>
#include <lsmith/key.hpp>
#include <lsmith/options.hpp>
#include <lsmith/status.hpp>
#include <lsmith/table_format.hpp>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
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
  Status check_entry(std::string_view key, std::uint64_t tag, std::string_view value) const;
  void count_entry(std::string_view key, std::uint64_t tag, std::string_view value);
  Result<BlockHandle> write_block(std::string_view body);
  Status write_data_block();
  void add_fence(std::string_view next_key);
  Status write_rest();

  const std::size_t block_bytes_;
  const std::unique_ptr<WritableFile> file_;
  TableProperties properties_;  // of what was added so far; meta.last_key is the entry before
  BlockBuilder data_;
  BlockBuilder index_;
  std::optional<BloomBuilder> filter_;
  std::optional<BlockHandle> unfenced_;  // the last data block, until the entry behind it is known
  std::uint64_t offset_ = 0;             // where the next block goes
  Status status_;                        // the first failure
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

  // The end of the file, read at once.
  struct Tail {
    std::uint64_t offset = 0;
    std::string bytes;
  };
  struct alignas(64) FilterLine {
    char bytes[64];
  };

  Table(std::unique_ptr<ReadableFile> file, std::string name, std::uint64_t number,
        std::uint64_t table_id, BlockCache* cache);
  Status load();
  Result<Footer> load_footer(Tail& tail) const;
  Result<BlockPin> load_block(BlockHandle handle, const Tail& tail) const;
  Status load_fences(BlockHandle handle, const Tail& tail);
  Status load_filter(const Tail& tail);
  void reserve();

  Result<BlockHandle> data_handle(std::uint32_t position) const;
  Result<BlockPin> fetch(std::uint32_t position, BlockHandle handle) const;
  BlockPin find_cached(BlockHandle handle) const;
  Result<BlockPin> fetch_mapped(std::uint32_t position, BlockHandle handle) const;
  Result<BlockPin> fetch_read(BlockHandle handle) const;
  Result<BlockBytes> read_block(BlockHandle handle, BlockBytes memory) const;
  Result<Block> open_data_block(BlockHandle handle, std::string_view body) const;
  Result<std::optional<std::uint64_t>> get_in_block(std::uint32_t position, const Target& target,
                                                    std::string& value) const;
  Status blame(Status failure, std::uint64_t offset) const;

  static constexpr std::uint64_t tail_bytes_max = 64 << 10;

  const std::unique_ptr<ReadableFile> file_;
  const std::string_view mapped_;  // empty when the file is read, not mapped
  const std::string name_;
  const std::uint64_t number_;
  const std::uint64_t table_id_;
  BlockCache* const cache_;
  TableProperties properties_;
  detail::TableFences fences_;
  std::vector<FilterLine> filter_lines_;
  std::optional<BloomFilter> filter_;
  // Which blocks of a mapped file were found right, a bit for each. Relaxed: the bytes that a bit
  // vouches for do not change, and a thread that does not see it yet checks the block once more.
  mutable std::vector<std::atomic<std::uint64_t>> checked_;
  std::int64_t reserved_bytes_ = 0;
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
  friend struct StayingValue;

  TableCursor(const Table& table, ReadPattern pattern);
  bool value_stays() const { return !table_->mapped_.empty(); }
  std::uint32_t find(std::string_view key, std::uint64_t tag) const;
  bool pin_block(std::uint32_t position);
  bool enter_block(std::uint32_t position);
  void skip_forward();
  void skip_backward();
  void bring_near() const;
  bool is_at_end_of_block();
  void fail(Status failure);
  Result<BlockPin> fetch(std::uint32_t position, BlockHandle handle);
  Result<BlockPin> read_ahead(BlockHandle handle, bool is_backward);
  bool is_in_window(BlockHandle handle) const;
  void fill_window(BlockHandle handle, bool is_backward);

  static constexpr std::size_t window_bytes_min = 16 << 10;
  static constexpr std::size_t window_bytes_max = 256 << 10;
  // Blocks in order before a walk counts as long. Those of shorter walks go through the cache, so
  // that repeated short ones find them there.
  static constexpr int neighbours_min = 8;

  const Table* table_;
  ReadPattern pattern_;
  int neighbours_ = 0;          // blocks in a row that stand beside the one before
  std::uint32_t position_ = 0;  // of the block that is sought, among all of the table
  std::optional<BlockCursor> block_;
  BlockHandle handle_;  // of the block that is pinned
  BlockPin pin_;
  std::size_t reach_bytes_ = 0;  // from a row to the one before it that is brought near; 0: none
  std::vector<char> window_;     // whole blocks, read ahead and not checked yet
  std::uint64_t window_offset_ = 0;
  std::size_t window_bytes_ = 0;  // its next size, when it grows
  Status status_;
};

inline TableBuilder::TableBuilder(const Options& options, std::unique_ptr<WritableFile> file,
                                  std::uint64_t table_id)
    : block_bytes_(options.block_bytes), file_(std::move(file)) {
  assert(file_ != nullptr);
  properties_.meta.table_id = table_id;
  if (options.bloom_bits_per_key > 0) filter_.emplace(options.bloom_bits_per_key);
}

inline Status TableBuilder::add(std::string_view key, std::uint64_t tag, std::string_view value) {
  if (!status_.ok()) return status_;
  if (status_ = check_entry(key, tag, value); !status_.ok()) return status_;
  if (unfenced_) add_fence(key);
  count_entry(key, tag, value);
  data_.add(key, tag, value);
  if (data_.size_bytes() >= block_bytes_) status_ = write_data_block();
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

// A message names no bytes of a value, and of a key no more than finds it again.
inline Status TableBuilder::check_entry(std::string_view key, std::uint64_t tag,
                                        std::string_view value) const {
  const TableMeta& meta = properties_.meta;
  const bool is_in_order = meta.entries == 0 || compare(meta.last_key, meta.last_tag, key, tag) < 0;
  if (is_in_order && key.size() <= key_bytes_max && value.size() <= value_bytes_max) return {};

  std::string message = "table entry " + std::to_string(meta.entries) + ", a key of " +
                        std::to_string(key.size()) + " bytes (";
  for (const char byte : key.substr(0, 8)) {
    constexpr char digits[] = "0123456789abcdef";
    message += digits[static_cast<unsigned char>(byte) >> 4];
    message += digits[static_cast<unsigned char>(byte) & 15];
  }
  message += ") and a value of " + std::to_string(value.size()) + " bytes";
  return {Code::invalid_argument,
          message + (is_in_order ? ": too large" : ": does not sort after the entry before it")};
}

inline void TableBuilder::count_entry(std::string_view key, std::uint64_t tag,
                                      std::string_view value) {
  TableMeta& meta = properties_.meta;
  const Sequence sequence = sequence_of(tag);
  const bool is_first = meta.entries == 0;
  if (is_first) {
    meta.first_key = key;
    meta.first_tag = tag;
    meta.first_sequence = meta.last_sequence = sequence;
  }
  if (filter_ && (is_first || key != meta.last_key)) filter_->add(hash_bytes(key));
  meta.last_key = key;
  meta.last_tag = tag;
  meta.first_sequence = std::min(meta.first_sequence, sequence);
  meta.last_sequence = std::max(meta.last_sequence, sequence);
  meta.entries += 1;
  meta.erases += kind_of(tag) == Kind::erase ? 1 : 0;
  properties_.key_bytes += key.size();
  properties_.value_bytes += value.size();
}

inline Result<BlockHandle> TableBuilder::write_block(std::string_view body) {
  if (body.size() > detail::block_body_bytes_max) {
    return Status(Code::invalid_argument, "a block of " + std::to_string(body.size()) +
                                              " bytes: options.block_bytes is too large");
  }
  const BlockHandle handle{offset_, static_cast<std::uint32_t>(body.size())};
  const std::string trailer = encode_block_trailer(properties_.meta.table_id, offset_, body);
  if (Status s = file_->append(body); !s.ok()) return s;
  if (Status s = file_->append(trailer); !s.ok()) return s;
  offset_ = detail::block_end(handle);
  return handle;
}

inline Status TableBuilder::write_data_block() {
  assert(!unfenced_);
  Result<BlockHandle> handle = write_block(data_.finish());
  if (!handle.ok()) return std::move(handle).status();
  unfenced_ = *handle;
  properties_.data_blocks += 1;
  properties_.data_bytes = offset_;
  return {};
}

// The beginning of the next key, up to the byte that tells it from the last key, lies between the
// two; where that is not shorter, or is the next key itself, the last entry is its own fence.
inline void TableBuilder::add_fence(std::string_view next_key) {
  const std::string& last_key = properties_.meta.last_key;
  const auto differ =
      std::mismatch(last_key.begin(), last_key.end(), next_key.begin(), next_key.end());
  const auto bytes = static_cast<std::size_t>(differ.second - next_key.begin()) + 1;
  if (bytes < std::min(last_key.size(), next_key.size())) {
    index_.add(next_key.substr(0, bytes), tag_oldest, encode_handle(*unfenced_));
  } else {
    index_.add(last_key, properties_.meta.last_tag, encode_handle(*unfenced_));
  }
  unfenced_.reset();
}

inline Status TableBuilder::write_rest() {
  if (data_.entry_count() > 0) {
    if (Status s = write_data_block(); !s.ok()) return s;
  }
  if (unfenced_) add_fence({});  // nothing follows
  if (filter_) {
    Result<BlockHandle> handle = write_block(filter_->finish());
    if (!handle.ok()) return std::move(handle).status();
    properties_.filter = *handle;
  }
  Result<BlockHandle> properties = write_block(encode_properties(properties_));
  if (!properties.ok()) return std::move(properties).status();
  Result<BlockHandle> index = write_block(index_.finish());
  if (!index.ok()) return std::move(index).status();

  TableMeta& meta = properties_.meta;
  meta.file_bytes = offset_ + footer_bytes;
  const Footer footer{*index, *properties, meta.table_id, meta.file_bytes};
  if (Status s = file_->append(encode_footer(footer)); !s.ok()) return s;
  if (Status s = file_->sync(); !s.ok()) return s;
  return file_->close();
}

}  // namespace lsmith

#include <lsmith/detail/table_reader.hpp>
