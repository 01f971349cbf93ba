// version_edit.hpp: the bytes of an edit; a helper of manifest.hpp alone.
//
//   | tag varint · content bytes | tag · content | …          in the order of the tags
//
// An edit has one encoding: the encoder sorts, the decoder refuses what is not sorted or stands
// twice. A field from 64 on that is not known is skipped; a smaller one changes what the database
// is.
#pragma once

#include <lsmith/manifest.hpp>

namespace lsmith {

namespace detail {

enum class EditTag : std::uint32_t {
  base = 1,
  next_file_number = 2,
  last_sequence = 3,
  log_number = 4,
  remove_table = 5,
  add_table = 6,
  first_ignorable = 64,
};

inline void put_edit_field(std::string& out, EditTag tag, std::string_view content) {
  put_varint32(out, static_cast<std::uint32_t>(tag));
  put_bytes(out, content);
}

inline void put_edit_number(std::string& out, EditTag tag, std::optional<std::uint64_t> number) {
  if (!number) return;
  std::string content;
  put_varint64(content, *number);
  put_edit_field(out, tag, content);
}

inline std::string encode_removal(int level, std::uint64_t number) {
  std::string out;
  put_varint32(out, static_cast<std::uint32_t>(level));
  put_varint64(out, number);
  return out;
}

inline std::string encode_addition(int level, const TableMeta& table) {
  std::string out = encode_removal(level, table.number);
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

// An addition begins as a removal does: with level and number.
inline Result<std::pair<int, std::uint64_t>> decode_table_place(ByteReader& reader) {
  const std::optional<std::uint32_t> level = reader.varint32();
  const std::optional<std::uint64_t> number = level ? reader.varint64() : std::nullopt;
  if (!number) return bad_edit("level and number are cut short or malformed");
  if (const char* fault = fault_of_place(*level, *number)) return bad_edit(fault);
  return std::pair<int, std::uint64_t>(static_cast<int>(*level), *number);
}

template <class Value, class Field>
bool take_field(std::optional<Value> value, Field& field) {
  if (value) field = *value;
  return value.has_value();
}

inline Status decode_edit_table(ByteReader& reader, TableMeta& table) {
  const bool is_whole =
      take_field(reader.varint64(), table.file_bytes) &&
      take_field(reader.fixed64(), table.table_id) &&
      take_field(reader.varint64(), table.entries) && take_field(reader.varint64(), table.erases) &&
      take_field(reader.varint64(), table.first_sequence) &&
      take_field(reader.varint64(), table.last_sequence) &&
      take_field(reader.bytes(), table.first_key) &&
      take_field(reader.fixed64(), table.first_tag) && take_field(reader.bytes(), table.last_key) &&
      take_field(reader.fixed64(), table.last_tag);
  if (!is_whole) return bad_edit("a table is cut short or malformed");
  const char* fault = fault_of_table(table);
  return fault ? bad_edit(fault) : Status();
}

inline Status decode_edit_number(ByteReader& reader, std::optional<std::uint64_t>& number) {
  number = reader.varint64();
  return number ? Status() : bad_edit("the number is cut short or malformed");
}

inline Status decode_removal(ByteReader& reader, VersionEdit& edit) {
  auto place = decode_table_place(reader);
  if (!place.ok()) return std::move(place).status();
  if (!edit.removed.empty() && *place <= edit.removed.back())
    return bad_edit("removals are not in order of level and number");
  edit.removed.push_back(*place);
  return {};
}

inline Status decode_addition(ByteReader& reader, VersionEdit& edit) {
  auto place = decode_table_place(reader);
  if (!place.ok()) return std::move(place).status();
  if (!edit.added.empty()) {
    const auto& [level, table] = edit.added.back();
    if (*place <= std::pair(level, table.number))
      return bad_edit("additions are not in order of level and number");
  }
  TableMeta table;
  table.number = place->second;
  if (Status s = decode_edit_table(reader, table); !s.ok()) return s;
  edit.added.emplace_back(place->first, std::move(table));
  return {};
}

inline Status decode_edit_field(EditTag tag, std::string_view content, VersionEdit& edit) {
  ByteReader reader(content);
  Status outcome;
  switch (tag) {
    case EditTag::base:
      edit.is_base = true;
      break;
    case EditTag::next_file_number:
      outcome = decode_edit_number(reader, edit.next_file_number);
      break;
    case EditTag::last_sequence:
      outcome = decode_edit_number(reader, edit.last_sequence);
      break;
    case EditTag::log_number:
      outcome = decode_edit_number(reader, edit.log_number);
      break;
    case EditTag::remove_table:
      outcome = decode_removal(reader, edit);
      break;
    case EditTag::add_table:
      outcome = decode_addition(reader, edit);
      break;
    case EditTag::first_ignorable:
      break;
  }
  if (outcome.ok() && !reader.is_empty()) return bad_edit("bytes follow the field's content");
  if (edit.last_sequence.value_or(0) > sequence_max)
    return bad_edit("the last sequence is too large");
  return outcome;
}

}  // namespace detail

inline std::string encode_edit(const VersionEdit& edit) {
  auto removed = edit.removed;
  std::sort(removed.begin(), removed.end());
  std::vector<const std::pair<int, TableMeta>*> added;
  for (const auto& addition : edit.added)
    added.push_back(&addition);
  std::sort(added.begin(), added.end(), [](const auto* a, const auto* b) {
    return std::pair(a->first, a->second.number) < std::pair(b->first, b->second.number);
  });

  std::string out;
  if (edit.is_base) detail::put_edit_field(out, detail::EditTag::base, {});
  detail::put_edit_number(out, detail::EditTag::next_file_number, edit.next_file_number);
  detail::put_edit_number(out, detail::EditTag::last_sequence, edit.last_sequence);
  detail::put_edit_number(out, detail::EditTag::log_number, edit.log_number);
  for (const auto& [level, number] : removed) {
    assert(!detail::fault_of_place(static_cast<std::uint64_t>(level), number));
    detail::put_edit_field(out, detail::EditTag::remove_table,
                           detail::encode_removal(level, number));
  }
  for (const auto* addition : added) {
    const auto& [level, table] = *addition;
    assert(!detail::fault_of_place(static_cast<std::uint64_t>(level), table.number));
    assert(!detail::fault_of_table(table));
    detail::put_edit_field(out, detail::EditTag::add_table, detail::encode_addition(level, table));
  }
  return out;
}

inline Result<VersionEdit> decode_edit(std::string_view payload) {
  using detail::EditTag;
  VersionEdit edit;
  ByteReader reader(payload);
  auto before = EditTag{0};
  while (!reader.is_empty()) {
    const std::string where = "edit offset " + std::to_string(reader.offset());
    const std::optional<std::uint32_t> number = reader.varint32();
    const std::optional<std::string_view> content = number ? reader.bytes() : std::nullopt;
    if (!content) return detail::bad_edit("a field is cut short or malformed").in(where);

    const auto tag = static_cast<EditTag>(*number);
    const bool is_known = tag >= EditTag::base && tag <= EditTag::add_table;
    if (!is_known && tag < EditTag::first_ignorable) {
      return Status(Code::not_supported,
                    where + ": field " + std::to_string(*number) + " needs a newer version");
    }
    if (tag < before) return detail::bad_edit("fields are not in order of their tags").in(where);
    if (tag == before && tag < EditTag::remove_table)
      return detail::bad_edit("a field stands twice").in(where);
    if (is_known)
      if (Status s = detail::decode_edit_field(tag, *content, edit); !s.ok())
        return std::move(s).in(where);
    before = tag;
  }
  return edit;
}

}  // namespace lsmith
