// archive.hpp: a database folder as one string of bytes, for the open target and its corpus.
//
//   | how u8 | spared u32 | file: type u8 · number u8 · size u16 · bytes | file | …
//
// A type of 8 and more is a foreign name; 7 with a number of eight bytes, and type behind it.
#pragma once

#include <lsmith/names.hpp>

#include <cstdint>
#include <string>
#include <string_view>

#include "fault_fs.hpp"
#include "fuzz.hpp"

namespace lsmith::fuzz {

inline constexpr const char* archive_folder = "/db";

inline std::string name_from(Source& source) {
  std::uint8_t type = source.byte() % 9;
  if (type == 8) return "foreign";
  const std::uint64_t number = source.number(type == 7 ? 8 : 1);
  if (type == 7) type = source.byte() % 7;
  return file_name(static_cast<FileName::Type>(type), number);
}

inline testing::Image unpack(Source& source) {
  testing::Image image;
  image[std::string(archive_folder) + "/LOCK"] = {};
  while (!source.is_empty()) {
    const std::string path = std::string(archive_folder) + "/" + name_from(source);
    image[path] = source.piece();
  }
  return image;
}

// Of the zeros at a file's end a few are kept: the last frame of a log may end in some. Requires
// files below 64 KiB.
inline std::string pack(const testing::Image& image) {
  std::string archive;
  for (const auto& [path, bytes] : image) {
    const auto name = parse_file_name(path.substr(path.rfind('/') + 1));
    if (!name || name->type == FileName::Type::lock) continue;
    const std::size_t size_bytes = std::min(bytes.size(), bytes.find_last_not_of('\0') + 33);
    archive.push_back(static_cast<char>(name->type));
    archive.push_back(static_cast<char>(name->number));
    put_fixed16(archive, static_cast<std::uint16_t>(size_bytes));
    archive += bytes.substr(0, size_bytes);
  }
  return archive;
}

}  // namespace lsmith::fuzz
