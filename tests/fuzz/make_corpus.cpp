// make_corpus.cpp: writes the seeds of the corpus, so that no file in it is a mystery.
//
//   make_corpus tests/fuzz/corpus
//
// Each seed is what the library's own encoders make, or that with a stated damage. Files that a
// fuzzer found are named by their hash; this leaves them alone.
#include <lsmith/lsmith.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "archive.hpp"
#include "support/history.hpp"
#include "walks.hpp"

namespace {

using namespace lsmith;
using fuzz::require;
using fuzz::Row;
using testing::Image;
using Type = FileName::Type;
namespace fs = std::filesystem;

class Corpus {
 public:
  explicit Corpus(fs::path folder) : folder_(std::move(folder)) {}

  void add(const char* target, const std::string& name, std::string_view bytes) const {
    fs::create_directories(folder_ / target);
    std::ofstream file(folder_ / target / name, std::ios::binary);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    require(file.good(), "the seed is written");
  }

 private:
  fs::path folder_;
};

std::string fixed(std::uint64_t number, std::size_t size_bytes) {
  std::string bytes;
  put_fixed64(bytes, number);
  return bytes.substr(0, size_bytes);
}

// As a Source takes a piece.
std::string piece(std::string_view bytes) {
  return fixed(bytes.size(), 2) + std::string(bytes);
}

std::string cut(std::string bytes) {
  bytes.resize(bytes.size() * 2 / 3);
  return bytes;
}

void add_coding(const Corpus& corpus) {
  std::string numbers, mixed;
  for (int bits = 0; bits < 64; bits += 5)
    put_varint64(numbers, std::uint64_t{1} << bits);
  put_bytes(mixed, "some bytes");
  put_varint32(mixed, 300);
  put_fixed64(mixed, 7);
  put_bytes(mixed, "");
  corpus.add("coding", "varints", fixed(0x0505050505050505, 8) + numbers);
  corpus.add("coding", "mixed", fixed(0x0603040603040603, 8) + mixed);
  corpus.add("coding", "long-form", fixed(0x0505050505050505, 8) + "\x81\x80" + std::string(1, 0));
}

WriteBatch some_batch(Sequence first) {
  WriteBatch batch;
  batch.put("apple", "red");
  batch.erase("banana");
  batch.put("", std::string(200, 'v'));
  batch.set_sequence(first);
  return batch;
}

void add_write_batch(const Corpus& corpus) {
  const WriteBatch batch = some_batch(7);
  WriteBatch last = some_batch(sequence_max - 2);
  corpus.add("write_batch", "three-writes", batch.payload());
  corpus.add("write_batch", "last-sequence", last.payload());
  corpus.add("write_batch", "cut", cut(std::string(batch.payload())));
}

// Frames of a log, each synced when its number is even.
std::string some_log(const LogHeader& header, FrameType type,
                     const std::vector<std::string>& payloads) {
  const auto files = make_memory_file_system();
  auto file = files->create_log("log", 0);
  LogWriter writer(*std::move(file), header);
  require(writer.start().ok(), "a log starts");
  for (std::size_t i = 0; i < payloads.size(); ++i) {
    require(writer.append(type, payloads[i], false).ok(), "a frame is written");
    if (i % 2 == 0) require(writer.sync().ok(), "a log is synced");
  }
  return *read_file(*files, "log");
}

void add_log(const Corpus& corpus) {
  LogHeader header;
  header.database_id = 99;
  header.file_number = 0x10007;
  std::vector<std::string> payloads;
  for (Sequence first = 1; first < 16; first += 3)
    payloads.emplace_back(some_batch(first).payload());
  payloads.emplace_back();
  const std::string log = some_log(header, FrameType::batch, payloads);
  const auto add = [&](const char* name, std::uint64_t spared, const std::string& bytes) {
    corpus.add("log", name, "\x07" + fixed(spared, 4) + bytes);
  };
  add("whole", 0, log);
  add("whole-as-it-is", 0xffffffff, log);
  add("zeros-behind", 0, log + std::string(100, '\0'));
  add("torn", 0xffffffff, cut(log));
  std::string rotten = log;
  rotten[64 + 20] ^= 1;
  add("rotten", 0xffffffff, rotten);
  add("third-is-wrong", 1 << 3, log);
  add("header-alone", 0, log.substr(0, 64));
}

std::vector<Row> some_rows(int count) {
  std::vector<Row> rows;
  for (int i = 0; i < count; ++i) {
    const std::string key = "user" + std::to_string(1000 + i / 2) + (i % 3 == 0 ? "longer" : "");
    const Sequence sequence = static_cast<Sequence>(200 - i);
    const bool is_put = i % 5 != 0;
    rows.push_back({key, make_tag(sequence, is_put ? Kind::put : Kind::erase),
                    is_put ? std::string(static_cast<std::size_t>(i % 7), 'v') : ""});
  }
  std::sort(rows.begin(), rows.end(), fuzz::is_before);
  return rows;
}

std::string some_block(const std::vector<Row>& rows) {
  BlockBuilder builder;
  for (const Row& row : rows)
    builder.add(row.key, row.tag, row.value);
  return builder.finish();
}

void add_block(const Corpus& corpus) {
  corpus.add("block", "empty", some_block({}));
  corpus.add("block", "one", some_block(some_rows(1)));
  corpus.add("block", "twenty", some_block(some_rows(20)));
  corpus.add("block", "cut", cut(some_block(some_rows(20))));
  corpus.add("block", "chunks-tie",
             some_block({{"", 9, "x"}, {std::string(1, 0), 5, ""}, {std::string(2, 0), 1, ""}}));
  corpus.add("block", "long-keys",
             some_block({{std::string(150, 'k'), 257, ""}, {std::string(300, 'k'), 257, "v"}}));
}

std::string some_filter() {
  BloomBuilder builder(10);
  for (const Row& row : some_rows(60))
    builder.add(hash_bytes(row.key));
  return builder.finish();
}

void add_bloom(const Corpus& corpus) {
  std::string hashes;
  for (const Row& row : some_rows(40))
    hashes += fixed(hash_bytes(row.key), 8);
  corpus.add("bloom", "forty-keys", "\x13\x28" + hashes + some_filter());
  corpus.add("bloom", "no-keys", "\x13" + std::string(1, 0) + some_filter());
  corpus.add("bloom", "lines-made-right", "\x12\x01" + hashes.substr(0, 8) + some_filter());
}

std::string some_table(const std::vector<Row>& rows, int bloom_bits_per_key) {
  Options options = small_options();
  options.bloom_bits_per_key = bloom_bits_per_key;
  const auto files = make_memory_file_system();
  auto file = files->create("table");
  TableBuilder builder(options, *std::move(file), 0x1122334455667788);
  for (const Row& row : rows)
    require(builder.add(row.key, row.tag, row.value).ok(), "an entry is added");
  require(builder.finish().ok(), "a table is built");
  return *read_file(*files, "table");
}

void add_table(const Corpus& corpus) {
  const std::string sealed(1, 0), as_it_is(1, 1);
  corpus.add("table", "one-block", sealed + some_table(some_rows(3), 0));
  corpus.add("table", "filter", sealed + some_table(some_rows(60), 10));
  corpus.add("table", "as-it-is", as_it_is + some_table(some_rows(60), 10));
  corpus.add("table", "cut", as_it_is + cut(some_table(some_rows(60), 10)));
  std::vector<Row> rows = some_rows(30);
  std::string blocks("\x03", 1);
  for (std::size_t i = 0; i < 30; i += 10)
    blocks += piece(some_block({rows.begin() + i, rows.begin() + i + 10}));
  corpus.add("table", "composed", "\x80" + blocks);
  corpus.add("table", "composed-with-filter", "\x84" + blocks);
  corpus.add("table", "composed-with-wrong-filter", "\x88" + blocks + piece(some_filter()));
  const std::string index = some_block({{rows[9].key, rows[9].tag, encode_handle({0, 20})},
                                        {rows[19].key, rows[19].tag, encode_handle({25, 30})}});
  corpus.add("table", "composed-with-wrong-index", "\x81" + blocks + piece(index));
}

void add_table_format(const Corpus& corpus) {
  corpus.add("table_format", "handle", std::string(1, 0) + encode_handle({70000, 4096}));
  corpus.add("table_format", "trailer", "\x01" + fixed(7, 8) + fixed(4096, 8) + "body");
  const Footer footer{{500, 100}, {300, 150}, 0x1122334455667788, 1000};
  std::string bytes = "\x02" + std::string(1, 0) + encode_footer(footer);
  corpus.add("table_format", "footer", bytes);
  TableProperties properties;
  properties.meta.entries = properties.data_blocks = 1;
  properties.meta.first_key = properties.meta.last_key = "key";
  properties.meta.first_tag = properties.meta.last_tag = make_tag(5, Kind::put);
  properties.meta.first_sequence = properties.meta.last_sequence = 5;
  corpus.add("table_format", "properties", "\x03" + encode_properties(properties));
  properties.filter = {100, 72};
  corpus.add("table_format", "properties-with-filter", "\x03" + encode_properties(properties));
}

VersionEdit some_edit(bool is_base) {
  VersionEdit edit;
  edit.is_base = is_base;
  edit.next_file_number = is_base ? 20 : 30;
  edit.last_sequence = is_base ? 100 : 200;
  edit.log_number = is_base ? 9 : 19;
  if (!is_base) edit.removed = {{1, 10}, {1, 11}};
  for (std::uint64_t number = is_base ? 10 : 20; number < (is_base ? 14u : 23u); ++number) {
    TableMeta table;
    table.number = number;
    table.file_bytes = 1000 * number;
    table.table_id = 77 + number;
    table.entries = 10;
    table.erases = 2;
    table.first_sequence = number;
    table.last_sequence = 5 * number;
    table.first_key = "k" + std::to_string(number);
    table.last_key = table.first_key + "z";
    table.first_tag = table.last_tag = make_tag(number, Kind::put);
    edit.added.emplace_back(number % 2 == 0 ? 0 : 2, table);
  }
  if (is_base)
    for (auto& [level, table] : edit.added)
      level = table.number < 12 ? 1 : 3;
  return edit;
}

void add_edit(const Corpus& corpus) {
  std::string ignorable = encode_edit(some_edit(false));
  put_varint32(ignorable, 64);
  put_bytes(ignorable, "of a later version");
  corpus.add("edit", "base", encode_edit(some_edit(true)));
  corpus.add("edit", "change", encode_edit(some_edit(false)));
  corpus.add("edit", "ignorable-field", ignorable);
  corpus.add("edit", "empty", "");
}

void add_manifest(const Corpus& corpus) {
  LogHeader header;
  header.kind = LogHeader::Kind::manifest;
  header.database_id = 99;
  header.file_number = 5;
  const std::string base = encode_edit(some_edit(true)), change = encode_edit(some_edit(false));
  const std::string manifest = some_log(header, FrameType::edit, {base, change});
  const std::string sealed(5, '\0');
  corpus.add("manifest", "base-and-change", sealed + manifest);
  corpus.add("manifest", "base", sealed + some_log(header, FrameType::edit, {base}));
  corpus.add("manifest", "torn", sealed.substr(0, 1) + fixed(~std::uint64_t{0}, 4) + cut(manifest));
  corpus.add("manifest", "with-current",
             "\x01" + sealed.substr(1) + piece(encode_current(5)) + manifest);
}

void add_names(const Corpus& corpus) {
  for (const Type type : {Type::current, Type::current_temporary, Type::lock, Type::manifest,
                          Type::log, Type::table, Type::retired_log})
    corpus.add("names", "type-" + std::to_string(static_cast<int>(type)), file_name(type, 12));
  corpus.add("names", "long-number", file_name(Type::table, 1234567890));
  corpus.add("current", "manifest-12", encode_current(12));
  corpus.add("current", "long-number", encode_current(1234567890));
  corpus.add("current", "cut", cut(encode_current(12)));
}

// A life of `count` batches, flushed behind every `flush_every`; as it is found after a kill.
Image some_database(std::uint64_t count, std::uint64_t flush_every, bool compacts) {
  const testing::History history(count);
  testing::Machine machine;
  auto db = machine.try_open();
  require(db.ok(), "a database opens");
  for (std::uint64_t i = 1; i <= count; ++i) {
    require(history.write(*db, i, i % 2 == 0 ? Durability::power : Durability::process).ok(),
            "a batch is written");
    if (i % flush_every == 0) require(db->flush().ok(), "a memtable is flushed");
    if (compacts && i == count / 2) require(db->compact().ok(), "tables are merged");
  }
  return machine.files.after_kill();
}

void add_open(const Corpus& corpus) {
  const auto add = [&](const std::string& name, std::uint8_t how, const Image& image) {
    corpus.add("open", name, static_cast<char>(how) + std::string(4, '\0') + fuzz::pack(image));
  };
  corpus.add("open", "new", std::string(5, '\0'));
  const Image log_alone = some_database(3, 100, false);
  const Image tables = some_database(9, 3, false);
  const Image levels = some_database(16, 3, true);
  add("log", 0, log_alone);
  add("log-forged", 2, log_alone);
  add("tables", 0, tables);
  add("tables-forged", 2, tables);
  add("tables-read-only-mapped", 1 | 4, tables);
  add("levels", 8, levels);
  add("levels-compacted", 16, levels);
  add("levels-forged-compacted", 2 | 16 | 32, levels);
  Image rotten = tables;
  for (auto& [path, bytes] : rotten)
    if (path.ends_with(".sst")) bytes[20] ^= 1;
  add("rotten-tables", 0, rotten);
}

}  // namespace

int main(int argument_count, char** arguments) {
  if (argument_count != 2) {
    std::fprintf(stderr, "usage: make_corpus folder\n");
    return 2;
  }
  const Corpus corpus(arguments[1]);
  add_coding(corpus);
  add_write_batch(corpus);
  add_log(corpus);
  add_block(corpus);
  add_bloom(corpus);
  add_table(corpus);
  add_table_format(corpus);
  add_edit(corpus);
  add_manifest(corpus);
  add_names(corpus);
  add_open(corpus);
}
