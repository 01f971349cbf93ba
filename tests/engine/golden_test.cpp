// golden_test.cpp: a database that an earlier build wrote is read to its last byte.
#include "golden.hpp"

#include <cstdlib>

#ifndef LSMITH_SOURCE_DIR
#define LSMITH_SOURCE_DIR "."
#endif

using namespace lsmith;
using namespace engine_test;
using Type = FileName::Type;

namespace {

Image golden() {
  const Image image = read_folder(std::string(LSMITH_SOURCE_DIR) + "/tests/golden/database-1");
  REQUIRE(image.contains(path_of(Type::current)));
  return image;
}

// A table's bytes as a file to be read.
class Bytes final : public ReadableFile {
 public:
  explicit Bytes(std::string bytes) : bytes_(std::move(bytes)) {}
  Status read(std::uint64_t offset, char* buffer, std::size_t size) const override {
    if (offset + size > bytes_.size()) return Status(Code::corruption, "behind the end");
    bytes_.copy(buffer, size, static_cast<std::size_t>(offset));
    return {};
  }
  std::uint64_t size_bytes() const override { return bytes_.size(); }

 private:
  const std::string bytes_;
};

}  // namespace

TEST_SUITE("golden") {
  TEST_CASE("the golden database is written when somebody asks for it") {
    const char* const to = std::getenv("LSMITH_WRITE_GOLDEN");
    if (to != nullptr) write_folder(make_golden(), to);
  }

  TEST_CASE("the golden database holds what was written, read-only and after recovery") {
    for (const bool read_only : {true, false}) {
      Machine machine(golden());
      if (read_only) REQUIRE(machine.files.create(path_of(Type::lock)).ok());
      machine.options.read_only = read_only;
      Db db = machine.open();
      const Answers answers = ask_all(db, golden_content());
      CHECK(answers.wrong == "");
      CHECK(answers.error.to_string() == "ok");
      CHECK(db.check() == std::vector<std::string>{});
      if (read_only) continue;
      REQUIRE(db.compact().ok());
      CHECK(ask_all(db, golden_content()).wrong == "");
    }
  }

  TEST_CASE("CURRENT and the edits of the golden manifest are canonical") {
    const Image image = golden();
    const auto [number, path] = *paths_of(image, Type::manifest).begin();
    CHECK(image.at(path_of(Type::current)) == encode_current(number));
    LogReader reader = reader_of(image.at(path), number, path);
    const auto header = reader.read_header();
    REQUIRE(header.ok());
    CHECK(header->kind == LogHeader::Kind::manifest);
    CHECK(image.at(path).substr(0, LogHeader::size_bytes) == encode_log_header(*header));
    std::size_t edits = 0;
    while (const auto frame = reader.next()) {
      CHECK(frame->type == FrameType::edit);
      const auto edit = decode_edit(frame->payload);
      REQUIRE(edit.ok());
      CHECK(edit->is_base == (edits == 0));
      CHECK(encode_edit(*edit) == frame->payload);
      ++edits;
    }
    CHECK(reader.status().ok());
    CHECK(edits == 3);
  }

  TEST_CASE("the golden tables are whole, and are the ones that the manifest names") {
    Machine machine(golden());
    const auto state = read_manifest(machine.files, folder);
    REQUIRE(state.ok());
    const Image image = golden();
    const auto tables = paths_of(image, Type::table);
    CHECK(tables.size() == 2);
    CHECK(state->version.table_count() == 2);
    for (const TableRef& meta : state->version.level(0)) {
      const std::string& bytes = image.at(tables.at(meta->number));
      CHECK(meta->file_bytes == bytes.size());
      CHECK(check_table(Bytes(bytes), "golden", meta->table_id) == std::vector<std::string>{});
    }
  }

  TEST_CASE("the frames of the golden log are the last writes, byte for byte") {
    const Image image = golden();
    const auto [number, path] = *paths_of(image, Type::log).rbegin();
    LogReader reader = reader_of(image.at(path), number, path);
    REQUIRE(reader.read_header().ok());
    int i = 45;
    for (; const auto frame = reader.next(); ++i) {
      const GoldenWrite write = golden_write(i);
      WriteBatch batch;
      if (write.value) batch.put(write.key, *write.value);
      if (!write.value) batch.erase(write.key);
      batch.set_sequence(static_cast<Sequence>(i) + 1);
      CHECK(frame->payload == batch.payload());
    }
    CHECK(reader.status().ok());
    CHECK(reader.was_synced());
    CHECK(i == golden_writes);
  }

  TEST_CASE("this build writes logs and manifest as the golden database has them") {
    const Image image = golden();
    const Image now = make_golden();
    // File numbers are free; the frames of the last log are canonical but for number and offset.
    const auto payloads = [](const Image& from) {
      const auto [number, path] = *paths_of(from, Type::log).rbegin();
      LogReader reader = reader_of(from.at(path), number, path);
      REQUIRE(reader.read_header().ok());
      std::vector<std::string> found;
      while (const auto frame = reader.next())
        found.emplace_back(frame->payload);
      return found;
    };
    CHECK(payloads(now) == payloads(image));
  }
}
