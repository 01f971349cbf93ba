// manifest_mark_test.cpp: what the library's manifest does beyond the textbook's: rot in the last
// edit is seen, although no other edit stands behind it.
#include "../fault_fs.hpp"
#include "../support/log_reader.hpp"

#include <lsmith/manifest.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <string>

using namespace lsmith;
using namespace lsmith::testing;

TEST_CASE("a byte that flips in the last edit of a manifest is corruption, not a torn write") {
  FaultFs files;
  REQUIRE(files.create_folder("/db").ok());
  ManifestState state;
  state.manifest_number = 1;
  state.next_file_number = 9;
  auto writer = ManifestWriter::create(files, "/db", state);
  REQUIRE(writer.ok());
  for (const bool has_edit : {false, true}) {
    VersionEdit edit;
    edit.last_sequence = 5;
    if (has_edit) REQUIRE((*writer)->append(edit).ok());
    const Image whole = files.after_kill();
    const std::string path = "/db/MANIFEST-000001";
    std::uint64_t end = 0;  // of the last edit that says something
    LogReader reader = reader_of(whole.at(path), 1, path);
    REQUIRE(reader.read_header().ok());
    while (const auto frame = reader.next())
      if (!frame->payload.empty()) end = reader.end_offset();
    for (std::uint64_t at = 0; at < end; ++at) {
      Image damaged = whole;
      damaged[path][static_cast<std::size_t>(at)] ^= 1;
      FaultFs rotten(damaged);
      CAPTURE(at);
      const auto read = read_manifest(rotten, "/db");  // the padding of a frame is nobody's
      CHECK((!read.ok() || read->last_sequence == (has_edit ? 5u : 0u)));
    }
  }
}
