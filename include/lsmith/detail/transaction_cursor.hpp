// transaction_cursor.hpp: the database and a transaction's own writes, walked in step. Belongs to
// transaction.hpp, which has the invariants.
//
//   database     a     c  e     g        forward, both sides stand at the shown key or behind it;
//   own writes      b  c  (e)      h     the nearer one is shown, and where they tie the own one,
//   shown        a  b  c        g  h     which hides the other; (e) is erased
//
// After each move a serializable cursor notes what it learned: the entry it stands on is there, and
// between that and where it came from there is nothing.
#pragma once

#include <lsmith/transaction.hpp>

namespace lsmith {

inline TransactionCursor::TransactionCursor(UserCursor base, std::shared_ptr<const Writes> own,
                                            Bounds bounds,
                                            std::shared_ptr<Transaction::Ranges> ranges,
                                            Status failure)
    : base_(std::move(base)),
      own_(std::move(own)),
      bounds_(std::move(bounds)),
      ranges_(std::move(ranges)),
      failure_(std::move(failure)) {
  own_first_ = bounds_.lower ? own_->lower_bound(*bounds_.lower) : own_->begin();
  own_end_ = bounds_.upper ? own_->lower_bound(*bounds_.upper) : own_->end();
  const bool is_empty = bounds_.lower && bounds_.upper && *bounds_.lower >= *bounds_.upper;
  if (is_empty) own_end_ = own_first_;
  own_at_ = own_first_;
}

inline TransactionCursor::TransactionCursor(TransactionCursor&&) noexcept = default;
inline TransactionCursor& TransactionCursor::operator=(TransactionCursor&&) noexcept = default;
inline TransactionCursor::~TransactionCursor() = default;

inline bool TransactionCursor::is_valid() const {
  return is_valid_;
}

inline void TransactionCursor::seek_to_first() {
  base_.seek_to_first();
  own_at_ = own_first_;
  show_forward();
  begin_range(bounds_.lower, end_seen());
}

inline void TransactionCursor::seek_to_last() {
  base_.seek_to_last();
  own_at_ = own_end_;
  show_backward();
  begin_range(start_seen(), bounds_.upper);
}

inline void TransactionCursor::seek(std::string_view key) {
  std::string from(key);
  if (bounds_.lower && from < *bounds_.lower) from = *bounds_.lower;
  base_.seek(from);
  own_at_ = bounds_.contains(from) ? own_->lower_bound(from) : own_end_;
  show_forward();
  begin_range(std::move(from), end_seen());
}

inline void TransactionCursor::seek_back(std::string_view key) {
  std::string below = just_behind(key);  // first: the key may be a view of key()
  base_.seek_back(key);
  if (bounds_.upper && below > *bounds_.upper) below = *bounds_.upper;
  const bool is_below_all = bounds_.lower && below <= *bounds_.lower;
  own_at_ = is_below_all ? own_first_ : own_->lower_bound(below);
  show_backward();
  begin_range(start_seen(), std::move(below));
}

inline void TransactionCursor::next() {
  assert(is_valid());
  if (!is_forward_) turn_forward();
  if (shown_ == nullptr) {
    base_.next();
  } else {
    if (base_.is_valid() && base_.key() == shown_->first) base_.next();
    ++own_at_;
  }
  show_forward();
  if (range_ == nullptr || !range_->upper) return;
  auto end = end_seen();
  if (!end || *end > *range_->upper) range_->upper = std::move(end);
}

inline void TransactionCursor::prev() {
  assert(is_valid());
  if (is_forward_) turn_backward();
  if (shown_ == nullptr) {
    base_.prev();
  } else {
    if (base_.is_valid() && base_.key() == shown_->first) base_.prev();
    --own_at_;
  }
  show_backward();
  if (range_ == nullptr || !range_->lower) return;
  auto start = start_seen();
  if (!start || *start < *range_->lower) range_->lower = std::move(start);
}

inline std::string_view TransactionCursor::key() const {
  assert(is_valid());
  return shown_ != nullptr ? std::string_view(shown_->first) : base_.key();
}

inline std::string_view TransactionCursor::value() const {
  assert(is_valid());
  return shown_ != nullptr ? std::string_view(*shown_->second) : base_.value();
}

inline Status TransactionCursor::status() const {
  return failure_.ok() ? base_.status() : failure_;
}

inline void TransactionCursor::show_forward() {
  is_forward_ = true;
  for (; own_at_ != own_end_; ++own_at_) {
    const int order = base_.is_valid() ? base_.key().compare(own_at_->first) : 1;
    if (order < 0) break;
    if (own_at_->second) return show(&*own_at_);
    if (order == 0) base_.next();  // the own tombstone hides it
  }
  show(nullptr);
}

inline void TransactionCursor::show_backward() {
  is_forward_ = false;
  for (; own_at_ != own_first_; --own_at_) {
    const Writes::value_type& own = *std::prev(own_at_);
    const int order = base_.is_valid() ? base_.key().compare(own.first) : -1;
    if (order > 0) break;
    if (own.second) return show(&own);
    if (order == 0) base_.prev();
  }
  show(nullptr);
}

inline void TransactionCursor::show(const Writes::value_type* own) {
  shown_ = own;
  is_valid_ = base_.is_valid();
  // Where the base failed, nobody knows what it had before the own write.
  if (!is_valid_ && own != nullptr) is_valid_ = base_.status().ok();
}

// A base whose entry is shown, and own writes that are not, stand right for both directions.
inline void TransactionCursor::turn_forward() {
  if (shown_ == nullptr) return;
  base_.seek(shown_->first);
  --own_at_;
}

inline void TransactionCursor::turn_backward() {
  if (shown_ == nullptr) return;
  base_.seek_back(shown_->first);
  ++own_at_;
}

inline std::optional<std::string> TransactionCursor::end_seen() const {
  return is_valid() ? just_behind(key()) : bounds_.upper;
}

inline std::optional<std::string> TransactionCursor::start_seen() const {
  return is_valid() ? std::string(key()) : bounds_.lower;
}

inline void TransactionCursor::begin_range(std::optional<std::string> lower,
                                           std::optional<std::string> upper) {
  if (ranges_) range_ = &ranges_->emplace_back(Bounds{std::move(lower), std::move(upper)});
}

}  // namespace lsmith
