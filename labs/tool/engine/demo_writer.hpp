// demo_writer.hpp: what the demo and its writer, a process of its own, tell each other.
#pragma once

#include <lsmith/options.hpp>
#include <lsmith/stats.hpp>

#include <cstdint>

namespace lab {

/// What a writer reports through its pipe after each file. Everything up to `files_done` is
/// acknowledged: each of those writes has returned ok.
struct WriterReport {
  std::uint64_t files_done = 0;  ///< all files of the list before this index
  std::uint64_t entries = 0;     ///< that this writer has written
  std::uint64_t bytes = 0;       ///< their keys and values
  std::uint64_t duration_us = 0;
  std::uint64_t is_settled = 0;  ///< background work came to rest: the last report of all
  lsmith::Stats stats;
};

/// Options under which a few hundred megabytes show several levels.
inline lsmith::Options demo_options() {
  lsmith::Options options;
  options.write_buffer_bytes = std::size_t{8} << 20;
  options.table_bytes = std::size_t{8} << 20;
  options.level_base_bytes = std::size_t{32} << 20;
  return options;
}

}  // namespace lab
