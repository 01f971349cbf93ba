// manifests.hpp: tables, edits and states for tests.
#pragma once

#include "../support/log_reader.hpp"
#include "../support/random.hpp"
#include "../support/step.hpp"
#include "crash_files.hpp"

#include <lsmith/manifest.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lsmith::testing {

// A table from one key to another, both with one version. Its bytes are 1000 times its number.
inline TableMeta table(std::uint64_t number, const std::string& first, const std::string& last,
                       Sequence last_sequence = 50) {
  TableMeta meta;
  meta.number = number;
  meta.file_bytes = number * 1000;
  meta.table_id = number * 0x9E3779B97F4A7C15u;
  meta.entries = 300;
  meta.erases = 2;
  meta.first_sequence = (last_sequence + 1) / 2;
  meta.last_sequence = last_sequence;
  meta.first_key = first;
  meta.first_tag = make_tag(last_sequence, Kind::put);
  meta.last_key = last;
  meta.last_tag = make_tag(meta.first_sequence, Kind::erase);
  return meta;
}

// "L0: 9[a-k] L1: 3[a-c] " for level 0 and levels that hold something.
inline std::string show_version(const Version& version) {
  std::string text;
  for (int level = 0; level < level_count; ++level) {
    if (version.level(level).empty()) continue;
    text += "L" + std::to_string(level) + ":";
    for (const TableRef& table : version.level(level))
      text += " " + std::to_string(table->number) + "[" + table->first_key + "-" + table->last_key +
              "]";
    text += " ";
  }
  return text;
}

// `31 "b" to "c", 28 "d" to "k", `
inline std::string show_level(const Version& version, int level) {
  std::string text;
  for (const TableRef& table : version.level(level))
    text += std::to_string(table->number) + " " + lab::show(table->first_key) + " to " +
            lab::show(table->last_key) + ", ";
  return text;
}

// Their numbers, each with a space behind it.
inline std::string show_tables(const std::vector<TableRef>& tables) {
  std::string text;
  for (const TableRef& table : tables)
    text += (table ? std::to_string(table->number) : "none") + " ";
  return text;
}

// Two versions must name the same table, not two that are equal.
inline void expect_shared(const std::string& done, const TableRef& before, const TableRef& after) {
  lab::expect(before == after, done + "; table " + std::to_string(before->number),
              "the object that was there", lab::Words{"another one, " + show_tables({after})});
}

inline std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines)
    text += line + "\n";
  return text;
}

inline VersionEdit edit_of(std::vector<std::pair<int, std::uint64_t>> removed,
                           std::vector<std::pair<int, TableMeta>> added) {
  VersionEdit edit;
  edit.removed = std::move(removed);
  edit.added = std::move(added);
  return edit;
}

inline Version applied(const Version& version, const VersionEdit& edit) {
  Result<Version> next = version.apply(edit);
  const std::string done = "apply an edit that fits to " + show_version(version);
  REQUIRE(lab::expect(next.ok(), done, "ok", lab::Words{next.status().to_string()}));
  lab::expect_equal("check the new version", "", joined(next->check()));
  return *std::move(next);
}

// One field of an edit.
inline std::string field(std::uint32_t tag, std::string_view content) {
  std::string out;
  put_varint32(out, tag);
  put_bytes(out, content);
  return out;
}

inline std::string number_field(std::uint32_t tag, std::uint64_t number) {
  std::string content;
  put_varint64(content, number);
  return field(tag, content);
}

inline std::string removal_field(std::uint32_t level, std::uint64_t number) {
  std::string content;
  put_varint32(content, level);
  put_varint64(content, number);
  return field(5, content);
}

inline std::string table_content(std::uint32_t level, const TableMeta& table) {
  std::string out;
  put_varint32(out, level);
  put_varint64(out, table.number);
  put_varint64(out, table.file_bytes);
  put_fixed64(out, table.table_id);
  put_varint64(out, table.entries);
  put_varint64(out, table.erases);
  put_varint64(out, table.first_sequence);
  put_varint64(out, table.last_sequence);
  put_bytes(out, table.first_key);
  put_fixed64(out, table.first_tag);
  put_bytes(out, table.last_key);
  put_fixed64(out, table.last_tag);
  return out;
}

inline ManifestState state_with(std::uint64_t manifest_number) {
  ManifestState state;
  state.manifest_number = manifest_number;
  state.database_id = 77;
  state.next_file_number = 40;
  state.last_sequence = 100;
  state.log_number = 3;
  VersionEdit edit;
  edit.added = {{0, table(8, "a", "k")}, {1, table(9, "c", "f")}};
  state.version = *Version().apply(edit);
  return state;
}

// Adds the table `number`, and says so in the log number too.
inline VersionEdit flush_edit(std::uint64_t number) {
  VersionEdit edit;
  edit.next_file_number = number + 20;
  edit.log_number = number;
  edit.added = {{0, table(number, "b", "d", number * 2)}};
  return edit;
}

inline std::string show_state(const ManifestState& state) {
  return std::to_string(state.database_id) + " next " + std::to_string(state.next_file_number) +
         " last " + std::to_string(state.last_sequence) + " log " +
         std::to_string(state.log_number) + " " + show_version(state.version);
}

// Manifest 12.
inline std::unique_ptr<ManifestWriter> created(FileSystem& files) {
  auto writer = ManifestWriter::create(files, "db", state_with(12));
  REQUIRE_MESSAGE(writer.ok(), writer.status().to_string());
  return *std::move(writer);
}

inline std::string show_read(FileSystem& files) {
  const Result<ManifestState> state = read_manifest(files, "db");
  if (!state.ok()) return state.status().to_string();
  return std::to_string(state->manifest_number) + ": " + show_state(*state);
}

inline bool is_corrupt(const std::string& read) {
  return read.starts_with("corruption");
}

inline bool expect_corrupt(const std::string& done, const std::string& read) {
  return lab::expect(is_corrupt(read), done, "corruption", lab::Words{read});
}

// Reads a manifest with these payloads, none of which a ManifestWriter would have written.
inline std::string read_payloads(const std::vector<std::string>& payloads,
                                 LogHeader::Kind kind = LogHeader::Kind::manifest,
                                 std::uint64_t file_number = 12, FrameType type = FrameType::edit) {
  CrashFiles files;
  LogHeader header{.kind = kind, .database_id = 77, .file_number = file_number};
  LogWriter writer(*files.create_log("db/MANIFEST-000012", 0), header);
  REQUIRE(writer.start().ok());
  for (const std::string& payload : payloads)
    REQUIRE(writer.append(type, payload, true).ok());
  REQUIRE(set_current(files, "db", 12).ok());
  return show_read(files);
}

inline std::string base_bytes(std::uint64_t next, Sequence last = 100, std::uint64_t log = 3) {
  return field(1, "") + number_field(2, next) + number_field(3, last) + number_field(4, log);
}

// The fields that this version knows; all of it when it is malformed.
inline std::string without_ignorable(std::string_view bytes) {
  ByteReader reader(bytes);
  std::string known;
  while (!reader.is_empty()) {
    const auto tag = reader.varint32();
    const auto content = reader.bytes();
    if (!tag || !content) return std::string(bytes);
    if (*tag < 64) known += field(*tag, *content);
  }
  return known;
}

// Whether every level could be one: from 1 on, no two tables share a key.
inline bool fits(const std::vector<std::pair<int, TableMeta>>& tables) {
  for (const auto& [level, table] : tables)
    for (const auto& [other_level, other] : tables)
      if (level > 0 && level == other_level && table.number != other.number &&
          table.overlaps(other.first_key, other.last_key))
        return false;
  return true;
}

inline std::vector<TableRef> overlapping_by_looking(const Version& version, int level,
                                                    const std::string& first,
                                                    const std::string& last) {
  std::vector<TableRef> found;
  for (const TableRef& table : version.level(level))
    if (table->overlaps(first, last)) found.push_back(table);
  return found;
}

}  // namespace lsmith::testing
