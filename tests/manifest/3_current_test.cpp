// 3_current_test.cpp: at any moment CURRENT names a whole manifest, and what a manifest said
// durably is what is read.
#include "manifests.hpp"

#include <algorithm>

using namespace lsmith;
using namespace lsmith::testing;

namespace {

const lab::Step step_3{"07.3", 10, "book/07-manifest.md#the-current-pointer",
                       "What a name points at is durable before the name is."};

// The number that a content of CURRENT names, or the error.
std::string said_of(const std::string& current) {
  const Result<std::uint64_t> number = decode_current(current);
  return number.ok() ? std::to_string(*number) : number.status().to_string();
}

// A manifest with these payloads is refused, with its name and where the last of them stands.
void expect_refused(const std::string& done, const std::vector<std::string>& payloads,
                    std::uint64_t offset) {
  const std::string said = read_payloads(payloads);
  const bool is_placed = said.find("MANIFEST-000012") != std::string::npos &&
                         said.find(std::to_string(offset)) != std::string::npos;
  lab::expect(is_corrupt(said) && is_placed, done,
              "corruption of MANIFEST-000012 at offset " + std::to_string(offset),
              lab::Words{said});
}

}  // namespace

TEST_SUITE("manifest") {
  TEST_CASE("CURRENT is a name, its checksum and a line feed, and nothing else is accepted") {
    const std::string golden = "MANIFEST-000012 7e214209\n";
    lab::expect_equal("point at manifest 12", golden, encode_current(12));
    lab::expect_equal("point at manifest 44", "MANIFEST-000044 05a85c4a\n", encode_current(44));
    for (std::uint64_t number : {std::uint64_t{1}, std::uint64_t{1234567}, ~std::uint64_t{0} - 9})
      lab::expect_equal("encode and decode", std::to_string(number),
                        said_of(encode_current(number)));
    for (std::size_t i = 0; i < golden.size() * 9; ++i) {
      std::string damaged = golden.substr(0, i % 9 == 8 ? i / 9 : golden.size());
      if (i % 9 < 8) damaged[i / 9] = static_cast<char>(damaged[i / 9] ^ (1 << (i % 9)));
      expect_corrupt("decode " + lab::show(damaged), said_of(damaged));
    }
    for (const std::string& other :
         {golden + "\n", golden + golden, " " + golden, std::string("MANIFEST-000012 7E214209\n"),
          std::string("000012.sst 7e214209\n"), std::string("MANIFEST-000012 7e214209\r\n")})
      expect_corrupt("decode " + lab::show(other), said_of(other));
  }

  TEST_CASE("no CURRENT is not found; a CURRENT that names nothing is corruption") {
    CrashFiles files;
    const std::string said = show_read(files);
    lab::expect(said.starts_with("not found"), "read an empty folder", "not found", said);
    REQUIRE(set_current(files, "db", 12).ok());
    REQUIRE(expect_corrupt("point at manifest 12, which is not there; read", show_read(files)));
    files.names["db/CURRENT"]->bytes += "x";
    expect_corrupt("the same, and an x behind it; read", show_read(files));
    CHECK(show_read(files).find("db/CURRENT") != std::string::npos);
  }

  TEST_CASE("what can not be read now is no corruption: the disk may answer tomorrow") {
    for (const std::string path : {"db/CURRENT", "db/MANIFEST-000012"}) {
      CrashFiles files;
      created(files);
      files.unreadable = path;
      lab::expect_equal(path + " can not be opened; read",
                        "i/o error: " + path + ": can not be read", show_read(files));
    }
  }

  TEST_CASE("what was written is read: the base, then every edit") {
    CrashFiles files;
    ManifestState expected = state_with(12);
    auto writer = created(files);
    CHECK(writer->number() == 12);
    lab::expect_equal("create a manifest", "12: " + show_state(expected), show_read(files));
    for (std::uint64_t number : {41, 42, 43}) {
      VersionEdit edit = flush_edit(number);
      edit.last_sequence = expected.last_sequence = 100 + number;
      REQUIRE(writer->append(edit).ok());
      expected.next_file_number = number + 20;
      expected.log_number = number;
      expected.version = *expected.version.apply(edit);
      lab::expect_equal("append an edit", "12: " + show_state(expected), show_read(files));
      CHECK(writer->size_bytes() == files.names["db/MANIFEST-000012"]->bytes.size());
    }
  }

  TEST_CASE("after a crash at any call there is the old manifest or the new one, whole") {
    bool is_done = false;
    for (std::size_t dies_at = 1; !is_done && dies_at < 50; ++dies_at) {
      CrashFiles files;
      const auto old = created(files);
      std::vector<std::string> states{show_read(files)};
      std::size_t durable = 0;  // states[durable] was acknowledged
      files.fails_at = files.calls.size() + dies_at;
      files.dies = true;
      ManifestState state = state_with(30);
      state.next_file_number = 50;
      auto writer = ManifestWriter::create(files, "db", state);
      states.push_back("30: " + show_state(state));
      durable += writer.ok();
      for (std::uint64_t number : {41, 42}) {
        const bool is_ok = writer.ok() && (*writer)->append(flush_edit(number)).ok();
        state.next_file_number = std::max<std::uint64_t>(50, number + 20);
        state.log_number = number;
        state.version = *state.version.apply(flush_edit(number));
        states.push_back("30: " + show_state(state));
        durable += is_ok;
        is_done = is_ok && number == 42;
      }
      for (int kept = 0; kept < 8; ++kept) {
        const std::string found = show_read(*files.after_crash(kept));
        const auto at = static_cast<std::size_t>(std::find(states.begin(), states.end(), found) -
                                                 states.begin());
        const std::string done = "crash at call " + std::to_string(dies_at) + " of " + files.calls +
                                 ", variant " + std::to_string(kept);
        lab::expect(at < states.size(), done, "a state written", found);
        lab::expect(at >= durable, done, states[durable], found);
      }
    }
    CHECK(is_done);
  }

  TEST_CASE("a failed call is reported, never tried again, and ends the manifest for good") {
    for (std::size_t call = 1; call <= 2; ++call) {
      CrashFiles files;
      auto writer = created(files);
      REQUIRE(writer->append(flush_edit(41)).ok());
      const std::string before = show_read(*files.after_crash(0));
      const std::size_t calls = files.calls.size();
      files.fails_at = calls + call;
      const std::string reason = writer->append(flush_edit(42)).to_string();
      CHECK(reason != "ok");
      CHECK(writer->append(flush_edit(43)).to_string() == reason);
      lab::expect_equal("calls after that", calls + call, files.calls.size());
      lab::expect_equal("read what is durable", before, show_read(*files.after_crash(0)));
    }
    for (std::size_t fails_at = 1; fails_at <= 12; ++fails_at) {  // owwsdowscrd, and one too many
      CrashFiles files;
      files.fails_at = fails_at;
      const bool is_ok = ManifestWriter::create(files, "db", state_with(12)).ok();
      lab::expect_equal("create; call " + std::to_string(fails_at) + " fails, of " + files.calls +
                            "; whether it is ok",
                        fails_at > files.calls.size(), is_ok);
    }
  }

  TEST_CASE("a damaged manifest is corruption with its name, but for the torn last edit") {
    CrashFiles files;
    auto writer = created(files);
    LogReader reader = reader_of(files.names["db/MANIFEST-000012"]->bytes, 12, "");
    reader.next();
    const std::uint64_t base_end = reader.end_offset();
    const std::string base = show_read(files);
    REQUIRE(writer->append(flush_edit(41)).ok());
    const std::uint64_t last = writer->size_bytes();
    const std::string before = show_read(files);
    REQUIRE(writer->append(flush_edit(42)).ok());
    std::string& bytes = files.names["db/MANIFEST-000012"]->bytes;
    const std::string whole = bytes, after = show_read(files);
    for (std::size_t i = 0; i < whole.size(); ++i) {
      const std::string done = "base, edit 41, edit 42; at byte " + std::to_string(i);
      bytes = whole.substr(0, i);
      const std::string cut = show_read(files);
      const bool is_right = i < base_end - 7 ? is_corrupt(cut)
                            : i < base_end   ? is_corrupt(cut) || cut == base
                            : i < last       ? cut == base || cut == before
                                             : cut == before || cut == after;
      lab::expect(is_right, done + " cut",
                  i < base_end ? "corruption" : "all that stands before it", lab::Words{cut});
      bytes = whole;
      bytes[i] = static_cast<char>(bytes[i] ^ 0x40);
      const std::string flipped = show_read(files);
      if (is_corrupt(flipped)) CHECK(flipped.find("MANIFEST-000012") != std::string::npos);
      lab::expect(is_corrupt(flipped) || flipped == after || (i >= last && flipped == before),
                  done + " damaged", i < last ? "corruption" : before, lab::Words{flipped});
    }
  }

  TEST_CASE("a manifest that contradicts itself or its name is refused") {
    const std::string base = base_bytes(40);
    lab::expect_equal("base: next 40, last 100, log 3; next 41", "12: 77 next 41 last 100 log 3 ",
                      read_payloads({base, number_field(2, 41)}));
    const auto add = [](const TableMeta& table) { return field(6, table_content(1, table)); };
    for (const std::string& same : {number_field(2, 40), number_field(3, 100), number_field(4, 3)})
      lab::expect_equal("base: next 40, last 100, log 3; " + lab::show(same) + ", the same again",
                        "12: 77 next 40 last 100 log 3 ", read_payloads({base, same}));
    lab::expect_equal("base: last 100; a table with the write 100",
                      "12: 77 next 40 last 100 log 3 L1: 20[a-b] ",
                      read_payloads({base, add(table(20, "a", "b", 100))}));
    lab::expect_equal("base: next 40, last 100, log 40", "12: 77 next 40 last 100 log 40 ",
                      read_payloads({base_bytes(40, 100, 40)}));
    expect_corrupt("a manifest without an edit", read_payloads({}));
    const std::uint64_t second_at = (64 + 16 + base.size() + 7) / 8 * 8;  // format.md, section 4
    for (const std::string& first : {number_field(2, 40), base.substr(2),
                                     field(1, "") + number_field(2, 40) + number_field(3, 100),
                                     base_bytes(12), base_bytes(40, 100, 41), field(1, ""),
                                     base + add(table(20, "a", "c")) + add(table(21, "c", "d"))})
      expect_refused("begin with " + lab::show(first), {first}, 64);
    for (const std::string& second :
         {base, number_field(2, 39), number_field(3, 99), number_field(4, 2), removal_field(1, 5),
          add(table(40, "a", "b")), add(table(20, "a", "b", 101)), std::string("\x05")})
      expect_refused("go on with " + lab::show(second), {base, second}, second_at);
    expect_corrupt("a base in a log of kind 1",
                   read_payloads({base}, LogHeader::Kind::write_ahead));
    expect_corrupt("a base in manifest 12 whose header says 13",
                   read_payloads({base}, LogHeader::Kind::manifest, 13));
    expect_corrupt("a base in a frame of type 1",
                   read_payloads({base}, LogHeader::Kind::manifest, 12, FrameType::batch));
  }
}
