// tables.hpp: tables for tests. A table is built into bytes, and only ever seen again through them,
// so nothing that a builder still holds in memory can help a reader.
#pragma once

#include "../support/model.hpp"
#include "../support/step.hpp"

#include <lsmith/sstable.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lsmith::testing {

inline constexpr std::uint64_t table_id = 0x1122334455667788;

inline Options table_options(std::size_t block_bytes, int bloom_bits_per_key) {
  Options options;
  options.block_bytes = block_bytes;
  options.bloom_bits_per_key = bloom_bits_per_key;
  return options;
}

struct BuiltTable {
  std::string bytes;
  TableMeta meta;
};

inline BuiltTable build_table(const std::vector<Version>& versions, const Options& options,
                              std::uint64_t id = table_id) {
  const std::unique_ptr<FileSystem> files = make_memory_file_system();
  Result<std::unique_ptr<WritableFile>> file = files->create("table");
  REQUIRE(file.ok());
  TableBuilder builder(options, *std::move(file), id);
  for (const Version& version : versions) {
    const Status added = builder.add(version.key, version.tag, version.value);
    lab::expect_equal("add " + show(version), "ok", added.to_string());
  }
  const Result<TableMeta> meta = builder.finish();
  REQUIRE_MESSAGE(meta.ok(), meta.status().to_string());
  Result<std::string> bytes = read_file(*files, "table");
  REQUIRE(bytes.ok());
  return {*std::move(bytes), *meta};
}

struct ReadCounts {
  std::atomic<int> reads{0};
  std::atomic<std::uint64_t> bytes{0};
  int fails_at = 0;  // the read that fails, counted from 1; 0: none
};

// A file that is these bytes; mapped if so asked. Counts how it is read.
class BytesFile final : public ReadableFile {
 public:
  explicit BytesFile(std::string bytes, bool is_mapped = false, ReadCounts* counts = nullptr)
      : bytes_(std::move(bytes)), is_mapped_(is_mapped), counts_(counts) {}

  Status read(std::uint64_t offset, char* buffer, std::size_t size) const override {
    if (counts_ != nullptr) {
      if (counts_->reads.fetch_add(1, std::memory_order_relaxed) + 1 == counts_->fails_at)
        return {Code::io_error, "the disk is gone"};
      counts_->bytes.fetch_add(size, std::memory_order_relaxed);
    }
    if (offset > bytes_.size() || size > bytes_.size() - offset) {
      return {Code::corruption, "the file ends before " + std::to_string(offset + size)};
    }
    if (size > 0) std::memcpy(buffer, bytes_.data() + offset, size);
    return {};
  }
  std::uint64_t size_bytes() const override { return bytes_.size(); }
  std::string_view mapped() const override { return is_mapped_ ? bytes_ : std::string_view(); }

 private:
  const std::string bytes_;
  const bool is_mapped_;
  ReadCounts* const counts_;
};

struct Opening {
  BlockCache* cache = nullptr;
  bool is_mapped = false;
  std::uint64_t number = 1;
  ReadCounts* counts = nullptr;
};

inline Result<std::unique_ptr<Table>> try_open(std::string bytes, const Opening& how = {}) {
  auto file = std::make_unique<BytesFile>(std::move(bytes), how.is_mapped, how.counts);
  return Table::open(std::move(file), "000001.sst", how.number, table_id, how.cache);
}

inline std::unique_ptr<Table> open_table(std::string bytes, const Opening& how = {}) {
  Result<std::unique_ptr<Table>> table = try_open(std::move(bytes), how);
  REQUIRE_MESSAGE(table.ok(), table.status().to_string());
  return *std::move(table);
}

inline std::vector<std::string> check_bytes(std::string bytes) {
  return check_table(BytesFile(std::move(bytes)), "table", table_id);
}

// As the index says.
inline std::size_t count_data_blocks(std::string_view bytes) {
  const Result<Footer> footer =
      decode_footer(bytes.substr(bytes.size() - footer_bytes), bytes.size());
  REQUIRE_MESSAGE(footer.ok(), footer.status().to_string());
  return Block::open(bytes.substr(footer->index.offset, footer->index.size))->entry_count();
}

// One line, for comparing with "".
inline std::string joined(const std::vector<std::string>& violations) {
  std::string text;
  for (const std::string& violation : violations)
    text += violation + "; ";
  return text;
}

// What a get says: the version found, the tombstone included, or nothing; a failure as a version
// whose value is the message.
inline std::optional<Version> get_version(const Table& table, std::string_view key,
                                          Sequence sequence = sequence_max) {
  std::string value = "what was there before";
  const Result<std::optional<std::uint64_t>> tag = table.get(Target::of(key, sequence), value);
  if (!tag.ok()) return Version{std::string(key), 0, tag.status().to_string()};
  if (!tag->has_value()) return std::nullopt;
  if (kind_of(**tag) == Kind::erase) value.clear();
  return Version{std::string(key), **tag, value};
}

// A table put together by hand: any fences that the format allows (and others), any filter.
struct CraftedBlock {
  std::vector<Version> versions;
  std::string fence_key;
  std::uint64_t fence_tag;
  BlockHandle claimed = {};  // what the index says instead of the truth; of size 0: the truth
  std::string body = {};     // what stands there instead of the versions; empty: they do
};

// `blocks_claimed`: how many data blocks the properties tell; 0: the truth. `index_body`: what
// stands there instead of the index; empty: the index.
inline std::string craft_table(const std::vector<CraftedBlock>& blocks,
                               std::string_view filter_body = {}, std::uint64_t blocks_claimed = 0,
                               std::string_view index_body = {}) {
  std::string bytes;
  const auto add_block = [&bytes](std::string_view body) {
    const BlockHandle handle{bytes.size(), static_cast<std::uint32_t>(body.size())};
    bytes += std::string(body) + encode_block_trailer(table_id, handle.offset, body);
    return handle;
  };
  TableProperties properties;
  TableMeta& meta = properties.meta;
  BlockBuilder index;
  meta.first_key = blocks.front().versions.front().key;
  meta.first_tag = blocks.front().versions.front().tag;
  meta.first_sequence = sequence_max;
  for (const CraftedBlock& block : blocks) {
    BlockBuilder data;
    for (const Version& version : block.versions) {
      data.add(version.key, version.tag, version.value);
      meta.entries += 1;
      meta.erases += kind_of(version.tag) == Kind::erase ? 1 : 0;
      meta.first_sequence = std::min(meta.first_sequence, sequence_of(version.tag));
      meta.last_sequence = std::max(meta.last_sequence, sequence_of(version.tag));
      meta.last_key = version.key;
      meta.last_tag = version.tag;
      properties.key_bytes += version.key.size();
      properties.value_bytes += version.value.size();
    }
    const BlockHandle handle = add_block(block.body.empty() ? data.finish() : block.body);
    index.add(block.fence_key, block.fence_tag,
              encode_handle(block.claimed.size > 0 ? block.claimed : handle));
    properties.data_blocks += 1;
    properties.data_bytes = bytes.size();
  }
  if (blocks_claimed > 0) properties.data_blocks = blocks_claimed;
  if (!filter_body.empty()) properties.filter = add_block(filter_body);
  Footer footer;
  footer.table_id = table_id;
  const std::string true_index = index.finish();
  footer.index = add_block(
      index_body.empty() ? true_index : index_body);  // before the properties: the order is free
  footer.properties = add_block(encode_properties(properties));
  footer.file_bytes = bytes.size() + footer_bytes;
  return bytes + encode_footer(footer);
}

// Keys of which each has one to `versions_max` versions: some erased, some values large.
inline Model random_model(Random& random, int keys, int versions_max) {
  Model model;
  Sequence sequence = 0;
  for (int i = 0; i < keys; ++i) {
    const std::string key =
        "key" + std::string(random.below(3), '\0') + random.bytes(random.below(4));
    for (std::uint64_t left = 1 + random.below(static_cast<std::uint64_t>(versions_max)); left > 0;
         --left) {
      sequence += 1 + random.below(3);
      if (random.chance(20)) {
        add(model, erase_at(sequence, key));
      } else {
        add(model, put_at(sequence, key, random.bytes(random.chance(10) ? 300 : random.below(20))));
      }
    }
  }
  return model;
}

}  // namespace lsmith::testing
