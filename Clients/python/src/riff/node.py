"""A riffd of one's own on a machine of many, and a painter that does not give up at once."""

from __future__ import annotations

import contextlib
import random
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from .client import Client
from .errors import Code, RiffError
from .messages import OutputFormat
from .rows import Row

# What may go well when it is asked for again.
RETRIED = (Code.UNAVAILABLE, Code.RESOURCE_EXHAUSTED)
# Seconds that a daemon has to begin listening.
_START = 60.0
_LONGEST_WAIT = 30.0


@dataclass(frozen=True, slots=True)
class NodeOptions:
    """How a node works.

    Attributes:
        riffd: the program that is started there.
        socket: of a daemon that already runs there; then none is started.
        threads: that riffd computes with; None: one for each processor.
        arguments: further ones of riffd.
        attempts: how often a row is tried, where the daemon is away or full.
        timeout: seconds that an attempt may take.
    """

    riffd: str = "riffd"
    socket: str | None = None
    threads: int | None = None
    arguments: tuple[str, ...] = ()
    attempts: int = 8
    timeout: float | None = 3600.0


@dataclass(slots=True)
class Made:
    """What came of a row. Where `error` says something, nothing was made."""

    data: bytes = b""
    seed: int = 0
    seconds: float = 0.0
    model: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    attempts: int = 1
    error: str = ""


class NodeError(RuntimeError):
    """A riffd that does not start: no row would fare better."""


# Runs "$@" until it ends, or until the process that holds the other end of standard input is gone, however that ended.
_LIFELINE = """
exec 3<&0
"$@" 3<&- </dev/null &
daemon=$!
(cat <&3 >/dev/null; kill $daemon; rm -rf "$0") 2>/dev/null &
wait $daemon
"""


class NodeDaemon:
    """A riffd in a private folder. It ends, and the folder goes, with the process that started it."""

    def __init__(self, options: NodeOptions) -> None:
        self._options = options
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._place = ""

    def client(self) -> Client:
        """A client of it; starts it where it does not run. Raises `NodeError`."""
        if self._options.socket is not None:
            return Client(self._options.socket, self._options.timeout)
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._end()
                self._start()
            return Client(self._place, self._options.timeout)

    def close(self) -> None:
        """Ends it."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait()
        self._process = None

    def _start(self) -> None:
        # Mode 0700, as riffd wants it.
        folder = tempfile.mkdtemp(prefix="riff-node-")
        self._place = f"{folder}/riffd.sock"
        command = [self._options.riffd, "--socket", self._place, "--grace", "0", *self._options.arguments]
        if self._options.threads is not None:
            command += ["--threads", str(self._options.threads)]
        log = Path(folder, "riffd.log")
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                ["sh", "-c", _LIFELINE, folder, *command], stdin=subprocess.PIPE, stdout=file, stderr=file
            )
        until = time.monotonic() + _START
        while True:
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
                probe.connect(self._place)
                return
            if self._process.poll() is not None or time.monotonic() > until:
                said = log.read_text(errors="replace").strip()[-2000:]
                self._end()
                raise NodeError(f"{self._options.riffd} does not listen: {said or 'it says nothing'}")
            time.sleep(0.02)


class Painter:
    """Makes rows with this node's riffd, and tries again where it was away or full. Threads may share it."""

    def __init__(self, options: NodeOptions, output: OutputFormat, wait: Callable[[float], None] = time.sleep) -> None:
        self._options = options
        self._output = output
        self._wait = wait
        self._daemon = NodeDaemon(options)

    def make(self, row: Row) -> Made:
        """What comes of a row, or why nothing does. Raises `NodeError` where there is no daemon at all."""
        attempt = 0
        while True:
            attempt += 1
            try:
                clip = row.job(self._daemon.client(), self._output).clip()
            except RiffError as error:
                if error.code not in RETRIED or attempt >= self._options.attempts:
                    return Made(error=str(error), attempts=attempt)
                self._wait(_delay(attempt, error.retry_after))
            else:
                return Made(
                    clip.data,
                    clip.seed,
                    clip.seconds,
                    clip.model,
                    clip.settings,
                    clip.warnings,
                    attempt,
                )

    def close(self) -> None:
        """Ends the daemon that it started."""
        self._daemon.close()


def _delay(attempt: int, asked: float | None) -> float:
    """Seconds until the next attempt: what the daemon asks for, else ever longer; never all at the same time."""
    if asked is not None:
        return asked * (1 + random.random() / 4)
    return float(min(_LONGEST_WAIT, 0.25 * 2**attempt) * (0.5 + random.random() / 2))
