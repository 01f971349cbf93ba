#!/bin/sh
# course_test.sh: what the course's commands promise: a verdict of its own for every kind of component, nothing
# lost, and nothing changed outside build/ and labs/mine. It works in a copy of the course.
#
#   sh tests/tool/course_test.sh labs/lab
set -u
root=$(cd "$(dirname "$1")/.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failures=0

"$root/labs/lab" help >/dev/null || exit 1  # builds the tool, where it is not yet
mkdir -p "$folder/course/build"
for each in labs tests include solutions book build/tool; do
  mkdir -p "$folder/course/$(dirname $each)"
  cp -Rp "$root/$each" "$folder/course/$each"
done
cd "$folder/course" || exit 1
rm -rf labs/mine

# A complete chapter starts the slow lane, by `nice`. Here that only notes what it is to run, since what runs behind
# this script would outlive its folder, and take the processors from the other tests.
mkdir "$folder/programs"
printf '#!/bin/sh\necho "$*" >>"%s"\n' "$folder/started" >"$folder/programs/nice"
chmod +x "$folder/programs/nice"
PATH=$folder/programs:$PATH
mine=labs/mine/05-bloom/lsmith/bloom.hpp
solution=solutions/05-bloom/lsmith/bloom.hpp

# expect CODE TEXT COMMAND…: the command ends with that code, and its output contains the text.
expect() {
  code=$1 text=$2
  shift 2
  output=$("$@" 2>&1)
  found=$?
  case $output in
    *"$text"*) if [ $found -eq "$code" ]; then return; fi ;;
  esac
  failures=$((failures + 1))
  printf 'done: %s\nexpected: exit %s, "%s"\nfound: exit %s, "%s"\n\n' "$*" "$code" "$text" $found "$output"
}

# submit NAME OLD NEW: hands in the solution with a line changed, by sed's s command.
submit() {
  mkdir -p "$folder/in/$1/05-bloom/lsmith"
  sed "s|$2|$3|" $solution >"$folder/in/$1/05-bloom/lsmith/bloom.hpp"
}

# graded NAME TEXT…: what grade prints of that submission contains the texts.
graded() {
  name=$1
  shift
  report=$(labs/lab grade "$folder/in/$name" --only 05 --seconds 2 2>&1) || report="exit $?: $report"
  for text in "$@"; do
    case $report in
      *"$text"*) ;;
      *)
        failures=$((failures + 1))
        printf 'done: grade %s\nexpected: "%s"\nfound: "%s"\n\n' "$name" "$text" "$report"
        ;;
    esac
  done
}

# ---- A chapter from its beginning to its end ----
expect 2 'there is no chapter "99"' labs/lab start 99
expect 2 'which chapter?' labs/lab start
expect 1 'labs/lab start 05' labs/lab reset 05
expect 0 "yours: $mine" labs/lab start 05
expect 1 'stays as it is' labs/lab start 05
expect 1 'not started' labs/lab check 05
expect 1 'not all steps' labs/lab reveal 05
expect 2 'no step 05.9' labs/lab check 05.9
cp $solution $mine
expect 0 'the step is complete' labs/lab check 05.1
expect 0 'sanitizers and the engine run behind it' labs/lab check 05
expect 0 'the chapter is complete' printf '%s' "$output"
expect 0 '25 of ' labs/lab
expect 0 "$solution" labs/lab reveal 05
expect 0 'run on labs/mine' labs/lab use mine 05
expect 2 'there is no view' labs/lab use theirs 05
expect 0 'one header' labs/lab assemble -o "$folder/one.hpp"
expect 0 'bodies: ' labs/lab assemble --library --split -o "$folder/split/lsmith.hpp"
(
  cd "$folder/split" || exit 1
  printf '#include "lsmith.hpp"\nint two() { return 2; }\n' >two.cpp
  printf '%s\n' '#include "lsmith.hpp"' 'int two();' 'int main() {' \
    '  auto db = lsmith::Db::open("db");' '  if (!db.ok() || !db->put("k", "v").ok()) return 1;' \
    '  auto value = db->get("k");' '  return value.ok() && *value && **value == "v" && two() == 2 ? 0 : 1;' '}' >one.cpp
  ${CXX:-c++} -std=c++20 -Wall -Wextra -Wpedantic -Werror -pthread one.cpp two.cpp lsmith.cpp -o one
) && (cd "$folder/split" && ./one) || {
  failures=$((failures + 1))
  echo 'found: the engine in two files does not compile or does not work'
}
sed 's|bool may_contain(std::uint64_t hash) const;|bool may_contain(std::uint64_t) const;|' $solution >$mine
expect 0 'the contract is not the lab' labs/lab check 05.1
expect 0 'kept:  labs/mine/kept/05-bloom-1' labs/lab reset 05
expect 0 '0 of ' labs/lab
if ! grep -q ' check 05 --slow$' "$folder/started"; then
  failures=$((failures + 1))
  echo 'found: a complete chapter did not start the slow lane'
fi
if ! grep -q 'std::uint64_t) const;' labs/mine/kept/05-bloom-1/lsmith/bloom.hpp; then
  failures=$((failures + 1))
  echo 'found: reset did not keep the component'
fi

# ---- What is compiled apart is the component that is there ----
# edited WHAT VERDICT OLD NEW: a check of the component with that line changed ends with that verdict.
edited() {
  sed "s|$3|$4|" $solution >$mine
  if cmp -s $solution $mine; then
    failures=$((failures + 1))
    echo "found: \"$3\" is not in $solution"
  fi
  expect "$2" 'steps' labs/lab check 05
  if [ $failures -gt 0 ]; then echo "  ($1)"; fi
}
asks='inline bool BloomFilter::may_contain(std::uint64_t hash) const {'
touch "$folder/compiled"
edited 'a body' 1 "$asks" "$asks if (hash > 0) return false;"
edited 'the body as it was' 0 "$asks" "$asks // as before"
edited 'a helper in a body' 1 "$asks" "inline bool says_no() { return true; } $asks if (says_no()) return false;"
edited 'the helper'"'"'s body' 0 "$asks" "inline bool says_no() { return false; } $asks if (says_no()) return false;"
if [ -n "$(find build/check -name '*_test.o' -newer "$folder/compiled")" ]; then
  failures=$((failures + 1))
  echo 'found: tests were compiled anew although only bodies have changed'
fi
edited 'a template' 1 "$asks" "template <class T> T no(T) { return false; } $asks if (!no(true)) return no(true);"
edited 'the template'"'"'s body' 0 "$asks" "template <class T> T no(T) { return true; } $asks if (!no(true)) return no(true);"
edited 'a macro' 1 "$asks" "#define NO false\n$asks if (!NO) return NO;"
edited 'the macro' 0 "$asks" "#define NO true\n$asks if (!NO) return NO;"
echo '#define NO false' >$(dirname $mine)/own.hpp
edited 'a file of its own' 1 "$asks" "#include <lsmith/own.hpp>\n$asks if (!NO) return NO;"
echo '#define NO true' >$(dirname $mine)/own.hpp
expect 0 'the chapter is complete' labs/lab check 05
rm $(dirname $mine)/own.hpp

# ---- Other random cases ----
sed "s|$asks|$asks if (std::atoi(std::getenv(\"LSMITH_SEED_SHIFT\")) == 7) return false;|" $solution |
  sed 's|#pragma once|#pragma once\n#include <cstdlib>|' >$mine
expect 0 'the chapter is complete' labs/lab check 05
expect 1 'next: step 05.2' labs/lab check 05 --seed 7
expect 2 'whole number' labs/lab check 05 --seed seven
expect 1 'next: step 05.2' labs/lab replay 7 05
expect 2 'whole number' labs/lab replay seven 05
expect 2 'no chapter' labs/lab replay 7 99
expect 2 'a seed is wanted' labs/lab replay

# ---- What may be handed in ----
submit good '$' ''
submit syntax "$asks" "$asks nonsense;"
submit hangs "$asks" "$asks for (volatile int i = 0;;) i = i + 1;"
submit eats "$asks" "$asks std::vector<std::string> all; for (;;) all.emplace_back(std::size_t{1} << 30, 'x');"
submit crashes "$asks" "$asks *static_cast<volatile int*>(nullptr) = 1;"
submit exits '#pragma once' '#pragma once\n#include <cstdlib>'
submit exits "$asks" "$asks std::exit(0);"
submit prints "$asks" "$asks std::fputs(std::string(1 << 20, 'x').c_str(), stdout);"
mkdir -p "$folder/in/empty/05-bloom/lsmith" "$folder/in/missing"
: >"$folder/in/empty/05-bloom/lsmith/bloom.hpp"
submit next '#pragma once' '#pragma once\n#include_next <lsmith/bloom.hpp>'
submit itself '#pragma once' '#pragma once\n#  /* */ include <lsmith/bloom.hpp>'
submit others '#pragma once' '#pragma once\n%:include <../solutions/05-bloom/lsmith/bloom.hpp>'
submit odd '#pragma once' '#pragma once\n();'
submit again '#pragma once' '#pragma once\n#include <cstdio>\n#include <cstdlib>\nstatic const int again = (std::puts("case: again\\nverdict: done"), std::exit(0), 0);'
submit meddles '#pragma once' '#pragma once\n#include <fstream>\nstatic const bool meddled = (std::ofstream("tests/bloom/2_query_test.cpp", std::ios::app) << " ", true);'
mkdir -p "$folder/in/link/05-bloom/lsmith"
ln -s "$PWD/$solution" "$folder/in/link/05-bloom/lsmith/bloom.hpp"
touch "$folder/before"
graded good '25 of 25 points'
graded syntax '0 of 25 points' 'does not compile' 'nonsense'
graded hangs '10 of 25 points' 'hangs' 'it had not ended after'
graded eats '10 of 25 points' '✗'
graded crashes '10 of 25 points' 'segmentation fault'
graded exits '10 of 25 points' 'the program ended in the middle of it, with exit code 0'
graded prints '10 of 25 points' '✗'
graded empty '0 of 25 points' 'does not compile'
graded missing '0 of 25 points' 'there is no bloom.hpp'
graded next '0 of 25 points' '#include_next is not for components'
graded itself '0 of 25 points' 'the component that it replaces'
graded others '0 of 25 points' 'by its path'
graded link '0 of 25 points' 'is a link'
graded odd '0 of 25 points' 'does not compile'
graded again '0 of 25 points' 'another case'
expect 2 'there is no nowhere' labs/lab grade nowhere
expect 0 '25 of 25' labs/lab grade "$folder/in/good" --junit "$folder/junit.xml" --gradescope "$folder/results.json"
grep -q '<testcase name="a key that was added is never denied"/>' "$folder/junit.xml" &&
  grep -q '"score": 25,' "$folder/results.json" || {
  failures=$((failures + 1))
  echo 'found: the reports of grade lack what they must say'
}
changed=$(find . -path ./build -prune -o -type f -newer "$folder/before" -print)
if [ -n "$changed" ]; then
  failures=$((failures + 1))
  printf 'found: grading changed %s\n' "$changed"
fi

expect 1 'changed tests/bloom/2_query_test.cpp' labs/lab grade "$folder/in/meddles" --only 05
cp "$root/tests/bloom/2_query_test.cpp" tests/bloom/

# Handed out without the solutions, the labs keep their chapters, their checks and their marks.
mkdir -p "$(dirname $mine)"
cp $solution $mine
rm -rf solutions tests/alternatives tests/mutants
expect 0 '11  transactions' labs/lab
expect 0 '25 of 25 points' labs/lab check 05
expect 1 'handed out without their solutions' labs/lab reveal 05
expect 1 'there is no solutions/05-bloom' labs/lab use solutions 05

[ $failures -eq 0 ] && echo 'all held'
exit $((failures > 0))
