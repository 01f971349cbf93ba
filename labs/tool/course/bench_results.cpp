// bench_results.cpp: lines into figures, figures into medians.
#include "bench_results.hpp"

#include "bench_goals.hpp"
#include "contract.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <sstream>
#include <utility>

namespace lab {
namespace {

// Requires at least one value.
double median_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

// "name=number …"
std::map<std::string, double> read_fields(std::istringstream& words) {
  std::map<std::string, double> fields;
  for (std::string word; words >> word;) {
    const std::size_t equal = word.find('=');
    if (equal == word.npos) continue;
    fields[word.substr(0, equal)] = std::strtod(word.c_str() + equal + 1, nullptr);
  }
  if (fields.count("operations") > 0 && fields["operations"] > 0)
    fields["ns_per_operation"] = fields["seconds"] * 1e9 / fields["operations"];
  return fields;
}

}  // namespace

bool BenchEngine::is_packaged() const {
  const auto is_below = [this](const std::string& folder) {
    return library.compare(0, folder.size(), folder) == 0;
  };
  return is_below("/usr/") && !is_below("/usr/local/");
}

std::string library_in(const std::string& cache, const BenchEngine& peer) {
  std::string front = "BENCH_";
  for (const char c : peer.name)
    front += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  front += "_LIBRARY:FILEPATH=";
  for (const Line& line : lines_of(cache))
    if (line.text.compare(0, front.size(), front) == 0) return line.text.substr(front.size());
  return {};
}

std::string BenchResults::add(const std::string& engine, int repetition, const std::string& suite,
                              const std::string& output) {
  std::string complaint;
  for (const Line& line : lines_of(output)) {
    std::istringstream words(line.text);
    std::string kind, name = "closed";
    words >> kind;
    if (kind != "closed" && (kind != "figure" || !(words >> name))) {
      complaint += line.text + "\n";
      continue;
    }
    all_.push_back({engine, repetition, {suite, name}, read_fields(words)});
  }
  return complaint;
}

std::map<int, double> BenchResults::values(const std::string& engine, const BenchWorkload& workload,
                                           const std::string& field) const {
  std::map<int, double> found;
  for (const BenchFigure& each : all_) {
    if (each.engine != engine || each.workload.suite != workload.suite ||
        each.workload.name != workload.name)
      continue;
    const auto at = each.fields.find(field);
    if (at != each.fields.end()) found[each.repetition] = at->second;
  }
  return found;
}

std::optional<double> BenchResults::median(const std::string& engine, const BenchWorkload& workload,
                                           const std::string& field) const {
  std::vector<double> all;
  for (const auto& [repetition, value] : values(engine, workload, field))
    all.push_back(value);
  if (all.empty()) return std::nullopt;
  return median_of(std::move(all));
}

std::optional<double> BenchResults::ratio(const std::string& ours, const std::string& peer,
                                          const BenchWorkload& workload) const {
  const std::map<int, double> mine = values(ours, workload, "ns_per_operation");
  std::vector<double> ratios;
  for (const auto& [repetition, time_ns] : values(peer, workload, "ns_per_operation")) {
    const auto same = mine.find(repetition);
    if (same != mine.end() && same->second > 0) ratios.push_back(time_ns / same->second);
  }
  if (ratios.empty()) return std::nullopt;
  return median_of(std::move(ratios));
}

std::vector<BenchEngine> Bench::only(bool peers) const {
  std::vector<BenchEngine> found;
  for (const BenchEngine& each : engines)
    if (each.is_peer() == peers) found.push_back(each);
  return found;
}

double goal_of(const BenchWorkload& workload, const BenchEngine& peer) {
  return workload.at.empty() ? bench_goal(workload.name, peer.name) : 0;
}

std::optional<BenchSummary> summarize(const Bench& bench, const std::string& ours) {
  BenchSummary summary;
  for (const BenchEngine& peer : bench.only(true)) {
    double logarithms = 0;
    int count = 0;
    for (const BenchWorkload& workload : bench.workloads) {
      const std::optional<double> ratio = bench.results.ratio(ours, peer.name, workload);
      if (!ratio) continue;
      logarithms += std::log(*ratio);
      ++count;
      const double goal = goal_of(workload, peer);
      summary.goals += goal > 0 ? 1 : 0;
      summary.missed += *ratio < goal ? 1 : 0;
      if (!summary.worst_peer.empty() && *ratio >= summary.worst) continue;
      summary.worst = *ratio;
      summary.worst_workload = workload.label();
      summary.worst_peer = peer.title;
    }
    if (count > 0) summary.means.emplace_back(peer.title, std::exp(logarithms / count));
  }
  if (summary.means.empty()) return std::nullopt;
  return summary;
}

}  // namespace lab
