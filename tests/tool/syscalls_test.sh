#!/bin/sh
# syscalls_test.sh: a second opinion on failing disks: strace lets the n-th system call of a kind fail under the real
# program on real files, for every n that there is. What was acknowledged must be there, and nothing else.
#
#   sh tests/tool/syscalls_test.sh labs/lab
#
# Where strace is not there, or may not trace, nothing is tried, and that is said.
set -u
lab=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failures=0 injected=0

if ! strace -o "$folder/trace" -e trace=none true 2>/dev/null; then
  echo 'left out: strace is not here, or may not trace'
  exit 0
fi
"$lab" db --help >/dev/null 2>&1  # builds the program, if need be
program=$(CDPATH='' cd -- "$(dirname -- "$lab")/.." && pwd -P)/build/tool/lab-engine

complain() {
  failures=$((failures + 1))
  printf 'done: %s\nexpected: %s\nfound: %s\n\n' "$1" "$2" "$3"
}

# A database with tables and a log, and what it holds.
for i in 1 2 3 4 5 6 7 8 9; do
  printf 'key%s\tvalue%s\n' $i $i
done >"$folder/lines"
"$program" db load "$folder/base" --sync <"$folder/lines" || exit 1
"$program" db compact "$folder/base" >/dev/null || exit 1
"$program" db put "$folder/base" key5 again --sync || exit 1
before=$("$program" db scan "$folder/base")

# try_call CALL ERROR COMMAND…: for each n, a copy of the database, on which the command's n-th CALL fails.
try_call() {
  call=$1 error=$2
  shift 2
  n=0
  while n=$((n + 1)) && [ $n -le 60 ]; do
    rm -rf "$folder/db"
    cp -r "$folder/base" "$folder/db"
    strace -f -o "$folder/trace" -e trace="$call" -e inject="$call:error=$error:when=$n" \
      "$program" db "$@" >"$folder/output" 2>&1
    code=$?
    if ! grep -q INJECTED "$folder/trace"; then break; fi
    injected=$((injected + 1))
    found=$("$program" db scan "$folder/db" 2>&1)
    where="$call number $n fails with $error under: db $*, exit code $code"
    # 127: the loader failed, and nothing of ours ran. Without memory a program ends as it can.
    if [ $code -gt 2 ] && [ $code -ne 127 ] && [ "$call" != mmap ]; then
      complain "$where" 'exit code 0 to 2' "$(cat "$folder/output")"
    fi
    case $found in
      "$after") ;;
      "$before") if [ $code -eq 0 ]; then complain "$where" "$after" "$found"; fi ;;
      *) complain "$where" "$before, or $after" "$found" ;;
    esac
    if ! "$program" db check "$folder/db" >"$folder/output" 2>&1; then
      complain "$where; check" 'nothing' "$(cat "$folder/output")"
    fi
  done
}

calls='pwrite64 write fdatasync fsync rename unlink ftruncate fallocate close read pread64 getdents64 mmap'
after=$(printf '%s\nnew\tvalue' "$before")
for call in $calls; do
  try_call "$call" EIO put "$folder/db" new value --sync
done
for call in pwrite64 fallocate; do
  try_call "$call" ENOSPC put "$folder/db" new value --sync
done
after=$before
for call in $calls; do
  try_call "$call" EIO compact "$folder/db"
done

echo "$injected system calls failed"
if [ $injected -lt 50 ]; then complain 'count them' 'at least 50' $injected; fi
[ $failures -eq 0 ]
