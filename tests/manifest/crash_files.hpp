// crash_files.hpp: a file system that forgets what was not synced. It is small on purpose: names,
// bytes, and which of both are durable.
#pragma once

#include <lsmith/file.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lsmith::testing {

// Files that die. Every call that changes something has a number, counted from 1. The call
// `fails_at` fails halfway; with `dies` every call after it fails too, as in a crash.
class CrashFiles final : public FileSystem {
 public:
  struct File {
    std::string bytes, durable;
  };
  using Names = std::map<std::string, std::shared_ptr<File>>;

  std::string calls;  // a letter each: open, write, sync, close, rename, directory
  std::size_t fails_at = 0;
  bool dies = false;
  std::string unreadable;  // the path that can not be opened
  Names names, durable_names;

  // What stands there after a power cut. What was not synced made it to the device all the same
  // where `kept` says so: 1 bytes, 2 the name CURRENT, 4 the other names.
  std::unique_ptr<CrashFiles> after_crash(int kept) const {
    Names left = durable_names;
    for (const Names* all : {&durable_names, &names}) {
      for (const auto& [path, file] : *all) {
        if ((kept & (path.ends_with("/CURRENT") ? 2 : 4)) == 0) continue;
        left.erase(path);
        if (names.count(path) > 0) left[path] = names.at(path);
      }
    }
    auto files = std::make_unique<CrashFiles>();
    for (const auto& [path, file] : left) {
      const std::string& bytes = (kept & 1) != 0 ? file->bytes : file->durable;
      files->names[path] = std::make_shared<File>(File{bytes, bytes});
    }
    files->durable_names = files->names;
    return files;
  }

  Status record(char call) {
    calls += call;
    const bool fails =
        calls.size() == fails_at || (dies && fails_at > 0 && calls.size() > fails_at);
    return fails ? Status(Code::io_error, "call " + std::to_string(calls.size())) : Status();
  }

  Result<std::unique_ptr<ReadableFile>> open(const std::string& path, bool) override {
    if (path == unreadable) return Status(Code::io_error, path + ": can not be read");
    const auto at = names.find(path);
    if (at == names.end()) return Status(Code::not_found, path);
    return std::unique_ptr<ReadableFile>(std::make_unique<Reading>(at->second->bytes));
  }
  Result<std::unique_ptr<WritableFile>> create(const std::string& path) override {
    if (Status s = record('o'); !s.ok()) return s;
    return std::unique_ptr<WritableFile>(std::make_unique<Appending>(*this, fresh(path)));
  }
  Result<std::unique_ptr<LogFile>> create_log(const std::string& path, std::uint64_t) override {
    if (Status s = record('o'); !s.ok()) return s;
    return std::unique_ptr<LogFile>(std::make_unique<Logging>(*this, fresh(path)));
  }
  Status rename(const std::string& from, const std::string& to) override {
    if (Status s = record('r'); !s.ok()) return s;
    names[to] = names.at(from);
    names.erase(from);
    return {};
  }
  Status sync_dir(const std::string&) override {
    if (Status s = record('d'); !s.ok()) return s;
    durable_names = names;
    return {};
  }
  bool exists(const std::string& path) override { return names.count(path) > 0; }

  // What a manifest has no use for.
  Result<std::unique_ptr<LogFile>> reuse_log(const std::string&, const std::string&) override {
    return Status(Code::io_error, "a manifest is not recycled");
  }
  Status remove(const std::string&) override { return {Code::io_error, "nothing is removed here"}; }
  Result<std::vector<std::string>> list(const std::string&) override {
    return Status(Code::io_error, "nothing is listed here");
  }
  Status create_folder(const std::string&) override { return {}; }
  Result<std::unique_ptr<FileLock>> lock(const std::string&, bool) override {
    return Status(Code::busy, "no locks here");
  }
  std::uint64_t entropy() override { return 4; }

 private:
  struct Reading final : ReadableFile {
    explicit Reading(std::string content) : bytes(std::move(content)) {}
    Status read(std::uint64_t offset, char* buffer, std::size_t size) const override {
      if (bytes.copy(buffer, size, static_cast<std::size_t>(offset)) == size) return {};
      return Status(Code::corruption, "cut short");
    }
    std::uint64_t size_bytes() const override { return bytes.size(); }
    std::string bytes;
  };
  // Both kinds of file for writing; half of a failed write arrives.
  template <class Base>
  struct Writing : Base {
    Writing(CrashFiles& owner, std::shared_ptr<File> content) : files(owner), file(content) {}
    Status store(std::size_t offset, std::string_view bytes) {
      Status s = files.record('w');
      if (!s.ok()) bytes = bytes.substr(0, bytes.size() / 2);
      if (file->bytes.size() < offset + bytes.size()) file->bytes.resize(offset + bytes.size());
      file->bytes.replace(offset, bytes.size(), bytes);
      return s;
    }
    Status sync() override {
      if (Status s = files.record('s'); !s.ok()) return s;
      file->durable = file->bytes;
      return {};
    }
    Status close() override { return files.record('c'); }
    CrashFiles& files;
    std::shared_ptr<File> file;
  };
  struct Appending final : Writing<WritableFile> {
    using Writing::Writing;
    Status append(std::string_view bytes) override { return store(file->bytes.size(), bytes); }
  };
  struct Logging final : Writing<LogFile> {
    using Writing::Writing;
    Status write(std::uint64_t offset, std::string_view bytes, bool) override {
      return store(static_cast<std::size_t>(offset), bytes);
    }
    std::uint64_t capacity_bytes() const override { return 0; }
  };

  std::shared_ptr<File> fresh(const std::string& path) {
    return names[path] = std::make_shared<File>();
  }
};

}  // namespace lsmith::testing
