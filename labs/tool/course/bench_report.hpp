// bench_report.hpp: a benchmark as tables on the terminal, as JSON and as a page.
#pragma once

#include "bench_results.hpp"

#include <string>

namespace lab {

/// 812 as "812 ns", 2732531 as "2.73 ms".
std::string as_time(double time_ns);
/// A number with three digits, or as many as stand before its point.
std::string as_three_digits(double number);
/// How the benchmark was set, which versions took part, and what to think of them: sentences.
std::vector<std::string> bench_setting(const Bench& bench);
/// What one of ours is beside the peers, as a sentence; empty when there are none.
std::string bench_sentence(const Bench& bench, const BenchEngine& ours);

/// Prints bench_setting.
void print_setting(const Bench& bench);
/// Prints a table of times, and one of ratios where there are peers.
void print_comparison(const Bench& bench);
/// Prints bench_sentence for each of ours.
void print_sentences(const Bench& bench);
/// Prints all of these, and what writing cost, and how near the machine's limit that is.
void print_bench(const Bench& bench);
/// Every figure of every repetition.
std::string bench_json(const Bench& bench);
/// One file that needs no other: a chart for each workload, and the tables.
std::string bench_html(const Bench& bench);

}  // namespace lab
