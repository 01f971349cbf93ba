// command_verify.cpp: `labs/lab verify`: the course tests itself.
#include "claims.hpp"
#include "commands.hpp"
#include "process.hpp"
#include "terminal.hpp"
#include "text.hpp"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>

namespace lab {
namespace {

constexpr std::string_view usage =
    "usage: labs/lab verify [NN…] [--full] [--only GROUP] [--seeds N] [--every N]\n\n"
    "Proves that the tests of the course are good, for all chapters or for NN. The groups:\n"
    "  labs          as shipped, no step is started\n"
    "  bodies        the solutions and the library have full marks\n"
    "  steps         each step can be done before the later ones are begun\n"
    "  mutants       wrong solutions die by the case that their record names\n"
    "  matrix        each case is for some mutant the first to fail; only if asked for\n"
    "  automatic     small changes by rule are noticed; half an hour, only if asked for\n"
    "  alternatives  other correct solutions have full marks\n"
    "  engines       the engine agrees with a map, with each solution alone in the library\n"
    "  rules         the library with a rule of durability broken is caught; only if asked for\n"
    "  seeds         the solutions have full marks with other random cases\n"
    "  --full        matrix, automatic, rules, the engine also with the solutions up to each "
    "chapter, 200 "
    "seeds\n"
    "  --seeds N     as many seeds\n"
    "  --every N     only each Nth mutant or change, where time is short\n";

constexpr std::string_view groups[] = {"labs",      "bodies",       "steps",   "mutants", "matrix",
                                       "automatic", "alternatives", "engines", "rules",   "seeds"};

struct Request {
  std::vector<Part> parts;
  std::string only;
  bool is_full = false;
  std::uint64_t seeds = 0;
  std::uint64_t every = 1;
  bool wants(std::string_view group) const { return only.empty() || only == group; }
};

// Understands the words; false, with the exit code, when there is nothing more to do.
bool read_request(Arguments& arguments, Request& request, int& code) {
  request.is_full = arguments.flag("--full");
  request.only = arguments.option("--only").value_or("");
  const auto asked = arguments.option("--seeds");
  const auto seeds = asked ? parse_number(*asked) : std::optional<std::uint64_t>(0);
  const auto every = parse_number(arguments.option("--every").value_or("1"));
  const bool is_known = request.only.empty() || std::find(std::begin(groups), std::end(groups),
                                                          request.only) != std::end(groups);
  std::string error;
  for (const std::string& word : arguments.words()) {
    const auto part = find_part(word);
    if (!part) return code = no_such_chapter(word), false;
    request.parts.push_back(*part);
  }
  if (!arguments.error().empty()) error = arguments.error();
  if (!seeds) error = "--seeds takes a whole number";
  if (every.value_or(0) == 0) error = "--every takes a number from 1 on";
  if (!is_known) error = "there is no group \"" + request.only + "\"";
  if (!error.empty())
    return code = complain(exit_usage, error + "\n\n" + std::string(usage)), false;
  if (request.parts.empty()) request.parts = all_parts();
  request.every = *every;
  request.seeds = !asked && (request.is_full || request.only == "seeds") ? 200 : *seeds;
  return true;
}

// False, after a complaint, when a record of a mutant can not be read.
bool collect(const Request& request, std::vector<Claim>& claims) {
  if (request.only == "rules" || request.is_full) {
    std::string error;
    const std::vector<Mutant> mutants = read_library_mutants(error);
    if (!error.empty()) return complain(exit_failure, error), false;
    add_rules(claims, mutants);
  }
  for (const Part& part : request.parts) {
    if (request.wants("labs")) add_labs(claims, part);
    if (request.wants("bodies")) add_bodies(claims, part);
    if (request.wants("steps")) add_steps(claims, part);
    if (request.wants("alternatives")) add_alternatives(claims, part);
    if (request.wants("engines")) add_engines(claims, part, request.is_full);
    if (request.wants("seeds") && request.seeds > 0) add_seeds(claims, part, request.seeds);
    if (request.only == "automatic" || request.is_full) add_automatic(claims, part, request.every);
    const bool has_matrix = request.only == "matrix" || request.is_full;
    if (!request.wants("mutants") && !has_matrix) continue;
    std::string error;
    const std::vector<Mutant> mutants = read_mutants(part, error);
    if (!error.empty()) return complain(exit_failure, error), false;
    if (has_matrix) add_matrix(claims, part, mutants);
    if (!request.wants("mutants")) continue;
    std::vector<Mutant> chosen;
    for (std::size_t at = 0; at < mutants.size(); at += request.every)
      chosen.push_back(mutants[at]);
    add_mutants(claims, part, chosen);
  }
  return true;
}

// Hands out numbers to workers, a share of neighbours to each; who has done its own helps others.
// Neighbours need the same to be compiled first, which two at once would do twice.
class Shares {
 public:
  Shares(std::size_t count, std::size_t workers) : next_(workers) {
    for (std::size_t worker = 0; worker <= workers; ++worker)
      begin_.push_back(count * worker / workers);
  }
  std::optional<std::size_t> take(std::size_t worker) {
    for (std::size_t i = 0; i < next_.size(); ++i) {
      const std::size_t share = (worker + i) % next_.size();
      const std::size_t number = begin_[share] + next_[share].fetch_add(1);
      if (number < begin_[share + 1]) return number;
    }
    return std::nullopt;
  }

 private:
  std::vector<std::atomic<std::size_t>> next_;  // how many of a share are taken, or were wanted
  std::vector<std::size_t> begin_;
};

// What is wrong with each claim, in their order; empty where it holds.
std::vector<std::string> prove_all(const std::vector<Claim>& claims) {
  std::vector<std::string> complaints(claims.size());
  Progress progress("verify", claims.size());
  const auto workers = static_cast<std::size_t>(processor_count());
  Shares shares(claims.size(), workers);
  std::size_t done = 0;
  std::mutex mutex;
  const auto work = [&](std::size_t worker) {
    while (const auto i = shares.take(worker)) {
      complaints[*i] = claims[*i].prove();
      const std::lock_guard lock(mutex);
      progress.update(++done);
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t worker = 0; worker < workers; ++worker)
    threads.emplace_back(work, worker);
  for (std::thread& thread : threads)
    thread.join();
  return complaints;
}

int report(const std::vector<Claim>& claims, const std::vector<std::string>& complaints,
           std::uint64_t began_ms) {
  std::map<std::string_view, std::pair<int, int>> counts;  // held, all
  bool is_fine = !claims.empty();
  for (std::size_t i = 0; i < claims.size(); ++i) {
    auto& [held, all] = counts[claims[i].group];
    held += complaints[i].empty();
    all += 1;
    if (complaints[i].empty()) continue;
    is_fine = false;
    print(paint(Tone::bad, claims[i].group + ": " + claims[i].name) + "  " + complaints[i] + "\n");
  }
  std::string line;
  for (const std::string_view group : groups) {
    const auto [held, all] = counts[group];
    if (all == 0) continue;
    line += (line.empty() ? "" : ", ") + std::string(group) + " " + std::to_string(held) + "/" +
            std::to_string(all);
  }
  const auto seconds = std::to_string((clock_ms() - began_ms + 500) / 1000);
  print(paint(is_fine ? Tone::good : Tone::bad, line.empty() ? "nothing to verify" : line) + "  " +
        seconds + " s\n");
  return finish(is_fine ? exit_fine : exit_failure);
}

}  // namespace

int run_verify(std::vector<std::string> given) {
  Arguments arguments(std::move(given));
  if (arguments.flag("--help")) return print(usage), finish(exit_fine);
  Request request;
  int code = exit_fine;
  if (!read_request(arguments, request, code)) return code;
  const std::uint64_t began_ms = clock_ms();
  std::vector<Claim> claims;
  if (!collect(request, claims)) return exit_failure;
  return report(claims, prove_all(claims), began_ms);
}

}  // namespace lab
