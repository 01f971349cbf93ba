// log_reader.hpp: reads a log on its own word, for tests that look into what an engine wrote.
#pragma once

#include <lsmith/wal.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace lsmith::testing {

/// A reader for the database that the log's header names. Borrows the bytes.
inline LogReader reader_of(std::string_view bytes, std::uint64_t file_number, std::string name) {
  const Result<LogHeader> header = decode_log_header(bytes);
  return {bytes, header.ok() ? header->database_id : 0, file_number, std::move(name)};
}

}  // namespace lsmith::testing
