#!/usr/bin/env bash
# Holds riffd and both clients against Protocol/framing.md.
#   conform.sh BIN OUT     BIN holds riffd and riff; JUnit files go to OUT
set -euo pipefail
bin=$(realpath "$1")
out=$(realpath -m "$2")
cd "$(dirname "$0")/.."
mkdir -p "$out"
folder=$(mktemp -d)
daemon=
trap '[ -z "$daemon" ] || kill "$daemon" 2>/dev/null || true; rm -rf "$folder"' EXIT
conform=Protocol/conformance/riff-conform

"$conform" vectors --junit "$out/conform-vectors.xml"

"$bin/riffd" --socket "$folder/riffd.sock" >"$folder/log" 2>&1 &
daemon=$!
for _ in $(seq 100); do
  [ -S "$folder/riffd.sock" ] && "$bin/riff" status --socket "$folder/riffd.sock" >/dev/null 2>&1 && break
  sleep 0.1
done
status=0
"$conform" server "$folder/riffd.sock" --terminate "$daemon" \
  --known Protocol/conformance/known-server.txt --junit "$out/conform-server.xml" || status=1

# An upload of 1.7 MB for the client.
python3 -c "
import struct, sys
samples = struct.pack('<882000h', *((at * 97 % 8000) - 4000 for at in range(882000)))
sys.stdout.buffer.write(b'RIFF' + struct.pack('<I', 36 + len(samples)) + b'WAVEfmt '
  + struct.pack('<IHHIIHH', 16, 1, 1, 44100, 88200, 2, 16) + b'data'
  + struct.pack('<I', len(samples)) + samples)" >"$folder/clip.wav"
echo "riff:"
"$conform" client --known Protocol/conformance/known-riff.txt --junit "$out/conform-riff.xml" \
  --unary "$bin/riff status" --stream "$bin/riff generate bells -o bells.opus" \
  --upload "$bin/riff spectrogram $folder/clip.wav -o clip.png" || status=1
echo "riff.py:"
python="$PWD/Clients/python/riff.py"
"$conform" client --junit "$out/conform-riff.py.xml" \
  --unary "$python status" --stream "$python generate bells bells.opus" || status=1
exit $status
