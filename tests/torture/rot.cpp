// rot.cpp: bits that flip, files that are cut, blocks and files that stand in the wrong place,
// reads that fail. An answer is then right, or an error, or that of a shorter history where the end
// of a log may be taken for torn; never wrong.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "../support/history.hpp"
#include "../support/log_reader.hpp"
#include "options.hpp"
#include "run.hpp"

namespace torture {
namespace {

using namespace lsmith;
using namespace lsmith::testing;

constexpr std::uint64_t batch_count = 24;

// A closed or killed database of which every batch but the last is known to be durable.
class Relic {
 public:
  explicit Relic(std::uint64_t seed) : random_(seed), history_(batch_count, seed) {
    options_ = options_of(random_);
    options_.cache_bytes = 0;
    options_.write_buffer_bytes = 65536;  // what is not flushed stands in one log
    Machine machine({}, options_);
    auto db = machine.try_open();
    require(db.ok(), db.status().to_string());
    for (std::uint64_t i = 1; i <= batch_count; ++i) {
      require(history_.write(*db, i, Durability::power).ok(), "a write failed");
      if (i == 7 || i == 14) require(db->flush().ok(), "a flush failed");
      if (i == 18 && random_.chance(50)) require(db->compact().ok(), "a compaction failed");
    }
    if (random_.chance(30)) require(db->close().ok(), "a close failed");
    image_ = machine.files.after_kill();
  }

  Random& random() { return random_; }
  const Image& image() const { return image_; }
  const Options& options() const { return options_; }
  const History& history() const { return history_; }

  // `what` was done to the image. It may refuse; what it answers must not be wrong, and be that of
  // a history with `least` batches at the least.
  void judge(const Image& damaged, std::uint64_t least, const std::string& what) {
    Machine machine(damaged, options_);
    machine.files.has_maps = machine.options.mapped_tables = random_.chance(20);
    machine.options.read_only = random_.chance(30);
    const auto db = machine.try_open();
    const auto last = db.ok() ? last_batch(*db) : std::nullopt;
    if (!last) return;
    require(*last >= least && *last <= batch_count, what + ": it ends at batch " +
                                                        std::to_string(*last) + " of " +
                                                        std::to_string(batch_count));
    require_empty(ask_all(*db, history_.state(*last)).wrong, what);
  }

 private:
  Random random_;
  Options options_;
  const History history_;
  Image image_;
};

// The paths of files that have bytes.
std::vector<std::string> paths_of(const Image& image) {
  std::vector<std::string> paths;
  for (const auto& [path, bytes] : image)
    if (!bytes.empty()) paths.push_back(path);
  return paths;
}

// Where the last edit of a manifest begins that no later frame vouches for: the textbook's. It may
// be taken for torn.
std::size_t unproven_from(const std::string& path, const std::string& bytes) {
  const auto name = parse_file_name(path.substr(path.rfind('/') + 1));
  std::size_t from = bytes.size();
  if (!name || name->type != FileName::Type::manifest) return from;
  LogReader reader = reader_of(bytes, name->number, path);
  require(reader.read_header().ok(), path);
  while (const auto frame = reader.next())
    from = frame->payload.empty() ? bytes.size() : static_cast<std::size_t>(frame->offset);
  return from;
}

// Every bit of every file, but of the zeros behind the end of a log only some.
void flip_bits(std::uint64_t seed, Figures& figures) {
  Relic relic(seed);
  for (const std::string& path : paths_of(relic.image())) {
    const std::string& bytes = relic.image().at(path);
    const std::size_t used = bytes.find_last_not_of('\0') + 1;
    const std::size_t unproven = unproven_from(path, bytes);
    for (std::size_t at = 0; at < bytes.size(); at += at < used + 32 ? 1 : 509) {
      for (int bit = 0; bit < 8; ++bit) {
        Image damaged = relic.image();
        damaged[path][at] = static_cast<char>(damaged[path][at] ^ (1 << bit));
        const std::string what = "bit " + std::to_string(bit) + " of byte " + std::to_string(at) +
                                 " of " + path + " is flipped";
        relic.judge(damaged, at < unproven ? batch_count - 1 : 0, what);
        figures.add("bits flipped");
      }
    }
  }
}

// A file that ends early ends with its last whole frame, so anything before may be lost, in order.
void cut_files(std::uint64_t seed, Figures& figures) {
  Relic relic(seed);
  for (const std::string& path : paths_of(relic.image())) {
    const std::string& bytes = relic.image().at(path);
    const std::size_t used = bytes.find_last_not_of('\0') + 1;
    for (std::size_t size = 0; size < bytes.size(); size += size < used + 32 ? 1 : 509) {
      Image damaged = relic.image();
      damaged[path].resize(size);
      relic.judge(damaged, 0, path + " is cut to " + std::to_string(size) + " bytes");
      damaged[path].resize(bytes.size() + relic.random().below(100), '\xa5');
      relic.judge(damaged, 0, path + " ends in rubbish from byte " + std::to_string(size));
      figures.add("files cut or overwritten", 2);
    }
  }
}

// Whole pieces in the wrong place: within a file, between two, whole files, files of a stranger.
void misplace(std::uint64_t seed, Figures& figures) {
  Relic relic(seed), stranger(seed + 1'000'000);
  Random& random = relic.random();
  const auto paths = paths_of(relic.image()), others = paths_of(stranger.image());
  const auto any_of = [&](const std::vector<std::string>& all) {
    return all[random.below(all.size())];
  };
  for (int i = 0; i < 1500; ++i) {
    Image damaged = relic.image();
    const std::string from = any_of(paths), to = any_of(paths), other = any_of(others);
    const bool is_own = random.chance(70);
    const std::string& source = is_own ? relic.image().at(from) : stranger.image().at(other);
    std::string& target = damaged[to];
    std::string what = "into " + to + (is_own ? " of " + from : " of a stranger's " + other);
    switch (random.below(4)) {
      case 0:
        target = source;
        break;
      case 1:
        damaged.erase(to);
        break;
      case 2:
        std::swap(target, damaged[from]);
        break;
      default: {
        const std::size_t size = std::min(
            {static_cast<std::size_t>(1 + random.below(600)), target.size(), source.size()});
        const std::size_t at = random.below(target.size() - size + 1);
        const std::size_t piece = random.chance(50) && at + size <= source.size()
                                      ? at
                                      : random.below(source.size() - size + 1);
        target.replace(at, size, source, piece, size);
        what += ", " + std::to_string(size) + " bytes at " + std::to_string(at);
      }
    }
    relic.judge(damaged, 0, what);
    figures.add("pieces misplaced");
  }
}

// Reads that fail: who was to be answered with them is told.
void fail_reads(std::uint64_t seed, Figures& figures) {
  Relic relic(seed);
  for (std::uint64_t n = 1; n < 400; ++n) {
    Machine machine(relic.image(), relic.options());
    auto db = machine.try_open();
    require(db.ok(), "open");
    const std::uint64_t before = machine.files.count(Call::read);
    const bool is_for_ever = relic.random().chance(50);
    machine.files.fail(Call::read, n, is_for_ever);
    const std::string what = "read " + std::to_string(n) + " after the open fails";
    if (relic.random().chance(30)) {
      const Status s = db->compact();  // what fails once may be tried again
      if (machine.files.has_failed() && is_for_ever) require(!s.ok(), what + ": compact() says ok");
    }
    const Answers answers = ask_all(*db, relic.history().state(batch_count));
    require_empty(answers.wrong, what);
    if (!machine.files.has_failed()) break;
    if (is_for_ever) require(!answers.error.ok(), what + ": nobody was told");
    figures.add("reads failed");
    machine.files.heal();
    const Answers healed = ask_all(*db, relic.history().state(batch_count));
    require_empty(healed.wrong, what + "; healed");
    require(healed.error.ok(), what + "; healed: " + healed.error.to_string());
    require(machine.files.count(Call::read) > before, "no reads at all");
  }
}

}  // namespace

const Run bits = {"bits", "every bit of every file is flipped", 3, flip_bits};
const Run cuts = {"cuts", "files are cut, or overwritten, from every byte on", 1, cut_files};
const Run places = {"places", "pieces and files stand in the wrong place", 1, misplace};
const Run reads = {"reads", "reads fail", 1, fail_reads};

}  // namespace torture
