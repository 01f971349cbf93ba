// logs.hpp: logs for tests. A disk that records what a writer does to it, frames that are built by
// hand from book/format.md alone, and the whole outcome of reading a log.
#pragma once

#include "../support/random.hpp"
#include "../support/step.hpp"

#include <lsmith/wal.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace lsmith::testing {

inline constexpr std::uint64_t header_bytes = LogHeader::size_bytes;
inline constexpr std::uint64_t database_id = 0x1122334455667788;

// What a DiskLog wrote. The call with number `fails_at` fails, counted from 1; the calls after it
// would succeed again, so a writer that tries once more is seen.
struct Disk {
  std::string bytes;
  std::string calls;  // one letter each: write, Write with will_sync, sync, close
  std::uint64_t capacity_bytes = 0;
  std::size_t fails_at = 0;
  std::size_t ends_at = 0;  // behind the last byte written
};

class DiskLog final : public LogFile {
 public:
  explicit DiskLog(Disk& disk) : disk_(disk) {}
  Status write(std::uint64_t offset, std::string_view bytes, bool will_sync) override {
    Status s = record(will_sync ? 'W' : 'w');
    if (!s.ok()) bytes = bytes.substr(0, bytes.size() / 2);  // some of it arrives all the same
    const auto begin = static_cast<std::size_t>(offset);
    disk_.ends_at = begin + bytes.size();
    if (disk_.bytes.size() < disk_.ends_at) disk_.bytes.resize(disk_.ends_at);
    disk_.bytes.replace(begin, bytes.size(), bytes);
    return s;
  }
  Status sync() override { return record('s'); }
  std::uint64_t capacity_bytes() const override { return disk_.capacity_bytes; }
  Status close() override { return record('c'); }

 private:
  Status record(char call) {
    disk_.calls += call;
    if (disk_.calls.size() != disk_.fails_at) return {};
    return Status(Code::io_error, "call " + std::to_string(disk_.fails_at));
  }
  Disk& disk_;
};

// A log whose device is slow: while it syncs, the appending thread goes on for as long as it likes.
// Counts the frames that claim more than was durable when they were written.
struct SlowLog final : LogFile {
  Status write(std::uint64_t offset, std::string_view bytes, bool) override {
    const std::uint64_t claimed = offset == 0 ? 0 : load_fixed32(bytes.data() + 12) * 8u;
    if (claimed > durable.load()) ++lies;
    end.store(offset + bytes.size());
    return {};
  }
  Status sync() override {
    const std::uint64_t before = end.load();
    for (int i = 0; i < 20000 && end.load() == before; ++i)
      std::this_thread::yield();
    durable.store(before);
    return {};
  }
  std::uint64_t capacity_bytes() const override { return 0; }
  Status close() override { return {}; }

  std::atomic<std::uint64_t> end{0}, durable{0};
  std::atomic<int> lies{0};
};

inline LogHeader header_for(std::uint64_t file_number) {
  LogHeader header;
  header.database_id = database_id;
  header.file_number = file_number;
  return header;
}

inline std::uint64_t framed_bytes(std::size_t payload_bytes) {
  return (16 + std::uint64_t{payload_bytes} + 7) / 8 * 8;
}

// A frame as the format has it, with a right checksum, whatever its fields say.
struct RawFrame {
  std::uint64_t number = 7;
  std::uint64_t offset = header_bytes;
  std::uint64_t synced_bytes = 0;
  std::string payload;
  std::uint8_t type = 1;
  std::uint8_t flags = 0;
  std::uint64_t database = database_id;

  std::string bytes() const {
    std::string place, covered, frame;
    put_fixed64(place, database);
    put_fixed64(place, number);
    put_fixed64(place, offset);
    put_fixed32(covered, static_cast<std::uint32_t>(payload.size()));
    covered.push_back(static_cast<char>(type));
    covered.push_back(static_cast<char>(flags));
    put_fixed16(covered, static_cast<std::uint16_t>(number & 0xffff));
    put_fixed32(covered, static_cast<std::uint32_t>(synced_bytes / 8));
    covered += payload;
    put_fixed32(frame, mask_crc(crc32c(covered, crc32c(place))));
    frame += covered;
    frame.resize(static_cast<std::size_t>(framed_bytes(payload.size())));
    return frame;
  }
};

// A log made by hand.
struct RawLog {
  std::uint64_t number;
  std::string bytes;
  std::vector<std::uint64_t> offsets;
  std::vector<std::string> payloads;

  explicit RawLog(const std::vector<std::string>& frames = {}, std::uint64_t file_number = 7)
      : number(file_number), bytes(encode_log_header(header_for(file_number))) {
    for (const std::string& frame : frames)
      add(frame);
  }
  // Appends a frame and returns its offset.
  std::uint64_t add(const std::string& payload, std::uint64_t synced_bytes = 0) {
    const std::uint64_t offset = bytes.size();
    bytes += RawFrame{number, offset, synced_bytes, payload}.bytes();
    offsets.push_back(offset);
    payloads.push_back(payload);
    return offset;
  }
  void flip(std::uint64_t offset) { bytes[static_cast<std::size_t>(offset)] ^= 0x10; }
};

// All that reading a log says.
struct Reading {
  std::vector<std::string> payloads;
  Status status;
  std::uint64_t end_offset = 0;
  bool was_synced = false;
};

inline Reading read_log(std::string_view bytes, std::uint64_t number = 7) {
  // A copy of its own size, so that a read outside of it is seen by a sanitizer.
  const std::vector<char> copy(bytes.begin(), bytes.end());
  LogReader reader({copy.data(), copy.size()}, database_id, number, "000007.wal");
  Reading reading;
  while (const std::optional<Frame> frame = reader.next())
    reading.payloads.emplace_back(frame->payload);
  CHECK_FALSE(reader.next().has_value());  // the end stays the end
  reading.status = reader.status();
  reading.end_offset = reader.end_offset();
  reading.was_synced = reader.was_synced();
  return reading;
}

inline std::string joined(const std::vector<std::string>& payloads) {
  std::string text;
  for (const std::string& payload : payloads)
    text += std::to_string(payload.size()) + ":" + payload + " ";
  return text;
}

// Whether `some` are the first of `all`, unchanged.
inline bool is_prefix(const std::vector<std::string>& some, const std::vector<std::string>& all) {
  return some.size() <= all.size() && std::equal(some.begin(), some.end(), all.begin());
}

}  // namespace lsmith::testing
