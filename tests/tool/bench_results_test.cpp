// bench_results_test.cpp: what labs/lab bench computes from what its programs print, and what it
// says of the peers.
#include <course/bench_report.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace {

using namespace lab;

const BenchWorkload fill = {"random", "fillrandom"};
const BenchWorkload read = {"random", "readrandom"};

std::string figure(const std::string& workload, const std::string& seconds) {
  return "figure " + workload + " operations=1000 seconds=" + seconds + " p50=7\n";
}

BenchEngine peer_at(const std::string& library) {
  return {"leveldb", "LevelDB", "LevelDB", "", "libleveldb-dev", false, "LevelDB 1.23", library};
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

std::string setting_of(const Bench& bench) {
  std::string text;
  for (const std::string& sentence : bench_setting(bench))
    text += sentence + "\n";
  return text;
}

TEST_SUITE("tool.bench_results") {
  TEST_CASE("the library of a peer is the one in CMake's cache") {
    const BenchEngine rocksdb = {"rocksdb", "RocksDB", "RocksDB", "", "librocksdb-dev", false};
    const std::string cache =
        "BENCH_LEVELDB_INCLUDE:PATH=/opt/include\n"
        "BENCH_LEVELDB_LIBRARY:FILEPATH=/opt/a folder/libleveldb.a\n"
        "BENCH_LEVELDB_LIBRARY-ADVANCED:INTERNAL=1\n";
    CHECK(library_in(cache, peer_at("")) == "/opt/a folder/libleveldb.a");
    CHECK(library_in(cache, rocksdb) == "");
  }

  TEST_CASE("a library below /usr is a distribution's, if it is not below /usr/local") {
    CHECK(peer_at("/usr/lib/libleveldb.so.1").is_packaged());
    CHECK_FALSE(peer_at("/usr/local/lib/libleveldb.so.1").is_packaged());
    CHECK_FALSE(peer_at("/opt/usr/lib/libleveldb.so.1").is_packaged());
    CHECK_FALSE(peer_at("/usrlib/libleveldb.so.1").is_packaged());
    CHECK_FALSE(peer_at("").is_packaged());
  }

  TEST_CASE("each peer's version and library are told, and which of them is a distribution's") {
    Bench bench;
    bench.engines = {
        {"lsmith", "lsmith", "lsmith", "", "", false, "lsmith 1.0"},
        peer_at("/usr/lib/libleveldb.so.1"),
        {"lmdb", "LMDB", "LMDB", "", "liblmdb-dev", false, "LMDB 0.9", "/opt/liblmdb.a"}};
    const std::string setting = setting_of(bench);
    CHECK(has(setting, "LevelDB 1.23 is linked from /usr/lib/libleveldb.so.1.\n"));
    CHECK(has(setting, "LMDB 0.9 is linked from /opt/liblmdb.a.\n"));
    CHECK(has(setting, "may lack the hardware's checksums, which flatters lsmith: LevelDB.\n"));
    CHECK_FALSE(has(setting, "lsmith 1.0 is linked"));
    bench.engines[1].library = "/opt/libleveldb.a";
    CHECK_FALSE(has(setting_of(bench), "hardware's checksums"));
  }

  TEST_CASE("the files keep the peers' libraries, whatever their paths hold") {
    Bench bench;
    bench.engines = {{"lsmith", "lsmith", "lsmith", "", "", false, "lsmith 1.0"},
                     peer_at("/opt/\"a\\b\" <&c/libleveldb.a")};
    const std::string json = bench_json(bench);
    CHECK(has(json, R"({"name": "lsmith", "version": "lsmith 1.0"}, )"));
    CHECK(has(json, R"("version": "LevelDB 1.23", "library": "/opt/\"a\\b\" <&c/libleveldb.a"})"));
    CHECK(has(json, R"(LevelDB 1.23 is linked from /opt/\"a\\b\" <&c/libleveldb.a. ")"));
    CHECK(has(bench_html(bench),
              R"(LevelDB 1.23 is linked from /opt/"a\b" &lt;&amp;c/libleveldb.a.<br>)"));
  }

  TEST_CASE("a figure has its fields and the time of one operation") {
    BenchResults results;
    CHECK(results.add("lsmith", 0, "random", figure("fillrandom", "0.5") + "closed space=9\n") ==
          "");
    CHECK(results.median("lsmith", fill, "p50") == 7);
    CHECK(*results.median("lsmith", fill, "ns_per_operation") == doctest::Approx(500'000));
    CHECK(results.median("lsmith", {"random", "closed"}, "space") == 9);
    CHECK_FALSE(results.median("lsmith", read, "p50"));
    CHECK_FALSE(results.median("lsmith", {"ycsb", "fillrandom"}, "p50"));
    CHECK_FALSE(results.median("leveldb", fill, "p50"));
  }

  TEST_CASE("what is no figure is a complaint") {
    BenchResults results;
    CHECK(results.add("lsmith", 0, "random", figure("fillrandom", "1") + "bench: it broke\n") ==
          "bench: it broke\n");
    CHECK(results.all().size() == 1);
  }

  TEST_CASE("the median of an even number of figures lies between two") {
    BenchResults results;
    int repetition = 0;
    for (const char* seconds : {"4", "1", "3", "100"})
      results.add("lsmith", repetition++, "random", figure("fillrandom", seconds));
    CHECK(*results.median("lsmith", fill, "seconds") == doctest::Approx(3.5));
  }

  TEST_CASE("a ratio is taken within a repetition") {
    BenchResults results;
    const char* const ours[] = {"1", "10", "1"};
    const char* const theirs[] = {"2", "30", "9"};
    for (int i = 0; i < 3; ++i) {
      results.add("lsmith", i, "random", figure("fillrandom", ours[i]));
      results.add("leveldb", i, "random", figure("fillrandom", theirs[i]));
    }
    results.add("leveldb", 3, "random", figure("fillrandom", "1000"));
    CHECK(*results.ratio("lsmith", "leveldb", fill) == doctest::Approx(3));
    CHECK_FALSE(results.ratio("lsmith", "leveldb", read));
  }

  TEST_CASE("a summary names the worst ratio, a mean over each peer, and the goals missed") {
    Bench bench;
    bench.engines = {{"lsmith", "lsmith", "lsmith", "", "", false},
                     {"leveldb", "LevelDB", "LevelDB", "", "libleveldb-dev", false},
                     {"lmdb", "LMDB", "LMDB", "", "liblmdb-dev", false}};
    bench.workloads = {fill, read};
    CHECK_FALSE(summarize(bench, "lsmith"));
    for (const BenchWorkload& each : bench.workloads)
      bench.results.add("lsmith", 0, "random", figure(each.name, "1"));
    bench.results.add("leveldb", 0, "random", figure("fillrandom", "8"));
    bench.results.add("leveldb", 0, "random", figure("readrandom", "0.5"));
    bench.results.add("lmdb", 0, "random", figure("readrandom", "3"));
    const auto summary = summarize(bench, "lsmith");
    REQUIRE(summary);
    CHECK(summary->worst == doctest::Approx(0.5));
    CHECK(summary->worst_workload == "readrandom");
    CHECK(summary->worst_peer == "LevelDB");
    REQUIRE(summary->means.size() == 2);
    CHECK(summary->means[0].second == doctest::Approx(2));
    CHECK(summary->means[1].second == doctest::Approx(3));
    CHECK(summary->goals == 2);  // LMDB has none
    CHECK(summary->missed == 1);
  }

  TEST_CASE("a point of a sweep has no goal, and its label says which one it is") {
    const BenchEngine peer = {"leveldb", "LevelDB", "LevelDB", "", "libleveldb-dev", false};
    const BenchWorkload point = {"values-16", "fillrandom", "16 B"};
    CHECK(goal_of(fill, peer) == 3);
    CHECK(goal_of(point, peer) == 0);
    CHECK(fill.label() == "fillrandom");
    CHECK(point.label() == "fillrandom 16 B");
  }
}

}  // namespace
