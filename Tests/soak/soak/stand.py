"""A daemon under load, its figures, and the list of what went wrong."""

import os
import resource
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "Protocol" / "conformance"))
from conformance import samples, wire  # noqa: E402
from conformance.peer import Broken, Client  # noqa: E402

# What memory and descriptors may differ by from the start, and the least that counts. The allocator keeps a few
# MiB more or less, by what happens to lie beside what: medians over many rounds (`Run.trend`) see through that.
SHARE = 0.05
LEAST_MEMORY = 8.0
LEAST_DESCRIPTORS = 1
# Seconds that a busy machine may take for what is done in a moment on a quiet one.
PATIENCE = 60


class Run:
    """What all parts have in common: programs, a folder, how much is to be done, chance and findings."""

    def __init__(self, build: str, folder: str, is_long: bool, chance):
        self.riffd, self.riff = f"{build}/riffd", f"{build}/riff"
        self.folder, self.is_long, self.chance = folder, is_long, chance
        self.found: list[str] = []
        self.jobs = 0
        self.endings: dict[str, int] = {}
        # MiB after each part, in order.
        self.memory: list[float] = []

    def find(self, what: str):
        self.found.append(what)
        print(f"FOUND {what}", flush=True)

    def expect(self, is_so: bool, what: str):
        if not is_so:
            self.find(what)

    def ended(self, code: int | None):
        """Counts how a call ended; None: with its connection."""
        name = "lost" if code is None else wire.CODES[code]
        self.endings[name] = self.endings.get(name, 0) + 1

    def trend(self) -> str:
        """Whether memory grows over a long run: the last third's median against the first's."""
        third = len(self.memory) // 3
        if third < 3 or not Figures.with_memory:
            return ""
        first, last = statistics.median(self.memory[:third]), statistics.median(self.memory[-third:])
        self.expect(last <= first * (1 + SHARE), f"memory grows: {first:.1f} MiB in the first third, {last:.1f} in the last")
        return f"; median of memory {first:.1f} MiB in the first third, {last:.1f} in the last"

    @staticmethod
    def say(line: str):
        print(line, flush=True)


class Daemon:
    """A riffd with a socket of its own. `descriptors`: its limit on open files, soft and hard."""

    def __init__(self, run: Run, *arguments: str, name: str = "d", descriptors: int | None = None,
                 environment: dict | None = None, prefix: tuple[str, ...] = ()):
        self.run = run
        self.folder = f"{run.folder}/{name}"
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        self.socket = f"{self.folder}/s"
        self.spool = f"{self.folder}/spool"
        os.makedirs(self.spool, exist_ok=True)
        self.log = f"{self.folder}/log"
        command = [*prefix, run.riffd, "--socket", self.socket, "--threads", "2", *arguments]

        def limit():
            if descriptors is not None:
                resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))

        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stderr=log, preexec_fn=limit,
                env={**os.environ, "TMPDIR": self.spool, "SWIFT_BACKTRACE": "enable=no",
                     "XDG_CONFIG_HOME": self.folder, **(environment or {})})
        self.pid = self.process.pid
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                with Client(self.socket):
                    return
            except (OSError, Broken) as error:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"riffd does not start ({error}): {self.tail()}") from None
                time.sleep(0.02)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def tail(self) -> str:
        return Path(self.log).read_text(errors="replace")[-1500:]

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    def memory(self) -> float:
        """MiB that are resident."""
        with open(f"/proc/{self.pid}/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize() / (1 << 20)

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def status(self) -> bytes:
        with Client(self.socket) as client:
            return client.call(samples.STATUS, b"").messages[0]

    def counts(self) -> tuple[int, int]:
        """Jobs that are there, and those that have ended."""
        status = self.status()
        there = sum(number == 5 for number, _ in wire.fields(status))
        return there, sum(wire.first(status, number, 0) for number in (6, 7, 8))

    def settle(self, start: "Figures | None" = None, patience: float = PATIENCE) -> "Figures":
        """Waits until no job is left and the figures are those of the start, as far as they become that."""
        deadline = time.monotonic() + PATIENCE
        while self.counts()[0] and time.monotonic() < deadline:
            time.sleep(0.05)
        deadline = time.monotonic() + patience
        # What ended just now gives its memory back with the daemon's next looks, half a second apart.
        time.sleep(1.2)
        figures = Figures(self)
        while start is not None and not figures.is_like(start) and time.monotonic() < deadline:
            time.sleep(0.3)
            figures = Figures(self)
        return figures

    def check(self, start: "Figures", where: str, more=None) -> "Figures":
        """After some work: no job is left, each has ended once, memory and descriptors are as before.

        `more` does a little more of such work. What the allocator happens to keep of one crowd goes with the next,
        while a leak grows: memory that is above the start only counts if it stays so.
        """
        if not self.is_alive:
            self.run.find(f"{where}: the daemon has died ({self.process.returncode}): {self.tail()}")
            raise SystemExit(1)
        figures = self.settle(start)
        for _ in range(3 if more else 0):
            if figures.is_like(start):
                break
            self.run.say(f"{where}: {figures}, not {start} yet")
            more()
            figures = self.settle(start)
        there, ended = self.counts()
        self.run.expect(there == 0, f"{where}: {there} jobs are left")
        last = self.last_job()
        # That one has ended since.
        self.run.expect(last == ended + 1, f"{where}: {last - 1} jobs have been taken, {ended} have ended")
        self.run.expect(figures.is_like(start), f"{where}: {figures}, not {start}")
        self.run.memory.append(figures.memory)
        return figures

    def last_job(self) -> int:
        """The number of the last job, which this makes."""
        with Client(self.socket) as client:
            answer = client.call(samples.ANALYZE, *samples.analyze(0.1))
        if answer.code != 0:
            self.run.find(f"a small upload ends as {answer.code}: {answer.text}")
            return -1
        return wire.first(answer.messages[0], 3, 0)

    def end(self, number: int = signal.SIGTERM, within: float = PATIENCE) -> tuple[int, float]:
        """Sends a signal and waits: exit status and seconds."""
        began = time.monotonic()
        self.process.send_signal(number)
        try:
            status = self.process.wait(within)
        except subprocess.TimeoutExpired:
            self.run.find(f"signal {number} does not end the daemon in {within:g} s")
            self.process.kill()
            status = self.process.wait()
        return status, time.monotonic() - began


class Figures:
    # Whether memory is compared.
    with_memory = True

    def __init__(self, daemon: Daemon):
        self.memory, self.descriptors = daemon.memory(), daemon.descriptors()

    def is_like(self, start: "Figures") -> bool:
        """Not more than 5% above it, or 8 MiB; less is welcome."""
        most = start.memory + max(start.memory * SHARE, LEAST_MEMORY)
        return ((self.memory <= most or not self.with_memory)
                and self.descriptors <= start.descriptors + max(start.descriptors * SHARE, LEAST_DESCRIPTORS))

    def __str__(self):
        return f"{self.memory:.1f} MiB and {self.descriptors} descriptors"
