#!/bin/sh
# db_test.sh: what `labs/lab db` promises: answers, exit codes, and that only put and load create anything.
#
#   sh tests/tool/db_test.sh labs/lab
set -u
lab=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
db=$folder/db
failures=0

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

# expect_lines LINES CODE TEXT COMMAND…: the same, with those lines as its standard input.
expect_lines() {
  printf "$1" >"$folder/lines"
  shift
  expect_code=$1 expect_text=$2
  shift 2
  expect "$expect_code" "$expect_text" sh -c 'in=$1; shift; exec "$@" <"$in"' sh "$folder/lines" "$@"
}

# Nothing but put and load creates a database.
for command in "get $db a" "del $db a" "scan $db" "check $db" "stats $db" "compact $db"; do
  expect 1 "$db" "$lab" db $command
  if [ -e "$db" ]; then echo "db $command created something"; failures=$((failures + 1)); rm -rf "$db"; fi
done

# Bytes go in and come out.
expect 0 '' "$lab" db put "$db" 'a\x00\xff' 'v\n\\'
expect 0 'v\n\\' "$lab" db get "$db" 'a\x00\xff'
expect 0 'a\x00\xff	v\n\\' "$lab" db scan "$db"
expect 1 'there is no key' "$lab" db get "$db" absent
expect 0 '' "$lab" db put "$db" empty ''
expect 0 'empty	' "$lab" db scan "$db" --prefix emp
expect 0 '' "$lab" db put "$db" -- --key --value
expect 0 --value "$lab" db get "$db" -- --key

# Lines that are malformed are named; the rest is kept when that was asked for.
expect_lines 'k1\tv1\nno tab\nk2\tv2\n' 1 'line 2: there is no tab' "$lab" db load "$db"
expect 0 v1 "$lab" db get "$db" k1
expect 1 'no key' "$lab" db get "$db" k2
expect_lines 'k1\tv1\nno tab\n{"key":"j","value":7}\nk2\tv2\n' 1 'loaded 2 entries, refused 2 lines' \
  "$lab" db load "$db" --keep-going
expect 0 v2 "$lab" db get "$db" k2
expect_lines '{"key": "\\u00e9", "value": "x\\ty"}\n' 0 'loaded 1 entry' "$lab" db load "$db"
expect 0 'x\ty' "$lab" db get "$db" 'é'
long=$(printf '%070000d' 0)
expect_lines "$long\tv\nk3\tv3\n" 1 'line 1: a key of 70000 bytes exceeds the limit of 65535' \
  "$lab" db load "$db" --keep-going
expect 0 v3 "$lab" db get "$db" k3

# Ranges.
expect 0 'k3
k2' "$lab" db scan "$db" --from k2 --to l --reverse --keys
expect 0 '' "$lab" db del "$db" k1 k2
expect 1 'no key' "$lab" db get "$db" k1
expect 0 'level' "$lab" db compact "$db"
expect 0 'read amplification' "$lab" db stats "$db"
expect 0 'all is well' "$lab" db check "$db"

# Every kind of file can be dumped; what is no file of a database is refused.
for file in "$db"/CURRENT "$db"/MANIFEST-* "$db"/*.wal "$db"/*.sst; do
  if [ -e "$file" ]; then expect 0 "$(basename "$file")" "$lab" db dump "$file"; fi
done
expect 1 'no file of a database' "$lab" db dump "$folder/lines"

# A damaged table is named, with the offset, and stays as it is.
for table in "$db"/*.sst; do
  [ -e "$table" ] || continue
  cp "$table" "$folder/copy"
  printf 'X' | dd of="$table" bs=1 seek=10 conv=notrunc 2>/dev/null
  cp "$table" "$folder/damaged"
  expect 1 "$(basename "$table")" "$lab" db check "$db"
  cmp -s "$table" "$folder/damaged" || { echo "check changed $table"; failures=$((failures + 1)); }
  cp "$folder/copy" "$table"
done
expect 0 'all is well' "$lab" db check "$db"

# What is not understood ends with 2 and says what exists.
expect 2 usage: "$lab" db bogus
expect 2 'unknown option --bogus' "$lab" db scan "$db" --bogus
expect 2 'needs a number' "$lab" db scan "$db" --limit many
expect 2 'begins no escape' "$lab" db get "$db" 'a\q'
expect 2 'these exist' "$lab" bogus
expect 2 'these exist' "$lab" check 99
expect 0 'labs/lab check' "$lab" help

if [ $failures -gt 0 ]; then
  echo "$failures claims do not hold"
  exit 1
fi
