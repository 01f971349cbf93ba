// write_batch.hpp: writes that happen together or not at all, as the bytes that the log keeps.
//
//   | sequence u64 | count u32 | kind u8 · key bytes · value bytes (put only) | …
//
// The bytes are the payload of a batch frame (book/format.md), so a commit copies nothing: it fills
// in the sequence number and appends. Errors are remembered and reported by the commit.
//
// Invariants
//  1. The bytes are well formed at all times: put() and erase() write them, parse() checks them.
//     for_each() may therefore read without looking back.
//  2. `count` is the number of records. It is 0 in memory only; a log holds no empty batch.
//  3. No batch grows beyond batch_bytes_max: what would not fit is left out and remembered.
#pragma once

#include <lsmith/coding.hpp>
#include <lsmith/key.hpp>
#include <lsmith/status.hpp>

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace lsmith {

/// A list of puts and erases; later ones win over earlier ones. One thread at a time.
class WriteBatch {
 public:
  WriteBatch() { clear(); }
  WriteBatch(const WriteBatch&) = default;
  WriteBatch& operator=(const WriteBatch&) = default;
  /// What was moved from is empty, as a new one is.
  WriteBatch(WriteBatch&& other) noexcept : WriteBatch() { swap(other); }
  WriteBatch& operator=(WriteBatch&& other) noexcept {
    WriteBatch taken(std::move(other));
    swap(taken);
    return *this;
  }

  void put(std::string_view key, std::string_view value);
  void erase(std::string_view key);
  void clear();
  /// Appends all writes of `other`.
  void append(const WriteBatch& other);

  std::uint32_t count() const { return count_in(bytes_); }
  bool is_empty() const { return count() == 0; }
  /// Size of the payload, in bytes.
  std::size_t size_bytes() const { return bytes_.size(); }
  /// What was wrong with a put or erase so far: a key, value or batch over its limit, which it
  /// names. The offending write was left out, and the batch will be refused as a whole.
  const Status& status() const { return status_; }

  /// The sequence number of the first write; 0 until a commit sets it.
  Sequence sequence() const { return sequence_in(bytes_); }
  void set_sequence(Sequence sequence) { store_fixed64(bytes_.data(), sequence); }
  /// The payload of a batch frame. Lives until the next change.
  std::string_view payload() const { return bytes_; }

  /// Calls visit(tag, key, value) for each write in order. The views live as long as the batch.
  template <class Visitor>
  void for_each(Visitor&& visit) const;

  /// The batch in bytes from a log. Checks every byte of it first; corruption says at which offset.
  static Result<WriteBatch> parse(std::string_view payload);
  /// Checks every byte of a batch, as parse() does, and copies nothing.
  static Status check(std::string_view payload);
  /// The number of the first write, the number of writes, and for_each(), of bytes that check()
  /// found to be well formed. The views live as long as the bytes.
  static Sequence sequence_in(std::string_view payload) { return load_fixed64(payload.data()); }
  static std::uint32_t count_in(std::string_view payload) {
    return load_fixed32(payload.data() + 8);
  }
  template <class Visitor>
  static void for_each_in(std::string_view payload, Visitor&& visit);

 private:
  static constexpr std::size_t header_bytes = 12;                // sequence, count
  static constexpr std::size_t record_overhead_max = 1 + 3 + 5;  // kind, key size, value size

  void swap(WriteBatch& other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(status_, other.status_);
  }
  // Whether a write of these sizes may be added; if not, the first reason stays in status_.
  bool has_room(std::size_t key_bytes, std::size_t value_bytes);
  void refuse(std::string why);
  void begin_record(Kind kind, std::string_view key, std::size_t value_bytes);
  void set_count(std::uint32_t count) { store_fixed32(bytes_.data() + 8, count); }

  static std::string_view take_bytes(const char*& at);
  static Status parse_record(ByteReader& reader);
  static Status corrupt(std::size_t offset, std::string_view why);

  std::string bytes_;
  Status status_;
};

inline void WriteBatch::put(std::string_view key, std::string_view value) {
  if (!has_room(key.size(), value.size())) return;
  begin_record(Kind::put, key, value.size());
  put_bytes(bytes_, value);
}

inline void WriteBatch::erase(std::string_view key) {
  if (!has_room(key.size(), 0)) return;
  begin_record(Kind::erase, key, 0);
}

inline void WriteBatch::clear() {
  bytes_.assign(header_bytes, '\0');
  status_ = Status();
}

inline void WriteBatch::append(const WriteBatch& other) {
  if (status_.ok()) status_ = other.status_;
  const std::size_t more = other.bytes_.size() - header_bytes;
  if (more > batch_bytes_max - bytes_.size()) {
    refuse("the batch would exceed " + std::to_string(batch_bytes_max) + " bytes");
    return;
  }
  set_count(count() + other.count());
  bytes_.append(other.bytes_, header_bytes, more);
}

inline bool WriteBatch::has_room(std::size_t key_bytes, std::size_t value_bytes) {
  if (key_bytes > key_bytes_max) {
    refuse("a key of " + std::to_string(key_bytes) + " bytes exceeds the limit of " +
           std::to_string(key_bytes_max));
  } else if (value_bytes > value_bytes_max) {
    refuse("a value of " + std::to_string(value_bytes) + " bytes exceeds the limit of " +
           std::to_string(value_bytes_max));
  } else if (record_overhead_max + key_bytes + value_bytes > batch_bytes_max - bytes_.size()) {
    refuse("the batch would exceed " + std::to_string(batch_bytes_max) + " bytes");
  } else {
    return true;
  }
  return false;
}

inline void WriteBatch::refuse(std::string why) {
  if (status_.ok()) status_ = Status(Code::invalid_argument, std::move(why));
}

inline void WriteBatch::begin_record(Kind kind, std::string_view key, std::size_t value_bytes) {
  // Most batches are one write: room for it at once, and not three times.
  if (is_empty()) bytes_.reserve(header_bytes + record_overhead_max + key.size() + value_bytes);
  set_count(count() + 1);
  bytes_.push_back(static_cast<char>(kind));
  put_bytes(bytes_, key);
}

template <class Visitor>
void WriteBatch::for_each(Visitor&& visit) const {
  for_each_in(bytes_, std::forward<Visitor>(visit));
}

template <class Visitor>
void WriteBatch::for_each_in(std::string_view payload, Visitor&& visit) {
  const char* at = payload.data() + header_bytes;
  const char* const end = payload.data() + payload.size();
  Sequence sequence = sequence_in(payload);
  for (; at != end; ++sequence) {
    const Kind kind = static_cast<Kind>(*at++);
    const std::string_view key = take_bytes(at);
    const std::string_view value = kind == Kind::put ? take_bytes(at) : std::string_view();
    assert(at <= end);
    visit(make_tag(sequence, kind), key, value);
  }
  assert(sequence - sequence_in(payload) == count_in(payload));
}

// What put_bytes() wrote, without ByteReader's care: this class wrote or checked these bytes.
inline std::string_view WriteBatch::take_bytes(const char*& at) {
  std::uint32_t size = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = static_cast<unsigned char>(*at++);
    size |= static_cast<std::uint32_t>(byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  return {std::exchange(at, at + size), size};
}

inline Result<WriteBatch> WriteBatch::parse(std::string_view payload) {
  if (Status s = check(payload); !s.ok()) return s;
  WriteBatch batch;
  batch.bytes_ = payload;
  return batch;
}

inline Status WriteBatch::check(std::string_view payload) {
  ByteReader reader(payload);
  const std::optional<std::uint64_t> sequence = reader.fixed64();
  const std::optional<std::uint32_t> count = reader.fixed32();
  if (!sequence || !count) return corrupt(0, "the header is cut short");
  if (payload.size() > batch_bytes_max) return corrupt(0, "larger than a batch can be");
  if (*count == 0) return corrupt(8, "the batch is empty");
  if (*sequence == 0 || *sequence > sequence_max - (*count - 1)) {
    return corrupt(0, "the sequence numbers leave their range");
  }
  for (std::uint32_t i = 0; i < *count; ++i) {
    if (Status s = parse_record(reader); !s.ok()) return s;
  }
  if (!reader.is_empty()) return corrupt(reader.offset(), "bytes follow the last record");
  return {};
}

inline Status WriteBatch::parse_record(ByteReader& reader) {
  const std::size_t start = reader.offset();
  const std::optional<std::uint8_t> kind = reader.fixed8();
  if (!kind) return corrupt(start, "fewer records than counted");
  if (*kind > static_cast<std::uint8_t>(Kind::erase_range)) return corrupt(start, "no such kind");
  if (*kind > kind_max) {
    return Status(Code::not_supported, "batch offset " + std::to_string(start) + ": kind " +
                                           std::to_string(*kind) + " needs a newer version");
  }
  const std::size_t key_at = reader.offset();
  const std::optional<std::string_view> key = reader.bytes();
  if (!key) return corrupt(key_at, "the key is cut short or its size is malformed");
  if (key->size() > key_bytes_max) return corrupt(key_at, "the key is larger than a key can be");
  if (static_cast<Kind>(*kind) == Kind::erase) return {};
  const std::size_t value_at = reader.offset();
  const std::optional<std::string_view> value = reader.bytes();
  if (!value) return corrupt(value_at, "the value is cut short or its size is malformed");
  if (value->size() > value_bytes_max) {
    return corrupt(value_at, "the value is larger than a value can be");
  }
  return {};
}

inline Status WriteBatch::corrupt(std::size_t offset, std::string_view why) {
  return Status(Code::corruption,
                "batch offset " + std::to_string(offset) + ": " + std::string(why));
}

}  // namespace lsmith
