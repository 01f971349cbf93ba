// model.hpp: what a sorted set of versions must say, as a std::map says it; and a random walk that
// holds a cursor to it.
#pragma once

#include "random.hpp"
#include "step.hpp"

#include <lsmith/key.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lsmith::testing {

// An entry that owns its bytes.
struct Version {
  std::string key;
  std::uint64_t tag = 0;
  std::string value;

  bool operator==(const Version&) const = default;
};

inline Version put_at(Sequence sequence, std::string key, std::string value) {
  return {std::move(key), make_tag(sequence, Kind::put), std::move(value)};
}

inline Version erase_at(Sequence sequence, std::string key) {
  return {std::move(key), make_tag(sequence, Kind::erase), ""};
}

inline std::optional<Version> copy_of(const std::optional<Entry>& entry) {
  if (!entry) return std::nullopt;
  return Version{std::string(entry->key), entry->tag, std::string(entry->value)};
}

// What a cursor stands on; nothing when it is not valid.
template <class C>
std::optional<Version> copy_of_current(const C& cursor) {
  if (!cursor.is_valid()) return std::nullopt;
  return Version{std::string(cursor.key()), cursor.tag(), std::string(cursor.value())};
}

inline std::string show_place(std::string_view key, std::uint64_t tag) {
  std::string text = lab::show(key) + "@";
  if (tag == tag_newest) return text + "newest";
  text += std::to_string(sequence_of(tag));
  if ((tag & 0xff) == 0xff) return text;
  if (kind_of(tag) == Kind::put) return text + " put";
  if (kind_of(tag) == Kind::erase) return text + " erase";
  return text + " kind " + std::to_string(tag & 0xff);
}

inline std::string show(const Version& version) {
  std::string text = show_place(version.key, version.tag);
  if (kind_of(version.tag) == Kind::erase && version.value.empty()) return text;
  return text + " " + lab::show(version.value);
}

// Adds the version to a memtable, a builder, a model: whatever has add(tag, key, value).
template <class Structure>
void add(Structure& to, const Version& version) {
  to.add(version.tag, version.key, version.value);
}

// Fails the case unless the cursor stands on that version; nothing: unless it is not valid.
template <class C>
bool expect_at(std::string_view done, const C& cursor, const std::optional<Version>& expected,
               std::string_view hint = {}, const char* file = __builtin_FILE(),
               int line = __builtin_LINE()) {
  return lab::expect_equal(done, expected, copy_of_current(cursor), hint, file, line);
}

class Model {
 public:
  struct Place {
    std::string key;
    std::uint64_t tag;
    bool operator<(const Place& other) const { return compare(key, tag, other.key, other.tag) < 0; }
  };
  using Versions = std::map<Place, std::string>;

  void add(std::uint64_t tag, std::string_view key, std::string_view value) {
    versions_[Place{std::string(key), tag}] = value;
  }

  // The newest version at or before `sequence`, tombstones included.
  std::optional<Version> get(std::string_view key, Sequence sequence = sequence_max) const {
    const auto found = lower_bound(key, seek_tag(sequence));
    if (found == end() || found->first.key != key) return std::nullopt;
    return version(found);
  }

  // The value that a user sees at `sequence`.
  std::optional<std::string> read(std::string_view key, Sequence sequence = sequence_max) const {
    const std::optional<Version> newest = get(key, sequence);
    if (!newest || kind_of(newest->tag) != Kind::put) return std::nullopt;
    return newest->value;
  }

  // The keys and values that a user sees at `sequence`, in order.
  std::vector<std::pair<std::string, std::string>> visible(Sequence sequence = sequence_max) const {
    std::vector<std::pair<std::string, std::string>> result;
    const std::string* before = nullptr;
    for (const auto& [place, value] : versions_) {
      if (before != nullptr && *before == place.key) continue;  // an older version of the same key
      before = &place.key;
      if (auto seen = read(place.key, sequence)) result.emplace_back(place.key, *std::move(seen));
    }
    return result;
  }

  std::vector<Version> all() const {
    std::vector<Version> result;
    for (auto at = begin(); at != end(); ++at)
      result.push_back(*version(at));
    return result;
  }

  std::size_t size() const { return versions_.size(); }
  bool holds(std::string_view key, std::uint64_t tag) const {
    return versions_.count(Place{std::string(key), tag}) > 0;
  }
  Versions::const_iterator begin() const { return versions_.begin(); }
  Versions::const_iterator end() const { return versions_.end(); }
  Versions::const_iterator lower_bound(std::string_view key, std::uint64_t tag) const {
    return versions_.lower_bound(Place{std::string(key), tag});
  }
  std::optional<Version> version(Versions::const_iterator at) const {
    if (at == end()) return std::nullopt;
    return Version{at->first.key, at->first.tag, at->second};
  }

 private:
  Versions versions_;
};

// Moves `cursor` at random and holds it to the model after each move. False at the first
// difference, which fails the case. `is_both_ways`: prev() and seek_to_last() as well.
template <class C>
bool walks_like(const Model& model, C& cursor, Random& random, int moves,
                bool is_both_ways = true) {
  const std::vector<Version> all = model.all();
  auto at = model.end();
  for (int move = 0; move < moves; ++move) {
    const std::uint64_t choice = random.below(12);  // 10 and 11: a seek, from wherever it is
    const std::string from = " from " + lab::show(model.version(at));
    std::string done;
    if (at != model.end() && choice < 4) {
      done = "next()" + from;
      cursor.next();
      ++at;
    } else if (at != model.end() && choice < 8 && is_both_ways) {
      done = "prev()" + from;
      cursor.prev();
      at = at == model.begin() ? model.end() : std::prev(at);
    } else if (choice == 8 && is_both_ways) {
      done = "seek_to_last()" + from;
      cursor.seek_to_last();
      at = model.size() == 0 ? model.end() : std::prev(model.end());
    } else if (choice == 9 || all.empty()) {
      done = "seek_to_first()" + from;
      cursor.seek_to_first();
      at = model.begin();
    } else {
      Version target = all[random.below(all.size())];
      if (random.chance(20)) target.tag = tag_newest;
      if (random.chance(20)) target.tag = tag_oldest;
      if (random.chance(20)) target.tag += 256 * random.below(3);
      if (random.chance(10)) target.key += '\0';
      if (random.chance(10)) target.key = target.key.substr(0, target.key.size() / 2);
      done = "seek(" + show_place(target.key, target.tag) + ")" + from;
      cursor.seek(target.key, target.tag);
      at = model.lower_bound(target.key, target.tag);
    }
    if (!expect_at(done, cursor, model.version(at))) return false;
  }
  return true;
}

}  // namespace lsmith::testing
