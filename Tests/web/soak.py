#!/usr/bin/env python3
"""A jam with the page open, for long: soak.py MINUTES

Presses play in a real Chromium, asks for another prompt every half minute, and tells each minute the underruns and what
riffd, riff-web and the page hold. Fails if sound was missing, if the music stopped, or if memory grew: the last quarter's
median above the second quarter's by more than a tenth and 8 MB. Meant for two cores that have nothing else to do.
"""

import os
import statistics
import sys
import time

from chromium import Chromium
from stand import Stand

PROMPTS = ["techno drum beat, 120 bpm", "church bells", "harp, dreamy", "funk bassline", "slow jazz piano"]
SOUND = 48_000


def resident(pid: int) -> float:
    """What a process holds, in MB."""
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def main(minutes: float) -> int:
    stand, browser = Stand(), Chromium()
    rows: list[dict[str, float]] = []
    try:
        page = browser.page()
        page.send("Performance.enable")
        page.open(stand.line_from_door())
        page.type("#prompt", PROMPTS[0])
        page.click("#now-button")
        page.wait("riff.measures.sound !== null")
        began, turn = time.monotonic(), 0
        print("minute | load | underruns | behind, s | riffd MB | riff-web MB | page's objects MB", flush=True)
        while time.monotonic() - began < 60 * minutes:
            # What the page keeps for good is seen best once rubbish is gone.
            until = began + 60 * (len(rows) + 1)
            while time.monotonic() < min(until, began + 60 * minutes):
                time.sleep(1)
                if time.monotonic() - began > 30 * (turn + 1):
                    turn += 1
                    page.type("#prompt", PROMPTS[turn % len(PROMPTS)])
                    page.key("Enter")
                # Events of the browser would pile up here, too.
                page.events.clear()
            page.send("HeapProfiler.collectGarbage")
            metrics = {entry["name"]: entry["value"] for entry in page.send("Performance.getMetrics")["metrics"]}
            if not page.run("riff.jam.isRunning"):
                print(f"the jam ended: {page.run('document.getElementById(`notice`).textContent')}")
                return 1
            heard = page.run("riff.player.position") / SOUND
            row = {
                "underruns": page.run("riff.player.underruns"),
                "behind": time.monotonic() - began - heard,
                "riffd": resident(stand.daemon.pid),
                "riff-web": resident(stand.web.pid),
                "page": metrics["JSHeapUsedSize"] / 1e6,
            }
            rows.append(row)
            print(
                f"{len(rows):6} | {os.getloadavg()[0]:4.1f} | {row['underruns']:9.0f} | {row['behind']:9.1f} | {row['riffd']:8.1f}"
                f" | {row['riff-web']:11.1f} | {row['page']:7.1f}",
                flush=True,
            )
        changes = page.run("riff.measures.changes.length")
        print(f"{turn} changes asked for, {changes} heard")
    finally:
        browser.close()
        stand.close()
    failures = []
    if rows[-1]["underruns"] > 0:
        failures.append(f"{rows[-1]['underruns']:.0f} underruns")
    quarter = len(rows) // 4
    for name in ("riffd", "riff-web", "page") if quarter > 0 else ():
        early = statistics.median(row[name] for row in rows[quarter : 2 * quarter])
        late = statistics.median(row[name] for row in rows[-quarter:])
        if late > 1.1 * early + 8:
            failures.append(f"{name} grew from {early:.1f} to {late:.1f} MB")
    print("; ".join(failures) or "no underruns, memory flat")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 30))
