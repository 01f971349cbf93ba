// status.hpp: how an operation reports that the world was wrong.
//
// Three kinds of failure are kept apart everywhere in lsmith:
//
//   the caller is wrong      assert            a bug, found in a debug build
//   the world is wrong       Status, Result    a full disk, a flipped bit, a locked folder
//   nothing is there         std::optional     a key that does not exist is not an error
//
// A Status is one pointer, null when all is well, so passing success up costs a compare. The
// message says what went wrong, where (file and offset when there is one) and, if it helps, what to
// do.
#pragma once

#include <cassert>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>

namespace lsmith {

/// What went wrong, for programs. The message is for people.
enum class Code : std::uint8_t {
  ok,
  invalid_argument,  ///< the request itself can not be served: too large, out of order, unknown
  not_found,         ///< a file or folder that must exist does not
  corruption,        ///< bytes on disk contradict their checksum, their format or each other
  io_error,          ///< the operating system refused: read, write, sync, rename
  no_space,          ///< the device is full
  not_supported,     ///< written by a newer version, or a feature that this build lacks
  busy,              ///< another process (or handle) holds the lock
  conflict,          ///< a transaction lost against an earlier commit: run it again
  read_only,         ///< writes are refused: opened read-only, or after a failed write
  cancelled,         ///< the work was stopped because the engine is closing
};

/// The name of a code, as it stands at the front of a message.
constexpr std::string_view code_name(Code code);

/// Success, or what went wrong. Cheap to move; one pointer wide. One thread at a time.
class [[nodiscard]] Status {
 public:
  /// Success.
  Status() = default;
  /// A failure. `code` is not Code::ok; `message` is a sentence without the code's name.
  Status(Code code, std::string message);
  Status(const Status& other);
  Status(Status&& other) noexcept = default;
  Status& operator=(const Status& other);
  Status& operator=(Status&& other) noexcept = default;

  bool ok() const { return error_ == nullptr; }
  Code code() const { return error_ ? error_->code : Code::ok; }
  /// The sentence; empty on success. Lives as long as this Status.
  std::string_view message() const;
  /// "ok", or "corruption: 000012.sst: …".
  std::string to_string() const;
  /// The same failure with `where + ": "` put before its message; success stays success.
  Status in(std::string_view where) &&;
  /// Says that a failure here changes nothing, so that dropping it reads as meant.
  void ignore() const {}

 private:
  struct Error {
    Code code;
    std::string message;
  };
  std::unique_ptr<Error> error_;
};

/// A value, or the Status that says why there is none. Moved, not copied.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : has_value_(true), value_(std::move(value)) {}
  Result(Status failure) : status_(std::move(failure)) { assert(!status_.ok()); }
  Result(Result&& other) noexcept;
  Result& operator=(Result&& other) noexcept;
  ~Result();

  bool ok() const { return has_value_; }
  const Status& status() const& { return status_; }
  Status status() && { return std::move(status_); }
  /// Requires ok(). Lives as long as this Result.
  T& operator*() & { return *get(); }
  const T& operator*() const& { return *get(); }
  T&& operator*() && { return std::move(*get()); }
  T* operator->() { return get(); }
  const T* operator->() const { return get(); }

 private:
  const T* get() const {
    assert(has_value_);
    return &value_;
  }
  T* get() { return const_cast<T*>(std::as_const(*this).get()); }

  Status status_;
  bool has_value_ = false;
  union {  // not std::optional: with forty kinds of result it would be a fifth of the compile time
    T value_;
  };
};

template <class T>
Result<T>::Result(Result&& other) noexcept
    : status_(std::move(other.status_)), has_value_(other.has_value_) {
  if (has_value_) ::new (static_cast<void*>(&value_)) T(std::move(other.value_));
}

template <class T>
Result<T>& Result<T>::operator=(Result&& other) noexcept {
  if (this == &other) return *this;
  this->~Result();
  return *::new (static_cast<void*>(this)) Result(std::move(other));
}

template <class T>
Result<T>::~Result() {
  if (has_value_) value_.~T();
}

constexpr std::string_view code_name(Code code) {
  switch (code) {
    case Code::ok:
      return "ok";
    case Code::invalid_argument:
      return "invalid argument";
    case Code::not_found:
      return "not found";
    case Code::corruption:
      return "corruption";
    case Code::io_error:
      return "i/o error";
    case Code::no_space:
      return "no space";
    case Code::not_supported:
      return "not supported";
    case Code::busy:
      return "busy";
    case Code::conflict:
      return "conflict";
    case Code::read_only:
      return "read-only";
    case Code::cancelled:
      return "cancelled";
  }
  return "unknown";
}

inline Status::Status(Code code, std::string message)
    : error_(std::make_unique<Error>(Error{code, std::move(message)})) {
  assert(code != Code::ok);
}

inline Status::Status(const Status& other)
    : error_(other.error_ ? std::make_unique<Error>(*other.error_) : nullptr) {}

inline Status& Status::operator=(const Status& other) {
  if (this != &other) error_ = other.error_ ? std::make_unique<Error>(*other.error_) : nullptr;
  return *this;
}

inline std::string_view Status::message() const {
  return error_ ? std::string_view(error_->message) : std::string_view();
}

inline std::string Status::to_string() const {
  if (ok()) return "ok";
  return std::string(code_name(code())) + ": " + error_->message;
}

inline Status Status::in(std::string_view where) && {
  if (error_) error_->message = std::string(where) + ": " + error_->message;
  return std::move(*this);
}

}  // namespace lsmith
