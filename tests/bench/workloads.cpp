#include "workloads.hpp"

#include "zipf.hpp"

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

namespace bench {
namespace {

using lsmith::testing::Random;

// One thread's part of a workload.
struct alignas(64) Worker {
  std::uint64_t first, count;  // its operations
  Random random;
  Latencies latencies;
  std::string value;

  // Runs them, and takes each one's time.
  template <class Act>
  void each(Act&& act) {
    std::uint64_t before = ticks();
    for (std::uint64_t i = first; i < first + count; ++i) {
      act(i);
      const std::uint64_t now = ticks();
      latencies.add(now - before);
      before = now;
    }
  }
};

class Bench {
 public:
  Bench(std::unique_ptr<Store>& store, const Setup& setup) : store_(store), setup_(setup) {}

  Store& store() { return *store_; }
  const Setup& setup() const { return setup_; }
  std::uint64_t entries() const { return setup_.entries; }
  int threads() const { return setup_.threads; }
  std::uint64_t operations() const {
    return setup_.operations > 0 ? setup_.operations : entries() / 2;
  }

  // `work(worker)` on so many threads, `count` operations in all, then the wait for what it caused.
  template <class Work>
  Figure run(std::uint64_t count, int threads, Work&& work) {
    const std::uint64_t written = written_bytes();
    std::vector<Worker> workers;
    const auto first_of = [&](int i) {
      return count * static_cast<std::uint64_t>(i) / static_cast<std::uint64_t>(threads);
    };
    for (int i = 0; i < threads; ++i)
      workers.push_back({first_of(i), first_of(i + 1) - first_of(i), Random(100 + i), {}, {}});
    const auto began = Clock::now();
    std::vector<std::thread> others;
    for (int i = 1; i < threads; ++i)
      others.emplace_back([&work, &worker = workers[i]] { work(worker); });
    work(workers[0]);
    for (std::thread& other : others)
      other.join();
    return finish(count, workers, began, written);
  }

  // The figure of what began then.
  Figure finish(std::uint64_t count, const std::vector<Worker>& workers, Clock::time_point began,
                std::uint64_t written) {
    Figure figure;
    const auto at_rest = store().settle() ? Clock::now() : wait_until_quiet();
    figure.seconds = std::chrono::duration<double>(at_rest - began).count();
    figure.operations = count;
    for (const Worker& worker : workers)
      figure.latencies.add(worker.latencies);
    figure.written_bytes = written_bytes() - written;
    figure.space_bytes = folder_bytes(setup_.folder);
    figure.anonymous_bytes = anonymous_bytes();
    return figure;
  }

  void put(std::uint64_t n, std::uint64_t generation, bool sync = false) {
    const Key key(n);
    store().put(key, Value(key, generation), sync);
  }
  // Reads an entry that must be there.
  void get(std::uint64_t n, std::string& value) {
    const Key key(n);
    if (!store().get(key, value)) stop("an entry is missing: " + std::string(key));
    if (!Value::is_right(key, value)) stop("a value is wrong: " + std::string(key));
  }
  void scan(std::string_view from, std::uint64_t count, bool is_forward = true) {
    Reading seen(is_forward);
    store().scan(from, count, is_forward, seen);
    if (!seen.is_right() || seen.count() != count)
      stop("a scan is wrong: " + std::to_string(seen.count()) + " entries from " +
           std::string(from) + ", wanted " + std::to_string(count));
  }
  void reopen() {
    store_.reset();
    store_ = open_store(setup_.folder, setup_.is_mapped);
  }
  std::unique_ptr<Store>& handle() { return store_; }

 private:
  std::unique_ptr<Store>& store_;
  const Setup& setup_;
};

Figure with_user_bytes(Figure figure, std::uint64_t writes, std::size_t each_bytes) {
  figure.user_bytes = writes * each_bytes;
  return figure;
}

// ---- db_bench

Figure fill(Bench& bench, bool is_random, int threads, std::uint64_t generation) {
  const Shuffle shuffle(bench.entries());
  const Figure figure = bench.run(bench.entries(), threads, [&](Worker& worker) {
    worker.each([&](std::uint64_t i) { bench.put(is_random ? shuffle(i) : i, generation); });
  });
  return with_user_bytes(figure, bench.entries(), key_bytes + value_bytes);
}

Figure fill_in_batches(Bench& bench) {
  constexpr std::uint64_t batch = 1000;
  Figure figure = bench.run(bench.entries() / batch, 1, [&](Worker& worker) {
    worker.each([&](std::uint64_t i) { bench.store().put_batch(i * batch, batch); });
  });
  figure.operations *= batch;
  return with_user_bytes(figure, figure.operations, key_bytes + value_bytes);
}

Figure fill_synced(Bench& bench, int threads) {
  const std::uint64_t count = std::clamp<std::uint64_t>(bench.entries() / 200, 200, 5000);
  return bench.run(count, threads, [&](Worker& worker) {
    worker.each([&](std::uint64_t i) { bench.put(i, 0, true); });
  });
}

Figure delete_random(Bench& bench) {
  const Shuffle shuffle(bench.entries());
  const Figure figure = bench.run(bench.entries(), 1, [&](Worker& worker) {
    worker.each([&](std::uint64_t i) { bench.store().erase(Key(shuffle(i))); });
  });
  return with_user_bytes(figure, bench.entries(), key_bytes);
}

// Of `range` entries, evenly spread over all.
Figure read_random(Bench& bench, int threads, std::uint64_t range) {
  const std::uint64_t count = bench.operations();
  const std::uint64_t step = bench.entries() / range;
  return bench.run(count, threads, [&](Worker& worker) {
    worker.each([&](std::uint64_t) { bench.get(worker.random.below(range) * step, worker.value); });
  });
}

// Keys that lie between those that are there.
Figure read_missing(Bench& bench) {
  return bench.run(bench.operations(), 1, [&](Worker& worker) {
    worker.each([&](std::uint64_t) {
      const std::string key = std::string(Key(worker.random.below(bench.entries()))) + ".";
      if (bench.store().get(key, worker.value)) stop("a key is there that was never written");
    });
  });
}

Figure read_in_order(Bench& bench, bool is_forward) {
  Figure figure = bench.run(1, 1, [&](Worker& worker) {
    worker.each([&](std::uint64_t) { bench.scan({}, bench.entries(), is_forward); });
  });
  figure.operations = bench.entries();
  return figure;
}

Figure seek_random(Bench& bench, std::uint64_t nexts) {
  const std::uint64_t count = bench.operations() * 2 / (nexts > 10 ? 20 : 5);
  return bench.run(count, 1, [&](Worker& worker) {
    worker.each([&](std::uint64_t) {
      bench.scan(Key(worker.random.below(bench.entries() - nexts)), nexts);
    });
  });
}

// One thread reads; another one writes 50,000 entries a second, and is not waited for.
Figure read_while_writing(Bench& bench) {
  std::atomic<bool> is_over{false};
  std::thread writer([&] {
    Random random(7);
    const auto began = Clock::now();
    for (std::uint64_t done = 0; !is_over.load(); ++done) {
      bench.put(random.below(bench.entries()), done);
      while (!is_over.load() && seconds_since(began) * 50'000 < static_cast<double>(done))
        std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
  });
  const auto began = Clock::now();
  std::vector<Worker> reader;
  reader.push_back({0, bench.entries() / 4, Random(1), {}, {}});
  reader[0].each(
      [&](std::uint64_t) { bench.get(reader[0].random.below(bench.entries()), reader[0].value); });
  const double seconds = seconds_since(began);
  is_over = true;
  writer.join();
  Figure figure = bench.finish(reader[0].count, reader, began, written_bytes());
  figure.seconds = seconds;
  return figure;
}

Figure compact(Bench& bench) {
  bool has_compacted = false;
  Figure figure = bench.run(1, 1, [&](Worker&) { has_compacted = bench.store().compact(); });
  figure.operations = has_compacted ? bench.entries() : 0;
  return with_user_bytes(figure, bench.entries(), key_bytes + value_bytes);
}

// ---- Reopening: 400,000 writes of a million are in the log, or were until the clean close.

Figure time_reopening(Bench& bench) {
  const auto began = Clock::now();
  bench.handle() = open_store(bench.setup().folder, bench.setup().is_mapped);
  std::string value;
  bench.get(0, value);
  Figure figure;
  figure.operations = 1;
  figure.seconds = seconds_since(began);
  for (std::uint64_t n = 0; n < bench.entries() * 4 / 10; n += 97)
    bench.get(n, value);
  return figure;
}

void write_for_reopening(Bench& bench) {
  for (std::uint64_t n = 0; n < bench.entries() * 4 / 10; ++n)
    bench.put(n, 0);
}

Figure reopen_clean(Bench& bench) {
  write_for_reopening(bench);
  bench.handle().reset();
  return time_reopening(bench);
}

Figure reopen_killed(Bench& bench) {
  bench.handle().reset();
  const pid_t child = ::fork();
  if (child < 0) stop("no process could be made");
  if (child == 0) {
    bench.handle() = open_store(bench.setup().folder, bench.setup().is_mapped);
    write_for_reopening(bench);
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  if (::waitpid(child, &status, 0) != child || !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
    stop("the process that was to be killed ended by itself");
  return time_reopening(bench);
}

// ---- YCSB

// What an operation does, in percent.
struct Mix {
  int reads, updates, inserts, scans, read_modify_writes;
  bool reads_latest = false;
};

const std::map<std::string, Mix>& mixes() {
  static const std::map<std::string, Mix> all = {
      {"ycsb-a", {50, 50, 0, 0, 0}}, {"ycsb-b", {95, 5, 0, 0, 0}},
      {"ycsb-c", {100, 0, 0, 0, 0}}, {"ycsb-d", {95, 0, 5, 0, 0, true}},
      {"ycsb-e", {0, 0, 5, 95, 0}},  {"ycsb-f", {50, 0, 0, 0, 50}}};
  return all;
}

class Ycsb {
 public:
  Ycsb(Bench& bench, const Mix& mix) : bench_(bench), mix_(mix), zipf_(bench.entries()) {}

  void operator()(Worker& worker) {
    worker.each(
        [&](std::uint64_t i) { act(worker, static_cast<int>(worker.random.below(100)), i); });
  }

 private:
  void act(Worker& worker, int percent, std::uint64_t generation) {
    if ((percent -= mix_.reads) < 0) return bench_.get(choose(worker), worker.value);
    if ((percent -= mix_.updates) < 0) return bench_.put(choose(worker), generation);
    if ((percent -= mix_.scans) < 0) {
      const std::uint64_t count = 1 + worker.random.below(100);
      const std::uint64_t from = std::min(choose(worker), bench_.entries() - count);
      return bench_.scan(Key(from), count);
    }
    if ((percent -= mix_.inserts) < 0) {
      const std::uint64_t n = next_.fetch_add(1);
      bench_.put(n, 0);
      return newest_.store(n);
    }
    const std::uint64_t n = choose(worker);
    bench_.get(n, worker.value);
    bench_.put(n, generation);
  }
  std::uint64_t choose(Worker& worker) const {
    const std::uint64_t rank = zipf_.rank(worker.random.next());
    if (mix_.reads_latest) return newest_.load() - std::min(rank, newest_.load());
    return zipf_.scattered(rank);
  }

  // Behind all that earlier workloads put in.
  static inline std::atomic<std::uint64_t> next_{0}, newest_{0};
  Bench& bench_;
  const Mix mix_;
  const Zipf zipf_;

 public:
  static void begin_at(std::uint64_t entries) {
    if (next_.load() >= entries) return;
    next_ = entries;
    newest_ = entries - 1;
  }
};

Figure run_ycsb(Bench& bench, const Mix& mix, int threads) {
  Ycsb::begin_at(bench.entries());
  Ycsb work(bench, mix);
  const std::uint64_t count = bench.operations() / (mix.scans > 0 ? 5 : 1);
  return bench.run(count, threads, std::ref(work));
}

using Run = std::function<Figure(Bench&)>;

std::map<std::string, Run> make_workloads() {
  std::map<std::string, Run> all = {
      {"fillseq", [](Bench& b) { return fill(b, false, 1, 0); }},
      {"fillrandom", [](Bench& b) { return fill(b, true, b.threads(), 0); }},
      {"fillrandom-2", [](Bench& b) { return fill(b, true, 2, 0); }},
      {"overwrite", [](Bench& b) { return fill(b, true, 1, 1); }},
      {"fillbatch", fill_in_batches},
      {"fillsync", [](Bench& b) { return fill_synced(b, 1); }},
      {"fillsync-2", [](Bench& b) { return fill_synced(b, 2); }},
      {"deleterandom", delete_random},
      {"readrandom", [](Bench& b) { return read_random(b, b.threads(), b.entries()); }},
      {"readrandom-2", [](Bench& b) { return read_random(b, 2, b.entries()); }},
      {"readhot", [](Bench& b) { return read_random(b, 1, b.entries() / 100); }},
      {"readmissing", read_missing},
      {"readseq", [](Bench& b) { return read_in_order(b, true); }},
      {"readreverse", [](Bench& b) { return read_in_order(b, false); }},
      {"seek-10", [](Bench& b) { return seek_random(b, 10); }},
      {"seek-100", [](Bench& b) { return seek_random(b, 100); }},
      {"readwhilewriting", read_while_writing},
      {"compact", compact},
      {"load", [](Bench& b) { return fill(b, true, 1, 0); }},
      {"reopen-clean", reopen_clean},
      {"reopen-killed", reopen_killed}};
  for (const auto& [name, mix] : mixes()) {
    all[name] = [&mix = mix](Bench& b) { return run_ycsb(b, mix, b.threads()); };
    all[name + "-2"] = [&mix = mix](Bench& b) { return run_ycsb(b, mix, 2); };
  }
  return all;
}

const std::map<std::string, Run>& all_workloads() {
  static const std::map<std::string, Run> all = make_workloads();
  return all;
}

}  // namespace

const std::vector<Suite>& suites() {
  static const std::vector<Suite> all = {
      {"sequential", {"fillseq"}},
      {"random",
       {"fillrandom", "readrandom", "readrandom-2", "readmissing", "readhot", "readseq",
        "readreverse", "seek-10", "seek-100", "readwhilewriting", "overwrite", "compact",
        "deleterandom"}},
      {"batch", {"fillbatch"}},
      {"threads", {"fillrandom-2"}},
      {"sync", {"fillsync", "fillsync-2"}},
      {"ycsb",
       {"load", "ycsb-a", "ycsb-b", "ycsb-c", "ycsb-f", "ycsb-d", "ycsb-e", "ycsb-a-2",
        "ycsb-f-2"}},
      {"reopen", {"reopen-clean"}},
      {"kill", {"reopen-killed"}}};
  return all;
}

bool is_workload(const std::string& name) {
  return all_workloads().count(name) > 0;
}

Figure run_workload(const std::string& name, std::unique_ptr<Store>& store, const Setup& setup) {
  Bench bench(store, setup);
  return all_workloads().at(name)(bench);
}

}  // namespace bench
