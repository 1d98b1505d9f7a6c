#!/bin/sh
# Lays everything that riffd consists of in a folder, as it stands below a prefix: programs, model, manual, completions.
# stage.sh FOLDER-OF-PROGRAMS FOLDER PROGRAM...
set -eu
programs=$1 tree=$2
shift 2

rm -rf "$tree"
install -d "$tree/bin" "$tree/share/riffd/models" "$tree/share/riffd/web" "$tree/share/man/man1" "$tree/share/doc/riffd" \
  "$tree/share/bash-completion/completions" "$tree/share/zsh/vendor-completions" \
  "$tree/share/fish/vendor_completions.d" "$tree/share/systemd/user"

# The manual's generator asks a program for its help, and leaves out what is not ASCII. It gets stand-ins, which become
# mdoc's names of these characters.
help=$(mktemp)
trap 'rm -f "$help"' EXIT
stand_ins=$(echo '“:lq ”:rq ’:cq –:en —:em ×:mu −:mi →:-> ·:pc ≤:<= ≥:>= °:de ½:12' | tr ' ' '\n' |
  sed 's|^\(.*\):\(.*\)|s/\1/@[\2]/g|' && echo 's/…/.../g')
for program; do
  install -m 755 "$programs/$program" "$tree/bin/"
  strip --strip-unneeded "$tree/bin/$program"
  printf '#!/bin/sh\n"%s" "$@" | sed "%s"\n' "$programs/$program" "$stand_ins" >"$help"
  chmod 700 "$help"
  if "$help" --experimental-dump-help | LC_ALL=C grep -n '[^ -~]'; then
    echo "stage.sh: $program's help has characters that have no name here" >&2
    exit 1
  fi
  "$programs/generate-manual" "$help" --multi-page --output-directory "$tree/share/man/man1" \
    --date "${SOURCE_DATE:-$(date -u +%Y-%m-%d)}"
  # Without its first line: the file is read, not run.
  "$programs/$program" --generate-completion-script bash | sed 1d >"$tree/share/bash-completion/completions/$program"
  "$programs/$program" --generate-completion-script zsh >"$tree/share/zsh/vendor-completions/_$program"
  "$programs/$program" --generate-completion-script fish >"$tree/share/fish/vendor_completions.d/$program.fish"
done
rm -f "$tree"/share/man/man1/*.help.1
# The generator's names have a dot ("riff.generate.1"); people type "man riff-generate". And mdoc wants .Pp, not empty
# lines, and would fill a description's examples into paragraphs.
# shellcheck disable=SC2016 # The dollars are awk's.
examples='
  function paragraph(  i, isExample) {
    if (count == 0) return
    isExample = 1
    for (i = 1; i <= count; i++)
      if (lines[i] !~ /^(riff[a-z-]*( |$)|echo |\(|channel = |for event |[a-z]+:$|  )/) isExample = 0
    if (isExample) print ".Bd -literal -offset indent"
    else if (isBroken) print ".Pp"
    for (i = 1; i <= count; i++) print lines[i]
    if (isExample) print ".Ed"
    count = isBroken = 0
  }
  /^\.Sh/ || /^\.Bl/ { paragraph(); isDescription = /^\.Sh DESCRIPTION/ }
  /^$/ { if (isDescription) { paragraph(); isBroken = 1 } else print ".Pp"; next }
  isDescription && !/^\.Sh/ { lines[++count] = $0; next }
  { print }
'
for page in "$tree"/share/man/man1/*.1; do
  name=$(basename "$page" .1 | tr . -)
  # A program's own page comes before that of a command of the same name ("riff-web", "riff web").
  if [ "$page" != "$tree/share/man/man1/$name.1" ] && [ -e "$tree/share/man/man1/$name.1" ]; then
    rm "$page"
    continue
  fi
  sed -e "s/^\.Nm \"[a-z ]*\"$/.Nm $name/" -e 's/@\(\[[a-z0-9<=>-]*\]\)/\\\1/g' "$page" | awk "$examples" >"$page.new"
  rm "$page"
  mv "$page.new" "$tree/share/man/man1/$name.1"
done
gzip -9n "$tree"/share/man/man1/*.1

cp -R Models/. "$tree/share/riffd/models"
cp -R Clients/riff-web/page/. "$tree/share/riffd/web"
install -m 644 Packaging/systemd/riffd.service Packaging/systemd/riffd.socket "$tree/share/systemd/user/"
install -m 644 README.md "$tree/share/doc/riffd/"
find "$tree" -type d -exec chmod 755 {} +
find "$tree/share" -type f -exec chmod 644 {} +
