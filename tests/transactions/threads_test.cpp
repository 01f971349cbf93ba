// threads_test.cpp: transactions of many threads: nothing is lost, and what they promise each other
// holds at every moment.
#include "stores.hpp"

#include <atomic>
#include <thread>
#include <vector>

namespace {

using namespace transaction_test;

constexpr int thread_count = 4;

Db open(FileSystem& files, std::size_t history_bytes) {
  Options options = small_options();
  options.file_system = &files;
  options.commit_history_bytes = history_bytes;
  auto db = Db::open("db", options);
  REQUIRE_MESSAGE(db.ok(), db.status().to_string());
  return std::move(*db);
}

template <class Work>
void run_threads(Work&& work) {
  std::vector<std::thread> threads;
  for (int i = 0; i < thread_count; ++i) threads.emplace_back([&work, i] { work(i); });
  for (std::thread& thread : threads) thread.join();
}

// A number that is always there, or -1.
int number_at(Transaction& t, const std::string& key) {
  std::string value;
  const auto found = t.get(key, value);
  return found.ok() && *found ? std::stoi(value) : -1;
}

TEST_SUITE_BEGIN("transactions.threads");

TEST_CASE("increments of many threads all count") {
  for (const std::size_t history_bytes : {std::size_t{1} << 20, std::size_t{300}}) {
    auto files = make_memory_file_system();
    Db db = open(*files, history_bytes);
    REQUIRE(db.put("count", "0").ok());
    std::atomic<int> committed{0};
    run_threads([&](int self) {
      for (int i = 0; i < 200; ++i) {
        Transaction t = db.begin(Isolation::snapshot);
        const int count = number_at(t, "count");
        t.put("count", std::to_string(count + 1)).ignore();
        t.put("of " + std::to_string(self), std::to_string(i)).ignore();
        if (t.commit(i % 16 == 0).ok()) committed.fetch_add(1);
      }
    });
    CHECK(committed.load() > 0);
    lab::expect_equal("add 1 to a count, 4 threads; the count",
                      std::optional<std::string>(std::to_string(committed.load())),
                      transaction_test::get(db, "count"));
  }
}

TEST_CASE("money that moves between accounts is never made and never lost") {
  constexpr int account_count = 6, start = 100;
  const auto account = [](int i) { return "account " + std::to_string(i % account_count); };
  for (const Isolation isolation : {Isolation::snapshot, Isolation::serializable}) {
    auto files = make_memory_file_system();
    Db db = open(*files, std::size_t{1} << 20);
    for (int i = 0; i < account_count; ++i)
      REQUIRE(db.put(account(i), std::to_string(start)).ok());
    std::atomic<int> wrong_sums{0}, failures{0};
    run_threads([&](int self) {
      for (int i = 0; i < 150; ++i) {
        Transaction t = db.begin(isolation);
        int sum = 0;
        auto scan = t.scan(bounds("account ", "account!"));
        for (scan.seek_to_first(); scan.is_valid(); scan.next())
          sum += std::stoi(std::string(scan.value()));
        if (sum != account_count * start || !scan.status().ok()) wrong_sums.fetch_add(1);
        const std::string from = account(self + i), to = account(self * 3 + i * 5 + 1);
        if (from == to) continue;
        t.put(from, std::to_string(number_at(t, from) - 1)).ignore();
        t.put(to, std::to_string(number_at(t, to) + 1)).ignore();
        const Status s = t.commit(false);
        if (!s.ok() && s.code() != Code::conflict) failures.fetch_add(1);
      }
    });
    CHECK(wrong_sums.load() == 0);
    CHECK(failures.load() == 0);
    CHECK(db.check().empty());
  }
}

TEST_CASE("what serializable transactions keep together stays together, beside plain writes") {
  auto files = make_memory_file_system();
  Db db = open(*files, std::size_t{1} << 20);
  REQUIRE(db.put("a", "50").ok());
  REQUIRE(db.put("b", "50").ok());
  std::atomic<int> overdrawn{0};
  run_threads([&](int self) {
    for (int i = 0; i < 200; ++i) {
      if (i % 4 == 0) db.put("noise " + std::to_string(self), std::to_string(i)).ignore();
      Transaction t = db.begin(Isolation::serializable);
      const int a = number_at(t, "a"), b = number_at(t, "b");
      if (a + b < 0) overdrawn.fetch_add(1);
      const bool takes = a + b >= 10;  // from either, while both together have enough
      const int change = takes ? -10 : 5;
      (self % 2 == 0) ? t.put("a", std::to_string(a + change)).ignore()
                      : t.put("b", std::to_string(b + change)).ignore();
      t.commit(false).ignore();
    }
  });
  lab::expect_equal("withdraw 10 from a or b while a + b >= 10, 4 threads; times a + b < 0", 0,
                    overdrawn.load());
}

}  // namespace
