#!/bin/sh
# Starts the daemon, asks it over its Unix socket for music, and says how to play what came.
# demo.sh FOLDER-OF-PROGRAMS PROMPT FILE.opus
set -eu
programs=$1 prompt=$2 file=$3

folder=$(mktemp -d) # 0700, as the daemon wants it
socket=$folder/riffd.sock
"$programs/riffd" --socket "$socket" 2>"$folder/log" &
daemon=$!
trap 'kill $daemon 2>/dev/null; wait $daemon 2>/dev/null; rm -rf "$folder"' EXIT

waited=0
while [ ! -S "$socket" ]; do
  kill -0 $daemon 2>/dev/null && [ $waited -lt 200 ] || { cat "$folder/log" >&2; exit 1; }
  sleep 0.1
  waited=$((waited + 1))
done

mkdir -p "$(dirname "$file")"
echo
echo "riff generate \"$prompt\""
"$programs/riff" --socket "$socket" generate "$prompt" -o "$file" -o "${file%.opus}.png" --seed 7
echo
echo "Wrote $file ($(wc -c <"$file") bytes) and its spectrogram ${file%.opus}.png."
echo "Play it:      mpv $file        (or: ffplay -nodisp $file)"
echo "Another one:  $programs/riff generate \"church bells\" | mpv -"
