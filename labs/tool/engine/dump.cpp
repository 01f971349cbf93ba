// dump.cpp: any file of a database as text, in the order of its bytes and in the words of
// book/format.md.
//
//   offset  field              value
//        0  magic              "LSMITHLG"
//
// A dump shows what can be read and says what can not; damage ends it only where nothing behind the
// damage can be found.
#include "commands.hpp"
#include "terminal.hpp"
#include "text.hpp"

#include <lsmith/block.hpp>
#include <lsmith/coding.hpp>
#include <lsmith/file.hpp>
#include <lsmith/manifest.hpp>
#include <lsmith/names.hpp>
#include <lsmith/table_format.hpp>
#include <lsmith/wal.hpp>
#include <lsmith/write_batch.hpp>

#include <algorithm>
#include <cstdio>

namespace lab {
namespace {

using lsmith::BlockHandle;
using lsmith::load_fixed16;
using lsmith::load_fixed32;
using lsmith::load_fixed64;

std::string hex(std::uint64_t number, int digits) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%0*llx", digits, static_cast<unsigned long long>(number));
  return text;
}

std::string tag_text(std::uint64_t tag) {
  const int kind = static_cast<int>(tag & 0xff);
  return "@" + std::to_string(lsmith::sequence_of(tag)) +
         (kind == 0   ? " erase"
          : kind == 1 ? " put"
                      : " kind " + std::to_string(kind));
}

// Prints one file and remembers whether everything in it was well.
class Dump {
 public:
  Dump(std::string_view bytes, std::string name, bool is_full)
      : bytes_(bytes), name_(std::move(name)), value_bytes_max_(is_full ? ~std::size_t{0} : 60) {}

  int current();
  int log(std::uint64_t number);
  int table();

 private:
  void title(std::string_view text) { print("\n" + paint(Tone::strong, text) + "\n"); }
  void field(std::uint64_t offset, std::string_view name, const std::string& value) {
    print(pad(std::to_string(offset), -10) + "  " + pad(name, 20) + "  " + value + "\n");
  }
  void number(std::uint64_t offset, std::string_view name, std::uint64_t value) {
    field(offset, name, std::to_string(value));
  }
  void damage(const lsmith::Status& status) {
    has_damage_ = true;
    print(paint(Tone::bad, "            " + status.to_string()) + "\n");
  }
  // A checksum, and whether it is right.
  void checksum(std::uint64_t offset, std::uint32_t stored, bool is_right) {
    if (!is_right) has_damage_ = true;
    field(offset, "crc", hex(stored, 8) + (is_right ? "  right" : paint(Tone::bad, "  WRONG")));
  }
  int done() const { return has_damage_ ? exit_failure : exit_fine; }

  void log_header();
  void frame(const lsmith::Frame& frame);
  void batch(std::uint64_t offset, std::string_view payload);
  void edit(std::uint64_t offset, std::string_view payload);
  void edit_field(std::uint64_t offset, std::uint32_t tag, std::string_view content);
  void log_end(const lsmith::LogReader& reader);

  void footer(const lsmith::Footer& footer);
  // The body at a handle, its checksum looked at; nothing when it is not inside the file.
  std::optional<std::string_view> body_of(BlockHandle handle);
  void trailer(BlockHandle handle);
  std::vector<BlockHandle> data_handles(const lsmith::Footer& footer);
  void block(std::string_view what, BlockHandle handle, bool is_index);
  void properties(BlockHandle handle);
  void filter(BlockHandle handle);

  std::string_view bytes_;
  std::string name_;
  std::size_t value_bytes_max_;
  std::uint64_t table_id_ = 0;
  bool has_damage_ = false;
};

// ---- CURRENT

int Dump::current() {
  field(0, "content", quote(bytes_, 200));
  const auto manifest = lsmith::decode_current(bytes_);
  if (!manifest.ok()) return damage(manifest.status()), exit_failure;
  field(0, "names", lsmith::file_name(lsmith::FileName::Type::manifest, *manifest));
  return exit_fine;
}

// ---- Logs and manifests

void Dump::log_header() {
  title("header (section 4.1)");
  if (bytes_.size() < lsmith::LogHeader::size_bytes)
    return damage({lsmith::Code::corruption, "too short for a header of 64 bytes"});
  const char* const at = bytes_.data();
  field(0, "magic", quote(bytes_.substr(0, 8)));
  number(8, "version", load_fixed16(at + 8));
  number(10, "kind", static_cast<unsigned char>(at[10]));
  number(11, "checksum", static_cast<unsigned char>(at[11]));
  field(12, "flags", hex(load_fixed32(at + 12), 8));
  field(16, "database id", hex(load_fixed64(at + 16), 16));
  number(24, "file number", load_fixed64(at + 24));
  number(32, "previous number", load_fixed64(at + 32));
  number(40, "previous end", load_fixed64(at + 40));
  number(48, "previous sequence", load_fixed64(at + 48));
  number(56, "reserved", load_fixed32(at + 56));
  const std::uint32_t crc = lsmith::mask_crc(lsmith::crc32c(bytes_.substr(0, 60)));
  checksum(60, load_fixed32(at + 60), load_fixed32(at + 60) == crc);
}

void Dump::frame(const lsmith::Frame& frame) {
  title("frame at " + std::to_string(frame.offset) + " (section 4.2)");
  const std::uint64_t at = frame.offset;
  const char* const bytes = bytes_.data() + at;
  checksum(at, load_fixed32(bytes), true);  // the reader returns no other
  number(at + 4, "size", load_fixed32(bytes + 4));
  const bool is_edit = frame.type == lsmith::FrameType::edit;
  field(at + 8, "type", is_edit ? "2  edit" : "1  batch");
  number(at + 9, "flags", static_cast<unsigned char>(bytes[9]));
  number(at + 10, "file number, low", load_fixed16(bytes + 10));
  const std::uint32_t synced = load_fixed32(bytes + 12);
  field(
      at + 12, "synced",
      std::to_string(synced) + "  (" + std::to_string(frame.synced_bytes) + " bytes were durable)");
  is_edit ? edit(at + 16, frame.payload) : batch(at + 16, frame.payload);
}

void Dump::batch(std::uint64_t offset, std::string_view payload) {
  const auto parsed = lsmith::WriteBatch::parse(payload);
  if (!parsed.ok()) return damage(parsed.status());
  number(offset, "sequence", parsed->sequence());
  number(offset + 8, "count", parsed->count());
  std::uint64_t at = offset + 12;
  parsed->for_each([&](std::uint64_t tag, std::string_view key, std::string_view value) {
    const bool is_put = lsmith::kind_of(tag) == lsmith::Kind::put;
    field(at, is_put ? "put" : "erase",
          quote(key, value_bytes_max_) + (is_put ? " = " + quote(value, value_bytes_max_) : "") +
              paint(Tone::faint, "  @" + std::to_string(lsmith::sequence_of(tag))));
    at += 1 + lsmith::varint_size(key.size()) + key.size();
    if (is_put) at += lsmith::varint_size(value.size()) + value.size();
  });
}

void Dump::edit(std::uint64_t offset, std::string_view payload) {
  const auto decoded = lsmith::decode_edit(payload);
  lsmith::ByteReader reader(payload);
  while (!reader.is_empty()) {
    const std::uint64_t at = offset + reader.offset();
    const auto tag = reader.varint32();
    const auto content = reader.bytes();
    if (!tag || !content) break;
    edit_field(at, *tag, *content);
  }
  if (!decoded.ok()) damage(decoded.status());
}

std::string added_table(std::string_view content) {
  lsmith::ByteReader reader(content);
  const auto level = reader.varint32();
  const auto number = reader.varint64();
  const auto bytes = reader.varint64();
  const auto id = reader.fixed64();
  const auto entries = reader.varint64();
  const auto erases = reader.varint64();
  const auto first = reader.varint64();
  const auto last = reader.varint64();
  const auto first_key = reader.bytes();
  const auto first_tag = reader.fixed64();
  const auto last_key = reader.bytes();
  const auto last_tag = reader.fixed64();
  if (!last_tag) return "malformed";
  return "level " + std::to_string(*level) + ", " +
         lsmith::file_name(lsmith::FileName::Type::table, *number) + ", " + std::to_string(*bytes) +
         " bytes, id " + hex(*id, 16) + ", " + std::to_string(*entries) + " entries, " +
         std::to_string(*erases) + " erases, sequences " + std::to_string(*first) + "–" +
         std::to_string(*last) + ", " + quote(*first_key, 60) + " " + tag_text(*first_tag) + " … " +
         quote(*last_key, 60) + " " + tag_text(*last_tag);
}

void Dump::edit_field(std::uint64_t offset, std::uint32_t tag, std::string_view content) {
  static constexpr const char* names[] = {"field 0",         "1 base",       "2 next file number",
                                          "3 last sequence", "4 log number", "5 remove table",
                                          "6 add table"};
  const std::string name = tag < 7 ? names[tag] : std::to_string(tag) + " unknown";
  lsmith::ByteReader reader(content);
  if (tag >= 2 && tag <= 4) {
    if (const auto value = reader.varint64()) return number(offset, name, *value);
  } else if (tag == 5) {
    const auto level = reader.varint32();
    const auto table = reader.varint64();
    if (level && table) {
      return field(offset, name,
                   "level " + std::to_string(*level) + ", " +
                       lsmith::file_name(lsmith::FileName::Type::table, *table));
    }
  } else if (tag == 6) {
    return field(offset, name, added_table(content));
  }
  field(offset, name, content.empty() ? "" : quote(content, 60));
}

void Dump::log_end(const lsmith::LogReader& reader) {
  title("end (section 4.3)");
  const std::uint64_t end = reader.end_offset();
  if (lsmith::Status s = reader.status(); !s.ok()) return damage(s);
  const std::string_view rest = bytes_.substr(std::min<std::size_t>(end, bytes_.size()));
  const bool is_zero = rest.find_first_not_of('\0') == rest.npos;
  field(end, "end of the log",
        rest.empty() ? "and of the file"
        : is_zero    ? std::to_string(rest.size()) + " zero bytes follow"
                     : std::to_string(rest.size()) +
                        " bytes follow: a torn tail, or an earlier life of the file");
}

int Dump::log(std::uint64_t number) {
  log_header();
  const auto claimed = lsmith::decode_log_header(bytes_);
  lsmith::LogReader reader(bytes_, claimed.ok() ? claimed->database_id : 0, number, name_);
  const auto header = reader.read_header();
  if (!header.ok()) {
    damage(header.status());
    return done();
  }
  while (const auto next = reader.next())
    frame(*next);
  log_end(reader);
  return done();
}

// ---- Tables

std::optional<std::string_view> Dump::body_of(BlockHandle handle) {
  const std::uint64_t size = bytes_.size();
  const std::uint64_t whole = std::uint64_t{handle.size} + lsmith::block_trailer_bytes;
  if (whole > size || handle.offset > size - whole) {
    damage({lsmith::Code::corruption, "a handle points outside the file: offset " +
                                          std::to_string(handle.offset) + ", size " +
                                          std::to_string(handle.size)});
    return std::nullopt;
  }
  return bytes_.substr(static_cast<std::size_t>(handle.offset), handle.size);
}

void Dump::trailer(BlockHandle handle) {
  const std::uint64_t at = handle.offset + handle.size;
  const char* const bytes = bytes_.data() + at;
  const auto type = static_cast<unsigned char>(bytes[0]);
  field(at, "type", std::to_string(type) + (type == 0 ? "  as it is" : "  unknown"));
  const auto whole = bytes_.substr(static_cast<std::size_t>(handle.offset),
                                   handle.size + lsmith::block_trailer_bytes);
  const lsmith::Status s = lsmith::check_block(table_id_, handle.offset, whole);
  checksum(at + 1, load_fixed32(bytes + 1), s.code() != lsmith::Code::corruption);
}

void Dump::block(std::string_view what, BlockHandle handle, bool is_index) {
  title(std::string(what) + " at " + std::to_string(handle.offset) + " (section 5)");
  const auto body = body_of(handle);
  if (!body) return;
  const auto opened = lsmith::Block::open(*body);
  if (!opened.ok()) {
    damage(opened.status());
    return trailer(handle);
  }
  const std::uint64_t at = handle.offset;
  const std::uint32_t count = load_fixed32(body->data());
  const std::uint16_t prefix = load_fixed16(body->data() + 4);
  number(at, "count", count);
  field(at + 4, "prefix size", std::to_string(prefix));
  field(at + 6, "flags", hex(load_fixed16(body->data() + 6), 4));
  field(at + 8, "prefix", quote(body->substr(8, prefix)));
  const std::size_t column = std::size_t{8} + prefix;
  const std::size_t offsets = column + std::size_t{8} * count;
  field(at + column, "column", std::to_string(count) + " × 8 bytes");
  field(at + offsets, "offsets", std::to_string(count) + " × 4 bytes");
  lsmith::BlockCursor cursor = opened->cursor();
  std::size_t row = 0;
  for (cursor.seek_to_first(); cursor.is_valid() && row < count; cursor.next(), ++row) {
    const std::uint64_t row_at = at + load_fixed32(body->data() + offsets + 4 * row);
    std::string value = quote(cursor.value(), value_bytes_max_);
    if (is_index) {
      const auto pointed = lsmith::decode_handle(cursor.value());
      if (pointed.ok())
        value = "block at " + std::to_string(pointed->offset) + ", " +
                std::to_string(pointed->size) + " bytes";
    }
    field(row_at, "row",
          quote(body->substr(column + 8 * row, 8)) + "  " + quote(cursor.key(), value_bytes_max_) +
              " " + tag_text(cursor.tag()) + " = " + value);
  }
  if (lsmith::Status s = cursor.status(); !s.ok()) damage(s);
  trailer(handle);
}

void Dump::filter(BlockHandle handle) {
  title("filter at " + std::to_string(handle.offset) + " (section 6)");
  const auto body = body_of(handle);
  if (!body) return;
  if (body->size() < 8) return damage({lsmith::Code::corruption, "too short for its tail"});
  const std::uint64_t tail = handle.offset + body->size() - 8;
  const char* const bytes = bytes_.data() + tail;
  field(handle.offset, "lines", std::to_string((body->size() - 8) / 64) + " × 64 bytes");
  number(tail, "kind", static_cast<unsigned char>(bytes[0]));
  number(tail + 1, "probes", static_cast<unsigned char>(bytes[1]));
  number(tail + 2, "reserved", load_fixed16(bytes + 2));
  number(tail + 4, "lines", load_fixed32(bytes + 4));
  trailer(handle);
}

void Dump::footer(const lsmith::Footer& footer) {
  const std::uint64_t at = bytes_.size() - lsmith::footer_bytes;
  const char* const bytes = bytes_.data() + at;
  title("footer at " + std::to_string(at) + " (section 7)");
  const auto handle = [](BlockHandle h) {
    return "block at " + std::to_string(h.offset) + ", " + std::to_string(h.size) + " bytes";
  };
  field(at, "index", handle(footer.index));
  field(at + 12, "properties", handle(footer.properties));
  field(at + 24, "table id", hex(footer.table_id, 16));
  number(at + 32, "file size", footer.file_bytes);
  number(at + 40, "version", load_fixed16(bytes + 40));
  number(at + 42, "checksum", static_cast<unsigned char>(bytes[42]));
  number(at + 43, "reserved", static_cast<unsigned char>(bytes[43]));
  field(at + 44, "flags", hex(load_fixed32(bytes + 44), 8));
  number(at + 48, "reserved", load_fixed32(bytes + 48));
  checksum(at + 52, load_fixed32(bytes + 52), true);  // decode_footer accepts no other
  field(at + 56, "magic", quote(bytes_.substr(static_cast<std::size_t>(at) + 56)));
}

void Dump::properties(BlockHandle handle) {
  block("properties", handle, false);
  const auto body = body_of(handle);
  if (!body) return;
  const auto decoded = lsmith::decode_properties(*body);
  if (!decoded.ok()) return damage(decoded.status());
  const auto& meta = decoded->meta;
  print("            that is: " + with_commas(meta.entries) + " entries, " +
        with_commas(meta.erases) + " erases, sequences " + std::to_string(meta.first_sequence) +
        "–" + std::to_string(meta.last_sequence) + ", " + with_commas(decoded->data_blocks) +
        " data blocks of " + with_commas(decoded->data_bytes) + " bytes, keys " +
        with_commas(decoded->key_bytes) + ", values " + with_commas(decoded->value_bytes) + "\n");
}

std::vector<BlockHandle> Dump::data_handles(const lsmith::Footer& footer) {
  std::vector<BlockHandle> handles;
  const auto body = body_of(footer.index);
  if (!body) return handles;
  const auto index = lsmith::Block::open(*body);
  if (!index.ok()) return handles;
  lsmith::BlockCursor cursor = index->cursor();
  for (cursor.seek_to_first(); cursor.is_valid(); cursor.next()) {
    const auto handle = lsmith::decode_handle(cursor.value());
    if (handle.ok()) handles.push_back(*handle);
  }
  return handles;
}

int Dump::table() {
  const std::size_t tail_bytes = std::min(bytes_.size(), lsmith::footer_bytes);
  const auto tail = lsmith::decode_footer(bytes_.substr(bytes_.size() - tail_bytes), bytes_.size());
  if (!tail.ok()) return damage(tail.status()), exit_failure;
  table_id_ = tail->table_id;
  for (const BlockHandle handle : data_handles(*tail))
    block("data block", handle, false);
  if (const auto body = body_of(tail->properties)) {
    const auto decoded = lsmith::decode_properties(*body);
    if (decoded.ok() && decoded->filter.size > 0) filter(decoded->filter);
  }
  properties(tail->properties);
  block("index", tail->index, true);
  footer(*tail);
  return done();
}

}  // namespace

int dump_file(const std::string& path, bool is_full) {
  const std::string name = path.substr(path.find_last_of('/') + 1);
  const auto parsed = lsmith::parse_file_name(name);
  using Type = lsmith::FileName::Type;
  if (!parsed || parsed->type == Type::lock) {
    return complain(exit_failure, path +
                                      " is no file of a database that can be dumped: CURRENT, "
                                      "MANIFEST-000012, 000013.wal, 000014.sst");
  }
  const auto bytes = lsmith::read_file(lsmith::posix_file_system(), path);
  if (!bytes.ok()) return complain(exit_failure, bytes.status().to_string());
  Dump dump(*bytes, name, is_full);
  print(paint(Tone::strong, name) + "  " + with_commas(bytes->size()) + " bytes\n");
  switch (parsed->type) {
    case Type::current:
    case Type::current_temporary:
      return dump.current();
    case Type::table:
      return dump.table();
    default:
      return dump.log(parsed->number);
  }
}

}  // namespace lab
