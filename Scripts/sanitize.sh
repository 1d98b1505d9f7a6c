#!/usr/bin/env bash
# Runs the tests that were built with a sanitizer in SCRATCH. Errors planted on purpose must be found first.
#   sanitize.sh thread SCRATCH             the jobs and the transport
#   sanitize.sh address SCRATCH [FILTER]   all tests, the programs that they start too; C is watched for
#                                          undefined behaviour as well
set -euo pipefail
kind=$1
scratch=$(realpath -m "$2")
filter=${3:-}
export RIFF_SANITIZE=$kind
run() { swift test -c release "--sanitize=$kind" --scratch-path "$scratch" --skip-build --no-parallel "$@"; }

# planted VARIABLE TEST WORDS: the test, with its error, must end in a report with these words.
planted() {
  if env "$1=1" swift test -c release "--sanitize=$kind" --scratch-path "$scratch" --skip-build \
    --no-parallel --filter "$2" >"$scratch/planted.log" 2>&1; then
    echo "the sanitizer did not find the planted error of $2: $scratch/planted.log" >&2
    exit 1
  fi
  grep -Eq "$3" "$scratch/planted.log" || {
    echo "the planted error of $2 ended otherwise: $scratch/planted.log" >&2
    exit 1
  }
  echo "the planted error of $2 was found"
}

if [ "$kind" = thread ]; then
  export TSAN_OPTIONS="suppressions=$PWD/Scripts/thread-sanitizer.supp exitcode=66 halt_on_error=0"
  planted RIFF_PLANT_RACE PlantedErrorTests.race "WARNING: ThreadSanitizer: (data|Swift access) race"
  run --filter 'CoresTests|RiffTests|FramedTransportTests'
  exit
fi

export SWIFT_BACKTRACE=enable=no
# Whoever asks for too much memory is told so, as by the C library, and not ended. Leaks are the fuzzer's,
# torture's and soak's to find: Swift keeps flags in an object's address, so that at the end of a process what
# only a String or an enum holds looks lost.
common=detect_leaks=0:allocator_may_return_null=1:max_allocation_size_mb=16384:exitcode=66
export ASAN_OPTIONS=$common UBSAN_OPTIONS=print_stacktrace=1
planted RIFF_PLANT_OVERFLOW PlantedErrorTests.overflow "ERROR: AddressSanitizer: heap-buffer-overflow"
planted RIFF_PLANT_UNDEFINED PlantedErrorTests.misaligned "runtime error: .* misaligned address"
for target in CDiffusionKernels CSpectrogramKernels CPNGCodec CJPEGCodec CSoundTouch CUnixPeer; do
  nm "$scratch/release/$target.build"/*.o | grep __ubsan_handle >/dev/null || {
    echo "$target was not built to find undefined behaviour" >&2
    exit 1
  }
done
for program in riff riffd riff-web; do
  nm -D "$scratch/release/$program" | grep -w malloc >/dev/null || {
    echo "$program keeps its sanitizer's malloc from the libraries" >&2
    exit 1
  }
done

# The programs that the tests start report, too; their words may be lost, these files are not.
reports=$scratch/reports
rm -rf "$reports"
mkdir -p "$reports"
export ASAN_OPTIONS=$common:log_path=$reports/report
status=0
run ${filter:+--filter "$filter"} || status=$?
# Allocations that were refused are told of there, too.
found=$(grep -rlE "ERROR: |runtime error: " "$reports" || true)
if [ -n "$found" ]; then
  head -n 40 $found >&2
  echo "the sanitizers' reports are in $reports" >&2
  exit 1
fi
exit "$status"
