"""One end of a connection, which checks all that it reads against framing.md."""

import select
import socket
import struct
import time

from . import wire
from .wire import Broken, Frame


class Stream:
    """What has come on a stream, and both directions' credit."""

    def __init__(self):
        self.headers: list | None = None
        self.messages: list[bytes] = []
        self.partial: bytes | None = None
        self.code: int | None = None
        self.text = ""
        self.trailers: list = []
        self.to_send = wire.INITIAL_CREDIT  # what we may send
        self.granted = wire.INITIAL_CREDIT  # what the other side may send
        self.returns_credit = True
        self.frames = 0

    @property
    def ended(self) -> bool:
        return self.code is not None


class Ended(Broken):
    """The other side closed the connection."""


class Silent(Broken):
    """Nothing came from the other side for as long as was waited for it."""


class Peer:
    """Reads and writes frames; `sender` is what the other side is.

    Nothing is waited for longer than `longest` seconds, whatever a method's `within` says.
    """

    def __init__(self, connected: socket.socket, sender: str, longest: float | None = None):
        self.socket = connected
        self.sender = sender
        self.longest = longest
        self.buffer = b""
        self.away: list[Frame] = []
        self.said = ""  # the last frame that was sent, in words

    def close(self):
        self.socket.close()

    def send(self, data: bytes, within: float = 10):
        self.socket.settimeout(within)
        try:
            self.socket.sendall(data)
        except TimeoutError:
            raise Broken(f"the {self.sender} did not read for {within:g} s") from None

    def frame(self, kind: int, stream: int = 0, payload: bytes = b"", **more):
        self.send(wire.frame(kind, stream, payload, **more))
        name = wire.NAMES[kind] if 0 < kind < len(wire.NAMES) else f"a frame of type {kind}"
        self.said = f"{name} on stream {stream}" if stream else name

    def wait(self, within: float) -> float:
        """So long, or as long as is waited at most."""
        return within if self.longest is None else min(within, self.longest)

    def take(self, count: int, within: float) -> bytes:
        deadline = time.monotonic() + within
        while len(self.buffer) < count:
            left = deadline - time.monotonic()
            if left <= 0 or not self.readable(left):
                behind = f" after {self.said}, the last frame that was sent to it" if self.said else ""
                raise Silent(f"nothing came from the {self.sender} for {within:.2g} s{behind}")
            try:
                more = self.socket.recv(1 << 16)
            except ConnectionResetError:
                more = b""
            if not more:
                raise Ended(f"the {self.sender} closed the connection"
                            + (" inside a frame" if self.buffer else "") + self.reason())
            self.buffer += more
        out, self.buffer = self.buffer[:count], self.buffer[count:]
        return out

    def reason(self) -> str:
        if not self.away:
            return ""
        payload = self.away[-1].payload
        number = wire.first(payload, 2, 0)
        name = wire.REASONS[number] if number < len(wire.REASONS) else str(number)
        return f" after GO_AWAY {name} ({wire.first(payload, 3, b'').decode()})"

    def preface(self, within: float = 5):
        try:
            got = self.take(8, self.wait(within))
        except Silent:
            raise Broken(f"section 1: no preface came from the {self.sender} in {self.wait(within):.2g} s") from None
        if got[:4] != wire.MAGIC or got[4:6] != b"\0\1":
            raise Broken(f"section 1: the preface of the {self.sender} is {got.hex(' ')}")

    def read(self, within: float = 5) -> Frame:
        within = self.wait(within)
        deadline = time.monotonic() + within
        length = struct.unpack(">I", head := self.take(4, within))[0]
        if not 8 <= length <= wire.MAXIMUM_LENGTH:
            raise Broken(f"section 2: a frame of {length} bytes from the {self.sender}")
        head += self.take(8, max(0.01, deadline - time.monotonic()))
        payload = self.take(length - 8, max(0.01, deadline - time.monotonic()))
        found = wire.parse(head, payload, self.sender)
        if found.type == wire.GO_AWAY:
            if self.away:
                before = wire.first(self.away[-1].payload, 1, 0)
                if wire.first(found.payload, 1, 0) > before:
                    raise Broken("section 8: last_stream has grown")
            self.away.append(found)
        return found

    def quiet(self, seconds: float) -> bool:
        """Whether nothing comes for so long."""
        return not self.buffer and not self.readable(seconds)

    def readable(self, seconds: float) -> bool:
        """Waits so long for something to read. Not by select(2), which takes descriptors below 1,024 only."""
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        return bool(poll.poll(seconds * 1000))


class Client(Peer):
    """The client's end, for the cases that try a server."""

    def __init__(self, path: str, preface: bytes = wire.PREFACE, longest: float | None = None):
        connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connected.connect(path)
        super().__init__(connected, "server", longest)
        self.streams: dict[int, Stream] = {}
        self.next = 1
        self.pongs: list[Frame] = []
        if preface:
            self.send(preface)
            self.preface()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def open(self, method: str, *metadata, stream: int | None = None) -> int:
        number = self.next if stream is None else stream
        self.open_raw(number, wire.headers(method, *metadata))
        return number

    def open_raw(self, number: int, payload: bytes):
        self.streams[number] = Stream()
        self.next = max(self.next, number + 2)
        self.frame(wire.HEADERS, number, payload)

    def message(self, stream: int, data: bytes, last: bool = True):
        """A whole message or a fragment, in pieces of 64 KiB, waiting for credit."""
        state = self.streams[stream]
        while True:
            while state.to_send < min(max(1, len(data)), 65_536):
                if state.ended:
                    return
                self.pump(5)
            piece, data = data[:65_536], data[65_536:]
            state.to_send -= max(1, len(piece))
            self.frame(wire.MESSAGE, stream, piece,
                       flags=wire.LAST if last and not data else 0)
            if not data:
                return

    def half_close(self, stream: int):
        self.frame(wire.HALF_CLOSE, stream)

    def grant(self, stream: int, count: int):
        self.streams[stream].granted += count
        self.frame(wire.CREDIT, stream, wire.field(1, count))

    def pump(self, within: float = 5) -> Frame:
        """Reads one frame and holds it against section 3's order and section 5's credit."""
        found = self.read(within)
        if found.type == wire.PING:
            if found.flags & wire.ACK:
                self.pongs.append(found)
            else:
                self.frame(wire.PING, 0, found.payload, flags=wire.ACK)
            return found
        if found.type == wire.GO_AWAY:
            return found
        state = self.streams.get(found.stream)
        if state is None:
            raise Broken(f"section 3: {found}, which was never opened")
        if state.ended:
            raise Broken(f"section 3: {found} after STATUS")
        state.frames += 1
        if found.type == wire.CREDIT:
            state.to_send += wire.first(found.payload, 1)
            if state.to_send > wire.MAXIMUM_CREDIT:
                raise Broken("section 5: more credit than 2^31 - 1")
        elif found.type == wire.HEADERS:
            if state.headers is not None:
                raise Broken("section 9: HEADERS of the server twice")
            if wire.first(found.payload, 1, b""):
                raise Broken("section 4: a method in the server's HEADERS")
            state.headers = wire.check_metadata(
                [value for number, value in wire.fields(found.payload) if number == 2])
        elif found.type == wire.MESSAGE:
            self.take_fragment(state, found)
        elif found.type == wire.STATUS:
            state.code = wire.first(found.payload, 1, 0)
            state.text = wire.first(found.payload, 2, b"").decode()
            state.trailers = wire.check_metadata(
                [value for number, value in wire.fields(found.payload) if number == 3])
            if state.code >= len(wire.CODES):
                raise Broken(f"section 4: STATUS {state.code}")
            if state.code == wire.OK and state.partial is not None:
                raise Broken("section 9: STATUS OK inside a message")
        return found

    def take_fragment(self, state: Stream, found: Frame):
        if state.headers is None:
            raise Broken("section 3: MESSAGE before the server's HEADERS")
        state.granted -= found.cost
        if state.granted < 0:
            raise Broken(f"section 5: {-state.granted} bytes beyond the credit that was granted")
        state.partial = (state.partial or b"") + found.payload
        if found.last:
            state.messages.append(state.partial)
            state.partial = None
        if state.returns_credit:
            self.grant(found.stream, found.cost)

    def finish(self, stream: int, within: float = 20) -> Stream:
        """Reads until the stream's STATUS."""
        within = self.wait(within)
        deadline = time.monotonic() + within
        while not self.streams[stream].ended:
            try:
                self.pump(max(0, deadline - time.monotonic()))
            except Ended as end:
                raise Broken(f"{end}, before the STATUS of stream {stream}") from None
            except Silent:
                raise Broken(f"no STATUS on stream {stream} in {within:.2g} s") from None
        return self.streams[stream]

    def call(self, method: str, *messages: bytes, metadata=()) -> Stream:
        stream = self.open(method, *metadata)
        for message in messages:
            self.message(stream, message)
        self.half_close(stream)
        return self.finish(stream)

    def expect(self, stream: int, code: int, within: float = 20) -> Stream:
        """STATUS with this code."""
        state = self.finish(stream, within)
        if state.code != code:
            raise Broken(f"stream {stream} ended as {name(state.code)} ({state.text}), "
                         f"not {name(code)}")
        return state

    def expect_away(self, reason: int, within: float = 5):
        """GO_AWAY with this reason, then the end of the connection."""
        within = self.wait(within)
        deadline = time.monotonic() + within
        try:
            while True:
                self.pump(max(0, deadline - time.monotonic()))
        except Ended:
            pass
        except Silent:
            missing = "the end of the connection behind its GO_AWAY" if self.away \
                else f"a GO_AWAY {wire.REASONS[reason]}"
            raise Broken(f"{missing} did not come in {within:.2g} s") from None
        if not self.away:
            raise Broken(f"the connection ended without GO_AWAY {wire.REASONS[reason]}")
        got = wire.first(self.away[-1].payload, 2, 0)
        if got != reason:
            raise Broken(f"wanted {wire.REASONS[reason]}, but the connection ended" + self.reason())
        if not wire.first(self.away[-1].payload, 3, b""):
            raise Broken("section 9: GO_AWAY without a message")

    def expect_ping(self):
        """The connection still answers PING."""
        self.frame(wire.PING, 0, b"\x09" + bytes(range(8)))
        count = len(self.pongs)
        while len(self.pongs) == count:
            try:
                self.pump()
            except Ended as end:
                raise Broken(f"the connection should go on, but {end}") from None
            except Silent:
                raise Broken("the connection should go on, but its PING is not answered") from None

    def expect_alive(self):
        """The connection still answers PING and takes up calls."""
        self.expect_ping()
        status(self)


def status(client: Client) -> Stream:
    """The one call every server has: riff.v1.Riff/Status."""
    answer = client.call("riff.v1.Riff/Status", b"")
    if answer.code != wire.OK or len(answer.messages) != 1:
        raise Broken(f"riff.v1.Riff/Status ended as {name(answer.code)} with "
                     f"{len(answer.messages)} messages ({answer.text})")
    return answer


def name(code: int) -> str:
    return wire.CODES[code]
