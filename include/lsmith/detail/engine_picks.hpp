// engine_picks.hpp: which merge the engine runs next of its own accord. Belongs to engine.hpp,
// which has the invariants.
//
//   level 0   [..][..][..][..]    four tables are due, but small beside what they meet:
//   level 6   [........][........][........]     up to eight gather, and it is rewritten for eight
//
// How many tables of level 0 are one too many depends on whom one asks. Writers want many to
// gather, readers none. So it is merged when it is worth it for writers, or when readers have lost
// as much by it as its merge costs (read_debt.hpp).
#pragma once

#include <lsmith/engine.hpp>

namespace lsmith {

// Whether a merge of level 0 rewrites more than it brings, and there is time. Then as many tables
// again may gather, though not so many that writers are slowed.
inline bool Engine::may_wait(const CompactionPlan& plan) const {
  int count = 0;
  std::uint64_t brought_bytes = 0, rewritten_bytes = 0;
  for (const auto& [level, table] : plan.inputs) {
    if (level == 0) ++count;
    (level == 0 ? brought_bytes : rewritten_bytes) += table->file_bytes;
  }
  const int least = options_.level0_compact_count, slow = options_.level0_slow_count;
  const int most = least + std::min(least, (slow - least) / 2);
  return count > 0 && count < most && brought_bytes < rewritten_bytes;
}

// What is too large goes before what readers ask for: the version that it leaves begins with no
// debt.
inline std::optional<CompactionPlan> Engine::pick(const Version& version,
                                                  bool is_for_readers) const {
  if (options_.compaction == CompactionStyle::tiered) return pick_tiered(version, options_);
  Options options = options_;
  std::optional<CompactionPlan> plan = pick_leveled(version, options);
  if (plan && may_wait(*plan)) {
    options.level0_compact_count = static_cast<int>(version.level(0).size()) + 1;
    plan = pick_leveled(version, options);  // what else is due
  }
  if (plan || !is_for_readers) return plan;
  options.level0_compact_count = 1;
  plan = pick_leveled(version, options);
  if (plan) plan->reason = "reads look into many tables";
  return plan;
}

// None where many runs are what was asked for.
inline std::shared_ptr<ReadDebt> Engine::new_debt(const Version& version) const {
  if (options_.compaction != CompactionStyle::leveled) return nullptr;
  return std::make_shared<ReadDebt>(version);
}

// Nothing changes that a reader sees, so a read that is const may ask for it.
inline void Engine::merge_for_readers() const {
  auto& engine = const_cast<Engine&>(*this);
  MutexLock lock(engine.mutex_);
  if (!engine.health_.ok()) return;
  engine.is_merge_wanted_ = true;
  engine.schedule_compaction();
}

}  // namespace lsmith
