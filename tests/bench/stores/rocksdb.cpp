// rocksdb.cpp: RocksDB.
#include "../store.hpp"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/version.h>
#include <rocksdb/write_batch.h>

#include <chrono>
#include <thread>

namespace bench {
namespace {

void require(const rocksdb::Status& s) {
  if (!s.ok()) stop(s.ToString());
}

rocksdb::Slice slice(std::string_view bytes) {
  return {bytes.data(), bytes.size()};
}

rocksdb::Options options_for(bool mapped) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(cache_bytes);
  table.block_size = block_bytes;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(filter_bits_per_key));
  rocksdb::Options options;
  options.create_if_missing = true;
  options.write_buffer_size = write_buffer_bytes;
  options.compression = rocksdb::kNoCompression;
  options.allow_mmap_reads = mapped;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

// Newer versions hand out a pointer that owns, older ones one that does not.
template <class Db>
std::unique_ptr<Db> open_db(const rocksdb::Options& options, const std::string& folder) {
  std::unique_ptr<Db> owner;
  if constexpr (requires { Db::Open(options, folder, &owner); }) {
    require(Db::Open(options, folder, &owner));
  } else {
    Db* db = nullptr;
    require(Db::Open(options, folder, &db));
    owner.reset(db);
  }
  return owner;
}

class RocksDbStore final : public Store {
 public:
  RocksDbStore(const std::string& folder, bool mapped)
      : db_(open_db<rocksdb::DB>(options_for(mapped), folder)) {}
  ~RocksDbStore() override { require(db_->Close()); }

  void put(std::string_view key, std::string_view value, bool sync) override {
    rocksdb::WriteOptions options;
    options.sync = sync;
    require(db_->Put(options, slice(key), slice(value)));
  }
  void erase(std::string_view key) override { require(db_->Delete({}, slice(key))); }
  void put_batch(std::uint64_t first, std::uint64_t count) override {
    rocksdb::WriteBatch batch;
    for (std::uint64_t n = first; n < first + count; ++n)
      require(batch.Put(slice(Key(n)), slice(Value(Key(n), 0))));
    require(db_->Write({}, &batch));
  }
  bool get(std::string_view key, std::string& value) override {
    // A slice that is pinned, as db_bench reads: nothing is copied but into `value`.
    rocksdb::PinnableSlice found;
    const rocksdb::Status s = db_->Get({}, db_->DefaultColumnFamily(), slice(key), &found);
    if (s.IsNotFound()) return false;
    require(s);
    value.assign(found.data(), found.size());
    return true;
  }
  void scan(std::string_view key, std::uint64_t count, bool is_forward, Reading& seen) override {
    const std::unique_ptr<rocksdb::Iterator> cursor(db_->NewIterator({}));
    if (!key.empty())
      cursor->Seek(slice(key));
    else
      is_forward ? cursor->SeekToFirst() : cursor->SeekToLast();
    for (; count > 0 && cursor->Valid(); --count) {
      seen.see(cursor->key().ToStringView(), cursor->value().ToStringView());
      is_forward ? cursor->Next() : cursor->Prev();
    }
    require(cursor->status());
  }
  bool settle() override {
    while (property("num-running-flushes") + property("mem-table-flush-pending") +
               property("compaction-pending") + property("num-running-compactions") >
           0)
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    return true;
  }
  bool compact() override {
    rocksdb::CompactRangeOptions options;
    // Also what lies in the last level already, as the others merge it.
    options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
    require(db_->CompactRange(options, nullptr, nullptr));
    return true;
  }

 private:
  std::uint64_t property(const std::string& name) const {
    std::uint64_t number = 0;
    db_->GetIntProperty("rocksdb." + name, &number);
    return number;
  }

  std::unique_ptr<rocksdb::DB> db_;
};

}  // namespace

std::unique_ptr<Store> open_store(const std::string& folder, bool mapped) {
  return std::make_unique<RocksDbStore>(folder, mapped);
}

std::string describe_store() {
  return "RocksDB " + std::to_string(ROCKSDB_MAJOR) + "." + std::to_string(ROCKSDB_MINOR) + "." +
         std::to_string(ROCKSDB_PATCH);
}

}  // namespace bench
