// bench_goals.hpp: how many times as fast as its peers the engine is meant to be.
#pragma once

#include <string_view>

namespace lab {

/// The least ratio of a workload over each of two peers.
struct BenchGoal {
  std::string_view workload;
  double over_leveldb;
  double over_rocksdb;
};

inline constexpr BenchGoal bench_goals[] = {
    {"fillseq", 3, 4},
    {"fillrandom", 3, 3},
    {"overwrite", 3, 3},
    {"deleterandom", 3, 3},
    {"fillbatch", 2.5, 2.5},
    {"fillsync", 1.15, 1.05},
    {"fillsync-2", 1.5, 1.3},
    {"fillrandom-2", 3, 2},
    {"ycsb-a-2", 3, 2},
    {"ycsb-f-2", 3, 2},
    {"readrandom", 2, 3},
    {"readrandom-2", 1.5, 2.5},
    {"readmissing", 3, 1.5},
    {"readhot", 2.5, 4},
    {"readseq", 1.8, 4},
    {"readreverse", 4, 4},
    {"seek-10", 1.7, 5},
    {"seek-100", 1.4, 4},
    {"readwhilewriting", 1.8, 2.5},
    {"compact", 2, 1.3},
    {"ycsb-a", 2.5, 3},
    {"ycsb-b", 2, 2.5},
    {"ycsb-c", 1.8, 2.3},
    {"ycsb-d", 2, 2.3},
    {"ycsb-e", 8, 3.5},
    {"ycsb-f", 2, 3},
    {"reopen-clean", 10, 10},
    {"reopen-killed", 3, 3},
};

/// The goal of a workload over a peer; 0 where there is none.
constexpr double bench_goal(std::string_view workload, std::string_view peer) {
  for (const BenchGoal& goal : bench_goals) {
    if (goal.workload != workload) continue;
    return peer == "leveldb" ? goal.over_leveldb : peer == "rocksdb" ? goal.over_rocksdb : 0;
  }
  return 0;
}

}  // namespace lab
