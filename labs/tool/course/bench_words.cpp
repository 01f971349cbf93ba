// bench_words.cpp: numbers and settings of a benchmark in words.
#include "bench_report.hpp"

#include "terminal.hpp"

#include <algorithm>
#include <optional>

namespace lab {

std::string as_three_digits(double number) {
  return as_decimal(number, number < 9.995 ? 2 : number < 99.95 ? 1 : 0);
}

std::string as_time(double time_ns) {
  if (time_ns < 1e3) return as_three_digits(time_ns) + " ns";
  if (time_ns < 1e6) return as_three_digits(time_ns / 1e3) + " µs";
  if (time_ns < 1e9) return as_three_digits(time_ns / 1e6) + " ms";
  return as_three_digits(time_ns / 1e9) + " s";
}

std::vector<std::string> bench_setting(const Bench& bench) {
  std::string versions;
  for (const BenchEngine& each : bench.engines)
    if (versions.find(each.version) == versions.npos)
      versions += (versions.empty() ? "" : ", ") + each.version;
  std::vector<std::string> sentences = {
      bench.data + "; " + counted(bench.repetitions, "repetition.", "repetitions."),
      "64 MiB of write buffer and of cache, blocks of 4 KiB, 10 filter bits a key, no compression.",
      "A write survives a killed process, and only a synced one a power cut: the same for all.",
      versions + "."};
  if (std::any_of(bench.engines.begin(), bench.engines.end(),
                  [](const BenchEngine& each) { return each.is_mapped; }))
    sentences.push_back("Mapped is lsmith with tables read through memory maps.");
  std::string packaged;
  for (const BenchEngine& peer : bench.only(true)) {
    sentences.push_back(peer.version + " is linked from " + peer.library + ".");
    if (peer.is_packaged()) packaged += (packaged.empty() ? "" : ", ") + peer.title;
  }
  if (!packaged.empty())
    sentences.push_back(
        "A distribution's package may lack the hardware's checksums, which flatters "
        "lsmith: " +
        packaged + ".");
  return sentences;
}

std::string bench_sentence(const Bench& bench, const BenchEngine& ours) {
  const std::optional<BenchSummary> found = summarize(bench, ours.name);
  if (!found) return "";
  std::string text = ours.title + ": worst ratio " + as_three_digits(found->worst) + " (" +
                     found->worst_workload + ", " + found->worst_peer + "), geometric mean ";
  for (const auto& [title, mean] : found->means)
    text += as_three_digits(mean) + " over " + title + ", ";
  text.erase(text.size() - 2);
  if (found->goals == 0) return text;
  return text + ", " + std::to_string(found->missed) + " of " +
         counted(found->goals, "goal", "goals") + " missed";
}

}  // namespace lab
