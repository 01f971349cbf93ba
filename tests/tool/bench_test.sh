#!/bin/sh
# bench_test.sh: what `labs/lab bench` promises: tables, files that hold every figure, exit codes, and nothing
# left behind.
#
#   sh tests/tool/bench_test.sh labs/lab
set -u
lab=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
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

# A small one: its tables, its figures, its page.
expect 0 'fillseq' "$lab" bench sequential --entries 2000 --repetitions 2 --engine lsmith,mapped \
  --folder "$folder/data" --json "$folder/bench.json" --html "$folder/bench.html"
for text in 'time                  lsmith     mapped' '2,000 entries' '2 repetitions' 'p99.9' 'the limit' \
  "every figure: $folder/bench.json"; do
  expect 0 "$text" printf '%s' "$output"
done
expect 0 4 grep -c '"suite": "sequential", "workload": "fillseq".*"ns_per_operation": [0-9]' "$folder/bench.json"
expect 0 '"cache-miss": ' cat "$folder/bench.json"
expect 0 '"entries": 2000, ' cat "$folder/bench.json"
expect 0 '<h3>fillseq</h3>' cat "$folder/bench.html"
expect 1 '' grep -E 'https?:|src=' "$folder/bench.html"
expect 0 '' rmdir "$folder/data"

# Beside a peer, where there is one, it is said which library that is: a file that is there.
peer=$(sed -n 's/^bench\.\(leveldb\|rocksdb\|lmdb\)$/\1/p' "$(dirname "$lab")/../build/test/targets.txt" | head -n 1)
if [ -n "$peer" ]; then
  expect 0 ' is linked from /' "$lab" bench sequential --entries 1000 --repetitions 1 --engine lsmith,$peer \
    --folder "$folder/data" --json "$folder/peer.json" --html "$folder/peer.html"
  expect 0 ' is linked from /' cat "$folder/peer.html"
  expect 0 '' test -f "$(sed -n 's/.*"library": "\([^"]*\)".*/\1/p' "$folder/peer.json")"
else
  echo 'left out: there is no peer here'
fi

# A small scaling run: the same for each sweep, and a plot.
expect 0 'fillrandom 1,000 ' "$lab" bench scaling --quick --engine lsmith,mapped --entries-max 10000 \
  --entries-min 1000 --data-bytes 2000000 --entries 2000 --folder "$folder/data" --plots "$folder/plots" \
  --json "$folder/plots"
for text in 'readseq 64 KiB ' 'ycsb-a 4 ' 'written for each byte' 'As threads grow: 2,000 entries' \
  "plots: $folder/plots/values.svg; every figure: $folder/plots/values.json"; do
  expect 0 "$text" printf '%s' "$output"
done
for sweep in entries values threads; do
  expect 0 '</svg>' tail -n 1 "$folder/plots/$sweep.svg"
  expect 1 '' grep -E 'nan|inf|href|src=' "$folder/plots/$sweep.svg"
done
expect 0 10 grep -c '"suite": "entries-10000", .*"entries": 10000, ' "$folder/plots/entries.json"
expect 0 2 grep -c '"workload": "readseq", .*"value_bytes": 65536' "$folder/plots/values.json"
expect 0 2 grep -c '"workload": "ycsb-a", .*"threads": 4' "$folder/plots/threads.json"
expect 0 '' rmdir "$folder/data"

# What fails is said, with its engine and suite, and where.
expect 1 'no folder can be made' "$lab" bench sequential --engine lsmith --folder "$folder/bench.json"
(
  ulimit -f 40000 # 20 MB, of the 100 that the worker would write
  expect 1 'lsmith, sequential: ' "$lab" bench sequential --entries 1000 --value-bytes 100000 --repetitions 1 \
    --engine lsmith --folder "$folder/data" --json "$folder/failed.json" --html "$folder/failed.html"
  exit $failures
) || failures=$((failures + 1))

# What is not understood ends with 2 and says what exists.
expect 0 'readrandom' "$lab" bench --list
expect 2 'there is no suite bogus' "$lab" bench bogus --engine lsmith
expect 2 'there is no engine "bogus"' "$lab" bench --engine bogus
expect 2 'no number from 1,000' "$lab" bench --entries 10
expect 2 'unknown option --bogus' "$lab" bench --bogus
expect 0 'usage:' "$lab" bench --help
expect 2 'scaling is the first word' "$lab" bench --engine lsmith scaling
expect 2 'there is no sweep bogus; there are entries, values, threads' "$lab" bench scaling bogus
expect 2 'there is no engine "bogus"' "$lab" bench scaling --engine bogus
expect 2 '--entries-max: "10" is no number from 1,000' "$lab" bench scaling --entries-max 10
expect 2 'no number from 1,000 to 5,000' "$lab" bench scaling --entries-max 5000 --entries-min 6000
expect 2 'unknown option --html' "$lab" bench scaling --html "$folder/bench.html"
expect 0 'usage:' "$lab" bench scaling --help

if [ $failures -gt 0 ]; then
  echo "$failures claims do not hold"
  exit 1
fi
