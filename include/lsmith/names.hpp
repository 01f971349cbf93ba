// names.hpp: the names of a database's files; book/format.md, section 3.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lsmith {

/// What a file in a database folder is, by its name.
struct FileName {
  enum class Type : std::uint8_t {
    current,
    current_temporary,
    lock,
    manifest,
    log,
    table,
    retired_log
  };
  Type type;
  std::uint64_t number = 0;  ///< 0 for those without one

  bool operator==(const FileName&) const = default;
};

/// "000013.wal", "000014.sst", "MANIFEST-000012", "000015.old", "CURRENT", "CURRENT.tmp", "LOCK".
std::string file_name(FileName::Type type, std::uint64_t number = 0);
/// The same behind "folder/".
std::string file_path(std::string_view folder, FileName::Type type, std::uint64_t number = 0);
/// The inverse of file_name; nothing for a foreign name.
std::optional<FileName> parse_file_name(std::string_view name);

/// The counter that numbers the files of a database. Thread-safe.
class FileNumbers {
 public:
  explicit FileNumbers(std::uint64_t next = 1) : next_(next) {}
  /// A number that was never taken before.
  std::uint64_t take() { return next_.fetch_add(1, std::memory_order_relaxed); }
  /// What take() would return: every number in use is smaller.
  std::uint64_t next() const { return next_.load(std::memory_order_relaxed); }
  /// Starts again at `next`. One thread at a time.
  void reset(std::uint64_t next) { next_.store(next, std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> next_;  // relaxed: only uniqueness matters, nothing is published by it
};

inline std::string file_name(FileName::Type type, std::uint64_t number) {
  std::string digits = std::to_string(number);
  if (digits.size() < 6) digits.insert(0, 6 - digits.size(), '0');
  switch (type) {
    case FileName::Type::current:
      return "CURRENT";
    case FileName::Type::current_temporary:
      return "CURRENT.tmp";
    case FileName::Type::lock:
      return "LOCK";
    case FileName::Type::manifest:
      return "MANIFEST-" + digits;
    case FileName::Type::log:
      return digits + ".wal";
    case FileName::Type::table:
      return digits + ".sst";
    case FileName::Type::retired_log:
      return digits + ".old";
  }
  return {};
}

inline std::string file_path(std::string_view folder, FileName::Type type, std::uint64_t number) {
  return std::string(folder) + "/" + file_name(type, number);
}

inline std::optional<FileName> parse_file_name(std::string_view name) {
  using Type = FileName::Type;
  for (Type type : {Type::current, Type::current_temporary, Type::lock})
    if (name == file_name(type)) return FileName{type};

  std::uint64_t number = 0;
  for (char c : name) {
    if (c < '0' || c > '9') continue;
    if (number > (~std::uint64_t{0} - 9) / 10) return std::nullopt;
    number = number * 10 + static_cast<std::uint64_t>(c - '0');
  }
  // Whatever digits were found, only the one spelling of that number is ours.
  for (Type type : {Type::manifest, Type::log, Type::table, Type::retired_log})
    if (number > 0 && name == file_name(type, number)) return FileName{type, number};
  return std::nullopt;
}

}  // namespace lsmith
