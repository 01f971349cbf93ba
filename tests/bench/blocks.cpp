// blocks.cpp: what building, getting and walking cost in a block of 4 KiB; book/03-block.md.
#include <lsmith/block.hpp>

#include <cstdio>
#include <ctime>

using namespace lsmith;
template <class Work>
void time(const char* what, std::size_t per, Work work) {
  const std::clock_t begin = std::clock();
  for (int round = 0; round < 100'000; ++round)
    work();
  std::printf("%s %.0f ns\n", what, (std::clock() - begin) * 1e9 / CLOCKS_PER_SEC / 1e5 / per);
}
int main() {
  std::vector<std::string> keys;  // 33 entries make 4 KiB
  for (std::uint64_t i = 0; i < 33; ++i)
    keys.push_back("user" + std::to_string(100'000'000'000 + 7'654'321'987 * i));
  const std::string value(100, 'v');
  BlockBuilder builder;
  std::string body;
  std::size_t seen = 0;
  time("build, an entry", 33, [&] {
    for (const std::string& key : keys)
      builder.add(key, make_tag(9, Kind::put), value);
    body = builder.finish();
  });
  const Block block = *Block::open(body);
  time("get", 33, [&] {
    for (std::size_t i = 0; i < 33; ++i)
      seen += (*block.get(Target{keys[i * 7 % 33]}))->value.size();
  });
  time("next", 33, [&] {
    BlockCursor at = block.cursor();
    for (at.seek_to_first(); at.is_valid(); at.next())
      seen += at.key().size();
  });
  return seen == 0;
}
