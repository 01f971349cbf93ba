// recovery.hpp: from a folder to a database that is ready to run.
//
//   lock · CURRENT · manifest · logs replayed into memtables · new manifest made durable and
//   CURRENT pointed at it · what nothing names any more removed · new log
//
// Until the new manifest is durable nothing is removed, so a crash anywhere in here changes nothing
// but the names of files that nobody refers to; the next open starts over. A replayed log is never
// appended to.
//
// What the logs held goes one of two ways. In tables: they are written first, the new manifest
// names them, and the logs go. In memtables: open returns at once, and the engine flushes them as
// it flushes its own. Then
//
//  1. the new manifest needs the same logs as the old one, so that a crash before a flush replays
//     them again. A log has one memtable, whose flush is one edit: the log is needed whole, or not
//     at all.
//  2. The new log says in its header where the last of them ended. Nothing is written to that one
//     any more, so the next recovery finds it there, unless a power cut takes what was never
//     synced. Then there is a gap, and what lies behind it counts only if it was synced. Hence
//  3. a synced write into the new log waits until all that was replayed is in tables. To sync the
//     logs would not do: after a failed sync the system may hold bytes that it believes to be on
//     the device, and a later sync succeeds. The replayed bytes are written anew.
//  4. Where recovery ended at a gap, the logs behind it would break the chain for the new log; they
//     must be gone first. So that goes the way of tables, as do more logs than an engine may have
//     frozen memtables: a process that dies again and again does not pile them up.
//
// How the chain of logs is judged (book/format.md, section 4.3): each log's header says where the
// one before it ended. When that one ends earlier now, frames are missing between the two. If any
// later log was synced, the missing frames had been too: corruption. Otherwise the power failed
// before anybody was promised them, and recovery ends at the gap.
#pragma once

#include <lsmith/compaction.hpp>
#include <lsmith/detail/log_replay.hpp>
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

/// What a log says of its predecessor, and how much space it gets ahead.
struct LogStart {
  std::uint64_t number = 0;
  std::uint64_t previous_number = 0;
  std::uint64_t previous_end = 0;
  Sequence previous_sequence = 0;
  std::uint64_t capacity_bytes = 0;
};

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
  /// What the manifest says. With Replayed::in_tables state.log_number is the number that the first
  /// new log must have, and state.last_sequence the last one of all.
  ManifestState state;
  /// What the logs held, newest first, when opened read-only; else it is in tables already.
  std::vector<std::shared_ptr<Memtable>> memtables;
  /// With Replayed::in_memtables: logs whose entries are in no table yet, oldest first.
  std::vector<ReplayedLog> replayed;
  /// What the first new log must say, however the old ones were replayed; its previous_sequence is
  /// the last one of all.
  LogStart first_log;

  std::string path(FileName::Type type, std::uint64_t number = 0) const {
    return file_path(folder, type, number);
  }
};

/// Where opening for writing leaves what the logs held.
enum class Replayed {
  in_tables,     ///< written before open_storage returns; the logs are gone
  in_memtables,  ///< in Storage::replayed, to be flushed by the caller, who keeps the rules 1 to 3
                 ///< above until then; or in tables all the same, where rule 4 says so
};

/// Opens or creates the database in `folder` as the options say, and recovers it.
Result<std::unique_ptr<Storage>> open_storage(const Options& options, const std::string& folder,
                                              Replayed replayed = Replayed::in_tables);

/// Writes a memtable as one table of level 0, in which `snapshots` can still be read. The table's
/// name is not durable yet. Nothing when the memtable is empty.
Result<std::optional<TableMeta>> write_memtable(Storage& storage, const Options& options,
                                                const Memtable& memtable,
                                                std::vector<Sequence> snapshots);

/// A log in a file that has its name and is not begun: its header is written, and not durable.
Result<std::unique_ptr<LogWriter>> begin_log(const Storage& storage, std::unique_ptr<LogFile> file,
                                             const LogStart& start);

/// A new log whose header and name are durable.
Result<std::unique_ptr<LogWriter>> start_log(Storage& storage, const LogStart& start);

/// Removes every file of ours in the folder that neither the state nor `needs` names. Foreign files
/// stay. Requires that the manifest is durable.
Status remove_orphans(Storage& storage, std::vector<std::uint64_t> needs = {});

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

inline Status exists_already(const Storage& storage) {
  return Status(Code::invalid_argument, storage.folder + ": a database exists already");
}

// Locks the folder and reads its state; a new database has none but a fresh id.
inline Status read_state(const Options& options, Storage& storage, bool& is_new) {
  const std::string current = storage.path(FileName::Type::current);
  if (!storage.files->exists(current)) {
    if (Status s = check_new_folder(options, storage); !s.ok()) return s;
    if (Status s = storage.files->create_folder(storage.folder); !s.ok()) return s;
  } else if (options.error_if_exists) {
    return exists_already(storage);
  }
  if (Status s = lock_folder(options, storage); !s.ok()) return s;
  is_new = !storage.files->exists(current);  // asked again, now that nobody else can make one
  if (is_new) {
    storage.state.database_id = storage.files->entropy();
    return {};
  }
  if (options.error_if_exists) return exists_already(storage);
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

// A new manifest, which names the state, and will do so when the first new log has its number.
inline Status start_manifest(Storage& storage) {
  storage.state.manifest_number = storage.numbers.take();
  storage.state.next_file_number = storage.numbers.next();
  auto manifest = ManifestWriter::create(*storage.files, storage.folder, storage.state);
  if (!manifest.ok()) return std::move(manifest).status();
  storage.manifest = std::move(*manifest);
  return {};
}

// Writes what the logs held as tables, and a manifest that no longer needs the logs.
inline Status settle(const Options& options, Storage& storage, LogReplay& replay) {
  VersionEdit edit;
  for (const ReplayedLog& log : replay.memtables()) {
    auto table = write_memtable(storage, options, *log.memtable, {});
    if (!table.ok()) return std::move(table).status();
    if (*table) edit.added.emplace_back(0, std::move(**table));
  }
  if (!edit.added.empty())
    if (Status s = storage.files->sync_dir(storage.folder); !s.ok()) return s;
  auto version = storage.state.version.apply(edit);
  if (!version.ok()) return std::move(version).status();
  storage.state.version = std::move(*version);
  storage.state.last_sequence = replay.last_sequence();
  storage.first_log.number = storage.numbers.take();
  storage.state.log_number = storage.first_log.number;
  return start_manifest(storage);
}

// Whether the logs may wait for their flush: see the rules above.
inline bool may_wait(const Options& options, LogReplay& replay) {
  const auto has_entries = [](const ReplayedLog& log) { return log.memtable->entry_count() > 0; };
  const auto& logs = replay.memtables();
  return !replay.ended_at_gap() && std::any_of(logs.begin(), logs.end(), has_entries) &&
         logs.size() <= static_cast<std::size_t>(options.frozen_memtables_max);
}

// Leaves what the logs held in memtables, and writes a manifest that needs the logs as before.
inline Status leave(Storage& storage, LogReplay& replay) {
  storage.replayed = std::move(replay.memtables());
  storage.first_log.number = storage.numbers.take();
  storage.first_log.previous_number = replay.last_log();
  storage.first_log.previous_end = replay.last_end();
  return start_manifest(storage);
}

}  // namespace detail

inline Result<std::unique_ptr<Storage>> open_storage(const Options& options,
                                                     const std::string& folder, Replayed replayed) {
  auto storage = std::make_unique<Storage>();
  storage->folder = folder;
  storage->files = options.file_system;
  bool is_new = false;
  if (Status s = detail::read_state(options, *storage, is_new); !s.ok()) return s;

  std::uint64_t next_number = 1;
  auto logs = detail::find_logs(*storage, next_number);
  if (!logs.ok()) return std::move(logs).status();
  const bool may_split = options.read_only || replayed == Replayed::in_tables;
  detail::LogReplay replay(
      options, folder, storage->state,
      may_split ? options.write_buffer_bytes : std::numeric_limits<std::size_t>::max());
  if (!is_new)
    if (Status s = replay.run(*logs); !s.ok()) return s;

  storage->first_log.previous_sequence = replay.last_sequence();
  storage->numbers.reset(next_number);
  storage->tables = std::make_shared<TableCache>(options, *storage->files, folder);
  if (options.read_only) {
    storage->state.last_sequence = replay.last_sequence();
    for (const ReplayedLog& log : replay.memtables())
      storage->memtables.insert(storage->memtables.begin(), log.memtable);
    return storage;
  }
  if (replay.last_sequence() >= detail::sequences_end)
    return Status(Code::not_supported,
                  storage->path(FileName::Type::current) +
                      ": the database's sequence numbers are nearly used up: open it read-only, "
                      "and copy what it holds into a new one");
  const bool waits = replayed == Replayed::in_memtables && detail::may_wait(options, replay);
  if (Status s =
          waits ? detail::leave(*storage, replay) : detail::settle(options, *storage, replay);
      !s.ok())
    return s;
  std::vector<std::uint64_t> needs;
  for (const ReplayedLog& log : storage->replayed)
    needs.push_back(log.number);
  if (Status s = remove_orphans(*storage, std::move(needs)); !s.ok()) return s;
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

inline Result<std::unique_ptr<LogWriter>> begin_log(const Storage& storage,
                                                    std::unique_ptr<LogFile> file,
                                                    const LogStart& start) {
  LogHeader header;
  header.database_id = storage.state.database_id;
  header.file_number = start.number;
  header.previous_number = start.previous_number;
  header.previous_end = start.previous_end;
  header.previous_sequence = start.previous_sequence;
  auto log = std::make_unique<LogWriter>(std::move(file), header);
  if (Status s = log->start(); !s.ok()) return s;
  return log;
}

inline Result<std::unique_ptr<LogWriter>> start_log(Storage& storage, const LogStart& start) {
  auto file = storage.files->create_log(storage.path(FileName::Type::log, start.number),
                                        start.capacity_bytes);
  if (!file.ok()) return std::move(file).status();
  auto log = begin_log(storage, std::move(*file), start);
  if (!log.ok()) return log;
  if (Status s = (*log)->sync(); !s.ok()) return s;
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
    Status s = storage.files->remove(storage.folder + "/" + name);
    if (!s.ok() && s.code() != Code::not_found) return s;  // not there: somebody was faster
  }
  return {};
}

}  // namespace lsmith
