"""Many connections: idle, active, slow, half-closed, and gone."""

import contextlib
import os
import select
import signal
import socket
import subprocess
import threading
import time

from . import calls
from .pool import share
from .stand import PATIENCE, Broken, Client, Daemon, Figures, Run, samples, wire

IDLE = 1_000
ACTIVE = 64
# Jobs that riffd paints together, and rounds until memory must have stopped growing.
TOGETHER = 16
ROUNDS = 8
# So many connections the daemon takes: the idle and the active ones, and those of the other parts.
CONNECTIONS = 1_100


class SlowReaders:
    """Clients that ask for a long sound and read a byte a second."""

    def __init__(self, path: str, count: int, chance):
        request = calls.generate(chance, calls.PCM, seconds=30)
        self.links = []
        for _ in range(count):
            link = socket.socket(socket.AF_UNIX)
            link.connect(path)
            link.sendall(wire.PREFACE + calls.request_bytes(calls.GENERATE, [request]))
            self.links.append(link)
        self.read = 0
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.go_on, daemon=True)
        self.thread.start()

    def go_on(self):
        while not self.stopped.wait(1):
            poll = select.poll()
            for link in self.links:
                poll.register(link, select.POLLIN)
            ready = {number for number, _ in poll.poll(0)}
            for link in self.links:
                if link.fileno() in ready:
                    self.read += len(link.recv(1))

    def close(self):
        self.stopped.set()
        self.thread.join()
        for link in self.links:
            link.close()


def crowd(run: Run, daemon: Daemon, jobs: int) -> str:
    """So many calls on 64 connections, beside 1,000 idle ones, slow readers and half-closed sockets."""
    began = time.monotonic()
    idle = [Client(daemon.socket) for _ in range(IDLE)]
    slow = SlowReaders(daemon.socket, 4, run.chance)
    share(run, 4, max(8, jobs // 25), lambda index, chance: calls.half_closed_call(run, daemon.socket, chance, index % 4 > 0),
          "a half-closed socket")
    active = [Client(daemon.socket) for _ in range(ACTIVE)]
    free = list(active)

    def work(_, chance):
        client = free.pop()
        try:
            calls.one_call(run, client, chance)
        finally:
            free.append(client)

    share(run, ACTIVE, jobs, work, "a call")
    used = f"{daemon.memory():.0f} MiB and {daemon.descriptors()} descriptors"
    took = time.monotonic() - began
    slow.close()
    for client in idle:
        try:
            client.expect_ping()
        except (Broken, OSError) as error:
            run.find(f"an idle connection: {error}")
            break
    for client in active + idle:
        client.close()
    run.jobs += jobs
    return f"{jobs} calls on {ACTIVE} connections beside {IDLE} idle ones in {took:.0f} s, with {used}"


def plateau(run: Run, daemon: Daemon) -> Figures:
    """The figures that more of the same work no longer raises.

    The first of everything has costs of its own, and what jobs are painted in stays as large as the most that were
    painted together: by chance a crowd or two do not reach that. A leak would find no end of it.
    """
    start = daemon.settle()
    same = 0
    for rounds in range(1, ROUNDS + 1):
        # As many as are painted together, of each kind, at once.
        for kind in ("generate", "remix"):
            share(run, TOGETHER, TOGETHER, lambda _, chance, kind=kind: calls.whole_call(run, daemon.socket, chance, kind),
                  kind)
        crowd(run, daemon, ACTIVE)
        leavers(run, daemon, ACTIVE // 2)
        figures = daemon.settle(start, PATIENCE / 10)
        same = same + 1 if figures.is_like(start) else 0
        if same == 2:
            break
        if same == 0:
            start = figures
    run.expect(same == 2, f"after {rounds} rounds memory and descriptors still grow: {figures}")
    return start


def leavers(run: Run, daemon: Daemon, count: int) -> str:
    """Clients that go anywhere in a call, and some that are killed."""
    began = time.monotonic()
    share(run, 16, count, lambda _, chance: calls.leave(daemon.socket, chance), "a client that left")

    def kill(index, chance):
        file = f"{run.folder}/killed-{index}.opus"
        client = subprocess.Popen(
            [run.riff, "--socket", daemon.socket, "generate", "bells", "--duration", "10", "--no-play", "-o", file],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0, 0.6))
        client.send_signal(signal.SIGKILL)
        client.wait()

    killed = max(4, count // 20)
    share(run, 4, killed, kill, "a killed client")
    run.jobs += count + killed
    return f"{count} clients left and {killed} were killed in {time.monotonic() - began:.0f} s"


def uploads(run: Run, daemon: Daemon, count: int) -> str:
    """Uploads of 8 MiB whose clients close at some point."""
    began = time.monotonic()
    size, part = 8 << 20, os.urandom(128 << 10)

    def one(_, chance):
        limit = chance.choice((chance.randrange(size), size))
        with Client(daemon.socket) as client:
            stream = client.open(samples.ANALYZE)
            client.message(stream, wire.field(1, b""))
            sent = 0
            while sent < limit and not client.streams[stream].ended:
                client.message(stream, wire.field(2, part))
                sent += len(part)

    share(run, 8, count, one, "an upload")
    run.jobs += count
    return f"{count} uploads of up to 8 MiB were left in {time.monotonic() - began:.0f} s"


def refused(run: Run, count: int) -> str:
    """Clients beyond the limit that write all the time: each reads why it is refused. Then SIGTERM, with all of it."""

    def writer(_, __):
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(60)
            link.connect(daemon.socket)
            # One that writes on for longer than the daemon lingers finds that it cannot; what there is to read says why.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                link.sendall(wire.PREFACE + wire.frame(wire.HEADERS, 1, wire.headers(samples.ANALYZE)))
                for _ in range(32):
                    link.sendall(wire.frame(wire.MESSAGE, 1, bytes(65_536)))
            data = b""
            with contextlib.suppress(ConnectionResetError):
                while more := link.recv(1 << 16):
                    data += more
        # Preface, then GO_AWAY as the only frame.
        is_told = len(data) > 20 and data[12] == wire.GO_AWAY and wire.first(data[20:], 2, 0) == wire.OVERLOADED
        run.expect(is_told, f"a writing client beyond the limit reads {data[:40].hex(' ')}")

    with Daemon(run, name="refused") as daemon:
        busy = [Client(daemon.socket) for _ in range(64)]
        for client in busy:
            stream = client.open(samples.ANALYZE)
            client.frame(wire.PING)
            while not client.pongs:
                client.pump(60)
            assert stream == 1
        share(run, count, count, writer, "a refused client")
        for client in busy:
            client.close()
        # A handler that never hears that its client left would hold the end up for the grace period of 10 s.
        status, took = daemon.end()
        run.expect(status == 0, f"SIGTERM: status {status}")
        run.expect(took < 8, f"SIGTERM took {took:.2f} s")
    return f"{count} clients beyond the limit of 64 read why; SIGTERM took {took:.2f} s"
