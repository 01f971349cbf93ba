// manifest.cpp: fuzzes read_manifest. What a manifest says has no fault, and a new manifest that
// says the same is read to the same.
#include <lsmith/manifest.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "fault_fs.hpp"
#include "fuzz.hpp"
#include "names.hpp"
#include "seal.hpp"

namespace lsmith::fuzz {
namespace {

constexpr std::uint64_t manifest_at = 5;
constexpr const char* manifest_folder = "/db";

void check_state(const ManifestState& state) {
  require(state.version.check().empty(), "what a manifest says has no fault");
  require(state.manifest_number < state.next_file_number, "its own number is below the next");
  require(state.log_number <= state.next_file_number, "so is that of the log");
  require(state.last_sequence <= sequence_max, "the last sequence is in its range");
  for (const auto& [level, table] : state.version.to_base_edit().added) {
    require(table.number < state.next_file_number, "a table's number is below the next");
    require(table.last_sequence <= state.last_sequence, "no table is newer than the last sequence");
  }
}

void write_again(FileSystem& files, ManifestState state) {
  if (state.next_file_number > file_number_max) return;
  state.manifest_number = state.next_file_number++;
  require(ManifestWriter::create(files, manifest_folder, state).ok(),
          "a manifest can be made anew");
  const Result<ManifestState> again = read_manifest(files, manifest_folder);
  require(again.ok(), "and read", again.status().to_string());
  require(again->manifest_number == state.manifest_number, "CURRENT names the new one");
  require(again->next_file_number == state.next_file_number, "it has the next number");
  require(again->last_sequence == state.last_sequence, "it has the last sequence");
  require(again->log_number == state.log_number, "it has the log's number");
  require(encode_edit(again->version.to_base_edit()) == encode_edit(state.version.to_base_edit()),
          "it has the same tables");
}

}  // namespace

// Four bytes that say which checksums stay as they are, then the manifest; behind an odd first byte
// CURRENT stands before it.
void fuzz_manifest(std::string_view input) {
  Source source(input);
  const bool has_current = (source.byte() & 1) != 0;
  const auto spared = static_cast<std::uint32_t>(source.number(4));
  testing::Image image;
  const std::string current = file_path(manifest_folder, FileName::Type::current);
  const std::string path = file_path(manifest_folder, FileName::Type::manifest, manifest_at);
  image[current] = has_current ? std::string(source.piece()) : encode_current(manifest_at);
  image[path] = source.rest();
  seal_log(image[path], claimed_database(image[path]), manifest_at, spared);

  testing::FaultFs files(image, 1);
  const Result<ManifestState> state = read_manifest(files, manifest_folder);
  require(files.after_kill() == image, "reading writes nothing");
  if (!state.ok()) return require_refusal(state.status(), manifest_folder);
  check_state(*state);
  write_again(files, *state);
}

}  // namespace lsmith::fuzz

LSMITH_FUZZ_TARGET(lsmith::fuzz::fuzz_manifest)
