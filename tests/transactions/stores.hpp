// stores.hpp: a database in memory, and what the tests of transactions ask it.
#pragma once

#include "../support/step.hpp"

#include <lsmith/db.hpp>

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace transaction_test {

using namespace lsmith;

// A database over files in memory and an executor without threads.
class Store {
 public:
  explicit Store(std::size_t history_bytes = std::size_t{8} << 20) : db(open(history_bytes)) {}

  Transaction begin(Isolation isolation = Isolation::snapshot) { return db.begin(isolation); }
  void put(std::string_view key, std::string_view value) { REQUIRE(db.put(key, value).ok()); }
  void erase(std::string_view key) { REQUIRE(db.erase(key).ok()); }
  Db reopen() {
    REQUIRE(db.close().ok());
    return open(std::size_t{8} << 20);
  }

  std::unique_ptr<FileSystem> files = make_memory_file_system();
  ManualExecutor executor;
  Db db;  // last, so that it dies first

 private:
  Db open(std::size_t history_bytes) {
    Options options;
    options.file_system = files.get();
    options.executor = &executor;
    options.commit_history_bytes = history_bytes;
    auto opened = Db::open("db", options);
    REQUIRE_MESSAGE(opened.ok(), opened.status().to_string());
    return std::move(*opened);
  }
};

inline std::optional<std::string> get(Transaction& transaction, std::string_view key) {
  std::string value;
  const auto found = transaction.get(key, value);
  REQUIRE_MESSAGE(found.ok(), found.status().to_string());
  return *found ? std::optional<std::string>(value) : std::nullopt;
}

inline std::optional<std::string> get(const Db& db, std::string_view key) {
  auto found = db.get(key);
  REQUIRE_MESSAGE(found.ok(), found.status().to_string());
  return *std::move(found);
}

inline void put(Transaction& transaction, std::string_view key, std::string_view value) {
  const Status s = transaction.put(key, value);
  REQUIRE_MESSAGE(s.ok(), s.to_string());
}

inline void erase(Transaction& transaction, std::string_view key) {
  const Status s = transaction.erase(key);
  REQUIRE_MESSAGE(s.ok(), s.to_string());
}

inline WriteBatch writes_of(std::initializer_list<std::string> keys) {
  WriteBatch batch;
  for (const std::string& key : keys)
    batch.put(key, "value");
  return batch;
}

inline Bounds bounds(std::optional<std::string> lower, std::optional<std::string> upper) {
  return Bounds{std::move(lower), std::move(upper)};
}

// All that a cursor shows, as "a=1 b=2".
template <class Cursor>
std::string text_of(Cursor& cursor) {
  std::string text;
  for (cursor.seek_to_first(); cursor.is_valid(); cursor.next())
    text +=
        (text.empty() ? "" : " ") + std::string(cursor.key()) + "=" + std::string(cursor.value());
  REQUIRE_MESSAGE(cursor.status().ok(), cursor.status().to_string());
  return text;
}

inline std::string all_of(Transaction& transaction, Bounds within = {}) {
  auto cursor = transaction.scan(std::move(within));
  return text_of(cursor);
}

inline std::string all_of(const Db& db) {
  auto scan = db.scan();
  return text_of(scan.cursor());
}

inline bool expect_committed(std::string_view done, Transaction& transaction,
                             const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  const Status s = transaction.commit(false);
  return lab::expect(s.ok(), done, "a commit", lab::Words{s.to_string()}, {}, file, line);
}

// The conflict must name `key`; empty: any message will do.
inline bool expect_conflict(std::string_view done, Transaction& transaction, std::string_view key,
                            const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  const Status s = transaction.commit(false);
  const bool is_named = s.message().find(key) != std::string_view::npos;
  return lab::expect(s.code() == Code::conflict && is_named, done,
                     "a conflict that names " + lab::show(key), lab::Words{s.to_string()}, {}, file,
                     line);
}

}  // namespace transaction_test
