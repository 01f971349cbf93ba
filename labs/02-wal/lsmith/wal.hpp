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

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

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
  // Fields that work well:
  //
  //   LogHeader header_;
  //   std::unique_ptr<LogFile> file_;
  //   mutable Mutex mutex_;  // for what follows
  //   Status failure_;       // the first one
  //   std::uint64_t end_ = 0;
  //   std::uint64_t synced_ = 0;
  //
  // And a helper through which the outcome of every call of the file goes: finish(outcome), which
  // remembers the first failure and returns it.
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
  // Step 02.3. Next() asks it where no whole frame stands.
  bool was_durable(std::uint64_t bad) const;

  // Fields that work well: the three arguments of the constructor; the offset behind the last
  // frame; whether the end was reached; whether a frame had a mark; the status.
  //
  // And two helpers that next() and was_durable() share: what the 16 bytes at an offset say, or
  // nothing when they can not be the header of a frame of this log; whether its checksum is right.
};

inline constexpr std::string_view log_magic = "LSMITHLG";
inline constexpr std::uint64_t frame_header_bytes = 16;

inline std::string encode_log_header(const LogHeader&) {
  // Section 4.1 from top to bottom, as 64 bytes; what is reserved is zero. The checksum covers all
  // bytes before it. decode_log_header below is the inverse.
  throw std::logic_error("02.1 is not yet written");
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

inline LogWriter::LogWriter(std::unique_ptr<LogFile>, const LogHeader&) {}

inline Status LogWriter::start() {
  // One store at offset 0, which no sync follows. The log then ends at 64.
  throw std::logic_error("02.1 is not yet written");
}

inline Status LogWriter::append(FrameType, std::string_view, bool) {
  // Afterwards the frame stands at what was end_offset(): section 4.2, stored with one call of
  // LogFile::write, which also hears of will_sync. Its checksum begins with three numbers that the
  // frame does not store: database id, file number and the frame's offset, 64 bits each. Its mark
  // is an eighth of synced_bytes(), or the largest number that the field holds: too low is always
  // true. When the write fails the end stays where it was, and every later call returns that
  // failure.
  throw std::logic_error("02.1 is not yet written");
}

inline Status LogWriter::sync() {
  // Covers what was appended before the call. What another thread appends while the device works
  // may have missed it, and must not be claimed. synced_bytes() never falls. A sync that failed is
  // never tried again: the second would report success for bytes that the system has dropped.
  throw std::logic_error("02.1 is not yet written");
}

inline Status LogWriter::close() {
  // Closes the file even after a failure, since the handle is to be given back; then returns the
  // first failure, which may be this one.
  throw std::logic_error("02.1 is not yet written");
}

inline std::uint64_t LogWriter::end_offset() const {
  // 0 before start().
  throw std::logic_error("02.1 is not yet written");
}

inline std::uint64_t LogWriter::synced_bytes() const {
  // 0 until the first sync().
  throw std::logic_error("02.1 is not yet written");
}

inline bool LogWriter::has_room(std::uint64_t) const {
  // Whether the whole frame, with its zeros, ends within capacity_bytes(). Before start() the
  // header counts as written. Any number may be asked for: more than batch_bytes_max never fits,
  // and a sum of 64-bit numbers can wrap.
  throw std::logic_error("02.1 is not yet written");
}

inline const LogHeader& LogWriter::header() const {
  throw std::logic_error("02.1 is not yet written");
}

inline LogReader::LogReader(std::string_view, std::uint64_t, std::uint64_t, std::string) {}

inline Result<LogHeader> LogReader::read_header() {
  // What decode_log_header says, and it must be the header of this file number. Every failure
  // begins with the file's name: Status::in(). The frames are read whatever the header says.
  throw std::logic_error("02.2 is not yet written");
}

inline std::optional<Frame> LogReader::next() {
  // The frame at end_offset(), which then moves behind it. None stands there unless the file
  // number's low bits are right, the size is at most batch_bytes_max and, with header and padding,
  // fits into what is left, and the checksum is right. The log then ends there for good: in step
  // 02.2 with status ok, from 02.3 on as was_durable() says. The padding is never looked at.
  // A whole frame of unknown type or with flags is not_supported, one whose mark exceeds its offset
  // corruption, with name and offset; the log ends before it, and was_durable() is not asked.
  throw std::logic_error("02.2 is not yet written");
}

inline Status LogReader::status() const {
  throw std::logic_error("02.2 is not yet written");
}

inline std::uint64_t LogReader::end_offset() const {
  // 64 before the first frame.
  throw std::logic_error("02.2 is not yet written");
}

inline bool LogReader::was_synced() const {
  throw std::logic_error("02.2 is not yet written");
}

inline bool LogReader::was_durable(std::uint64_t) const {
  // Whether a frame behind `bad` proves that what stood at `bad` was durable: section 4.3. A proof
  // is a whole frame of this log, with a known type, no flags and a mark above `bad` (that it is
  // above the frame's own offset, too, does not make it less of one). It may stand at any multiple
  // of 8, since bytes that are no frame do not say where the next one begins.
  // Hostile bytes may look like a long frame at every offset. The checksums of the candidates may
  // cover 4 times the log's size in all; a search that would need more answers yes, since a false
  // alarm loses nothing.
  throw std::logic_error("02.3 is not yet written");
}

}  // namespace lsmith
