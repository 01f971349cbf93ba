// manifest.hpp: which tables are the database. Yours to write; book/07-manifest.md explains.
//
// Goal: a folder may hold tables that are half written, or no longer wanted; only what the manifest
// names counts. The manifest is a log of edits, each a change to the set of tables. After any crash
// CURRENT names a whole manifest, which says everything that was ever acknowledged.
//
//   CURRENT --> MANIFEST-000012:  | header | base: everything | edit | edit | …
//
//   version 7                                version 8 = version 7 with one edit applied
//     level 0   [31] [28]                      level 0   [33] [31] [28]        + 33
//     level 1   [19 a–k] [20 l–z]              level 1   [19 a–k] [32 l–z]     − 20  + 32
//
// Steps (each is checked by `labs/lab check 07`)
//   07.1  encode_edit, decode_edit                              about 50 minutes
//   07.2  Version::apply, find, overlapping                     about 50 minutes
//   07.3  encode_current, decode_current, set_current;          about 70 minutes
//         apply_to_state, read_manifest;
//         ManifestWriter::create, append
//
// Given: the twelve values of an addition, encoded and read; of a Version its field, what only
// counts or lists it, and check(), which says every broken invariant; read_current_manifest, which
// follows CURRENT to the bytes. names.hpp has the names of files, table_format.hpp TableMeta,
// wal.hpp the log. The bytes are in book/format.md, sections 3 and 8, the order of things in 10.
//
// Invariants
//  1. Level 0 is ordered newest first. In each other level no two tables share a user key.
//  2. A table number stands in a version once.
//  3. An edit is synced before anybody acts on it. A manifest is durable before CURRENT names it.
//  4. Numbers never fall, and every file in use has one below next_file_number.
//
// The public declarations are the contract that the rest of the engine calls: leave them as they
// are. Everything below each `private:` is yours, what is given there too, and so are helpers,
// includes and bodies.
//
// Threads: a Version never changes, so any number may read it. Cost: apply copies references.
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
  // The table with that number, in whatever level; null when there is none.
  TableRef table(std::uint64_t number) const;
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
  std::unique_ptr<LogWriter> log_;  // it remembers the first failure; create() makes it
};

// Given: how the content of a removal, and of an addition, begins.
inline std::string encode_place(int level, std::uint64_t number) {
  std::string content;
  put_varint32(content, static_cast<std::uint32_t>(level));
  put_varint64(content, number);
  return content;
}

// Given: the content of an addition.
inline std::string encode_addition(int level, const TableMeta& table) {
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
  return content;
}

namespace detail {

// The fields of an edit; book/format.md, section 8.
enum EditTag : std::uint32_t {
  edit_base = 1,
  edit_next_file_number = 2,
  edit_last_sequence = 3,
  edit_log_number = 4,
  edit_removed = 5,
  edit_added = 6,
  edit_ignorable = 64,  // this one and all above
};

inline void put_field(std::string& out, std::uint32_t tag, std::string_view content) {
  put_varint32(out, tag);
  put_bytes(out, content);
}

inline void put_number_field(std::string& out, std::uint32_t tag,
                             const std::optional<std::uint64_t>& number) {
  if (!number) return;
  std::string content;
  put_varint64(content, *number);
  put_field(out, tag, content);
}

}  // namespace detail

inline std::string encode_edit(const VersionEdit& edit) {
  std::string payload;
  if (edit.is_base) detail::put_field(payload, detail::edit_base, {});
  detail::put_number_field(payload, detail::edit_next_file_number, edit.next_file_number);
  detail::put_number_field(payload, detail::edit_last_sequence, edit.last_sequence);
  detail::put_number_field(payload, detail::edit_log_number, edit.log_number);

  std::vector<std::pair<int, std::uint64_t>> removed = edit.removed;
  std::sort(removed.begin(), removed.end());
  for (const auto& [level, number] : removed)
    detail::put_field(payload, detail::edit_removed, encode_place(level, number));

  std::vector<const std::pair<int, TableMeta>*> added;
  for (const auto& addition : edit.added)
    added.push_back(&addition);
  std::sort(added.begin(), added.end(), [](const auto* a, const auto* b) {
    return std::pair(a->first, a->second.number) < std::pair(b->first, b->second.number);
  });
  for (const auto* addition : added)
    detail::put_field(payload, detail::edit_added,
                      encode_addition(addition->first, addition->second));
  return payload;
}

// Given. Moves what was read into `field`; false when nothing was.
template <class Value, class Field>
bool take(std::optional<Value> value, Field& field) {
  if (value) field = *value;
  return value.has_value();
}

// Given: the inverse of encode_place. False, as in the two below: malformed, or it can not be.
inline bool read_place(ByteReader& reader, std::pair<int, std::uint64_t>& place) {
  return take(reader.varint32(), place.first) && take(reader.varint64(), place.second) &&
         place.first >= 0 && place.first < level_count && place.second > 0;
}

// Given.
inline bool is_sound(const TableMeta& table) {
  return table.first_sequence <= table.last_sequence && table.last_sequence <= sequence_max &&
         table.first_key.size() <= key_bytes_max && table.last_key.size() <= key_bytes_max &&
         compare(table.first_key, table.first_tag, table.last_key, table.last_tag) <= 0;
}

// Given: reads the content of one addition into the edit. It must follow those that are there.
inline bool read_addition(ByteReader& reader, VersionEdit& edit) {
  std::pair<int, std::uint64_t> place;
  if (!read_place(reader, place)) return false;
  if (!edit.added.empty() &&
      place <= std::pair(edit.added.back().first, edit.added.back().second.number))
    return false;
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

namespace detail {

inline bool read_removal(ByteReader& reader, VersionEdit& edit) {
  std::pair<int, std::uint64_t> place;
  if (!read_place(reader, place)) return false;
  if (!edit.removed.empty() && place <= edit.removed.back()) return false;
  edit.removed.push_back(place);
  return true;
}

// Reads the content of a field into the edit. False when it is malformed or can not be.
inline bool read_field(std::uint32_t tag, std::string_view content, VersionEdit& edit) {
  ByteReader reader(content);
  bool is_read = true;
  switch (tag) {
    case edit_base:
      edit.is_base = true;
      break;
    case edit_next_file_number:
      is_read = take(reader.varint64(), edit.next_file_number);
      break;
    case edit_last_sequence:
      is_read = take(reader.varint64(), edit.last_sequence) && *edit.last_sequence <= sequence_max;
      break;
    case edit_log_number:
      is_read = take(reader.varint64(), edit.log_number);
      break;
    case edit_removed:
      is_read = read_removal(reader, edit);
      break;
    case edit_added:
      is_read = read_addition(reader, edit);
      break;
    default:
      return true;  // ignorable
  }
  return is_read && reader.is_empty();
}

}  // namespace detail

inline Result<VersionEdit> decode_edit(std::string_view payload) {
  VersionEdit edit;
  ByteReader reader(payload);
  std::uint32_t previous = 0;
  while (!reader.is_empty()) {
    const std::string where = "edit, offset " + std::to_string(reader.offset()) + ": ";
    const std::optional<std::uint32_t> tag = reader.varint32();
    if (!tag) return Status(Code::corruption, where + "a malformed field tag");
    if (*tag == 0 || (*tag > detail::edit_added && *tag < detail::edit_ignorable))
      return Status(Code::not_supported, where + "unknown field " + std::to_string(*tag));
    if (*tag < previous) return Status(Code::corruption, where + "the fields are out of order");
    if (*tag == previous && *tag <= detail::edit_log_number)
      return Status(Code::corruption, where + "field " + std::to_string(*tag) + " stands twice");
    previous = *tag;
    const std::optional<std::string_view> content = reader.bytes();
    if (!content) return Status(Code::corruption, where + "the field is cut short");
    if (!detail::read_field(*tag, *content, edit)) {
      return Status(Code::corruption,
                    where + "field " + std::to_string(*tag) + " is malformed or can not be");
    }
  }
  return edit;
}

inline TableRef Version::table(std::uint64_t number) const {
  for (const std::vector<TableRef>& tables : levels_)
    for (const TableRef& table : tables)
      if (table->number == number) return table;
  return nullptr;
}

inline void Version::sort_levels() {
  std::sort(levels_[0].begin(), levels_[0].end(), [](const TableRef& a, const TableRef& b) {
    return std::pair(a->last_sequence, a->number) > std::pair(b->last_sequence, b->number);
  });
  for (std::size_t level = 1; level < levels_.size(); ++level) {
    std::sort(levels_[level].begin(), levels_[level].end(),
              [](const TableRef& a, const TableRef& b) { return a->first_key < b->first_key; });
  }
}

inline Result<Version> Version::apply(const VersionEdit& edit) const {
  Version next = *this;
  for (const auto& [level, number] : edit.removed) {
    std::vector<TableRef>& tables = next.levels_[static_cast<std::size_t>(level)];
    const auto at =
        std::find_if(tables.begin(), tables.end(),
                     [wanted = number](const TableRef& t) { return t->number == wanted; });
    if (at == tables.end()) {
      return Status(Code::corruption, "table " + std::to_string(number) +
                                          " is to be removed, but is not in level " +
                                          std::to_string(level));
    }
    tables.erase(at);
  }
  for (const auto& [level, meta] : edit.added) {
    TableRef ref = table(meta.number);
    if (ref == nullptr || *ref != meta) ref = std::make_shared<const TableMeta>(meta);
    next.levels_[static_cast<std::size_t>(level)].push_back(std::move(ref));
  }
  next.sort_levels();
  if (const std::vector<std::string> faults = next.check(); !faults.empty())
    return Status(Code::corruption, faults.front());
  return next;
}

// Given, as are the other functions that only count or list.
inline const std::vector<TableRef>& Version::level(int level) const {
  assert(level >= 0);
  assert(level < level_count);
  return levels_[static_cast<std::size_t>(level)];
}

inline TableRef Version::find(int level, std::string_view key) const {
  assert(level > 0);
  const std::vector<TableRef>& tables = this->level(level);
  const auto at = std::partition_point(
      tables.begin(), tables.end(), [key](const TableRef& table) { return table->last_key < key; });
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
  for (int level = 0; level < level_count; ++level)
    count += this->level(level).size();
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

// Given.
inline std::vector<std::string> Version::check() const {
  std::vector<std::string> faults;
  std::vector<std::uint64_t> numbers;
  const auto age = [](const TableMeta& t) { return std::pair(t.last_sequence, t.number); };
  for (int level = 0; level < level_count; ++level) {
    TableRef before;
    for (const TableRef& table : this->level(level)) {
      const std::string name =
          "level " + std::to_string(level) + ", table " + std::to_string(table->number);
      if (!is_sound(*table)) faults.push_back(name + " has a range the wrong way round");
      if (before && level == 0 && age(*before) < age(*table))
        faults.push_back(name + " is newer than the run before it");
      if (before && level > 0 && before->last_key >= table->first_key)
        faults.push_back(name + " overlaps the table before it, or sorts before it");
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

inline std::string encode_current(std::uint64_t manifest_number) {
  const std::string name = file_name(FileName::Type::manifest, manifest_number);
  const std::uint32_t crc = crc32c(name);
  std::string content = name + ' ';
  for (int shift = 28; shift >= 0; shift -= 4)
    content.push_back("0123456789abcdef"[(crc >> shift) & 0xf]);
  return content + '\n';
}

inline Result<std::uint64_t> decode_current(std::string_view content) {
  const std::optional<FileName> name = parse_file_name(content.substr(0, content.find(' ')));
  if (!name || name->type != FileName::Type::manifest)
    return Status(Code::corruption, "it does not name a manifest");
  if (content != encode_current(name->number))
    return Status(Code::corruption, "the checksum of the manifest's name is wrong or malformed");
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
  if (Status s = files.rename(temporary, file_path(folder, FileName::Type::current)); !s.ok())
    return s;
  return files.sync_dir(folder);
}

inline Status apply_to_state(const VersionEdit& edit, bool is_first, ManifestState& state) {
  const auto corrupt = [](std::string why) { return Status(Code::corruption, std::move(why)); };
  if (is_first && !edit.is_base) return corrupt("the first edit is not a base");
  if (!is_first && edit.is_base) return corrupt("a base stands behind the first edit");
  if (is_first && !(edit.next_file_number && edit.last_sequence && edit.log_number))
    return corrupt("the base lacks one of its numbers");

  const std::uint64_t next_file = edit.next_file_number.value_or(state.next_file_number);
  const Sequence last_sequence = edit.last_sequence.value_or(state.last_sequence);
  const std::uint64_t log_number = edit.log_number.value_or(state.log_number);
  if (next_file < state.next_file_number) return corrupt("the next file number falls");
  if (last_sequence < state.last_sequence) return corrupt("the last sequence falls");
  if (log_number < state.log_number) return corrupt("the log number falls");
  if (next_file <= state.manifest_number)
    return corrupt("the manifest's own number was never given out");
  if (next_file < log_number) return corrupt("the log number was never given out");
  for (const auto& [level, table] : edit.added) {
    const std::string name = "table " + std::to_string(table.number);
    if (table.number >= next_file) return corrupt(name + " has a number that was never given out");
    if (table.last_sequence > last_sequence)
      return corrupt(name + " has a sequence number above the last one");
  }

  Result<Version> version = state.version.apply(edit);
  if (!version.ok()) return std::move(version).status();
  state.next_file_number = next_file;
  state.last_sequence = last_sequence;
  state.log_number = log_number;
  state.version = *std::move(version);
  return {};
}

struct ManifestBytes {
  std::uint64_t number = 0;
  std::string path;
  std::string bytes;
};

// Given: the bytes of the manifest that CURRENT names.
inline Result<ManifestBytes> read_current_manifest(FileSystem& files, const std::string& folder) {
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
  return ManifestBytes{*number, path, *std::move(bytes)};
}

inline Result<ManifestState> read_manifest(FileSystem& files, const std::string& folder) {
  const Result<ManifestBytes> manifest = read_current_manifest(files, folder);
  if (!manifest.ok()) return manifest.status();
  const std::string& path = manifest->path;

  const Result<LogHeader> header = decode_log_header(manifest->bytes);
  if (!header.ok()) return Status(header.status()).in(path);
  LogReader reader(manifest->bytes, header->database_id, manifest->number, path);
  if (const Status s = reader.read_header().status(); !s.ok()) return s;
  if (header->kind != LogHeader::Kind::manifest)
    return Status(Code::corruption, path + ": a log, but not a manifest");

  ManifestState state;
  state.manifest_number = manifest->number;
  state.database_id = header->database_id;
  bool is_first = true;
  while (const std::optional<Frame> frame = reader.next()) {
    const std::string where = path + ": offset " + std::to_string(frame->offset);
    if (frame->type != FrameType::edit)
      return Status(Code::corruption, where + ": the frame is not an edit");
    const Result<VersionEdit> edit = decode_edit(frame->payload);
    if (!edit.ok()) return Status(edit.status()).in(where);
    if (Status s = apply_to_state(*edit, is_first, state); !s.ok()) return std::move(s).in(where);
    is_first = false;
  }
  if (Status s = reader.status(); !s.ok()) return s;
  if (is_first) return Status(Code::corruption, path + ": the base is missing or damaged");
  return state;
}

inline Result<std::unique_ptr<ManifestWriter>> ManifestWriter::create(FileSystem& files,
                                                                      const std::string& folder,
                                                                      const ManifestState& state) {
  assert(state.manifest_number < state.next_file_number);
  Result<std::unique_ptr<LogFile>> file =
      files.create_log(file_path(folder, FileName::Type::manifest, state.manifest_number), 0);
  if (!file.ok()) return std::move(file).status();
  LogHeader header;
  header.kind = LogHeader::Kind::manifest;
  header.database_id = state.database_id;
  header.file_number = state.manifest_number;

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
  return writer;
}

inline Status ManifestWriter::append(const VersionEdit& edit) {
  const std::string payload = encode_edit(edit);
  if (payload.size() > batch_bytes_max) {
    return Status(Code::invalid_argument, "an edit of " + std::to_string(payload.size()) +
                                              " bytes exceeds the limit of " +
                                              std::to_string(batch_bytes_max));
  }
  if (Status s = log_->append(FrameType::edit, payload, true); !s.ok()) return s;
  return log_->sync();
}

// Given.
inline std::uint64_t ManifestWriter::size_bytes() const {
  return log_->end_offset();
}

// Given.
inline std::uint64_t ManifestWriter::number() const {
  return log_->header().file_number;
}

}  // namespace lsmith
