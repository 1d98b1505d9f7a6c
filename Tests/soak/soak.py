#!/usr/bin/env python3
"""Holds a riffd to its promises under load and in bad times:
soak.py BUILD [--minutes N] [--part NAME]... [--without-memory]

BUILD is the folder with riffd and riff. Without --minutes each part runs once, in less than a minute; with it they
run again and again for so long, against one daemon where that can be. Each call must end in exactly one status, each
job that was taken in exactly one way; memory must be back within 8 MiB of the start after each part, descriptors within
5%, and over a long run the median of memory may grow by 5% at most. --without-memory leaves memory out,
for builds whose allocator keeps what is freed, as the address sanitizer's does.
"""

import argparse
import os
import random
import resource
import sys
import tempfile
import time

sys.dont_write_bytecode = True
from soak import crowd, endings, machine  # noqa: E402
from soak.stand import Daemon, Figures, Run  # noqa: E402

PARTS = ("crowd", "leavers", "uploads", "refused", "descriptors", "disk", "model", "endings")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split(":\n")[0])
    parser.add_argument("build")
    parser.add_argument("--minutes", type=float, default=0)
    parser.add_argument("--part", action="append", choices=PARTS)
    parser.add_argument("--without-memory", action="store_true")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    args = parser.parse_args()
    parts = args.part or PARTS
    Figures.with_memory = not args.without_memory
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4096
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="riff-soak-") as folder:
        run = Run(os.path.realpath(args.build), folder, args.minutes > 0, random.Random(args.seed))
        size = 4 if run.is_long else 1
        print(f"seed {args.seed}", flush=True)
        with Daemon(run, "--max-connections", str(crowd.CONNECTIONS), name="main") as daemon:
            start = crowd.plateau(run, daemon)

            def more():
                crowd.leavers(run, daemon, crowd.ACTIVE // 2)

            cycles = 0
            while cycles == 0 or time.monotonic() - began < args.minutes * 60:
                for name in parts:
                    match name:
                        case "crowd": line = crowd.crowd(run, daemon, 100 * size)
                        case "leavers": line = crowd.leavers(run, daemon, 80 * size)
                        case "uploads": line = crowd.uploads(run, daemon, 60 * size)
                        case "refused": line = crowd.refused(run, 100)
                        case "descriptors": line = machine.descriptors(run)
                        case "disk": line = machine.disk(run)
                        case "model": line = machine.model(run)
                        case "endings": line = endings.endings(run)
                    if name in ("crowd", "leavers", "uploads"):
                        line += f"; afterwards {daemon.check(start, name, more)}, at the start {start}"
                    run.say(f"[{time.monotonic() - began:4.0f} s] {line}")
                cycles += 1
            figures = daemon.check(start, "the end", more)
            trend = run.trend()
            status, took = daemon.end()
            run.expect(status == 0, f"SIGTERM: the daemon ended with {status}")
        endings_seen = ", ".join(f"{count} {name}" for name, count in sorted(run.endings.items()))
        run.say(f"{run.jobs} jobs in {time.monotonic() - began:.0f} s ({endings_seen}); {start} at the start, "
                f"{figures} at the end{trend}; SIGTERM took {took:.2f} s; {len(run.found)} findings")
        sys.exit(1 if run.found else 0)


if __name__ == "__main__":
    main()
