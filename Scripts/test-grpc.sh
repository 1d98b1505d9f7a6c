#!/usr/bin/env bash
# riff-grpc as Python's grpcio sees it.
#   test-grpc.sh BIN VENV    BIN holds riffd and riff-grpc; VENV is made if it is missing
set -euo pipefail
bin=$(realpath "$1")
venv=$(realpath -m "$2")
cd "$(dirname "$0")/.."
if [ ! -x "$venv/bin/python" ]; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check \
    grpcio grpcio-tools grpcio-reflection grpcio-health-checking
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$venv/bin/python" -m grpc_tools.protoc --proto_path=Protocol --python_out="$folder" \
  --grpc_python_out="$folder" riff.proto
PYTHONPATH="$folder" "$venv/bin/python" Tests/riff-grpc/test_gateway.py \
  --daemon "$bin/riffd" --gateway "$bin/riff-grpc"
