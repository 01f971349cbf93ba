// options.hpp: options that a seed chooses, all of them small, so that a short history sees every
// kind of work.
#pragma once

#include <lsmith/options.hpp>

#include <cstddef>

#include "../support/random.hpp"

namespace torture {

inline lsmith::Options options_of(lsmith::testing::Random& random) {
  using lsmith::CompactionStyle;
  lsmith::Options options = lsmith::small_options();
  const auto one_of = [&](auto... values) {
    const std::size_t all[] = {static_cast<std::size_t>(values)...};
    return all[random.below(sizeof...(values))];
  };
  options.write_buffer_bytes = one_of(4096, 8192, 12288);
  options.block_bytes = one_of(64, 256, 1024);
  options.table_bytes = one_of(1024, 4096, 16384);
  options.bloom_bits_per_key = static_cast<int>(one_of(0, 2, 10));
  options.cache_bytes = one_of(0, 4096, 65536);
  options.open_tables_max = static_cast<int>(one_of(8, 16, 100));
  options.level_base_bytes = one_of(4096, 16384);
  options.level_ratio = static_cast<int>(one_of(2, 4, 10));
  options.level0_compact_count = static_cast<int>(one_of(1, 2, 4));
  options.tiered_runs_max = static_cast<int>(one_of(2, 3, 8));
  options.frozen_memtables_max = static_cast<int>(one_of(1, 3));
  options.compaction = random.chance(50) ? CompactionStyle::leveled : CompactionStyle::tiered;
  return options;
}

}  // namespace torture
