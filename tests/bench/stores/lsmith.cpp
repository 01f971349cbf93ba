// lsmith.cpp: lsmith: the library's engine, or whatever is overlaid.
#include "../store.hpp"

#include <lsmith/lsmith.hpp>

#include <utility>

namespace bench {
namespace {

void require(const lsmith::Status& s) {
  if (!s.ok()) stop(s.to_string());
}

class LsmithStore final : public Store {
 public:
  explicit LsmithStore(lsmith::Db db) : db_(std::move(db)) {}
  ~LsmithStore() override { require(db_.close()); }

  void put(std::string_view key, std::string_view value, bool sync) override {
    require(db_.put(key, value, sync ? lsmith::Durability::power : lsmith::Durability::process));
  }
  void erase(std::string_view key) override { require(db_.erase(key)); }
  void put_batch(std::uint64_t first, std::uint64_t count) override {
    lsmith::WriteBatch batch;
    for (std::uint64_t n = first; n < first + count; ++n)
      batch.put(Key(n), Value(Key(n), 0));
    require(db_.write(batch));
  }
  bool get(std::string_view key, std::string& value) override {
    auto found = db_.get(key, value);
    require(found.status());
    return *found;
  }
  void scan(std::string_view key, std::uint64_t count, bool is_forward, Reading& seen) override {
    lsmith::Scan scan = db_.scan();
    lsmith::UserCursor& cursor = scan.cursor();
    if (!key.empty())
      cursor.seek(key);
    else
      is_forward ? cursor.seek_to_first() : cursor.seek_to_last();
    for (; count > 0 && cursor.is_valid(); --count) {
      seen.see(cursor.key(), cursor.value());
      is_forward ? cursor.next() : cursor.prev();
    }
    require(scan.status());
  }
  bool settle() override {
    require(db_.wait_idle());
    return true;
  }
  bool compact() override {
    require(db_.compact());
    return true;
  }

 private:
  lsmith::Db db_;
};

}  // namespace

std::unique_ptr<Store> open_store(const std::string& folder, bool mapped) {
  lsmith::Options options;
  options.write_buffer_bytes = write_buffer_bytes;
  options.cache_bytes = cache_bytes;
  options.block_bytes = block_bytes;
  options.bloom_bits_per_key = filter_bits_per_key;
  options.mapped_tables = mapped;
  auto db = lsmith::Db::open(folder, options);
  require(db.status());
  return std::make_unique<LsmithStore>(*std::move(db));
}

std::string describe_store() {
  return "lsmith " + std::to_string(LSMITH_VERSION_MAJOR) + "." +
         std::to_string(LSMITH_VERSION_MINOR);
}

}  // namespace bench
