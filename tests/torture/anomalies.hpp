// anomalies.hpp: the anomalies that the literature names, after the list of Hermitage, each as a
// schedule that shows it where it can happen.
//
//   G0, G1a, G1b, G1c, OTV     what is not committed, or only half of it, is seen or mixed
//   PMP, P4, G-single          reads are of several moments, updates are lost
//   G2-item, G2                write skew, on keys and through a predicate: snapshot isolation
//                              allows it, and to be called that it has to
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actor.hpp"

namespace torture {

// A database with Hermitage's table, 1 = 10 and 2 = 20, and two who have begun to work on it.
struct Stage {
  Stage(const lsmith::Options& options, lsmith::Isolation of)
      : store(filled(options)), isolation(of), t1(begin()), t2(begin()) {}

  static std::unique_ptr<Store> filled(const lsmith::Options& options) {
    auto store = std::make_unique<Store>(options);
    require_ok(store->db().put("1", "10"), "put");
    require_ok(store->db().put("2", "20"), "put");
    return store;
  }
  Actor begin() { return Actor(store->db(), isolation); }
  std::string all() { return store->all(); }

  std::unique_ptr<Store> store;
  lsmith::Isolation isolation;
  Actor t1;
  Actor t2;
};

// What an anomaly is called, and the schedule: true when it has happened.
struct Anomaly {
  const char* name;
  const char* what;
  bool snapshot_allows;
  bool (*happens)(Stage& stage);
};

// Whether both of them commit, whoever is asked first.
inline bool both_commit(Actor& first, Actor& second) {
  const bool has_first = first.commit();
  return second.commit() && has_first;
}

inline bool dirty_write(Stage& stage) {
  stage.t1.put("1", "11");
  stage.t2.put("1", "12");
  stage.t1.put("2", "21");
  stage.t1.commit();
  stage.t2.put("2", "22");
  stage.t2.commit();
  return stage.all() != "1=11 2=21" && stage.all() != "1=12 2=22";
}

inline bool aborted_read(Stage& stage) {
  stage.t1.put("1", "101");
  const bool before = stage.t2.get("1") == "101";
  stage.t1.roll_back();
  const bool after = stage.t2.get("1") == "101";
  return before || after || stage.begin().get("1") == "101";
}

inline bool intermediate_read(Stage& stage) {
  stage.t1.put("1", "101");
  const bool before = stage.t2.get("1") == "101";
  stage.t1.put("1", "11");
  stage.t1.commit();
  const bool after = stage.t2.get("1") == "101";
  return before || after || stage.begin().get("1") == "101";
}

inline bool circular_information_flow(Stage& stage) {
  stage.t1.put("1", "11");
  stage.t2.put("2", "22");
  const bool first_saw = stage.t1.get("2") == "22";
  return stage.t2.get("1") == "11" && first_saw;
}

inline bool observed_transaction_vanishes(Stage& stage) {
  stage.t1.put("1", "11");
  stage.t1.put("2", "19");
  stage.t2.put("1", "12");
  stage.t1.commit();
  Actor t3 = stage.begin();
  const auto first = t3.get("1");
  stage.t2.put("2", "18");
  const std::string before = t3.all();
  stage.t2.commit();
  return first != "11" || before != "1=11 2=19" || t3.all() != before;
}

inline bool predicate_changes(Stage& stage) {
  const std::string before = stage.t1.all();
  stage.t2.put("3", "30");
  stage.t2.commit();
  return stage.t1.all() != before;
}

// t1 adds 10 to all, t2 erases where it saw 20: a row that is another when t2 commits.
inline bool predicate_write_goes_astray(Stage& stage) {
  stage.t1.put("1", "20");
  stage.t1.put("2", "30");
  if (stage.t2.all() == "1=10 2=20") stage.t2.erase("2");
  return both_commit(stage.t1, stage.t2);
}

inline bool update_is_lost(Stage& stage) {
  stage.t1.get("1");
  stage.t2.get("1");
  stage.t1.put("1", "11");
  stage.t2.put("1", "12");
  return both_commit(stage.t1, stage.t2);
}

inline bool read_skew(Stage& stage) {
  const auto before = stage.t1.get("1");
  stage.t2.put("1", "12");
  stage.t2.put("2", "18");
  stage.t2.commit();
  return before != "10" || stage.t1.get("2") != "20";
}

inline bool predicate_read_skew(Stage& stage) {
  auto below = stage.t1.scan({std::nullopt, "2"});
  const std::string before = walk(below);
  stage.t2.put("1", "12");
  stage.t2.put("15", "18");
  stage.t2.commit();
  return before != "1=10" || stage.t1.all() != "1=10 2=20";
}

// t1 erases a row that t2 has changed since t1 began to read.
inline bool read_skew_is_written(Stage& stage) {
  stage.t1.get("1");
  stage.t2.put("1", "12");
  stage.t2.put("2", "18");
  const bool has_second = stage.t2.commit();
  stage.t1.erase("2");
  return stage.t1.commit() && has_second;
}

inline bool write_skew(Stage& stage) {
  for (Actor* actor : {&stage.t1, &stage.t2})
    for (const char* key : {"1", "2"})
      actor->get(key);
  stage.t1.put("1", "11");
  stage.t2.put("2", "21");
  return both_commit(stage.t1, stage.t2);
}

inline bool predicate_write_skew(Stage& stage) {
  stage.t1.all();
  stage.t2.all();
  stage.t1.put("3", "30");
  stage.t2.put("4", "42");
  return both_commit(stage.t1, stage.t2);
}

// Each finds a range empty and puts something into it; one looks from its end.
inline bool empty_range_is_filled_twice(Stage& stage) {
  auto forward = stage.t1.scan({"3", "5"});
  auto backward = stage.t2.scan({"3", "5"});
  walk(forward);
  walk(backward, true);
  stage.t1.put("3", "30");
  stage.t2.put("4", "42");
  return both_commit(stage.t2, stage.t1);
}

// t3 only reads, and saw t2 without t1, while t1 saw neither.
inline bool reader_closes_the_cycle(Stage& stage) {
  stage.t1.all();
  stage.t2.put("2", "25");
  stage.t2.commit();
  Actor t3 = stage.begin();
  require(t3.all() == "1=10 2=25", "a commit is not seen by who begins behind it");
  require(t3.commit(), "a transaction that only read was refused");
  stage.t1.put("1", "0");
  return stage.t1.commit();
}

inline constexpr Anomaly anomalies[] = {
    {"G0", "dirty write", false, dirty_write},
    {"G1a", "aborted read", false, aborted_read},
    {"G1b", "intermediate read", false, intermediate_read},
    {"G1c", "circular information flow", false, circular_information_flow},
    {"OTV", "observed transaction vanishes", false, observed_transaction_vanishes},
    {"PMP", "predicate-many-preceders", false, predicate_changes},
    {"PMP", "predicate-many-preceders, writing", false, predicate_write_goes_astray},
    {"P4", "lost update", false, update_is_lost},
    {"G-single", "read skew", false, read_skew},
    {"G-single", "read skew through a predicate", false, predicate_read_skew},
    {"G-single", "read skew, writing", false, read_skew_is_written},
    {"G2-item", "write skew", true, write_skew},
    {"G2", "write skew through a predicate", true, predicate_write_skew},
    {"G2", "write skew on an empty range", true, empty_range_is_filled_twice},
    {"G2", "write skew that a reader shows", true, reader_closes_the_cycle},
};

// A line of the table: what was found.
struct AnomalyFound {
  const Anomaly* anomaly;
  bool under_snapshot;
  bool under_serializable;
};

inline std::vector<AnomalyFound> table_of_anomalies(const lsmith::Options& options) {
  std::vector<AnomalyFound> table;
  for (const Anomaly& anomaly : anomalies) {
    Stage snapshot(options, lsmith::Isolation::snapshot);
    Stage serializable(options, lsmith::Isolation::serializable);
    table.push_back({&anomaly, anomaly.happens(snapshot), anomaly.happens(serializable)});
  }
  return table;
}

}  // namespace torture
