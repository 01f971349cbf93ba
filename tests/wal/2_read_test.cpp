// 2_read_test.cpp: what was written is read back, and whatever happens to the bytes, nothing is
// ever read that was not written, and nothing behind a gap.
#include "logs.hpp"

using namespace lsmith;
using namespace lsmith::testing;

namespace {

const lab::Step step_2{
    "02.2", 10, "book/02-wal.md#the-reader",
    "Length, then checksum, then meaning; the first frame that fails ends the log."};

Status read_header(std::string_view bytes, std::uint64_t number) {
  return LogReader(bytes, database_id, number, "000007.wal").read_header().status();
}

// Reads a log with one frame of those bytes at its first offset.
Status read_one(const RawFrame& frame) {
  const Reading reading = read_log(RawLog().bytes + frame.bytes() + std::string(64, '\0'));
  CHECK(reading.payloads.empty());
  CHECK(reading.end_offset == header_bytes);
  return reading.status;
}

}  // namespace

TEST_SUITE("wal") {
  TEST_CASE("the header is read, and is that of the file's number") {
    const RawLog log({"first", "", "the third one"});
    LogReader reader(log.bytes, database_id, 7, "000007.wal");
    const Result<LogHeader> header = reader.read_header();
    REQUIRE_MESSAGE(header.ok(), header.status().to_string());
    CHECK(*header == header_for(7));
    CHECK(read_header(log.bytes, 8).code() == Code::corruption);
    CHECK(read_header(log.bytes, 7 + 65536).code() == Code::corruption);
    for (std::size_t size : {0, 1, 63}) {
      const Status status = read_header(log.bytes.substr(0, size), 7);
      CHECK(status.code() == Code::corruption);
      CHECK(status.message().find("000007.wal") != std::string_view::npos);
    }
  }

  TEST_CASE("frames come back in order, with type, offset and mark, as views of the bytes") {
    std::string bytes = RawLog().bytes;
    bytes += RawFrame{7, 64, 0, "batch", 1}.bytes();
    bytes += RawFrame{7, 88, 64, "edit", 2}.bytes();
    LogReader reader(bytes, database_id, 7, "000007.wal");
    CHECK_FALSE(reader.was_synced());
    const std::optional<Frame> first = reader.next();
    REQUIRE(first);
    CHECK(first->type == FrameType::batch);
    CHECK(first->offset == 64);
    CHECK(first->synced_bytes == 0);
    CHECK(first->payload.data() == bytes.data() + 80);
    CHECK_FALSE(reader.was_synced());
    CHECK(reader.end_offset() == 88);
    const std::optional<Frame> second = reader.next();
    REQUIRE(second);
    CHECK(second->type == FrameType::edit);
    CHECK(second->offset == 88);
    CHECK(second->synced_bytes == 64);
    lab::expect_equal("the second payload", "edit", std::string(second->payload));
    CHECK(reader.was_synced());
    CHECK_FALSE(reader.next());
    CHECK(reader.status().ok());
    CHECK(reader.end_offset() == bytes.size());
  }

  TEST_CASE("a log that the writer wrote is read back, zeros behind its end or not") {
    Random random(20);
    for (std::size_t zeros : {0, 1, 8, 15, 16, 65536}) {
      Disk disk;
      LogWriter writer(std::make_unique<DiskLog>(disk), header_for(7));
      REQUIRE(writer.start().ok());
      std::vector<std::string> payloads;
      for (int i = 0; i < 50; ++i) {
        payloads.push_back(random.bytes(random.chance(5) ? 3000 : random.below(20)));
        REQUIRE(writer.append(FrameType::batch, payloads.back(), false).ok());
        if (random.chance(20)) REQUIRE(writer.sync().ok());
      }
      const Reading reading = read_log(disk.bytes + std::string(zeros, '\0'));
      lab::expect_equal("read what was written", joined(payloads), joined(reading.payloads));
      CHECK(reading.status.ok());
      CHECK(reading.was_synced);
      CHECK(reading.end_offset == writer.end_offset());
    }
  }

  TEST_CASE("a log cut at any length ends with its last whole frame") {
    const RawLog log({"first", "", "the third one"});
    for (std::size_t size = 0; size <= log.bytes.size(); ++size) {
      CAPTURE(size);
      std::size_t count = 0;
      std::uint64_t end = header_bytes;
      for (; count < 3 && end + framed_bytes(log.payloads[count].size()) <= size; ++count)
        end += framed_bytes(log.payloads[count].size());
      const Reading reading = read_log(log.bytes.substr(0, size));
      CHECK(is_prefix(reading.payloads, log.payloads));
      CHECK(reading.payloads.size() >= count);  // one more if only padding was cut
      CHECK(reading.payloads.size() <= count + 1);
      CHECK(reading.status.ok());
      if (reading.payloads.size() == count) CHECK(reading.end_offset == end);
    }
  }

  TEST_CASE("whatever bit is flipped, what is read are the first frames, unchanged") {
    const RawLog log({"first", "", "the third one"});
    for (std::size_t i = header_bytes * 8; i < log.bytes.size() * 8; ++i) {
      std::string damaged = log.bytes;
      damaged[i / 8] = static_cast<char>(damaged[i / 8] ^ (1 << (i % 8)));
      std::size_t hit = 0;
      while (hit + 1 < 3 && log.offsets[hit + 1] <= i / 8)
        ++hit;
      const bool is_padding = i / 8 >= log.offsets[hit] + 16 + log.payloads[hit].size();
      const Reading reading = read_log(damaged);
      const std::string done = "flip bit " + std::to_string(i);
      const std::string found = joined(reading.payloads);
      lab::expect(is_prefix(reading.payloads, log.payloads), done, "the first frames", found);
      if (!is_padding) lab::expect_equal(done + "; frames", hit, reading.payloads.size());
    }
  }

  TEST_CASE("a frame that stands elsewhere, or belongs to another file, is no frame") {
    CHECK(read_one({7, 72, 0, "moved"}).ok());
    CHECK(read_one({8, 64, 0, "another file"}).ok());
    RawFrame foreign{7, 64, 0, "another database"};
    foreign.database += 1;
    CHECK(read_one(foreign).ok());
    CHECK(read_one({7 + 65536, 64, 0, "another file with the same low bits"}).ok());
  }

  TEST_CASE("a size that no file could hold is no frame, and costs nothing") {
    for (std::uint32_t size : {0xffffffffu, 0xfffffff0u, 0x80000000u, 0x7fffffffu, 200u}) {
      RawLog log({"first", "", "the third one"});
      store_fixed32(log.bytes.data() + log.offsets[1] + 4, size);
      const Reading reading = read_log(log.bytes);
      lab::expect_equal("size " + std::to_string(size), "5:first ", joined(reading.payloads));
    }
  }

  TEST_CASE("a whole frame that this version can not read is said to be one, not cut") {
    CHECK(read_one({7, 64, 0, "x", 3}).code() == Code::not_supported);     // type
    CHECK(read_one({7, 64, 0, "x", 0}).code() == Code::not_supported);     // type
    CHECK(read_one({7, 64, 0, "x", 1, 4}).code() == Code::not_supported);  // flags
  }

  TEST_CASE("a whole frame that claims more durable bytes than lie before it is corruption") {
    const std::string status = read_one({7, 64, 72, "liar"}).to_string();
    CHECK_MESSAGE(status.starts_with("corruption: 000007.wal: "), status);
    CHECK_MESSAGE(status.find("64") != std::string::npos, status);
  }
}
