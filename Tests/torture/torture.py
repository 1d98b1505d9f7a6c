#!/usr/bin/env python3
"""Fails each fallible call of a daemon's jobs once in turn: torture.py RIFFD LIBRARY [--each N] [--job NAME]

LIBRARY is failing.c, built with -shared. For each job it counts the calls of a kind (open, read and write of files
and of the socket, mmap, accept, and malloc where a codec calls it), then runs the job again and again while the
first, the second ... of them fails. After each: the call has ended in one status, of the right kind, and as OK only
with the bytes of an undisturbed run; the daemon lives, has no job left, and as many descriptors as before. After
each job's failures the heap is nearly as large as before, and the job works. Calls that a signal may interrupt also
return EINTR once in turn, which nobody may notice: the call ends as OK, with the right bytes.
"""

import argparse
import errno
import mmap
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parents[2] / "Protocol" / "conformance"))
from conformance import samples, wire  # noqa: E402
from conformance.peer import Broken, Client  # noqa: E402

KINDS = ("open", "file-read", "file-write", "socket-read", "socket-write", "mmap", "accept", "malloc",
         "ftruncate", "lseek")
# Those that a signal may interrupt; lseek, mmap and malloc never are.
INTERRUPTIBLE = ("open", "file-read", "file-write", "socket-read", "socket-write", "accept", "ftruncate")
# Libraries that do not look whether they got memory: they end the process, as FFTW and OpenBLAS do, and LAME may
# leave something out. What counts then is that the next daemon works.
DOES_NOT_LOOK = ("libsoxr.", "libvorbis", "libmp3lame.")
# Calls whose failure ends the process, in libraries that look at all others: libsndfile's list of chunks, FLAC state
# and FLAC buffer; the first link of libopusfile 0.12 (CVE-2022-47021).
ENDS_THE_PROCESS = ("calloc, called in libsndfile.", "libopusfile.so.0 by op_test_callbacks")
# Bytes of the heap that a job's failures may leave: libsndfile leaves LAME's 360 KiB if it gets no memory at the end.
LEFT = 1 << 20
# What a client may be told. A failure of the machine is not the request's fault (INVALID_ARGUMENT), nor unknown.
RIGHT = {8: "RESOURCE_EXHAUSTED", 9: "FAILED_PRECONDITION", 13: "INTERNAL", 14: "UNAVAILABLE",
         15: "DATA_LOSS"}
RIGHT_OF = {"malloc": (8,), "mmap": (8,)}
GENERATE, REMIX = "riff.v1.Riff/Generate", "riff.v1.Riff/Remix"
OPUS, WAV, FLAC, MP3 = 1, 5, 6, 7


def generate(output: int) -> bytes:
    return (wire.field(1, "bells") + wire.field(4, 7) + wire.field(5, 2) + wire.field(11, 1)
            + wire.field(12, output) + wire.field(14, samples.DRAFT))


def made(folder: str, name: str, *arguments: str) -> bytes:
    """A file that ffmpeg makes of the sample clip."""
    path = f"{folder}/{name}"
    subprocess.run(["ffmpeg", "-loglevel", "error", "-y", "-i", f"{folder}/clip.wav", *arguments, path],
                   check=True, stdin=subprocess.DEVNULL)
    return Path(path).read_bytes()


def jobs(folder: str) -> dict[str, tuple[str, list[bytes]]]:
    clip = samples.wav(2)
    Path(f"{folder}/clip.wav").write_bytes(clip)
    Path(f"{folder}/picture.png").write_bytes(samples.png(100))
    subprocess.run(["ffmpeg", "-loglevel", "error", "-y", "-i", f"{folder}/picture.png", f"{folder}/picture.jpg"],
                   check=True, stdin=subprocess.DEVNULL)
    uploads = {"wav": clip, "mp3": made(folder, "clip.mp3"), "flac": made(folder, "clip.flac"),
               "vorbis": made(folder, "clip.ogg", "-c:a", "libvorbis"),
               "opus": made(folder, "clip.opus"), "aiff": made(folder, "clip.aiff")}

    def render(picture: bytes) -> tuple[str, list[bytes]]:
        return samples.RENDER, [wire.field(1, wire.field(2, OPUS) + wire.field(4, samples.DRAFT)),
                                wire.field(2, picture)]
    found = {f"generate-{name}": (GENERATE, [generate(output)]) for name, output in
             (("opus", OPUS), ("mp3", MP3), ("flac", FLAC), ("wav", WAV))}
    found["render-png"] = render(samples.png(100))
    found["render-jpeg"] = render(Path(f"{folder}/picture.jpg").read_bytes())
    for name, data in uploads.items():
        found[f"analyze-{name}"] = (samples.ANALYZE, [wire.field(1, b""), wire.field(2, data)])
    found["remix-flac"] = (REMIX, [wire.field(1, wire.field(1, generate(OPUS)) + struct.pack("<Bd", 2 << 3 | 1, 0.5)),
                                   wire.field(2, uploads["flac"])])
    return found


class Control:
    """The page that failing.c maps, too."""

    LAYOUT = "<IIqqqI100s"

    def __init__(self, path: str):
        Path(path).write_bytes(bytes(struct.calcsize(self.LAYOUT)))
        with open(path, "r+b") as file:
            self.page = mmap.mmap(file.fileno(), 0)

    def arm(self, kind: str | None, fail_at: int = 0, error: int = 0):
        struct.pack_into("<I", self.page, 0, 0)
        struct.pack_into("<Iqq", self.page, 4, error, fail_at, 0)
        struct.pack_into("<I", self.page, 32, 0)
        if kind:
            struct.pack_into("<I", self.page, 0, 1 << KINDS.index(kind))

    @property
    def state(self) -> tuple[int, int, bool, str]:
        """Calls counted, bytes of the heap, whether one failed, and which."""
        _, _, _, count, heap, failed, what = struct.unpack_from(self.LAYOUT, self.page)
        return count, heap, bool(failed), what.split(b"\0")[0].decode()


class Daemon:
    def __init__(self, program: str, library: str, folder: str):
        self.program, self.library, self.folder = program, library, folder
        self.socket = f"{folder}/riffd.sock"
        self.control = Control(f"{folder}/control")
        self.log = f"{folder}/log"
        self.process = None
        self.start()

    def start(self):
        self.control.arm(None)
        environment = dict(os.environ, LD_PRELOAD=self.library, RIFF_TORTURE=f"{self.folder}/control",
                           SWIFT_BACKTRACE="enable=no")
        environment.setdefault("OPENBLAS_NUM_THREADS", "2")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([self.program, "--socket", self.socket, "--threads", "2"],
                                            stderr=log, env=environment)
        for _ in range(600):
            try:
                with Client(self.socket):
                    return
            except OSError:
                time.sleep(0.05)
        raise SystemExit("the daemon does not start")

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    @property
    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def heap(self) -> int:
        time.sleep(0.08)
        return self.control.state[1]

    def call(self, method: str, messages: list[bytes], within: float = 30) -> tuple[int | None, str, bytes]:
        """Status, message and the bytes of the result; status None if the connection ended instead."""
        deadline = time.monotonic() + within
        try:
            with Client(self.socket) as client:
                stream = client.open(method)
                for message in messages:
                    client.message(stream, message)
                client.half_close(stream)
                state = client.finish(stream, within)
        except Broken as reason:
            if time.monotonic() > deadline - 1 or "closed the connection" not in str(reason):
                raise
            return None, str(reason), b""
        except ConnectionError as error:
            return None, str(error), b""
        parts = (2, 3) if method != samples.ANALYZE else (1,)
        data = b"".join(value for message in state.messages for number, value in wire.fields(message)
                        if number in parts and isinstance(value, bytes))
        return state.code, state.text, data

    def settled(self, descriptors: int) -> str:
        """What is left of the last call after some seconds; empty if nothing is."""
        left = ""
        for _ in range(100):
            try:
                with Client(self.socket) as client:
                    status = client.call(samples.STATUS, b"")
                running = sum(number == 5 for message in status.messages for number, _ in wire.fields(message))
                left = f"{running} jobs are left" if running else ""
            except (Broken, OSError) as error:
                left = f"it does not answer: {error}"
            # A closed connection's descriptor may go a moment later.
            if not left and self.descriptors != descriptors:
                left = f"{self.descriptors} descriptors, not {descriptors}"
            if not left or not self.is_alive:
                return left
            time.sleep(0.03)
        return left


class Torture:
    def __init__(self, daemon: Daemon, kinds, each: int, verbose: bool, only_interrupts: bool):
        self.daemon, self.kinds, self.each, self.verbose = daemon, kinds, each, verbose
        self.only_interrupts = only_interrupts
        self.found: list[str] = []
        self.injected = 0
        self.endings: dict[str, int] = {}

    def report(self, where: str, what: str):
        self.found.append(f"{where}: {what}")
        print(f"FOUND {where}: {what}", flush=True)

    def run(self, name: str, method: str, messages: list[bytes]):
        daemon, control = self.daemon, self.daemon.control
        control.arm(None)
        for _ in range(3):  # the first have costs of their own
            code, text, right = daemon.call(method, messages)
            if code != 0:
                return self.report(name, f"undisturbed it ends as {code}: {text}")
        time.sleep(0.2)
        descriptors = daemon.descriptors
        if left := daemon.settled(descriptors):
            self.report(name, f"undisturbed: {left}")
        heap = daemon.heap()
        injected = 0
        trials = [(kind, 0) for kind in self.kinds]
        trials += [(kind, errno.EINTR) for kind in self.kinds if kind in INTERRUPTIBLE]
        for kind, error in trials if not self.only_interrupts else trials[len(self.kinds):]:
            control.arm(kind)
            daemon.call(method, messages)
            count = control.state[0]
            control.arm(None)
            # All of them, or so many, evenly.
            wanted = range(1, count + 1)
            if self.each and count > self.each:
                wanted = sorted({1 + at * (count - 1) // (self.each - 1) for at in range(self.each)})
            for at in wanted:
                restarted = self.fail(name, kind, error, at, count, method, messages, right, descriptors)
                injected += 1
                if restarted:
                    for _ in range(3):
                        daemon.call(method, messages)
                    time.sleep(0.2)
                    descriptors, heap = daemon.descriptors, daemon.heap()
        code, text, data = daemon.call(method, messages)
        if (code, data) != (0, right):
            self.report(name, f"after all failures it ends as {code} with {len(data)} bytes: {text}")
        grown = 0
        for _ in range(20):
            grown = daemon.heap() - heap
            if grown < LEFT:
                break
            time.sleep(0.1)
        else:
            self.report(name, f"the heap has grown by {grown >> 10} KiB in {injected} failures")
        self.injected += injected
        print(f"{name}: {injected} failures, heap {grown / 1024:+.0f} KiB", flush=True)

    def fail(self, name, kind, error, at, count, method, messages, right, descriptors) -> bool:
        """Fails one call of a job. True if the daemon had to be started again."""
        daemon, control = self.daemon, self.daemon.control
        where = f"{name}, {kind} {at} of {count}" + (", interrupted" if error == errno.EINTR else "")
        control.arm(kind, at, error)
        try:
            code, text, data = daemon.call(method, messages)
        except (Broken, OSError) as reason:
            code, text, data = -1, f"{type(reason).__name__}: {reason}", b""
        _, _, failed, what = control.state
        control.arm(None)
        where += f" ({what})" if failed else " (not reached)"
        if self.verbose:
            print(f"{where}: {code} {text} [heap {daemon.heap() >> 10} KiB]", flush=True)
        does_not_look = failed and any(library in what for library in DOES_NOT_LOOK)
        may_end = does_not_look or failed and any(call in what for call in ENDS_THE_PROCESS)
        ending = "lost" if code is None else wire.CODES[code] if code >= 0 else "nothing"
        self.endings[ending] = self.endings.get(ending, 0) + 1
        if may_end and code in (None, -1):
            time.sleep(0.3)
            if not daemon.is_alive:
                daemon.start()
                return True
        if error == errno.EINTR:
            if (code, data) != (0, right):
                self.report(where, f"ended as {ending}, {len(data)} bytes: {text}")
        elif code is None and kind not in ("socket-read", "socket-write", "accept") and failed:
            if daemon.is_alive:
                self.report(where, f"the connection ended: {text}")
        elif code == 0:
            if data != right and not does_not_look:
                self.report(where, f"OK with other bytes: {len(data)} instead of {len(right)}")
        elif code is not None and (code not in RIGHT_OF.get(kind, RIGHT)):
            self.report(where, f"ended as {ending}: {text}")
        left = daemon.settled(descriptors)
        if may_end and not daemon.is_alive:
            daemon.start()
            return True
        if not daemon.is_alive:
            log = Path(daemon.log).read_text(errors="replace")[-600:]
            self.report(where, f"the daemon died ({daemon.process.returncode}): {log}")
        elif left:
            self.report(where, left)
            daemon.process.kill()
            daemon.process.wait()
        else:
            return False
        daemon.start()
        return True


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("riffd")
    parser.add_argument("library")
    parser.add_argument("--each", type=int, default=0, help="failures of a kind and job (default: every call)")
    parser.add_argument("--job", action="append", help="only these jobs")
    parser.add_argument("--kind", action="append", choices=KINDS, help="only these kinds of calls")
    parser.add_argument("--interrupts", action="store_true", help="only calls that return EINTR")
    parser.add_argument("-v", "--verbose", action="store_true", help="say how each one ended")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="riff-torture-") as folder:
        os.environ.setdefault("TMPDIR", folder)
        daemon = Daemon(os.path.realpath(args.riffd), os.path.realpath(args.library), folder)
        torture = Torture(daemon, args.kind or KINDS, args.each, args.verbose, args.interrupts)
        began = time.monotonic()
        try:
            for name, (method, messages) in jobs(folder).items():
                if not args.job or name in args.job:
                    torture.run(name, method, messages)
        finally:
            daemon.control.arm(None)
            daemon.process.send_signal(signal.SIGTERM)
            try:
                status = daemon.process.wait(30)
            except subprocess.TimeoutExpired:
                daemon.process.kill()
                status = daemon.process.wait()
                torture.report("the end", "SIGTERM does not end the daemon in 30 s")
        if status:
            torture.report("the end", f"the daemon ended with status {status}")
        endings = ", ".join(f"{count} {name}" for name, count in sorted(torture.endings.items()))
        print(f"{torture.injected} failures in {time.monotonic() - began:.0f} s ({endings}); "
              f"{len(torture.found)} findings")
        sys.exit(1 if torture.found else 0)


if __name__ == "__main__":
    main()
