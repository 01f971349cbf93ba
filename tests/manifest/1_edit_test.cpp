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

Code refusal(std::string_view bytes) {
  const std::vector<char> copy(bytes.begin(), bytes.end());  // of its own size, for sanitizers
  const Result<VersionEdit> edit = decode_edit({copy.data(), copy.size()});
  if (edit.ok()) return Code::ok;
  CHECK_MESSAGE(edit.status().message().find("offset") != std::string_view::npos,
                edit.status().to_string());
  return edit.status().code();
}

Code refusal_of(std::uint32_t level, const TableMeta& table) {
  return refusal(field(6, table_content(level, table)));
}

}  // namespace

TEST_SUITE("manifest") {
  TEST_CASE("the bytes of an edit are those of the format") {
    VersionEdit edit;
    edit.is_base = true;
    edit.next_file_number = 300;
    edit.last_sequence = 0;
    edit.removed = {{1, 8}};
    const std::string golden("\x01\x00\x02\x02\xac\x02\x03\x01\x00\x05\x02\x01\x08", 13);
    lab::expect_equal("a small base", golden, encode_edit(edit));
    lab::expect_equal("an edit with all fields", example_bytes(), encode_edit(example_edit()));
    lab::expect_equal("an edit that says nothing", "", encode_edit(VersionEdit()));
  }

  TEST_CASE("decoding is the inverse, and the order in which an edit was put together is gone") {
    const Result<VersionEdit> decoded = decode_edit(example_bytes());
    REQUIRE_MESSAGE(decoded.ok(), decoded.status().to_string());
    CHECK(*decoded == example_edit());
    VersionEdit shuffled = example_edit();
    std::swap(shuffled.removed[0], shuffled.removed[2]);
    std::swap(shuffled.added[0], shuffled.added[2]);
    lab::expect_equal("encode it in another order", example_bytes(), encode_edit(shuffled));
    const Result<VersionEdit> nothing = decode_edit("");
    REQUIRE(nothing.ok());
    CHECK(*nothing == VersionEdit());
  }

  TEST_CASE(
      "an edit cut at any length, or with any bit flipped, is refused or means what it says") {
    const std::string bytes = example_bytes();
    for (std::size_t i = 0; i < bytes.size() * 9; ++i) {
      std::string damaged = bytes.substr(0, i % 9 == 8 ? i / 9 : bytes.size());
      if (i % 9 < 8) damaged[i / 9] = static_cast<char>(damaged[i / 9] ^ (1 << (i % 9)));
      const Code code = refusal(damaged);
      CAPTURE(i);
      if (code != Code::ok) continue;
      lab::expect_equal("encode what was decoded", without_ignorable(damaged),
                        encode_edit(*decode_edit(damaged)));
    }
  }

  TEST_CASE("what is out of order, or stands twice, is corruption") {
    const std::string a = field(6, table_content(1, table(14, "a", "f")));
    const std::string b = field(6, table_content(1, table(20, "g", "h")));
    const std::string c = field(6, table_content(2, table(14, "a", "f")));
    CHECK(refusal(a + b + c) == Code::ok);
    for (const std::string& bytes :
         {b + a, c + b, a + a, removal_field(0, 9) + removal_field(0, 7), a + removal_field(0, 7),
          removal_field(1, 7) + removal_field(0, 8), removal_field(0, 7) + removal_field(0, 7),
          number_field(3, 9) + number_field(2, 9), number_field(2, 9) + field(1, ""),
          field(1, "") + field(1, ""), number_field(2, 9) + number_field(2, 9),
          number_field(3, 9) + number_field(3, 9), number_field(4, 9) + number_field(4, 9)}) {
      CAPTURE(lab::show(bytes));
      CHECK(refusal(bytes) == Code::corruption);
    }
  }

  TEST_CASE("an unknown field is skipped from 64 on, and not supported below") {
    const std::string known = number_field(2, 300);
    for (std::uint32_t tag : {64u, 65u, 1000u, 0xffffffffu}) {
      const Result<VersionEdit> edit = decode_edit(known + field(tag, "?") + field(tag, "again"));
      REQUIRE_MESSAGE(edit.ok(), edit.status().to_string());
      CHECK(edit->next_file_number == 300);
    }
    for (std::uint32_t tag : {7u, 8u, 63u})
      CHECK(refusal(known + field(tag, "?")) == Code::not_supported);
    CHECK(refusal(field(0, "")) == Code::not_supported);
  }

  TEST_CASE("what can not be is corruption, although every byte of it is well formed") {
    CHECK(refusal_of(6, table(14, "a", "f")) == Code::ok);
    CHECK(refusal_of(7, table(14, "a", "f")) == Code::corruption);
    CHECK(refusal_of(0xffffffff, table(14, "a", "f")) == Code::corruption);
    CHECK(refusal(removal_field(7, 14)) == Code::corruption);
    CHECK(refusal_of(1, table(0, "a", "f")) == Code::corruption);
    CHECK(refusal(removal_field(1, 0)) == Code::corruption);
    CHECK(refusal_of(1, table(14, "f", "a")) == Code::corruption);
    TableMeta versions = table(14, "k", "k");  // one key: newest first, so its first tag is larger
    CHECK(refusal_of(1, versions) == Code::ok);
    std::swap(versions.first_tag, versions.last_tag);
    CHECK(refusal_of(1, versions) == Code::corruption);
    CHECK(refusal_of(1, table(14, "a", std::string(key_bytes_max, 'b'))) == Code::ok);
    CHECK(refusal_of(1, table(14, "a", std::string(key_bytes_max + 1, 'b'))) == Code::corruption);
    CHECK(refusal_of(1, table(14, std::string(key_bytes_max + 1, 'b'), "c")) == Code::corruption);
    TableMeta sequences = table(14, "a", "f");
    std::swap(sequences.first_sequence, sequences.last_sequence);
    CHECK(refusal_of(1, sequences) == Code::corruption);
    sequences.first_sequence = 1;
    sequences.last_sequence = sequence_max + 1;
    CHECK(refusal_of(1, sequences) == Code::corruption);
    CHECK(refusal(number_field(3, sequence_max)) == Code::ok);
    CHECK(refusal(number_field(3, sequence_max + 1)) == Code::corruption);
    CHECK(refusal(field(1, "x")) == Code::corruption);
    CHECK(refusal(field(2, "\x05x")) == Code::corruption);
    CHECK(refusal(field(2, "")) == Code::corruption);
    CHECK(refusal(field(6, table_content(1, table(14, "a", "f")) + "x")) == Code::corruption);
    CHECK(refusal("\x02\xff\xff\xff\xff\x0f") == Code::corruption);  // a length of 4 GiB
  }
}
