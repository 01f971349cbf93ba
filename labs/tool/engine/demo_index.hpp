// demo_index.hpp: an index of the compiler's own headers, as entries of a database.
//
//   f:<path>                        the file's content
//   t:<token> 0 <path> 0 <line>     that line of the file, once a token; the line has six digits
//
// The entries of a file are a pure function of its content, so whoever knows the files can tell
// what must be in the database.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lab {

/// A header that is indexed.
struct HeaderFile {
  std::string path;
  std::uint64_t bytes = 0;
};

/// The regular files below the folders in which the compiler looks for headers: the compiler's
/// order of folders, sorted within each, until `bytes_max` is reached. None that is larger than 1
/// MB.
std::vector<HeaderFile> find_headers(std::uint64_t bytes_max);

/// The identifiers of one line, each once.
std::vector<std::string_view> tokens_of(std::string_view line);

/// Where the index keeps what begins with this token.
std::string token_key(std::string_view token_prefix);
/// A found entry as `path:line: text`.
std::string show_match(std::string_view key, std::string_view value);

/// Calls visit(key, value) for every entry that a file makes. The views live until visit returns.
template <class Visitor>
void for_each_entry(const std::string& path, std::string_view content, Visitor&& visit);

namespace detail {

std::string_view shown_text(std::string_view line);
void set_entry_key(std::string& key, std::string_view token, const std::string& path,
                   std::size_t line_number);

}  // namespace detail

template <class Visitor>
void for_each_entry(const std::string& path, std::string_view content, Visitor&& visit) {
  visit(std::string_view("f:" + path), content);
  std::string key;
  std::size_t number = 0;
  while (!content.empty()) {
    const std::size_t end = content.find('\n');
    const std::string_view line = content.substr(0, end);
    content.remove_prefix(end == content.npos ? content.size() : end + 1);
    ++number;
    for (const std::string_view token : tokens_of(line)) {
      detail::set_entry_key(key, token, path, number);
      visit(std::string_view(key), detail::shown_text(line));
    }
  }
}

}  // namespace lab
