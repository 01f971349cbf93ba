// wal.hpp: the log that survives the crash.
//
// A write is a frame, and it is in the log before it counts. After a crash the frames are read back
// in order. One frame is one piece and one store: a batch is there as a whole or not at all.
//
//   file:   | header 64 | frame | frame | frame | zeros, or frames of an earlier life … |
//   frame:  | crc 4 | size 4 | type 1 | flags 1 | number 2 | synced 4 | payload | zeros up to 8 |
//
// A log ends before its file does: space is allocated ahead, and files are used again. The checksum
// starts with database id, file number and offset, so an old or misplaced frame is no frame.
//
// At the first bad frame the reader must tell two cases apart. Torn: the crash came before the
// frame was whole, nobody was promised it, the log ends here. Rotten: it was durable once, and to
// cut here would lose promised writes in silence. Each frame therefore says how much of the log was
// durable when it was built. A later frame whose mark lies behind the bad place proves rot.
//
// Invariants
//  1. Frames begin at multiples of 8 behind the header, one directly behind the other.
//  2. `synced` never claims more than is durable, hence never more than lies before the frame.
//  3. After the first failure nothing is written or synced any more.
//  4. The reader returns the first frames of what was written, unchanged; never others, and none
//     behind a gap.
//
// Threads: what append() and sync() share is behind a mutex, which is never held while the file
// works. Cost: append is a copy, a checksum and a store; reading is a checksum.
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
  // Remembers the first failure, and returns it.
  Status finish(Status outcome) const;

  LogHeader header_;
  std::unique_ptr<LogFile> file_;

  mutable Mutex mutex_;
  mutable Status failure_ LSMITH_GUARDED_BY(mutex_);
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
  struct FrameHeader {
    std::uint32_t crc = 0;
    std::uint32_t size = 0;
    std::uint8_t type = 0;
    std::uint8_t flags = 0;
    std::uint16_t number = 0;
    std::uint32_t synced = 0;
  };

  // The header of what could be a frame of this log at `offset`: it fits and has the right number.
  std::optional<FrameHeader> read_frame_header(std::uint64_t offset) const;
  bool has_right_checksum(std::uint64_t offset, const FrameHeader& header) const;
  // Whether a later frame proves that what stood at `bad` was durable once.
  bool was_durable(std::uint64_t bad) const;
  std::nullopt_t end_with(Code code, const std::string& why);

  std::string_view bytes_;
  std::uint64_t database_id_;
  std::uint64_t file_number_;
  std::string name_;
  std::uint64_t end_ = LogHeader::size_bytes;
  bool has_ended_ = false;
  bool was_synced_ = false;
  Status status_;
};

inline constexpr std::string_view log_magic = "LSMITHLG";
inline constexpr std::uint64_t frame_header_bytes = 16;

inline std::uint64_t round_up_to_8(std::uint64_t size) {
  return (size + 7) / 8 * 8;
}

// `covered` is all of the frame from its size field to the end of its payload.
inline std::uint32_t frame_crc(std::uint64_t database_id, std::uint64_t file_number,
                               std::uint64_t offset, std::string_view covered) {
  std::string place;
  put_fixed64(place, database_id);
  put_fixed64(place, file_number);
  put_fixed64(place, offset);
  return mask_crc(crc32c(covered, crc32c(place)));
}

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
  assert(bytes.size() == LogHeader::size_bytes);
  return bytes;
}

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
    : header_(header), file_(std::move(file)) {
  assert(file_ != nullptr);
}

inline Status LogWriter::start() {
  assert(end_offset() == 0);
  if (Status s = finish(file_->write(0, encode_log_header(header_), false)); !s.ok()) return s;
  MutexLock lock(mutex_);
  end_ = LogHeader::size_bytes;
  return {};
}

inline Status LogWriter::append(FrameType type, std::string_view payload, bool will_sync) {
  assert(payload.size() <= batch_bytes_max);
  if (Status s = finish({}); !s.ok()) return s;
  const std::uint64_t offset = end_offset();
  assert(offset >= LogHeader::size_bytes);

  std::string covered;
  put_fixed32(covered, static_cast<std::uint32_t>(payload.size()));
  covered.push_back(static_cast<char>(type));
  covered.push_back(0);  // flags
  put_fixed16(covered, static_cast<std::uint16_t>(header_.file_number & 0xffff));
  // The field ends at 32 GiB; a mark that is too low is always true.
  put_fixed32(covered,
              static_cast<std::uint32_t>(std::min<std::uint64_t>(synced_bytes() / 8, 0xffffffff)));
  covered.append(payload);
  std::string frame;
  put_fixed32(frame, frame_crc(header_.database_id, header_.file_number, offset, covered));
  frame.append(covered);
  frame.resize(static_cast<std::size_t>(round_up_to_8(frame.size())), '\0');

  if (Status s = finish(file_->write(offset, frame, will_sync)); !s.ok()) return s;
  MutexLock lock(mutex_);
  end_ = offset + frame.size();
  return {};
}

inline Status LogWriter::sync() {
  if (Status s = finish({}); !s.ok()) return s;
  const std::uint64_t end = end_offset();  // what comes later may miss this sync
  if (Status s = finish(file_->sync()); !s.ok()) return s;
  MutexLock lock(mutex_);
  synced_ = std::max(synced_, end);
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
  const std::uint64_t end = std::max(end_offset(), LogHeader::size_bytes);
  return end + round_up_to_8(frame_header_bytes + payload_bytes) <= file_->capacity_bytes();
}

inline const LogHeader& LogWriter::header() const {
  return header_;
}

inline Status LogWriter::finish(Status outcome) const {
  MutexLock lock(mutex_);
  if (failure_.ok()) failure_ = std::move(outcome);
  return failure_;
}

inline LogReader::LogReader(std::string_view bytes, std::uint64_t database_id,
                            std::uint64_t file_number, std::string name)
    : bytes_(bytes), database_id_(database_id), file_number_(file_number), name_(std::move(name)) {}

inline Result<LogHeader> LogReader::read_header() {
  Result<LogHeader> header = decode_log_header(bytes_.substr(0, LogHeader::size_bytes));
  if (!header.ok()) return std::move(header).status().in(name_);
  if (header->file_number != file_number_)
    return Status(Code::corruption, name_ + ": the header names another file number");
  return header;
}

inline std::optional<Frame> LogReader::next() {
  if (has_ended_) return std::nullopt;
  const std::optional<FrameHeader> header = read_frame_header(end_);
  if (!header || !has_right_checksum(end_, *header)) {
    has_ended_ = true;
    if (was_durable(end_)) return end_with(Code::corruption, "a durable frame is damaged");
    return std::nullopt;
  }
  if (header->type != 1 && header->type != 2)
    return end_with(Code::not_supported, "the frame's type is unknown");
  if (header->flags != 0) return end_with(Code::not_supported, "the frame has unknown flags");

  Frame frame;
  frame.type = static_cast<FrameType>(header->type);
  frame.offset = end_;
  frame.synced_bytes = std::uint64_t{header->synced} * 8;
  frame.payload = bytes_.substr(static_cast<std::size_t>(end_ + frame_header_bytes), header->size);
  if (frame.synced_bytes > frame.offset)
    return end_with(Code::corruption, "the frame claims that bytes behind it are durable");
  end_ += round_up_to_8(frame_header_bytes + header->size);
  was_synced_ = was_synced_ || frame.synced_bytes > 0;
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

inline std::optional<LogReader::FrameHeader> LogReader::read_frame_header(
    std::uint64_t offset) const {
  if (bytes_.size() < offset || bytes_.size() - offset < frame_header_bytes) return std::nullopt;
  const char* at = bytes_.data() + offset;
  FrameHeader header;
  header.crc = load_fixed32(at);
  header.size = load_fixed32(at + 4);
  header.type = static_cast<std::uint8_t>(at[8]);
  header.flags = static_cast<std::uint8_t>(at[9]);
  header.number = load_fixed16(at + 10);
  header.synced = load_fixed32(at + 12);
  if (header.number != (file_number_ & 0xffff)) return std::nullopt;
  if (header.size > batch_bytes_max) return std::nullopt;
  if (round_up_to_8(frame_header_bytes + header.size) > bytes_.size() - offset) return std::nullopt;
  return header;
}

inline bool LogReader::has_right_checksum(std::uint64_t offset, const FrameHeader& header) const {
  const std::string_view covered = bytes_.substr(static_cast<std::size_t>(offset + 4),
                                                 std::size_t{header.size} + frame_header_bytes - 4);
  return frame_crc(database_id_, file_number_, offset, covered) == header.crc;
}

inline bool LogReader::was_durable(std::uint64_t bad) const {
  // Hostile bytes could ask for a checksum of everything at every offset, so there is a budget.
  std::uint64_t budget = 4 * std::uint64_t{bytes_.size()};
  for (std::uint64_t offset = bad + 8; offset < bytes_.size(); offset += 8) {
    const std::optional<FrameHeader> header = read_frame_header(offset);
    if (!header || std::uint64_t{header->synced} * 8 <= bad) continue;
    if ((header->type != 1 && header->type != 2) || header->flags != 0) continue;
    const std::uint64_t cost = frame_header_bytes + header->size;
    if (cost > budget) return true;  // not known; a false alarm loses nothing
    budget -= cost;
    if (has_right_checksum(offset, *header)) return true;
  }
  return false;
}

inline std::nullopt_t LogReader::end_with(Code code, const std::string& why) {
  has_ended_ = true;
  status_ = Status(code, name_ + ": offset " + std::to_string(end_) + ": " + why);
  return std::nullopt;
}

}  // namespace lsmith
