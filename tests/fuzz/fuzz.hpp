// fuzz.hpp: what every fuzz target shares.
//
// A target is one function that takes any bytes, and aborts when the library does with them what
// it must not. A fuzzer calls it, when LSMITH_FUZZER is defined; else replay.cpp does, over files.
// `labs/lab torture fuzz` builds the fuzzers and runs them for a time; by hand, one of them:
//
//   build/test-clang-fuzzer/fuzz.block -malloc_limit_mb=16 tests/fuzz/corpus/block
//
// No checksum keeps a target from what is behind it: where there is one, a bit of the input asks
// for the bytes as they are or for right checksums over them (seal.hpp).
#pragma once

#include <lsmith/coding.hpp>
#include <lsmith/status.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#ifdef LSMITH_FUZZER
#define LSMITH_FUZZ_TARGET(target)                                                       \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {    \
    target(std::string_view(size > 0 ? reinterpret_cast<const char*>(data) : "", size)); \
    return 0;                                                                            \
  }
#else
#define LSMITH_FUZZ_TARGET(target)
#endif

namespace lsmith::fuzz {

void fuzz_bloom(std::string_view input);
void fuzz_block(std::string_view input);
void fuzz_coding(std::string_view input);
void fuzz_current(std::string_view input);
void fuzz_edit(std::string_view input);
void fuzz_log(std::string_view input);
void fuzz_manifest(std::string_view input);
void fuzz_names(std::string_view input);
void fuzz_open(std::string_view input);
void fuzz_table(std::string_view input);
void fuzz_table_format(std::string_view input);
void fuzz_write_batch(std::string_view input);

// Aborts unless the claim holds; `found` is put behind it.
inline void require(bool holds, const char* claim, std::string_view found = {}) {
  if (holds) return;
  std::fprintf(stderr, "not so: %s%s%.*s\n", claim, found.empty() ? "" : ": ",
               static_cast<int>(found.size()), found.data());
  std::abort();
}

// What stands on a disk may only be refused as damaged or as newer, with words that say where.
inline void require_refusal(const Status& status, std::string_view where) {
  require(status.code() == Code::corruption || status.code() == Code::not_supported,
          "bytes are refused as corrupt or not supported", status.to_string());
  require(status.message().find(where) != std::string_view::npos, "a refusal says where",
          status.to_string());
}

// Takes an input apart from its front. An input that has ended gives zeros.
class Source {
 public:
  explicit Source(std::string_view input) : rest_(input) {}

  bool is_empty() const { return rest_.empty(); }
  std::string_view rest() const { return rest_; }
  std::string_view take(std::size_t size) {
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  std::uint64_t number(std::size_t size_bytes) {
    char bytes[8] = {};
    take(size_bytes).copy(bytes, sizeof bytes);
    return load_fixed64(bytes);
  }
  std::uint8_t byte() { return static_cast<std::uint8_t>(number(1)); }
  // As many bytes as the next two say, or as there are.
  std::string_view piece() { return take(static_cast<std::size_t>(number(2))); }

 private:
  std::string_view rest_;
};

}  // namespace lsmith::fuzz
