// table.cpp: fuzzes an open table. The input is a file, with right checksums if it asks for them,
// or the blocks that a file is made of. However a table is read, it shows the same; one in which
// check_table() finds nothing keeps every promise.
#include <lsmith/sstable.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fuzz.hpp"
#include "seal.hpp"
#include "walks.hpp"

namespace lsmith::fuzz {
namespace {

constexpr std::uint64_t composed_id = 0x1122334455667788;
constexpr const char* table_name = "000001.sst";

class TableBytes final : public ReadableFile {
 public:
  TableBytes(const std::string& bytes, bool is_mapped) : bytes_(bytes), is_mapped_(is_mapped) {}
  Status read(std::uint64_t offset, char* buffer, std::size_t size) const override {
    if (offset > bytes_.size() || size > bytes_.size() - offset)
      return {Code::corruption, "the file ends before it"};
    if (size > 0) std::memcpy(buffer, bytes_.data() + offset, size);
    return {};
  }
  std::uint64_t size_bytes() const override { return bytes_.size(); }
  std::string_view mapped() const override { return is_mapped_ ? bytes_ : std::string_view(); }

 private:
  const std::string& bytes_;
  const bool is_mapped_;
};

// Makes a table of blocks that may hold anything; what a builder would count is counted.
class Composer {
 public:
  // Bit 0 of `how`: the index stands in the input; bit 1: the properties; bits 2 and 3: the filter
  // (none, made of the keys, in the input).
  static std::string compose(std::uint8_t how, Source source) {
    Composer composer;
    for (std::uint64_t left = source.byte() % 8; left > 0; --left)
      composer.add_data(source.piece());
    composer.add_filter(how >> 2 & 3, source);
    const std::string properties = encode_properties(composer.properties_);
    const std::string index = composer.index_.finish();
    const BlockHandle index_at = composer.add((how & 1) != 0 ? source.piece() : index);
    const BlockHandle properties_at = composer.add((how & 2) != 0 ? source.piece() : properties);
    const std::uint64_t file_bytes = composer.bytes_.size() + footer_bytes;
    return composer.bytes_ + encode_footer({index_at, properties_at, composed_id, file_bytes});
  }

 private:
  BlockHandle add(std::string_view body) {
    const BlockHandle handle{bytes_.size(), static_cast<std::uint32_t>(body.size())};
    bytes_ += body;
    bytes_ += encode_block_trailer(composed_id, handle.offset, body);
    return handle;
  }
  void add_data(std::string_view body) {
    const Result<Block> block = Block::open(body);
    const Walk walk = block.ok() ? walk_forwards(block->cursor()) : Walk{};
    for (const Row& row : walk.rows)
      count(row);
    const BlockHandle handle = add(body);
    properties_.data_blocks += 1;
    properties_.data_bytes = bytes_.size();
    if (walk.rows.empty()) return;
    const Row& last = walk.rows.back();
    if (fence_ && !is_before(*fence_, last)) return;
    index_.add(last.key, last.tag, encode_handle(handle));
    fence_ = last;
  }
  void count(const Row& row) {
    TableMeta& meta = properties_.meta;
    const Sequence sequence = sequence_of(row.tag);
    if (meta.entries == 0) {
      meta.first_key = row.key;
      meta.first_tag = row.tag;
      meta.first_sequence = sequence;
    }
    meta.last_key = row.key;
    meta.last_tag = row.tag;
    meta.first_sequence = std::min(meta.first_sequence, sequence);
    meta.last_sequence = std::max(meta.last_sequence, sequence);
    meta.entries += 1;
    meta.erases += kind_of(row.tag) == Kind::erase ? 1 : 0;
    properties_.key_bytes += row.key.size();
    properties_.value_bytes += row.value.size();
    filter_.add(hash_bytes(row.key));
  }
  void add_filter(int how, Source& source) {
    if (how == 1) properties_.filter = add(filter_.finish());
    if (how >= 2) properties_.filter = add(source.piece());
  }

  std::string bytes_;
  TableProperties properties_;
  BlockBuilder index_;
  BloomBuilder filter_{10};
  std::optional<Row> fence_;
};

struct OpenTable {
  std::unique_ptr<BlockCache> cache;
  std::unique_ptr<Table> table;
  Status refusal;
};

enum class Reading { plain, cached, mapped };

OpenTable open_table(const std::string& bytes, Reading reading) {
  OpenTable open;
  if (reading == Reading::cached) open.cache = std::make_unique<BlockCache>(std::size_t{1} << 16);
  const std::size_t id_at = bytes.size() - footer_bytes + 24;
  const std::uint64_t id = bytes.size() < footer_bytes ? 0 : load_fixed64(bytes.data() + id_at);
  auto file = std::make_unique<TableBytes>(bytes, reading == Reading::mapped);
  auto table = Table::open(std::move(file), table_name, 1, id, open.cache.get());
  if (table.ok()) {
    open.table = *std::move(table);
  } else {
    open.refusal = std::move(table).status();
  }
  return open;
}

Walk walk_table(const Table& table) {
  const Walk walk = walk_forwards(table.cursor(ReadPattern::point));
  if (!walk.status.ok()) require_refusal(walk.status, table_name);
  return walk;
}

// With no cache between, every way to walk a table reads the same bytes.
void require_same_walks(const Table& table, const Walk& walk) {
  for (const ReadPattern pattern :
       {ReadPattern::point, ReadPattern::scan, ReadPattern::background}) {
    require_same(walk, walk_backwards(table.cursor(pattern)), "a table reads the same both ways");
    require_same(walk, walk_forwards(table.cursor(pattern)), "and the same with every pattern");
  }
}

// In any table: what is found stands in it.
void ask_any_table(const Table& table, const Walk& walk, const Row& near) {
  std::string value;
  const auto found = table.get(Target::of(near.key, sequence_of(near.tag)), value);
  if (!found.ok()) return require_refusal(found.status(), table_name);
  if (!*found || !walk.status.ok()) return;
  if (kind_of(**found) == Kind::erase) return;
  const Row row{near.key, **found, value};
  require(std::find(walk.rows.begin(), walk.rows.end(), row) != walk.rows.end(),
          "what a get finds stands in the table");
}

void ask_whole_table(const Table& table, const std::vector<Row>& rows, std::string_view key,
                     Sequence sequence) {
  std::string value;
  const Target target = Target::of(key, sequence);
  table.prefetch(target);
  const auto found = table.get(target, value);
  require(found.ok(), "a get in a whole table has no error");
  const std::size_t at = lower_bound(rows, key, seek_tag(sequence));
  const bool is_there = at < rows.size() && rows[at].key == key;
  require(found->has_value() == is_there, "a get finds what a walk shows");
  if (!is_there) return;
  require(**found == rows[at].tag, "a get finds the newest version");
  if (kind_of(**found) == Kind::put) require(value == rows[at].value, "a get finds its value");
  require(table.may_contain(target.hash), "the filter never denies a key that is there");
}

void check_whole_table(const Table& table, const std::vector<Row>& rows) {
  require(is_ascending(rows), "a whole table is in order");
  require(rows.size() == table.properties().meta.entries, "a table has as many as it says");
  for (std::size_t i = 0; i < rows.size(); i += 1 + rows.size() / 30) {
    const Row& row = rows[i];
    for (const Sequence sequence : {sequence_max, sequence_of(row.tag), Sequence{0}}) {
      ask_whole_table(table, rows, row.key, sequence);
      ask_whole_table(table, rows, row.key + '\0', sequence);
      ask_whole_table(table, rows, row.key.substr(0, row.key.size() / 2), sequence);
    }
    TableCursor cursor = table.cursor(ReadPattern::scan);
    cursor.prepare(row.key, row.tag);
    require_seek(cursor, rows, row.key, row.tag);
    require_seek(cursor, rows, row.key, tag_oldest);
    require_seek(cursor, rows, row.key.substr(0, row.key.size() / 2), tag_newest);
  }
}

void check_table_bytes(const std::string& bytes) {
  const OpenTable plain = open_table(bytes, Reading::plain);
  for (const Reading reading : {Reading::cached, Reading::mapped}) {
    const OpenTable other = open_table(bytes, reading);
    require(other.refusal.to_string() == plain.refusal.to_string(), "a table opens or it does not");
  }
  if (!plain.table) return require_refusal(plain.refusal, table_name);

  const bool is_whole = plain.table->check().empty();
  const Walk walk = walk_table(*plain.table);
  require(walk.status.ok() || !is_whole, "check() notices what a walk does");
  require_same_walks(*plain.table, walk);
  for (const Reading reading : {Reading::plain, Reading::cached, Reading::mapped}) {
    const OpenTable open = open_table(bytes, reading);
    const Walk there = walk_table(*open.table);
    if (is_whole) require_same(walk, there, "a whole table reads the same from anywhere");
    if (is_whole) check_whole_table(*open.table, walk.rows);
    for (std::size_t i = 0; i < walk.rows.size(); i += 1 + walk.rows.size() / 30)
      ask_any_table(*open.table, reading == Reading::plain ? walk : there, walk.rows[i]);
    walk_backwards(open.table->cursor(ReadPattern::scan));
  }
}

}  // namespace

void fuzz_table(std::string_view input) {
  Source source(input);
  const std::uint8_t how = source.byte();
  if ((how & 0x80) != 0) return check_table_bytes(Composer::compose(how, source));
  std::string bytes(source.rest());
  if ((how & 1) == 0) seal_table(bytes);
  check_table_bytes(bytes);
}

}  // namespace lsmith::fuzz

LSMITH_FUZZ_TARGET(lsmith::fuzz::fuzz_table)
