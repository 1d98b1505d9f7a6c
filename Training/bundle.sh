#!/usr/bin/env bash
# bundle.sh DIR: gathers in DIR what a machine with PyTorch and transformers, but without a network, needs
# besides this checkout to train: two wheels and the small FluidR3 sound font. Debian only.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
target=$(realpath -m "${1:?usage: bundle.sh DIR}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
limit=$((60 * 1024 * 1024))

rm -rf "$target"
mkdir -p "$target/wheels"
cd "$work"
for python in 3.11 3.12; do
    python3 -m pip download --quiet --no-deps --only-binary=:all: --python-version "$python" \
        --platform manylinux2014_x86_64 --dest "$target/wheels" tinysoundfont==0.3.7
done
python3 -m pip download --quiet --no-deps --dest . "$(grep ^diffusers "$root/Training/requirements.txt")"
# The ready-made pipelines are most of diffusers; training takes none of them.
python3 - diffusers-*.whl "$target/wheels" <<'PYTHON'
import re, sys, zipfile
from pathlib import Path

source, target = Path(sys.argv[1]), Path(sys.argv[2])
dropped = re.compile(r"diffusers/(pipelines/[^/]+/|modular_pipelines/)")
with (
    zipfile.ZipFile(source) as before,
    zipfile.ZipFile(target / source.name, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as after,
):
    for entry in before.infolist():
        if not dropped.match(entry.filename):
            after.writestr(entry, before.read(entry), zipfile.ZIP_DEFLATED)
PYTHON
apt-get download --quiet fluidr3mono-gm-soundfont >/dev/null
dpkg-deb --fsys-tarfile fluidr3mono-gm-soundfont_*.deb | tar -x --wildcards '*/FluidR3Mono_GM.sf3' --strip-components=4
xz -6 --stdout FluidR3Mono_GM.sf3 >"$target/font.sf3.xz"

bundle=$(du -sb "$target" | cut -f1)
checkout=$(cd "$root" && git ls-files -z | xargs -0 stat --format %s | awk '{ n += $1 } END { print n }')
echo "bundle $((bundle / 1024)) KiB, checkout $((checkout / 1024)) KiB"
if ((bundle + checkout > limit)); then
    echo "together they are larger than 60 MiB" >&2
    exit 1
fi
