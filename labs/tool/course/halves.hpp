// halves.hpp: a header in two halves: what it declares, and the bodies of its functions.
//
// A student changes bodies most of the time, and no test sees a body. So tests are compiled against
// the declarations alone and kept for as long as these stay the same; of the bodies those are
// compiled that have changed, once for all of a chapter's steps.
//
//   the header                           declared                bodies
//   class Wal { … };                     class Wal { … };        class Wal { … };
//   inline bool Wal::append(…) { … }                             weak bool Wal::append(…) { … }
//   inline int size_of(…) { … }          int size_of(…);         weak int size_of(…) { … }
//
// What is no plain function at the outer level (a template, what is constexpr or static, a class)
// is in both. A helper that only bodies mention is not declared: adding one changes nothing for the
// tests. Functions are weak so that one compiled later, linked earlier, takes the place of the same
// one compiled before.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace lab {

struct Halves {
  std::string declared;  ///< line for line, without comments
  std::string bodies;    ///< line for line
};

/// Takes a header's text apart. Others may name what `contract`, a text too, names. What is not
/// understood stays in both halves, where it may be defined twice: then they do not link.
Halves take_apart(const std::string& text, const std::string& contract);
/// Declarations as they are whatever the bodies and comments between them.
std::string without_blank_lines(const std::string& text);

/// Whether each object that is compiled of the text has something for itself, a static variable or
/// an unnamed namespace: what one stores there no other sees, so it can not be taken apart.
bool has_own_state(const std::string& text);

/// What to compile where all of an earlier text is compiled.
struct Change {
  std::string bodies;       ///< with declarations for the functions that are as they were
  std::size_t changed = 0;  ///< functions that are not
};
/// Nothing when more than the bodies of functions has changed.
std::optional<Change> change_since(const std::string& before, const std::string& text);

/// A header-only text as a header and a source that includes it as `name`: for who would rather
/// compile the bodies once. Both keep the comments that belong to what they hold.
struct Split {
  std::string header;
  std::string source;
};
Split split(const std::string& text, const std::string& name);

}  // namespace lab
