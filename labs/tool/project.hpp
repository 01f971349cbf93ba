// project.hpp: where things stand in this repository, and which parts it has.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lab {

/// The repository's folder, absolute.
std::string project_root();
/// Where the engine's program is, absolute, so that it can run itself.
std::string engine_program();
/// Where the course's program is, absolute.
std::string course_program();
/// The compiler that was found, as words.
std::vector<std::string> compiler_words();

/// One part of the engine: a chapter of the course and a header.
struct Part {
  std::string folder;  ///< "01-memtable"
  std::string number;  ///< "01"
  std::string name;    ///< "memtable"
  std::string header;  ///< "memtable.hpp"
};
/// Every part, in order of its chapter.
std::vector<Part> all_parts();
/// The part called "01", "1", "memtable" or "01-memtable".
std::optional<Part> find_part(std::string_view name);

/// The header of a part in a view's folder ("" is the library's), from the project's root.
std::string header_in(const std::string& folder, const Part& part);

/// The content of a file; nothing when it can not be read.
std::optional<std::string> read_text(const std::string& path);
/// A name beside `path` that nobody else uses, for what becomes `path` when it is whole.
std::string draft_of(const std::string& path);
/// Writes a file, and its folders where they lack. It is there whole or as it was before; false
/// when it could not be written.
bool write_text(const std::string& path, const std::string& text);

}  // namespace lab
