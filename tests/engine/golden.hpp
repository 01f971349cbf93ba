// golden.hpp: the content of the database folder under tests/golden, and what wrote it.
//
// The writer runs when LSMITH_WRITE_GOLDEN names a folder:
//   LSMITH_WRITE_GOLDEN=tests/golden/database-1 ./engine_test -tc="the golden database*"
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include "history.hpp"

namespace engine_test {

inline constexpr int golden_writes = 60;

// Write i: the key, and its value or that it is erased. Every kind of key and value that is
// special.
struct GoldenWrite {
  std::string key;
  std::optional<std::string> value;
};
inline GoldenWrite golden_write(int i) {
  switch (i) {
    case 3:
      return {"", "the empty key"};
    case 9:
      return {"empty value", ""};
    case 12:
      return {std::string("zero\0inside", 11), std::string("a\0b", 3)};
    case 15:
      return {"\xff\xff", "high bytes"};
    case 21:
      return {std::string(300, 'L'), std::string(700, 'v')};
    case 27:
      return {"empty value", std::nullopt};
    case 33:
      return {"empty value", ""};
    default:
      break;
  }
  const std::string key = "golden/" + std::to_string(100 + i * 7 % 30);
  if (i % 11 == 10) return {key, std::nullopt};
  return {key, "value " + std::to_string(i) + std::string(static_cast<std::size_t>(i % 17), '.')};
}

inline Map golden_content() {
  Map content;
  for (int i = 0; i < golden_writes; ++i) {
    const GoldenWrite write = golden_write(i);
    if (write.value) {
      content[write.key] = *write.value;
    } else {
      content.erase(write.key);
    }
  }
  return content;
}

// Two tables, and a log with synced and unsynced frames; killed while it was open.
inline Image make_golden() {
  Machine machine;
  machine.options.bloom_bits_per_key = 10;
  Db db = machine.open();
  for (int i = 0; i < golden_writes; ++i) {
    const GoldenWrite write = golden_write(i);
    const Durability durability = i % 8 == 7 ? Durability::power : Durability::process;
    if (write.value) {
      REQUIRE(db.put(write.key, *write.value, durability).ok());
    } else {
      REQUIRE(db.erase(write.key, durability).ok());
    }
    if (i == 22 || i == 44) REQUIRE(db.flush().ok());
  }
  Image image = without_lock(machine.files.after_kill());
  for (const auto& [number, path] : paths_of(image, lsmith::FileName::Type::retired_log))
    image.erase(path);
  return image;
}

inline Image read_folder(const std::filesystem::path& from) {
  Image image;
  for (const auto& entry : std::filesystem::directory_iterator(from)) {
    std::ifstream file(entry.path(), std::ios::binary);
    image[folder + "/" + entry.path().filename().string()] =
        std::string(std::istreambuf_iterator<char>(file), {});
  }
  return image;
}

inline void write_folder(const Image& image, const std::filesystem::path& to) {
  std::filesystem::create_directories(to);
  for (const auto& [path, bytes] : image) {
    std::ofstream file(to / path.substr(path.rfind('/') + 1), std::ios::binary);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
}

}  // namespace engine_test
