// recovery.hpp: from a folder to a database that is ready to run.
//
//   lock · CURRENT · manifest · logs replayed into memtables · those written as tables ·
//   new manifest made durable and CURRENT pointed at it · new log · what nothing names any more
//   removed
//
// Until the new manifest is durable nothing is removed, so a crash anywhere in here changes nothing
// but the names of files that nobody refers to; the next open starts over. A replayed log is never
// appended to: what it held is in a table before the first new write.
//
// How the chain of logs is judged (book/format.md, section 4.3): each log's header says where the
// one before it ended. When that one ends earlier now, frames are missing between the two. If any
// later log was synced, the missing frames had been too: corruption. Otherwise the power failed
// before anybody was promised them, and recovery ends at the gap.
#pragma once

#include <lsmith/compaction.hpp>
#include <lsmith/file.hpp>
#include <lsmith/manifest.hpp>
#include <lsmith/memtable.hpp>
#include <lsmith/names.hpp>
#include <lsmith/options.hpp>
#include <lsmith/status.hpp>
#include <lsmith/table_cache.hpp>
#include <lsmith/wal.hpp>
#include <lsmith/write_batch.hpp>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lsmith {

/// A database between its files and its engine. One thread at a time, but for `numbers` and
/// `tables`.
struct Storage {
  std::string folder;
  FileSystem* files = nullptr;
  std::unique_ptr<FileLock> lock;
  std::shared_ptr<TableCache> tables;
  FileNumbers numbers;
  /// Null when opened read-only.
  std::unique_ptr<ManifestWriter> manifest;
  /// What the manifest says; state.log_number is the number that the first new log must have.
  ManifestState state;
  /// What the logs held, newest first, when opened read-only; else it is in tables already.
  std::vector<std::shared_ptr<Memtable>> memtables;

  std::string path(FileName::Type type, std::uint64_t number = 0) const {
    return file_path(folder, type, number);
  }
};

/// Opens or creates the database in `folder` as the options say, and recovers it.
Result<std::unique_ptr<Storage>> open_storage(const Options& options, const std::string& folder);

/// Writes a memtable as one table of level 0, in which `snapshots` can still be read. The table's
/// name is not durable yet. Nothing when the memtable is empty.
Result<std::optional<TableMeta>> write_memtable(Storage& storage, const Options& options,
                                                const Memtable& memtable,
                                                std::vector<Sequence> snapshots);

/// What a log says of its predecessor, and how much space it gets ahead.
struct LogStart {
  std::uint64_t number = 0;
  std::uint64_t previous_number = 0;
  std::uint64_t previous_end = 0;
  Sequence previous_sequence = 0;
  std::uint64_t capacity_bytes = 0;
};
/// A new log whose header and name are durable.
Result<std::unique_ptr<LogWriter>> start_log(Storage& storage, const LogStart& start);

/// Removes every file of ours in the folder that neither the state nor `needs` names. Foreign files
/// stay. Requires that the manifest is durable.
Status remove_orphans(Storage& storage, std::vector<std::uint64_t> needs = {});

// Replays a chain of logs into memtables.
class LogReplay {
 public:
  LogReplay(FileSystem& files, const std::string& folder, const ManifestState& state,
            std::size_t memtable_bytes_max);

  // `numbers`: every log from the manifest's log number on, ascending.
  Status run(const std::vector<std::uint64_t>& numbers);
  // Oldest first.
  std::vector<std::shared_ptr<Memtable>>& memtables() { return memtables_; }
  Sequence last_sequence() const { return last_sequence_; }

 private:
  Status replay(std::uint64_t number);
  bool is_foreign(std::string_view bytes) const;
  Status check_chain(const LogHeader& header, const std::string& name);
  Status replay_frames(LogReader& reader, const std::string& name);
  Status apply(const Frame& frame, const std::string& name);
  Status end_without_header(LogReader& reader, Status why);
  Status end_at_gap(const std::string& where);

  FileSystem& files_;
  const std::string folder_;
  const ManifestState& state_;
  const std::size_t memtable_bytes_max_;
  std::vector<std::shared_ptr<Memtable>> memtables_;
  Sequence last_sequence_;
  std::uint64_t previous_number_ = 0;  // the log replayed last; 0 at the start
  std::uint64_t previous_end_ = 0;
  std::optional<std::string> gap_;  // where recovery ended, when it did before the last log
};

inline LogReplay::LogReplay(FileSystem& files, const std::string& folder,
                            const ManifestState& state, std::size_t memtable_bytes_max)
    : files_(files),
      folder_(folder),
      state_(state),
      memtable_bytes_max_(memtable_bytes_max),
      last_sequence_(state.last_sequence) {}

inline Status LogReplay::run(const std::vector<std::uint64_t>& numbers) {
  for (std::uint64_t number : numbers)
    if (Status s = replay(number); !s.ok()) return s;
  return {};
}

inline Status LogReplay::replay(std::uint64_t number) {
  const std::string name = file_name(FileName::Type::log, number);
  auto bytes = read_file(files_, folder_ + "/" + name);
  if (!bytes.ok()) return std::move(bytes).status();
  if (is_foreign(*bytes))
    return Status(Code::corruption, name + ": it belongs to another database");
  LogReader reader(*bytes, state_.database_id, number, name);
  auto header = reader.read_header();
  if (header.ok() && header->database_id != state_.database_id)
    header = Status(Code::corruption, name + ": its header belongs to another database");
  if (!header.ok()) return end_without_header(reader, std::move(header).status());
  if (Status s = check_chain(*header, name); !s.ok()) return s;
  if (Status s = replay_frames(reader, name); !s.ok()) return s;
  if (gap_ && reader.was_synced())
    return Status(Code::corruption, *gap_ + ": the log ends here, but " + name +
                                        ", written after it, was synced: frames are missing");
  previous_number_ = number;
  previous_end_ = reader.end_offset();
  return {};
}

// Whether somebody put the log of another database here. One that holds nothing may be what a crash
// left of a creation that it cut short.
inline bool LogReplay::is_foreign(std::string_view bytes) const {
  const auto header = decode_log_header(bytes);
  if (!header.ok() || header->database_id == state_.database_id) return false;
  LogReader reader(bytes, header->database_id, header->file_number, {});
  return reader.next().has_value() || !reader.status().ok();
}

inline Status LogReplay::check_chain(const LogHeader& header, const std::string& name) {
  const auto corrupt = [&](const std::string& what) {
    return Status(Code::corruption, name + ": " + what);
  };
  if (header.kind != LogHeader::Kind::write_ahead) return corrupt("it is not a write-ahead log");
  if (gap_) return {};  // only its synced frames matter now

  const std::string previous = file_name(FileName::Type::log, header.previous_number);
  const bool needs_previous =
      header.previous_number >= std::max<std::uint64_t>(state_.log_number, 1);
  if (needs_previous && header.previous_number != previous_number_) {
    gap_ = previous + ", which is missing";
    return {};
  }
  if (previous_number_ == 0) {
    if (header.previous_sequence > last_sequence_)
      return corrupt("writes before it are missing: it begins after sequence " +
                     std::to_string(header.previous_sequence) + ", the tables end at " +
                     std::to_string(last_sequence_));
    return {};
  }
  if (header.previous_end < previous_end_)
    return corrupt("it says that " + previous + " ended at offset " +
                   std::to_string(header.previous_end) + ", but that has more");
  if (header.previous_end > previous_end_)
    gap_ = previous + " at offset " + std::to_string(previous_end_);
  return {};
}

inline Status LogReplay::replay_frames(LogReader& reader, const std::string& name) {
  while (auto frame = reader.next()) {
    if (gap_) continue;
    if (Status s = apply(*frame, name); !s.ok()) return s;
  }
  return reader.status();
}

inline Status LogReplay::apply(const Frame& frame, const std::string& name) {
  const std::string where = name + " at offset " + std::to_string(frame.offset);
  if (frame.type != FrameType::batch) return Status(Code::corruption, where + ": not a batch");
  auto batch = WriteBatch::parse(frame.payload);
  if (!batch.ok()) return std::move(batch).status().in(where);
  if (batch->sequence() != last_sequence_ + 1)
    return Status(Code::corruption, where + ": sequence " + std::to_string(batch->sequence()) +
                                        " follows " + std::to_string(last_sequence_));
  if (memtables_.empty() || memtables_.back()->memory_bytes() >= memtable_bytes_max_)
    memtables_.push_back(std::make_shared<Memtable>());
  batch->for_each([&](std::uint64_t tag, std::string_view key, std::string_view value) {
    memtables_.back()->add(tag, key, value);
  });
  last_sequence_ += batch->count();
  return {};
}

// A log whose header never became durable was promised to nobody. Recovery ends here: a log behind
// it can hold nothing that follows on. But a header that is gone from before a whole frame was
// there: they share a sector, and it was written first.
inline Status LogReplay::end_without_header(LogReader& reader, Status why) {
  if (why.code() != Code::corruption) return why;
  if (reader.next() || !reader.status().ok()) return why;
  if (!gap_) gap_ = std::string(why.message());
  return {};
}

namespace detail {

// Beyond these nothing is numbered on, so that nothing wraps around: no database comes so far
// within centuries, but a folder that is damaged or forged may say so.
inline constexpr std::uint64_t file_numbers_end = std::uint64_t{1} << 62;
inline constexpr Sequence sequences_end = sequence_max - (Sequence{1} << 52);

// A file of ours; nothing for a foreign one.
inline std::optional<FileName> own_file(const std::string& name) {
  const auto parsed = parse_file_name(name);
  return parsed && parsed->number < file_numbers_end ? parsed : std::nullopt;
}

inline Status lock_folder(const Options& options, Storage& storage) {
  auto lock = storage.files->lock(storage.path(FileName::Type::lock), !options.read_only);
  if (!lock.ok()) return std::move(lock).status();
  storage.lock = std::move(*lock);
  return {};
}

// Refuses a folder that must not become a database, before anything is written.
inline Status check_new_folder(const Options& options, const Storage& storage) {
  const std::string& folder = storage.folder;
  auto names = storage.files->list(folder);
  if (names.ok()) {
    for (const std::string& name : *names) {
      const auto parsed = parse_file_name(name);
      if (parsed && (parsed->type == FileName::Type::table || parsed->type == FileName::Type::log))
        return Status(Code::corruption, folder + ": CURRENT is missing, but " + name + " is here");
    }
  } else if (names.status().code() != Code::not_found) {
    return std::move(names).status();
  }
  if (options.read_only || !options.create_if_missing)
    return Status(Code::not_found, folder + ": not a database: it has no file CURRENT");
  if (!names.ok()) return {};
  for (const std::string& name : *names)
    if (!parse_file_name(name) && !name.starts_with(".") && name != "lost+found")
      return Status(Code::invalid_argument, folder + ": not a database, and not empty (" + name +
                                                "): choose an empty folder for a new database");
  return {};
}

// Locks the folder and reads its state; a new database has none but a fresh id.
inline Status read_state(const Options& options, Storage& storage, bool& is_new) {
  const std::string current = storage.path(FileName::Type::current);
  if (!storage.files->exists(current)) {
    if (Status s = check_new_folder(options, storage); !s.ok()) return s;
    if (Status s = storage.files->create_folder(storage.folder); !s.ok()) return s;
  } else if (options.error_if_exists) {
    return Status(Code::invalid_argument, storage.folder + ": a database exists already");
  }
  if (Status s = lock_folder(options, storage); !s.ok()) return s;
  is_new = !storage.files->exists(current);  // asked again, now that nobody else can make one
  if (is_new) {
    storage.state.database_id = storage.files->entropy();
    return {};
  }
  auto state = read_manifest(*storage.files, storage.folder);
  if (!state.ok()) return std::move(state).status();
  storage.state = std::move(*state);
  if (storage.state.next_file_number >= file_numbers_end)
    return Status(Code::corruption,
                  storage.path(FileName::Type::manifest, storage.state.manifest_number) +
                      ": the next file number is too large");
  return {};
}

// The numbers of the logs that are needed, ascending; and the first file number that nothing has.
inline Result<std::vector<std::uint64_t>> find_logs(const Storage& storage,
                                                    std::uint64_t& next_number) {
  auto names = storage.files->list(storage.folder);
  if (!names.ok()) return std::move(names).status();
  std::vector<std::uint64_t> logs;
  next_number = std::max<std::uint64_t>(storage.state.next_file_number, 1);
  for (const std::string& name : *names) {
    const auto parsed = own_file(name);
    if (!parsed) continue;
    next_number = std::max(next_number, parsed->number + 1);
    if (parsed->type == FileName::Type::log && parsed->number >= storage.state.log_number)
      logs.push_back(parsed->number);
  }
  std::sort(logs.begin(), logs.end());
  return logs;
}

// Writes what the logs held as tables, and a manifest that no longer needs the logs.
inline Status settle(const Options& options, Storage& storage,
                     const std::vector<std::shared_ptr<Memtable>>& memtables) {
  VersionEdit edit;
  for (const auto& memtable : memtables) {
    auto table = write_memtable(storage, options, *memtable, {});
    if (!table.ok()) return std::move(table).status();
    if (*table) edit.added.emplace_back(0, std::move(**table));
  }
  if (!edit.added.empty())
    if (Status s = storage.files->sync_dir(storage.folder); !s.ok()) return s;
  auto version = storage.state.version.apply(edit);
  if (!version.ok()) return std::move(version).status();
  storage.state.version = std::move(*version);
  storage.state.manifest_number = storage.numbers.take();
  storage.state.log_number = storage.numbers.take();
  storage.state.next_file_number = storage.numbers.next();
  auto manifest = ManifestWriter::create(*storage.files, storage.folder, storage.state);
  if (!manifest.ok()) return std::move(manifest).status();
  storage.manifest = std::move(*manifest);
  return {};
}

}  // namespace detail

inline Result<std::unique_ptr<Storage>> open_storage(const Options& options,
                                                     const std::string& folder) {
  auto storage = std::make_unique<Storage>();
  storage->folder = folder;
  storage->files = options.file_system;
  bool is_new = false;
  if (Status s = detail::read_state(options, *storage, is_new); !s.ok()) return s;

  std::uint64_t next_number = 1;
  auto logs = detail::find_logs(*storage, next_number);
  if (!logs.ok()) return std::move(logs).status();
  LogReplay replay(*storage->files, folder, storage->state, options.write_buffer_bytes);
  if (!is_new)
    if (Status s = replay.run(*logs); !s.ok()) return s;

  storage->state.last_sequence = replay.last_sequence();
  storage->numbers.reset(next_number);
  storage->tables = std::make_shared<TableCache>(options, *storage->files, folder);
  if (options.read_only) {
    storage->memtables.assign(replay.memtables().rbegin(), replay.memtables().rend());
    return storage;
  }
  if (storage->state.last_sequence >= detail::sequences_end)
    return Status(Code::not_supported,
                  storage->path(FileName::Type::current) +
                      ": the database's sequence numbers are nearly used up: open it read-only, "
                      "and copy what it holds into a new one");
  if (Status s = detail::settle(options, *storage, replay.memtables()); !s.ok()) return s;
  if (Status s = remove_orphans(*storage); !s.ok()) return s;
  return storage;
}

inline Result<std::optional<TableMeta>> write_memtable(Storage& storage, const Options& options,
                                                       const Memtable& memtable,
                                                       std::vector<Sequence> snapshots) {
  static constexpr std::atomic<bool> never_cancelled{false};
  const MergeContext context{.options = options,
                             .tables = *storage.tables,
                             .numbers = storage.numbers,
                             .is_cancelled = never_cancelled,
                             .snapshots = std::move(snapshots),
                             .keeps_tombstones = true,
                             .others = {},
                             .table_bytes_max = std::numeric_limits<std::uint64_t>::max()};
  std::vector<std::unique_ptr<ChildCursor>> children;
  children.push_back(erase_cursor(memtable.cursor()));
  MergeCursor input(std::move(children));
  auto tables = merge_into_tables(input, context);
  if (!tables.ok()) return std::move(tables).status();
  assert(tables->size() <= 1);
  if (tables->empty()) return std::optional<TableMeta>();
  return std::optional<TableMeta>(std::move(tables->front()));
}

inline Result<std::unique_ptr<LogWriter>> start_log(Storage& storage, const LogStart& start) {
  auto file = storage.files->create_log(storage.path(FileName::Type::log, start.number),
                                        start.capacity_bytes);
  if (!file.ok()) return std::move(file).status();
  LogHeader header;
  header.database_id = storage.state.database_id;
  header.file_number = start.number;
  header.previous_number = start.previous_number;
  header.previous_end = start.previous_end;
  header.previous_sequence = start.previous_sequence;
  auto log = std::make_unique<LogWriter>(std::move(*file), header);
  if (Status s = log->start(); !s.ok()) return s;
  if (Status s = log->sync(); !s.ok()) return s;
  if (Status s = storage.files->sync_dir(storage.folder); !s.ok()) return s;
  return log;
}

inline Status remove_orphans(Storage& storage, std::vector<std::uint64_t> needs) {
  auto names = storage.files->list(storage.folder);
  if (!names.ok()) return std::move(names).status();
  needs.push_back(storage.manifest->number());
  for (int level = 0; level < level_count; ++level)
    for (const TableRef& table : storage.state.version.level(level))
      needs.push_back(table->number);
  std::sort(needs.begin(), needs.end());
  for (const std::string& name : *names) {
    const auto parsed = detail::own_file(name);
    if (!parsed) continue;
    if (parsed->type == FileName::Type::current || parsed->type == FileName::Type::lock) continue;
    if (std::binary_search(needs.begin(), needs.end(), parsed->number)) continue;
    if (Status s = storage.files->remove(storage.folder + "/" + name); !s.ok()) return s;
  }
  return {};
}

}  // namespace lsmith
