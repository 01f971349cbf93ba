// machine.hpp: a disk that fails on demand and one processor, for a database to run on.
#pragma once

#include <lsmith/lsmith.hpp>

#include <stdexcept>
#include <string>
#include <utility>

#include "../fault_fs.hpp"

namespace lsmith::testing {

inline const std::string folder = "/db";

// Small enough for a flush every dozen batches or two.
inline Options machine_options() {
  Options options = small_options();
  options.write_buffer_bytes = 8192;
  return options;
}

// Make the Db after it, so that it goes first.
struct Machine {
  explicit Machine(const Image& image = {}, const Options& chosen = machine_options())
      : files(image), options(chosen) {
    options.file_system = &files;
    options.executor = &executor;
  }
  Result<Db> try_open() { return Db::open(folder, options); }
  // Where no error is expected: one ends the case that asks.
  Db open() {
    Result<Db> db = try_open();
    if (!db.ok()) throw std::runtime_error("open: " + db.status().to_string());
    return std::move(*db);
  }

  FaultFs files;
  ManualExecutor executor;
  Options options;
};

}  // namespace lsmith::testing
