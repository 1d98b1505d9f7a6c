#!/usr/bin/env bash
# Generates the Swift sources of Protocol/*.proto, which are committed. Run after changing one.
#
# Needs Debian's protobuf-compiler. The two plugins are built from the packages that Package.swift
# names (some minutes, once); PLUGINS=DIR takes ready-made ones from DIR instead.
set -euo pipefail
cd "$(dirname "$0")/.."

plugins=${PLUGINS:-.build-plugins/bin}
if [ ! -x "$plugins/protoc-gen-swift" ] || [ ! -x "$plugins/protoc-gen-grpc-swift-2" ]; then
  swift package resolve
  mkdir -p "$plugins"
  for pair in swift-protobuf:protoc-gen-swift grpc-swift-protobuf:protoc-gen-grpc-swift-2; do
    package=${pair%%:*} product=${pair##*:}
    swift build -c release --package-path ".build/checkouts/$package" \
      --scratch-path ".build-plugins/$package" --product "$product"
    cp ".build-plugins/$package/release/$product" "$plugins/"
  done
fi
PATH="$(cd "$plugins" && pwd):$PATH"

mkdir -p Sources/RiffProtocol/Generated Sources/FramedTransport/Generated
protoc --proto_path=Protocol \
  --swift_out=Sources/RiffProtocol/Generated --swift_opt=Visibility=Public \
  --swift_opt=UseAccessLevelOnImports=true \
  --grpc-swift-2_out=Sources/RiffProtocol/Generated --grpc-swift-2_opt=Visibility=Public \
  --grpc-swift-2_opt=UseAccessLevelOnImports=true \
  riff.proto
if [ -f Protocol/framing.proto ]; then
  protoc --proto_path=Protocol \
    --swift_out=Sources/FramedTransport/Generated --swift_opt=Visibility=Internal \
    --swift_opt=UseAccessLevelOnImports=true \
    framing.proto
fi

# riff-grpc: gRPC's own two services, and the descriptors of all that it serves, for reflection.
grpc=Clients/riff-grpc
mkdir -p $grpc/Generated
protoc --proto_path=$grpc/Protos \
  --swift_out=$grpc/Generated --swift_opt=Visibility=Internal --swift_opt=FileNaming=DropPath \
  --swift_opt=UseAccessLevelOnImports=true \
  grpc/health/v1/health.proto grpc/reflection/v1/reflection.proto
{
  echo "// Made by Protocol/generate.sh: a google.protobuf.FileDescriptorSet, in base64."
  echo "// swift-format-ignore-file"
  echo
  echo "let fileDescriptorSet = \"\"\""
  protoc --proto_path=$grpc/Protos --proto_path=Protocol --descriptor_set_out=/dev/stdout \
    riff.proto grpc/health/v1/health.proto grpc/reflection/v1/reflection.proto \
    grpc/reflection/v1alpha/reflection.proto | base64 -w 100 | sed '$!s/$/\\/'
  echo "\"\"\""
} >$grpc/Generated/FileDescriptorSet.swift

# For `make lint`, which has no protoc.
Protocol/check-generated.sh --write
