// bloom.hpp: a filter that never denies a key it holds.
//
// Different from the textbook in the order of its work: a hash becomes a mask of eight 64-bit
// words, and masks are or-ed into lines and compared with them, word by word. The builder sorts its
// hashes, which sorts them by line too; so each line is finished before the next one is begun, and
// none is ever looked for.
#pragma once

#include <lsmith/coding.hpp>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lsmith {

// The 512 bits of a line: bit b of the line is bit b % 64 of word b / 64.
using BloomLine = std::array<std::uint64_t, 8>;

// The bits that a hash has in its line.
inline BloomLine bloom_mask(std::uint64_t hash, unsigned probes) {
  BloomLine mask{};
  auto x = static_cast<std::uint32_t>(hash);
  for (; probes > 0; --probes, x *= 0x9E3779B9u)
    mask[x >> 29] |= std::uint64_t{1} << ((x >> 23) & 63);
  return mask;
}

// Never falls when the hash rises.
inline std::size_t bloom_line_number(std::uint64_t hash, std::uint64_t lines) {
  return static_cast<std::size_t>(((hash >> 32) * lines) >> 32);
}

/// Builds the body of a filter from key hashes; book/format.md, section 6. One thread at a time.
class BloomBuilder {
 public:
  /// Requires bits_per_key > 0.
  explicit BloomBuilder(int bits_per_key);

  /// Adds hash_bytes(key). The same hash twice in a row counts once.
  void add(std::uint64_t hash);
  /// The filter's body; the builder is empty afterwards.
  std::string finish();

 private:
  int bits_per_key_;
  std::vector<std::uint64_t> hashes_;
};

/// Asks a filter. A view: it borrows the body. Thread-safe.
class BloomFilter {
 public:
  /// Any bytes are accepted: a body that is not a filter of this format may contain every key.
  explicit BloomFilter(std::string_view body);

  /// False only when no key with this hash was added.
  bool may_contain(std::uint64_t hash) const;
  /// A hint that may_contain(hash) follows. It may do nothing.
  void prefetch(std::uint64_t hash) const;

 private:
  std::string_view body_;
};

inline BloomBuilder::BloomBuilder(int bits_per_key) : bits_per_key_(bits_per_key) {
  assert(bits_per_key > 0);
}

inline void BloomBuilder::add(std::uint64_t hash) {
  if (hashes_.empty() || hashes_.back() != hash) hashes_.push_back(hash);
}

inline std::string BloomBuilder::finish() {
  std::sort(hashes_.begin(), hashes_.end());
  const std::uint64_t bits = hashes_.size() * static_cast<std::uint64_t>(bits_per_key_);
  const std::uint64_t lines = bits / 512 + (bits % 512 != 0 ? 1 : 0);
  const unsigned probes = std::clamp((static_cast<unsigned>(bits_per_key_) * 3 + 2) / 5, 1u, 24u);

  std::string body;
  auto hash = hashes_.begin();
  for (std::uint64_t number = 0; number < lines; ++number) {
    BloomLine line{};
    for (; hash != hashes_.end() && bloom_line_number(*hash, lines) == number; ++hash) {
      const BloomLine mask = bloom_mask(*hash, probes);
      for (std::size_t i = 0; i < line.size(); ++i)
        line[i] |= mask[i];
    }
    for (const std::uint64_t word : line)
      put_fixed64(body, word);  // little-endian, so its bytes are the line's bytes
  }
  assert(hash == hashes_.end());
  hashes_.clear();
  put_fixed16(body, static_cast<std::uint16_t>(1 | probes << 8));  // the kind, then the probes
  put_fixed16(body, 0);
  put_fixed32(body, static_cast<std::uint32_t>(lines));
  return body;
}

inline BloomFilter::BloomFilter(std::string_view body) : body_(body) {}

inline bool BloomFilter::may_contain(std::uint64_t hash) const {
  if (body_.size() < 8) return true;
  const std::uint64_t tail = load_fixed64(body_.data() + body_.size() - 8);
  const std::uint64_t lines = tail >> 32;
  const auto probes = static_cast<unsigned>(tail >> 8 & 0xff);
  const bool is_known = (tail & 0xffff00ff) == 1;  // the kind is 1, what is reserved is 0
  if (!is_known || probes == 0 || lines == 0 || lines * 64 + 8 != body_.size()) return true;

  const char* line = body_.data() + 64 * bloom_line_number(hash, lines);
  const BloomLine mask = bloom_mask(hash, probes);
  bool has_all = true;
  for (std::size_t i = 0; i < mask.size(); ++i)
    has_all = has_all && (load_fixed64(line + 8 * i) & mask[i]) == mask[i];
  return has_all;
}

inline void BloomFilter::prefetch(std::uint64_t) const {}

}  // namespace lsmith
