// compiling.hpp: one call of the compiler, whose result is whole or not there.
#pragma once

#include <mutex>
#include <string>
#include <vector>

namespace lab {

/// The words of both.
std::vector<std::string> joined(std::vector<std::string> words, std::vector<std::string> more);
/// A name for what is made with these words and no others.
std::string hash_name(const std::vector<std::string>& words);
/// Whether the compiler that was found is clang. It is asked once.
bool is_clang();
/// What the name of a precompiled header ends with, behind the header's.
std::string precompiled_suffix();
/// Whether `path` was changed after `than`, or either is not there.
bool is_newer(const std::string& path, const std::string& than);
/// Whether `made` is there and nothing in `folder` was changed after it.
bool is_newer_than_all(const std::string& made, const std::string& folder);
/// A lock for what several threads may want to make; others have other names.
std::mutex& mutex_of(const std::string& name);
/// Compiles into `result`. It appears under its name only when it is whole; false, with the
/// compiler's words, when it does not compile.
bool compile_once(const std::vector<std::string>& words, const std::string& result,
                  std::string& errors);

}  // namespace lab
