#!/bin/sh
# Checks and tests the Python package in a virtual environment. test-python.sh FOLDER-OF-PROGRAMS VENV
set -eu
programs=$(realpath "$1") venv=$2

[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
# A copy is built, so that no build folder appears in the tree.
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -R Clients/python/. "$copy"
"$venv/bin/pip" install --quiet --disable-pip-version-check --force-reinstall --no-deps "$copy"
"$venv/bin/pip" install --quiet --disable-pip-version-check mypy numpy ruff nbclient ipykernel "gradio>=6"

python=$(realpath -s "$venv/bin")
(cd Clients/python/src && "$python/mypy" --strict --config-file ../pyproject.toml riff)
"$python/ruff" check -q Clients/python/src Clients/python/tests Clients/python/generate_messages.py
RIFFD="$programs/riffd" "$python/python" -W error -m unittest discover -s Clients/python/tests
