#!/usr/bin/env bash
# Runs each target of the fuzzer for so many seconds, or for $FUZZ_INPUTS inputs if those are fewer, from the corpus
# that is kept.
#   fuzz.sh PROGRAM OUT SECONDS [TARGET...]
# What is found stays in OUT/found; new inputs in OUT/corpus, which the next run begins with, too.
set -euo pipefail
program=$(realpath "$1")
out=$(realpath -m "$2")
seconds=$3
shift 3
cd "$(dirname "$0")/.."
export SWIFT_BACKTRACE=enable=no
# Leaks are looked for at the end of a run.
export ASAN_OPTIONS=${ASAN_OPTIONS:-allocator_may_return_null=1:detect_stack_use_after_return=0}
export LSAN_OPTIONS=${LSAN_OPTIONS:-suppressions=$PWD/Fuzz/leaks.txt:print_suppressions=0}
targets=${*:-$(ls Fuzz/corpus)}
mkdir -p "$out/found"
status=0
for target in $targets; do
  mkdir -p "$out/corpus/$target"
  dictionary=()
  [ ! -f "Fuzz/dictionaries/$target" ] || dictionary=(-dict="Fuzz/dictionaries/$target")
  # Inputs up to 64 KiB, some seconds each at most, 2 GiB of memory and no single piece above 512 MiB. Those that take
  # a second are kept.
  if "$program" "$target" "$out/corpus/$target" "Fuzz/corpus/$target" "${dictionary[@]}" \
    -max_total_time="$seconds" -runs="${FUZZ_INPUTS:--1}" -timeout="${FUZZ_TIMEOUT:-5}" \
    -report_slow_units=1 -rss_limit_mb=2048 -malloc_limit_mb=512 \
    -max_len=65536 -artifact_prefix="$out/found/$target-" -print_final_stats=1 \
    >"$out/$target.log" 2>&1 </dev/null; then
    echo "$target: $(sed -n 's/^stat::number_of_executed_units: */inputs /p' "$out/$target.log"), \
$(grep -oE 'cov: [0-9]+' "$out/$target.log" | tail -1), nothing found"
  else
    status=1
    echo "$target: FOUND something; see $out/$target.log"
    grep -E "^found:|ERROR|SUMMARY|Fatal|Test unit written" "$out/$target.log" | head -5
  fi
  # The machine may have been busy meanwhile: a hang is what takes more than a second of a core's time.
  for slow in "$out/found/$target-slow-unit-"*; do
    [ -f "$slow" ] || continue
    took=$({ TIMEFORMAT='%U %S' && time "$program" "$target" "$slow" >"$out/$target-slow.log" 2>&1; } 2>&1)
    if awk '{ exit $1 + $2 <= 1 }' <<<"$took"; then
      status=1
      echo "$target: FOUND an input that takes more than a second: $slow"
    else
      rm "$slow"
    fi
  done
done
exit $status
