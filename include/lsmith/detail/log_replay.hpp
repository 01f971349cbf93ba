// log_replay.hpp: a chain of logs, read back into memtables; a helper of recovery.hpp alone, which
// says how the chain is judged.
//
//   log ── frames, each judged ──> entries, sorted by key ──> a memtable, filled from left to right
//
// Entries whose keys do not ascend are gathered and put in by key: a memtable takes keys that
// arrive in order several times as fast as others, and to sort an array is cheap beside searching a
// tree for each.
#pragma once

#include <lsmith/file.hpp>
#include <lsmith/key.hpp>
#include <lsmith/manifest.hpp>
#include <lsmith/memtable.hpp>
#include <lsmith/names.hpp>
#include <lsmith/options.hpp>
#include <lsmith/status.hpp>
#include <lsmith/wal.hpp>
#include <lsmith/write_batch.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lsmith {

/// What a log held, or a part of it.
struct ReplayedLog {
  std::shared_ptr<Memtable> memtable;
  std::uint64_t number = 0;    ///< of the log
  Sequence last_sequence = 0;  ///< of the memtable, or before it when it is empty
};

}  // namespace lsmith

namespace lsmith::detail {

// Entries as a log has them, which become a memtable: at once as long as their keys ascend, and
// what comes from then on at the end, by key. Borrows keys and values. One thread at a time.
class GatheredEntries {
 public:
  void add(std::uint64_t tag, std::string_view key, std::string_view value);
  // Bytes of keys and values.
  std::size_t size_bytes() const { return size_bytes_; }
  // All of them, in a memtable; none are left here.
  std::shared_ptr<Memtable> take();

 private:
  struct Gathered {
    std::uint64_t chunk;  // the key's first bytes behind what all keys have in common
    std::uint64_t tag;
    std::string_view key;
    std::string_view value;
  };
  // Of one key the oldest first: a memtable puts a newer version in front of it.
  static bool is_before(const Gathered& a, const Gathered& b);
  void sort();

  std::shared_ptr<Memtable> memtable_ = std::make_shared<Memtable>();
  std::string_view last_key_;  // in the memtable
  std::vector<Gathered> entries_;
  std::size_t common_bytes_ = 0;  // that all keys begin with
  std::size_t size_bytes_ = 0;
};

// Replays a chain of logs into memtables, one for each log, or several where one would be larger
// than asked for. A log without entries has an empty one.
class LogReplay {
 public:
  LogReplay(const Options& options, const std::string& folder, const ManifestState& state,
            std::size_t memtable_bytes_max);

  // `numbers`: every log from the manifest's log number on, ascending.
  Status run(const std::vector<std::uint64_t>& numbers);
  // Oldest first.
  std::vector<ReplayedLog>& memtables() { return memtables_; }
  Sequence last_sequence() const { return last_sequence_; }
  // The log replayed last, 0 if there is none, and the offset where it ends.
  std::uint64_t last_log() const { return previous_number_; }
  std::uint64_t last_end() const { return previous_end_; }
  // Whether some log behind that one was not replayed.
  bool ended_at_gap() const { return gap_.has_value(); }

 private:
  Status replay(std::uint64_t number);
  bool is_foreign(std::string_view bytes) const;
  Status check_chain(const LogHeader& header, const std::string& name);
  Status apply(const Frame& frame, std::uint64_t number, const std::string& name);
  Status end_log(const LogReader& reader, std::uint64_t number, const std::string& name);
  void end_memtable(std::uint64_t log_number);
  Status end_without_header(LogReader& reader, Status why);

  const Options& options_;
  const std::string folder_;
  const ManifestState& state_;
  const std::size_t memtable_bytes_max_;
  GatheredEntries gathered_;  // borrows the log that is being replayed
  std::vector<ReplayedLog> memtables_;
  Sequence last_sequence_;
  std::uint64_t previous_number_ = 0;  // the log replayed last; 0 at the start
  std::uint64_t previous_end_ = 0;
  std::optional<std::string> gap_;  // where recovery ended, when it did before the last log
};

inline void GatheredEntries::add(std::uint64_t tag, std::string_view key, std::string_view value) {
  size_bytes_ += key.size() + value.size();
  if (entries_.empty() && (memtable_->entry_count() == 0 || last_key_ < key)) {
    last_key_ = key;
    return memtable_->add(tag, key, value);
  }
  const std::string_view first = entries_.empty() ? key : entries_.front().key;
  if (entries_.empty()) common_bytes_ = key.size();
  if (key.substr(0, common_bytes_) != first.substr(0, common_bytes_))
    common_bytes_ = static_cast<std::size_t>(
        std::mismatch(first.begin(), first.end(), key.begin(), key.end()).first - first.begin());
  entries_.push_back({0, tag, key, value});
}

inline bool GatheredEntries::is_before(const Gathered& a, const Gathered& b) {
  if (a.chunk != b.chunk) return a.chunk < b.chunk;
  const int by_key = a.key.compare(b.key);
  return by_key != 0 ? by_key < 0 : a.tag < b.tag;
}

inline void GatheredEntries::sort() {
  for (Gathered& entry : entries_)
    entry.chunk = chunk_of_key(entry.key, common_bytes_);
  std::sort(entries_.begin(), entries_.end(), is_before);
}

inline std::shared_ptr<Memtable> GatheredEntries::take() {
  constexpr std::size_t ahead_count = 8;  // a log is not read in the order of its keys
  sort();
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (i + ahead_count < entries_.size()) __builtin_prefetch(entries_[i + ahead_count].key.data());
    memtable_->add(entries_[i].tag, entries_[i].key, entries_[i].value);
  }
  entries_.clear();
  last_key_ = {};
  size_bytes_ = 0;
  return std::exchange(memtable_, std::make_shared<Memtable>());
}

inline LogReplay::LogReplay(const Options& options, const std::string& folder,
                            const ManifestState& state, std::size_t memtable_bytes_max)
    : options_(options),
      folder_(folder),
      state_(state),
      memtable_bytes_max_(memtable_bytes_max),
      last_sequence_(state.last_sequence) {}

inline Status LogReplay::run(const std::vector<std::uint64_t>& numbers) {
  for (std::uint64_t number : numbers)
    if (Status s = replay(number); !s.ok()) return s;
  return {};
}

// A log is judged with all its bytes. But where only zeros follow the end, which the front shows,
// the front has the same frames and the same end: zeros prove nothing.
inline Status LogReplay::replay(std::uint64_t number) {
  const std::string name = file_name(FileName::Type::log, number);
  auto file = LargeFile::read(*options_.file_system, folder_ + "/" + name, options_.mapped_tables);
  if (!file.ok()) return std::move(file).status();
  if (is_foreign(file->bytes()))
    return Status(Code::corruption, name + ": it belongs to another database");
  LogReader front(file->front(), state_.database_id, number, name);
  LogReader whole(file->bytes(), state_.database_id, number, name);
  auto header = front.read_header();
  if (header.ok() && header->database_id != state_.database_id)
    header = Status(Code::corruption, name + ": its header belongs to another database");
  if (!header.ok()) return end_without_header(whole, std::move(header).status());
  if (Status s = check_chain(*header, name); !s.ok()) return s;
  while (auto frame = front.next())
    if (Status s = apply(*frame, number, name); !s.ok()) return s;
  const std::uint64_t end = front.end_offset();
  if (LargeFile::are_zeros(file->front().substr(static_cast<std::size_t>(end))))
    return end_log(front, number, name);
  while (auto frame = whole.next())
    if (frame->offset >= end)
      if (Status s = apply(*frame, number, name); !s.ok()) return s;
  return end_log(whole, number, name);
}

inline Status LogReplay::end_log(const LogReader& reader, std::uint64_t number,
                                 const std::string& name) {
  if (!reader.status().ok()) return reader.status();
  if (gap_ && reader.was_synced())
    return Status(Code::corruption, *gap_ + ": the log ends here, but " + name +
                                        ", written after it, was synced: frames are missing");
  if (gap_) return {};
  end_memtable(number);
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

inline Status LogReplay::apply(const Frame& frame, std::uint64_t number, const std::string& name) {
  if (gap_) return {};  // only what its frames say of syncs matters
  if (gathered_.size_bytes() >= memtable_bytes_max_) end_memtable(number);
  const auto corrupt = [&](const std::string& what) {
    const std::string offset = std::to_string(frame.offset);
    return Status(Code::corruption, name + " at offset " + offset + ": " + what);
  };
  if (frame.type != FrameType::batch) return corrupt("not a batch");
  if (Status s = WriteBatch::check(frame.payload); !s.ok())
    return std::move(s).in(name + " at offset " + std::to_string(frame.offset));
  const Sequence sequence = WriteBatch::sequence_in(frame.payload);
  if (sequence != last_sequence_ + 1)
    return corrupt("sequence " + std::to_string(sequence) + " follows " +
                   std::to_string(last_sequence_));
  WriteBatch::for_each_in(frame.payload,
                          [this](std::uint64_t tag, std::string_view key, std::string_view value) {
                            gathered_.add(tag, key, value);
                          });
  last_sequence_ += WriteBatch::count_in(frame.payload);
  return {};
}

inline void LogReplay::end_memtable(std::uint64_t log_number) {
  memtables_.push_back({gathered_.take(), log_number, last_sequence_});
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

}  // namespace lsmith::detail
