// 1_write_test.cpp: what a writer writes is a log, byte for byte; it knows how far it is durable;
// and its first failure is its last.
#include "golden.hpp"
#include "logs.hpp"

#include <thread>

using namespace lsmith;
using namespace lsmith::testing;

namespace {

const lab::Step step_1{
    "02.1", 10, "book/02-wal.md#the-writer",
    "A frame is built whole, then stored with one call, where the last one ended."};

// A header whose byte at `offset` is another one, with a checksum that fits.
std::string resealed(std::size_t offset, char byte) {
  std::string bytes = golden_header;
  bytes[offset] = byte;
  store_fixed32(bytes.data() + 60, mask_crc(crc32c(std::string_view(bytes).substr(0, 60))));
  return bytes;
}

}  // namespace

TEST_SUITE("wal") {
  TEST_CASE("the bytes of a header are those of the format, and decoding is the inverse") {
    const LogHeader header = example_header();
    lab::expect_equal("encode a header", golden_header, encode_log_header(header));
    const Result<LogHeader> decoded = decode_log_header(golden_header);
    REQUIRE_MESSAGE(decoded.ok(), decoded.status().to_string());
    CHECK(*decoded == header);
  }

  TEST_CASE("a header that is cut or damaged is refused, and one of a newer version said to be") {
    for (std::size_t size = 0; size < golden_header.size(); ++size)
      CHECK(decode_log_header(golden_header.substr(0, size)).status().code() == Code::corruption);
    for (std::size_t i = 0; i < golden_header.size() * 8; ++i) {
      std::string damaged = golden_header;
      damaged[i / 8] = static_cast<char>(damaged[i / 8] ^ (1 << (i % 8)));
      CAPTURE(i);
      CHECK_FALSE(decode_log_header(damaged).ok());
    }
    CHECK(decode_log_header(resealed(8, 2)).status().code() == Code::not_supported);   // version
    CHECK(decode_log_header(resealed(12, 1)).status().code() == Code::not_supported);  // flags
    CHECK_FALSE(decode_log_header(resealed(10, 9)).ok());                              // kind
    CHECK_FALSE(decode_log_header(resealed(11, 9)).ok());                              // checksum
    CHECK(decode_log_header(resealed(0, 'X')).status().code() == Code::corruption);    // magic
  }

  TEST_CASE("the bytes of two frames are those of the format; the second knows of the sync") {
    Disk disk;
    LogWriter writer(std::make_unique<DiskLog>(disk), example_header());
    REQUIRE(writer.start().ok());
    REQUIRE(writer.append(FrameType::batch, "abc", false).ok());
    CHECK(writer.synced_bytes() == 0);
    REQUIRE(writer.sync().ok());
    CHECK(writer.synced_bytes() == 88);
    REQUIRE(writer.append(FrameType::edit, "12345678", true).ok());
    CHECK(writer.synced_bytes() == 88);
    CHECK(writer.end_offset() == 112);
    lab::expect_equal("the header", golden_header, disk.bytes.substr(0, 64));
    lab::expect_equal("append \"abc\"", golden_first, disk.bytes.substr(64, 24));
    lab::expect_equal("sync, append \"12345678\"", golden_second, disk.bytes.substr(88));
    lab::expect_equal("one store a frame, will_sync handed on", "wwsW", disk.calls);
    CHECK(writer.header() == example_header());
  }

  TEST_CASE("frames of any size begin at multiples of 8, and the padding is zero") {
    Disk disk;
    disk.bytes.assign(4096, '\xee');  // an earlier life
    LogWriter writer(std::make_unique<DiskLog>(disk), header_for(7));
    REQUIRE(writer.start().ok());
    RawLog expected;
    for (std::size_t size : {0, 1, 7, 8, 9, 0, 40, 3, 1000, 2}) {
      const std::string payload(size, 'p');
      REQUIRE(writer.append(FrameType::batch, payload, false).ok());
      expected.add(payload);
      lab::expect_equal("append " + std::to_string(size) + " bytes; the end",
                        std::uint64_t{expected.bytes.size()}, writer.end_offset());
    }
    lab::expect_equal("all frames", expected.bytes, disk.bytes.substr(0, disk.ends_at));
  }

  TEST_CASE("there is room up to the last allocated byte, whatever size is asked for") {
    Disk disk;
    disk.capacity_bytes = 160;
    LogWriter writer(std::make_unique<DiskLog>(disk), header_for(7));
    REQUIRE(writer.start().ok());
    CHECK(writer.has_room(80));  // 64 + 16 + 80
    CHECK_FALSE(writer.has_room(81));
    REQUIRE(writer.append(FrameType::batch, "abc", false).ok());
    CHECK(writer.has_room(56));
    CHECK_FALSE(writer.has_room(57));
    for (std::uint64_t size : {~std::uint64_t{0}, ~std::uint64_t{0} - 15, std::uint64_t{1} << 32})
      CHECK_FALSE(writer.has_room(size));
    REQUIRE(writer.append(FrameType::batch, std::string(100, 'x'), false).ok());  // it may grow
    CHECK_FALSE(writer.has_room(0));
  }

  TEST_CASE("after the first failure every call returns it, and nothing is written or synced") {
    for (std::size_t fails_at = 1; fails_at <= 5; ++fails_at) {
      Disk disk;
      disk.fails_at = fails_at;
      LogWriter writer(std::make_unique<DiskLog>(disk), header_for(7));
      Status last = writer.start();
      for (std::size_t call = 2; call <= fails_at; ++call) {
        CHECK(last.ok());
        last = call % 2 == 0 ? writer.append(FrameType::batch, "one", true) : writer.sync();
      }
      const std::string reason = "i/o error: call " + std::to_string(fails_at);
      lab::expect_equal("fail at once", reason, last.to_string());
      const std::uint64_t end = writer.end_offset();
      if (fails_at > 1) CHECK(writer.append(FrameType::batch, "x", false).to_string() == reason);
      if (fails_at > 1) CHECK(writer.sync().to_string() == reason);
      lab::expect_equal("call again after call " + std::to_string(fails_at) + " failed; calls",
                        fails_at, disk.calls.size());
      CHECK(writer.end_offset() == end);
      CHECK(end == (fails_at < 2 ? 0 : fails_at < 3 ? 64 : fails_at < 5 ? 88 : 112));
      CHECK(writer.synced_bytes() == (fails_at > 3 ? 88 : 0));
      CHECK(writer.close().to_string() == reason);
    }
    Disk disk;
    disk.fails_at = 2;
    LogWriter writer(std::make_unique<DiskLog>(disk), header_for(7));
    REQUIRE(writer.start().ok());
    CHECK(writer.close().code() == Code::io_error);
  }

  TEST_CASE("a sync covers what was appended before it, not what is appended beside it") {
    Disk disk;
    LogWriter quick(std::make_unique<DiskLog>(disk), header_for(7));
    REQUIRE(quick.start().ok());
    REQUIRE(quick.sync().ok());  // here a stub's exception is caught; in a thread it is not
    auto file = std::make_unique<SlowLog>();
    SlowLog& log = *file;
    LogWriter writer(std::move(file), header_for(7));
    REQUIRE(writer.start().ok());
    std::atomic<bool> is_done{false};
    std::thread syncing([&] {
      for (int i = 0; i < 20; ++i)
        if (!writer.sync().ok() || writer.synced_bytes() > log.durable.load()) ++log.lies;
      is_done.store(true);
    });
    while (!is_done.load())
      if (!writer.append(FrameType::batch, "x", false).ok()) break;
    syncing.join();
    lab::expect_equal("claims that bytes were durable which were not", 0, log.lies.load());
  }
}
