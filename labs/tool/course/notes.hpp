// notes.hpp: what the tool remembers from one run to the next, in build/course.txt.
//
//   step 01.1 done                  the last verdict on the student's own step
//   slow 01 5f3c… done              the slow lane's verdict, on a component of that hash
//   use 04 mine                     whose component the checks of other parts run on
//   hint 03.2 2                     how many hints were shown
//
// Nothing is lost with the file but these lines: delete it to forget. Nobody's grade comes from it.
#pragma once

#include <map>
#include <string>

namespace lab {

class Notes {
 public:
  /// Reads the file; nothing is noted when there is none.
  Notes();

  /// What is noted under a kind and a name; empty for nothing.
  std::string get(const std::string& kind, const std::string& name) const;
  /// Notes it, for this run and the next; empty text takes the note away.
  void set(const std::string& kind, const std::string& name, const std::string& text);

 private:
  std::map<std::string, std::string> lines_;  // "step 01.1": "done"
};

}  // namespace lab
