// write_batch.cpp: fuzzes WriteBatch::parse. What it accepts is what a batch of the same writes
// holds, byte for byte.
#include <lsmith/write_batch.hpp>

#include <cstdint>
#include <string_view>

#include "fuzz.hpp"

namespace lsmith::fuzz {

void fuzz_write_batch(std::string_view input) {
  const Result<WriteBatch> parsed = WriteBatch::parse(input);
  if (!parsed.ok()) return require_refusal(parsed.status(), "batch offset ");

  WriteBatch again;
  std::uint64_t count = 0;
  parsed->for_each([&](std::uint64_t tag, std::string_view key, std::string_view value) {
    require(sequence_of(tag) == parsed->sequence() + count, "records are numbered in order");
    if (kind_of(tag) == Kind::put)
      again.put(key, value);
    else
      again.erase(key);
    ++count;
  });
  require(count == parsed->count(), "the count is that of the records");
  again.set_sequence(parsed->sequence());
  require(again.status().ok(), "what was parsed can be written");
  require(again.payload() == input, "a batch encodes to its bytes");

  again.append(*parsed);
  require(again.count() == 2 * count, "a batch takes another behind it");
  require(again.size_bytes() == 2 * input.size() - 12, "and all of its records");
}

}  // namespace lsmith::fuzz

LSMITH_FUZZ_TARGET(lsmith::fuzz::fuzz_write_batch)
