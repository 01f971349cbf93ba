// checked_cursor.hpp: a cursor around a cursor that holds both sides to the laws of cursor.hpp.
//
// It fails the running case when the cursor inside breaks a law, and also when whoever uses it
// makes a call that is not legal. What key() and value() return is a copy, overwritten and freed by
// the next move: a view that is used beyond its life shows as nonsense, or as an error of the
// sanitizer. Entries may be added meanwhile, as to a memtable; none may go away. One thread at a
// time.
#pragma once

#include "step.hpp"

#include <lsmith/cursor.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace lsmith::testing {

template <EntryCursor C>
class CheckedCursor {
 public:
  explicit CheckedCursor(C cursor) : inner_(std::move(cursor)) {
    if (inner_.is_valid()) broken("a new cursor", "not valid (law 1)", "valid");
  }

  bool is_valid() const {
    const bool now = inner_.is_valid();
    if (is_ready_ && now != (here_ != nullptr))
      broken("is_valid() again", "the same answer until the cursor moves", lab::show(now));
    return now;
  }

  void seek_to_first() {
    move("seek_to_first()", Way::seek, [&] { inner_.seek_to_first(); });
  }
  void seek_to_last() {
    move("seek_to_last()", Way::seek, [&] { inner_.seek_to_last(); });
  }
  void seek(std::string_view key, std::uint64_t tag) {
    const std::string target(key);  // the argument may view what this move overwrites
    move("seek()", Way::seek, [&] { inner_.seek(target, tag); });
    if (here_ != nullptr && compare(here_->key(), here_->tag, target, tag) < 0)
      broken("seek to " + lab::show(target), "the first entry not before it (law 2)",
             "an entry before it: " + here_->show());
  }
  void prepare(std::string_view key, std::uint64_t tag) {
    inner_.prepare(key, tag);
    is_ready_ = false;
  }
  void next() {
    if (may_use("next()")) move("next()", Way::forwards, [&] { inner_.next(); });
  }
  void prev() {
    if (may_use("prev()")) move("prev()", Way::backwards, [&] { inner_.prev(); });
  }

  std::string_view key() const {
    if (!may_use("key()")) return {};
    if (inner_.key() != here_->key()) changed("key()", lab::show(inner_.key()));
    return here_->key();
  }
  std::uint64_t tag() const {
    if (!may_use("tag()")) return 0;
    if (inner_.tag() != here_->tag) changed("tag()", lab::show(inner_.tag()));
    return here_->tag;
  }
  std::string_view value() const {
    if (!may_use("value()")) return {};
    if (inner_.value() != here_->value()) changed("value()", lab::show(inner_.value()));
    return here_->value();
  }
  Status status() const { return inner_.status(); }

  // The cursor inside, for calls that are not in the concept.
  C& inner() { return inner_; }

 private:
  enum class Way { seek, forwards, backwards };

  // An entry's bytes in memory of their own, of exactly their size.
  struct Shadow {
    Shadow(std::string_view key, std::uint64_t tag, std::string_view value)
        : tag(tag),
          key_bytes(key.size()),
          value_bytes(value.size()),
          bytes(std::make_unique<char[]>(key.size() + value.size())) {
      std::copy(value.begin(), value.end(), std::copy(key.begin(), key.end(), bytes.get()));
    }
    ~Shadow() { spoil(); }
    Shadow(const Shadow&) = delete;
    Shadow& operator=(const Shadow&) = delete;

    void spoil() {  // volatile: the compiler knows that the bytes are freed next, and would skip it
      volatile char* at = bytes.get();
      for (std::size_t i = 0; i < key_bytes + value_bytes; ++i)
        at[i] = '\xdd';
    }
    std::string_view key() const { return {bytes.get(), key_bytes}; }
    std::string_view value() const { return {bytes.get() + key_bytes, value_bytes}; }
    std::string show() const { return lab::show(key()) + "@" + lab::show(sequence_of(tag)); }
    std::unique_ptr<Shadow> copy() const { return std::make_unique<Shadow>(key(), tag, value()); }

    std::uint64_t tag;
    std::size_t key_bytes;
    std::size_t value_bytes;
    std::unique_ptr<char[]> bytes;
  };
  static bool is_before(const Shadow& a, const Shadow& b) {
    return compare(a.key(), a.tag, b.key(), b.tag) < 0;
  }

  template <class Move>
  void move(const char* name, Way way, Move&& move_inner) {
    std::unique_ptr<Shadow> left = here_ != nullptr ? here_->copy() : nullptr;
    here_.reset();  // ends the life of the views that were handed out
    move_inner();
    is_ready_ = true;
    if (inner_.is_valid()) {
      here_ = std::make_unique<Shadow>(inner_.key(), inner_.tag(), inner_.value());
      if (const Status s = inner_.status(); !s.ok())
        broken(name, "an ok status while the cursor is valid (law 7)", s.to_string());
    }
    if (way != Way::seek) check_order(name, way, *left);
    way_ = way;
    left_ = std::move(left);
  }

  // Law 4, as far as one step shows it: the entry is on the right side of the one left, and a step
  // back does not go past the entry from which the cursor had come.
  void check_order(const char* name, Way way, const Shadow& left) {
    const bool forwards = way == Way::forwards;
    const std::string done = name + (" from " + left.show());
    if (here_ != nullptr && !(forwards ? is_before(left, *here_) : is_before(*here_, left)))
      broken(done, forwards ? "an entry after it" : "an entry before it", here_->show());
    if (way_ == Way::seek || way_ == way || left_ == nullptr || !inner_.status().ok()) return;
    if (here_ == nullptr) {
      broken(done + ", having come from " + left_->show(), "that entry again (law 4)", "nothing");
    } else if (forwards ? is_before(*left_, *here_) : is_before(*here_, *left_)) {
      broken(done + ", having come from " + left_->show(), "that entry again (law 4)",
             here_->show());
    }
  }

  bool may_use(const char* call) const {
    if (is_ready_ && here_ != nullptr) return true;
    broken(std::string(call) + (is_ready_ ? "" : " without a seek before it"),
           "a call only while is_valid() (law 3)", "the cursor is not valid",
           "Ask is_valid() before each of next, prev, key, tag and value.");
    return false;
  }

  void changed(const char* call, const std::string& found) const {
    broken(std::string(call) + " again at " + here_->show(),
           "the same bytes until the cursor moves (law 6)", found,
           "A view must not look into something that was changed or freed.");
  }

  static void broken(std::string_view done, std::string_view expected, std::string_view found,
                     std::string_view hint = "See the laws at the top of cursor.hpp.") {
    lab::fail(done, expected, found, hint);
  }

  C inner_;
  bool is_ready_ = false;         // a seek came after the last prepare()
  std::unique_ptr<Shadow> here_;  // what the cursor stands on; null: not valid
  Way way_ = Way::seek;           // of the last move
  std::unique_ptr<Shadow> left_;  // the entry that the last move left; null: none
};

}  // namespace lsmith::testing
