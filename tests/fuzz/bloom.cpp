// bloom.cpp: fuzzes the filter against section 6 of book/format.md, written down once more.
#include <lsmith/bloom.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz.hpp"

namespace lsmith::fuzz {
namespace {

bool may_contain_plainly(std::string_view body, std::uint64_t hash) {
  if (body.size() < 8) return true;
  const char* const tail = body.data() + body.size() - 8;
  const auto probes = static_cast<unsigned char>(tail[1]);
  const std::uint64_t lines = load_fixed32(tail + 4);
  if (tail[0] != 1 || probes == 0 || load_fixed16(tail + 2) != 0 || lines == 0) return true;
  if (lines * 64 + 8 != body.size()) return true;
  const std::uint64_t line = ((hash >> 32) * lines) >> 32;
  auto x = static_cast<std::uint32_t>(hash);
  for (int probe = 0; probe < probes; ++probe, x *= 0x9E3779B9u) {
    const std::uint32_t bit = x >> 23;
    const auto byte = static_cast<unsigned char>(body[line * 64 + bit / 8]);
    if ((byte >> (bit % 8) & 1) == 0) return false;
  }
  return true;
}

void ask_filter(std::string_view body, const std::vector<std::uint64_t>& hashes) {
  const BloomFilter filter(body);
  for (const std::uint64_t hash : hashes) {
    filter.prefetch(hash);
    require(filter.may_contain(hash) == may_contain_plainly(body, hash),
            "a filter answers as the format says");
  }
}

void build_filter(int bits_per_key, const std::vector<std::uint64_t>& hashes) {
  BloomBuilder builder(bits_per_key);
  for (const std::uint64_t hash : hashes)
    builder.add(hash);
  const std::string body = builder.finish();
  const BloomFilter filter(body);
  for (const std::uint64_t hash : hashes)
    require(filter.may_contain(hash), "a filter never denies a key that it holds");
  require(body.size() <= 8 + 64 + hashes.size() * 8, "a filter is as large as its keys ask for");
  ask_filter(body, {0, 1, ~std::uint64_t{0}, 0x9E3779B97F4A7C15u});
}

}  // namespace

// Bits a key, how many hashes, the hashes; the rest is the body of a filter. The tail's lines are
// made right unless the first bit says not to: few inputs would hit them.
void fuzz_bloom(std::string_view input) {
  Source source(input);
  const std::uint8_t first = source.byte();
  std::vector<std::uint64_t> hashes(source.byte());
  for (std::uint64_t& hash : hashes)
    hash = source.number(8);
  build_filter(1 + (first >> 1) % 64, hashes);
  std::string body(source.rest());
  if ((first & 1) == 0 && body.size() >= 8) {
    body.resize(8 + (body.size() - 8) / 64 * 64);
    store_fixed32(body.data() + body.size() - 4, static_cast<std::uint32_t>(body.size() / 64));
  }
  hashes.insert(hashes.end(), {0, 1, 0xffffffff, ~std::uint64_t{0}, 0x0123456789abcdefu});
  ask_filter(body, hashes);
}

}  // namespace lsmith::fuzz

LSMITH_FUZZ_TARGET(lsmith::fuzz::fuzz_bloom)
