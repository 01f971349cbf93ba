// bench_plot.hpp: a sweep as a picture: a small panel for each workload, a line for each engine.
#pragma once

#include "bench_sweeps.hpp"

#include <string>
#include <vector>

namespace lab {

/// An SVG file that needs no other, readable on light and on dark pages. The same figures make the
/// same bytes. Points without a figure are left out.
std::string sweep_svg(const Sweep& sweep, const Bench& bench);

/// The values between `low` and `high` that are worth a line on a logarithmic axis: powers of ten,
/// and what lies between them where there would be few. Never empty.
/// Requires 0 < low <= high.
std::vector<double> log_ticks(double low, double high);

}  // namespace lab
