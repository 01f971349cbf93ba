// publication.hpp: watches in which order a database publishes its files, and says when a crash
// could find a name for what is not there.
//
//   before a manifest says that a table is there    the table is durable, name and bytes
//   before CURRENT names a manifest                 the manifest is durable
//   before a log goes, or is used again             the durable manifest does not need it
//   before a table goes                             the durable manifest does not name it
#pragma once

#include <lsmith/manifest.hpp>
#include <lsmith/names.hpp>
#include <lsmith/wal.hpp>
#include <lsmith/write_batch.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "../fault_fs.hpp"
#include "log_reader.hpp"

namespace lsmith::testing {

class Publication {
 public:
  explicit Publication(const FaultFs& files) : files_(files) {}

  // To be called after each call that changed something. Says what is wrong; empty: nothing is.
  std::string after(Call call, const std::string& path) {
    const std::size_t slash = path.rfind('/');
    const std::string folder = path.substr(0, slash);
    const std::optional<FileName> file = parse_file_name(path.substr(slash + 1));
    if (!file) return {};
    if (file->type == FileName::Type::manifest && call == Call::log_write)
      return tables_are_durable(folder, file->number);
    if (file->type == FileName::Type::current_temporary && call == Call::rename)
      return current_is_durable(folder);
    if (file->type == FileName::Type::log && (call == Call::remove || call == Call::rename))
      return log_is_needless(folder, file->number);
    if (file->type == FileName::Type::retired_log && call == Call::reuse_log)
      return log_is_needless(folder, file->number);  // it keeps its number
    if (file->type == FileName::Type::table && call == Call::remove)
      return table_is_needless(folder, file->number);
    return {};
  }

 private:
  // Reads the edits behind those that were seen before.
  std::string tables_are_durable(const std::string& folder, std::uint64_t number) {
    const std::string path = file_path(folder, FileName::Type::manifest, number);
    const std::string bytes = files_.content(path);
    LogReader reader = reader_of(bytes, number, path);
    if (!reader.read_header().ok()) return {};
    std::uint64_t& seen = seen_[path];
    while (const auto frame = reader.next()) {
      if (frame->offset < seen) continue;
      seen = reader.end_offset();
      const auto edit = decode_edit(frame->payload);
      if (!edit.ok()) return path + ": " + edit.status().to_string();
      for (const auto& [level, table] : edit->added) {
        const std::string at = file_path(folder, FileName::Type::table, table.number);
        if (!files_.is_durable(at)) return path + " names " + at + ", which is not durable";
      }
    }
    return {};
  }
  std::string current_is_durable(const std::string& folder) {
    const auto number = decode_current(files_.content(file_path(folder, FileName::Type::current)));
    if (!number.ok()) return "CURRENT: " + number.status().to_string();
    const std::string manifest = file_path(folder, FileName::Type::manifest, *number);
    const std::string bytes = files_.durable_content(manifest);
    LogReader reader = reader_of(bytes, *number, manifest);
    if (reader.read_header().ok() && reader.next()) return {};
    return "CURRENT names " + manifest + ", which is not durable";
  }
  std::optional<ManifestState> durable_state(const std::string& folder) const {
    FaultFs left(files_.after_power_cut());
    auto state = read_manifest(left, folder);
    return state.ok() ? std::optional(*std::move(state)) : std::nullopt;
  }
  // A log that the manifest asks for may go when the tables hold all of it: at a clean close.
  std::string log_is_needless(const std::string& folder, std::uint64_t number) const {
    const auto state = durable_state(folder);
    if (!state || state->log_number > number) return {};
    const std::string path = file_path(folder, FileName::Type::log, number);
    const Image image = files_.after_power_cut();
    const auto log = image.find(path);
    if (log == image.end()) return {};
    LogReader reader = reader_of(log->second, number, path);
    if (!reader.read_header().ok()) return {};
    while (const auto frame = reader.next()) {
      const auto batch = WriteBatch::parse(frame->payload);
      if (batch.ok() && batch->sequence() + batch->count() <= state->last_sequence + 1) continue;
      return path + " goes, and the durable manifest needs what it holds";
    }
    return {};
  }
  std::string table_is_needless(const std::string& folder, std::uint64_t number) const {
    const auto state = durable_state(folder);
    for (int level = 0; state && level < level_count; ++level)
      for (const TableRef& table : state->version.level(level))
        if (table->number == number)
          return "table " + std::to_string(number) + " goes, and the durable manifest names it";
    return {};
  }

  const FaultFs& files_;
  std::map<std::string, std::uint64_t> seen_;  // of a manifest, how far it was read
};

}  // namespace lsmith::testing
