#!/bin/sh
# Tests riff-web: requests made by hand, and the page in a real Chromium.
# test-web.sh FOLDER-OF-PROGRAMS [TEST…]
set -eu
RIFF_PROGRAMS=$(realpath "$1")
export RIFF_PROGRAMS
shift
[ $# -gt 0 ] || set -- test_door test_page
PYTHONPATH=Tests/web PYTHONDONTWRITEBYTECODE=1 exec python3 -W error -m unittest -v "$@"
