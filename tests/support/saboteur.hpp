// saboteur.hpp: crashes a machine after every call that changes a file, in every way, and judges
// what each crash leaves; and crashes again while that is recovered.
//
// The owner says what was promised: a power cut must leave all that was synced, a kill all that was
// acknowledged, both whole batches and nothing that was not attempted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "history.hpp"
#include "publication.hpp"

namespace lsmith::testing {

class Saboteur {
 public:
  Saboteur(Machine& machine, const History& history, std::uint64_t seed, int depth = 1)
      : machine_(machine),
        history_(history),
        publication_(machine.files),
        random_(seed),
        depth_(depth) {
    machine_.files.on_change = [this](Call call, const std::string& path) { examine(call, path); };
  }
  ~Saboteur() { machine_.files.on_change = nullptr; }

  // To be called when a promise was made: no call of the file system tells.
  void examine(const std::string& when) {
    cut_power(when);
    judge([&] { return machine_.files.after_kill(); }, acknowledged, last_kill_,
          "killed after " + when);
  }

  std::uint64_t synced = 0;         // batches that survive a power cut
  std::uint64_t acknowledged = 0;   // that survive a kill
  std::uint64_t attempted = 0;      // that may be there
  std::uint64_t one_of = 1;         // so many images one is judged
  std::uint64_t again_one_of = 60;  // so many that are judged one is recovered under crashes
  bool is_watching = true;          // else nothing is judged
  std::uint64_t images = 0;
  std::uint64_t images_in_recovery = 0;
  std::string problem;  // the first; empty: there is none

 private:
  struct Seen {
    Image image;
    std::uint64_t least = ~std::uint64_t{0};
  };

  void examine(Call call, const std::string& path) {
    const std::string when = std::string(name_of(call)) + " " + path;
    note(publication_.after(call, path), when);
    if (!problem.empty() || !is_watching) return;
    examine(when);
    if (call == Call::append || call == Call::log_write)
      judge([&] { return machine_.files.after_kill_in_write(path, random_); }, acknowledged,
            last_torn_, "killed in " + when);
  }
  void cut_power(const std::string& when) {
    for (std::size_t kind = 0; kind < wreck_count; ++kind) {
      const auto wreck = static_cast<Wreck>(kind);
      judge([&] { return machine_.files.wreck(wreck, random_); }, synced, last_wrecks_[kind],
            "power cut after " + when + ", leaving " + name_of(wreck));
    }
  }
  void note(const std::string& what, const std::string& when) {
    if (problem.empty() && !what.empty()) problem = when + ": " + what;
  }

  // What is as it was before needs no second look.
  template <class Leave>
  void judge(Leave leave, std::uint64_t least, Seen& last, const std::string& when) {
    if (!problem.empty() || random_.below(one_of) > 0) return;
    Image image = leave();
    if (last.least == least && last.image == image) return;
    ++images;
    const std::string range =
        ", batches " + std::to_string(least) + " to " + std::to_string(attempted);
    note(check_recovery(image, history_, least, attempted, machine_.options), when + range);
    if (depth_ > 0 && random_.below(again_one_of) == 0) crash_again(image, least, when);
    last = {std::move(image), least};
  }
  void crash_again(const Image& image, std::uint64_t least, const std::string& when) {
    Machine second(image, machine_.options);
    Saboteur saboteur(second, history_, random_.next(), depth_ - 1);
    saboteur.one_of = one_of * 20;
    saboteur.synced = saboteur.acknowledged = least;
    saboteur.attempted = attempted;
    const auto db = second.try_open();
    note(saboteur.problem, when + ", then recovered, then");
    if (!db.ok()) note(db.status().to_string(), when + ", then recovered");
    images_in_recovery += saboteur.images + saboteur.images_in_recovery;
  }

  Machine& machine_;
  const History& history_;
  Publication publication_;
  Random random_;
  const int depth_;
  Seen last_wrecks_[wreck_count];
  Seen last_kill_;
  Seen last_torn_;
};

}  // namespace lsmith::testing
