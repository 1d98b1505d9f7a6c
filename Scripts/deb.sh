#!/bin/sh
# Makes a Debian package of a staged tree. deb.sh TREE PROGRAM FOLDER-FOR-THE-PACKAGE
set -eu
tree=$1 program=$2 out=$3

version=$("$program" --version)
architecture=$(dpkg --print-architecture)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/riffd
install -d "$root/usr" "$root/DEBIAN" "$root/usr/share/doc/riffd" "$root/usr/share/lintian/overrides"
cp -a "$tree/." "$root/usr/"
# Where Debian has them; below other prefixes, systemd looks in share.
install -d "$root/usr/lib"
mv "$root/usr/share/systemd" "$root/usr/lib/systemd"

install -m 644 Packaging/copyright "$root/usr/share/doc/riffd/copyright"
install -m 644 Packaging/lintian-overrides "$root/usr/share/lintian/overrides/riffd"
gzip -9nc Packaging/changelog >"$root/usr/share/doc/riffd/changelog.gz"
chmod 644 "$root/usr/share/doc/riffd/changelog.gz"
[ "$(dpkg-parsechangelog -l Packaging/changelog -S Version)" = "$version" ] || {
  echo "Packaging/changelog does not begin with version $version, the program's" >&2
  exit 1
}

# dpkg-shlibdeps wants a source package's control file to stand in the folder it is called in.
install -d "$work/debian"
printf 'Source: riffd\n\nPackage: riffd\nArchitecture: any\n' >"$work/debian/control"
depends=$(cd "$work" && dpkg-shlibdeps -O --ignore-missing-info riffd/usr/bin/riff riffd/usr/bin/riffd \
  riffd/usr/bin/riff-web 2>"$work/log") || {
  cat "$work/log" >&2
  exit 1
}
depends=${depends#shlibs:Depends=}
sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" -e "s/@DEPENDS@/$depends/" \
  -e "s/@SIZE@/$(du -sk --apparent-size "$root/usr" | cut -f1)/" Packaging/control.in >"$root/DEBIAN/control"
(cd "$root" && find usr -type f -exec md5sum {} + | sort -k2) >"$root/DEBIAN/md5sums"

mkdir -p "$out"
package=riffd_${version}_$architecture.deb
dpkg-deb --build --root-owner-group -Zxz -z1 "$root" "$work/$package" >/dev/null
mv "$work/$package" "$out/$package"
echo "$out/$package"
