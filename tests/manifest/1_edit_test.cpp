// 1_edit_test.cpp: an edit has one encoding, and bytes that are not it are refused.
#include "manifests.hpp"

using namespace lsmith;
using namespace lsmith::testing;

namespace {

const lab::Step step_1{"07.1", 10, "book/07-manifest.md#edits",
                       "Fields stand in the order of their tags; tables by level, then number."};

VersionEdit example_edit() {
  VersionEdit edit;
  edit.next_file_number = 300;
  edit.last_sequence = 1000;
  edit.log_number = 12;
  edit.removed = {{0, 7}, {0, 9}, {1, 8}};
  edit.added = {{1, table(14, "a", "f")},
                {1, table(20, "", std::string("\xff\0", 2))},
                {6, table(13, "k", "k")}};
  return edit;
}

std::string example_bytes() {
  const VersionEdit edit = example_edit();
  return number_field(2, 300) + number_field(3, 1000) + number_field(4, 12) + removal_field(0, 7) +
         removal_field(0, 9) + removal_field(1, 8) +
         field(6, table_content(1, edit.added[0].second)) +
         field(6, table_content(1, edit.added[1].second)) +
         field(6, table_content(6, edit.added[2].second));
}

// What decoding says: "ok", "corruption", …
std::string said_of(std::string_view bytes) {
  const std::vector<char> copy(bytes.begin(), bytes.end());  // of its own size, for sanitizers
  const std::string said = decode_edit({copy.data(), copy.size()}).status().to_string();
  CHECK_MESSAGE((said == "ok" || said.find("offset") != std::string::npos), said);
  return said.substr(0, said.find(':'));
}

void expect_said(const std::string& expected, const std::string& done, const std::string& bytes) {
  lab::expect_equal("decode " + done + ": " + lab::show(bytes), expected, said_of(bytes));
}

void expect_addition(const std::string& expected, std::uint32_t level, const TableMeta& table) {
  expect_said(expected,
              "+ table " + std::to_string(table.number) + ", level " + std::to_string(level) +
                  ", " + lab::show(table.first_key) + " to " + lab::show(table.last_key),
              field(6, table_content(level, table)));
}

}  // namespace

TEST_SUITE("manifest") {
  TEST_CASE("the bytes of an edit are those of the format") {
    VersionEdit edit;
    edit.is_base = true;
    edit.next_file_number = 300;
    edit.last_sequence = 0;
    edit.log_number = std::uint64_t{1} << 40;
    edit.removed = {{1, 8}};
    const std::string golden(
        "\x01\x00\x02\x02\xac\x02\x03\x01\x00\x04\x06\x80\x80\x80\x80\x80\x20\x05\x02\x01\x08", 21);
    lab::expect_equal("a small base", golden, encode_edit(edit));
    lab::expect_equal("an edit with all fields", example_bytes(), encode_edit(example_edit()));
    lab::expect_equal("an edit that says nothing", "", encode_edit(VersionEdit()));
  }

  TEST_CASE("decoding is the inverse, and the order in which an edit was put together is gone") {
    const Result<VersionEdit> decoded = decode_edit(example_bytes());
    REQUIRE(lab::expect(decoded.ok(), "decode an edit with all fields", "ok",
                        lab::Words{decoded.status().to_string()}));
    lab::expect_equal("decode an edit, encode it", example_bytes(), encode_edit(*decoded));
    VersionEdit shuffled = example_edit();
    std::swap(shuffled.removed[0], shuffled.removed[2]);
    std::swap(shuffled.added[0], shuffled.added[2]);
    lab::expect_equal("encode it in another order", example_bytes(), encode_edit(shuffled));
    const Result<VersionEdit> nothing = decode_edit("");
    REQUIRE_MESSAGE(nothing.ok(), nothing.status().to_string());
    lab::expect_equal("decode no bytes, encode it", "", encode_edit(*nothing));
  }

  TEST_CASE(
      "an edit cut at any length, or with any bit flipped, is refused or means what it says") {
    const std::string bytes = example_bytes();
    for (std::size_t i = 0; i < bytes.size() * 9; ++i) {
      std::string damaged = bytes.substr(0, i % 9 == 8 ? i / 9 : bytes.size());
      if (i % 9 < 8) damaged[i / 9] = static_cast<char>(damaged[i / 9] ^ (1 << (i % 9)));
      CAPTURE(i);
      if (said_of(damaged) != "ok") continue;
      lab::expect_equal("decode " + lab::show(damaged) + ", encode it", without_ignorable(damaged),
                        encode_edit(*decode_edit(damaged)));
    }
    expect_said("corruption", "a length of 4 GiB", "\x02\xff\xff\xff\xff\x0f");
  }

  TEST_CASE("what is out of order, or stands twice, is corruption") {
    const std::string a = field(6, table_content(1, table(14, "a", "f")));
    const std::string b = field(6, table_content(1, table(20, "g", "h")));
    const std::string c = field(6, table_content(2, table(14, "a", "f")));
    expect_said("ok", "three additions in order", a + b + c);
    for (const std::string& bytes :
         {b + a, c + b, a + a, removal_field(0, 9) + removal_field(0, 7), a + removal_field(0, 7),
          removal_field(1, 7) + removal_field(0, 8), removal_field(0, 7) + removal_field(0, 7),
          number_field(3, 9) + number_field(2, 9), number_field(2, 9) + field(1, ""),
          field(1, "") + field(1, ""), number_field(2, 9) + number_field(2, 9),
          number_field(3, 9) + number_field(3, 9), number_field(4, 9) + number_field(4, 9),
          field(64, "") + number_field(2, 9), field(65, "") + field(64, "")})
      expect_said("corruption", "it", bytes);
  }

  TEST_CASE("an unknown field is skipped from 64 on, and not supported below") {
    const std::string known = number_field(2, 300);
    for (std::uint32_t tag : {64u, 65u, 1000u, 0xffffffffu}) {
      const std::string bytes = known + field(tag, "?") + field(tag, "again");
      expect_said("ok", "next file 300 and tag " + std::to_string(tag) + " twice", bytes);
      const Result<VersionEdit> edit = decode_edit(bytes);
      if (edit.ok()) lab::expect_equal("the same; encode it", known, encode_edit(*edit));
    }
    for (std::uint32_t tag : {7u, 8u, 63u, 0u})
      expect_said("not supported", "next file 300 and tag " + std::to_string(tag),
                  known + field(tag, "?"));
    const std::string where = std::to_string(example_bytes().size());
    const std::string said = decode_edit(example_bytes() + field(7, "")).status().to_string();
    lab::expect(said.find(where) != std::string::npos, "decode an unknown field at offset " + where,
                "an error that says where the field begins", said);
  }

  TEST_CASE("what can not be is corruption, although every byte of it is well formed") {
    expect_addition("ok", 6, table(14, "a", "f"));
    expect_addition("corruption", 7, table(14, "a", "f"));
    expect_addition("corruption", 0xffffffff, table(14, "a", "f"));
    expect_said("corruption", "- table 14, level 7", removal_field(7, 14));
    expect_addition("corruption", 1, table(0, "a", "f"));
    expect_said("corruption", "- table 0, level 1", removal_field(1, 0));
    expect_addition("corruption", 1, table(14, "f", "a"));
    TableMeta versions = table(14, "k", "k");  // one key: newest first, so its first tag is larger
    expect_addition("ok", 1, versions);
    std::swap(versions.first_tag, versions.last_tag);
    expect_addition("corruption", 1, versions);
    expect_addition("ok", 1, table(14, "a", std::string(key_bytes_max, 'b')));
    expect_addition("corruption", 1, table(14, "a", std::string(key_bytes_max + 1, 'b')));
    expect_addition("corruption", 1, table(14, std::string(key_bytes_max + 1, 'b'), "c"));
    TableMeta sequences = table(14, "a", "f");
    std::swap(sequences.first_sequence, sequences.last_sequence);
    expect_addition("corruption", 1, sequences);
    sequences.first_sequence = 1;
    sequences.last_sequence = sequence_max + 1;
    expect_addition("corruption", 1, sequences);
    expect_said("ok", "the largest last sequence", number_field(3, sequence_max));
    expect_said("corruption", "a last sequence above that", number_field(3, sequence_max + 1));
    expect_said("corruption", "a base with content", field(1, "x"));
    expect_said("corruption", "bytes behind a number", field(2, "\x05x"));
    expect_said("corruption", "a number without bytes", field(2, ""));
    expect_said("corruption", "bytes behind a removal", field(5, "\x01\x14x"));
    expect_said("corruption", "an addition without bytes", field(6, ""));
    expect_said("corruption", "an addition to level 7, and no more of it", field(6, "\x07\x0e"));
    expect_said("corruption", "an addition out of order, and no more of it",
                field(6, table_content(1, table(14, "a", "f"))) + field(6, "\x01\x0d"));
    expect_said("corruption", "bytes behind an addition",
                field(6, table_content(1, table(14, "a", "f")) + "x"));
  }
}
