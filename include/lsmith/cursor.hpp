// cursor.hpp: the one contract of every cursor: memtable, block, table, merge.
//
// A cursor stands on one entry of a sorted sequence, or on none (it is then not valid).
//
//        seek_to_first        seek(key, tag)               seek_to_last
//            v                     v                            v
//          [a@9]  [a@5]  [b@7]  [c@3]  [d@8]  ...  [x@2]  [z@4]        past either end: not valid
//                          <- prev()   next() ->
//
// The laws. Tests wrap every cursor in a checker that holds it to them.
//  1. A new cursor is not valid. Only the three seeks may be called then; after a seek it is valid,
//     or there is no such entry, or an error happened.
//  2. seek(key, tag) moves to the first entry that is not before (key, tag) in the order of
//     key.hpp.
//  3. next(), prev(), key(), tag() and value() require is_valid().
//  4. next() and prev() are exact opposites; either may follow the other at any entry.
//  5. Moving past an end makes the cursor not valid. It does not wrap and it does not stay.
//  6. key() and value() live until the next non-const call on this cursor, or its end, or the end
//     of what it reads from, whichever is first. So whoever seeks with this cursor's own key()
//     copies it before, unless the cursor's declaration says that a view will do.
//  7. An error makes the cursor not valid and status() says it; a cursor that came to its end has
//     an ok status. A later seek starts afresh and may succeed.
//  8. prepare(key, tag) is a hint that seek(key, tag) follows. It may do nothing, and changes
//     nothing that a caller can see, but after it the cursor must be sought again before it is
//     used. Given a second time, it may go a step further: what the first asked for is near now.
#pragma once

#include <lsmith/key.hpp>
#include <lsmith/status.hpp>

#include <concepts>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

namespace lsmith {

/// What a cursor over entries offers; the laws are above.
template <class C>
concept EntryCursor = requires(C cursor, const C& reading, std::string_view key,
                               std::uint64_t tag) {
  { reading.is_valid() } -> std::same_as<bool>;
  { cursor.seek_to_first() } -> std::same_as<void>;
  { cursor.seek_to_last() } -> std::same_as<void>;
  { cursor.seek(key, tag) } -> std::same_as<void>;
  { cursor.prepare(key, tag) } -> std::same_as<void>;
  { cursor.next() } -> std::same_as<void>;
  { cursor.prev() } -> std::same_as<void>;
  { reading.key() } -> std::same_as<std::string_view>;
  { reading.tag() } -> std::same_as<std::uint64_t>;
  { reading.value() } -> std::same_as<std::string_view>;
  { reading.status() } -> std::same_as<Status>;
};

/// Whether value() lives on until the cursor is sought, or moved from an entry of another key: more
/// than law 6 says, so that who must look at one more entry to know that this is the right one need
/// not copy the value. Only some cursors can say that; of all others it is false.
struct StayingValue {
  template <class C>
  static bool is_of(const C& cursor) {
    if constexpr (requires { cursor.value_stays(); }) return cursor.value_stays();
    return false;
  }
};

/// A cursor whose type is erased, as the children of a merge are. Reads are inline; each move is
/// one virtual call. Same laws. One thread at a time.
class ChildCursor {
 public:
  virtual ~ChildCursor() = default;
  ChildCursor(const ChildCursor&) = delete;
  ChildCursor& operator=(const ChildCursor&) = delete;

  bool is_valid() const { return is_valid_; }
  std::string_view key() const { return key_; }
  std::uint64_t tag() const { return tag_; }
  std::string_view value() const { return value_; }
  bool value_stays() const { return value_stays_; }  ///< see StayingValue
  virtual void seek_to_first() = 0;
  virtual void seek_to_last() = 0;
  virtual void seek(std::string_view key, std::uint64_t tag) = 0;
  virtual void prepare(std::string_view key, std::uint64_t tag) = 0;
  virtual void next() = 0;
  virtual void prev() = 0;
  virtual Status status() const = 0;

 protected:
  ChildCursor() = default;
  /// Copies what the cursor stands on, after each move.
  template <EntryCursor C>
  void load(const C& cursor) {
    is_valid_ = cursor.is_valid();
    if (!is_valid_) return;
    key_ = cursor.key();
    tag_ = cursor.tag();
    value_ = cursor.value();
    value_stays_ = StayingValue::is_of(cursor);
  }

 private:
  bool is_valid_ = false;
  bool value_stays_ = false;
  std::string_view key_;
  std::uint64_t tag_ = 0;
  std::string_view value_;
};

/// Erases `cursor`. `keeper` is kept alive as long as the result: a shared_ptr to what it reads
/// from.
template <EntryCursor C, class Keeper = std::nullptr_t>
std::unique_ptr<ChildCursor> erase_cursor(C cursor, Keeper keeper = {}) {
  class Erased final : public ChildCursor {
   public:
    Erased(C cursor, Keeper keeper) : keeper_(std::move(keeper)), cursor_(std::move(cursor)) {}
    void seek_to_first() override { cursor_.seek_to_first(), load(cursor_); }
    void seek_to_last() override { cursor_.seek_to_last(), load(cursor_); }
    void seek(std::string_view key, std::uint64_t tag) override {
      cursor_.seek(key, tag), load(cursor_);
    }
    void prepare(std::string_view key, std::uint64_t tag) override { cursor_.prepare(key, tag); }
    void next() override { cursor_.next(), load(cursor_); }
    void prev() override { cursor_.prev(), load(cursor_); }
    Status status() const override { return cursor_.status(); }

   private:
    [[no_unique_address]] Keeper keeper_;  // declared first, so that it dies last
    C cursor_;
  };
  return std::make_unique<Erased>(std::move(cursor), std::move(keeper));
}

}  // namespace lsmith
