// leveldb.cpp: LevelDB.
#include "../store.hpp"

#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/filter_policy.h>
#include <leveldb/write_batch.h>

namespace bench {
namespace {

void require(const leveldb::Status& s) {
  if (!s.ok()) stop(s.ToString());
}

leveldb::Slice slice(std::string_view bytes) {
  return {bytes.data(), bytes.size()};
}

std::string_view view(const leveldb::Slice& bytes) {
  return {bytes.data(), bytes.size()};
}

class LevelDbStore final : public Store {
 public:
  explicit LevelDbStore(const std::string& folder)
      : cache_(leveldb::NewLRUCache(cache_bytes)),
        filter_(leveldb::NewBloomFilterPolicy(filter_bits_per_key)) {
    leveldb::Options options;
    options.create_if_missing = true;
    options.write_buffer_size = write_buffer_bytes;
    options.block_cache = cache_.get();
    options.block_size = block_bytes;
    options.filter_policy = filter_.get();
    options.compression = leveldb::kNoCompression;
    options.max_file_size = std::size_t{8} << 20;  // 2 MiB is slower
    leveldb::DB* db = nullptr;
    require(leveldb::DB::Open(options, folder, &db));
    db_.reset(db);
  }

  void put(std::string_view key, std::string_view value, bool sync) override {
    leveldb::WriteOptions options;
    options.sync = sync;
    require(db_->Put(options, slice(key), slice(value)));
  }
  void erase(std::string_view key) override { require(db_->Delete({}, slice(key))); }
  void put_batch(std::uint64_t first, std::uint64_t count) override {
    leveldb::WriteBatch batch;
    for (std::uint64_t n = first; n < first + count; ++n)
      batch.Put(slice(Key(n)), slice(Value(Key(n), 0)));
    require(db_->Write({}, &batch));
  }
  bool get(std::string_view key, std::string& value) override {
    const leveldb::Status s = db_->Get({}, slice(key), &value);
    if (s.IsNotFound()) return false;
    require(s);
    return true;
  }
  void scan(std::string_view key, std::uint64_t count, bool is_forward, Reading& seen) override {
    const std::unique_ptr<leveldb::Iterator> cursor(db_->NewIterator({}));
    if (!key.empty())
      cursor->Seek(slice(key));
    else
      is_forward ? cursor->SeekToFirst() : cursor->SeekToLast();
    for (; count > 0 && cursor->Valid(); --count) {
      seen.see(view(cursor->key()), view(cursor->value()));
      is_forward ? cursor->Next() : cursor->Prev();
    }
    require(cursor->status());
  }
  bool settle() override { return false; }
  bool compact() override {
    db_->CompactRange(nullptr, nullptr);
    return true;
  }

 private:
  std::unique_ptr<leveldb::Cache> cache_;
  std::unique_ptr<const leveldb::FilterPolicy> filter_;
  std::unique_ptr<leveldb::DB> db_;
};

}  // namespace

std::unique_ptr<Store> open_store(const std::string& folder, bool) {
  return std::make_unique<LevelDbStore>(folder);
}

std::string describe_store() {
  return "LevelDB " + std::to_string(leveldb::kMajorVersion) + "." +
         std::to_string(leveldb::kMinorVersion);
}

}  // namespace bench
