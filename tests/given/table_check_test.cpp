// table_check_test.cpp: a table whose properties do not say what is in it, behind right checksums,
// is told.
#include <lsmith/sstable.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <vector>

#include "../fault_fs.hpp"

namespace table_check {
namespace {

using namespace lsmith;
using lsmith::testing::FaultFs;

constexpr std::uint64_t id = 77;
const std::string path = "/t/000009.sst";

std::string table_bytes() {
  FaultFs files;
  REQUIRE(files.create_folder("/t").ok());
  auto file = files.create(path);
  REQUIRE(file.ok());
  Options options;
  options.block_bytes = 64;
  TableBuilder builder(options, std::move(*file), id);
  for (char c = 'a'; c <= 'z'; ++c) {
    const std::uint64_t tag = make_tag(10, c == 'k' ? Kind::erase : Kind::put);
    REQUIRE(builder.add(std::string(3, c), tag, c == 'k' ? "" : "value").ok());
  }
  REQUIRE(builder.finish().ok());
  return files.content(path);
}

// The table with other properties, checksums and footer made anew.
std::string with_properties(std::string bytes,
                            const std::function<void(TableProperties&)>& change) {
  const auto footer =
      decode_footer(std::string_view(bytes).substr(bytes.size() - footer_bytes), bytes.size());
  REQUIRE(footer.ok());
  const auto body_at = [&](BlockHandle handle) {
    return bytes.substr(static_cast<std::size_t>(handle.offset), handle.size);
  };
  const std::string index = body_at(footer->index);
  auto properties = decode_properties(body_at(footer->properties));
  REQUIRE(properties.ok());
  change(*properties);
  REQUIRE(footer->properties.offset < footer->index.offset);
  bytes.resize(static_cast<std::size_t>(footer->properties.offset));
  const auto append = [&](const std::string& body) {
    const BlockHandle handle{bytes.size(), static_cast<std::uint32_t>(body.size())};
    bytes += body + encode_block_trailer(id, handle.offset, body);
    return handle;
  };
  Footer made = *footer;
  made.properties = append(encode_properties(*properties));
  made.index = append(index);
  made.file_bytes = bytes.size() + footer_bytes;
  return bytes + encode_footer(made);
}

std::string violations(const std::string& bytes) {
  FaultFs files(testing::Image{{path, bytes}});
  const auto file = files.open(path, false);
  REQUIRE(file.ok());
  std::string all;
  for (const std::string& violation : check_table(**file, "9", id))
    all += violation + "\n";
  return all;
}

TEST_SUITE("table_check") {
  TEST_CASE("what the properties say of a table is counted again") {
    const std::string good = table_bytes();
    CHECK(violations(good) == "");
    CHECK(violations(with_properties(good, [](TableProperties&) {})) == "");
    struct Lie {
      const char* property;
      std::function<void(TableProperties&)> tell;
    };
    const std::vector<Lie> lies = {
        {"count.entries", [](auto& p) { ++p.meta.entries; }},
        {"count.erases", [](auto& p) { ++p.meta.erases; }},
        {"sequence.first", [](auto& p) { --p.meta.first_sequence; }},
        {"sequence.last", [](auto& p) { ++p.meta.last_sequence; }},
        {"size.keys", [](auto& p) { ++p.key_bytes; }},
        {"size.values", [](auto& p) { --p.value_bytes; }},
        {"key.first", [](auto& p) { p.meta.first_key = "a"; }},
        {"key.last", [](auto& p) { p.meta.last_key = "zzzz"; }},
        {"count.blocks", [](auto& p) { --p.data_blocks; }},
    };
    for (const Lie& lie : lies) {
      INFO(lie.property);
      const std::string found = violations(with_properties(good, lie.tell));
      CHECK_MESSAGE(found.find(std::string("properties: ") + lie.property) != found.npos, found);
    }
  }
}

}  // namespace
}  // namespace table_check
