#!/usr/bin/env bash
# Whether the committed outputs of Protocol/generate.sh are those of the .proto files: by checksums, without protoc.
#   check-generated.sh           says what is not, and fails
#   check-generated.sh --write   notes the checksums; generate.sh does so when it is done
set -euo pipefail
export LC_ALL=C
cd "$(dirname "$0")/.."
noted=Protocol/generated.sha256

sums() {
  find Protocol Clients/riff-grpc/Protos -name '*.proto' -print0 | sort -z | xargs -0 sha256sum
  find Sources/RiffProtocol/Generated Sources/FramedTransport/Generated Clients/riff-grpc/Generated \
    -type f -print0 | sort -z | xargs -0 sha256sum
}

if [ "${1:-}" = --write ]; then
  sums >"$noted"
  exit
fi

# Files whose line is missing on either side, or another.
stale=$(comm -3 <(sums | sort) <(sort "$noted") | awk '{print $2}' | sort -u)
[ -n "$stale" ] || exit 0
for file in $stale; do
  case $file in
    *.proto) echo "$file is not what the committed code was generated from" ;;
    *) echo "$file is not what Protocol/generate.sh wrote; it must not be edited" ;;
  esac
done >&2
echo "Run Protocol/generate.sh and commit what it writes." >&2
exit 1
