// by_hand.hpp: a database folder made by hand, for states that no engine leaves behind on purpose.
#pragma once

#include "history.hpp"

namespace engine_test {

// A database made by hand: a manifest without tables that needs logs from the first one on, and
// logs.
class ByHand {
 public:
  static constexpr std::uint64_t id = 7;

  explicit ByHand(std::uint64_t log_number) {
    REQUIRE(files_.create_folder(folder).ok());
    REQUIRE(files_.lock(path_of(lsmith::FileName::Type::lock), true).ok());
    lsmith::ManifestState state;
    state.manifest_number = 1;
    state.database_id = id;
    state.next_file_number = 2000000;
    state.log_number = log_number;
    REQUIRE(lsmith::ManifestWriter::create(files_, folder, state).ok());
  }
  // The header of a log that follows the one written last.
  lsmith::LogHeader next_header(std::uint64_t number) const {
    lsmith::LogHeader header;
    header.database_id = id;
    header.file_number = number;
    header.previous_number = previous_;
    header.previous_end = previous_end_;
    header.previous_sequence = sequence_;
    return header;
  }
  // A log with batches `first` to `last`; the next frame of a synced one would say so.
  void add_log(const lsmith::LogHeader& header, const History& history, std::uint64_t first,
               std::uint64_t last, bool is_synced = false) {
    auto file = files_.create_log(path_of(lsmith::FileName::Type::log, header.file_number), 8192);
    REQUIRE(file.ok());
    lsmith::LogWriter log(std::move(*file), header);
    REQUIRE(log.start().ok());
    for (std::uint64_t i = first; i <= last; ++i) {
      lsmith::WriteBatch batch = history.batch(i);
      batch.set_sequence(sequence_ + 1);
      REQUIRE(log.append(lsmith::FrameType::batch, batch.payload(), is_synced).ok());
      if (is_synced) REQUIRE(log.sync().ok());
      sequence_ += batch.count();
    }
    previous_ = header.file_number;
    previous_end_ = log.end_offset();
  }
  void add_log(std::uint64_t number, const History& history, std::uint64_t first,
               std::uint64_t last, bool is_synced = false) {
    add_log(next_header(number), history, first, last, is_synced);
  }
  void skip_sequences(std::uint64_t count) { sequence_ += count; }
  Image image() const { return files_.after_kill(); }

 private:
  FaultFs files_;
  std::uint64_t previous_ = 0;
  std::uint64_t previous_end_ = 0;
  lsmith::Sequence sequence_ = 0;
};

}  // namespace engine_test
