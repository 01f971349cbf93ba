// large_file.hpp: a large file in memory; a helper of file.hpp alone.
//
// A log is allocated ahead, so half of it may be zeros that were never written. They are read, but
// take no memory: the system hands out zeros, and makes pages of them when they are written.
//
// A map spares more than the copy: memory that is new to a virtual machine, which takes 140 ms
// instead of 18 to fill with a log of 64 MiB. A map of the same is there in 3 ms.
#pragma once

#include <lsmith/file.hpp>
#include <lsmith/pages.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <utility>

namespace lsmith {

inline Result<LargeFile> LargeFile::read(FileSystem& files, const std::string& path, bool mapped) {
  Result<std::unique_ptr<ReadableFile>> file = files.open(path, mapped);
  if (!file.ok()) return std::move(file).status();
  LargeFile content;
  if (!(*file)->mapped().empty()) {
    if (Status s = content.show(std::move(*file)); !s.ok()) return s;
    return content;
  }
  if (!content.allocate((*file)->size_bytes()))
    return Status(Code::not_supported, path + ": too large to be read into memory");
  if (Status s = content.fill(**file); !s.ok()) return s;
  return content;
}

inline Status LargeFile::show(std::unique_ptr<ReadableFile> file) {
  if (Status s = file->bring_in(); !s.ok()) return s;
  file_ = std::move(file);
  bytes_ = file_->mapped();
  for (std::size_t at = 0; at < bytes_.size(); at += piece_bytes) {
    const std::string_view piece = bytes_.substr(at, piece_bytes);
    if (!are_zeros(piece)) front_size_ = at + piece.size();
  }
  return {};
}

// calloc has zeros from the system and does not write them.
inline bool LargeFile::allocate(std::uint64_t size_bytes) {
  if (size_bytes == 0) return true;
  if (size_bytes > std::numeric_limits<std::size_t>::max()) return false;
  const auto size = static_cast<std::size_t>(size_bytes);
  copy_.reset(static_cast<char*>(std::calloc(size, 1)));
  if (copy_ == nullptr) return false;
  enlarge_pages(copy_.get(), size);
  bytes_ = {copy_.get(), size};
  return true;
}

// A piece behind one that ends in zeros is looked at before it is copied.
inline Status LargeFile::fill(const ReadableFile& file) {
  std::string piece;
  bool may_be_zeros = false;
  for (std::size_t at = 0; at < bytes_.size(); at += piece_bytes) {
    const std::size_t count = std::min(piece_bytes, bytes_.size() - at);
    char* const place = copy_.get() + at;
    if (may_be_zeros) piece.resize(piece_bytes);
    char* const to = may_be_zeros ? piece.data() : place;
    if (Status s = file.read(at, to, count); !s.ok()) return s;
    if (!may_be_zeros || !are_zeros({to, count})) front_size_ = at + count;
    if (to != place && front_size_ > at) std::memcpy(place, to, count);
    const std::size_t tail_bytes = std::min<std::size_t>(count, 64);
    may_be_zeros = are_zeros({to + count - tail_bytes, tail_bytes});
  }
  return {};
}

// The first is zero, and each equals the next.
inline bool LargeFile::are_zeros(std::string_view bytes) {
  return bytes.empty() ||
         (bytes[0] == 0 && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

}  // namespace lsmith
