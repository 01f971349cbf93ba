// layers.hpp: a database of tables made by hand, and one in which keys lie in every pair of layers.
#pragma once

#include "../support/model.hpp"
#include "rigs.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace engine_step {

using Row = lsmith::testing::Version;

inline bool expect_get(const Engine& engine, const std::string& after, const std::string& key,
                       Sequence sequence, const std::optional<std::string>& expected,
                       std::string_view hint = {}) {
  const std::string at = sequence == sequence_max ? "" : " at " + std::to_string(sequence);
  return expect_equal(after + "; get(" + key + ")" + at, expected ? *expected : "(nothing)",
                      answer(engine, key, sequence), hint);
}

// A database whose tables are made by hand: level, rows.
inline Image with_tables(const std::vector<std::pair<int, std::vector<Row>>>& tables) {
  Rig rig;
  REQUIRE(rig.files.create_folder(folder).ok());
  REQUIRE(rig.files.lock(folder + "/LOCK", true).ok());
  TableCache cache(rig.options, rig.files, folder);
  ManifestState state;
  VersionEdit edit;
  std::uint64_t number = 10;
  for (auto [level, rows] : tables) {
    std::sort(rows.begin(), rows.end(),
              [](const Row& a, const Row& b) { return compare(a.key, a.tag, b.key, b.tag) < 0; });
    auto builder = cache.create(++number);
    REQUIRE(builder.ok());
    for (const Row& row : rows) {
      REQUIRE((*builder)->add(row.key, row.tag, row.value).ok());
      state.last_sequence = std::max(state.last_sequence, sequence_of(row.tag));
    }
    auto meta = (*builder)->finish();
    REQUIRE(meta.ok());
    meta->number = number;
    edit.added.emplace_back(level, *std::move(meta));
  }
  auto version = state.version.apply(edit);
  REQUIRE(version.ok());
  state.version = *std::move(version);
  state.manifest_number = 1;
  state.database_id = 7;
  state.next_file_number = state.log_number = number + 1;
  REQUIRE(rig.files.sync_dir(folder).ok());
  REQUIRE(ManifestWriter::create(rig.files, folder, state).ok());
  return rig.files.after_kill();
}

// Six layers of a database, oldest first, and keys that were written in one, in the two of each
// pair as put and erase, and as erase and put.
struct Layers {
  static constexpr const char* names[] = {"level 6",     "level 1",  "old level 0",
                                          "new level 0", "commit 1", "commit 2"};
  Layers() {
    for (std::size_t upper = 0; upper < 6; ++upper) {
      const std::string name = names[upper];
      note(upper, "put in " + name, true);
      note(upper, "empty in " + name, true);
      for (std::size_t lower = 0; lower < upper; ++lower) {
        note(lower, std::string("put in ") + names[lower] + ", erased in " + name, true);
        note(upper, std::string("put in ") + names[lower] + ", erased in " + name, false);
        note(lower, std::string("erased in ") + names[lower] + ", put in " + name, false);
        note(upper, std::string("erased in ") + names[lower] + ", put in " + name, true);
      }
    }
    for (std::size_t layer = 0; layer < 6; ++layer) {
      for (Row& row : rows[layer]) {
        row.tag = make_tag(++last, kind_of(row.tag));
        testing::add(model, row);
      }
    }
  }
  void note(std::size_t layer, const std::string& key, bool is_put) {
    if (rows[layer].empty() || rows[layer].back().key != key) keys.push_back(key);
    const std::string value = key.starts_with("empty") ? "" : names[layer];
    rows[layer].push_back(is_put ? testing::put_at(0, key, value) : testing::erase_at(0, key));
  }
  WriteBatch batch(std::size_t layer) const {
    WriteBatch batch;
    for (const Row& row : rows[layer])
      kind_of(row.tag) == Kind::put ? batch.put(row.key, row.value) : batch.erase(row.key);
    return batch;
  }
  bool expect_all(const Engine& engine, const std::string& after) const {
    for (const std::string& key : keys) {
      for (Sequence at = 0; at <= last; ++at)
        if (!expect_get(engine, after, key, at, model.read(key, at))) return false;
      if (!expect_get(engine, after, key, sequence_max, model.read(key))) return false;
    }
    return true;
  }

  std::vector<Row> rows[6];
  std::vector<std::string> keys;
  testing::Model model;
  Sequence last = 0;
};

}  // namespace engine_step
