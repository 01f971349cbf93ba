// vector_cursor.hpp: sorted entries in a vector, as a cursor that can fail, grow, and tell on
// misuse.
//
// What key() and value() view dies at the next move, and is scribbled over first: who holds on to
// it reads '#', even without a sanitizer.
#pragma once

#include <lsmith/cursor.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lsmith::testing {

struct Row {
  std::string key;
  std::uint64_t tag = 0;
  std::string value;

  bool operator==(const Row&) const = default;
};

inline Row put(std::string key, Sequence sequence, std::string value = "v") {
  return {std::move(key), make_tag(sequence, Kind::put), std::move(value)};
}

inline Row erase(std::string key, Sequence sequence) {
  return {std::move(key), make_tag(sequence, Kind::erase), ""};
}

// "a@9=value", "a@9 erased"; bytes that do not print as \xNN.
inline std::ostream& operator<<(std::ostream& out, const Row& row) {
  for (unsigned char c : row.key) {
    if (c >= 0x20 && c < 0x7f)
      out << static_cast<char>(c);
    else
      out << "\\x"
          << "0123456789abcdef"[c >> 4] << "0123456789abcdef"[c & 15];
  }
  out << '@' << sequence_of(row.tag);
  if (kind_of(row.tag) == Kind::erase) return out << " erased";
  return out << '=' << row.value.substr(0, 40);
}

inline bool comes_before(const Row& a, const Row& b) {
  return compare(a.key, a.tag, b.key, b.tag) < 0;
}

template <class C>
Row row_of(const C& cursor) {
  return {std::string(cursor.key()), cursor.tag(), std::string(cursor.value())};
}

// The entries, and what the test wants to happen or to know. Shared by a test and its cursors.
struct Source {
  explicit Source(std::vector<Row> entries = {}) : rows(std::move(entries)) {
    std::sort(rows.begin(), rows.end(), comes_before);
  }

  void insert(Row row) {
    rows.insert(std::upper_bound(rows.begin(), rows.end(), row, comes_before), std::move(row));
  }

  std::vector<Row> rows;
  int moves_until_failure = -1;  // the move at 0 fails; never when negative
  int moves = 0;                 // seeks and steps so far
  int prepares = 0;
  std::string misuse;  // the first call that the laws forbid
};

class VectorCursor {
 public:
  explicit VectorCursor(std::shared_ptr<Source> source) : source_(std::move(source)) {}

  bool is_valid() const { return at_ != nullptr; }
  void seek_to_first() { stand(source_->rows.begin()); }
  void seek_to_last() {
    stand(source_->rows.empty() ? source_->rows.end() : source_->rows.end() - 1);
  }
  void seek(std::string_view key, std::uint64_t tag) {
    const Row target{std::string(key), tag, ""};
    stand(std::lower_bound(source_->rows.begin(), source_->rows.end(), target, comes_before));
  }
  void prepare(std::string_view, std::uint64_t) { ++source_->prepares; }
  void next() {
    if (!require("next()")) return;
    stand(std::upper_bound(source_->rows.begin(), source_->rows.end(), *at_, comes_before));
  }
  void prev() {
    if (!require("prev()")) return;
    auto here = std::lower_bound(source_->rows.begin(), source_->rows.end(), *at_, comes_before);
    stand(here == source_->rows.begin() ? source_->rows.end() : here - 1);
  }
  std::string_view key() const { return require("key()") ? at_->key : std::string_view(); }
  std::uint64_t tag() const { return require("tag()") ? at_->tag : 0; }
  std::string_view value() const { return require("value()") ? at_->value : std::string_view(); }
  Status status() const { return status_; }

 private:
  bool require(const char* call) const {
    if (at_ == nullptr && source_->misuse.empty())
      source_->misuse = std::string(call) + " on a cursor that is not valid";
    return at_ != nullptr;
  }
  void stand(std::vector<Row>::const_iterator position) {
    ++source_->moves;
    const bool fails = source_->moves_until_failure == 0;
    if (source_->moves_until_failure >= 0) --source_->moves_until_failure;
    status_ = fails ? Status(Code::io_error, "the child failed") : Status();
    auto next =
        fails || position == source_->rows.end() ? nullptr : std::make_unique<Row>(*position);
    if (at_ != nullptr) {
      std::fill(at_->key.begin(), at_->key.end(), '#');
      std::fill(at_->value.begin(), at_->value.end(), '#');
    }
    at_ = std::move(next);
  }

  std::shared_ptr<Source> source_;
  std::unique_ptr<Row> at_;  // a copy of its own, so that no view outlives a move
  Status status_;
};

inline std::vector<std::shared_ptr<Source>> make_sources(std::vector<std::vector<Row>> tables) {
  std::vector<std::shared_ptr<Source>> sources;
  for (auto& rows : tables)
    sources.push_back(std::make_shared<Source>(std::move(rows)));
  return sources;
}

inline std::vector<std::unique_ptr<ChildCursor>> children_of(
    const std::vector<std::shared_ptr<Source>>& sources) {
  std::vector<std::unique_ptr<ChildCursor>> children;
  for (const auto& source : sources)
    children.push_back(erase_cursor(VectorCursor(source)));
  return children;
}

// All rows as a merge must show them: sorted, equal ones in the order of the sources.
inline std::vector<Row> merged(const std::vector<std::shared_ptr<Source>>& sources) {
  std::vector<Row> rows;
  for (const auto& source : sources)
    rows.insert(rows.end(), source->rows.begin(), source->rows.end());
  std::stable_sort(rows.begin(), rows.end(), comes_before);
  return rows;
}

}  // namespace lsmith::testing
