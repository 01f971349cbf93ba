// fault_inode.hpp: the bytes of a file in memory, now and after a crash; for fault_fs.hpp.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "random.hpp"

namespace lsmith::testing {

// What a call does that is told to fail. Half of a write is a part; of most calls a part is
// nothing. A failed sync leaves the changes in memory, where reads see them and no later sync
// writes them (part), or drops them (nothing), or made them durable (all).
enum class Effect { nothing, part, all };

// What a power cut makes of the changes that were not durable.
enum class Wreck {
  durable,  // none happened
  now,      // all happened
  prefix,   // of each file the first few, and a part of the next; of the names likewise
  sectors,  // of each file any sectors; all names
  torn,     // the same, and one sector is torn in itself
  across,   // every file and every name for itself, the newer here and the older there
  names,    // all bytes, any of the names
  empty,    // names that are new stand for empty files
  rubbish,  // files have grown, and where they have there is rubbish
  count,
};
inline constexpr std::size_t wreck_count = static_cast<std::size_t>(Wreck::count);

inline const char* name_of(Wreck wreck) {
  static constexpr const char* names[] = {"durable", "now",   "prefix", "sectors", "torn",
                                          "across",  "names", "empty",  "rubbish"};
  return names[static_cast<std::size_t>(wreck)];
}

// The bytes of one file.
class FaultInode {
 public:
  static constexpr std::size_t sector_bytes = 512;

  explicit FaultInode(std::string content = {}) : now_(content), durable_(std::move(content)) {}

  const std::string& now() const { return now_; }
  const std::string& durable() const { return durable_; }
  bool is_durable() const { return pending_.empty() && now_ == durable_; }

  void write(std::size_t offset, std::string_view bytes) {
    put(now_, offset, bytes);
    pending_.push_back({offset, std::string(bytes), false});
  }
  void resize(std::size_t size_bytes) {
    now_.resize(size_bytes);
    pending_.push_back({size_bytes, {}, true});
  }
  void sync() {
    durable_ = all_changes();
    pending_.clear();
  }
  // A sync that failed.
  void sync_in_vain(Effect effect) {
    if (effect == Effect::all) return sync();
    if (effect == Effect::nothing) now_ = durable_;
    pending_.clear();
  }

  // As now, but of the last write only the first bytes were stored.
  std::string in_last_write(Random& random) const {
    if (pending_.empty() || pending_.back().is_resize) return now_;
    return apply(pending_.size() - 1, random.below(pending_.back().bytes.size() + 1));
  }

  std::string wreck(Wreck kind, const std::string& stale, Random& random) const {
    if (pending_.empty() || kind == Wreck::durable) return durable_;
    if (kind == Wreck::now || kind == Wreck::names || kind == Wreck::empty) return all_changes();
    if (kind == Wreck::rubbish) return rubbish(random);
    if (kind == Wreck::across) {
      constexpr Wreck kinds[] = {Wreck::durable, Wreck::now,  Wreck::prefix,
                                 Wreck::sectors, Wreck::torn, Wreck::rubbish};
      return wreck(kinds[random.below(std::size(kinds))], stale, random);
    }
    if (kind == Wreck::prefix) return prefix(random);
    return sectors(kind == Wreck::torn, stale, random);
  }

 private:
  struct Change {
    std::size_t offset;  // or the new size
    std::string bytes;
    bool is_resize;
  };

  static void put(std::string& content, std::size_t offset, std::string_view bytes) {
    if (content.size() < offset + bytes.size()) content.resize(offset + bytes.size());
    std::copy(bytes.begin(), bytes.end(), content.begin() + static_cast<std::ptrdiff_t>(offset));
  }

  std::string prefix(Random& random) const {
    const std::size_t whole = random.below(pending_.size() + 1);
    if (whole == pending_.size()) return all_changes();
    return apply(whole, random.below(pending_[whole].bytes.size() + 1));
  }

  // What the device gets when nothing goes wrong any more; it may be less than is seen now.
  std::string all_changes() const { return apply(pending_.size(), 0); }

  // The first changes, and of the next one the first bytes.
  std::string apply(std::size_t whole, std::size_t next_bytes) const {
    std::string content = durable_;
    for (std::size_t i = 0; i <= whole && i < pending_.size(); ++i) {
      const Change& change = pending_[i];
      if (!change.is_resize)
        put(content, change.offset,
            std::string_view(change.bytes).substr(0, i < whole ? std::string::npos : next_bytes));
      else if (i < whole)
        content.resize(change.offset);
    }
    return content;
  }

  // Each sector holds what it held at some moment: after the first few of the changes that met it.
  // What was never written holds zeros, or a pattern, or what stood on the disk before.
  std::string sectors(bool tears, const std::string& stale, Random& random) const {
    // Before the last time that it was emptied it was another file, which may be back whole.
    std::size_t first = 0;
    for (std::size_t i = 0; i < pending_.size(); ++i)
      if (pending_[i].is_resize && pending_[i].offset == 0) first = i + 1;
    if (first > 0 && random.chance(10)) return durable_;
    const unsigned all_percent = std::array{10u, 50u, 90u}[random.below(3)];
    const std::uint64_t filling = random.below(3);
    std::string now = first > 0 ? std::string() : durable_, left = now;
    const auto grow = [&](std::size_t size) {
      for (std::size_t at = left.size(); at < size; ++at)
        left += filling == 0 ? '\0' : filling == 1 || at >= stale.size() ? '\xa5' : stale[at];
    };
    std::map<std::size_t, std::size_t> until;  // of each sector, the changes that it saw
    for (std::size_t i = first; i < pending_.size(); ++i) {
      const Change& change = pending_[i];
      if (change.is_resize) {
        now.resize(change.offset);
        left.resize(change.offset);
        continue;
      }
      put(now, change.offset, change.bytes);
      const std::size_t end = change.offset + change.bytes.size();
      for (std::size_t at = change.offset / sector_bytes; at * sector_bytes < end; ++at) {
        const auto [seen, is_new] = until.try_emplace(at, pending_.size());
        if (is_new && !random.chance(all_percent))
          seen->second = first + random.below(pending_.size() - first + 1);
        if (i >= seen->second) continue;
        grow(at * sector_bytes);
        put(left, at * sector_bytes, std::string_view(now).substr(at * sector_bytes, sector_bytes));
      }
    }
    if (tears && !until.empty()) {
      const std::size_t at =
          std::next(until.begin(), static_cast<std::ptrdiff_t>(random.below(until.size())))->first *
          sector_bytes;
      grow(at);
      put(left, at, std::string_view(now).substr(at, random.below(sector_bytes + 1)));
    }
    if (random.chance(80)) grow(now.size());
    return left;
  }

  std::string rubbish(Random& random) const {
    std::string content = durable_.substr(0, now_.size());
    while (content.size() < now_.size())
      content += static_cast<char>(random.next() & 0xff);
    return content;
  }

  std::string now_;
  std::string durable_;
  std::vector<Change> pending_;
};

}  // namespace lsmith::testing
