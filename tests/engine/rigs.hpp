// rigs.hpp: an engine on files that fail on demand, for the graded steps, and what they ask it.
//
// Writes and answers are told in one small language: "a=1 -b" is a batch that puts a and erases b,
// and "a=1 c=2" is what a scan shows.
#pragma once

#include "../fault_fs.hpp"
#include "../support/log_reader.hpp"
#include "../support/step.hpp"

#include <lsmith/engine.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace engine_step {

using namespace lsmith;
using lab::expect;
using lab::expect_equal;
using lsmith::testing::Call;
using lsmith::testing::FaultFs;
using lsmith::testing::Image;
using lsmith::testing::name_of;
using lsmith::testing::reader_of;

inline const std::string folder = "/db";

// A disk and one processor. Make the engine after it, so that it goes first.
struct Rig {
  explicit Rig(const Image& image = {}) : files(image) {
    options.file_system = &files;
    options.executor = &executor;
    options.write_buffer_bytes = 65536;
  }
  std::unique_ptr<Engine> open() {
    auto engine = Engine::open(options, folder);
    REQUIRE_MESSAGE(engine.ok(), engine.status().to_string());
    return std::move(*engine);
  }

  FaultFs files;
  ManualExecutor executor;
  Options options = small_options();
};

// ---- writing ----

inline WriteBatch batch_of(std::string_view text) {
  WriteBatch batch;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    const std::size_t equal = word.find('=');
    if (word[0] == '-') {
      batch.erase(word.substr(1));
    } else {
      batch.put(word.substr(0, equal), word.substr(equal + 1));
    }
  }
  return batch;
}

inline Status commit(Engine& engine, std::string_view text, bool sync = false,
                     CommitCheck* check = nullptr) {
  WriteBatch batch = batch_of(text);
  return engine.commit(batch, sync, check);
}

// Says what it was told to say, and notes what it was told about the batches.
class Judge final : public CommitCheck {
 public:
  Status approve(const WriteBatch&, Sequence first_sequence) override {
    asked.push_back(first_sequence);
    return answer;
  }
  Status answer;
  std::vector<Sequence> asked;
};

inline bool expect_ok(const std::string& done, const Status& s) {
  return expect(s.ok(), done, "ok", s.to_string());
}

// Commits that must be accepted, one after the other.
inline void write(Engine& engine, const std::vector<std::string>& texts, bool sync = false) {
  for (const std::string& text : texts)
    expect_ok("commit " + text, commit(engine, text, sync));
}

// ---- reading ----

inline std::string text_of(UserCursor cursor) {
  std::string text;
  for (cursor.seek_to_first(); cursor.is_valid(); cursor.next())
    text +=
        (text.empty() ? "" : " ") + std::string(cursor.key()) + "=" + std::string(cursor.value());
  return cursor.status().ok() ? text : cursor.status().to_string();
}

inline std::string text_of(const Engine& engine, Sequence sequence = sequence_max) {
  return text_of(engine.cursor(sequence, {}, ReadPattern::scan));
}

// What an image holds once its logs were replayed; no engine is asked.
inline std::string recovered(const Image& image) {
  Rig rig(image);
  rig.options.read_only = true;
  auto opened = open_storage(rig.options, folder);
  if (!opened.ok()) return opened.status().to_string();
  Storage& storage = **opened;
  auto version = std::make_shared<const Version>(std::move(storage.state.version));
  const auto view = std::make_shared<const View>(
      View{storage.tables, nullptr, storage.memtables, std::move(version)});
  return text_of(UserCursor(merge_view(view, ReadPattern::scan), sequence_max, {}));
}

// A crash now, of the machine or of the process alone, must leave this.
inline void expect_recovers(const Rig& rig, const std::string& done, const std::string& expected) {
  expect_equal(done + "; cut the power, recover", expected, recovered(rig.files.after_power_cut()));
  expect_equal(done + "; kill, recover", expected, recovered(rig.files.after_kill()));
}

// What get() says: the value, or "(nothing)", or the error.
inline std::string answer(const Engine& engine, std::string_view key,
                          Sequence sequence = sequence_max) {
  std::string value = "(left over)";
  const auto found = engine.get(key, sequence, value);
  if (!found.ok()) return found.status().to_string();
  return *found ? value : "(nothing)";
}

// Asks for everything in both ways, and the engine for what is wrong with it.
inline void expect_all(const Engine& engine, const std::string& done, const std::string& expected) {
  expect_equal(done + "; scan", expected, text_of(engine));
  batch_of(expected).for_each([&](std::uint64_t, std::string_view key, std::string_view value) {
    expect_equal(done + "; get(" + std::string(key) + ")", std::string(value), answer(engine, key));
  });
  const auto problems = engine.check();
  expect_equal(done + "; check()", "", problems.empty() ? "" : problems.front());
}

inline std::uint64_t table_count(const Engine& engine) {
  std::uint64_t tables = 0;
  for (const Stats::Level& level : engine.stats().levels)
    tables += level.tables;
  return tables;
}

// ---- files and errors ----

inline std::vector<std::pair<std::uint64_t, std::string>> logs_of(const Image& image) {
  std::vector<std::pair<std::uint64_t, std::string>> logs;
  for (const auto& [path, bytes] : image) {
    const auto name = parse_file_name(path.substr(path.rfind('/') + 1));
    if (name && name->type == FileName::Type::log) logs.emplace_back(name->number, path);
  }
  return logs;
}

// The payloads of all frames in an image's logs.
inline std::vector<std::string> frames_of(const Image& image) {
  std::vector<std::string> frames;
  for (const auto& [number, path] : logs_of(image)) {
    LogReader reader = reader_of(image.at(path), number, path);
    if (!reader.read_header().ok()) continue;
    while (const auto frame = reader.next())
      frames.emplace_back(frame->payload);
  }
  return frames;
}

// The newest log of an image: what its header says, and "log 7 to 136" for where it ends.
struct NewestLog {
  explicit NewestLog(const Image& image) {
    const auto [number, path] = logs_of(image).back();
    LogReader reader = reader_of(image.at(path), number, path);
    if (const auto found = reader.read_header(); found.ok()) header = *found;
    while (reader.next()) {
    }
    end = place(number, reader.end_offset());
    previous_end = place(header.previous_number, header.previous_end);
  }
  static std::string place(std::uint64_t number, std::uint64_t offset) {
    return "log " + std::to_string(number) + " to " + std::to_string(offset);
  }
  LogHeader header;
  std::string end, previous_end;
};

// Whether an error is the one that the files were told to make, as the engine must pass it on.
inline bool expect_failure(const std::string& done, const Status& s, bool is_refusal) {
  const bool is_right = s.message().find("was told to fail") != std::string_view::npos;
  return expect(
      is_right && (!is_refusal || s.code() == Code::read_only), done,
      is_refusal ? "read_only, with the message of the first failure" : "the error of the file",
      s.to_string());
}

}  // namespace engine_step
