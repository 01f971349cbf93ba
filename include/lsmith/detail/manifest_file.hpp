// manifest_file.hpp: CURRENT, and manifests as files; a helper of manifest.hpp alone.
//
// What a manifest says is judged edit by edit as it is read: a torn last edit never counted and is
// cut, and anything else that does not fit is corruption with file and offset.
#pragma once

#include <lsmith/manifest.hpp>

namespace lsmith {

inline std::string encode_current(std::uint64_t manifest_number) {
  std::string content = file_name(FileName::Type::manifest, manifest_number);
  const std::uint32_t crc = crc32c(content);
  content.push_back(' ');
  for (int shift = 28; shift >= 0; shift -= 4)
    content.push_back("0123456789abcdef"[(crc >> shift) & 0xf]);
  content.push_back('\n');
  return content;
}

inline Result<std::uint64_t> decode_current(std::string_view content) {
  const std::optional<FileName> name = parse_file_name(content.substr(0, content.find(' ')));
  if (!name || name->type != FileName::Type::manifest)
    return Status(Code::corruption, "the content names no manifest");
  if (content != encode_current(name->number))
    return Status(Code::corruption, "the checksum is wrong, or bytes lack or follow");
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
  // Only a file that is whole on the device may take the name.
  if (Status s = files.rename(temporary, file_path(folder, FileName::Type::current)); !s.ok())
    return s;
  return files.sync_dir(folder);
}

namespace detail {

inline Status raise_number(const char* what, std::optional<std::uint64_t> number,
                           std::uint64_t& value) {
  if (!number) return {};
  if (*number < value) {
    return Status(Code::corruption, std::string(what) + " falls from " + std::to_string(value) +
                                        " to " + std::to_string(*number));
  }
  value = *number;
  return {};
}

// What an edit may say about numbers, given what the ones before it said.
inline Status apply_edit_numbers(const VersionEdit& edit, ManifestState& state) {
  if (Status s =
          raise_number("the next file number", edit.next_file_number, state.next_file_number);
      !s.ok())
    return s;
  if (Status s = raise_number("the last sequence", edit.last_sequence, state.last_sequence);
      !s.ok())
    return s;
  if (Status s = raise_number("the log number", edit.log_number, state.log_number); !s.ok())
    return s;
  if (state.manifest_number >= state.next_file_number)
    return bad_edit("the next file number is not above the manifest's");
  if (state.log_number > state.next_file_number)
    return bad_edit("the log number is above the next file number");
  for (const auto& [level, table] : edit.added) {
    if (table.number >= state.next_file_number)
      return bad_table(level, table.number, "its number is not below the next file number");
    if (table.last_sequence > state.last_sequence)
      return bad_table(level, table.number, "it is newer than the last sequence");
  }
  return {};
}

inline Status apply_edit_frame(const Frame& frame, bool is_first, ManifestState& state) {
  if (frame.type != FrameType::edit) return bad_edit("the frame is not an edit");
  Result<VersionEdit> edit = decode_edit(frame.payload);
  if (!edit.ok()) return std::move(edit).status();
  if (edit->is_base != is_first)
    return bad_edit(is_first ? "the first edit is no base" : "a base behind the first edit");
  if (is_first && !(edit->next_file_number && edit->last_sequence && edit->log_number))
    return bad_edit("the base does not state all three numbers");
  if (Status s = apply_edit_numbers(*edit, state); !s.ok()) return s;
  Result<Version> version = state.version.apply(*edit);
  if (!version.ok()) return std::move(version).status();
  state.version = *std::move(version);
  return {};
}

inline Result<ManifestState> replay_manifest(std::string_view bytes, std::uint64_t number,
                                             const std::string& path) {
  Result<LogHeader> header = decode_log_header(bytes);
  if (!header.ok()) return std::move(header).status().in(path);
  LogReader reader(bytes, header->database_id, number, path);
  if (Status s = reader.read_header().status(); !s.ok()) return s;
  if (header->kind != LogHeader::Kind::manifest)
    return Status(Code::corruption, path + ": the log is no manifest");

  ManifestState state;
  state.manifest_number = number;
  state.database_id = header->database_id;
  bool is_first = true;
  while (const std::optional<Frame> frame = reader.next()) {
    if (Status s = apply_edit_frame(*frame, is_first, state); !s.ok())
      return std::move(s).in(path + ": offset " + std::to_string(frame->offset));
    is_first = false;
  }
  if (Status s = reader.status(); !s.ok()) return s;
  // CURRENT names a manifest only when its base is durable, so this is no torn tail.
  if (is_first)
    return Status(Code::corruption, path + ": offset 64: the base is missing or damaged");
  return state;
}

}  // namespace detail

inline Result<ManifestState> read_manifest(FileSystem& files, const std::string& folder) {
  const std::string current = file_path(folder, FileName::Type::current);
  Result<std::string> content = read_file(files, current);
  if (!content.ok()) return std::move(content).status();
  const Result<std::uint64_t> number = decode_current(*content);
  if (!number.ok()) return Status(number.status()).in(current);

  const std::string path = file_path(folder, FileName::Type::manifest, *number);
  Result<std::string> bytes = read_file(files, path);
  if (!bytes.ok()) {
    if (bytes.status().code() != Code::not_found) return std::move(bytes).status();
    return Status(Code::corruption, current + " names " + path + ", which is missing");
  }
  return detail::replay_manifest(*bytes, *number, path);
}

inline Result<std::unique_ptr<ManifestWriter>> ManifestWriter::create(FileSystem& files,
                                                                      const std::string& folder,
                                                                      const ManifestState& state) {
  assert(state.manifest_number > 0);
  assert(state.manifest_number < state.next_file_number);
  auto file =
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
  if (Status s = writer->write(base); !s.ok()) return s;
  if (Status s = files.sync_dir(folder); !s.ok()) return s;
  if (Status s = set_current(files, folder, state.manifest_number); !s.ok()) return s;
  return Result<std::unique_ptr<ManifestWriter>>(std::move(writer));
}

inline Status ManifestWriter::append(const VersionEdit& edit) {
  assert(!edit.is_base);
  if (failure_.ok()) failure_ = write(edit);
  return failure_;
}

inline std::uint64_t ManifestWriter::size_bytes() const {
  return log_->end_offset();
}

inline std::uint64_t ManifestWriter::number() const {
  return log_->header().file_number;
}

inline Status ManifestWriter::write(const VersionEdit& edit) {
  const std::string payload = encode_edit(edit);
  if (payload.size() > batch_bytes_max)
    return Status(Code::invalid_argument, "an edit is too large for a manifest");
  if (Status s = log_->append(FrameType::edit, payload, true); !s.ok()) return s;
  if (Status s = log_->sync(); !s.ok()) return s;
  // An edit that says nothing, but whose frame says that the one before it is durable: should that
  // one rot, it is not taken for torn. Nobody waits for it to be durable itself.
  return log_->append(FrameType::edit, {}, false);
}

}  // namespace lsmith
