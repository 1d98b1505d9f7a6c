#!/usr/bin/env python3
"""Runs every command of README.md and docs/ in a folder of its own, against a daemon of its own.

readme-check.py FOLDER-OF-PROGRAMS

A block of commands begins with ```sh; each line is one, and must succeed. A line <!-- not run: REASON --> before a block
has it passed over. Other blocks name another language. The clips and pictures that the commands name are made here; mpv is a
program that takes sound and plays none.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

# Longest time for a command, in seconds; a hang is a failure, too.
LIMIT = 300

FILES = {
    "song.mp3": "-f lavfi -i sine=330:d=95 -af tremolo=f=2:d=0.9 -b:a 64k",
    "set.flac": "-f lavfi -i sine=220:d=3640:r=8000",
    "loop.png": "-f lavfi -i color=gray:s=512x256:d=1,noise=alls=60:allf=t -frames:v 1",
    "mask.png": "-f lavfi -i color=white:s=512x256:d=1 -frames:v 1",
    "songs/one.mp3": "-f lavfi -i sine=330:d=3 -b:a 64k",
    "songs/two.flac": "-f lavfi -i sine=440:d=3",
}
TEXTS = {
    "work/prompts.csv": "prompt,seed,steps\nchurch bells,7,4\nharp,8,4\n",
    "home/.config/riffd/config.yaml": 'presets:\n  lofi:\n    prompt: "lofi hip hop, {}"\n    bpm: 84\n',
}


def blocks(path):
    """Each block's first line, language, reason not to run it, and lines."""
    reason, opened = None, None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if opened is None:
            fence = re.match(r"```(\S*)$", line)
            if fence:
                opened = (number, fence[1], reason, [])
            elif line.strip():
                comment = re.match(r"<!-- not run: (.+) -->$", line)
                reason = comment[1] if comment else None
        elif line == "```":
            yield opened
            opened = reason = None
        else:
            opened[3].append(line)


def main():
    programs = pathlib.Path(sys.argv[1]).resolve()
    root = pathlib.Path(__file__).resolve().parent.parent
    failures = run = skipped = 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        work, bin_folder = folder / "work", folder / "bin"
        for made in (work, bin_folder, folder / "home", folder / "socket"):
            made.mkdir(mode=0o700)
        for file, text in TEXTS.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(text)
        for file, arguments in FILES.items():
            (work / file).parent.mkdir(exist_ok=True)
            subprocess.run(["ffmpeg", "-v", "error", *arguments.split(), work / file], check=True)
        player = bin_folder / "mpv"
        player.write_text('#!/bin/sh\nfor last; do :; done\n[ "$last" != - ] || cat >/dev/null\n')
        player.chmod(0o755)
        environment = {
            "PATH": f"{bin_folder}:{programs}:/usr/bin:/bin",
            "HOME": str(folder / "home"),
            "LANG": "C.UTF-8",
            "RIFF_SOCKET": str(folder / "socket/riffd.sock"),
            "RIFF_MODELS": str(root / "Models"),
        }
        try:
            for path in [root / "README.md", *sorted((root / "docs").glob("*.md"))]:
                for number, language, reason, lines in blocks(path):
                    place = f"{path.relative_to(root)}:{number}"
                    if language == "":
                        print(f"{place}: say what the block holds: ```sh for commands, ```text or another")
                        failures += 1
                    if language != "sh":
                        continue
                    if reason:
                        print(f"{place}: not run: {reason}")
                        skipped += len(lines)
                        continue
                    for offset, line in enumerate(lines, 1):
                        if not line.strip() or line.startswith("#"):
                            continue
                        begin = time.monotonic()
                        try:
                            result = subprocess.run(
                                ["bash", "-o", "pipefail", "-c", line.removeprefix("$ ")],
                                cwd=work, env=environment, stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=LIMIT,
                            )
                            status, errors = result.returncode, result.stderr.decode(errors="replace")
                        except subprocess.TimeoutExpired:
                            status, errors = "none", f"not over after {LIMIT} s"
                        run += 1
                        if status != 0:
                            failures += 1
                            print(f"{path.relative_to(root)}:{number + offset}: {line}\n  status {status}: {errors}")
                        else:
                            print(f"ok {time.monotonic() - begin:5.1f} s  {line}", flush=True)
        finally:
            subprocess.run([programs / "riff", "stop"], env=environment, stdout=subprocess.DEVNULL)
    print(f"{run} commands run, {failures} failures, {skipped} lines not run, each with its reason")
    sys.exit(1 if failures or not run else 0)


main()
