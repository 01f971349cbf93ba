// workloads.hpp: what the engines are asked to do: the workloads of LevelDB's db_bench, and YCSB.
#pragma once

#include "measure.hpp"
#include "store.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace bench {

/// How much, where, and how.
struct Setup {
  std::uint64_t entries = 1'000'000;
  std::uint64_t operations = 0;  ///< of what reads, and of YCSB; 0: half as many as entries
  int threads = 1;               ///< of fillrandom, readrandom and YCSB; ignored by NAME-2
  std::string folder;
  bool is_mapped = false;
};

/// What a workload took; no operations: such an engine can not do it. Background work that it
/// caused is a part of it.
struct Figure {
  std::uint64_t operations = 0;
  double seconds = 0;
  Latencies latencies;
  std::uint64_t written_bytes = 0;  ///< to files
  std::uint64_t user_bytes = 0;     ///< keys and values that were to be written
  std::uint64_t space_bytes = 0;    ///< of the folder afterwards
  std::uint64_t anonymous_bytes = 0;
};

/// Workloads that share a database, in this order.
struct Suite {
  std::string name;
  std::vector<std::string> workloads;
};
const std::vector<Suite>& suites();
/// Whether there is a workload of that name.
bool is_workload(const std::string& name);

/// Runs one of them on the open database; reopening workloads close it and open it again.
Figure run_workload(const std::string& name, std::unique_ptr<Store>& store, const Setup& setup);

}  // namespace bench
