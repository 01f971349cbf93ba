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
#include <stdexcept>
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
  // Helpers that work well: one that finds the table with a given number in any level; one that
  // puts the levels in order.

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

inline std::string encode_edit(const VersionEdit&) {
  // A field is its tag as a varint32, then its content as length-prefixed bytes. A number that the
  // edit does not have gets no field. The result does not depend on the order in which removals
  // and additions were put into the edit: both stand by level, then number.
  throw std::logic_error("07.1 is not yet written");
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

inline Result<VersionEdit> decode_edit(std::string_view) {
  // Accepts what encode_edit writes, and behind it fields with tags of 64 and more, which it skips;
  // no bytes are an edit that says nothing. Every failure has "offset", and where the field begins,
  // in its message. A tag that is 0 or 7 to 63 is not_supported, wherever it stands: that is looked
  // at before its order. Every other failure is corruption: a field that is cut short, tags that
  // fall, one of the tags 1 to 4 twice, removals out of order, a last sequence above sequence_max,
  // content that is malformed or goes on behind its last value.
  throw std::logic_error("07.1 is not yet written");
}

inline Result<Version> Version::apply(const VersionEdit&) const {
  // This version stays as it is, whatever comes of it. A table that is to be removed must be in the
  // level that the edit says, and once. Additions see what the removals left. One that is equal to
  // a table of this version was moved: it shares that reference; only others get a new TableMeta.
  // Levels are 0 to 6, decode_edit saw to it. check() below knows what the next version must obey;
  // it takes the levels as they stand, and level() says how they must.
  throw std::logic_error("07.2 is not yet written");
}

// Given, as are the other functions that only count or list.
inline const std::vector<TableRef>& Version::level(int level) const {
  assert(level >= 0);
  assert(level < level_count);
  return levels_[static_cast<std::size_t>(level)];
}

inline TableRef Version::find(int, std::string_view) const {
  // Requires a level from 1 on. Takes O(log n) comparisons. Between two tables there may be a gap,
  // and the key in it.
  throw std::logic_error("07.2 is not yet written");
}

inline std::vector<TableRef> Version::overlapping(int, std::string_view, std::string_view) const {
  // Requires first <= last. In the order of level(). TableMeta::overlaps judges one table; in level
  // 0 any of them may overlap.
  throw std::logic_error("07.2 is not yet written");
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

inline std::string encode_current(std::uint64_t) {
  // Of manifest 12: "MANIFEST-000012 7e214209\n", where the digits are the crc32c of the name, not
  // masked; always eight, in lower case.
  throw std::logic_error("07.3 is not yet written");
}

inline Result<std::uint64_t> decode_current(std::string_view) {
  // Accepts what encode_current writes for some number, to the last byte, and nothing else:
  // anything else is corruption.
  throw std::logic_error("07.3 is not yet written");
}

inline Status set_current(FileSystem&, const std::string&, std::uint64_t) {
  // At every moment CURRENT holds the whole old content or the whole new one. A power cut keeps
  // bytes and names that were not synced, or forgets them, each as it likes: a name may survive
  // whose bytes do not. So CURRENT itself is never written; CURRENT.tmp is, and takes its name.
  // When the function returns ok, a power cut changes nothing. A failed call is returned, and
  // nothing is done after it.
  throw std::logic_error("07.3 is not yet written");
}

inline Status apply_to_state(const VersionEdit&, bool, ManifestState&) {
  // (edit, is_first, state): the state after one more edit, or corruption. The first edit is a base
  // and has all three numbers; no other is a base. A number of the edit is never below that of the
  // state, which begins with those of an empty ManifestState. Afterwards next_file_number is above
  // the manifest's number and that of every added table, and not below log_number; no added table
  // has a sequence number above last_sequence; and the version has taken the edit.
  throw std::logic_error("07.3 is not yet written");
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

inline Result<ManifestState> read_manifest(FileSystem&, const std::string&) {
  // What read_current_manifest refuses is returned as it is. Then decode_log_header says which
  // database it is, and a LogReader takes the bytes: its header must be that of a manifest, and
  // every frame an edit that decodes and fits the state so far. Every failure has the manifest's
  // path in it, one of an edit the frame's offset as well. How the log ends is for
  // LogReader::status() to say: a torn last edit was never acknowledged, so it is left out. A
  // manifest without any whole edit is corruption: its base was durable before CURRENT named it.
  throw std::logic_error("07.3 is not yet written");
}

inline Result<std::unique_ptr<ManifestWriter>> ManifestWriter::create(FileSystem&,
                                                                      const std::string&,
                                                                      const ManifestState&) {
  // Requires state.manifest_number < state.next_file_number. The manifest is a log of its kind, in
  // a file from create_log without space ahead; its first frame is a base that states all of
  // `state`. CURRENT may name it only when file and name are durable: book/format.md, section 10.
  // A failed call is returned, and nothing is done after it.
  throw std::logic_error("07.3 is not yet written");
}

inline Status ManifestWriter::append(const VersionEdit&) {
  // One frame, durable when this returns ok. A payload of more than batch_bytes_max is
  // invalid_argument, and nothing is written. After a failed write or sync every call returns that
  // failure; the log remembers it.
  throw std::logic_error("07.3 is not yet written");
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
