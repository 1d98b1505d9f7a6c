"""Cases that try a client: right and hostile answers to a command that makes one call."""

import os
import select
import signal
import socket
import subprocess
import tempfile
import time

from . import samples, wire
from .peer import Ended, Peer, Silent
from .suite import Skipped, Suite
from .wire import Broken

suite = Suite()

# riff.v1: StatusResponse and JobEvents that a client may show.
VERSION = "conformance-1.0"
STATUS_ANSWER = wire.field(1, VERSION) + wire.field(2, 1) + wire.field(4, 2)
STARTED = wire.field(6, wire.field(1, 1) + wire.field(2, 7) + wire.field(3, "m"))
DONE = wire.field(5, wire.field(1, 7) + wire.field(2, 48_000) + wire.field(3, 1) + wire.field(5, 1))


def audio(data: bytes) -> bytes:
    return wire.field(3, data)


class Server(Peer):
    """The server's end."""

    def __init__(self, connected: socket.socket):
        super().__init__(connected, "client")
        self.stream = 0
        self.method = ""
        self.requests: list[bytes] = []
        self.partial = b""
        self.half_closed = False
        self.to_send = wire.INITIAL_CREDIT
        self.granted = wire.INITIAL_CREDIT
        self.returns_credit = True
        self.cancelled: int | None = None
        self.pongs: list[bytes] = []

    def pump(self, within: float = 10) -> wire.Frame:
        found = self.read(within)
        if found.type == wire.HEADERS:
            if found.stream <= self.stream:
                raise Broken(f"section 3: {found} after stream {self.stream}")
            if self.stream:
                raise Broken("the command makes more than one call")
            self.stream = found.stream
            self.method = (wire.first(found.payload, 1) or b"").decode()
        elif found.type in (wire.PING, wire.GO_AWAY):
            if found.type == wire.PING and found.flags:
                self.pongs.append(found.payload)
            elif found.type == wire.PING:
                self.frame(wire.PING, 0, found.payload, flags=wire.ACK)
        elif found.stream != self.stream:
            raise Broken(f"section 3: {found}, which it never opened")
        elif found.type == wire.CREDIT:
            self.to_send += wire.first(found.payload, 1)
            if self.to_send > wire.MAXIMUM_CREDIT:
                raise Broken("section 5: more credit than 2^31 - 1")
        elif found.type == wire.CANCEL:
            self.cancelled = wire.first(found.payload, 1)
        elif self.half_closed:
            raise Broken(f"section 3: {found} after HALF_CLOSE")
        elif self.cancelled is not None:
            raise Broken(f"section 7: {found} after CANCEL")
        elif found.type == wire.HALF_CLOSE:
            if self.partial:
                raise Broken("section 9: HALF_CLOSE inside a message")
            self.half_closed = True
        elif found.type == wire.MESSAGE:
            self.granted -= found.cost
            if self.granted < 0:
                raise Broken(f"section 5: {-self.granted} bytes beyond the credit that was granted")
            self.partial += found.payload
            if found.last:
                self.requests.append(self.partial)
                self.partial = b""
            if self.returns_credit:
                self.grant(found.cost)
        return found

    def grant(self, count: int):
        self.granted += count
        self.frame(wire.CREDIT, self.stream, wire.field(1, count))

    def request(self, method: str | None = None):
        """Reads until the client has half-closed."""
        while not self.half_closed:
            self.pump()
        if method and self.method != method:
            raise Broken(f"the command calls {self.method}, not {method}")

    def headers(self, payload: bytes = b""):
        self.frame(wire.HEADERS, self.stream, payload)

    def message(self, data: bytes, pieces: int = 65_536, last: bool = True):
        """A message in fragments, within the client's credit."""
        while True:
            piece, data = data[:pieces], data[pieces:]
            while self.to_send < max(1, len(piece)):
                self.pump()
            self.to_send -= max(1, len(piece))
            self.frame(wire.MESSAGE, self.stream, piece, flags=wire.LAST if last and not data else 0)
            if not data:
                return

    def status(self, payload: bytes = b""):
        self.frame(wire.STATUS, self.stream, payload)

    def drain(self, within: float = 5):
        """Reads what the client still sends, to its end."""
        deadline = time.monotonic() + within
        try:
            while time.monotonic() < deadline:
                self.pump(max(0, deadline - time.monotonic()))
        except (Ended, Silent):
            pass


class Run:
    """How the command ended, and how often it made its call."""

    def __init__(self, code: int, calls: int, output: bytes, errors: str):
        self.code = code
        self.calls = calls
        self.output = output
        self.errors = errors


class Target:
    def __init__(self, unary: str | None, stream: str | None, upload: str | None, within: float):
        self.commands = {"unary": unary, "stream": stream, "upload": upload}
        self.within = within

    def run(self, kind: str, serve, again=None) -> Run:
        """Runs the command against `serve`, a function of the accepted connection.

        `again` serves the second connection of a client that may make its call once more; it is also given the first.
        """
        command = self.commands[kind]
        if not command:
            raise Skipped(f"needs --{kind}")
        with tempfile.TemporaryDirectory(prefix="riff-conform-") as folder:
            path = os.path.join(folder, "riffd.sock")
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            listener.bind(path)
            os.chmod(path, 0o600)
            listener.listen(8)
            out, err = os.path.join(folder, "out"), os.path.join(folder, "err")
            with open(out, "wb") as output, open(err, "wb") as errors:
                process = subprocess.Popen(
                    command, shell=True, stdin=subprocess.DEVNULL, stdout=output, stderr=errors,
                    env=dict(os.environ, RIFF_SOCKET=path), cwd=folder, start_new_session=True)
            try:
                calls = self.serve(listener, process, serve, again)
                code = process.wait()
            finally:
                listener.close()
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
            result = Run(code, calls, open(out, "rb").read(), open(err, "rb").read().decode(errors="replace"))
        if code < 0 or code > 128 and code != 130 or "Traceback" in result.errors \
                or "Fatal error" in result.errors:
            raise Broken(f"the command crashed (status {code}): {result.errors[-2000:]}")
        return result

    def serve(self, listener: socket.socket, process: subprocess.Popen, serve, again) -> int:
        """Serves the command's connections until it ends. How often it made its call."""
        callers: list[Server] = []
        while connected := self.caller(listener, process):
            callers.append(Server(connected))
            try:
                if len(callers) == 1:
                    serve(callers[0])
                elif again and (len(callers) == 2 or again is serve and not callers[0].stream):
                    # Connections that end before the call is read may be tried more often.
                    again(callers[-1], callers[0])
                else:
                    raise Broken("section 8: the command makes its call again, though the server may have seen it"
                                 if not again else "section 8: the command makes its call a third time")
            except (BrokenPipeError, ConnectionResetError, Ended):
                pass  # the client has gone; its exit status tells
            finally:
                callers[-1].close()
        if not callers:
            raise Broken("the command ended without a call")
        return len(callers)

    def caller(self, listener: socket.socket, process: subprocess.Popen) -> socket.socket | None:
        """The next connection that brings something; None once the command has ended."""
        deadline = time.monotonic() + self.within
        while True:  # a client may first try whether anybody listens
            has_ended = process.poll() is not None
            if select.select([listener], [], [], 0 if has_ended else 0.02)[0]:
                connected, _ = listener.accept()
                if select.select([connected], [], [], max(0, deadline - time.monotonic()))[0] \
                        and connected.recv(1, socket.MSG_PEEK):
                    return connected
                connected.close()
            elif has_ended:
                return None
            elif time.monotonic() >= deadline:
                raise Broken(f"the command has neither called nor ended after {self.within:g} s")


def client_case(name: str, sections: str, promise: str, kind: str, expects, level: str = "must",
                said: str = "", again=None, repeated: str = "failure"):
    """Adds a case. `expects`: "success", "failure" or "any" (ends, without a crash).

    Of a client that makes its call once more, to `again` (see `Target.run`), `repeated` and `said` are expected.
    """
    def add(serve):
        def run(target: Target):
            result = target.run(kind, serve, again)
            awaited = repeated if result.calls == 2 else expects
            words = said if result.calls == 2 or not again else ""
            if awaited == "success" and result.code != 0:
                raise Broken(f"the command failed ({result.code}): {result.errors[-2000:]}")
            if awaited == "failure" and result.code == 0:
                raise Broken("the command reports success")
            if words and words not in result.errors + result.output.decode(errors="replace"):
                raise Broken(f"{words!r} is not in what the command says: {result.errors[-2000:]}")
        suite.case(name, sections, promise, level)(run)
        return serve
    return add


def unary(name, sections, promise, expects, level="must", said="", **more):
    return client_case(name, sections, promise, "unary", expects, level, said, **more)


def stream(name, sections, promise, expects, level="must", said="", **more):
    return client_case(name, sections, promise, "stream", expects, level, said, **more)


def upload(name, sections, promise, expects, level="must", said="", **more):
    return client_case(name, sections, promise, "upload", expects, level, said, **more)


def greet(server: Server):
    server.send(wire.PREFACE)
    server.preface()


def answered(server: Server):
    """Up to the answer: prefaces, the request, HEADERS."""
    greet(server)
    server.request(samples.STATUS)
    server.headers()


def finish(server: Server, data: bytes = STATUS_ANSWER):
    server.message(data)
    server.status()
    server.drain()


# Right answers


@unary("1.call", "1, 3", "a call succeeds, and its answer is shown", "success", said=VERSION)
def call(server):
    answered(server)
    finish(server)


@unary("1.preface-at-once", "1", "the client's preface comes without waiting for the server's",
       "success", said=VERSION)
def preface_at_once(server):
    server.preface()
    server.send(wire.PREFACE)
    server.request()
    server.headers()
    finish(server)


@unary("1.byte-by-byte", "1", "a reader collects until a preface or a frame is complete", "success",
       said=VERSION)
def byte_by_byte(server):
    for byte in wire.PREFACE:
        server.send(bytes([byte]))
        time.sleep(0.001)
    server.preface()
    server.request()
    for byte in (wire.frame(wire.HEADERS, server.stream)
                 + wire.frame(wire.MESSAGE, server.stream, STATUS_ANSWER, flags=wire.LAST)
                 + wire.frame(wire.STATUS, server.stream)):
        server.send(bytes([byte]))
        time.sleep(0.001)
    server.drain()


@unary("1.all-at-once", "1", "the whole answer in one piece, and the end of the connection behind it",
       "success", said=VERSION)
def all_at_once(server):
    greet(server)
    server.request()
    server.send(wire.frame(wire.HEADERS, server.stream)
                + wire.frame(wire.MESSAGE, server.stream, STATUS_ANSWER, flags=wire.LAST)
                + wire.frame(wire.STATUS, server.stream))


@unary("2.unknown-type", "2", "unknown types are skipped, whatever their flags and stream", "success",
       said=VERSION)
def unknown_type(server):
    junk = b"".join(wire.frame(kind, stream, b"\xff" * 9, flags=0xFF)
                    for kind in (0, 9, 255) for stream in (0, 1, 2, 77))
    greet(server)
    server.send(junk)
    server.request()
    server.send(junk)
    server.headers()
    server.send(junk)
    server.message(STATUS_ANSWER[:9], last=False)
    server.send(junk)
    server.message(STATUS_ANSWER[9:])
    server.send(junk)
    server.status()
    server.drain()


@unary("2.length-maximum", "2, 10", "a frame of exactly 1 MiB is read", "success", said=VERSION)
def length_maximum(server):
    answered(server)
    server.frame(99, 0, bytes(wire.MAXIMUM_LENGTH - 8))
    finish(server)


@unary("2.unknown-fields", "2", "unknown protobuf fields are skipped in every payload", "success",
       said=VERSION)
def unknown_fields(server):
    surplus = wire.field(15, "a field of a later version") + wire.field(99, 7)
    greet(server)
    server.request()
    server.headers(surplus + wire.field(2, wire.metadatum("k", "v") + surplus))
    server.message(STATUS_ANSWER + wire.field(500, 7) + wire.field(501, "later"))
    server.status(surplus)
    server.drain()


@unary("11.minor", "11", "a higher minor version is no obstacle", "success", said=VERSION)
def minor(server):
    server.send(wire.MAGIC + b"\0\1\0\x63")
    server.preface()
    server.request()
    server.headers()
    finish(server)


@unary("3.fragments", "3, 5", "a message in fragments of a byte, the last one empty", "success",
       said=VERSION)
def fragments(server):
    answered(server)
    server.message(STATUS_ANSWER, 1, last=False)
    finish(server, b"")


@unary("4.metadata", "4", "metadata in HEADERS and STATUS does no harm", "success", said=VERSION)
def metadata(server):
    greet(server)
    server.request()
    entries = [("k", "1"), ("k", "2"), ("e", ""), ("b-bin", b"\0\xff"), ("grpc-unheard-of", "x")]
    server.headers(wire.headers("", *entries))
    server.message(STATUS_ANSWER)
    server.status(wire.status(0, "", *entries))
    server.drain()


@unary("4.limits", "4, 10", "HEADERS of 256 entries and STATUS of 65,536 bytes are taken", "success",
       said=VERSION)
def limits(server):
    greet(server)
    server.request()
    server.headers(wire.headers("", *[("k", "v")] * 256))
    server.message(STATUS_ANSWER)
    rest = len(wire.status(0, "", ("k", "v" * 40_000))) - 40_000
    server.status(wire.status(0, "", ("k", "v" * (65_536 - rest))))
    server.drain()


@unary("5.large-message", "5", "a message larger than all credit: the client gives that of fragments back",
       "success", said=VERSION)
def large_message(server):
    answered(server)
    server.message(STATUS_ANSWER + wire.field(500, bytes(3 << 20)))
    server.status()
    server.drain()


@unary("5.whole-credit", "5", "a message of exactly the credit at the start", "success", said=VERSION)
def whole_credit(server):
    answered(server)
    rest = len(STATUS_ANSWER + wire.field(500, bytes(200_000))) - 200_000
    server.message(STATUS_ANSWER + wire.field(500, bytes(wire.INITIAL_CREDIT - rest)), 1 << 18)
    server.status()
    server.drain()


@unary("8.ping", "8", "PING comes back with ACK and the same payload", "success", said=VERSION)
def ping(server):
    answered(server)
    for payload in (b"", b"\x09" + bytes(range(8)), b"\x09" + bytes(8) + wire.field(15, "later")):
        server.frame(wire.PING, 0, payload)
        while not server.pongs:
            server.pump()
        if server.pongs.pop() != payload:
            raise Broken(f"section 8: the answer to PING {payload.hex(' ')} is another one")
    finish(server)


@unary("8.pong", "8", "a PING with ACK that nobody asked for is skipped", "success", said=VERSION)
def pong(server):
    answered(server)
    server.frame(wire.PING, 0, b"\x09" + bytes(8), flags=wire.ACK)
    finish(server)


@unary("8.shutdown", "8", "after GO_AWAY SHUTDOWN streams up to last_stream go on", "success",
       said=VERSION)
def shutdown(server):
    answered(server)
    for last in (server.stream + 100, server.stream):
        server.frame(wire.GO_AWAY, 0, wire.go_away(wire.SHUTDOWN, "shutting down", last))
    finish(server)


@unary("3.credit-for-nothing", "3, 5", "CREDIT after HALF_CLOSE crosses, and does no harm", "success",
       said=VERSION)
def credit_for_nothing(server):
    answered(server)
    server.grant(1)
    finish(server)


@stream("3.stream", "3, 5", "a stream of messages in fragments of all sizes", "success")
def streamed(server):
    greet(server)
    server.request(samples.GENERATE)
    server.headers()
    server.message(STARTED)
    for size in (1, 2, 60_000, 300_000, 17):
        server.message(audio(b"OggS" + bytes(size)), 9_999)
    server.message(wire.field(4, "a warning"))
    server.message(DONE, 3)
    server.status()
    server.drain()


@stream("5.long-stream", "5", "credit comes back for what the client has taken: 4 MiB in all",
        "success")
def long_stream(server):
    greet(server)
    server.request()
    server.headers()
    server.message(STARTED)
    for _ in range(128):
        server.message(audio(bytes(32_768)))
    server.message(DONE)
    server.status()
    server.drain()


@upload("5.upload-credit", "5", "an upload stops where its credit ends, and goes on with more",
        "failure", said="enough")
def upload_credit(server):
    greet(server)
    server.returns_credit = False
    while not server.stream or server.granted > 65_536:
        server.pump()
    while True:
        try:
            server.pump(0.5)
        except Silent:
            break
    server.grant(wire.INITIAL_CREDIT - server.granted)
    server.returns_credit = True
    for _ in range(20):
        if not server.half_closed:
            server.pump()
    server.status(wire.status(wire.INVALID_ARGUMENT, "enough"))
    server.drain()


# Failures that the client must report


for code in range(1, 17):
    @unary(f"4.code-{code}", "4", f"STATUS {wire.CODES[code]} is a failure, and its message is shown",
           "failure", said="a reason in words")
    def failing(server, code=code):
        greet(server)
        server.request()
        server.status(wire.status(code, "a reason in words"))
        server.drain()

for code, label in ((17, "17"), (99, "99"), ((1 << 32) - 1, "2-32")):
    @unary(f"4.code-{label}", "4", "a code that is not in the table reads as UNKNOWN", "failure",
           said="a reason in words")
    def unheard_of(server, code=code):
        answered(server)
        server.status(wire.status(code, "a reason in words"))
        server.drain()


@unary("4.details", "4", "a failure with details", "failure", said="steps: a reason in words")
def details(server):
    greet(server)
    server.request()
    violation = wire.field(1, wire.field(1, "steps") + wire.field(2, "a reason in words"))
    detail = wire.field(1, "type.googleapis.com/google.rpc.BadRequest") + wire.field(2, violation)
    told = wire.field(1, 3) + wire.field(2, "steps: a reason in words") + wire.field(3, detail)
    server.status(wire.status(3, "steps: a reason in words", ("grpc-status-details-bin", told)))
    server.drain()


@unary("4.details-garbage", "4", "details that are not protobuf do not hide the failure", "failure",
       said="a reason in words")
def details_garbage(server):
    greet(server)
    server.request()
    server.status(wire.status(3, "a reason in words", ("grpc-status-details-bin", b"\xff" * 20)))
    server.drain()


@stream("3.status-amid", "3", "a failure after messages, amid one of them", "failure",
        said="disk full")
def status_amid(server):
    greet(server)
    server.request()
    server.headers()
    server.message(STARTED)
    server.message(audio(b"OggS"), last=False)
    server.status(wire.status(8, "disk full"))
    server.drain()


def goes_below(server, first=None):
    greet(server)
    server.request()
    server.frame(wire.GO_AWAY, 0, wire.go_away(wire.SHUTDOWN, "shutting down", 0))
    server.drain()


def answers_same(server, first):
    """The second connection of a client that makes its call again."""
    answered(server)
    if server.requests != first.requests:
        raise Broken("section 8: the call that is made again has other messages")
    finish(server)


unary("8.shutdown-below", "8", "GO_AWAY SHUTDOWN below the call, and below the call made again, if it is: UNAVAILABLE",
      "failure", again=goes_below)(goes_below)
unary("8.shutdown-below-once", "8", "a call above last_stream may be made again, whole, on a new connection",
      "failure", said=VERSION, again=answers_same, repeated="success")(goes_below)


@unary("8.shutdown-below-seen", "8", "a call of which something has come is not made again", "failure")
def goes_below_seen(server):
    answered(server)
    server.frame(wire.GO_AWAY, 0, wire.go_away(wire.SHUTDOWN, "shutting down", 0))
    server.drain()


def takes_all(server, first):
    greet(server)
    server.request()
    if server.requests[:len(first.requests)] != first.requests:
        raise Broken("section 8: the upload that is made again begins otherwise")
    server.status(wire.status(wire.INVALID_ARGUMENT, "all of it"))
    server.drain()


@upload("8.shutdown-below-upload", "8", "an upload that waits for credit may be made again, from its beginning",
        "failure", said="all of it", again=takes_all)
def goes_below_upload(server):
    greet(server)
    server.returns_credit = False
    while not server.stream or server.granted > 65_536:
        server.pump()
    server.frame(wire.GO_AWAY, 0, wire.go_away(wire.SHUTDOWN, "shutting down", 0))
    server.drain()


for reason in (wire.PROTOCOL_ERROR, wire.VERSION, wire.FRAME_TOO_LARGE, wire.PERMISSION_DENIED,
               wire.OVERLOADED, 0, 99):
    label = wire.REASONS[reason].lower().replace("_", "-") if reason < 7 else "unheard-of"
    for when in ("first", "later"):
        @unary(f"9.away-{label}-{when}", "8, 9",
               "GO_AWAY with a reason ends the call, and its message is shown", "failure",
               said="a reason in words")
        def away(server, reason=reason, when=when):
            greet(server)
            if when == "later":
                server.request()
                server.headers()
            server.frame(wire.GO_AWAY, 0, wire.go_away(reason, "a reason in words"))
            if when == "later":
                server.drain()
            else:
                time.sleep(0.05)
                server.socket.shutdown(socket.SHUT_WR)
                server.drain()


@upload("9.away-amid-upload", "9", "a client whose write fails reads why", "failure", level="should",
        said="a reason in words")
def away_amid_upload(server):
    greet(server)
    while len(server.requests) < 2:
        server.pump()
    server.frame(wire.GO_AWAY, 0, wire.go_away(wire.OVERLOADED, "a reason in words"))
    server.socket.shutdown(socket.SHUT_RDWR)


@upload("3.status-amid-upload", "3", "STATUS ends the call before its upload is complete", "failure",
        said="a reason in words")
def status_amid_upload(server):
    greet(server)
    server.returns_credit = False
    while len(server.requests) < 2:
        server.pump()
    server.status(wire.status(wire.INVALID_ARGUMENT, "a reason in words"))
    server.drain()


def cut(name: str, promise: str, data, when: str = "answer"):
    def lost(server, first=None):
        if when == "preface":
            server.send(data)
            return
        greet(server)
        server.request()
        server.send(data.replace(b"STRM", server.stream.to_bytes(4, "big")))

    unary(f"8.lost-{name}", "8", promise, "failure", again=lost if when == "preface" else None)(lost)


STREAM = int.from_bytes(b"STRM", "big")
cut("before-preface", "the connection ends before the preface, every time that the call is made", b"", "preface")
cut("in-preface", "the connection ends inside the preface, every time", wire.PREFACE[:5], "preface")


@unary("8.lost-before-preface-once", "1, 8", "a call that no preface answered may be made again", "failure",
       said=VERSION, again=lambda server, first: call(server), repeated="success")
def lost_once(server):
    pass


cut("before-answer", "the connection ends before the answer", b"")
cut("in-frame", "the connection ends inside a frame",
    wire.frame(wire.HEADERS, STREAM) + wire.frame(wire.MESSAGE, STREAM, STATUS_ANSWER)[:15])
cut("in-message", "the connection ends inside a message",
    wire.frame(wire.HEADERS, STREAM) + wire.frame(wire.MESSAGE, STREAM, STATUS_ANSWER))
cut("before-status", "the connection ends before STATUS",
    wire.frame(wire.HEADERS, STREAM) + wire.frame(wire.MESSAGE, STREAM, STATUS_ANSWER, flags=1))


@stream("8.lost-stream", "8", "a stream that is cut is not a success", "failure")
def lost_stream(server):
    greet(server)
    server.request()
    server.headers()
    server.message(STARTED)
    server.message(audio(b"OggS" + bytes(1000)))


# Bytes that a client must not misread


def hostile(name: str, promise: str, opening: bytes = wire.PREFACE, data: bytes = b""):
    @unary(f"9.{name}", "9", promise, "failure")
    def serve(server):
        server.send(opening)
        server.preface()
        if data:
            server.request()
            server.headers()
            server.send(data)
            server.message(STATUS_ANSWER)
            server.status()
        server.drain()


hostile("magic", "a preface of something else", b"HTTP/1.1 400 Bad Request\r\n\r\n")
hostile("magic-zeros", "a preface of zeros", bytes(8))
hostile("major-0", "another major version", wire.MAGIC + bytes(4))
hostile("major-2", "another major version", wire.MAGIC + b"\0\2\0\0")
for length in (0, 7, wire.MAXIMUM_LENGTH + 1, 0xFFFFFFFF):
    hostile(f"length-{length}", "a length below 8 or above 1 MiB", data=length.to_bytes(4, "big"))
hostile("zero-field", "the zero field is not zero", data=wire.frame(wire.PING, 0, zero=1))
hostile("unknown-type-zero", "the zero field of an unknown type is checked",
        data=wire.frame(99, 0, zero=0x8000))


# What a client may pass over: it ends, whether well or not, and does not crash


def odd(name: str, sections: str, promise: str, *frames):
    """`frames` come between HEADERS and the answer; None for the stream is the call's own."""
    @unary(f"9.may-{name}", sections, promise + ": the client may pass over it", "any")
    def serve(server):
        answered(server)
        for kind, number, payload, flags in frames:
            server.frame(kind, server.stream if number is None else number, payload, flags=flags)
        finish(server)


for kind in (wire.HALF_CLOSE, wire.CANCEL):
    odd(wire.NAMES[kind].lower().replace("_", "-"), "9", "HALF_CLOSE or CANCEL from the server",
        (kind, None, b"", 0))
for kind, payload in ((wire.HEADERS, b""), (wire.MESSAGE, b"x"), (wire.STATUS, b""),
                      (wire.CREDIT, wire.field(1, 1))):
    label = wire.NAMES[kind].lower()
    odd(f"unopened-{label}", "9", "a frame on a stream that was never opened", (kind, 77, payload, 0))
    odd(f"even-{label}", "9", "an even stream", (kind, 2, payload, 0))
    odd(f"zero-{label}", "9", "stream 0 where an odd one is due", (kind, 0, payload, 0))
    odd(f"flag-{label}", "9", "a flag that the type does not have", (kind, None, payload, 0x80))
for kind in (wire.HEADERS, wire.STATUS, wire.CREDIT, wire.PING, wire.GO_AWAY):
    number = 0 if kind in wire.ON_CONNECTION else None
    odd(f"garbage-{wire.NAMES[kind].lower().replace('_', '-')}", "9",
        "a control payload that is not protobuf", (kind, number, b"\xff\xff\x0a\x7f", 0))
odd("ping-on-stream", "9", "PING on an odd stream", (wire.PING, 1, b"", 0))
odd("headers-twice", "9", "the server's HEADERS twice", (wire.HEADERS, None, b"", 0))
odd("empty-fragment", "9", "an empty fragment without LAST", (wire.MESSAGE, None, b"", 0))
odd("credit-zero", "9", "CREDIT of 0", (wire.CREDIT, None, wire.field(1, 0), 0))
odd("credit-too-much", "9", "CREDIT beyond 2^31 - 1 in all",
    (wire.CREDIT, None, wire.field(1, wire.MAXIMUM_CREDIT), 0),
    (wire.CREDIT, None, wire.field(1, wire.MAXIMUM_CREDIT), 0))
odd("two-messages", "9", "two responses of a method of one",
    (wire.MESSAGE, None, STATUS_ANSWER, wire.LAST))
odd("not-protobuf", "9", "a response that is not protobuf", (wire.MESSAGE, None, b"\xff" * 9, wire.LAST))
odd("ok-inside", "9", "STATUS OK inside a message", (wire.MESSAGE, None, b"\x0a", 0),
    (wire.STATUS, None, b"", 0))
odd("metadata", "4, 9", "metadata that section 4 does not allow",
    (wire.HEADERS, None, wire.headers("", ("K", "v"), ("k", b"v"), ("x-bin", "v"), ("", "\0")), 0))
odd("headers-large", "9, 10", "HEADERS of a whole frame",
    (wire.HEADERS, None, wire.headers("", ("k", "v" * 1_000_000)), 0))
odd("after-status", "3", "frames after STATUS", (wire.MESSAGE, None, STATUS_ANSWER, wire.LAST),
    (wire.STATUS, None, b"", 0), (wire.MESSAGE, None, b"x", 0), (wire.STATUS, None, b"", 0))


@unary("9.may-early-message", "9", "MESSAGE before HEADERS: the client may pass over it", "any")
def early_message(server):
    greet(server)
    server.request()
    finish(server)


@unary("9.may-no-message", "9", "OK without the one response: the client may pass over it", "any")
def no_message(server):
    answered(server)
    server.status()
    server.drain()


@unary("9.may-beyond-credit", "9", "more than all credit: the client may pass over it", "any")
def beyond_credit(server):
    answered(server)
    for _ in range(16):
        server.frame(wire.MESSAGE, server.stream, bytes(1 << 19))
    server.to_send -= 8 << 20
    finish(server)
    server.drain()


@unary("5.too-large", "5", "65 MiB in one message: the client ends the call, by its own limit (64 MiB or less), as "
       "RESOURCE_EXHAUSTED, and holds no more", "any")
def too_large(server):
    answered(server)
    for _ in range(65):
        server.message(bytes(1 << 20), last=False)
    server.message(b"")
    server.status()
    server.drain()
