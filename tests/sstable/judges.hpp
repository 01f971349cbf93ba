// judges.hpp: what the tests of tables ask of a builder's file, a reader and a cursor.
#pragma once

#include "tables.hpp"

#include <atomic>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace lsmith::testing {

// Records what is done to it; the call with number `fails_at` fails, counted from 1.
struct Recording {
  std::string calls;
  std::string bytes;
  int count = 0;
  int fails_at = 0;
};

class RecordingFile final : public WritableFile {
 public:
  explicit RecordingFile(Recording& log) : log_(log) {}
  Status append(std::string_view bytes) override {
    log_.bytes += bytes;
    return record(log_.calls.ends_with('a') ? "" : "a");
  }
  Status sync() override { return record("s"); }
  Status close() override { return record("c"); }

 private:
  Status record(const char* name) {
    log_.calls += name;
    if (++log_.count == log_.fails_at) return {Code::io_error, "the disk is gone"};
    return {};
  }
  Recording& log_;
};

// Asks for every key, for what lies just beside each and for every beginning of it (a fence may be
// one), at every sequence number of the model and beside it.
inline void check_gets(const Table& table, const Model& model, const std::string& about) {
  std::set<Sequence> sequences{0, sequence_max};
  std::set<std::string> keys{"", "\xff\xff"};
  for (const Version& version : model.all()) {
    sequences.insert(sequence_of(version.tag));
    sequences.insert(sequence_of(version.tag) - 1);
    for (std::size_t size = 0; size <= version.key.size(); ++size) {
      keys.insert(version.key.substr(0, size));
    }
    keys.insert(version.key + '\0');
  }
  for (const std::string& key : keys) {
    for (const Sequence sequence : sequences) {
      if (!lab::expect_equal(about + "get " + show_place(key, seek_tag(sequence)),
                             model.get(key, sequence), get_version(table, key, sequence))) {
        return;
      }
    }
  }
}

inline Model model_of(const std::vector<Version>& versions) {
  Model model;
  for (const Version& version : versions)
    add(model, version);
  return model;
}

// Four threads ask for random keys; returns how many answers were wrong.
inline int get_by_threads(const Table& table, const Model& model) {
  const std::vector<Version> all = model.all();
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    threads.emplace_back([&, seed] {
      Random random(seed);
      for (int i = 0; i < 500; ++i) {
        const std::string& key = all[random.below(all.size())].key;
        std::string value;
        const auto tag = table.get(Target::of(key), value);
        if (!tag.ok() || *tag != model.get(key)->tag) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  return wrong;
}

// Walks to both ends and past them.
template <class Cursor>
void check_walks(const Model& model, Cursor& cursor, const std::string& about) {
  const std::vector<Version> all = model.all();
  cursor.seek_to_first();
  for (const Version& version : all) {
    if (!lab::expect_equal(about + "walk forwards", std::optional(version),
                           copy_of_current(cursor)))
      return;
    cursor.next();
  }
  lab::expect_equal(about + "next() at the last entry", std::optional<Version>(),
                    copy_of_current(cursor));
  cursor.seek_to_last();
  for (std::size_t i = all.size(); i > 0; --i) {
    if (!lab::expect_equal(about + "walk backwards", std::optional(all[i - 1]),
                           copy_of_current(cursor)))
      return;
    cursor.prev();
  }
  lab::expect_equal(about + "prev() at the first entry", std::optional<Version>(),
                    copy_of_current(cursor));
  lab::expect_equal(about + "status at the end", "ok", cursor.status().to_string());
}

inline bool is_honest(const Status& failure) {
  return failure.code() == Code::corruption || failure.code() == Code::not_supported;
}

// Opens, gets every key and walks both ways. Each answer must be the model's, or an error that
// names the file. Returns how many calls failed.
inline int read_damaged(const Model& model, const std::string& bytes, const Opening& how,
                        const std::string& done) {
  int failures = 0;
  const auto failed = [&](const Status& failure) {
    ++failures;
    lab::expect(is_honest(failure), done, "corruption or not supported", failure.to_string());
    lab::expect(failure.message().find("000001.sst") != std::string_view::npos, done,
                "a message that names 000001.sst", failure.to_string());
  };
  Result<std::unique_ptr<Table>> opened = try_open(bytes, how);
  if (!opened.ok()) return failed(opened.status()), failures;
  const Table& table = **opened;
  for (const Version& version : model.all()) {
    std::string value;
    const auto tag =
        table.get(Target{version.key, sequence_of(version.tag), hash_bytes(version.key)}, value);
    if (!tag.ok()) {
      failed(tag.status());
    } else if (!lab::expect(*tag == version.tag && (value == version.value),
                            done + "; get " + show(version), "that version, or an error",
                            tag->has_value() ? "another" : "nothing")) {
      return failures;
    }
  }
  const std::vector<Version> all = model.all();
  for (const ReadPattern pattern : {ReadPattern::point, ReadPattern::background}) {
    TableCursor cursor = table.cursor(pattern);
    std::size_t count = 0;
    for (cursor.seek_to_first(); cursor.is_valid() && count < all.size(); cursor.next()) {
      if (!lab::expect_equal(done + "; walk", std::optional(all[count++]), copy_of_current(cursor)))
        return failures;
    }
    if (!cursor.status().ok()) {
      failed(cursor.status());
    } else {
      lab::expect_equal(done + "; entries walked before an end without error", all.size(), count);
    }
    for (cursor.seek_to_last(); cursor.is_valid() && count > 0; cursor.prev()) {
    }
    if (!cursor.status().ok()) failed(cursor.status());
  }
  return failures;
}

}  // namespace lsmith::testing
