// edit.cpp: fuzzes decode_edit. An edit encodes to its bytes, but for the fields that a reader may
// skip; applied to nothing it gives a version without a fault, or is refused.
#include <lsmith/manifest.hpp>

#include <cstdint>
#include <string>
#include <string_view>

#include "fuzz.hpp"

namespace lsmith::fuzz {
namespace {

// Requires bytes that decode.
std::string without_ignorable_fields(std::string_view payload) {
  std::string kept;
  ByteReader reader(payload);
  while (!reader.is_empty()) {
    const std::string_view before = reader.rest();
    const std::uint32_t tag = *reader.varint32();
    (void)*reader.bytes();
    if (tag < 64) kept += before.substr(0, before.size() - reader.rest().size());
  }
  return kept;
}

void apply_to_nothing(VersionEdit edit) {
  const Result<Version> version = Version().apply(edit);
  if (!version.ok()) return require_refusal(version.status(), "level ");
  require(edit.removed.empty(), "nothing can be removed from nothing");
  require(version->check().empty(), "an edit that applies leaves no fault");
  require(version->table_count() == edit.added.size(), "every table is there");
  VersionEdit base;
  base.is_base = true;
  base.added = edit.added;
  require(encode_edit(version->to_base_edit()) == encode_edit(base), "a base states everything");

  edit.removed.clear();
  for (const auto& [level, table] : edit.added)
    edit.removed.emplace_back(level, table.number);
  edit.added.clear();
  const Result<Version> emptied = version->apply(edit);
  require(emptied.ok() && emptied->table_count() == 0, "what was added can be removed");
}

}  // namespace

void fuzz_edit(std::string_view input) {
  const Result<VersionEdit> edit = decode_edit(input);
  if (!edit.ok()) return require_refusal(edit.status(), "edit offset ");
  const std::string encoded = encode_edit(*edit);
  require(encoded == without_ignorable_fields(input), "an edit encodes to its bytes");
  const Result<VersionEdit> again = decode_edit(encoded);
  require(again.ok() && *again == *edit, "what was encoded decodes to the same");
  apply_to_nothing(*edit);
}

}  // namespace lsmith::fuzz

LSMITH_FUZZ_TARGET(lsmith::fuzz::fuzz_edit)
