#!/usr/bin/env bash
# sanitize.sh SCRATCH: runs the tests of jobs and transport, built with the thread sanitizer in SCRATCH, and
# a race planted on purpose, which must be found.
set -euo pipefail
scratch=$1
export RIFF_SANITIZE=thread
export TSAN_OPTIONS="suppressions=$PWD/Scripts/thread-sanitizer.supp exitcode=66 halt_on_error=0"
run() { swift test -c release --sanitize=thread --scratch-path "$scratch" --skip-build --no-parallel "$@"; }

if RIFF_PLANT_RACE=1 run --filter RaceTests >"$scratch/planted.log" 2>&1; then
  echo "the sanitizer did not find the planted race: $scratch/planted.log" >&2
  exit 1
fi
grep -Eq "WARNING: ThreadSanitizer: (data|Swift access) race" "$scratch/planted.log" || {
  echo "the planted race ended otherwise: $scratch/planted.log" >&2
  exit 1
}
echo "the planted race was found"
run --filter 'CoresTests|RiffTests|FramedTransportTests'
