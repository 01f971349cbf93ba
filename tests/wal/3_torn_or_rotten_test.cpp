// 3_torn_or_rotten_test.cpp: a frame that was promised to nobody is cut in silence; one that was
// durable once and is gone is an error that names file and offset.
#include "logs.hpp"

using namespace lsmith;
using namespace lsmith::testing;

namespace {

const lab::Step step_3{
    "02.3", 10, "book/02-wal.md#torn-or-rotten",
    "Only a later, whole frame whose mark lies behind the bad place proves rot."};

void expect_torn(const std::string& done, const Reading& reading, std::size_t frames,
                 std::uint64_t end) {
  lab::expect_equal(done + "; the status", "ok", reading.status.to_string());
  lab::expect_equal(done + "; frames", frames, reading.payloads.size());
  lab::expect_equal(done + "; the end", end, reading.end_offset);
}

void expect_rotten(const std::string& done, const Reading& reading, std::size_t frames,
                   std::uint64_t bad) {
  const std::string text = reading.status.to_string();
  lab::expect(reading.status.code() == Code::corruption, done, "corruption", text);
  lab::expect(text.find("000007.wal") != std::string::npos, done, "the file's name", text);
  lab::expect(text.find(std::to_string(bad)) != std::string::npos, done,
              "the offset " + std::to_string(bad), text);
  lab::expect_equal(done + "; frames", frames, reading.payloads.size());
  lab::expect_equal(done + "; the end", bad, reading.end_offset);
}

// Five frames of 24 bytes; the last two were built when the first two were durable.
RawLog synced_log() {
  RawLog log;
  for (std::uint64_t synced : {0, 0, 0, 112, 112})
    log.add("frame" + std::to_string(log.offsets.size()), synced);
  return log;
}

}  // namespace

TEST_SUITE("wal") {
  TEST_CASE("damage before the synced mark is rot, damage behind it is a torn tail") {
    for (std::size_t hit = 0; hit < 5; ++hit)
      for (std::uint64_t byte : {0, 5, 8, 11, 13, 18}) {
        RawLog log = synced_log();
        log.flip(log.offsets[hit] + byte);
        const std::string done = "damage frame " + std::to_string(hit) +
                                 " of a log of five, synced " + "behind the second, at byte " +
                                 std::to_string(byte);
        const Reading reading = read_log(log.bytes);
        if (hit < 2) expect_rotten(done, reading, hit, log.offsets[hit]);
        if (hit >= 2) expect_torn(done, reading, hit, log.offsets[hit]);
        CHECK(reading.was_synced == (hit > 3));
      }
  }

  TEST_CASE("a mark that ends where the bad frame begins proves nothing; one byte more does") {
    for (std::uint64_t mark : {64, 88, 96, 112}) {
      RawLog log;
      log.add("frame0");
      log.add("frame1");
      log.add("frame2", mark);
      log.flip(90);
      const Reading reading = read_log(log.bytes);
      if (mark <= 88) expect_torn("a mark of " + std::to_string(mark), reading, 1, 88);
      if (mark > 88) expect_rotten("a mark of " + std::to_string(mark), reading, 1, 88);
    }
  }

  TEST_CASE("the proof is found wherever it stands: behind holes, in what a bad length covers") {
    RawLog log = synced_log();
    store_fixed32(log.bytes.data() + log.offsets[0] + 4, 88);  // swallows the log up to its end
    expect_rotten("a length that grew", read_log(log.bytes), 0, 64);
    log = synced_log();
    std::fill_n(log.bytes.begin() + 64, 72, '\0');  // three frames are gone
    expect_rotten("three frames of zeros, and more at the end",
                  read_log(log.bytes + std::string(99, '\0')), 0, 64);
    expect_torn("and the proofs are gone too", read_log(log.bytes.substr(0, 136)), 0, 64);
    log.flip(0);  // the frames are judged without the header
    expect_rotten("and the header is damaged", read_log(log.bytes), 0, 64);
  }

  TEST_CASE("what is not a whole frame of this log proves nothing") {
    const auto read_with = [](RawFrame proof) {
      RawLog log;
      log.add("frame0");
      proof.offset = proof.offset == 0 ? log.bytes.size() + 24 : proof.offset;
      return read_log(log.bytes + std::string(24, '\0') + proof.bytes());
    };
    expect_rotten("a proof", read_with({7, 0, 96, "proof"}), 1, 88);
    expect_torn("of another file", read_with({8, 0, 96, "proof"}), 1, 88);
    expect_torn("of one with the same low bits", read_with({7 + 65536, 0, 96, "proof"}), 1, 88);
    expect_torn("from another offset", read_with({7, 120, 96, "proof"}), 1, 88);
    expect_torn("of an unknown type", read_with({7, 0, 96, "proof", 3}), 1, 88);
    expect_torn("with unknown flags", read_with({7, 0, 96, "proof", 1, 1}), 1, 88);
  }

  TEST_CASE("in a recycled file the frames of an earlier life do not come back") {
    Disk disk;
    for (std::uint64_t number : {7, 9, 7 + 65536}) {  // the last has the low bits of the first
      LogWriter writer(std::make_unique<DiskLog>(disk), header_for(number));
      REQUIRE(writer.start().ok());
      const int count = number == 7 ? 10 : 2;
      for (int i = 0; i < count; ++i) {
        REQUIRE(writer.append(FrameType::batch, "life " + std::to_string(number), true).ok());
        REQUIRE(writer.sync().ok());
      }
      const Reading reading = read_log(disk.bytes, number);
      expect_torn("life " + std::to_string(number), reading, static_cast<std::size_t>(count),
                  writer.end_offset());
      CHECK(reading.payloads.front() == "life " + std::to_string(number));
    }
  }

  TEST_CASE("a search that would take forever ends with the answer that loses nothing") {
    std::string bytes = RawLog().bytes + std::string(1 << 20, '\0');
    for (std::size_t at = header_bytes; at + 32 <= bytes.size(); at += 16) {
      store_fixed32(bytes.data() + at + 4, static_cast<std::uint32_t>(bytes.size() - at - 16));
      store_fixed32(bytes.data() + at + 8, 0x00070001);
      store_fixed32(bytes.data() + at + 12, 0xffffffff);
    }
    expect_rotten("every offset looks like a frame with a mark", read_log(bytes), 0, 64);
  }

  TEST_CASE("random logs with random damage are judged as the rule says") {
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
      Random random(seed);
      RawLog log;
      std::vector<std::uint64_t> marks;
      for (std::uint64_t i = 0, count = 1 + random.below(12), synced = 0; i < count; ++i) {
        if (random.chance(25)) synced = log.bytes.size();
        marks.push_back(synced);
        log.add(random.bytes(random.below(60)), synced);
      }
      const std::size_t count = marks.size();
      const std::size_t bad = random.below(count);
      const std::size_t behind = bad + random.below(count - bad);  // damaged too, perhaps the same
      for (std::size_t hit : {bad, behind == bad ? count : behind})
        if (hit < count) log.flip(log.offsets[hit] + random.below(16 + log.payloads[hit].size()));
      bool is_rot = false;
      for (std::size_t i = bad + 1; i < count; ++i)
        is_rot = is_rot || (i != behind && marks[i] > log.offsets[bad]);
      const std::string done = "seed " + std::to_string(seed) + ", damage frame " +
                               std::to_string(bad) + " and " + std::to_string(behind);
      const Reading reading = read_log(log.bytes);
      CHECK(is_prefix(reading.payloads, log.payloads));
      if (is_rot) expect_rotten(done, reading, bad, log.offsets[bad]);
      if (!is_rot) expect_torn(done, reading, bad, log.offsets[bad]);
    }
  }
}
