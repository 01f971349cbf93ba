// judges.hpp: what a reader must see, and what may be forgotten, by brute force.
#pragma once

#include "../support/vector_cursor.hpp"

#include <lsmith/mvcc.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lsmith::testing {

using Pairs = std::vector<std::pair<std::string, std::string>>;

// Moves a cursor and holds it to the list of what is to be seen.
class Reader {
 public:
  Reader(const Sources& sources, Sequence sequence, Bounds bounds)
      : cursor_(MergeCursor(children_of(sources)), sequence, bounds) {
    for (auto& pair : model_of(sources).visible(sequence))
      if (bounds.contains(pair.first)) all_.push_back(std::move(pair));
    path_ = "reader at " + (sequence == sequence_max ? "now" : lab::show(sequence));
    if (bounds.lower) path_ += ", from " + lab::show(*bounds.lower);
    if (bounds.upper) path_ += ", up to " + lab::show(*bounds.upper);
  }

  UserCursor& cursor() { return cursor_; }
  bool is_valid() const { return at_ < all_.size(); }
  bool seek_to_first() { return cursor_.seek_to_first(), expect(": seek_to_first()", 0); }
  bool seek_to_last() {
    return cursor_.seek_to_last(), expect(": seek_to_last()", all_.size() - 1);
  }
  bool next() { return cursor_.next(), expect(", next()", at_ + 1); }
  bool prev() { return cursor_.prev(), expect(", prev()", at_ - 1); }
  bool seek(const std::string& key) {
    cursor_.seek(key);
    return expect(": seek(" + lab::show(key) + ")", count_below(key, false));
  }
  bool seek_back(const std::string& key) {
    cursor_.seek_back(key);
    return expect(": seek_back(" + lab::show(key) + ")", count_below(key, true) - 1);
  }
  bool scan() {
    for (bool ok = seek_to_first(); is_valid(); ok = next())
      if (!ok) return false;
    for (bool ok = seek_to_last(); is_valid(); ok = prev())
      if (!ok) return false;
    return true;
  }

 private:
  std::size_t count_below(const std::string& key, bool or_equal) const {
    return static_cast<std::size_t>(std::count_if(all_.begin(), all_.end(), [&](const auto& pair) {
      return pair.first < key || (or_equal && pair.first == key);
    }));
  }
  bool expect(const std::string& call, std::size_t position) {
    if (call[0] == ':') moves_.clear();
    moves_ += call;
    at_ = position;
    const auto say = [](bool is_valid, std::string_view key, std::string_view value) {
      return is_valid ? lab::show(key) + "=" + lab::show(value) : "nothing";
    };
    const std::string expected =
        is_valid() ? say(true, all_[at_].first, all_[at_].second) : say(false, {}, {});
    const std::string found =
        cursor_.is_valid() ? say(true, cursor_.key(), cursor_.value()) : say(false, {}, {});
    return lab::expect_equal(path_ + moves_, expected, found) &&
           lab::expect_equal(path_ + moves_ + "; status()", "ok", cursor_.status().to_string());
  }

  Pairs all_;
  UserCursor cursor_;
  std::size_t at_ = ~std::size_t{0};
  std::string path_, moves_;
};

using Fate = GarbageRule::Fate;

inline std::string name(Fate fate) {
  if (fate == Fate::keep) return "keep";
  return fate == Fate::drop ? "drop" : "drop_unless_older";
}

inline std::string text(const std::vector<Sequence>& snapshots) {
  std::string result = "snapshots:";
  for (Sequence snapshot : snapshots)
    result += " " + std::to_string(snapshot);
  return result;
}

// Judges all versions twice over: by what readers see, and that nothing is kept for nobody.
inline bool check_against_readers(const Model& all, const std::vector<Sequence>& snapshots) {
  GarbageRule rule(snapshots);
  Model with_tombstones, without;
  std::vector<Sequence> readers = snapshots;
  readers.push_back(sequence_max);
  for (const Version& version : all.all()) {
    const Fate fate = rule.judge(version.key, version.tag);
    const std::string done =
        text(snapshots) + "; judge(" + show_place(version.key, version.tag) + ")";
    const bool is_seen = std::any_of(readers.begin(), readers.end(), [&](Sequence reader) {
      return all.get(version.key, reader) == version;
    });
    if (!lab::expect(is_seen == (fate != Fate::drop), done,
                     is_seen ? "kept: a reader finds it" : "drop: no reader can find it",
                     name(fate)))
      return false;
    // A tombstone that the oldest reader finds has no reader before it.
    const bool may_go = is_seen && kind_of(version.tag) == Kind::erase &&
                        sequence_of(version.tag) <= readers.front();
    const bool is_oldest =
        may_go || (is_seen && kind_of(version.tag) == Kind::erase && readers.size() == 1);
    if (!lab::expect(is_oldest == (fate == Fate::drop_unless_older), done,
                     is_oldest ? "drop_unless_older" : "not drop_unless_older", name(fate)))
      return false;
    if (fate != Fate::drop) add(with_tombstones, version);
    if (fate == Fate::keep) add(without, version);
  }
  for (const Sequence reader : readers) {
    const bool is_same = all.visible(reader) == with_tombstones.visible(reader) &&
                         all.visible(reader) == without.visible(reader);
    if (!lab::expect(is_same, text(snapshots) + "; a reader at " + std::to_string(reader),
                     "to see the same before and after", "something else"))
      return false;
  }
  return true;
}

}  // namespace lsmith::testing
