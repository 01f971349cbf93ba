// bench_files.cpp: a benchmark as JSON and as a page. Names and versions are plain words: nothing
// in them has to be escaped. Paths are not.
#include "bench_report.hpp"

#include <algorithm>
#include <cstdio>

namespace lab {
namespace {

// As JSON has it.
std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text)
    result += c == '"' || c == '\\' ? std::string{'\\', c} : std::string{c};
  return result + "\"";
}

// As HTML has it.
std::string as_text(const std::string& text) {
  std::string result;
  for (const char c : text)
    result += c == '&' ? "&amp;" : c == '<' ? "&lt;" : std::string{c};
  return result;
}

std::string number_text(double number) {
  char text[64];
  std::snprintf(text, sizeof text, "%.12g", number);
  return text;
}

std::string figure_json(const BenchFigure& figure) {
  std::string text = "{\"engine\": " + quoted(figure.engine) +
                     ", \"repetition\": " + std::to_string(figure.repetition) +
                     ", \"suite\": " + quoted(figure.workload.suite) +
                     ", \"workload\": " + quoted(figure.workload.name);
  for (const auto& [name, value] : figure.fields)
    text += ", " + quoted(name) + ": " + number_text(value);
  return text + "}";
}

// What stands before the first chart. Colours are told apart by lightness too.
constexpr const char* page_begin = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>lsmith bench</title>
<style>
:root { color-scheme: light dark; --ink: #1c1e21; --page: #ffffff; --line: #d9dde2;
        --faint: #5c6570; --ours: #1668b8; --peer: #a9b4c0; --bad: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8ea; --page: #15181c; --line: #343a42; --faint: #a3adb8; --ours: #5aa9f0;
          --peer: #56606b; --bad: #ff8a80; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page);
       max-width: 68rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin: 2.5rem 0 .5rem; } .faint { color: var(--faint); }
.charts { display: grid; gap: 1.5rem;
          grid-template-columns: repeat(auto-fill, minmax(20rem, 1fr)); }
.charts h3 { font-size: 1rem; margin: 0 0 .25rem; }
.row { display: grid; grid-template-columns: 5rem 1fr 5rem; gap: .5rem; align-items: center; }
.row i { display: block; height: .8rem; border-radius: 2px; background: var(--peer); }
.row i.ours { background: var(--ours); }
.row b, td { font-weight: normal; text-align: right; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; } table { border-collapse: collapse; }
th, td { padding: .2rem .7rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } .bad { color: var(--bad); }
</style></head><body>
<h1>lsmith bench</h1>
)";

std::string chart(const Bench& bench, const BenchWorkload& workload) {
  double slowest = 0;
  std::vector<std::pair<const BenchEngine*, double>> times;
  for (const BenchEngine& engine : bench.engines) {
    const auto time_ns = bench.results.median(engine.name, workload, "ns_per_operation");
    if (!time_ns) continue;
    times.emplace_back(&engine, *time_ns);
    slowest = std::max(slowest, *time_ns);
  }
  std::string text = "<div><h3>" + workload.name + "</h3>\n";
  for (const auto& [engine, time_ns] : times)
    text += "<div class=\"row\"><span>" + engine->label + "</span><span><i" +
            (engine->is_peer() ? "" : " class=\"ours\"") +
            " style=\"width: " + as_three_digits(slowest > 0 ? 100 * time_ns / slowest : 0) +
            "%\"></i></span><b>" + as_time(time_ns) + "</b></div>\n";
  return text + "</div>\n";
}

std::string times_table(const Bench& bench) {
  std::string text = "<div class=\"wide\"><table><tr><th>workload</th>";
  for (const BenchEngine& engine : bench.engines)
    text += "<th>" + engine.label + "</th>";
  text += "</tr>\n";
  for (const BenchWorkload& workload : bench.workloads) {
    text += "<tr><td>" + workload.name + "</td>";
    for (const BenchEngine& engine : bench.engines) {
      const auto time_ns = bench.results.median(engine.name, workload, "ns_per_operation");
      text += "<td>" + (time_ns ? as_time(*time_ns) : "-") + "</td>";
    }
    text += "</tr>\n";
  }
  return text + "</table></div>\n";
}

std::string ratio_cell(const Bench& bench, const BenchEngine& ours, const BenchEngine& peer,
                       const BenchWorkload& workload) {
  const auto ratio = bench.results.ratio(ours.name, peer.name, workload);
  if (!ratio) return "<td>-</td>";
  const bool is_missed = *ratio < goal_of(workload, peer);
  return std::string(*ratio < 1 ? "<td class=\"bad\">" : "<td>") + as_three_digits(*ratio) +
         (is_missed ? "*" : "") + "</td>";
}

std::string ratios_table(const Bench& bench, const BenchEngine& ours) {
  std::string text = "<div class=\"wide\"><table><tr><th>workload</th>";
  for (const BenchEngine& peer : bench.only(true))
    text += "<th>" + peer.label + "</th>";
  text += "</tr>\n";
  for (const BenchWorkload& workload : bench.workloads) {
    text += "<tr><td>" + workload.name + "</td>";
    for (const BenchEngine& peer : bench.only(true))
      text += ratio_cell(bench, ours, peer, workload);
    text += "</tr>\n";
  }
  return text + "</table></div>\n";
}

}  // namespace

std::string bench_json(const Bench& bench) {
  std::string setting;
  for (const std::string& sentence : bench_setting(bench))
    setting += sentence + " ";
  std::string text = "{\"repetitions\": " + std::to_string(bench.repetitions) +
                     ", \"setting\": " + quoted(setting) + ",\n \"engines\": [";
  for (const BenchEngine& each : bench.engines)
    text += std::string(&each == &bench.engines.front() ? "" : ", ") +
            "{\"name\": " + quoted(each.name) + ", \"version\": " + quoted(each.version) +
            (each.is_peer() ? ", \"library\": " + quoted(each.library) : "") + "}";
  text += "],\n \"machine\": {";
  for (const auto& [name, ns] : bench.machine)
    text +=
        (name == bench.machine.begin()->first ? "" : ", ") + quoted(name) + ": " + number_text(ns);
  text += "},\n \"figures\": [\n";
  for (const BenchFigure& each : bench.results.all())
    text += "  " + figure_json(each) + (&each == &bench.results.all().back() ? "\n" : ",\n");
  return text + "]}\n";
}

std::string bench_html(const Bench& bench) {
  std::string text = page_begin;
  text += "<p class=\"faint\">";
  for (const std::string& sentence : bench_setting(bench))
    text += as_text(sentence) + "<br>\n";
  text +=
      "</p>\n<h2>Time of one operation</h2>\n<p class=\"faint\">Shorter is faster.</p>\n"
      "<div class=\"charts\">\n";
  for (const BenchWorkload& workload : bench.workloads)
    text += chart(bench, workload);
  text += "</div>\n<h2>The same in numbers</h2>\n" + times_table(bench);
  for (const BenchEngine& ours : bench.only(false)) {
    const std::string sentence = bench_sentence(bench, ours);
    if (sentence.empty()) continue;
    text += "<h2>Times as fast: " + ours.title + "</h2>\n<p>" + sentence +
            ". <span class=\"faint\">* is below its goal.</span></p>\n" + ratios_table(bench, ours);
  }
  return text + "</body></html>\n";
}

}  // namespace lab
