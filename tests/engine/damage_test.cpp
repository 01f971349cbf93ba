// damage_test.cpp: every byte of every file of a small database is flipped, every file is cut at
// every length. Each answer is then right, or an error, or that of a prefix of the history where a
// log's tail may be taken for torn; it is never wrong.
#include "history.hpp"

using namespace lsmith;
using namespace engine_test;
using Type = FileName::Type;

namespace {

constexpr std::uint64_t batches_in_tables = 10;  // batches; the log holds the rest
constexpr std::uint64_t synced = 14;
constexpr std::uint64_t written = 15;

// Two tables, and a log of five batches, of which the last one alone is not known to be durable.
Image small_database(const History& history) {
  Machine machine;
  Db db = machine.open();
  history.write_all(db, 1, 6);
  REQUIRE(db.flush().ok());
  history.write_all(db, 7, batches_in_tables);
  REQUIRE(db.flush().ok());
  for (std::uint64_t i = batches_in_tables + 1; i <= written; ++i)
    history.write_all(db, i, i, i % 2 == 0 ? Durability::power : Durability::process);
  return machine.files.after_kill();
}

struct Verdict {
  bool is_refused = false;  // opening it, or asking for its last batch
  std::uint64_t last = 0;
  Answers answers;
};

Verdict judge(const Image& image, const History& history, bool read_only) {
  Machine machine(image);
  machine.options.read_only = read_only;
  Verdict verdict;
  const auto db = machine.try_open();
  const auto last = db.ok() ? last_batch(*db) : std::nullopt;
  verdict.is_refused = !last;
  if (!last) return verdict;
  verdict.last = *last;
  if (*last > written) {
    verdict.answers.wrong = "it ends at batch " + std::to_string(*last);
  } else {
    verdict.answers = ask_all(*db, history.state(*last));
  }
  return verdict;
}

// Offsets behind each whole frame of the log.
std::vector<std::uint64_t> frame_ends(const std::string& bytes, std::uint64_t number) {
  LogReader reader = reader_of(bytes, number, "log");
  REQUIRE(reader.read_header().ok());
  std::vector<std::uint64_t> ends;
  while (reader.next())
    ends.push_back(reader.end_offset());
  REQUIRE(reader.status().ok());
  return ends;
}

// Changes each byte of a file in turn, sparsely behind its last byte that is not zero, and passes
// the position and the verdict on.
template <class See>
void flip_every_byte(const Image& image, const std::string& path, const History& history, See see) {
  const std::string& bytes = image.at(path);
  const std::size_t used = bytes.find_last_not_of('\0') + 1;
  for (std::size_t i = 0; i < bytes.size(); i += i < used + 32 ? 1 : 203) {
    Image damaged = image;
    damaged[path][i] = static_cast<char>(damaged[path][i] ^ (1 << (i * 5 % 8)));
    const Verdict verdict = judge(damaged, history, i % 4 == 0);
    INFO(path, " at byte ", i);
    CHECK(verdict.answers.wrong == "");
    see(i, verdict);
  }
}

}  // namespace

TEST_SUITE("damage") {
  TEST_CASE("a flipped byte in CURRENT is refused") {
    const History history(written);
    flip_every_byte(small_database(history), path_of(Type::current), history,
                    [&](std::size_t, const Verdict& verdict) { CHECK(verdict.is_refused); });
  }

  TEST_CASE(
      "a flipped byte in the manifest is refused, but in its last frame, which may look torn") {
    const History history(written);
    const Image image = small_database(history);
    const auto [number, path] = *paths_of(image, Type::manifest).begin();
    const auto ends = frame_ends(image.at(path), number);
    REQUIRE(ends.size() >= 2);
    const std::uint64_t last_frame = ends[ends.size() - 2];
    flip_every_byte(image, path, history, [&](std::size_t i, const Verdict& verdict) {
      const bool is_right = !verdict.is_refused && verdict.last == written;
      if (i < last_frame) CHECK((verdict.is_refused || is_right));
    });
  }

  TEST_CASE("a flipped byte in a log is refused, but in its last frame, which may look torn") {
    const History history(written);
    const Image image = small_database(history);
    const auto [number, path] = *paths_of(image, Type::log).rbegin();
    const auto ends = frame_ends(image.at(path), number);
    REQUIRE(ends.size() == written - batches_in_tables);
    const std::uint64_t last_frame = ends[ends.size() - 2];
    flip_every_byte(image, path, history, [&](std::size_t i, const Verdict& verdict) {
      if (verdict.is_refused) return;
      CHECK(verdict.answers.error.ok());
      CHECK(verdict.last >= (i < last_frame ? written : synced));
    });
  }

  TEST_CASE("a flipped byte in a table changes no answer, but to an error") {
    const History history(written);
    const Image image = small_database(history);
    std::uint64_t errors = 0;
    std::uint64_t flips = 0;
    for (const auto& [number, path] : paths_of(image, Type::table)) {
      flip_every_byte(image, path, history, [&](std::size_t, const Verdict& verdict) {
        ++flips;
        if (verdict.is_refused || !verdict.answers.error.ok()) ++errors;
        if (!verdict.is_refused) CHECK(verdict.last == written);
      });
    }
    CHECK(errors * 100 >= flips * 95);  // the damage is seen: not by luck alone nothing was wrong
  }

  TEST_CASE("a log torn at any byte gives the batches that are whole") {
    const History history(written);
    const Image image = small_database(history);
    const auto [number, path] = *paths_of(image, Type::log).rbegin();
    const std::string& bytes = image.at(path);
    const auto ends = frame_ends(bytes, number);
    const std::size_t last_cut = std::min<std::size_t>(ends.back() + 8, bytes.size());
    for (std::size_t cut = 0; cut <= last_cut; ++cut) {
      std::uint64_t whole = batches_in_tables;
      for (const std::uint64_t end : ends)
        whole += cut >= end;
      // The cut may fall into the zeros that fill up a frame's last eight bytes.
      const std::uint64_t most = std::min(whole + 1, written);
      for (const std::string& tail :
           {std::string(), std::string(2000, '\0'), std::string(40, '\x5a')}) {
        Image torn = image;
        torn[path] = bytes.substr(0, cut) + tail;
        Verdict verdict = judge(torn, history, cut % 4 == 0);
        INFO("cut at ", cut, ", ", tail.size(), " bytes behind");
        CHECK_FALSE(verdict.is_refused);
        CHECK(verdict.last >= whole);
        CHECK(verdict.last <= most);
        CHECK(verdict.answers.wrong == "");
        CHECK(verdict.answers.error.to_string() == "ok");
      }
      if (cut % 16 == 0) {
        Image torn = image;
        torn[path].resize(cut);
        CHECK(check_recovery(torn, history, whole, most) == "");
      }
    }
  }

  TEST_CASE("a table cut at any length is an error of the reads that need it") {
    const History history(written);
    const Image image = small_database(history);
    for (const auto& table : paths_of(image, Type::table)) {
      const std::string& path = table.second;
      for (std::size_t cut = 0; cut < image.at(path).size(); ++cut) {
        Image damaged = image;
        damaged[path].resize(cut);
        const Verdict verdict = judge(damaged, history, cut % 4 == 0);
        INFO(path, " cut at ", cut);
        CHECK((verdict.is_refused || !verdict.answers.error.ok()));
        CHECK(verdict.answers.wrong == "");
      }
    }
  }

  TEST_CASE("a manifest or CURRENT cut at any length gives an error or a prefix") {
    const History history(written);
    const Image image = small_database(history);
    const auto [number, manifest] = *paths_of(image, Type::manifest).begin();
    const auto ends = frame_ends(image.at(manifest), number);
    for (const std::string& path : {manifest, path_of(Type::current)}) {
      for (std::size_t cut = 0; cut < image.at(path).size() && cut < ends.back(); ++cut) {
        Image damaged = image;
        damaged[path].resize(cut);
        const Verdict verdict = judge(damaged, history, cut % 4 == 0);
        INFO(path, " cut at ", cut);
        CHECK(verdict.answers.wrong == "");
        if (path != manifest || cut < ends.front() - 8) CHECK(verdict.is_refused);
      }
    }
  }

  TEST_CASE("a table under another table's name is an error") {
    const History history(written);
    Image image = small_database(history);
    const auto tables = paths_of(image, Type::table);
    REQUIRE(tables.size() == 2);
    std::swap(image[tables.begin()->second], image[tables.rbegin()->second]);
    const Verdict verdict = judge(image, history, true);
    CHECK((verdict.is_refused || !verdict.answers.error.ok()));
    CHECK(verdict.answers.wrong == "");
  }

  TEST_CASE("random damage anywhere gives no wrong answer, crash or endless loop") {
    const History history(written);
    const Image image = small_database(history);
    std::vector<std::string> paths;
    for (const auto& [path, bytes] : image)
      if (!bytes.empty()) paths.push_back(path);
    const std::uint64_t seed = 1;
    testing::Random random(seed);
    for (int round = 0; round < 1500; ++round) {
      Image damaged = image;
      for (std::uint64_t n = 1 + random.below(3); n > 0; --n) {
        std::string& bytes = damaged[paths[random.below(paths.size())]];
        const std::size_t at = random.below(std::min<std::size_t>(bytes.size(), 1500));
        const std::size_t size = std::min<std::size_t>(1 + random.below(16), bytes.size() - at);
        const std::uint64_t how = random.below(4);
        if (how == 0) bytes.replace(at, size, std::string(size, '\xff'));
        if (how == 1) bytes.replace(at, size, std::string(size, '\0'));
        if (how == 2) bytes.replace(at, size, random.bytes(size));
        if (how == 3) bytes.erase(at, size);
      }
      const Verdict verdict = judge(damaged, history, random.chance(30));
      INFO("seed ", seed, ", round ", round);
      CHECK(verdict.answers.wrong == "");
    }
  }
}
