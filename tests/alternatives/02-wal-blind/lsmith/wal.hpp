// wal.hpp: the log that survives the crash. Yours to write; book/02-wal.md explains.
//
// Goal: a write is a frame, and it is in the log before it counts. After a crash the frames are
// read back in order: a batch as a whole or not at all, none behind a gap, none that was not
// written.
//
//   file:   | header 64 | frame | frame | frame | zeros, or frames of an earlier life … |
//   frame:  | crc 4 | size 4 | type 1 | flags 1 | number 2 | synced 4 | payload | zeros up to 8 |
//
// Steps (each is checked by `labs/lab check 02`)
//   02.1  encode_log_header; all of LogWriter                   about 60 minutes
//   02.2  all of LogReader but:                                 about 40 minutes
//   02.3  LogReader::was_durable, which next() asks             about 30 minutes
//
// Given: decode_log_header, which shows how bytes of a disk are read here: length, checksum,
// meaning. The field sizes and their order are in book/format.md, sections 4.1 and 4.2; coding.hpp
// has put_fixed16 and its kin, load_fixed32, crc32c, mask_crc and ByteReader.
//
// Invariants
//  1. Frames begin at multiples of 8 behind the header, one directly behind the other.
//  2. `synced` never claims more than is durable, hence never more than lies before the frame.
//  3. After the first failure nothing is written or synced any more.
//  4. The reader returns the first frames of what was written, unchanged; never others, and none
//     behind a gap.
//
// The public declarations are the contract that the rest of the engine calls: leave them as they
// are. Everything below each `private:` is yours, and so are helpers, includes and bodies.
//
// Threads: sync() may run beside append(), so what both use needs a lock; but the lock is not held
// while the file works, or an append would wait for the device. A reader belongs to one thread.
#pragma once

#include <lsmith/coding.hpp>
#include <lsmith/file.hpp>
#include <lsmith/key.hpp>
#include <lsmith/mutex.hpp>
#include <lsmith/status.hpp>

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace lsmith {

/// What a log's first 64 bytes say; book/format.md, section 4.1.
struct LogHeader {
  enum class Kind : std::uint8_t { write_ahead = 1, manifest = 2 };
  static constexpr std::uint64_t size_bytes = 64;

  Kind kind = Kind::write_ahead;
  std::uint64_t database_id = 0;
  std::uint64_t file_number = 0;
  std::uint64_t previous_number = 0;
  std::uint64_t previous_end = 0;
  std::uint64_t previous_sequence = 0;

  bool operator==(const LogHeader&) const = default;
};

/// The 64 bytes of a header.
std::string encode_log_header(const LogHeader& header);
/// The inverse. Corruption says which field is wrong; a newer version is not_supported.
Result<LogHeader> decode_log_header(std::string_view bytes);

/// What a frame carries.
enum class FrameType : std::uint8_t { batch = 1, edit = 2 };

/// One frame of a log. `payload` borrows the log's bytes.
struct Frame {
  FrameType type = FrameType::batch;
  std::uint64_t offset = 0;        ///< where the frame begins
  std::uint64_t synced_bytes = 0;  ///< how much of the log was durable when the frame was built
  std::string_view payload;
};

/// Appends frames to a new log. The first failure is final: every later call returns it. One thread
/// at a time, but for sync(), which one other thread may run beside append().
class LogWriter {
 public:
  /// Takes a log file in which nothing of value stands; nothing is written yet.
  LogWriter(std::unique_ptr<LogFile> file, const LogHeader& header);

  /// Writes the header. Call it once, before anything else.
  Status start();
  /// Writes one frame behind the last. When it returns, the payload survives a killed process.
  /// `will_sync` says that sync() follows at once. Requires payload.size() <= batch_bytes_max.
  Status append(FrameType type, std::string_view payload, bool will_sync);
  /// Makes everything durable that was appended before the call.
  Status sync();
  Status close();

  /// Offset behind the last frame.
  std::uint64_t end_offset() const;
  /// How much of the log is known to be durable, in bytes.
  std::uint64_t synced_bytes() const;
  /// Whether a payload of that size fits into the space that was allocated ahead.
  bool has_room(std::uint64_t payload_bytes) const;
  const LogHeader& header() const;

 private:
  Status failure() const;
  // Takes the outcome of a call of the file; returns the first failure there was.
  Status finish(Status outcome);

  const LogHeader header_;
  const std::unique_ptr<LogFile> file_;
  mutable Mutex mutex_;  // never held while the file works
  Status failure_ LSMITH_GUARDED_BY(mutex_);
  std::uint64_t end_ LSMITH_GUARDED_BY(mutex_) = 0;
  std::uint64_t synced_ LSMITH_GUARDED_BY(mutex_) = 0;
};

/// Reads the frames of a log from its bytes, and judges how it ends. Borrows the bytes. One thread
/// at a time.
class LogReader {
 public:
  /// Frames are those of this database and of the file number that the file's name carries. `name`
  /// is for messages.
  LogReader(std::string_view bytes, std::uint64_t database_id, std::uint64_t file_number,
            std::string name);

  /// The header. Corruption when it is damaged or belongs to another file number.
  Result<LogHeader> read_header();
  /// The next frame, or nothing at the log's end; the first call returns the first frame.
  std::optional<Frame> next();

  // After next() returned nothing:
  /// Ok for a log that ends cleanly or with a torn tail; corruption, with name and offset, for one
  /// that has rotted: what stood at end_offset() was durable once.
  Status status() const;
  /// Where the log ends: behind the last frame that next() returned.
  std::uint64_t end_offset() const;
  /// Whether some frame so far says that this log was synced after it began (synced_bytes > 0).
  bool was_synced() const;

 private:
  // What the 16 bytes in front of a frame say.
  struct Head {
    std::uint32_t crc;
    std::uint32_t size;
    std::uint8_t type;
    std::uint8_t flags;
    std::uint64_t synced_bytes;
  };

  // The head at an offset; nothing when no frame of this log can begin there.
  std::optional<Head> head_at(std::uint64_t offset) const;
  bool is_whole(std::uint64_t offset, const Head& head) const;
  // Step 02.3. Next() asks it where no whole frame stands.
  bool was_durable(std::uint64_t bad) const;
  // Ends the log at end_ with that status.
  std::nullopt_t end_with(Status status);
  Status fault(Code code, const std::string& why) const;

  std::string_view bytes_;
  std::uint64_t database_id_ = 0;
  std::uint64_t file_number_;
  std::string name_;
  std::uint64_t end_ = LogHeader::size_bytes;
  bool has_ended_ = false;
  bool was_synced_ = false;
  Status status_;
};

inline constexpr std::string_view log_magic = "LSMITHLG";
inline constexpr std::uint64_t frame_header_bytes = 16;

namespace detail {

inline bool is_known(std::uint8_t type) {
  return type == static_cast<std::uint8_t>(FrameType::batch) ||
         type == static_cast<std::uint8_t>(FrameType::edit);
}

// A frame with header and padding. Requires payload_bytes <= batch_bytes_max.
inline std::uint64_t frame_bytes(std::uint64_t payload_bytes) {
  return (frame_header_bytes + payload_bytes + 7) / 8 * 8;
}

// The stored checksum of a frame; `checked` are its bytes from 4 on, without the padding.
inline std::uint32_t frame_crc(std::uint64_t database_id, std::uint64_t file_number,
                               std::uint64_t offset, std::string_view checked) {
  std::string place;
  put_fixed64(place, database_id);
  put_fixed64(place, file_number);
  put_fixed64(place, offset);
  return mask_crc(crc32c(checked, crc32c(place)));
}

}  // namespace detail

inline std::string encode_log_header(const LogHeader& header) {
  std::string bytes(log_magic);
  put_fixed16(bytes, 1);  // version
  bytes.push_back(static_cast<char>(header.kind));
  bytes.push_back(1);     // CRC-32C
  put_fixed32(bytes, 0);  // flags
  put_fixed64(bytes, header.database_id);
  put_fixed64(bytes, header.file_number);
  put_fixed64(bytes, header.previous_number);
  put_fixed64(bytes, header.previous_end);
  put_fixed64(bytes, header.previous_sequence);
  put_fixed32(bytes, 0);  // reserved
  put_fixed32(bytes, mask_crc(crc32c(bytes)));
  return bytes;
}

// Given. Length, then checksum, then meaning; a field that only a newer version can have written
// is not corruption.
inline Result<LogHeader> decode_log_header(std::string_view bytes) {
  if (bytes.size() < LogHeader::size_bytes)
    return Status(Code::corruption, "the log header is cut short");
  if (bytes.substr(0, 8) != log_magic)
    return Status(Code::corruption, "the magic of a log is missing");
  if (load_fixed32(bytes.data() + 60) != mask_crc(crc32c(bytes.substr(0, 60))))
    return Status(Code::corruption, "the log header's checksum is wrong");

  ByteReader reader(bytes.substr(8));  // all of it is there
  const std::uint16_t version = *reader.fixed16();
  const std::uint8_t kind = *reader.fixed8();
  const std::uint8_t checksum = *reader.fixed8();
  const std::uint32_t flags = *reader.fixed32();
  LogHeader header;
  header.kind = static_cast<LogHeader::Kind>(kind);
  header.database_id = *reader.fixed64();
  header.file_number = *reader.fixed64();
  header.previous_number = *reader.fixed64();
  header.previous_end = *reader.fixed64();
  header.previous_sequence = *reader.fixed64();
  const std::uint32_t reserved = *reader.fixed32();

  if (version == 0) return Status(Code::corruption, "the log header's version is 0");
  if (version > 1) return Status(Code::not_supported, "the log has a newer version");
  if (kind != 1 && kind != 2) return Status(Code::not_supported, "the log's kind is unknown");
  if (checksum != 1) return Status(Code::not_supported, "the log's kind of checksum is unknown");
  if (flags != 0) return Status(Code::not_supported, "the log has unknown flags");
  if (reserved != 0) return Status(Code::not_supported, "the log uses reserved bytes");
  return header;
}

inline LogWriter::LogWriter(std::unique_ptr<LogFile> file, const LogHeader& header)
    : header_(header), file_(std::move(file)) {}

inline Status LogWriter::failure() const {
  MutexLock lock(mutex_);
  return failure_;
}

inline Status LogWriter::finish(Status outcome) {
  MutexLock lock(mutex_);
  if (failure_.ok()) failure_ = std::move(outcome);
  return failure_;
}

inline Status LogWriter::start() {
  if (Status s = failure(); !s.ok()) return s;
  Status s = finish(file_->write(0, encode_log_header(header_), false));
  if (!s.ok()) return s;
  MutexLock lock(mutex_);
  end_ = LogHeader::size_bytes;
  return {};
}

inline Status LogWriter::append(FrameType type, std::string_view payload, bool will_sync) {
  assert(payload.size() <= batch_bytes_max);
  std::uint64_t offset = 0;
  std::uint64_t synced = 0;
  {
    MutexLock lock(mutex_);
    if (!failure_.ok()) return failure_;
    offset = end_;
    synced = synced_;
  }

  constexpr std::uint64_t mark_max = std::numeric_limits<std::uint32_t>::max();
  std::string frame;
  frame.reserve(detail::frame_bytes(payload.size()));
  put_fixed32(frame, 0);  // the checksum, below
  put_fixed32(frame, static_cast<std::uint32_t>(payload.size()));
  frame.push_back(static_cast<char>(type));
  frame.push_back(0);  // flags
  put_fixed16(frame, static_cast<std::uint16_t>(header_.file_number));
  put_fixed32(frame, static_cast<std::uint32_t>(std::min(synced / 8, mark_max)));
  frame.append(payload);
  const std::string_view checked = std::string_view(frame).substr(4);
  store_fixed32(frame.data(),
                detail::frame_crc(header_.database_id, header_.file_number, offset, checked));
  frame.resize(detail::frame_bytes(payload.size()), '\0');

  Status s = finish(file_->write(offset, frame, will_sync));
  if (!s.ok()) return s;
  MutexLock lock(mutex_);
  end_ = offset + frame.size();
  return {};
}

inline Status LogWriter::sync() {
  std::uint64_t covered = 0;
  {
    MutexLock lock(mutex_);
    if (!failure_.ok()) return failure_;
    covered = end_;  // what is appended from here on may be missed
  }
  Status s = finish(file_->sync());
  if (!s.ok()) return s;
  MutexLock lock(mutex_);
  synced_ = std::max(synced_, covered);
  return {};
}

inline Status LogWriter::close() {
  return finish(file_->close());
}

inline std::uint64_t LogWriter::end_offset() const {
  MutexLock lock(mutex_);
  return end_;
}

inline std::uint64_t LogWriter::synced_bytes() const {
  MutexLock lock(mutex_);
  return synced_;
}

inline bool LogWriter::has_room(std::uint64_t payload_bytes) const {
  if (payload_bytes > batch_bytes_max) return false;
  const std::uint64_t begin = std::max(end_offset(), LogHeader::size_bytes);
  const std::uint64_t capacity = file_->capacity_bytes();
  return begin <= capacity && detail::frame_bytes(payload_bytes) <= capacity - begin;
}

inline const LogHeader& LogWriter::header() const {
  return header_;
}

inline LogReader::LogReader(std::string_view bytes, std::uint64_t database_id,
                            std::uint64_t file_number, std::string name)
    : bytes_(bytes), database_id_(database_id), file_number_(file_number), name_(std::move(name)) {}

inline Result<LogHeader> LogReader::read_header() {
  Result<LogHeader> header = decode_log_header(bytes_);
  if (!header.ok()) return std::move(header).status().in(name_);
  if (header->file_number != file_number_) {
    return Status(Code::corruption, name_ + ": the header is that of file number " +
                                        std::to_string(header->file_number));
  }
  return header;
}

inline std::optional<LogReader::Head> LogReader::head_at(std::uint64_t offset) const {
  if (offset > bytes_.size() || bytes_.size() - offset < frame_header_bytes) return std::nullopt;
  const std::uint64_t left = bytes_.size() - offset;
  const char* const at = bytes_.data() + offset;
  const std::uint16_t number = load_fixed16(at + 10);
  if (number != static_cast<std::uint16_t>(file_number_)) return std::nullopt;
  const std::uint32_t size = load_fixed32(at + 4);
  if (size > batch_bytes_max || detail::frame_bytes(size) > left) return std::nullopt;
  return Head{load_fixed32(at), size, static_cast<std::uint8_t>(at[8]),
              static_cast<std::uint8_t>(at[9]), std::uint64_t{load_fixed32(at + 12)} * 8};
}

inline bool LogReader::is_whole(std::uint64_t offset, const Head& head) const {
  const std::string_view checked =
      bytes_.substr(offset + 4, frame_header_bytes - 4 + std::size_t{head.size});
  return head.crc == detail::frame_crc(database_id_, file_number_, offset, checked);
}

inline Status LogReader::fault(Code code, const std::string& why) const {
  return Status(code, name_ + ": offset " + std::to_string(end_) + ": " + why);
}

inline std::nullopt_t LogReader::end_with(Status status) {
  has_ended_ = true;
  status_ = std::move(status);
  return std::nullopt;
}

inline std::optional<Frame> LogReader::next() {
  if (has_ended_) return std::nullopt;
  const std::optional<Head> head = head_at(end_);
  if (!head || !is_whole(end_, *head)) {
    if (!was_durable(end_)) return end_with({});
    return end_with(fault(Code::corruption, "a frame that was durable is damaged or gone"));
  }
  if (!detail::is_known(head->type))
    return end_with(fault(Code::not_supported, "a frame of unknown type"));
  if (head->flags != 0) return end_with(fault(Code::not_supported, "a frame with unknown flags"));
  if (head->synced_bytes > end_)
    return end_with(fault(Code::corruption, "the frame claims that more was durable than written"));

  Frame frame;
  frame.type = static_cast<FrameType>(head->type);
  frame.offset = end_;
  frame.synced_bytes = head->synced_bytes;
  frame.payload = bytes_.substr(end_ + frame_header_bytes, head->size);
  was_synced_ = was_synced_ || head->synced_bytes > 0;
  end_ += detail::frame_bytes(head->size);
  return frame;
}

inline Status LogReader::status() const {
  return status_;
}

inline std::uint64_t LogReader::end_offset() const {
  return end_;
}

inline bool LogReader::was_synced() const {
  return was_synced_;
}

inline bool LogReader::was_durable(std::uint64_t bad) const {
  std::uint64_t budget = 4 * std::uint64_t{bytes_.size()};
  for (std::uint64_t at = bad + 8; at < bytes_.size(); at += 8) {
    const std::optional<Head> head = head_at(at);
    if (!head || !detail::is_known(head->type) || head->flags != 0) continue;
    if (head->synced_bytes <= bad) continue;
    const std::uint64_t cost = frame_header_bytes + head->size;
    if (cost > budget) return true;
    budget -= cost;
    if (is_whole(at, *head)) return true;
  }
  return false;
}

}  // namespace lsmith
