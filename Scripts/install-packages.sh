#!/bin/sh
# Installs those of the named Debian packages that are missing; without any, says and does nothing.
set -eu

if ! command -v dpkg-query >/dev/null; then
  echo "Not a Debian system: install the equivalents of these packages yourself: $*" >&2
  exit 0
fi
missing=
for package in "$@"; do
  dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed ||
    missing="$missing $package"
done
[ -n "$missing" ] || exit 0

echo "Installing:$missing"
as_root=
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || { echo "As root: apt-get install$missing" >&2; exit 1; }
  as_root=sudo
fi
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -q
# shellcheck disable=SC2086 # one word a package
$as_root apt-get install -y -q --no-install-recommends $missing
