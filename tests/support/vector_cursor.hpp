// vector_cursor.hpp: sorted versions in a vector as a cursor that can fail and grow, to feed
// merges.
#pragma once

#include "checked_cursor.hpp"
#include "model.hpp"

#include <lsmith/cursor.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lsmith::testing {

inline bool comes_before(const Version& a, const Version& b) {
  return compare(a.key, a.tag, b.key, b.tag) < 0;
}

// What a child reads. The test keeps it too, to let the child fail or grow.
struct Source {
  explicit Source(std::vector<Version> unsorted = {}) : versions(std::move(unsorted)) {
    std::sort(versions.begin(), versions.end(), comes_before);
  }
  void add(Version version) {
    const auto place = std::upper_bound(versions.begin(), versions.end(), version, comes_before);
    versions.insert(place, std::move(version));
  }

  std::vector<Version> versions;
  int moves_until_failure = -1;  // the seek or step at 0 fails; negative: none does
  int prepares = 0;
  std::atomic<bool>* raises =
      nullptr;  // set at the move before which `moves_until_raise` others go
  int moves_until_raise = 0;
};
using Sources = std::vector<std::shared_ptr<Source>>;

class VectorCursor {
 public:
  explicit VectorCursor(std::shared_ptr<Source> source) : source_(std::move(source)) {}

  bool is_valid() const { return here_.has_value(); }
  void seek_to_first() { stand(all().begin()); }
  void seek_to_last() { stand(all().empty() ? all().end() : all().end() - 1); }
  void seek(std::string_view key, std::uint64_t tag) { stand(not_before(key, tag)); }
  void prepare(std::string_view, std::uint64_t) { ++source_->prepares; }
  void next() { stand(std::upper_bound(all().begin(), all().end(), *here_, comes_before)); }
  void prev() {
    const auto place = not_before(here_->key, here_->tag);
    stand(place == all().begin() ? all().end() : place - 1);
  }
  std::string_view key() const { return here_->key; }
  std::uint64_t tag() const { return here_->tag; }
  std::string_view value() const { return here_->value; }
  Status status() const { return status_; }

 private:
  using Place = std::vector<Version>::const_iterator;

  const std::vector<Version>& all() const { return source_->versions; }
  Place not_before(std::string_view key, std::uint64_t tag) const {
    return std::lower_bound(all().begin(), all().end(), Version{std::string(key), tag, ""},
                            comes_before);
  }
  void stand(Place place) {
    if (source_->raises != nullptr && source_->moves_until_raise-- == 0) *source_->raises = true;
    const bool fails = source_->moves_until_failure == 0;
    if (source_->moves_until_failure >= 0) --source_->moves_until_failure;
    status_ = fails ? Status(Code::io_error, "the child failed") : Status();
    here_ = fails || place == all().end() ? std::nullopt : std::optional<Version>(*place);
  }

  std::shared_ptr<Source> source_;
  std::optional<Version> here_;  // a copy: the vector may grow
  Status status_;
};

inline Sources make_sources(std::vector<std::vector<Version>> tables) {
  Sources sources;
  for (auto& versions : tables)
    sources.push_back(std::make_shared<Source>(std::move(versions)));
  return sources;
}

// Children for a merge, each of them checked: who uses one against the laws fails the case.
inline std::vector<std::unique_ptr<ChildCursor>> children_of(const Sources& sources) {
  std::vector<std::unique_ptr<ChildCursor>> children;
  for (const auto& source : sources)
    children.push_back(erase_cursor(CheckedCursor<VectorCursor>(VectorCursor(source))));
  return children;
}

// What a merge must show: all sorted, those equal in key and tag in the order of the sources.
inline std::vector<Version> merged(const Sources& sources) {
  std::vector<Version> versions;
  for (const auto& source : sources)
    versions.insert(versions.end(), source->versions.begin(), source->versions.end());
  std::stable_sort(versions.begin(), versions.end(), comes_before);
  return versions;
}

inline Model model_of(const Sources& sources) {
  Model model;
  for (const auto& source : sources)
    for (const Version& version : source->versions)
      testing::add(model, version);
  return model;
}

}  // namespace lsmith::testing
