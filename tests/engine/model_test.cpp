// model_test.cpp: the database against a std::map, with random operations: both executors, both
// ways of compacting. Compiled once per view.
#include "engine_model.hpp"

using namespace lsmith;
using engine_test::ModelRun;
using engine_test::ModelSetup;

namespace {

// 200,000 operations over the four cases of this file, in histories of 5,000.
void run_model(CompactionStyle style, bool threads, std::uint64_t first_seed) {
  const int histories = engine_test::operation_count(200000) / 4 / 5000;
  const std::uint64_t seed = engine_test::seed_of(first_seed);
  MESSAGE("seed ", seed, ", ", histories, " histories of 5000 operations");
  for (int i = 0; i < histories; ++i) {
    auto files = make_memory_file_system(seed);
    ManualExecutor manual;
    auto worker = threads ? make_threads_executor() : nullptr;
    ModelSetup setup;
    setup.options = small_options();
    setup.options.compaction = style;
    setup.options.file_system = files.get();
    setup.options.executor = threads ? worker.get() : &manual;
    setup.seed = seed + static_cast<std::uint64_t>(i);
    setup.operations = 5000;
    if (!ModelRun(setup).run()) return;
  }
}

}  // namespace

TEST_SUITE("engine") {
  TEST_CASE("leveled, one thread: agrees with a map") {
    run_model(CompactionStyle::leveled, false, 1000);
  }
  TEST_CASE("tiered, one thread: agrees with a map") {
    run_model(CompactionStyle::tiered, false, 2000);
  }
  TEST_CASE("leveled, background threads: agrees with a map") {
    run_model(CompactionStyle::leveled, true, 3000);
  }
  TEST_CASE("tiered, background threads: agrees with a map") {
    run_model(CompactionStyle::tiered, true, 4000);
  }
}
