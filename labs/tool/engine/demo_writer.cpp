// demo_writer.cpp: the process that writes the demo's database, and may be killed at any moment.
//
//   lab demo-writer DATABASE LIST FIRST PIPE      LIST: a file with one path a line; FIRST: where
//   to begin
#include "demo_writer.hpp"
#include "commands.hpp"
#include "demo_index.hpp"
#include "project.hpp"
#include "terminal.hpp"
#include "text.hpp"

#include <lsmith/lsmith.hpp>

#include <sstream>
#include <type_traits>

#include <unistd.h>

namespace lab {
namespace {

static_assert(std::is_trivially_copyable_v<WriterReport>, "it goes through a pipe as it is");

class Writer {
 public:
  Writer(lsmith::Db& db, int pipe) : db_(db), pipe_(pipe), began_ms_(clock_ms()) {}

  // Writes a file's entries; acknowledged when this returns true.
  bool write_file(const std::string& path) {
    const std::string content = read_text(path).value_or("");
    bool is_ok = true;
    for_each_entry(path, content, [&](std::string_view key, std::string_view value) {
      batch_.put(key, value);
      ++report_.entries;
      report_.bytes += key.size() + value.size();
      if (batch_.count() >= 1000) is_ok = is_ok && flush();
    });
    return is_ok && flush();
  }

  // False when nobody listens any more.
  bool report(std::uint64_t files_done, bool is_settled) {
    report_.files_done = files_done;
    report_.duration_us = (clock_ms() - began_ms_) * 1000;
    report_.is_settled = is_settled;
    report_.stats = db_.stats();
    return write(pipe_, &report_, sizeof report_) == static_cast<ssize_t>(sizeof report_);
  }

 private:
  bool flush() {
    if (batch_.is_empty()) return true;
    const lsmith::Status s = db_.write(batch_);
    batch_.clear();
    if (!s.ok()) complain(exit_failure, s.to_string());
    return s.ok();
  }

  lsmith::Db& db_;
  int pipe_;
  std::uint64_t began_ms_;
  lsmith::WriteBatch batch_;
  WriterReport report_;
};

}  // namespace

int run_demo_writer(std::vector<std::string> words) {
  const auto first = words.size() == 4 ? parse_number(words[2]) : std::nullopt;
  const auto pipe = words.size() == 4 ? parse_number(words[3]) : std::nullopt;
  if (!first || !pipe) return complain(exit_usage, "demo-writer is started by demo");
  auto db = lsmith::Db::open(words[0], demo_options());
  if (!db.ok()) return complain(exit_failure, db.status().to_string());

  Writer writer(*db, static_cast<int>(*pipe));
  std::istringstream list(read_text(words[1]).value_or(""));
  std::uint64_t index = 0;
  for (std::string path; std::getline(list, path); ++index) {
    if (index < *first) continue;
    if (!writer.write_file(path) || !writer.report(index + 1, false)) return exit_failure;
  }
  lsmith::Status s = db->flush();
  if (s.ok()) s = db->wait_idle();
  if (s.ok() && !writer.report(index, true)) return exit_failure;
  if (s.ok()) s = db->close();
  return s.ok() ? exit_fine : complain(exit_failure, s.to_string());
}

}  // namespace lab
