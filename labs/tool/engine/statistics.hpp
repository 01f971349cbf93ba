// statistics.hpp: what the engine counts, as tables.
#pragma once

#include <lsmith/stats.hpp>

#include <string>

namespace lab {

/// A table of the levels, with a bar for each.
std::string level_picture(const lsmith::Stats& stats);
/// Write, read and space amplification, and what they come from.
std::string amplification(const lsmith::Stats& stats);
/// The counters of two runs over one database; the state is the later one's.
lsmith::Stats joined(const lsmith::Stats& earlier, const lsmith::Stats& later);

}  // namespace lab
