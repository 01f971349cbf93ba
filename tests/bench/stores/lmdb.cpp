// lmdb.cpp: LMDB: a B+ tree in one mapped file, without log and without background work.
#include "../store.hpp"

#include <lmdb.h>

#include <filesystem>

namespace bench {
namespace {

void require(int code) {
  if (code != MDB_SUCCESS) stop(mdb_strerror(code));
}

MDB_val value_of(std::string_view bytes) {
  return {bytes.size(), const_cast<char*>(bytes.data())};
}

std::string_view view(const MDB_val& bytes) {
  return {static_cast<const char*>(bytes.mv_data), bytes.mv_size};
}

// A read transaction, begun anew for each read; its slot in the table of readers is kept.
class ReadTransaction {
 public:
  explicit ReadTransaction(MDB_env* environment) {
    if (kept_ != nullptr && owner_ == environment) {
      require(mdb_txn_renew(kept_));
    } else {
      require(mdb_txn_begin(environment, nullptr, MDB_RDONLY, &kept_));
      owner_ = environment;
    }
  }
  ~ReadTransaction() { mdb_txn_reset(kept_); }
  ReadTransaction(const ReadTransaction&) = delete;
  ReadTransaction& operator=(const ReadTransaction&) = delete;
  MDB_txn* get() const { return kept_; }

 private:
  static inline thread_local MDB_txn* kept_ = nullptr;
  static inline thread_local MDB_env* owner_ = nullptr;
};

class LmdbStore final : public Store {
 public:
  explicit LmdbStore(const std::string& folder) {
    constexpr std::size_t map_bytes_max = std::size_t{1} << 38;  // address space alone
    std::filesystem::create_directories(folder);
    require(mdb_env_create(&environment_));
    require(mdb_env_set_mapsize(environment_, map_bytes_max));
    // What is committed is in the operating system; a synced write calls mdb_env_sync.
    require(mdb_env_open(environment_, folder.c_str(), MDB_NOSYNC | MDB_NOTLS, 0644));
    MDB_txn* transaction = nullptr;
    require(mdb_txn_begin(environment_, nullptr, 0, &transaction));
    require(mdb_dbi_open(transaction, nullptr, 0, &database_));
    require(mdb_txn_commit(transaction));
  }
  ~LmdbStore() override { mdb_env_close(environment_); }

  void put(std::string_view key, std::string_view value, bool sync) override {
    change([&](MDB_txn* transaction) { put_in(transaction, key, value); });
    if (sync) require(mdb_env_sync(environment_, 1));
  }
  void erase(std::string_view key) override {
    change([&](MDB_txn* transaction) {
      MDB_val wanted = value_of(key);
      const int code = mdb_del(transaction, database_, &wanted, nullptr);
      if (code != MDB_NOTFOUND) require(code);
    });
  }
  void put_batch(std::uint64_t first, std::uint64_t count) override {
    change([&](MDB_txn* transaction) {
      for (std::uint64_t n = first; n < first + count; ++n)
        put_in(transaction, Key(n), Value(Key(n), 0));
    });
  }
  bool get(std::string_view key, std::string& value) override {
    const ReadTransaction transaction(environment_);
    MDB_val wanted = value_of(key), found;
    const int code = mdb_get(transaction.get(), database_, &wanted, &found);
    if (code == MDB_NOTFOUND) return false;
    require(code);
    value.assign(view(found));
    return true;
  }
  void scan(std::string_view key, std::uint64_t count, bool is_forward, Reading& seen) override {
    const ReadTransaction transaction(environment_);
    MDB_cursor* cursor = nullptr;
    require(mdb_cursor_open(transaction.get(), database_, &cursor));
    MDB_val at = value_of(key), value;
    const MDB_cursor_op first = !key.empty() ? MDB_SET_RANGE : is_forward ? MDB_FIRST : MDB_LAST;
    int code = mdb_cursor_get(cursor, &at, &value, first);
    for (; count > 0 && code == MDB_SUCCESS; --count) {
      seen.see(view(at), view(value));
      code = mdb_cursor_get(cursor, &at, &value, is_forward ? MDB_NEXT : MDB_PREV);
    }
    if (code != MDB_NOTFOUND) require(code);
    mdb_cursor_close(cursor);
  }
  bool settle() override { return true; }
  bool compact() override { return false; }

 private:
  void put_in(MDB_txn* transaction, std::string_view key, std::string_view value) const {
    MDB_val wanted = value_of(key), bytes = value_of(value);
    require(mdb_put(transaction, database_, &wanted, &bytes, 0));
  }
  template <class Change>
  void change(Change&& act) {
    MDB_txn* transaction = nullptr;
    require(mdb_txn_begin(environment_, nullptr, 0, &transaction));
    act(transaction);
    require(mdb_txn_commit(transaction));
  }

  MDB_env* environment_ = nullptr;
  MDB_dbi database_ = 0;
};

}  // namespace

std::unique_ptr<Store> open_store(const std::string& folder, bool) {
  return std::make_unique<LmdbStore>(folder);
}

std::string describe_store() {
  return std::string("LMDB ") + std::to_string(MDB_VERSION_MAJOR) + "." +
         std::to_string(MDB_VERSION_MINOR) + "." + std::to_string(MDB_VERSION_PATCH);
}

}  // namespace bench
