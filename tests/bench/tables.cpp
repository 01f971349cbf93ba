// tables.cpp: what a get costs in a table of a million entries; book/04-sstable.md. Writes
// table.sst into the folder that it runs in.
#include <lsmith/sstable.hpp>

#include <cstdio>
#include <cstdlib>
#include <ctime>

using namespace lsmith;
constexpr std::uint64_t count = 1'000'000;
std::string key_of(std::uint64_t i) {
  return "user" + std::to_string(100'000'000'000 + 700'001 * i);
}
void read(const char* how, BlockCache* cache, bool mapped) {
  auto file = *posix_file_system().open("table.sst", mapped);
  const auto table = *Table::open(std::move(file), "table.sst", 1, 7, cache);
  std::string value;
  for (int round = 0; round < 2; ++round) {  // the first one warms
    const std::clock_t begin = std::clock();
    for (std::uint64_t i = 0; i < count; ++i)
      if (!*table->get(Target::of(key_of(i * 7'919 % count)), value)) std::abort();
    const double ns = (std::clock() - begin) * 1e9 / CLOCKS_PER_SEC / count;
    if (round == 1) std::printf("%s %.0f ns\n", how, ns);
  }
}
int main() {
  TableBuilder builder(Options(), *posix_file_system().create("table.sst"), 7);
  for (std::uint64_t i = 0; i < count; ++i)
    builder.add(key_of(i), make_tag(1, Kind::put), std::string(100, 'v')).ignore();
  if (!builder.finish().ok()) return 1;
  BlockCache cache(std::size_t{1} << 28);
  read("read anew", nullptr, false);
  read("cached", &cache, false);
  read("mapped", nullptr, true);
}
