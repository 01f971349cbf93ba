// statistics.cpp: the level picture and the amplification figures.
#include "statistics.hpp"

#include "terminal.hpp"

#include <algorithm>

namespace lab {
namespace {

std::string line(std::string_view name, std::uint64_t number, std::string_view about) {
  return "  " + pad(name, 22) + pad(with_commas(number), -16) + "   " + std::string(about) + "\n";
}

std::string figure(std::string_view name, double number, std::string_view about) {
  return "  " + pad(name, 22) + pad(as_decimal(number, 2), -16) + "   " + std::string(about) + "\n";
}

}  // namespace

std::string level_picture(const lsmith::Stats& stats) {
  std::uint64_t largest = 0;
  for (const auto& level : stats.levels)
    largest = std::max(largest, level.bytes);
  std::string text = "  level   tables        entries         size\n";
  for (std::size_t number = 0; number < stats.levels.size(); ++number) {
    const auto& level = stats.levels[number];
    const std::string shape =
        bar(static_cast<double>(level.bytes), static_cast<double>(largest), 30);
    text += "  " + pad(std::to_string(number), -5) + pad(with_commas(level.tables), -9) +
            pad(with_commas(level.entries), -15) +
            pad(as_bytes(static_cast<double>(level.bytes)), -13) + "  " +
            (level.tables > 0 ? shape : "") + "\n";
  }
  return text;
}

std::string amplification(const lsmith::Stats& stats) {
  std::string text =
      line("read amplification", stats.read_amplification(), "sorted runs a lookup may ask") +
      figure("space amplification", stats.space_amplification(),
             "bytes a byte of the lowest level");
  if (stats.entries_written > 0) {
    text +=
        figure("write amplification", stats.write_amplification(), "bytes written a user's byte") +
        line("flushes", stats.flushes, as_bytes(static_cast<double>(stats.flush_bytes_written)));
    text += line("compactions", stats.compactions,
                 as_bytes(static_cast<double>(stats.compaction_bytes_written)) + " written, " +
                     with_commas(stats.trivial_moves) + " trivial moves");
  }
  static constexpr const char* reasons[] = {"slowed by level 0", "stopped by level 0",
                                            "stopped by memtables", "slowed by memtables"};
  for (std::size_t i = 0; i < stats.stalls.size(); ++i) {
    if (stats.stalls[i].count == 0) continue;
    const double seconds = static_cast<double>(stats.stalls[i].duration_us) / 1e6;
    text += line(reasons[i], stats.stalls[i].count, as_decimal(seconds, 2) + " s in all");
  }
  return text;
}

lsmith::Stats joined(const lsmith::Stats& earlier, const lsmith::Stats& later) {
  lsmith::Stats sum = later;
  for (std::size_t i = 0; i < sum.stalls.size(); ++i) {
    sum.stalls[i].count += earlier.stalls[i].count;
    sum.stalls[i].duration_us += earlier.stalls[i].duration_us;
  }
  for (std::uint64_t lsmith::Stats::*counter :
       {&lsmith::Stats::entries_written, &lsmith::Stats::user_bytes_written,
        &lsmith::Stats::log_bytes_written, &lsmith::Stats::log_syncs, &lsmith::Stats::commit_groups,
        &lsmith::Stats::flushes, &lsmith::Stats::flush_bytes_written, &lsmith::Stats::compactions,
        &lsmith::Stats::trivial_moves, &lsmith::Stats::compaction_bytes_read,
        &lsmith::Stats::compaction_bytes_written, &lsmith::Stats::cache_hits,
        &lsmith::Stats::cache_misses}) {
    sum.*counter += earlier.*counter;
  }
  return sum;
}

}  // namespace lab
