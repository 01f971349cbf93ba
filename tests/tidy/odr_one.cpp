// odr_one.cpp: one of two translation units that include the whole library, and uses it.
#include "odr.hpp"

#include <lsmith/lsmith.hpp>

#include <memory>
#include <string>

namespace {

std::string write_and_read(lsmith::Db& db) {
  lsmith::Transaction transaction = db.begin(lsmith::Isolation::serializable);
  if (lsmith::Status s = transaction.put("key", "one"); !s.ok()) return s.to_string();
  if (lsmith::Status s = transaction.commit(false); !s.ok()) return s.to_string();
  const lsmith::Snapshot snapshot = db.snapshot();
  if (lsmith::Status s = db.compact(); !s.ok()) return s.to_string();
  const auto value = db.get("key", &snapshot);
  if (!value.ok()) return value.status().to_string();
  if (*value != "one") return "the key has another value";
  int count = 0;
  for (const auto [key, scanned] : db.scan("a", "z"))
    count += key == "key" && scanned == "one";
  if (count != 1) return "the scan saw the key " + std::to_string(count) + " times";
  const auto violations = db.check();
  return violations.empty() ? std::string() : violations.front();
}

}  // namespace

std::string use_the_library_in_one() {
  const std::unique_ptr<lsmith::FileSystem> files = lsmith::make_memory_file_system();
  lsmith::Options options = lsmith::small_options();
  options.file_system = files.get();
  auto db = lsmith::Db::open("db", options);
  return db.ok() ? write_and_read(*db) : db.status().to_string();
}
