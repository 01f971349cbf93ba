// log.cpp: fuzzes LogReader against a reader that does what section 4.3 of book/format.md says, one
// sentence after the other.
#include <lsmith/wal.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz.hpp"
#include "seal.hpp"

namespace lsmith::fuzz {
namespace {

constexpr std::uint64_t database_id = 99;

struct PlainFrame {
  std::uint64_t offset = 0;
  std::uint64_t size_bytes = 0;
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  std::uint64_t synced_bytes = 0;
  std::string_view payload;

  bool is_known() const { return (type == 1 || type == 2) && flags == 0; }
};

class PlainReader {
 public:
  PlainReader(std::string_view bytes, std::uint64_t number) : bytes_(bytes), number_(number) {}

  void run() {
    while (const auto frame = frame_at(end)) {
      if (!frame->is_known()) return void(code = Code::not_supported);
      if (frame->synced_bytes > frame->offset) return void(code = Code::corruption);
      was_synced = was_synced || frame->synced_bytes > 0;
      end += frame->size_bytes;
      frames.push_back(*frame);
    }
    judge_end();
  }

  std::vector<PlainFrame> frames;
  std::uint64_t end = 64;
  bool was_synced = false;
  Code code = Code::ok;
  bool is_long_search = false;  // too long to be finished: "rot" is a right answer then

 private:
  std::optional<PlainFrame> frame_at(std::uint64_t offset) const {
    if (offset + 16 > bytes_.size()) return std::nullopt;
    const char* const at = bytes_.data() + offset;
    PlainFrame frame;
    frame.offset = offset;
    const std::uint64_t payload_bytes = load_fixed32(at + 4);
    frame.size_bytes = (16 + payload_bytes + 7) / 8 * 8;
    if (offset + frame.size_bytes > bytes_.size()) return std::nullopt;
    frame.payload = bytes_.substr(static_cast<std::size_t>(offset) + 16, payload_bytes);
    frame.type = static_cast<std::uint8_t>(at[8]);
    frame.flags = static_cast<std::uint8_t>(at[9]);
    frame.synced_bytes = std::uint64_t{load_fixed32(at + 12)} * 8;
    if (load_fixed16(at + 10) != (number_ & 0xffff)) return std::nullopt;
    std::string covered;
    put_fixed64(covered, database_id);
    put_fixed64(covered, number_);
    put_fixed64(covered, offset);
    covered.append(at + 4, 12 + frame.payload.size());
    if (mask_crc(crc32c(covered)) != load_fixed32(at)) return std::nullopt;
    return frame;
  }

  void judge_end() {
    std::uint64_t claimed_bytes = 0;
    for (std::uint64_t at = end + 8; at + 16 <= bytes_.size(); at += 8) {
      claimed_bytes += 16 + std::uint64_t{load_fixed32(bytes_.data() + at + 4)} + 8;
      is_long_search = is_long_search || claimed_bytes > 4 * bytes_.size();
      const auto frame = frame_at(at);
      if (!frame || !frame->is_known() || frame->synced_bytes <= end) continue;
      code = Code::corruption;
      return;
    }
  }

  std::string_view bytes_;
  std::uint64_t number_;
};

void check_header(LogReader& reader, std::string_view bytes, std::uint64_t number) {
  const Result<LogHeader> header = reader.read_header();
  if (!header.ok()) return require_refusal(header.status(), "the.wal");
  require(encode_log_header(*header) == bytes.substr(0, 64), "a header encodes to its bytes");
  require(header->file_number == number, "a header is that of the file");
}

void check_frame(const Frame& frame, const PlainFrame& expected) {
  require(frame.offset == expected.offset, "a frame stands behind the one before");
  require(static_cast<std::uint8_t>(frame.type) == expected.type, "a frame has its type");
  require(frame.synced_bytes == expected.synced_bytes, "a frame has its mark");
  require(frame.payload == expected.payload, "a frame has its payload");
}

}  // namespace

// A byte with the file number's low bits, four that say which checksums stay as they are, the log.
void fuzz_log(std::string_view input) {
  Source source(input);
  const std::uint64_t number = 0x10000 + source.byte();
  const auto spared = static_cast<std::uint32_t>(source.number(4));
  std::string bytes(source.rest());
  seal_log(bytes, database_id, number, spared);

  LogReader reader(bytes, database_id, number, "the.wal");
  check_header(reader, bytes, number);
  PlainReader plain(bytes, number);
  plain.run();
  for (const PlainFrame& expected : plain.frames) {
    const auto frame = reader.next();
    require(frame.has_value(), "every whole frame is read");
    check_frame(*frame, expected);
  }
  require(!reader.next(), "nothing is read behind the last frame");
  require(!reader.next(), "nor when it is asked for again");
  require(reader.end_offset() == plain.end, "a log ends behind its last frame");
  require(reader.was_synced() == plain.was_synced, "a log was synced when a frame says so");
  const Code code = reader.status().code();
  const bool is_cautious = plain.is_long_search && code == Code::corruption;
  require(code == plain.code || is_cautious, "rot is rot, and torn is torn",
          reader.status().to_string());
  if (code != Code::ok)
    require_refusal(reader.status(), "the.wal: offset " + std::to_string(plain.end));
}

}  // namespace lsmith::fuzz

LSMITH_FUZZ_TARGET(lsmith::fuzz::fuzz_log)
