#!/bin/bash
# Installs, uses, upgrades and removes the Debian package on a bare Debian 12 in a folder of its own. As root.
# test-deb.sh PACKAGE.deb
set -euo pipefail
package=$(realpath "$1")
[ "$(id -u)" = 0 ] || { echo "test-deb needs root, for the new system's root folder" >&2; exit 1; }
# A mount namespace of its own, so that /proc in the new root goes away with this script.
[ -n "${RIFFD_TEST_DEB:-}" ] || RIFFD_TEST_DEB=1 exec unshare --mount --propagation private "$0" "$package"
work=$(mktemp -d)
root=$work/root
jobs=()
cleanup() {
  for job in "${jobs[@]}"; do kill "$job" 2>/dev/null || true; done
  for pid in $(ls /proc | grep -E '^[0-9]+$'); do
    # Only what runs from the folder that this script made.
    [ "$(readlink "/proc/$pid/root" 2>/dev/null)" = "$root" ] && kill -9 "$pid" 2>/dev/null || true
  done
  umount "$root/proc" 2>/dev/null || true
  rm -rf --one-file-system "$work"
}
trap cleanup EXIT
passed=0
ok() { passed=$((passed + 1)); echo "ok: $*"; }
fail() { echo "FAILED: $*" >&2; exit 1; }

echo "bootstrapping a bare Debian 12"
depends=$(dpkg-deb -f "$package" Depends | sed 's/([^)]*)//g; s/ //g')
mmdebstrap --quiet --variant=minbase --include="$depends" bookworm "$root" >"$work/log" 2>&1 || {
  cat "$work/log" >&2
  exit 1
}
inside() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "$@"; }
(cd "$root" && find . -xdev \( -path ./proc -o -path ./sys -o -path ./dev -o -path ./var/lib/dpkg -o -path ./var/log \
  -o -path ./var/cache \) -prune -o -print | sort) >"$work/before"

mount -t proc proc "$root/proc"
cp "$package" "$root/riffd.deb"
begin=$(date +%s%N)
inside dpkg -i /riffd.deb >"$work/log" 2>&1 || { cat "$work/log"; fail "dpkg -i"; }
inside riff generate "church bells" --seed 7 -o /tmp/bells.opus 2>"$work/log" || { cat "$work/log"; fail "first sound"; }
[ "$(head -c 4 "$root/tmp/bells.opus")" = OggS ] || fail "the sound is not Ogg"
ok "from the package to sound in $((($(date +%s%N) - begin) / 1000000)) ms"

inside riff models | grep -q riff-mini || fail "riff models does not list riff-mini"
ok "the bundled model is found"
for page in riff riff-generate riffd riff-web; do
  [ -f "$root/usr/share/man/man1/$page.1.gz" ] || fail "no manual page $page"
done
[[ "$(zcat "$root/usr/share/man/man1/riff-generate.1.gz" | grep -A 1 '^\.Bd -literal')" == *"riff generate"* ]] \
  || fail "the manual's examples are filled into a paragraph"
[[ "$(zcat "$root/usr/share/man/man1/riff-generate.1.gz")" == *'\[lq]riff models\[rq]'* ]] \
  || fail "the manual has lost its quotation marks"
bash -n "$root/usr/share/bash-completion/completions/riff" || fail "the completion is not bash"
ok "manual pages and completions are there"
for unit in riffd.socket riffd.service; do
  [ -f "$root/usr/lib/systemd/user/$unit" ] || fail "no unit $unit"
done
ok "systemd's units are there"

# The same package as a later version, while a job runs.
later=$work/later
dpkg-deb -R "$package" "$later"
version=$(sed -n 's/^Version: //p' "$later/DEBIAN/control")
sed -i "s/^Version: .*/Version: $version+1/" "$later/DEBIAN/control"
dpkg-deb --root-owner-group -Znone -b "$later" "$root/later.deb" >/dev/null
inside riff generate "techno" --duration 20 --steps 100 --seed 3 -o /tmp/techno.opus 2>"$work/job" &
job=$!
jobs+=("$job")
for _ in $(seq 100); do
  inside riff status | grep -q techno && break
  kill -0 "$job" 2>/dev/null || fail "the job ended before the upgrade: $(cat "$work/job")"
  sleep 0.1
done
inside dpkg -i /later.deb >"$work/log" 2>&1 || { cat "$work/log"; fail "upgrade"; }
kill -0 "$job" 2>/dev/null || fail "the job was over before the upgrade was: make it longer"
wait "$job" || { cat "$work/job"; fail "a job that ran through an upgrade"; }
[ -s "$root/tmp/techno.opus" ] || fail "the job left no file"
ok "a job runs through an upgrade"
inside riff generate "church bells" --seed 7 -o /tmp/again.opus 2>"$work/log" || { cat "$work/log"; fail "after the upgrade"; }
grep -q "riff restart" "$work/log" || fail "riff does not say that an old daemon runs"
inside riff restart >"$work/log" 2>&1 || { cat "$work/log"; fail "restart"; }
inside riff generate "church bells" --seed 7 -o /tmp/third.opus 2>"$work/log" || { cat "$work/log"; fail "after the restart"; }
! grep -q "riff restart" "$work/log" || fail "riff speaks of an old daemon after the restart"
ok "sound after the upgrade, from the old daemon and, restarted, the new one"

inside dpkg --purge riffd >"$work/log" 2>&1 || { cat "$work/log"; fail "removal"; }
for pid in $(ls /proc | grep -E '^[0-9]+$'); do
  [ "$(readlink "/proc/$pid/root" 2>/dev/null)" = "$root" ] && kill "$pid" 2>/dev/null || true
done
rm -rf "$root/riffd.deb" "$root/later.deb" "$root"/tmp/* "$root"/tmp/.[!.]*
(cd "$root" && find . -xdev \( -path ./proc -o -path ./sys -o -path ./dev -o -path ./var/lib/dpkg -o -path ./var/log \
  -o -path ./var/cache \) -prune -o -print | sort) >"$work/after"
diff "$work/before" "$work/after" || fail "removal leaves something behind"
ok "removal leaves nothing behind"
echo "$passed passed, 0 failed"
