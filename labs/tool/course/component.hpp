// component.hpp: a chapter's component compiled apart from its tests (see halves.hpp).
//
// In the folder of the chapter's view stand objects of bodies, and a file that names them, newest
// first, before the text that they make up together. When only bodies change, one more object holds
// those that did.
#pragma once

#include "grading.hpp"

#include <string>
#include <vector>

namespace lab {

/// Fills in chapter.declared and chapter.bodies; leaves the second empty when the component's
/// bodies do not compile.
void make_component(Chapter& chapter);
/// Links sources, which are compiled against the declarations where they are not yet, with the
/// bodies. False when that is not possible: the component as it stands has to tell why.
bool link_component(const Chapter& chapter, const std::vector<std::string>& sources,
                    const std::string& executable);

/// The words that compile with a chapter's headers, those in `folder` first; `is_ahead` takes what
/// was made ahead of them.
std::vector<std::string> words_with(const Chapter& chapter, const std::string& folder,
                                    bool is_ahead);
/// Where a chapter's executables are.
std::string folder_of(const Chapter& chapter);

}  // namespace lab
