// walks.hpp: what a cursor shows, as a list, and what two walks of one sequence must agree on.
#pragma once

#include <lsmith/cursor.hpp>
#include <lsmith/key.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz.hpp"

namespace lsmith::fuzz {

struct Row {
  std::string key;
  std::uint64_t tag = 0;
  std::string value;

  bool operator==(const Row&) const = default;
};

// `rows` is in the order of the keys, whichever way the walk went.
struct Walk {
  std::vector<Row> rows;
  Status status;
};

template <class Cursor>
Row row_at(const Cursor& cursor) {
  return {std::string(cursor.key()), cursor.tag(), std::string(cursor.value())};
}

template <class Cursor>
Walk walk_forwards(Cursor cursor) {
  Walk walk;
  for (cursor.seek_to_first(); cursor.is_valid(); cursor.next())
    walk.rows.push_back(row_at(cursor));
  walk.status = cursor.status();
  return walk;
}

template <class Cursor>
Walk walk_backwards(Cursor cursor) {
  Walk walk;
  for (cursor.seek_to_last(); cursor.is_valid(); cursor.prev())
    walk.rows.push_back(row_at(cursor));
  walk.status = cursor.status();
  std::reverse(walk.rows.begin(), walk.rows.end());
  return walk;
}

// Two walks of all there is: both see the same, or both fail.
inline void require_same(const Walk& a, const Walk& b, const char* claim) {
  require(a.status.ok() == b.status.ok(), claim,
          a.status.to_string() + " / " + b.status.to_string());
  if (a.status.ok()) require(a.rows == b.rows, claim);
}

inline bool is_before(const Row& a, const Row& b) {
  return compare(a.key, a.tag, b.key, b.tag) < 0;
}

inline bool is_ascending(const std::vector<Row>& rows) {
  return std::adjacent_find(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
           return !is_before(a, b);
         }) == rows.end();
}

// Where a seek must land among rows that ascend.
inline std::size_t lower_bound(const std::vector<Row>& rows, std::string_view key,
                               std::uint64_t tag) {
  const auto found = std::partition_point(rows.begin(), rows.end(), [&](const Row& row) {
    return compare(row.key, row.tag, key, tag) < 0;
  });
  return static_cast<std::size_t>(found - rows.begin());
}

// Seeks, and goes one entry forth and back again; `rows` ascend and are all that the cursor has.
template <class Cursor>
void require_seek(Cursor& cursor, const std::vector<Row>& rows, std::string_view key,
                  std::uint64_t tag) {
  cursor.seek(key, tag);
  const std::size_t at = lower_bound(rows, key, tag);
  require(cursor.status().ok(), "a seek in whole bytes has no error");
  require(cursor.is_valid() == (at < rows.size()), "a seek finds the first entry not before");
  if (!cursor.is_valid()) return;
  require(row_at(cursor) == rows[at], "a seek finds the first entry not before");
  if (at + 1 < rows.size()) {
    cursor.next();
    require(cursor.is_valid() && row_at(cursor) == rows[at + 1], "next() is the next entry");
    cursor.prev();
    require(cursor.is_valid() && row_at(cursor) == rows[at], "prev() undoes next()");
  }
  cursor.prev();
  require(cursor.is_valid() == (at > 0), "prev() passes the first entry and no other");
  if (at > 0) require(row_at(cursor) == rows[at - 1], "prev() is the entry before");
}

}  // namespace lsmith::fuzz
