#!/bin/sh
# Puts a staged tree below a prefix and keeps the list of its files there, or takes what the list says away.
# install.sh TREE FOLDER PREFIX      install.sh --uninstall FOLDER
# FOLDER is where PREFIX is now, below a DESTDIR or not.
set -eu

# Removes the files that the last installation listed, and riffd's own folders, once empty.
remove_listed() {
  [ -f "$1/$list" ] || return 0
  while IFS= read -r file; do rm -f "$1/$file"; done <"$1/$list"
  for folder in share/riffd share/doc/riffd; do
    [ ! -d "$1/$folder" ] || find "$1/$folder" -depth -type d -empty -delete
  done
}

list=share/riffd/installed-files
if [ "$1" = --uninstall ]; then
  [ -f "$2/$list" ] || { echo "riffd is not installed in $2 (there is no $2/$list)" >&2; exit 1; }
  remove_listed "$2"
  echo "Removed riffd from $2."
  exit 0
fi

tree=$1 prefix=$2 final=$3
install -d "$prefix"
remove_listed "$prefix"
(cd "$tree" && find . -type f | sed 's,^\./,,' | sort) >"$tree.list"
echo "$list" >>"$tree.list"
# Each file is complete before it has its name: a running program keeps the one it began with.
(cd "$tree" && find . -type d) | while IFS= read -r folder; do install -d "$prefix/$folder"; done
while IFS= read -r file; do
  [ "$file" = "$list" ] && continue
  case $file in
    *.service) sed "s,/usr/bin/,$final/bin/," "$tree/$file" >"$prefix/$file.new.$$" ;;
    *) cp -p "$tree/$file" "$prefix/$file.new.$$" ;;
  esac
  mv -f "$prefix/$file.new.$$" "$prefix/$file"
done <"$tree.list"
mv "$tree.list" "$prefix/$list"
chmod 644 "$prefix/$list"
