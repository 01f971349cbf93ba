// append_history.hpp: what transactions that append to lists have seen, and whether it could be.
//
// Every number is appended once. So a list says which transactions wrote it, in their order, and
// who saw it saw up to one of them: the history alone tells what depends on what (after Elle, by
// Kingsbury and Alvaro).
//
//   list x   1 2 3        1 -ww-> 2 -ww-> 3     wrote the version that the next one replaced
//   T saw    1 2                  2 -wr-> T     wrote what T saw
//                                 T -rw-> 3     replaced what T saw
//   time                  A -time-> B           A was over before B began
//
// Serializable: no cycle at all. Snapshot isolation: no cycle in which rw edges stand apart, for
// both ends of any other edge lie one behind the other, and only two rw in a row can lead back.
// A transaction that was refused wrote nothing, but what it saw must fit in as well.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "run.hpp"

namespace torture {

using List = std::vector<std::uint64_t>;
using Lists = std::map<std::string, List>;

inline std::string text_of(const List& list) {
  std::string text;
  for (const std::uint64_t number : list)
    text += "," + std::to_string(number);
  return text;
}

// The list that is written like ",1,2".
inline List list_of(std::string_view text) {
  List list;
  for (const char c : text) {
    if (c == ',') {
      list.push_back(0);
      continue;
    }
    require(!list.empty() && c >= '0' && c <= '9', "not a list: " + std::string(text));
    list.back() = list.back() * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return list;
}

// What one transaction did.
struct Deed {
  std::string name;
  Lists saw;       // without its own appends
  Lists appended;  // in its order
  bool is_committed = false;
  std::uint64_t began = 0;  // by one clock for all
  std::uint64_t ended = 0;
};

enum class Dependency { ww, wr, rw, time };

// Which must come before which.
class DependencyGraph {
 public:
  explicit DependencyGraph(std::size_t nodes) : edges_(nodes) {}

  void add(std::size_t from, std::size_t to, Dependency kind) {
    if (from != to) edges_[from].push_back({to, kind});
  }
  // The nodes of a cycle, the edges between them in text; empty: there is none. With `apart` only
  // one in which no two rw edges are neighbours.
  template <class NameOf>
  std::string cycle(bool apart, NameOf name_of) const {
    Walk walk{apart, std::vector<Mark>(edges_.size() * 2, Mark::fresh), {}};
    for (std::size_t node = 0; node < edges_.size(); ++node)
      if (is_on_cycle(walk, node * 2)) return text_of(walk.path, name_of);
    return "";
  }

 private:
  struct Edge {
    std::size_t to;
    Dependency kind;
  };
  struct Visit {
    std::size_t place;
    Dependency by;  // which edge it leaves by
  };
  enum class Mark : std::uint8_t { fresh, open, done };
  // A place is a node and how it was reached, 2 * node + 1 by rw, when that matters.
  struct Walk {
    bool apart;
    std::vector<Mark> marks;
    std::vector<Visit> path;
  };

  bool is_on_cycle(Walk& walk, std::size_t place) const {
    if (walk.marks[place] == Mark::open) return close(walk, place);
    if (walk.marks[place] == Mark::done) return false;
    walk.marks[place] = Mark::open;
    for (const Edge& edge : edges_[place / 2]) {
      const bool is_rw = walk.apart && edge.kind == Dependency::rw;
      if (is_rw && place % 2 == 1) continue;
      walk.path.push_back({place, edge.kind});
      if (is_on_cycle(walk, edge.to * 2 + (is_rw ? 1 : 0))) return true;
      walk.path.pop_back();
    }
    walk.marks[place] = Mark::done;
    return false;
  }
  // Leaves on the path what lies between two visits to this place.
  static bool close(Walk& walk, std::size_t place) {
    const auto first = std::find_if(walk.path.begin(), walk.path.end(),
                                    [&](const Visit& visit) { return visit.place == place; });
    walk.path.erase(walk.path.begin(), first);
    return true;
  }
  template <class NameOf>
  static std::string text_of(const std::vector<Visit>& path, NameOf name_of) {
    static constexpr const char* names[] = {"ww", "wr", "rw", "time"};
    std::string text;
    for (const auto& [place, by] : path)
      text += name_of(place / 2) + " -" + names[static_cast<int>(by)] + "-> ";
    return text + name_of(path.front().place / 2);
  }

  std::vector<std::vector<Edge>> edges_;
};

// Deeds and the lists that are left of them.
class AppendHistory {
 public:
  AppendHistory(const std::vector<Deed>& deeds, Lists lists)
      : deeds_(deeds), lists_(std::move(lists)), graph_(deeds.size() * 2) {
    find_writers();
    for (const auto& [key, list] : lists_)
      check_list(key, list);
    for (std::size_t deed = 0; deed < deeds_.size(); ++deed)
      check_deed(deed);
    add_time();
  }

  void check(bool is_serializable) const {
    const std::string cycle = cycle_of(!is_serializable);
    require(cycle.empty(),
            (is_serializable ? "not serializable: " : "not of one snapshot each: ") + cycle);
  }
  // What snapshot isolation allows, and has to be called something else for.
  bool has_write_skew() const { return !cycle_of(false).empty(); }

 private:
  std::string cycle_of(bool apart) const {
    return graph_.cycle(apart, [&](std::size_t node) {
      return node < deeds_.size() ? deeds_[node].name : std::string("*");
    });
  }

  void find_writers() {
    for (std::size_t deed = 0; deed < deeds_.size(); ++deed)
      for (const auto& [key, list] : deeds_[deed].appended)
        for (const std::uint64_t number : list)
          require(writers_.emplace(number, deed).second, "a number was appended twice");
  }
  // Nothing but what was committed, once; and each who comes next replaced the one before.
  void check_list(const std::string& key, const List& list) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      const auto writer = writers_.find(list[i]);
      const std::string what = "list " + key + " has " + std::to_string(list[i]);
      require(writer != writers_.end(), what + ", which nobody appended");
      require(deeds_[writer->second].is_committed, what + ", which was refused");
      if (i > 0) graph_.add(writers_.at(list[i - 1]), writer->second, Dependency::ww);
    }
    List sorted = list;
    std::sort(sorted.begin(), sorted.end());
    require(std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end(),
            "list " + key + " has a number twice");
  }

  void check_deed(std::size_t deed) {
    for (const auto& [key, list] : deeds_[deed].appended)
      if (deeds_[deed].is_committed) check_is_there(deeds_[deed].name, key, list);
    for (const auto& [key, list] : deeds_[deed].saw)
      place_read(deed, key, list);
  }
  void check_is_there(const std::string& name, const std::string& key, const List& appended) {
    const List& list = lists_[key];
    require(std::search(list.begin(), list.end(), appended.begin(), appended.end()) != list.end(),
            name + " committed " + text_of(appended) + " to " + key +
                ", which is lost: " + text_of(list));
  }
  void place_read(std::size_t deed, const std::string& key, const List& seen) {
    const List& list = lists_[key];
    const bool is_prefix =
        seen.size() <= list.size() && std::equal(seen.begin(), seen.end(), list.begin());
    require(is_prefix, deeds_[deed].name + " saw " + key + " as " + text_of(seen) +
                           ", which was never committed: " + text_of(list));
    if (!seen.empty()) graph_.add(writers_.at(seen.back()), deed, Dependency::wr);
    if (seen.size() == list.size()) return;
    const std::size_t next = writers_.at(list[seen.size()]);
    require(seen.empty() || writers_.at(seen.back()) != next,
            deeds_[deed].name + " saw half of what " + deeds_[next].name + " appended to " + key);
    graph_.add(deed, next, Dependency::rw);
  }

  // A chain of moments, one for each deed that ended. It leads to who began behind it.
  void add_time() {
    std::vector<std::pair<std::uint64_t, std::size_t>> ends;
    for (std::size_t deed = 0; deed < deeds_.size(); ++deed)
      ends.emplace_back(deeds_[deed].ended, deed);
    std::sort(ends.begin(), ends.end());
    for (std::size_t i = 0; i < ends.size(); ++i) {
      const std::size_t moment = deeds_.size() + i;
      graph_.add(ends[i].second, moment, Dependency::time);
      if (i > 0) graph_.add(moment - 1, moment, Dependency::time);
    }
    for (std::size_t deed = 0; deed < deeds_.size(); ++deed) {
      const std::pair<std::uint64_t, std::size_t> began(deeds_[deed].began, 0);
      const auto behind = std::lower_bound(ends.begin(), ends.end(), began) - ends.begin();
      const std::size_t moment = deeds_.size() + static_cast<std::size_t>(behind);
      if (behind > 0) graph_.add(moment - 1, deed, Dependency::time);
    }
  }

  const std::vector<Deed>& deeds_;
  Lists lists_;
  std::map<std::uint64_t, std::size_t> writers_;  // of each number
  DependencyGraph graph_;
};

}  // namespace torture
