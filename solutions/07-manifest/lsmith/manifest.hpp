// manifest.hpp: which tables are the database.
//
// A folder may hold tables that are half written, or no longer wanted; only what the manifest names
// counts. The manifest is a log of edits. Each is a change to the set of tables, never the new set,
// so a flush and a compaction that end at the same time do not undo each other.
//
//   CURRENT --> MANIFEST-000012:  | header | base: everything | edit | edit | …
//
//   version 7                                version 8 = version 7 with one edit applied
//     level 0   [31] [28]                      level 0   [33] [31] [28]        + 33
//     level 1   [19 a–k] [20 l–z]              level 1   [19 a–k] [32 l–z]     − 20  + 32
//
// A version never changes: readers pin it, on any thread, while the engine makes the next one.
// Both share a table's meta data; the count of its references says whether it is still read.
//
// Invariants
//  1. Level 0 is ordered newest first. In each other level no two tables share a user key.
//  2. A table number stands in a version once.
//  3. An edit is synced before anybody acts on it. A manifest is durable before CURRENT names it.
//  4. Numbers never fall, and every file in use has one below next_file_number.
#pragma once

#include <lsmith/coding.hpp>
#include <lsmith/file.hpp>
#include <lsmith/key.hpp>
#include <lsmith/names.hpp>
#include <lsmith/status.hpp>
#include <lsmith/table_format.hpp>
#include <lsmith/wal.hpp>

#include <algorithm>
#include <array>
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

inline constexpr int level_count = 7;

/// A change to the set of tables; book/format.md, section 8.
struct VersionEdit {
  bool is_base = false;
  std::optional<std::uint64_t> next_file_number;
  std::optional<Sequence> last_sequence;
  std::optional<std::uint64_t> log_number;
  std::vector<std::pair<int, std::uint64_t>> removed;  ///< level, table number
  std::vector<std::pair<int, TableMeta>> added;        ///< level, table

  bool operator==(const VersionEdit&) const = default;
};

/// The payload of an edit frame: canonical.
std::string encode_edit(const VersionEdit& edit);
/// The inverse. Corruption says what and at which offset; an unknown field below 64 is
/// not_supported.
Result<VersionEdit> decode_edit(std::string_view payload);

/// A table as versions share it: while a reader pins a version that names it, its count stays above
/// one.
using TableRef = std::shared_ptr<const TableMeta>;

/// One state of the database's tables. Never changed once it is shared.
class Version {
 public:
  Version() = default;

  /// This version with the edit applied: all removals, then all additions. Corruption when a table
  /// to remove is not there, one to add is there already, or tables of a level from 1 on would
  /// overlap. Tables that both versions name, moved ones too, are shared, not copied.
  Result<Version> apply(const VersionEdit& edit) const;
  /// The tables of a level: level 0 newest first (last_sequence, then number, descending), the
  /// others in key order.
  const std::vector<TableRef>& level(int level) const;
  /// In a level from 1 on, the one table that may hold the key; null when none does.
  TableRef find(int level, std::string_view key) const;
  /// The tables of a level that may hold a key from `first` to `last`, both included, in order.
  std::vector<TableRef> overlapping(int level, std::string_view first, std::string_view last) const;
  std::uint64_t level_bytes(int level) const;
  std::size_t table_count() const;
  /// The edit that builds this version from nothing; is_base is set, the three numbers are not.
  VersionEdit to_base_edit() const;
  /// Every broken invariant: order, overlap, ranges the wrong way round, a number twice.
  std::vector<std::string> check() const;

 private:
  std::vector<TableRef>& tables(int level) { return levels_[static_cast<std::size_t>(level)]; }
  // The table with that number in any level, or null.
  TableRef with_number(std::uint64_t number) const;
  void sort_levels();

  std::array<std::vector<TableRef>, level_count> levels_;
};

/// The content of CURRENT for a manifest: canonical.
std::string encode_current(std::uint64_t manifest_number);
/// The inverse; corruption says what is wrong.
Result<std::uint64_t> decode_current(std::string_view content);
/// Makes CURRENT name this manifest, durably and at once: a crash leaves the old one or the new
/// one. The manifest and its name are durable already.
Status set_current(FileSystem& files, const std::string& folder, std::uint64_t manifest_number);

/// What a manifest says after its last whole edit.
struct ManifestState {
  std::uint64_t manifest_number = 0;
  std::uint64_t database_id = 0;
  std::uint64_t next_file_number = 1;
  Sequence last_sequence = 0;
  std::uint64_t log_number = 0;
  Version version;
};

/// Reads the manifest that CURRENT names. not_found when there is no CURRENT; corruption says file
/// and offset. Writes nothing.
Result<ManifestState> read_manifest(FileSystem& files, const std::string& folder);

/// Appends edits to a manifest that this process made. After a failure it refuses everything, for
/// good, and nothing that an edit would have freed may be removed. One thread at a time.
class ManifestWriter {
 public:
  /// Writes a new manifest whose base is `state`, makes it durable, and points CURRENT at it.
  static Result<std::unique_ptr<ManifestWriter>> create(FileSystem& files,
                                                        const std::string& folder,
                                                        const ManifestState& state);
  /// Writes and syncs one edit: when it returns ok, the edit is part of the database.
  Status append(const VersionEdit& edit);
  std::uint64_t size_bytes() const;
  std::uint64_t number() const;

 private:
  std::unique_ptr<LogWriter> log_;  // it remembers the first failure
};

inline void put_field(std::string& out, std::uint32_t tag, std::string_view content) {
  put_varint32(out, tag);
  put_bytes(out, content);
}

inline void put_number_field(std::string& out, std::uint32_t tag,
                             std::optional<std::uint64_t> number) {
  if (!number) return;
  std::string content;
  put_varint64(content, *number);
  put_field(out, tag, content);
}

inline std::string encode_place(int level, std::uint64_t number) {
  std::string content;
  put_varint32(content, static_cast<std::uint32_t>(level));
  put_varint64(content, number);
  return content;
}

inline std::string encode_edit(const VersionEdit& edit) {
  VersionEdit sorted = edit;
  std::sort(sorted.removed.begin(), sorted.removed.end());
  std::sort(sorted.added.begin(), sorted.added.end(), [](const auto& a, const auto& b) {
    return std::pair(a.first, a.second.number) < std::pair(b.first, b.second.number);
  });
  std::string out;
  if (sorted.is_base) put_field(out, 1, "");
  put_number_field(out, 2, sorted.next_file_number);
  put_number_field(out, 3, sorted.last_sequence);
  put_number_field(out, 4, sorted.log_number);
  for (const auto& [level, number] : sorted.removed)
    put_field(out, 5, encode_place(level, number));
  for (const auto& [level, table] : sorted.added) {
    std::string content = encode_place(level, table.number);
    put_varint64(content, table.file_bytes);
    put_fixed64(content, table.table_id);
    put_varint64(content, table.entries);
    put_varint64(content, table.erases);
    put_varint64(content, table.first_sequence);
    put_varint64(content, table.last_sequence);
    put_bytes(content, table.first_key);
    put_fixed64(content, table.first_tag);
    put_bytes(content, table.last_key);
    put_fixed64(content, table.last_tag);
    put_field(out, 6, content);
  }
  return out;
}

// Moves what was read into `field`; false when nothing was.
template <class Value, class Field>
bool take(std::optional<Value> value, Field& field) {
  if (value) field = *value;
  return value.has_value();
}

// Each of these reads the content of one kind of field. False: it is malformed, or can not be.
inline bool read_place(ByteReader& reader, std::pair<int, std::uint64_t>& place) {
  return take(reader.varint32(), place.first) && take(reader.varint64(), place.second) &&
         place.first >= 0 && place.first < level_count && place.second > 0;
}

inline bool read_removal(ByteReader& reader, VersionEdit& edit) {
  std::pair<int, std::uint64_t> place;
  if (!read_place(reader, place)) return false;
  if (!edit.removed.empty() && place <= edit.removed.back()) return false;  // not in order
  edit.removed.push_back(place);
  return true;
}

inline bool is_sound(const TableMeta& table) {
  return table.first_sequence <= table.last_sequence && table.last_sequence <= sequence_max &&
         table.first_key.size() <= key_bytes_max && table.last_key.size() <= key_bytes_max &&
         compare(table.first_key, table.first_tag, table.last_key, table.last_tag) <= 0;
}

inline bool read_addition(ByteReader& reader, VersionEdit& edit) {
  std::pair<int, std::uint64_t> place;
  if (!read_place(reader, place)) return false;
  if (!edit.added.empty() &&
      place <= std::pair(edit.added.back().first, edit.added.back().second.number))
    return false;  // not in order
  TableMeta table;
  table.number = place.second;
  if (!take(reader.varint64(), table.file_bytes) || !take(reader.fixed64(), table.table_id) ||
      !take(reader.varint64(), table.entries) || !take(reader.varint64(), table.erases) ||
      !take(reader.varint64(), table.first_sequence) ||
      !take(reader.varint64(), table.last_sequence) || !take(reader.bytes(), table.first_key) ||
      !take(reader.fixed64(), table.first_tag) || !take(reader.bytes(), table.last_key) ||
      !take(reader.fixed64(), table.last_tag) || !is_sound(table))
    return false;
  edit.added.emplace_back(place.first, std::move(table));
  return true;
}

inline bool read_content(std::uint32_t tag, ByteReader& reader, VersionEdit& edit) {
  if (tag == 1) return edit.is_base = true;
  if (tag == 2) return take(reader.varint64(), edit.next_file_number);
  if (tag == 3)
    return take(reader.varint64(), edit.last_sequence) && *edit.last_sequence <= sequence_max;
  if (tag == 4) return take(reader.varint64(), edit.log_number);
  return tag == 5 ? read_removal(reader, edit) : read_addition(reader, edit);
}

inline Result<VersionEdit> decode_edit(std::string_view payload) {
  VersionEdit edit;
  ByteReader reader(payload);
  std::uint32_t last_tag = 0;
  while (!reader.is_empty()) {
    const std::string where = "edit offset " + std::to_string(reader.offset());
    std::uint32_t tag = 0;
    std::string_view content;
    const auto corrupt = [&](const char* why) { return Status(Code::corruption, where + why); };
    if (!take(reader.varint32(), tag) || !take(reader.bytes(), content))
      return corrupt(": a field is cut short");
    if (tag == 0 || (tag > 6 && tag < 64))
      return Status(Code::not_supported, where + ": an unknown field");
    if (tag < last_tag || (tag == last_tag && tag <= 4)) return corrupt(": not in order, or twice");
    last_tag = tag;
    if (tag >= 64) continue;
    ByteReader fields(content);
    if (!read_content(tag, fields, edit) || !fields.is_empty())
      return corrupt(": the field's content is malformed");
  }
  return edit;
}

inline Result<Version> Version::apply(const VersionEdit& edit) const {
  Version next = *this;
  for (const auto& [level, number] : edit.removed) {
    const auto is_it = [n = number](const TableRef& table) { return table->number == n; };
    if (std::erase_if(next.tables(level), is_it) == 0)
      return Status(Code::corruption, "no table " + std::to_string(number) + " to remove");
  }
  for (const auto& [level, table] : edit.added) {
    TableRef old = with_number(table.number);  // there if the edit moves the table
    if (!old || *old != table) old = std::make_shared<const TableMeta>(table);
    next.tables(level).push_back(std::move(old));
  }
  next.sort_levels();
  if (auto faults = next.check(); !faults.empty()) return Status(Code::corruption, faults.front());
  return next;
}

inline const std::vector<TableRef>& Version::level(int level) const {
  assert(level >= 0);
  assert(level < level_count);
  return levels_[static_cast<std::size_t>(level)];
}

inline TableRef Version::find(int level, std::string_view key) const {
  assert(level > 0);
  const std::vector<TableRef>& tables = this->level(level);
  const auto at = std::lower_bound(
      tables.begin(), tables.end(), key,
      [](const TableRef& table, std::string_view k) { return table->last_key < k; });
  return at != tables.end() && (*at)->covers(key) ? *at : nullptr;
}

inline std::vector<TableRef> Version::overlapping(int level, std::string_view first,
                                                  std::string_view last) const {
  assert(first <= last);
  std::vector<TableRef> found;
  for (const TableRef& table : this->level(level))
    if (table->overlaps(first, last)) found.push_back(table);
  return found;
}

inline std::uint64_t Version::level_bytes(int level) const {
  std::uint64_t bytes = 0;
  for (const TableRef& table : this->level(level))
    bytes += table->file_bytes;
  return bytes;
}

inline std::size_t Version::table_count() const {
  std::size_t count = 0;
  for (const auto& tables : levels_)
    count += tables.size();
  return count;
}

inline VersionEdit Version::to_base_edit() const {
  VersionEdit edit;
  edit.is_base = true;
  for (int level = 0; level < level_count; ++level)
    for (const TableRef& table : this->level(level))
      edit.added.emplace_back(level, *table);
  return edit;
}

inline bool is_newer(const TableRef& a, const TableRef& b) {
  return std::pair(a->last_sequence, a->number) > std::pair(b->last_sequence, b->number);
}

inline std::vector<std::string> Version::check() const {
  std::vector<std::string> faults;
  std::vector<std::uint64_t> numbers;
  for (int level = 0; level < level_count; ++level) {
    TableRef before;
    for (const TableRef& table : this->level(level)) {
      const std::string name = "table " + std::to_string(table->number);
      if (!is_sound(*table)) faults.push_back(name + " has a range the wrong way round");
      if (before && level == 0 && !is_newer(before, table))
        faults.push_back(name + " is newer than the run before it");
      if (before && level > 0 && before->last_key >= table->first_key)
        faults.push_back(name + " overlaps the table before it");
      before = table;
      numbers.push_back(table->number);
    }
  }
  std::sort(numbers.begin(), numbers.end());
  for (std::size_t i = 1; i < numbers.size(); ++i)
    if (numbers[i - 1] == numbers[i])
      faults.push_back("table " + std::to_string(numbers[i]) + " stands twice");
  return faults;
}

inline TableRef Version::with_number(std::uint64_t number) const {
  for (const auto& tables : levels_)
    for (const TableRef& table : tables)
      if (table->number == number) return table;
  return nullptr;
}

inline void Version::sort_levels() {
  std::sort(levels_[0].begin(), levels_[0].end(), is_newer);
  for (int level = 1; level < level_count; ++level)
    std::sort(levels_[level].begin(), levels_[level].end(),
              [](const TableRef& a, const TableRef& b) { return a->first_key < b->first_key; });
}

inline std::string encode_current(std::uint64_t manifest_number) {
  const std::string name = file_name(FileName::Type::manifest, manifest_number);
  std::string hex;
  for (std::uint32_t crc = crc32c(name); hex.size() < 8; crc <<= 4)
    hex.push_back("0123456789abcdef"[crc >> 28]);
  return name + " " + hex + "\n";
}

inline Result<std::uint64_t> decode_current(std::string_view content) {
  const std::optional<FileName> name = parse_file_name(content.substr(0, content.find(' ')));
  if (!name || name->type != FileName::Type::manifest || content != encode_current(name->number))
    return Status(Code::corruption, "it does not hold a manifest's name and its checksum");
  return name->number;
}

inline Status set_current(FileSystem& files, const std::string& folder,
                          std::uint64_t manifest_number) {
  const std::string temporary = file_path(folder, FileName::Type::current_temporary);
  Result<std::unique_ptr<WritableFile>> file = files.create(temporary);
  if (!file.ok()) return std::move(file).status();
  if (Status s = (*file)->append(encode_current(manifest_number)); !s.ok()) return s;
  if (Status s = (*file)->sync(); !s.ok()) return s;
  if (Status s = (*file)->close(); !s.ok()) return s;
  Status s = files.rename(temporary, file_path(folder, FileName::Type::current));
  if (!s.ok()) return s;
  return files.sync_dir(folder);
}

inline Status apply_to_state(const VersionEdit& edit, bool is_first, ManifestState& state) {
  const auto corrupt = [](const char* why) { return Status(Code::corruption, why); };
  if (edit.is_base != is_first) return corrupt("only the first edit is a base");
  if (is_first && !(edit.next_file_number && edit.last_sequence && edit.log_number))
    return corrupt("the base lacks a number");
  if (edit.next_file_number.value_or(~0ull) < state.next_file_number ||
      edit.last_sequence.value_or(sequence_max) < state.last_sequence ||
      edit.log_number.value_or(~0ull) < state.log_number)
    return corrupt("a number falls below what it was");
  state.next_file_number = edit.next_file_number.value_or(state.next_file_number);
  state.last_sequence = edit.last_sequence.value_or(state.last_sequence);
  state.log_number = edit.log_number.value_or(state.log_number);
  if (state.manifest_number >= state.next_file_number || state.log_number > state.next_file_number)
    return corrupt("a file has a number that is yet to be given");
  for (const auto& [level, table] : edit.added) {
    if (table.number >= state.next_file_number)
      return corrupt("a table has a number that is yet to be given");
    if (table.last_sequence > state.last_sequence)
      return corrupt("a table is newer than the last sequence");
  }
  Result<Version> version = state.version.apply(edit);
  if (!version.ok()) return std::move(version).status();
  state.version = *std::move(version);
  return {};
}

inline Result<ManifestState> read_manifest(FileSystem& files, const std::string& folder) {
  const std::string current = file_path(folder, FileName::Type::current);
  Result<std::string> content = read_file(files, current);
  if (!content.ok()) return std::move(content).status();
  Result<std::uint64_t> number = decode_current(*content);
  if (!number.ok()) return std::move(number).status().in(current);
  const std::string path = file_path(folder, FileName::Type::manifest, *number);
  Result<std::string> bytes = read_file(files, path);
  if (!bytes.ok() && bytes.status().code() == Code::not_found)
    return Status(Code::corruption, current + " names " + path + ", which is missing");
  if (!bytes.ok()) return std::move(bytes).status();
  Result<LogHeader> header = decode_log_header(*bytes);
  if (!header.ok()) return std::move(header).status().in(path);
  LogReader reader(*bytes, header->database_id, *number, path);
  if (Status s = reader.read_header().status(); !s.ok()) return s;
  if (header->kind != LogHeader::Kind::manifest)
    return Status(Code::corruption, path + ": the log is no manifest");
  ManifestState state;
  state.manifest_number = *number;
  state.database_id = header->database_id;
  bool is_first = true;
  while (std::optional<Frame> frame = reader.next()) {
    const std::string where = path + ": offset " + std::to_string(frame->offset);
    if (frame->type != FrameType::edit) return Status(Code::corruption, where + ": no edit");
    Result<VersionEdit> edit = decode_edit(frame->payload);
    if (!edit.ok()) return std::move(edit).status().in(where);
    if (Status s = apply_to_state(*edit, is_first, state); !s.ok()) return std::move(s).in(where);
    is_first = false;
  }
  if (Status s = reader.status(); !s.ok()) return s;
  if (is_first) return Status(Code::corruption, path + ": offset 64: the base is missing");
  return state;
}

inline Result<std::unique_ptr<ManifestWriter>> ManifestWriter::create(FileSystem& files,
                                                                      const std::string& folder,
                                                                      const ManifestState& state) {
  assert(state.manifest_number < state.next_file_number);
  auto file =
      files.create_log(file_path(folder, FileName::Type::manifest, state.manifest_number), 0);
  if (!file.ok()) return std::move(file).status();
  const LogHeader header{.kind = LogHeader::Kind::manifest,
                         .database_id = state.database_id,
                         .file_number = state.manifest_number};
  auto writer = std::make_unique<ManifestWriter>();
  writer->log_ = std::make_unique<LogWriter>(*std::move(file), header);
  if (Status s = writer->log_->start(); !s.ok()) return s;
  VersionEdit base = state.version.to_base_edit();
  base.next_file_number = state.next_file_number;
  base.last_sequence = state.last_sequence;
  base.log_number = state.log_number;
  if (Status s = writer->append(base); !s.ok()) return s;
  if (Status s = files.sync_dir(folder); !s.ok()) return s;
  if (Status s = set_current(files, folder, state.manifest_number); !s.ok()) return s;
  return Result<std::unique_ptr<ManifestWriter>>(std::move(writer));
}

inline Status ManifestWriter::append(const VersionEdit& edit) {
  const std::string payload = encode_edit(edit);
  if (payload.size() > batch_bytes_max)
    return Status(Code::invalid_argument, "an edit is too large for a manifest");
  if (Status s = log_->append(FrameType::edit, payload, true); !s.ok()) return s;
  return log_->sync();
}

inline std::uint64_t ManifestWriter::size_bytes() const {
  return log_->end_offset();
}

inline std::uint64_t ManifestWriter::number() const {
  return log_->header().file_number;
}

}  // namespace lsmith
