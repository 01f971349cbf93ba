// bench_plot_test.cpp: which sweeps labs/lab bench scaling has, and that its plots are SVG.
#include <course/bench_plot.hpp>

#include <doctest/doctest.h>

#include <cctype>
#include <string_view>

namespace {

using namespace lab;

// What keeps a text from being well-formed XML, as far as plots need it; empty: nothing.
std::string fault_of(std::string_view text) {
  std::vector<std::string> open;
  for (std::size_t at = 0; (at = text.find('<', at)) != text.npos;) {
    const std::size_t end = text.find('>', at);
    if (end == text.npos) return "a tag does not end";
    std::string_view tag = text.substr(at + 1, end - at - 1);
    at = end;
    std::size_t quotes = 0;
    for (const char c : tag)
      quotes += c == '"' ? 1 : 0;
    if (quotes % 2 != 0 || tag.find('<') != tag.npos) return "a broken tag: " + std::string(tag);
    if (!tag.empty() && tag.back() == '/') continue;
    const std::string name(tag.substr(0, tag.find_first_of(" \n")));
    if (name.empty() || name[0] != '/') {
      open.push_back(name);
      continue;
    }
    if (open.empty() || "/" + open.back() != name) return "<" + name + "> ends nothing";
    open.pop_back();
  }
  if (text.find('&') != text.npos) return "an &";
  return open.empty() ? "" : "<" + open.back() + "> has no end";
}

std::size_t count_of(std::string_view text, std::string_view what) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find(what, at)) != text.npos; ++at)
    ++count;
  return count;
}

// Every engine's figures, which depend on all that tells points apart.
Bench measured(const Sweep& sweep) {
  Bench bench;
  bench.engines = {{"lsmith", "lsmith", "lsmith", "", "", false},
                   {"mapped", "mapped", "lsmith mapped", "", "", true},
                   {"lmdb", "LMDB", "LMDB", "", "liblmdb-dev", false}};
  for (const BenchEngine& engine : bench.engines)
    for (std::size_t i = 0; i < sweep.points.size(); ++i)
      for (const std::string& workload : sweep.workloads)
        bench.results.add(engine.name, 0, sweep.points[i].suite,
                          "figure " + workload +
                              " operations=1000 user=100 written=" + std::to_string(120 + 90 * i) +
                              " seconds=0." + std::to_string(engine.name.size() + i) + "\n");
  return bench;
}

TEST_SUITE("tool.bench_plot") {
  TEST_CASE("entries grow by tens, values from 16 bytes to 64 KiB, threads from 1 to 4") {
    const std::vector<Sweep> sweeps = all_sweeps({});
    REQUIRE(sweeps.size() == 3);
    const auto labels = [](const Sweep& sweep) {
      std::string text;
      for (const SweepPoint& point : sweep.points)
        text += point.label + "|";
      return text;
    };
    CHECK(labels(sweeps[0]) == "100,000|1,000,000|10,000,000|");
    CHECK(labels(sweeps[1]) == "16 B|100 B|1 KiB|4 KiB|64 KiB|");
    CHECK(labels(sweeps[2]) == "1|2|3|4|");
    CHECK(sweeps[0].points[2].tick == "10M");
    CHECK(workloads_of(sweeps[2]).size() == 12);
  }

  TEST_CASE("while values grow the data stays, and while others grow the values do") {
    for (const Sweep& sweep : all_sweeps({}))
      for (const SweepPoint& point : sweep.points) {
        CAPTURE(point.suite);
        CHECK(point.operations >= 30'000);
        CHECK(point.operations <= 2'000'000);
        if (sweep.name == "values")
          CHECK(static_cast<double>(point.data_bytes()) == doctest::Approx(128e6).epsilon(0.001));
        else
          CHECK(point.value_bytes == 100);
      }
  }

  TEST_CASE("the sweep of entries goes as far as it is told") {
    SweepSizes sizes;
    sizes.entries_max = 99'999'999;
    CHECK(all_sweeps(sizes)[0].points.size() == 3);
    sizes.entries_max = 100'000'000;
    CHECK(all_sweeps(sizes)[0].points.back().entries == 100'000'000);
  }

  TEST_CASE("a plot is well-formed, has a line for each engine in each panel, and is repeatable") {
    for (const Sweep& sweep : all_sweeps({})) {
      CAPTURE(sweep.name);
      const Bench bench = measured(sweep);
      const std::string svg = sweep_svg(sweep, bench);
      CHECK(fault_of(svg) == "");
      const std::size_t panels = sweep.workloads.size() + (sweep.has_writes ? 1 : 0);
      for (const BenchEngine& engine : bench.engines)
        CHECK(count_of(svg, "class=\"line " + engine.name + "\"") == panels + 1);  // the legend's
      CHECK(count_of(svg, "nan") + count_of(svg, "inf") == 0);
      CHECK(svg == sweep_svg(sweep, measured(sweep)));
      CHECK(svg.size() < 40'000);
    }
  }

  TEST_CASE("what was not measured leaves no point, and nothing at all leaves axes") {
    const Sweep sweep = all_sweeps({})[0];
    Bench bench = measured(sweep);
    bench.engines.push_back({"rocksdb", "RocksDB", "RocksDB", "", "librocksdb-dev", false});
    bench.results.add("rocksdb", 0, "entries-100000", "figure readseq operations=9 seconds=1\n");
    const std::string svg = sweep_svg(sweep, bench);
    CHECK(fault_of(svg) == "");
    CHECK(count_of(svg, "class=\"line rocksdb\"") == 2);
    bench.results = {};
    CHECK(fault_of(sweep_svg(sweep, bench)) == "");
    CHECK(count_of(sweep_svg(sweep, bench), "class=\"line lsmith\"") == 1);
  }

  TEST_CASE("ticks are round, and there are some") {
    using Ticks = std::vector<double>;
    CHECK(log_ticks(3, 40'000) == Ticks{10, 100, 1000, 10'000});
    CHECK(log_ticks(1, 20) == Ticks{1, 2, 5, 10, 20});
    CHECK(log_ticks(1.1, 2.9) == Ticks{1.2, 1.5, 2, 2.5});
    CHECK(log_ticks(7, 7) == Ticks{7});
  }
}

}  // namespace
