// beside_leveldb.cpp: the same work on lsmith and on LevelDB, in one run, as ratios.
//
//   beside_leveldb [--entries N] [--repetitions R] [--folder DIR] [--mapped]
//
// 16-byte keys, 100-byte values that do not compress, and for both engines: 64 MiB write buffer, 64
// MiB block cache, 4 KiB blocks, 10 filter bits a key, no compression, no sync. The two take turns,
// and the ratio of each turn is taken before the median is: machines are noisy, and both see the
// same noise. Times include the wait for background work where an engine lets one wait. Every value
// read is checked.
#include <lsmith/lsmith.hpp>

#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/filter_policy.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "../support/random.hpp"

namespace {

struct Setup {
  std::uint64_t entries = 1000000;
  int repetitions = 3;
  bool mapped = false;
  std::string folder = std::filesystem::temp_directory_path() / "lsmith-bench";
};

[[noreturn]] void stop(const std::string& why) {
  std::fprintf(stderr, "beside_leveldb: %s\n", why.c_str());
  std::exit(1);
}

std::string key_of(std::uint64_t n) {
  char text[24];
  std::snprintf(text, sizeof text, "%016llu", static_cast<unsigned long long>(n));
  return std::string(text, 16);
}

// 100 bytes that do not compress and say which key they belong to; cheap to make.
std::string value_of(std::uint64_t n) {
  static const std::string noise = lsmith::testing::Random(1).bytes(1 << 20);
  return noise.substr(n * 7919 % (noise.size() - 92), 92) + key_of(n).substr(8);
}

class Engine {
 public:
  virtual ~Engine() = default;
  virtual const char* name() const = 0;
  virtual void put(const std::string& key, const std::string& value) = 0;
  virtual bool get(const std::string& key, std::string& value) = 0;
  virtual void settle() = 0;
  // Calls for every entry in order; returns how many there were.
  virtual std::uint64_t scan(std::uint64_t& value_bytes) = 0;
};

class Lsmith final : public Engine {
 public:
  Lsmith(const std::string& folder, bool mapped) : db_(open(folder, mapped)) {}
  const char* name() const override { return "lsmith"; }
  void put(const std::string& key, const std::string& value) override {
    if (auto s = db_.put(key, value); !s.ok()) stop(s.to_string());
  }
  bool get(const std::string& key, std::string& value) override {
    auto found = db_.get(key, value);
    if (!found.ok()) stop(found.status().to_string());
    return *found;
  }
  void settle() override {
    if (auto s = db_.wait_idle(); !s.ok()) stop(s.to_string());
  }
  std::uint64_t scan(std::uint64_t& value_bytes) override {
    std::uint64_t count = 0;
    auto scan = db_.scan();
    for (auto [key, value] : scan) {
      value_bytes += value.size();
      ++count;
    }
    if (auto s = scan.status(); !s.ok()) stop(s.to_string());
    return count;
  }

 private:
  static lsmith::Db open(const std::string& folder, bool mapped) {
    lsmith::Options options;
    options.mapped_tables = mapped;
    auto db = lsmith::Db::open(folder, options);
    if (!db.ok()) stop(db.status().to_string());
    return std::move(*db);
  }
  lsmith::Db db_;
};

class LevelDb final : public Engine {
 public:
  explicit LevelDb(const std::string& folder)
      : cache_(leveldb::NewLRUCache(64 << 20)), filter_(leveldb::NewBloomFilterPolicy(10)) {
    leveldb::Options options;
    options.create_if_missing = true;
    options.write_buffer_size = 64 << 20;
    options.block_cache = cache_.get();
    options.block_size = 4096;
    options.filter_policy = filter_.get();
    options.compression = leveldb::kNoCompression;
    options.max_file_size = 8 << 20;
    leveldb::DB* db = nullptr;
    check(leveldb::DB::Open(options, folder, &db));
    db_.reset(db);
  }
  const char* name() const override { return "LevelDB"; }
  void put(const std::string& key, const std::string& value) override {
    check(db_->Put({}, key, value));
  }
  bool get(const std::string& key, std::string& value) override {
    const auto s = db_->Get({}, key, &value);
    if (!s.ok() && !s.IsNotFound()) stop(s.ToString());
    return s.ok();
  }
  void settle() override {}  // it has no call for that: its background goes on into the next phase
  std::uint64_t scan(std::uint64_t& value_bytes) override {
    std::unique_ptr<leveldb::Iterator> cursor(db_->NewIterator({}));
    std::uint64_t count = 0;
    for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next()) {
      value_bytes += cursor->value().size();
      ++count;
    }
    check(cursor->status());
    return count;
  }

 private:
  static void check(const leveldb::Status& s) {
    if (!s.ok()) stop(s.ToString());
  }
  std::unique_ptr<leveldb::Cache> cache_;
  std::unique_ptr<const leveldb::FilterPolicy> filter_;
  std::unique_ptr<leveldb::DB> db_;
};

constexpr const char* workloads[] = {"fillrandom", "readrandom", "readmissing", "readseq"};
constexpr std::size_t workload_count = 4;
using Figures = std::vector<double>;  // ns per operation, by workload

template <class Work>
double time_ns(std::uint64_t operations, Work&& work) {
  const auto began = std::chrono::steady_clock::now();
  work();
  const std::chrono::duration<double, std::nano> taken = std::chrono::steady_clock::now() - began;
  return taken.count() / static_cast<double>(operations);
}

Figures run(Engine& engine, const Setup& setup) {
  const std::uint64_t n = setup.entries;
  const std::uint64_t reads = std::min<std::uint64_t>(n, 500000);
  std::vector<std::uint64_t> order(n);
  for (std::uint64_t i = 0; i < n; ++i)
    order[i] = i;
  lsmith::testing::Random random(42);
  for (std::uint64_t i = n - 1; i > 0; --i)
    std::swap(order[i], order[random.below(i + 1)]);

  Figures figures;
  figures.push_back(time_ns(n, [&] {
    for (std::uint64_t i : order)
      engine.put(key_of(i), value_of(i));
    engine.settle();
  }));
  std::string value;
  figures.push_back(time_ns(reads, [&] {
    for (std::uint64_t i = 0; i < reads; ++i) {
      const std::uint64_t which = random.below(n);
      if (!engine.get(key_of(which), value)) stop(std::string(engine.name()) + " lost a key");
      if (value.substr(92) != key_of(which).substr(8))
        stop(std::string(engine.name()) + " read a wrong value");
    }
  }));
  figures.push_back(time_ns(reads, [&] {
    for (std::uint64_t i = 0; i < reads; ++i)
      if (engine.get(key_of(random.below(n)) + ".", value))
        stop(std::string(engine.name()) + " found a key that was never written");
  }));
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;
  figures.push_back(time_ns(n, [&] { count = engine.scan(bytes); }));
  if (count != n || bytes != 100 * n)
    stop(std::string(engine.name()) + " scanned another number of entries");
  return figures;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

Setup parse(int argc, char** argv) {
  Setup setup;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const bool has_next = i + 1 < argc;
    if (word == "--mapped")
      setup.mapped = true;
    else if (word == "--entries" && has_next)
      setup.entries = std::strtoull(argv[++i], nullptr, 10);
    else if (word == "--repetitions" && has_next)
      setup.repetitions = std::atoi(argv[++i]);
    else if (word == "--folder" && has_next)
      setup.folder = argv[++i];
    else
      stop("usage: beside_leveldb [--entries N] [--repetitions R] [--folder DIR] [--mapped]");
  }
  if (setup.entries < 1000 || setup.repetitions < 1) stop("at least 1000 entries and 1 repetition");
  return setup;
}

}  // namespace

int main(int argc, char** argv) {
  const Setup setup = parse(argc, argv);
  std::vector<Figures> ours;
  std::vector<Figures> theirs;
  for (int repetition = 0; repetition < setup.repetitions; ++repetition) {
    for (int turn = 0; turn < 2; ++turn) {
      std::filesystem::remove_all(setup.folder);
      std::filesystem::create_directories(setup.folder);
      const bool is_ours = (turn + repetition) % 2 == 0;  // who goes first alternates
      std::unique_ptr<Engine> engine;
      if (is_ours)
        engine = std::make_unique<Lsmith>(setup.folder + "/db", setup.mapped);
      else
        engine = std::make_unique<LevelDb>(setup.folder + "/db");
      (is_ours ? ours : theirs).push_back(run(*engine, setup));
    }
  }
  std::filesystem::remove_all(setup.folder);
  std::printf(
      "%llu entries, median of %d, %s; LevelDB %d.%d as installed (a distribution's package may\n"
      "lack hardware checksums, which flatters us)\n\n",
      static_cast<unsigned long long>(setup.entries), setup.repetitions,
      setup.mapped ? "mapped tables" : "pread and cache", leveldb::kMajorVersion,
      leveldb::kMinorVersion);
  std::printf("%-12s %12s %12s %8s\n", "workload", "lsmith ns", "LevelDB ns", "ratio");
  for (std::size_t w = 0; w < workload_count; ++w) {
    std::vector<double> a;
    std::vector<double> b;
    std::vector<double> ratio;
    for (std::size_t r = 0; r < ours.size(); ++r) {
      a.push_back(ours[r][w]);
      b.push_back(theirs[r][w]);
      ratio.push_back(theirs[r][w] / ours[r][w]);
    }
    std::printf("%-12s %12.0f %12.0f %8.2f\n", workloads[w], median(a), median(b), median(ratio));
  }
}
