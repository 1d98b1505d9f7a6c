#!/bin/sh
# Tests riff.ray on a cluster of its own, on this machine. test-ray.sh FOLDER-OF-PROGRAMS VENV
set -eu
programs=$(realpath "$1") venv=$2

if [ ! -x "$venv/bin/python" ]; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check "ray[data]>=2.40"
fi
PYTHONPATH="$PWD/Clients/python/src" PYTHONDONTWRITEBYTECODE=1 RIFFD="$programs/riffd" \
  exec "$venv/bin/python" -m unittest discover -v -s Clients/python/tests/ray
