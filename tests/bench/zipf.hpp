// zipf.hpp: numbers of which a few are chosen often: YCSB's zipfian distribution, after Gray and
// others, "Quickly generating billion-record synthetic databases" (1994).
#pragma once

#include "entries.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace bench {

class Zipf {
 public:
  explicit Zipf(std::uint64_t count) : count_(count), shuffle_(count) {
    zeta_ = zeta(count);
    eta_ = (1 - std::pow(2.0 / static_cast<double>(count), 1 - theta)) / (1 - zeta(2) / zeta_);
  }

  /// 0 is chosen most often. From 64 random bits.
  std::uint64_t rank(std::uint64_t random) const {
    const double u = static_cast<double>(random >> 11) * 0x1p-53;
    const double sum = u * zeta_;
    if (sum < 1) return 0;
    if (sum < 1 + std::pow(0.5, theta)) return 1;
    const double place = std::pow(eta_ * u - eta_ + 1, 1 / (1 - theta));
    return std::min(count_ - 1, static_cast<std::uint64_t>(static_cast<double>(count_) * place));
  }
  /// Where that one stands: the frequent ones are not neighbours.
  std::uint64_t scattered(std::uint64_t rank) const { return shuffle_(rank); }

 private:
  static constexpr double theta = 0.99;

  static double zeta(std::uint64_t count) {
    double sum = 0;
    for (std::uint64_t i = 1; i <= count; ++i)
      sum += 1 / std::pow(static_cast<double>(i), theta);
    return sum;
  }

  std::uint64_t count_;
  double zeta_ = 0, eta_ = 0;
  Shuffle shuffle_;
};

}  // namespace bench
