// store.hpp: what the benchmark asks of an engine. Each engine is a source of its own, and a
// program of its own.
//
// All get the same: 64 MiB of write buffer, 64 MiB of block cache, blocks of 4 KiB, 10 filter bits
// a key, no compression. A write survives a killed process, and a synced one a power cut. A read is
// a fresh one, a scan has a fresh cursor. What fails ends the process.
#pragma once

#include "entries.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

namespace bench {

inline constexpr std::size_t write_buffer_bytes = std::size_t{64} << 20;
inline constexpr std::size_t cache_bytes = std::size_t{64} << 20;
inline constexpr std::size_t block_bytes = 4096;
inline constexpr int filter_bits_per_key = 10;

[[noreturn]] inline void stop(const std::string& why) {
  std::fprintf(stderr, "bench: %s\n", why.c_str());
  std::exit(1);
}

/// An open database. Thread-safe.
class Store {
 public:
  virtual ~Store() = default;  ///< closes it

  virtual void put(std::string_view key, std::string_view value, bool sync) = 0;
  virtual void erase(std::string_view key) = 0;
  /// Entries `first` to `first + count - 1`, as one batch.
  virtual void put_batch(std::uint64_t first, std::uint64_t count) = 0;
  virtual bool get(std::string_view key, std::string& value) = 0;
  /// Shows up to `count` entries from `key` on (empty: from an end), forward or backward.
  virtual void scan(std::string_view key, std::uint64_t count, bool is_forward, Reading& seen) = 0;
  /// Returns when background work has come to rest. False: the engine can not say.
  virtual bool settle() = 0;
  /// Merges everything. False: there is nothing to merge in such an engine.
  virtual bool compact() = 0;
};

/// Opens or creates it. `mapped` asks for tables that are read through memory maps.
std::unique_ptr<Store> open_store(const std::string& folder, bool mapped);
/// The engine, its version, and how it was built.
std::string describe_store();

}  // namespace bench
