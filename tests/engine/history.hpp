// history.hpp: what the tests of the engine ask of a machine and its database, in a word each.
#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "../support/history.hpp"
#include "../support/log_reader.hpp"

namespace engine_test {

using lsmith::Code;
using lsmith::Db;
using lsmith::Durability;
using lsmith::Result;
using lsmith::Status;
using lsmith::testing::Answers;
using lsmith::testing::ask_all;
using lsmith::testing::Call;
using lsmith::testing::check_prefix;
using lsmith::testing::check_recovery;
using lsmith::testing::FaultFs;
using lsmith::testing::folder;
using lsmith::testing::Image;
using lsmith::testing::last_batch;
using lsmith::testing::Machine;
using lsmith::testing::name_of;
using lsmith::testing::reader_of;
using Map = lsmith::testing::Map;

struct History : lsmith::testing::History {
  using lsmith::testing::History::History;
  // Batches from `first` to `last`, which must be accepted.
  void write_all(Db& db, std::uint64_t first, std::uint64_t last,
                 Durability durability = Durability::process) const {
    for (std::uint64_t i = first; i <= last; ++i)
      REQUIRE(write(db, i, durability).ok());
  }
};

// ---- asking in a word ----

inline std::string key_of(int i) {
  return "key" + std::to_string(1000 + i);
}

inline std::string value_of(const Db& db, std::string_view key,
                            const lsmith::Snapshot* at = nullptr) {
  const auto found = db.get(key, at);
  REQUIRE_MESSAGE(found.ok(), found.status().to_string());
  return *found ? **found : "(nothing)";
}

inline int count_of(lsmith::Scan scan) {
  int count = 0;
  for ([[maybe_unused]] auto entry : scan)
    ++count;
  CHECK(scan.status().ok());
  return count;
}

// All levels together.
inline lsmith::Stats::Level in_tables(const Db& db) {
  lsmith::Stats::Level sum;
  for (const lsmith::Stats::Level& level : db.stats().levels) {
    sum.tables += level.tables;
    sum.bytes += level.bytes;
    sum.entries += level.entries;
    sum.erases += level.erases;
  }
  return sum;
}

// Compactions happen when they are asked for.
inline void stop_compactions(lsmith::Options& options) {
  options.level0_compact_count = options.level0_slow_count = options.level0_stop_count = 100;
}

// ---- the folder ----

inline std::string path_of(lsmith::FileName::Type type, std::uint64_t number = 0) {
  return lsmith::file_path(folder, type, number);
}

// The paths of one type of file, by number.
inline std::map<std::uint64_t, std::string> paths_of(const Image& image,
                                                     lsmith::FileName::Type type) {
  std::map<std::uint64_t, std::string> paths;
  for (const auto& [path, bytes] : image) {
    const auto name = lsmith::parse_file_name(path.substr(path.rfind('/') + 1));
    if (name && name->type == type) paths[name->number] = path;
  }
  return paths;
}

// All but the lock, which opening may create.
inline Image without_lock(Image image) {
  image.erase(path_of(lsmith::FileName::Type::lock));
  return image;
}

inline bool mentions(const Status& status, std::string_view text) {
  return status.message().find(text) != std::string_view::npos;
}

}  // namespace engine_test
