"""Calls of all kinds that take little time, and what must become of each."""

import contextlib
import random
import socket
import time

from .stand import PATIENCE, Broken, Client, Run, samples, wire

GENERATE, REMIX = samples.GENERATE, "riff.v1.Riff/Remix"
OPUS, PCM, NOTHING, WAV, FLAC = 1, 2, 3, 5, 6
RESOURCE_EXHAUSTED, CANCELLED, DEADLINE_EXCEEDED, UNAVAILABLE = 8, 1, 4, 14

_wav = samples.wav(1)
_picture = samples.png(96)


def generate(chance: random.Random, output: int, seconds: float = 1.28, steps: int = 1) -> bytes:
    return (wire.field(1, chance.choice(["bells", "jazz piano", "techno"])) + wire.field(4, chance.randrange(1000))
            + wire.field(5, steps) + wire.field(10, float(seconds))
            + wire.field(12, output) + wire.field(14, samples.DRAFT))


KINDS = ("status", "analyze", "render", "generate", "remix")


def any_call(chance: random.Random, kind: str | None = None) -> tuple[str, list[bytes]]:
    """A method and its messages."""
    kind = kind or chance.choices(KINDS, (3, 4, 3, 4, 1))[0]
    if kind == "status":
        return samples.STATUS, [b""]
    if kind == "analyze":
        return samples.ANALYZE, [wire.field(1, b""), wire.field(2, _wav)]
    if kind == "render":
        options = wire.field(2, chance.choice((OPUS, PCM, WAV, FLAC))) + wire.field(4, samples.DRAFT)
        return samples.RENDER, [wire.field(1, options), wire.field(2, _picture)]
    request = generate(chance, chance.choice((OPUS, PCM, NOTHING, WAV)))
    if kind == "generate":
        return GENERATE, [request]
    return REMIX, [wire.field(1, wire.field(1, request) + wire.field(2, 0.9)), wire.field(2, _wav)]


def request_bytes(method: str, messages: list[bytes], stream: int = 1) -> bytes:
    """All that a client says in a call; below 262,144 bytes it needs no credit."""
    out = wire.frame(wire.HEADERS, stream, wire.headers(method))
    for message in messages:
        for at in range(0, max(1, len(message)), 65_536):
            piece = message[at:at + 65_536]
            out += wire.frame(wire.MESSAGE, stream, piece, wire.LAST if at + 65_536 >= len(message) else 0)
    return out + wire.frame(wire.HALF_CLOSE, stream)


def one_call(run: Run, client: Client, chance: random.Random):
    """A call to its status: as asked for, left by CANCEL, or with a deadline."""
    method, messages = any_call(chance)
    manner = chance.choices(("whole", "cancelled", "late"), (8, 1, 1))[0]
    allowed = {0, RESOURCE_EXHAUSTED}
    deadline = time.monotonic() + 300
    while True:
        metadata = ()
        if manner == "late":
            metadata = (("grpc-timeout", f"{chance.randrange(1, 300)}m"),)
            allowed.add(DEADLINE_EXCEEDED)
        stream = client.open(method, *metadata)
        for message in messages:
            client.message(stream, message)
        if not client.streams[stream].ended:
            client.half_close(stream)
        if manner == "cancelled":
            allowed.add(CANCELLED)
            for _ in range(chance.randrange(4)):
                if not client.streams[stream].ended:
                    client.pump(120)
            # Crosses STATUS on the way or not.
            client.frame(wire.CANCEL, stream, wire.field(1, CANCELLED))
        state = client.finish(stream, 300)
        run.ended(state.code)
        if state.code not in allowed:
            run.find(f"{method}, {manner}: ended as {wire.CODES[state.code]}: {state.text}")
        del client.streams[stream]
        if state.code != RESOURCE_EXHAUSTED or time.monotonic() > deadline:
            return
        time.sleep(chance.uniform(0.2, 0.6))


def whole_call(run: Run, path: str, chance: random.Random, kind: str):
    """A call on a connection of its own, until there was room for it."""
    deadline = time.monotonic() + PATIENCE
    while True:
        with Client(path) as client:
            method, messages = any_call(chance, kind)
            stream = client.open(method)
            for message in messages:
                client.message(stream, message)
            if not client.streams[stream].ended:
                client.half_close(stream)
            state = client.finish(stream, PATIENCE)
        if state.code != RESOURCE_EXHAUSTED or time.monotonic() > deadline:
            return run.expect(state.code == 0, f"{kind}: ended as {wire.CODES[state.code]}: {state.text}")
        time.sleep(chance.uniform(0.2, 0.6))


def half_closed_call(run: Run, path: str, chance: random.Random, is_whole: bool):
    """A client that ends its direction of the socket: what it has asked for wholly goes on to its end."""
    method, messages = any_call(chance)
    if not is_whole:
        method, messages = samples.ANALYZE, [wire.field(1, b"")]
    with Client(path) as client:
        stream = client.open(method)
        # Nothing can be granted any more, and nothing is needed.
        client.streams[stream].returns_credit = False
        client.streams[stream].granted = 1 << 40
        for message in messages:
            client.message(stream, message)
        if is_whole:
            client.half_close(stream)
        client.socket.shutdown(socket.SHUT_WR)
        state = client.finish(stream, 300)
        run.ended(state.code)
        allowed = (0, RESOURCE_EXHAUSTED) if is_whole else (CANCELLED, RESOURCE_EXHAUSTED)
        run.expect(state.code in allowed,
                   f"{method}, half-closed: ended as {wire.CODES[state.code]}: {state.text}")
        try:
            client.pump(30)
            run.find(f"{method}, half-closed: more came after the only STATUS")
        except Broken as end:
            run.expect("closed the connection" in str(end), f"{method}, half-closed: {end}")


def leave(path: str, chance: random.Random):
    """A call whose client is gone at some point: before, in or after its request, or while the answer comes."""
    data = wire.PREFACE + request_bytes(*any_call(chance))
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(60)
        link.connect(path)
        if chance.random() < 0.5:
            link.sendall(data[:chance.randrange(len(data) + 1)])
        else:
            link.sendall(data)
            left = chance.choice((0, 8, 100, chance.randrange(20_000), 1 << 20))
            link.settimeout(chance.uniform(0.1, 2))
            with contextlib.suppress(TimeoutError):
                while left > 0 and (part := link.recv(min(left, 1 << 14))):
                    left -= len(part)
        if chance.random() < 0.5:
            time.sleep(chance.uniform(0, 0.2))
