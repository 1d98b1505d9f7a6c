"""SIGTERM and kill -9 at every stage of a job."""

import os
import signal
import time

from . import calls
from .stand import PATIENCE, Broken, Client, Daemon, Run, samples, wire

QUEUED, LOADING, DENOISING, DECODING, SOUND, ENCODING = 1, 2, 3, 4, 5, 6
STAGES = {"half an upload": None, "queued": QUEUED, "loading": LOADING, "encoding": ENCODING,
          "denoising": DENOISING, "decoding": DECODING, "sound": SOUND, "idle": 0}
MANNERS = {"SIGTERM": ("--grace", "60"), "SIGTERM, no grace": ("--grace", "0"), "SIGKILL": ()}


def begin(client: Client, chance) -> int:
    """A Remix of a clip, which goes through every stage."""
    request = (wire.field(1, "bells") + wire.field(4, 1) + wire.field(5, 10) + wire.field(12, calls.PCM)
               + wire.field(14, samples.DRAFT))
    stream = client.open(calls.REMIX)
    client.message(stream, wire.field(1, wire.field(1, request) + wire.field(2, chance.uniform(0.5, 1))))
    return stream


def reached(client: Client, stream: int, stage: int) -> bool:
    """Reads until the job is in a stage, or past it."""
    order = (QUEUED, LOADING, ENCODING, DENOISING, DECODING, SOUND)
    state, seen = client.streams[stream], 0
    while not state.ended:
        for message in state.messages[seen:]:
            seen += 1
            progress = wire.first(message, 1)
            if isinstance(progress, bytes) and order.index(wire.first(progress, 1, 1)) >= order.index(stage):
                return True
        client.pump(PATIENCE)
    return False


def one(run: Run, where: str, stage: int | None, manner: str, at: int):
    arguments = MANNERS[manner]
    name = f"end-{at}"
    with Daemon(run, *arguments, name=name) as daemon:
        clients, ended, lost = [], [], 0
        for _ in range(1 if stage != QUEUED else 3):
            client = Client(daemon.socket)
            clients.append(client)
            if stage == 0:
                continue
            stream = begin(client, run.chance)
            clip = samples.wav(5)
            for piece in range(0, len(clip), 64 << 10):
                if stage is None and piece > len(clip) // 2:
                    break
                client.message(stream, wire.field(2, clip[piece:piece + (64 << 10)]))
            if stage is not None:
                client.half_close(stream)
        if stage:
            # Each of them: a call that the daemon has not seen before SIGTERM is refused, and rightly so.
            for client in clients:
                run.expect(reached(client, 1, stage), f"{manner}, {where}: the job ends before")
        number = signal.SIGKILL if manner == "SIGKILL" else signal.SIGTERM
        daemon.process.send_signal(number)
        if stage is None and manner == "SIGTERM":
            clients[0].half_close(1)  # not whole, but a file that can be read
        for client in clients:
            if stage == 0:
                continue
            try:
                state = client.finish(1, 90)
                ended.append(state.code)
                run.ended(state.code)
                try:
                    while True:
                        client.pump(PATIENCE)
                except (Broken, OSError) as error:
                    run.expect("closed the connection" in str(error) or isinstance(error, OSError),
                               f"{manner}, {where}: after STATUS: {error}")
            except (Broken, OSError) as error:
                lost += 1
                run.ended(None)
                run.expect(manner == "SIGKILL", f"{manner}, {where}: {error}")
            client.close()
            run.jobs += 1
        allowed = {"SIGTERM": {0}, "SIGTERM, no grace": {0, calls.UNAVAILABLE}, "SIGKILL": {0}}[manner]
        run.expect(set(ended) <= allowed,
                   f"{manner}, {where}: ended as {[wire.CODES[code] for code in ended]}")
        for client in clients:
            client.close()
        try:
            status = daemon.process.wait(90)
        except Exception:  # noqa: BLE001
            status = None
        expected = -signal.SIGKILL if manner == "SIGKILL" else 0
        run.expect(status == expected, f"{manner}, {where}: the daemon ended with {status}: {daemon.tail()}")
        left = os.listdir(daemon.spool)
        run.expect(not left, f"{manner}, {where}: {left} are left of uploads")
        if manner != "SIGKILL":
            run.expect(not os.path.exists(daemon.socket), f"{manner}, {where}: the socket is left")
        socket = daemon.socket
    # The next one takes the place over, whatever was left there.
    with Daemon(run, name=name) as daemon:
        assert daemon.socket == socket
        with Client(daemon.socket) as client:
            run.expect(client.call(samples.STATUS, b"").code == 0, f"{manner}, {where}: the next daemon")
        run.expect(daemon.end()[0] == 0, f"{manner}, {where}: the next daemon's end")


def endings(run: Run) -> str:
    began = time.monotonic()
    cases = [(where, stage, manner) for where, stage in STAGES.items() for manner in MANNERS]
    for at, (where, stage, manner) in enumerate(cases):
        one(run, where, stage, manner, at)
    return (f"{len(STAGES)} stages ended by {', '.join(MANNERS)} in {time.monotonic() - began:.0f} s, "
            "each job in one status or with its connection")
