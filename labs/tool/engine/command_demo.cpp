// command_demo.cpp: `labs/lab demo`: the engine's main job on real data, with a killed writer on
// the way.
#include "commands.hpp"
#include "demo_index.hpp"
#include "demo_writer.hpp"
#include "project.hpp"
#include "statistics.hpp"
#include "terminal.hpp"
#include "text.hpp"

#include <lsmith/lsmith.hpp>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <random>
#include <system_error>

#include <stdlib.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

namespace lab {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view demo_usage =
    "usage: labs/lab demo [--quick] [--megabytes N] [--seed N] [--keep DIR] [--no-prompt]\n\n"
    "Indexes the headers that this machine's compiler ships: a writer, which is a process of its "
    "own,\n"
    "is killed with SIGKILL part of the way; every write that it had acknowledged must be there; "
    "a\n"
    "second writer finishes. Then figures, and answers to prefix queries.\n"
    "  --quick        a few megabytes: seconds instead of a minute\n"
    "  --megabytes N  how much of the headers, 40 by default\n"
    "  --seed N       chooses the kill point and the keys that are read\n"
    "  --keep DIR     the database is made there and stays; labs/lab db looks into it\n"
    "  --no-prompt    asks nothing at the end\n";

volatile std::sig_atomic_t is_interrupted = 0;

void on_interrupt(int) {
  is_interrupted = 1;
}

struct Choice {
  std::uint64_t bytes_max = 40'000'000;
  std::uint64_t seed = 0;
  std::string keep;
  bool prompts = true;
};

// Where the database is made; what is not kept is removed at the end.
class Folder {
 public:
  explicit Folder(std::string keep) : path_(std::move(keep)), is_kept_(!path_.empty()) {
    if (is_kept_) {
      std::error_code error;
      fs::create_directories(path_, error);
      if (error || !fs::is_empty(path_, error) || error) path_.clear();
    } else {
      const char* const base = std::getenv("TMPDIR");
      path_ = std::string(base != nullptr && *base != '\0' ? base : "/tmp") + "/lsmith-demo-XXXXXX";
      if (mkdtemp(path_.data()) == nullptr) path_.clear();
    }
  }
  ~Folder() {
    std::error_code ignored;
    if (!is_kept_ && !path_.empty()) fs::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  bool is_usable() const { return !path_.empty(); }
  std::string database() const { return path_ + "/db"; }
  std::string list() const { return path_ + "/files.txt"; }
  std::uint64_t free_bytes() const {
    struct statvfs space {};
    if (statvfs(path_.c_str(), &space) != 0) return ~std::uint64_t{0};
    return static_cast<std::uint64_t>(space.f_bavail) * space.f_frsize;
  }

 private:
  std::string path_;
  bool is_kept_;
};

// A writer in a process of its own, and what it reports.
class WriterProcess {
 public:
  WriterProcess(const Folder& folder, std::uint64_t first) {
    int ends[2];
    if (pipe(ends) != 0) return;
    const std::string own = engine_program();
    const std::string begin = std::to_string(first);
    const std::string pipe_number = std::to_string(ends[1]);
    std::fflush(stdout);
    child_ = fork();
    if (child_ == 0) {
      close(ends[0]);
      execl(own.c_str(), own.c_str(), "demo-writer", folder.database().c_str(),
            folder.list().c_str(), begin.c_str(), pipe_number.c_str(), nullptr);
      _exit(127);
    }
    close(ends[1]);
    from_ = ends[0];
  }
  ~WriterProcess() {
    if (child_ > 0) stop();
    if (from_ >= 0) close(from_);
  }
  WriterProcess(const WriterProcess&) = delete;
  WriterProcess& operator=(const WriterProcess&) = delete;

  // Waits for the next whole report. False when there will be none.
  bool next(WriterReport& report) {
    WriterReport incoming;
    std::size_t have = 0;
    while (have < sizeof incoming) {
      const ssize_t size =
          read(from_, reinterpret_cast<char*>(&incoming) + have, sizeof incoming - have);
      if (size < 0 && errno == EINTR && !is_interrupted) continue;
      if (size <= 0) return false;
      have += static_cast<std::size_t>(size);
    }
    report = incoming;
    return true;
  }
  // Kills it with SIGKILL, and waits until it is gone.
  void stop() {
    kill(child_, SIGKILL);
    wait();
  }
  // Its exit code; negative when a signal ended it.
  int wait() {
    int state = 0;
    while (waitpid(child_, &state, 0) < 0 && errno == EINTR) {
    }
    child_ = -1;
    return WIFEXITED(state) ? WEXITSTATUS(state) : -1;
  }

 private:
  pid_t child_ = -1;
  int from_ = -1;
};

std::string per_second(std::uint64_t count, std::uint64_t duration_us) {
  const double seconds = std::max(1.0, static_cast<double>(duration_us)) / 1e6;
  return with_commas(static_cast<std::uint64_t>(static_cast<double>(count) / seconds)) + "/s";
}

std::string seconds(std::uint64_t duration_us) {
  return as_decimal(static_cast<double>(duration_us) / 1e6, 1) + " s";
}

void say(std::string_view name, const std::string& text) {
  print("  " + pad(name, 12) + text + "\n");
  std::fflush(stdout);
}

class Demo {
 public:
  Demo(const Choice& choice, const Folder& folder)
      : choice_(choice), folder_(folder), random_(choice.seed) {}

  int run() {
    if (!collect() || !write_and_kill() || !verify_acknowledged() || !write_rest() || !measure())
      return is_interrupted ? complain(exit_failure, "interrupted") : exit_failure;
    ask_all();
    return finish(exit_fine);
  }

 private:
  static constexpr std::size_t sample_count_max = 200'000;

  bool failed(std::string_view why) { return complain(exit_failure, why), false; }

  bool collect();
  bool write_and_kill();
  bool verify_acknowledged();
  bool write_rest();
  bool measure();
  bool read_samples(lsmith::Db& db);
  bool scan_all(lsmith::Db& db);
  void ask_all();
  void ask(lsmith::Db& db, const std::string& prefix);

  // Keeps each key that passes by with the same chance.
  void sample(std::string_view key) {
    ++passed_count_;
    if (samples_.size() < sample_count_max) {
      samples_.emplace_back(key);
    } else if (const std::uint64_t at = random_() % passed_count_; at < sample_count_max) {
      samples_[at] = key;
    }
  }

  const Choice& choice_;
  const Folder& folder_;
  std::mt19937_64 random_;
  std::vector<HeaderFile> files_;
  std::uint64_t source_bytes_ = 0;
  WriterReport first_;   // the last that the killed writer sent
  WriterReport second_;  // the last before, and then after, its background work came to rest
  WriterReport settled_;
  std::uint64_t expected_entries_ = 0;
  std::vector<std::string> samples_;
  std::uint64_t passed_count_ = 0;
};

bool Demo::collect() {
  // Each byte of a header becomes about six of database, twice that while tables are merged.
  files_ = find_headers(std::min(choice_.bytes_max, folder_.free_bytes() / 20));
  std::ofstream list(folder_.list());
  for (const HeaderFile& file : files_) {
    source_bytes_ += file.bytes;
    list << file.path << "\n";
  }
  if (files_.size() < 10) return failed("fewer than ten headers were found");
  if (!list.flush()) return failed(folder_.list() + " can not be written");
  say("headers", with_commas(files_.size()) + " files, " +
                     as_bytes(static_cast<double>(source_bytes_)) + "  (seed " +
                     std::to_string(choice_.seed) + ")");
  return true;
}

bool Demo::write_and_kill() {
  const std::uint64_t percent = 30 + random_() % 31;
  const std::uint64_t pause_us =
      random_() % 20'000;  // so that it happens in the middle of something
  WriterProcess writer(folder_, 0);
  Progress progress("writing", source_bytes_);
  std::uint64_t bytes = 0;
  bool is_killed = false;
  for (WriterReport report; writer.next(report); first_ = report) {
    for (std::uint64_t i = first_.files_done; i < report.files_done; ++i)
      bytes += files_[i].bytes;
    progress.update(bytes);
    if (is_killed || bytes * 100 < source_bytes_ * percent) continue;
    usleep(static_cast<useconds_t>(pause_us));
    writer.stop();
    is_killed = true;  // what it acknowledged before is still in the pipe
  }
  if (is_interrupted) return false;
  if (!is_killed) return failed("the writer ended before it was killed");
  say("killed", "the writer, by SIGKILL, at " + std::to_string(bytes * 100 / source_bytes_) +
                    " %: it had acknowledged " + with_commas(first_.entries) + " entries of " +
                    with_commas(first_.files_done) + " files");
  return true;
}

bool Demo::verify_acknowledged() {
  const std::uint64_t began_ms = clock_ms();
  auto db = lsmith::Db::open(folder_.database(), demo_options());
  if (!db.ok()) return failed("after the kill: " + db.status().to_string());
  const std::uint64_t opened_ms = clock_ms();
  Progress progress("verifying", first_.files_done);
  std::uint64_t checked = 0;
  std::uint64_t lost = 0;
  std::string found;
  for (std::uint64_t i = 0; i < first_.files_done && !is_interrupted; ++i) {
    progress.update(i);
    const std::string content = read_text(files_[i].path).value_or("");
    for_each_entry(files_[i].path, content, [&](std::string_view key, std::string_view value) {
      ++checked;
      const auto is_there = db->get(key, found);
      const bool is_right = is_there.ok() && *is_there && found == value;
      if (!is_right && ++lost <= 3) complain(exit_failure, "lost: " + quote(key, 200));
      if (i % 4 == 0) sample(key);
    });
  }
  if (is_interrupted) return false;
  say("reopened", "in " + as_decimal(static_cast<double>(opened_ms - began_ms) / 1e3, 2) + " s");
  say("lost", paint(lost == 0 ? Tone::good : Tone::bad, with_commas(lost)) + " of " +
                  with_commas(checked) + " acknowledged writes");
  expected_entries_ = checked;
  if (lost > 0) return failed("acknowledged writes were lost");
  if (lsmith::Status s = db->close(); !s.ok()) return failed(s.to_string());
  return true;
}

bool Demo::write_rest() {
  WriterProcess writer(folder_, first_.files_done);
  Progress progress("writing the rest", files_.size() - first_.files_done);
  for (WriterReport report; writer.next(report);) {
    (report.is_settled ? settled_ : second_) = report;
    progress.update(report.files_done - first_.files_done);
  }
  if (is_interrupted) return false;
  if (writer.wait() != 0 || !settled_.is_settled) return failed("the second writer failed");
  expected_entries_ += second_.entries;
  const std::uint64_t entries = first_.entries + second_.entries;
  const std::uint64_t bytes = first_.bytes + second_.bytes;
  const std::uint64_t duration_us = first_.duration_us + second_.duration_us;
  say("entries", with_commas(expected_entries_) + ", " + as_bytes(static_cast<double>(bytes)) +
                     " of keys and values");
  say("write", per_second(entries, duration_us) + ", " +
                   as_bytes(static_cast<double>(bytes) / (static_cast<double>(duration_us) / 1e6)) +
                   "/s, then " + seconds(settled_.duration_us - second_.duration_us) +
                   " until compactions came to rest");
  return true;
}

bool Demo::read_samples(lsmith::Db& db) {
  std::shuffle(samples_.begin(), samples_.end(), random_);
  const std::uint64_t began_ms = clock_ms();
  std::string value;
  for (const std::string& key : samples_) {
    const auto found = db.get(key, value);
    if (!found.ok()) return failed(found.status().to_string());
    if (!*found) return failed("lost: " + quote(key, 200));
  }
  say("read", per_second(samples_.size(), (clock_ms() - began_ms) * 1000) + ", " +
                  with_commas(samples_.size()) + " random keys, one after another");
  return true;
}

bool Demo::scan_all(lsmith::Db& db) {
  const std::uint64_t began_ms = clock_ms();
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;
  lsmith::Scan scan = db.scan();
  for (const auto [key, value] : scan) {
    ++count;
    bytes += key.size() + value.size();
    if (is_interrupted) return false;
  }
  if (lsmith::Status s = scan.status(); !s.ok()) return failed(s.to_string());
  const std::uint64_t duration_us = std::max<std::uint64_t>(1, clock_ms() - began_ms) * 1000;
  say("scan", per_second(count, duration_us) + ", " +
                  as_bytes(static_cast<double>(bytes) / (static_cast<double>(duration_us) / 1e6)) +
                  "/s, " + with_commas(count) + " entries in order");
  if (count == expected_entries_) return true;
  return failed("the scan saw " + with_commas(count) + " entries instead of " +
                with_commas(expected_entries_));
}

bool Demo::measure() {
  auto db = lsmith::Db::open(folder_.database(), demo_options());
  if (!db.ok()) return failed(db.status().to_string());
  if (!read_samples(*db) || !scan_all(*db)) return false;
  const std::vector<std::string> violations = db->check();
  for (const std::string& violation : violations)
    complain(exit_failure, violation);
  if (!violations.empty()) return failed("the check found violations");
  say("check", "every block, table and level is as it must be");
  print("\n" + level_picture(db->stats()) + "\n");
  print(amplification(joined(first_.stats, settled_.stats)));
  return true;
}

void Demo::ask(lsmith::Db& db, const std::string& prefix) {
  const std::uint64_t began_ms = clock_ms();
  std::string answer;
  int count = 0;
  lsmith::Scan scan = db.scan_prefix(token_key(prefix));
  for (const auto [key, value] : scan) {
    answer += "  " + show_match(key, escape(value)) + "\n";
    if (++count == 5) break;
  }
  if (lsmith::Status s = scan.status(); !s.ok()) answer += "  " + s.to_string() + "\n";
  if (count == 0) answer += "  no token begins with it\n";
  print("\n" + paint(Tone::strong, "? " + prefix) +
        paint(Tone::faint, "   " + std::to_string(clock_ms() - began_ms) + " ms") + "\n" + answer);
}

void Demo::ask_all() {
  auto db = lsmith::Db::open(folder_.database(), demo_options());
  if (!db.ok()) return void(failed(db.status().to_string()));
  for (const char* prefix : {"unique_p", "lower_b", "errno"})
    ask(*db, prefix);
  if (!choice_.prompts || isatty(STDIN_FILENO) != 1) return;
  print("\nYour turn: the beginning of a name, or an empty line to end.\n");
  for (std::string prefix; print("? "), std::fflush(stdout), std::getline(std::cin, prefix);) {
    if (prefix.empty()) break;
    ask(*db, prefix);
  }
}

}  // namespace

int run_demo(std::vector<std::string> given) {
  Arguments arguments(std::move(given));
  if (arguments.flag("--help")) return print(demo_usage), finish(exit_fine);
  Choice choice;
  if (arguments.flag("--quick")) choice.bytes_max = 4'000'000;
  choice.prompts = !arguments.flag("--no-prompt");
  choice.keep = arguments.option("--keep").value_or("");
  const auto megabytes = arguments.option("--megabytes");
  const auto seed = arguments.option("--seed");
  const bool has_words = !arguments.words().empty();
  if (has_words || !arguments.error().empty() || (megabytes && !parse_number(*megabytes)) ||
      (seed && !parse_number(*seed))) {
    print(demo_usage);
    return complain(exit_usage, arguments.error().empty()
                                    ? "demo takes numbers only behind its options"
                                    : arguments.error());
  }
  if (megabytes)
    choice.bytes_max = std::max<std::uint64_t>(1, *parse_number(*megabytes)) * 1'000'000;
  choice.seed = seed ? *parse_number(*seed) : std::random_device()() % 1'000'000;

  const Folder folder(choice.keep);
  if (!folder.is_usable())
    return complain(exit_failure, choice.keep.empty() ? "no temporary folder can be made"
                                                      : choice.keep + " is not an empty folder");
  struct sigaction action {};
  action.sa_handler = on_interrupt;  // without SA_RESTART: a read ends, and the folder is removed
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  print(paint(Tone::strong, "lsmith demo: the headers of this machine's compiler in one database") +
        "\n\n");
  return Demo(choice, folder).run();
}

}  // namespace lab
