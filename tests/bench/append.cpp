// append.cpp: what appending a frame of 130 bytes costs, stored into memory; book/02-wal.md.
#include <lsmith/wal.hpp>

#include <cstdio>
#include <cstring>
#include <ctime>

struct Sink : lsmith::LogFile {  // where a store is a copy, as into a mapped file
  std::string space = std::string(1 << 26, '\1');
  lsmith::Status write(std::uint64_t at, std::string_view bytes, bool) override {
    std::memcpy(&space[at % (1 << 25)], bytes.data(), bytes.size());
    return {};
  }
  lsmith::Status sync() override { return {}; }
  std::uint64_t capacity_bytes() const override { return 0; }
  lsmith::Status close() override { return {}; }
};
int main() {
  lsmith::LogWriter log(std::make_unique<Sink>(), lsmith::LogHeader());
  log.start().ignore();
  const std::string payload(130, 'x');
  const std::clock_t begin = std::clock();
  for (int i = 0; i < 10'000'000; ++i)
    log.append(lsmith::FrameType::batch, payload, false).ignore();
  std::printf("%.0f ns\n", (std::clock() - begin) * 1e9 / CLOCKS_PER_SEC / 1e7);
}
