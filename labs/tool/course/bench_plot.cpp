// bench_plot.cpp: lines, axes and marks as SVG.
//
// Colours are those of Okabe and Ito, which the colour-blind tell apart, darker on a light page and
// lighter on a dark one; each engine also has a mark and a dash of its own.
#include "bench_plot.hpp"

#include "terminal.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <initializer_list>
#include <optional>
#include <utility>

namespace lab {
namespace {

constexpr double plot_width = 236, plot_height = 150;
constexpr double cell_width = 312, cell_height = 222;
constexpr double plot_left = 58, plot_top = 26;  // within a cell
constexpr double heading_height = 72, margin = 12;
constexpr std::size_t panels_a_row = 3;

// How an engine is drawn: its class, its mark, and the dash of its line.
struct Look {
  const char* name;
  const char* shape;  // around 0 0
  const char* dash;
};
constexpr const char* circle = "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z";
constexpr Look looks[] = {{"lsmith", circle, ""},
                          {"mapped", circle, "6 3"},
                          {"textbook", "M-4-4L4 4M-4 4L4-4", "1 3"},
                          {"mine", "M0-5V5M-5 0H5", "8 3 2 3"},
                          {"leveldb", "M-3.6-3.6h7.2v7.2h-7.2z", ""},
                          {"rocksdb", "M0-4.8L4.6 3.6h-9.2z", "9 3"},
                          {"lmdb", "M0-5L5 0L0 5L-5 0z", "2 2.5"}};

constexpr const char* style = R"(<style>
text { font: 11px system-ui, sans-serif; fill: #3d444d; }
.title { font-size: 15px; } .title, .panel { font-weight: 600; fill: #1c1e21; }
.page { fill: #ffffff; } .grid { stroke: #e3e6ea; } .axis { stroke: #8b949e; }
.line { fill: none; stroke: currentColor; stroke-width: 1.6; stroke-linejoin: round; }
.point { fill: currentColor; stroke: currentColor; stroke-width: 1.6; }
.lsmith, .mapped { color: #0068b5; } .lsmith.line, .mapped.line { stroke-width: 2.4; }
.mapped.point { fill: #ffffff; } .textbook { color: #6e7781; } .mine { color: #1c1e21; }
.leveldb { color: #c44e00; } .rocksdb { color: #00845f; } .lmdb { color: #a34a80; }
@media (prefers-color-scheme: dark) {
text { fill: #b4bcc6; } .title, .panel { fill: #e6e8ea; }
.page { fill: #15181c; } .grid { stroke: #2c3238; } .axis { stroke: #6b7580; }
.lsmith, .mapped { color: #56b4e9; }
.mapped.point { fill: #15181c; } .textbook { color: #9aa4ae; } .mine { color: #e6e8ea; }
.leveldb { color: #f0883e; } .rocksdb { color: #2fc79a; } .lmdb { color: #e08fc0; }
}
</style>
)";

std::string number(double value) {
  std::string text = as_decimal(value, 1);
  if (text.size() > 2 && text.compare(text.size() - 2, 2, ".0") == 0) text.resize(text.size() - 2);
  return text == "-0" ? "0" : text;
}

std::string text_at(double x, double y, const std::string& anchor, const std::string& text) {
  return "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\"" +
         (anchor.empty() ? "" : " text-anchor=\"" + anchor + "\"") + ">" + text + "</text>\n";
}

std::string line_from(double x, double y, double to_x, double to_y, const std::string& look) {
  return "<path class=\"" + look + "\" d=\"M" + number(x) + " " + number(y) + "L" + number(to_x) +
         " " + number(to_y) + "\"/>\n";
}

const Look& look_of(const BenchEngine& engine) {
  for (const Look& look : looks)
    if (engine.name == look.name) return look;
  return looks[0];
}

std::string mark_at(double x, double y, const Look& look) {
  return "<path class=\"point " + std::string(look.name) + "\" transform=\"translate(" + number(x) +
         " " + number(y) + ")\" d=\"" + look.shape + "\"/>\n";
}

std::string curve(const std::vector<std::pair<double, double>>& points, const Look& look) {
  std::string text = "<path class=\"line " + std::string(look.name) + "\"" +
                     (*look.dash == '\0' ? std::string()
                                         : " stroke-dasharray=\"" + std::string(look.dash) + "\"") +
                     " d=\"";
  for (const auto& [x, y] : points)
    text += (text.back() == '"' ? "M" : "L") + number(x) + " " + number(y);
  text += "\"/>\n";
  for (const auto& [x, y] : points)
    text += mark_at(x, y, look);
  return text;
}

// A line of pixels between two values.
class Scale {
 public:
  Scale(double low, double high, bool is_log, double from, double to)
      : low_(is_log ? std::log10(low) : low),
        high_(is_log ? std::log10(high) : high),
        is_log_(is_log),
        from_(from),
        to_(to) {}
  double operator()(double value) const {
    if (high_ <= low_) return (from_ + to_) / 2;
    const double place = is_log_ ? std::log10(value) : value;
    return from_ + (to_ - from_) * (place - low_) / (high_ - low_);
  }

 private:
  double low_, high_;
  bool is_log_;
  double from_, to_;
};

// "100 ns", "2 µs"
std::string time_tick(double time_ns) {
  constexpr std::pair<const char*, double> units[] = {
      {" s", 1e9}, {" ms", 1e6}, {" µs", 1e3}, {" ns", 1}};
  for (const auto& [unit, size] : units)
    if (time_ns >= size * 0.999) return number(time_ns / size) + unit;
  return number(time_ns) + " ns";
}

std::string factor_tick(double factor) {
  return "× " + number(factor);
}

struct Panel {
  std::string title;
  const char* caption;  // of the upward axis
  std::function<std::optional<double>(const BenchEngine&, const SweepPoint&)> value;
  std::string (*tick)(double);
};

std::vector<Panel> panels_of(const Sweep& sweep, const Bench& bench) {
  std::vector<Panel> panels;
  for (const std::string& workload : sweep.workloads)
    panels.push_back({workload, "time of an operation",
                      [&bench, workload](const BenchEngine& engine, const SweepPoint& point) {
                        return bench.results.median(engine.name, workload_at(point, workload),
                                                    "ns_per_operation");
                      },
                      time_tick});
  if (sweep.has_writes)
    panels.push_back({"fillrandom", "bytes written for each byte",
                      [&bench](const BenchEngine& engine, const SweepPoint& point) {
                        return bytes_written(bench.results, engine.name, point);
                      },
                      factor_tick});
  return panels;
}

// The least and the greatest value of a panel; nothing when it has none.
std::optional<std::pair<double, double>> range_of(const Panel& panel, const Sweep& sweep,
                                                  const Bench& bench) {
  std::optional<std::pair<double, double>> range;
  for (const BenchEngine& engine : bench.engines)
    for (const SweepPoint& point : sweep.points) {
      const std::optional<double> value = panel.value(engine, point);
      if (!value || *value <= 0) continue;
      if (!range) range = {*value, *value};
      range = {std::min(range->first, *value), std::max(range->second, *value)};
    }
  return range;
}

std::string across_axis(const Sweep& sweep, const Scale& across, bool has_title) {
  std::string text;
  const double bottom = plot_top + plot_height;
  for (const SweepPoint& point : sweep.points) {
    const double x = across(point.place);
    text +=
        line_from(x, plot_top, x, bottom, "grid") + text_at(x, bottom + 15, "middle", point.tick);
  }
  const bool is_within = sweep.mark > sweep.points.front().place;
  if (sweep.mark > 0 && is_within && sweep.mark < sweep.points.back().place) {
    const double x = across(sweep.mark);
    text += "<path class=\"axis\" stroke-dasharray=\"1 3\" d=\"M" + number(x) + " " +
            number(bottom) + "V" + number(plot_top) + "\"/>\n" +
            text_at(x - 4, bottom - 5, "end", sweep.mark_label);
  }
  if (has_title) text += text_at(plot_left + plot_width / 2, bottom + 32, "middle", sweep.axis);
  return text;
}

std::string panel_svg(const Panel& panel, const Sweep& sweep, const Bench& bench, bool has_title) {
  constexpr double inset = 14, strip_height = 20;  // the mark's label stands there
  const double bottom = plot_top + plot_height;
  std::string text =
      text_at(plot_left, plot_top - 8, "",
              "<tspan class=\"panel\">" + panel.title + "</tspan> — " + panel.caption);
  const Scale across(sweep.points.front().place, sweep.points.back().place, sweep.is_log,
                     plot_left + inset, plot_left + plot_width - inset);
  text += across_axis(sweep, across, has_title);
  const auto range = range_of(panel, sweep, bench);
  if (!range) return text;
  const std::vector<double> ticks = log_ticks(range->first, range->second);
  const Scale up(std::min(range->first, ticks.front()), std::max(range->second, ticks.back()), true,
                 bottom - strip_height, plot_top + 8);
  for (const double tick : ticks)
    text += line_from(plot_left, up(tick), plot_left + plot_width, up(tick), "grid") +
            text_at(plot_left - 6, up(tick) + 4, "end", panel.tick(tick));
  text += line_from(plot_left, bottom, plot_left + plot_width, bottom, "axis");
  for (auto engine = bench.engines.rbegin(); engine != bench.engines.rend(); ++engine) {
    std::vector<std::pair<double, double>> points;
    for (const SweepPoint& point : sweep.points)
      if (const auto value = panel.value(*engine, point); value && *value > 0)
        points.emplace_back(across(point.place), up(*value));
    if (!points.empty()) text += curve(points, look_of(*engine));
  }
  return text;
}

std::string legend_svg(const Bench& bench, double y) {
  constexpr double sample = 30, letter = 7;  // as wide as one may be
  std::string text;
  double x = plot_left;
  for (const BenchEngine& engine : bench.engines) {
    const Look& look = look_of(engine);
    text += curve({{x, y}, {x + sample, y}}, look);
    text += text_at(x + sample + 9, y + 4, "", engine.title);
    x += sample + 30 + letter * static_cast<double>(engine.title.size());
  }
  return text;
}

}  // namespace

std::vector<double> log_ticks(double low, double high) {
  const auto between = [&](std::initializer_list<double> steps) {
    std::vector<double> ticks;
    const int first = static_cast<int>(std::floor(std::log10(low)));
    const int last = static_cast<int>(std::floor(std::log10(high)));
    for (int power = first; power <= last; ++power)
      for (const double step : steps) {
        const double tick = step * std::pow(10.0, power);
        if (tick >= low * 0.999 && tick <= high * 1.001) ticks.push_back(tick);
      }
    return ticks;
  };
  std::vector<double> ticks = between({1});
  if (ticks.size() < 3) ticks = between({1, 2, 5});
  if (ticks.size() < 2) ticks = between({1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8});
  if (ticks.empty()) ticks = {low};
  return ticks;
}

std::string sweep_svg(const Sweep& sweep, const Bench& bench) {
  const std::vector<Panel> panels = panels_of(sweep, bench);
  const std::size_t rows = (panels.size() + panels_a_row - 1) / panels_a_row;
  const double width = cell_width * panels_a_row + margin;
  const double height = heading_height + cell_height * static_cast<double>(rows) + margin;
  std::string text =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + number(width) + "\" height=\"" +
      number(height) + "\" viewBox=\"0 0 " + number(width) + " " + number(height) +
      "\" role=\"img\">\n<title>" + sweep.title + "</title>\n" + style +
      "<rect class=\"page\" width=\"100%\" height=\"100%\"/>\n" +
      text_at(margin, 26, "",
              "<tspan class=\"title\">" + sweep.title + "</tspan> — " + sweep.setting +
                  "; lower is better; " + (sweep.is_log ? "both axes are" : "upwards it is") +
                  " logarithmic");
  text += legend_svg(bench, 50);
  for (std::size_t i = 0; i < panels.size(); ++i) {
    const double x = cell_width * static_cast<double>(i % panels_a_row);
    const double y = heading_height + cell_height * static_cast<double>(i / panels_a_row);
    const bool is_lowest = i + panels_a_row >= panels.size();
    text += "<g transform=\"translate(" + number(x) + " " + number(y) + ")\">\n" +
            panel_svg(panels[i], sweep, bench, is_lowest) + "</g>\n";
  }
  return text + "</svg>\n";
}

}  // namespace lab
