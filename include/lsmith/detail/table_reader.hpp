// table_reader.hpp: how an open table and its cursors read; a part of sstable.hpp, which alone
// includes it.
#pragma once

#include <lsmith/sstable.hpp>

namespace lsmith {

inline Table::Table(std::unique_ptr<ReadableFile> file, std::string name, std::uint64_t number,
                    std::uint64_t table_id, BlockCache* cache)
    : file_(std::move(file)),
      mapped_(file_->mapped()),
      name_(std::move(name)),
      number_(number),
      table_id_(table_id),
      cache_(cache) {}

inline Result<std::unique_ptr<Table>> Table::open(std::unique_ptr<ReadableFile> file,
                                                  std::string name, std::uint64_t number,
                                                  std::uint64_t table_id, BlockCache* cache) {
  assert(file != nullptr);
  // The constructor is private, which make_unique can not reach.
  std::unique_ptr<Table> table(
      new Table(std::move(file), std::move(name), number, table_id, cache));
  if (Status s = table->load(); !s.ok()) return std::move(s).in(table->name_);
  return Result<std::unique_ptr<Table>>(std::move(table));
}

inline Table::~Table() {
  if (cache_ != nullptr) cache_->reserve(-reserved_bytes_);
}

inline Status Table::load() {
  Tail tail;
  const Result<Footer> footer = load_footer(tail);
  if (!footer.ok()) return footer.status();

  const Result<BlockPin> properties_block = load_block(footer->properties, tail);
  if (!properties_block.ok()) return properties_block.status();
  Result<TableProperties> properties = decode_properties(properties_block->body());
  if (!properties.ok()) return std::move(properties).status();
  properties_ = *std::move(properties);
  properties_.meta.number = number_;
  properties_.meta.table_id = table_id_;
  properties_.meta.file_bytes = footer->file_bytes;
  const std::uint64_t blocks_end = footer->file_bytes - footer_bytes;
  if (properties_.data_bytes > blocks_end) return detail::corrupt("properties: size.data is wrong");

  if (Status s = load_fences(footer->index, tail); !s.ok()) return s;
  if (Status s = load_filter(tail); !s.ok()) return s;
  reserve();
  return {};
}

// One read of the file's end serves the footer and, nearly always, what else opening needs.
inline Result<Footer> Table::load_footer(Tail& tail) const {
  const std::uint64_t file_bytes = file_->size_bytes();
  const std::uint64_t tail_bytes = std::min(file_bytes, tail_bytes_max);
  tail.offset = file_bytes - tail_bytes;
  tail.bytes.resize(static_cast<std::size_t>(tail_bytes));
  if (Status s = file_->read(tail.offset, tail.bytes.data(), tail.bytes.size()); !s.ok()) return s;

  std::string_view bytes = tail.bytes;
  if (bytes.size() > footer_bytes) bytes.remove_prefix(bytes.size() - footer_bytes);
  Result<Footer> footer = decode_footer(bytes, file_bytes);
  if (footer.ok() && footer->table_id != table_id_) {
    return detail::corrupt("footer: the id of another table: the wrong file has this name");
  }
  return footer;
}

// The body of a block other than a data block, out of the tail when it is there.
inline Result<BlockPin> Table::load_block(BlockHandle handle, const Tail& tail) const {
  if (!detail::fits_before(handle, file_->size_bytes() - footer_bytes)) {
    return detail::corrupt(detail::block_at(handle.offset) + ": reaches beyond the file");
  }
  if (handle.offset < tail.offset) {
    Result<BlockBytes> read = read_block(handle, BlockBytes(detail::block_bytes(handle)));
    if (!read.ok()) return std::move(read).status();
    return BlockPin(*std::move(read));
  }
  const std::string_view bytes = std::string_view(tail.bytes)
                                     .substr(static_cast<std::size_t>(handle.offset - tail.offset),
                                             handle.size + block_trailer_bytes);
  if (Status s = check_block(table_id_, handle.offset, bytes); !s.ok()) return s;
  return BlockPin::borrowed(bytes.substr(0, handle.size));
}

inline Status Table::load_fences(BlockHandle handle, const Tail& tail) {
  const Result<BlockPin> pin = load_block(handle, tail);
  if (!pin.ok()) return pin.status();
  const std::string where = detail::block_at(handle.offset);
  const Result<Block> index = Block::open(pin->body());
  if (!index.ok()) return Status(index.status()).in(where);
  if (index->entry_count() != properties_.data_blocks)
    return detail::corrupt(where + ": index and properties disagree");
  Result<detail::TableFences> fences = detail::TableFences::read(*index);
  if (!fences.ok()) return std::move(fences).status().in(where);
  fences_ = *std::move(fences);
  return {};
}

inline Status Table::load_filter(const Tail& tail) {
  if (properties_.filter.size == 0) return {};
  const Result<BlockPin> pin = load_block(properties_.filter, tail);
  if (!pin.ok()) return pin.status();
  const std::string_view body = pin->body();
  filter_lines_.resize((body.size() + sizeof(FilterLine) - 1) / sizeof(FilterLine));
  char* const bytes = reinterpret_cast<char*>(filter_lines_.data());
  std::memcpy(bytes, body.data(), body.size());
  filter_.emplace(std::string_view(bytes, body.size()));
  return {};
}

inline void Table::reserve() {
  if (!mapped_.empty())
    checked_ = std::vector<std::atomic<std::uint64_t>>(std::size_t{fences_.count()} / 64 + 1);
  if (cache_ == nullptr) return;
  reserved_bytes_ = static_cast<std::int64_t>(
      fences_.memory_bytes() + filter_lines_.size() * sizeof(FilterLine) + checked_.size() * 8);
  cache_->reserve(reserved_bytes_);
}

inline bool Table::may_contain(std::uint64_t hash) const {
  return !filter_ || filter_->may_contain(hash);
}

inline void Table::prefetch(const Target& target) const {
  if (filter_) filter_->prefetch(target.hash);
}

inline Result<std::optional<std::uint64_t>> Table::get(const Target& target,
                                                       std::string& value) const {
  if (!may_contain(target.hash)) return std::optional<std::uint64_t>();
  std::uint32_t position = fences_.lower_bound(target.key, target.tag());
  for (; position < fences_.count(); ++position) {
    Result<std::optional<std::uint64_t>> found = get_in_block(position, target, value);
    if (!found.ok() || found->has_value()) return found;
    // The next block begins behind this fence. It can begin with the key sought only if the
    // target, which is not behind this fence, has the fence's key.
    if (!fences_.has_key(position, target.key)) break;
  }
  return std::optional<std::uint64_t>();
}

inline Result<std::optional<std::uint64_t>> Table::get_in_block(std::uint32_t position,
                                                                const Target& target,
                                                                std::string& value) const {
  const Result<BlockHandle> handle = data_handle(position);
  if (!handle.ok()) return handle.status();
  const Result<BlockPin> pin = fetch(position, *handle);
  if (!pin.ok()) return pin.status();
  const Result<Block> block = open_data_block(*handle, pin->body());
  if (!block.ok()) return block.status();
  const Result<std::optional<Entry>> entry = block->get(target);
  if (!entry.ok()) return blame(entry.status(), handle->offset);
  if (!entry->has_value()) return std::optional<std::uint64_t>();
  if (kind_of((*entry)->tag) == Kind::put) value.assign((*entry)->value);
  return std::optional<std::uint64_t>((*entry)->tag);
}

inline TableCursor Table::cursor(ReadPattern pattern) const {
  return TableCursor(*this, pattern);
}

inline const TableProperties& Table::properties() const {
  return properties_;
}

inline std::vector<std::string> Table::check() const {
  return check_table(*file_, name_, table_id_);
}

inline Result<BlockHandle> Table::data_handle(std::uint32_t position) const {
  const BlockHandle handle = fences_.handle(position);
  if (!detail::fits_before(handle, properties_.data_bytes))
    return blame(detail::corrupt("reaches beyond the data"), handle.offset);
  return handle;
}

inline Result<BlockPin> Table::fetch(std::uint32_t position, BlockHandle handle) const {
  if (!mapped_.empty()) return fetch_mapped(position, handle);
  BlockPin pin = find_cached(handle);
  if (!pin.is_empty()) return pin;
  return fetch_read(handle);
}

inline BlockPin Table::find_cached(BlockHandle handle) const {
  return cache_ != nullptr ? cache_->find(number_, handle.offset) : BlockPin();
}

inline Result<BlockPin> Table::fetch_mapped(std::uint32_t position, BlockHandle handle) const {
  const std::string_view bytes =
      mapped_.substr(static_cast<std::size_t>(handle.offset), handle.size + block_trailer_bytes);
  std::atomic<std::uint64_t>& word = checked_[position / 64];
  const std::uint64_t mask = std::uint64_t{1} << (position % 64);
  if ((word.load(std::memory_order_relaxed) & mask) == 0) {
    if (Status s = check_block(table_id_, handle.offset, bytes); !s.ok()) {
      return std::move(s).in(name_);
    }
    word.fetch_or(mask, std::memory_order_relaxed);
  }
  return BlockPin::borrowed(bytes.substr(0, handle.size));
}

inline Result<BlockPin> Table::fetch_read(BlockHandle handle) const {
  const std::size_t bytes = detail::block_bytes(handle);
  BlockBytes memory =
      cache_ != nullptr ? cache_->allocate(number_, handle.offset, bytes) : BlockBytes(bytes);
  Result<BlockBytes> body = read_block(handle, std::move(memory));
  if (!body.ok()) return std::move(body).status().in(name_);
  if (cache_ != nullptr) return cache_->insert(number_, handle.offset, *std::move(body));
  return BlockPin(*std::move(body));
}

// The checked body of a block, read with its trailer in one piece, in that memory.
inline Result<BlockBytes> Table::read_block(BlockHandle handle, BlockBytes memory) const {
  if (Status s = file_->read(handle.offset, memory.data(), memory.size()); !s.ok()) return s;
  if (Status s = check_block(table_id_, handle.offset, memory.view()); !s.ok()) return s;
  memory.resize(handle.size);
  return memory;
}

inline Result<Block> Table::open_data_block(BlockHandle handle, std::string_view body) const {
  Result<Block> block = Block::open(body);
  if (!block.ok()) return blame(std::move(block).status(), handle.offset);
  if (block->entry_count() == 0) return blame(detail::corrupt("holds no entry"), handle.offset);
  return block;
}

inline Status Table::blame(Status failure, std::uint64_t offset) const {
  return std::move(failure).in(name_ + ": " + detail::block_at(offset));
}

inline TableCursor::TableCursor(const Table& table, ReadPattern pattern)
    : table_(&table), pattern_(pattern) {}

inline bool TableCursor::is_valid() const {
  return block_ && block_->is_valid();
}

inline void TableCursor::seek_to_first() {
  if (enter_block(0)) block_->seek_to_first();
  skip_forward();
}

inline void TableCursor::seek_to_last() {
  if (enter_block(table_->fences_.count() - 1)) block_->seek_to_last();
  skip_backward();
}

inline void TableCursor::seek(std::string_view key, std::uint64_t tag) {
  reach_bytes_ = 0;
  if (enter_block(find(key, tag))) block_->seek(key, tag);
  skip_forward();  // the target may lie behind the last entry of its block
}

// The block that a search for it begins in. A seek that was prepared finds the cursor there.
inline std::uint32_t TableCursor::find(std::string_view key, std::uint64_t tag) const {
  const detail::TableFences& fences = table_->fences_;
  if (fences.is_plainly_lower_bound(position_, key)) return position_;
  return fences.lower_bound(key, tag);
}

// Brings the block, and the lines of it that a search begins with, near. Asked again when they are,
// it has the block bring the row near. seek() then finds the block pinned already.
inline void TableCursor::prepare(std::string_view key, std::uint64_t tag) {
  const std::uint32_t position = find(key, tag);
  const bool is_near = position == position_ && !pin_.is_empty();
  if (is_near) {
    if (enter_block(position)) block_->prepare(key, tag);
    return;
  }
  if (!pin_block(position)) return;
#if defined(__GNUC__)
  const std::size_t bytes = std::min<std::size_t>(pin_.body().size(), 512);
  for (std::size_t at = 0; at < bytes; at += 64)
    __builtin_prefetch(pin_.body().data() + at);
#endif
}

inline void TableCursor::next() {
  assert(is_valid());
  block_->next();
  if (!block_->is_valid()) skip_forward();
}

inline void TableCursor::prev() {
  assert(is_valid());
  block_->prev();
  if (!block_->is_valid()) return skip_backward();
  bring_near();
}

// A walk backwards that came from a later block will come to the one before this. What lies as far
// back as this block is long is brought near, since processors foresee walks forwards better: 54 ->
// 42 ns an entry. A hint, of a place that may lie before the file: nothing is read.
inline void TableCursor::bring_near() const {
#if defined(__GNUC__)
  if (reach_bytes_ == 0) return;
  const auto place = reinterpret_cast<std::uintptr_t>(block_->value().data()) - reach_bytes_;
  __builtin_prefetch(reinterpret_cast<const char*>(place));
  __builtin_prefetch(reinterpret_cast<const char*>(place + 64));
#endif
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

inline void TableCursor::skip_forward() {
  while (is_at_end_of_block()) {
    if (enter_block(position_ + 1)) block_->seek_to_first();
  }
}

inline void TableCursor::skip_backward() {
  while (is_at_end_of_block()) {
    if (enter_block(position_ - 1)) block_->seek_to_last();
    reach_bytes_ = table_->mapped_.empty() ? 0 : static_cast<std::size_t>(handle_.size);
  }
}

// Whether the walk left its block, at either end, and may go on in a neighbour.
inline bool TableCursor::is_at_end_of_block() {
  if (!block_ || block_->is_valid()) return false;
  Status status = block_->status();
  if (status.ok()) return true;
  fail(table_->blame(std::move(status), handle_.offset));
  return false;
}

// Not valid from here on. What was pinned is given up, since a window that failed holds nothing.
inline void TableCursor::fail(Status failure) {
  block_.reset();
  pin_ = BlockPin();
  handle_ = BlockHandle();
  status_ = std::move(failure);
}

// Pins the block at that position; false when there is none, as is the one before the first, or on
// an error.
inline bool TableCursor::pin_block(std::uint32_t position) {
  block_.reset();
  status_ = Status();
  position_ = position;
  if (position >= table_->fences_.count()) return false;
  const Result<BlockHandle> handle = table_->data_handle(position);
  if (!handle.ok()) return fail(handle.status()), false;
  if (*handle == handle_ && !pin_.is_empty()) return true;
  Result<BlockPin> pin = fetch(position, *handle);
  if (!pin.ok()) return fail(std::move(pin).status()), false;
  pin_ = *std::move(pin);
  handle_ = *handle;
  return true;
}

inline bool TableCursor::enter_block(std::uint32_t position) {
  if (block_ && position == position_) return true;
  if (!pin_block(position)) return false;
  const Result<Block> block = table_->open_data_block(handle_, pin_.body());
  if (!block.ok()) return fail(block.status()), false;
  block_.emplace(*block);
  return true;
}

inline Result<BlockPin> TableCursor::fetch(std::uint32_t position, BlockHandle handle) {
  if (pattern_ == ReadPattern::point || !table_->mapped_.empty())
    return table_->fetch(position, handle);
  const bool is_backward = detail::block_end(handle) == handle_.offset;
  const bool is_forward = handle.offset == detail::block_end(handle_);
  neighbours_ = is_backward || is_forward ? std::min(neighbours_ + 1, neighbours_min) : 0;
  if (pattern_ == ReadPattern::background) return read_ahead(handle, is_backward);

  BlockPin pin = table_->find_cached(handle);
  if (!pin.is_empty()) return pin;
  if (neighbours_ == neighbours_min) return read_ahead(handle, is_backward);
  window_bytes_ = 0;
  return table_->fetch_read(handle);
}

// The block out of the window, which does not go into the cache: a long walk would only push out
// what is read again and again.
inline Result<BlockPin> TableCursor::read_ahead(BlockHandle handle, bool is_backward) {
  if (!is_in_window(handle)) fill_window(handle, is_backward);
  if (!is_in_window(handle))
    return table_->fetch_read(handle);  // which may succeed, or says why not
  const std::string_view bytes(window_.data() + (handle.offset - window_offset_),
                               handle.size + block_trailer_bytes);
  if (Status s = check_block(table_->table_id_, handle.offset, bytes); !s.ok()) {
    return std::move(s).in(table_->name_);
  }
  return BlockPin::borrowed(bytes.substr(0, handle.size));
}

inline bool TableCursor::is_in_window(BlockHandle handle) const {
  return handle.offset >= window_offset_ &&
         detail::block_end(handle) <= window_offset_ + window_.size();
}

// Reads from the block on, or up to it; the block is within the data, which data_handle() saw to.
inline void TableCursor::fill_window(BlockHandle handle, bool is_backward) {
  const bool grows = pattern_ != ReadPattern::background;
  window_bytes_ =
      grows ? std::clamp(2 * window_bytes_, window_bytes_min, window_bytes_max) : window_bytes_max;
  const std::uint64_t end = detail::block_end(handle);
  const std::uint64_t bytes = std::max<std::uint64_t>(window_bytes_, end - handle.offset);
  const std::uint64_t window_end =
      is_backward ? end : std::min(handle.offset + bytes, table_->properties_.data_bytes);
  window_offset_ = is_backward ? end - std::min(bytes, end) : handle.offset;
  window_.resize(static_cast<std::size_t>(window_end - window_offset_));
  if (!table_->file_->read(window_offset_, window_.data(), window_.size()).ok()) window_.clear();
}

}  // namespace lsmith
