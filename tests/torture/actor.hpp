// actor.hpp: a database in memory without threads, and transactions whose errors are Wrong: only a
// conflict is an answer.
#pragma once

#include <lsmith/db.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "run.hpp"

namespace torture {

inline void require_ok(const lsmith::Status& s, std::string_view where) {
  if (!s.ok()) throw Wrong(std::string(where) + ": " + s.to_string());
}

// All that a cursor shows, as "a=1 b=2".
template <class Cursor>
std::string walk(Cursor& cursor, bool backward = false) {
  std::string text;
  backward ? cursor.seek_to_last() : cursor.seek_to_first();
  while (cursor.is_valid()) {
    text += text.empty() ? "" : " ";
    text.append(cursor.key()).append("=").append(cursor.value());
    backward ? cursor.prev() : cursor.next();
  }
  require_ok(cursor.status(), "scan");
  return text;
}

// Background work runs when somebody waits for it, or when run_one() is called.
class Store {
 public:
  explicit Store(lsmith::Options options) {
    options.file_system = files_.get();
    options.executor = &executor_;
    auto opened = lsmith::Db::open("db", options);
    require_ok(opened.status(), "open");
    db_.emplace(*std::move(opened));
  }

  lsmith::Db& db() { return *db_; }
  void run_one() { executor_.run_one(); }
  std::string all() {
    auto scan = db_->scan();
    std::string text = walk(scan.cursor());
    require_ok(scan.status(), "scan of the database");
    return text;
  }

 private:
  std::unique_ptr<lsmith::FileSystem> files_ = lsmith::make_memory_file_system();
  lsmith::ManualExecutor executor_;
  std::optional<lsmith::Db> db_;  // last, so that it dies first
};

class Actor {
 public:
  Actor(lsmith::Db& db, lsmith::Isolation isolation) : transaction_(db.begin(isolation)) {}

  std::optional<std::string> get(std::string_view key) {
    std::string value;
    const auto found = transaction_.get(key, value);
    require_ok(found.status(), "get");
    return *found ? std::optional<std::string>(std::move(value)) : std::nullopt;
  }
  void put(std::string_view key, std::string_view value) {
    require_ok(transaction_.put(key, value), "put");
  }
  void erase(std::string_view key) { require_ok(transaction_.erase(key), "erase"); }
  lsmith::TransactionCursor scan(lsmith::Bounds bounds) {
    return transaction_.scan(std::move(bounds));
  }
  std::string all() {
    auto cursor = scan({});
    return walk(cursor);
  }
  // False: a conflict.
  bool commit() {
    const lsmith::Status s = transaction_.commit(false);
    if (s.code() != lsmith::Code::conflict) require_ok(s, "commit");
    return s.ok();
  }
  void roll_back() { transaction_.rollback(); }

 private:
  lsmith::Transaction transaction_;
};

}  // namespace torture
