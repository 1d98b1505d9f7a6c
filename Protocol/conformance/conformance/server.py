"""Cases that try a server which serves riff.v1.Riff."""

import os
import signal
import socket
import stat
import time

from . import samples, wire
from .peer import Client, Ended, Silent, Stream, name, status
from .suite import Skipped, Suite
from .wire import Broken

suite = Suite()
case = suite.case


class Target:
    """The server that is tried, and what its operator says of it."""

    def __init__(self, path: str, streams: int, connections: int, megabytes: int,
                 pid: int | None, within: float | None = None):
        self.path = path
        self.streams = streams
        self.connections = connections
        self.input = megabytes
        self.pid = pid
        self.within = within

    def client(self, **more) -> Client:
        return Client(self.path, longest=self.within, **more)


def waiting(client: Client) -> int:
    """A stream that stays open: an upload without its end."""
    stream = client.open(samples.ANALYZE)
    client.message(stream, wire.field(1, b""))
    return stream


def blocked(client: Client, columns: int = 200) -> int:
    """A stream that is half-closed and stays open: a long answer for which there is no credit."""
    stream = client.open(samples.RENDER)
    client.streams[stream].returns_credit = False
    for message in samples.render(columns):
        client.message(stream, message)
    client.half_close(stream)
    while client.streams[stream].granted > 65_536 and not client.streams[stream].ended:
        client.pump(20)
    if client.streams[stream].ended:
        raise Broken(f"Render ended as {name(client.streams[stream].code)}: "
                     f"{client.streams[stream].text}")
    return stream


# 1. The connection


@case("1.place", "1", "the socket is 0600 in a folder 0700, both of its user")
def place(target: Target):
    for path, mode in ((target.path, 0o600), (os.path.dirname(os.path.abspath(target.path)), 0o700)):
        found = os.lstat(path)
        if stat.S_IMODE(found.st_mode) != mode or found.st_uid != os.getuid():
            raise Broken(f"{path} has mode {stat.S_IMODE(found.st_mode):04o}, uid {found.st_uid}")


@case("1.preface-at-once", "1", "the server's preface comes without waiting for the client's")
def preface_at_once(target: Target):
    with target.client(preface=b"") as client:
        client.preface()


@case("1.early-headers", "1", "a client may send its first call before it reads anything")
def early_headers(target: Target):
    with target.client(preface=b"") as client:
        client.streams[1] = Stream()
        client.send(wire.PREFACE + status_call(1))
        client.preface()
        client.expect(1, wire.OK)


@case("1.byte-by-byte", "1", "a reader collects until a preface or a frame is complete")
def byte_by_byte(target: Target):
    with target.client(preface=b"") as client:
        client.streams[1] = Stream()
        for byte in wire.PREFACE + status_call(1):
            client.send(bytes([byte]))
            time.sleep(0.001)
        client.preface()
        client.expect(1, wire.OK)


@case("1.silence", "1", "a connection without a preface is closed after 10 s", when="aside")
def silence(target: Target):
    closed_in(target, b"", 9, 13)


@case("1.half-a-preface", "1", "half a preface is none: closed after 10 s", when="aside")
def half_a_preface(target: Target):
    closed_in(target, wire.PREFACE[:6], 9, 13)


def closed_in(target: Target, opening: bytes, least: float, most: float):
    with target.client(preface=b"") as client:
        begun = time.monotonic()
        client.send(opening) if opening else None
        client.preface()
        client.longest = None  # the wait is what is promised
        try:
            while True:
                client.read(most)
        except Ended:
            took = time.monotonic() - begun
        if not least <= took <= most:
            raise Broken(f"closed after {took:.1f} s")


def status_call(stream: int) -> bytes:
    return (wire.frame(wire.HEADERS, stream, wire.headers(samples.STATUS))
            + wire.frame(wire.MESSAGE, stream, flags=wire.LAST)
            + wire.frame(wire.HALF_CLOSE, stream))


# 2. Frames, 9. Errors of the connection


def refused(case_name: str, sections: str, promise: str, data: bytes, reason: int):
    """A case: after `data` the connection ends with this reason."""
    @case(case_name, sections, promise)
    def run(target: Target):
        with target.client() as client:
            client.send(data)
            client.expect_away(reason)
        with target.client() as client:
            status(client)


def skipped(case_name: str, sections: str, promise: str, data: bytes):
    """A case: the server passes over `data`, and the connection goes on."""
    @case(case_name, sections, promise)
    def run(target: Target):
        with target.client() as client:
            client.send(data)
            client.expect_alive()


for opening, label in ((b"GET / HT", "http"), (b"PRI * HT", "http2"), (bytes(8), "zeros"),
                       (b"RIFF\0\1\0\0", "riff")):
    @case(f"9.magic-{label}", "9", "the first four bytes are not RIFD: PROTOCOL_ERROR")
    def magic(target: Target, opening=opening):
        with target.client(preface=b"") as client:
            client.preface()
            client.send(opening)
            client.expect_away(wire.PROTOCOL_ERROR)

for version, label in ((0, "0"), (2, "2"), (0xFFFF, "65535")):
    @case(f"11.major-{label}", "9, 11", "another major version: VERSION")
    def major(target: Target, version=version):
        with target.client(preface=b"") as client:
            client.send(wire.MAGIC + version.to_bytes(2, "big") + b"\0\0")
            client.preface()
            client.expect_away(wire.VERSION)


@case("11.minor", "11", "a higher minor version is no obstacle")
def minor(target: Target):
    with target.client(preface=b"") as client:
        client.send(wire.MAGIC + b"\0\1\0\x63")
        client.preface()
        client.expect_alive()


for length in (0, 1, 7):
    refused(f"9.length-{length}", "2, 9", "a length below 8, told from the four bytes alone",
            length.to_bytes(4, "big"), wire.PROTOCOL_ERROR)
for length in (wire.MAXIMUM_LENGTH + 1, 0x7FFFFFFF, 0xFFFFFFFF):
    refused(f"9.length-{length}", "2, 9", "a length above 1 MiB, told from the four bytes alone",
            length.to_bytes(4, "big"), wire.FRAME_TOO_LARGE)
skipped("2.length-maximum", "2, 10", "a frame of exactly 1 MiB is read",
        wire.frame(99, 0, bytes(wire.MAXIMUM_LENGTH - 8)))
skipped("2.unknown-type", "2", "unknown types are skipped, whatever their flags and stream",
        b"".join(wire.frame(kind, stream, b"\xff" * 9, flags=0xFF)
                 for kind in (0, 9, 128, 255) for stream in (0, 1, 2, 77, 0xFFFFFFFF)))
refused("2.unknown-type-zero", "2", "the zero field of an unknown type is checked",
        wire.frame(99, 0, zero=1), wire.PROTOCOL_ERROR)
refused("9.zero-field", "9", "the zero field is not zero", wire.frame(wire.PING, 0, zero=0x100),
        wire.PROTOCOL_ERROR)

OPENED = wire.frame(wire.HEADERS, 1, wire.headers(samples.ANALYZE))
GOOD = {wire.HEADERS: (3, wire.headers(samples.STATUS)), wire.MESSAGE: (1, wire.field(1, b"")),
        wire.HALF_CLOSE: (1, b""), wire.CANCEL: (1, wire.field(1, 1)), wire.PING: (0, b""),
        wire.GO_AWAY: (0, wire.go_away(wire.SHUTDOWN)), wire.CREDIT: (1, wire.field(1, 1))}
for kind, (stream, payload) in GOOD.items():
    label = wire.NAMES[kind].lower().replace("_", "-")
    for bit in range(8):
        if not wire.FLAGS.get(kind, 0) & 1 << bit:
            refused(f"9.flag-{label}-{1 << bit:02x}", "2, 9", "a flag that the type does not have",
                    OPENED + wire.frame(kind, stream, payload, flags=1 << bit), wire.PROTOCOL_ERROR)
    refused(f"9.stream-even-{label}", "2, 9", "an even stream other than 0",
            OPENED + wire.frame(kind, 2, payload), wire.PROTOCOL_ERROR)
    refused(f"9.stream-wrong-{label}", "2, 9", "stream 0, or an odd one, where the other is due",
            OPENED + wire.frame(kind, 0 if stream else 1, payload), wire.PROTOCOL_ERROR)
    if kind not in (wire.MESSAGE, wire.HALF_CLOSE):
        for garbage, what in ((b"\xff", "half-a-key"), (b"\x0a\x7f", "too-short"),
                              (b"\x08" + b"\xff" * 11, "endless-varint")):
            refused(f"9.garbage-{label}-{what}", "9", "a control payload that is not protobuf",
                    OPENED + wire.frame(kind, stream, garbage), wire.PROTOCOL_ERROR)
refused("9.half-close-payload", "9", "HALF_CLOSE with a payload",
        OPENED + wire.frame(wire.HALF_CLOSE, 1, b"\x08\x01"), wire.PROTOCOL_ERROR)
refused("9.utf8-method", "9", "a string of protobuf that is not UTF-8",
        wire.frame(wire.HEADERS, 1, wire.field(1, b"\xff\xfe")), wire.PROTOCOL_ERROR)
refused("9.status-from-client", "2, 9", "STATUS from the client",
        OPENED + wire.frame(wire.STATUS, 1), wire.PROTOCOL_ERROR)

SURPLUS = wire.field(15, "a field of a later version") + wire.field(99, 7)


@case("2.unknown-fields", "2", "unknown protobuf fields are skipped in every control payload")
def unknown_fields(target: Target):
    with target.client() as client:
        client.open_raw(1, wire.headers(samples.ANALYZE, wire.metadatum("k", "v") + SURPLUS) + SURPLUS)
        client.frame(wire.CREDIT, 1, wire.field(1, 1) + SURPLUS)
        client.frame(wire.CANCEL, 1, wire.field(1, 1) + SURPLUS)
        client.expect(1, wire.CANCELLED)
        client.expect_alive()


# 3. Streams


@case("3.call", "3", "one call: HEADERS, one message, one STATUS")
def one_call(target: Target):
    with target.client() as client:
        status(client)
        if client.streams[1].headers is None:
            raise Broken("a message came without HEADERS")


@case("3.numbers-left-out", "3", "a client may leave numbers out; the last is 2^32 - 1")
def numbers_left_out(target: Target):
    with target.client() as client:
        for stream in (5, 7, 1_000_001, 0xFFFFFFFF):
            client.next = stream
            status(client)


for again, label in ((1, "open"), (3, "lower")):
    @case(f"9.number-{label}", "3, 9", "HEADERS on a number not above all before")
    def number_again(target: Target, again=again):
        with target.client() as client:
            client.next = again
            waiting(client)
            client.frame(wire.HEADERS, 1, wire.headers(samples.STATUS))
            client.expect_away(wire.PROTOCOL_ERROR)


@case("9.number-ended", "3, 9", "numbers are not used again")
def number_ended(target: Target):
    with target.client() as client:
        status(client)
        client.frame(wire.HEADERS, 1, wire.headers(samples.STATUS))
        client.expect_away(wire.PROTOCOL_ERROR)


for kind in (wire.MESSAGE, wire.HALF_CLOSE, wire.CANCEL, wire.CREDIT):
    label = wire.NAMES[kind].lower().replace("_", "-")
    flags = wire.LAST if kind == wire.MESSAGE else 0
    refused(f"9.unopened-{label}", "3, 9", "a frame on a stream above all that were opened",
            wire.frame(kind, 1, GOOD[kind][1], flags=flags), wire.PROTOCOL_ERROR)

    @case(f"3.ended-{label}", "3", "what comes on a stream that has ended is skipped")
    def ended(target: Target, kind=kind, flags=flags):
        with target.client() as client:
            status(client)
            for _ in range(3):
                client.frame(kind, 1, GOOD[kind][1], flags=flags)
            client.expect_alive()


@case("3.left-out-ended", "3, 9", "a number left out below one in use counts as ENDED")
def left_out_ended(target: Target):
    with target.client() as client:
        client.next = 9
        status(client)
        for kind in (wire.MESSAGE, wire.HALF_CLOSE, wire.CANCEL, wire.CREDIT):
            client.frame(kind, 5, GOOD[kind][1])
        client.expect_alive()


@case("3.ended-credit-zero", "3", "on an ended stream CREDIT of 0 is not an error")
def ended_credit_zero(target: Target):
    with target.client() as client:
        status(client)
        client.frame(wire.CREDIT, 1, wire.field(1, 0))
        client.frame(wire.CREDIT, 1, wire.field(1, 0xFFFFFFFF))
        client.expect_alive()


for kind, payload in ((wire.CREDIT, b"\xff"), (wire.CANCEL, b"\xff"), (wire.HALF_CLOSE, b"x")):
    @case(f"3.ended-{wire.NAMES[kind].lower().replace('_', '-')}-garbage", "3, 9",
          "what is skipped must still be the protobuf message it should be")
    def ended_garbage(target: Target, kind=kind, payload=payload):
        with target.client() as client:
            status(client)
            client.frame(kind, 1, payload)
            client.expect_away(wire.PROTOCOL_ERROR)


@case("3.begins-with-half-close", "3", "a method of one request begins when HALF_CLOSE is here")
def begins_with_half_close(target: Target):
    with target.client() as client:
        stream = client.open(samples.STATUS)
        client.message(stream, b"")
        if not client.quiet(0.3):
            client.pump()
            if client.streams[stream].frames:
                raise Broken("an answer came before HALF_CLOSE")
        client.half_close(stream)
        client.expect(stream, wire.OK)


@case("3.begins-with-headers", "3", "a method of a stream of requests answers before their end")
def begins_with_headers(target: Target):
    with target.client() as client:
        stream = client.open(samples.ANALYZE)
        client.message(stream, wire.field(1, wire.field(1, wire.field(1, 7))))  # 7 Hz
        client.expect(stream, wire.INVALID_ARGUMENT)


@case("3.ended-by-error", "3, 9", "what comes after an error of the stream is skipped")
def ended_by_error(target: Target):
    with target.client() as client:
        stream = client.open("riff.v1.Riff/NoSuchMethod")
        for _ in range(3):
            client.frame(wire.MESSAGE, stream, b"x" * 1000, flags=wire.LAST)
            client.frame(wire.CREDIT, stream, wire.field(1, 5))
        client.frame(wire.HALF_CLOSE, stream)
        client.expect(stream, wire.UNIMPLEMENTED)
        client.frame(wire.CANCEL, stream)
        client.expect_alive()


@case("3.fragments", "3, 5", "a message in fragments of a byte, the last one empty")
def fragments(target: Target):
    with target.client() as client:
        stream = client.open(samples.ANALYZE)
        options, clip = samples.analyze(0.1)
        client.message(stream, options)
        for at in range(100):
            client.message(stream, clip[at:at + 1], last=False)
        client.message(stream, clip[100:], last=False)
        client.message(stream, b"", last=True)
        client.half_close(stream)
        one_picture(client.expect(stream, wire.OK))


def one_picture(answer):
    if len(answer.messages) != 1 or not (wire.first(answer.messages[0], 1) or b"").startswith(b"\x89PNG"):
        raise Broken("Analyze did not answer with one PNG")


@case("3.interleaved", "3", "frames of different streams mix freely")
def interleaved(target: Target):
    with target.client() as client:
        options, clip = samples.analyze(0.2)
        streams = [client.open(samples.ANALYZE) for _ in range(3)]
        for stream in streams:
            client.message(stream, options)
        for at in range(0, len(clip), 1_000):
            for stream in streams:
                client.message(stream, clip[at:at + 1_000], last=at + 1_000 >= len(clip))
        for stream in reversed(streams):
            client.half_close(stream)
        status(client)
        for stream in streams:
            one_picture(client.expect(stream, wire.OK))


@case("3.status-before-half-close", "3", "an error ends a stream that is not half-closed")
def status_before_half_close(target: Target):
    with target.client() as client:
        stream = client.open(samples.GENERATE)
        client.message(stream, wire.field(1, " "))
        client.half_close(stream)
        client.expect(stream, wire.INVALID_ARGUMENT)
        stream = waiting(client)
        client.message(stream, wire.field(1, b""))  # options twice
        client.expect(stream, wire.INVALID_ARGUMENT)
        client.expect_alive()


# 4. Metadata, methods, status


def ends_as(case_name: str, sections: str, promise: str, payload: bytes, code: int):
    """A case: HEADERS with this payload end in this code, and the connection goes on."""
    @case(case_name, sections, promise)
    def run(target: Target):
        with target.client() as client:
            client.open_raw(1, payload)
            client.frame(wire.MESSAGE, 1, flags=wire.LAST)
            client.frame(wire.HALF_CLOSE, 1)
            client.expect(1, code)
            client.expect_alive()


for method, label in (("", "none"), ("/riff.v1.Riff/Status", "slash"), ("riff.v1.Riff/", "no-method"),
                      ("/Status", "no-service"), ("riff.v1.Riff", "no-separator"),
                      ("riff.v1.Riff/status", "case"), ("riff.v1.Riff/Status/", "slash-after"),
                      ("riff.v1.Riff/A/Status", "two-slashes"), ("no.Such/Status", "unknown-service"),
                      ("riff.v1.Riff/" + "x" * 60_000, "long"), ("riff.v1.Riff/Sta\0tus", "zero-byte")):
    ends_as(f"9.method-{label}", "4, 9", "not a method the server has: UNIMPLEMENTED",
            wire.headers(method), wire.UNIMPLEMENTED)

GOOD_KEYS = ("a", "0", "_", "-", ".", "a.b-c_9", "grpc-unheard-of", "x" * 200)
ends_as("4.keys", "4", "a key is one or more of a-z 0-9 _ - . ; others of grpc- are passed over",
        wire.headers(samples.STATUS, *((key, "v") for key in GOOD_KEYS)), wire.OK)
ends_as("4.repeated-keys", "4", "keys may be repeated, values be empty or raw bytes",
        wire.headers(samples.STATUS, ("k", "1"), ("k", "2"), ("e", ""), ("k-bin", b"\0\xff"),
                     ("k-bin", b"")), wire.OK)
for key, value, label in (("K", "v", "upper-case"), ("", "v", "empty-key"), ("a b", "v", "space"),
                          ("a:", "v", "colon"), ("k\u00e9", "v", "letter-with-accent"),
                          ("k", "\x1f", "control"), ("k", "\x7f", "delete"), ("k", "a\nb", "line"),
                          ("k", "\u00e9", "value-not-ascii"), ("k", b"v", "binary-for-text"),
                          ("k-bin", "v", "text-for-binary")):
    ends_as(f"9.metadata-{label}", "4, 9", "a key or value that section 4 does not allow",
            wire.headers(samples.STATUS, (key, value)), wire.INVALID_ARGUMENT)
ends_as("4.entries-256", "4, 10", "256 entries are taken",
        wire.headers(samples.STATUS, *[("k", "v")] * 256), wire.OK)
ends_as("9.entries-257", "4, 9", "257 entries: RESOURCE_EXHAUSTED",
        wire.headers(samples.STATUS, *[("k", "v")] * 257), wire.RESOURCE_EXHAUSTED)


def of_size(size: int) -> bytes:
    rest = len(wire.headers(samples.STATUS, ("k", "v" * 40_000))) - 40_000
    payload = wire.headers(samples.STATUS, ("k", "v" * (size - rest)))
    assert len(payload) == size
    return payload


ends_as("4.headers-65536", "4, 10", "HEADERS of 65,536 bytes are taken", of_size(65_536), wire.OK)
ends_as("9.headers-65537", "4, 9", "HEADERS of 65,537 bytes: RESOURCE_EXHAUSTED", of_size(65_537),
        wire.RESOURCE_EXHAUSTED)
ends_as("9.headers-1-mib", "4, 9", "HEADERS of a whole frame: RESOURCE_EXHAUSTED",
        of_size(wire.MAXIMUM_LENGTH - 8), wire.RESOURCE_EXHAUSTED)


ends_as("9.headers-large-garbage", "4, 9", "HEADERS too large are not parsed: RESOURCE_EXHAUSTED",
        b"\xff" * 65_537, wire.RESOURCE_EXHAUSTED)
ends_as("4.no-value", "4", "a metadatum without a value has the empty one of its key's kind",
        wire.headers(samples.STATUS, wire.field(1, "k"), wire.field(1, "k-bin")), wire.OK)
for label, payload, code in (
    ("method-first", wire.headers("bad", *[("K", "v")] * 257), wire.UNIMPLEMENTED),
    ("entries-then-keys", wire.headers(samples.STATUS, *[("K", "v")] * 257), wire.RESOURCE_EXHAUSTED),
    ("keys-then-timeout", wire.headers(samples.STATUS, ("grpc-timeout", "0S"), ("K", "v")),
     wire.INVALID_ARGUMENT),
    ("timeout-then-method", wire.headers("no.Such/Method", ("grpc-timeout", "S")),
     wire.INVALID_ARGUMENT),
    ("expired-then-method", wire.headers("no.Such/Method", ("grpc-timeout", "0S")),
     wire.DEADLINE_EXCEEDED),
):
    ends_as(f"4.order-{label}", "4", "of several errors in HEADERS the first in order counts", payload, code)


@case("4.violation-path", "4", "a violation's field is a path from the request message on")
def violation_path(target: Target):
    with target.client() as client:
        answer = client.call(samples.RENDER, wire.field(1, wire.field(1, wire.field(9, 99.0))))
        if answer.code != wire.INVALID_ARGUMENT:
            raise Broken(f"{name(answer.code)}: {answer.text}")
        if violations(answer) != [b"options.spectrogram.power"]:
            raise Broken(f"the violations are {violations(answer)}")


def violations(answer: Stream) -> list[bytes]:
    told = [value for key, value in answer.trailers if key == "grpc-status-details-bin"]
    if len(told) != 1 or wire.first(told[0], 1) != answer.code:
        raise Broken("no google.rpc.Status with the same code")
    return [wire.first(violation, 1)
            for number, detail in wire.fields(told[0])
            if number == 3 and wire.first(detail, 1) == b"type.googleapis.com/google.rpc.BadRequest"
            for _, violation in wire.fields(wire.first(detail, 2))]


@case("4.details", "4", "a field at fault is named in the message and in grpc-status-details-bin")
def details(target: Target):
    with target.client() as client:
        answer = client.call(samples.GENERATE, wire.field(1, "bells") + wire.field(5, 100_000))
        if answer.code != wire.INVALID_ARGUMENT or "steps" not in answer.text:
            raise Broken(f"{name(answer.code)}: {answer.text}")
        if b"steps" not in violations(answer):
            raise Broken(f"the violations are {violations(answer)}")


# 5. Messages and credit


@case("5.credit-kept", "5", "the server never sends beyond its credit, and goes on when it gets more")
def credit_kept(target: Target):
    with target.client() as client:
        stream = blocked(client)
        state = client.streams[stream]
        while True:  # all that fits the credit; the rest waits
            try:
                client.pump(0.5)
            except Silent:
                break
            if state.ended:
                raise Broken(f"ended as {name(state.code)} ({state.text}) without credit")
        client.frame(wire.PING)
        status(client)
        client.grant(stream, 1)
        state.returns_credit = True
        client.grant(stream, wire.INITIAL_CREDIT)
        client.expect(stream, wire.OK)
        sound = b"".join(wire.first(event, 3, b"") for event in state.messages)
        if len(sound) != 200 * 480 * 4:
            raise Broken(f"{len(sound)} bytes of sound, not {200 * 480 * 4}")


@case("5.credit-returned", "5", "a message larger than all credit arrives: fragments give theirs back")
def credit_returned(target: Target):
    with target.client() as client:
        stream = client.open(samples.ANALYZE)
        options, clip = samples.analyze(20)  # 1.7 MB in one message
        client.message(stream, options)
        client.message(stream, clip)
        client.half_close(stream)
        one_picture(client.expect(stream, wire.OK))


@case("5.messages-return-credit", "5", "many messages get the credit of those that were taken")
def messages_return_credit(target: Target):
    with target.client() as client:
        stream = client.open(samples.ANALYZE)
        options = samples.analyze(0)[0]
        clip = samples.wav(20)
        client.message(stream, options)
        for at in range(0, len(clip), 10_000):
            client.message(stream, wire.field(2, clip[at:at + 10_000]))
        client.half_close(stream)
        one_picture(client.expect(stream, wire.OK))


@case("9.beyond-credit", "5, 9", "MESSAGE beyond all credit that was granted: INTERNAL")
def beyond_credit(target: Target):
    with target.client() as client:
        stream = client.open(samples.ANALYZE)
        piece = wire.frame(wire.MESSAGE, stream, bytes(65_536))
        # One message of more than the server has granted before it can have read a byte of it.
        client.send(piece * 4 + wire.frame(wire.MESSAGE, stream, bytes(1_000_000)))
        client.expect(stream, wire.INTERNAL)
        client.expect_alive()


@case("9.message-too-large", "5, 9, 10", "a message over 4 MiB: RESOURCE_EXHAUSTED")
def message_too_large(target: Target):
    with target.client() as client:
        stream = client.open(samples.ANALYZE)
        client.message(stream, wire.field(1, b""))
        client.message(stream, wire.field(2, bytes(5 << 20)))
        client.expect(stream, wire.RESOURCE_EXHAUSTED)
        client.expect_alive()


for payload, label in ((wire.field(1, 0), "zero"), (b"", "absent"), (wire.field(1, 1 << 31), "2-31"),
                       (wire.field(1, wire.MAXIMUM_CREDIT), "too-much-in-all"),
                       (wire.field(1, wire.MAXIMUM_CREDIT - wire.INITIAL_CREDIT + 1), "one-too-much")):
    @case(f"9.credit-{label}", "5, 9", "CREDIT of 0, or beyond 2^31 - 1 in all: INTERNAL")
    def bad_credit(target: Target, payload=payload):
        with target.client() as client:
            stream = waiting(client)
            client.frame(wire.CREDIT, stream, payload)
            client.expect(stream, wire.INTERNAL)
            client.expect_alive()


@case("5.credit-maximum", "5, 10", "credit may be 2^31 - 1")
def credit_maximum(target: Target):
    with target.client() as client:
        stream = client.open(samples.ANALYZE)
        client.grant(stream, wire.MAXIMUM_CREDIT - wire.INITIAL_CREDIT)
        for message in samples.analyze(0.1):
            client.message(stream, message)
        client.half_close(stream)
        one_picture(client.expect(stream, wire.OK))


@case("5.credit-after-half-close", "3, 5", "a client that has half-closed may still grant credit")
def credit_after_half_close(target: Target):
    with target.client() as client:
        stream = client.open(samples.ANALYZE)
        for message in samples.analyze(0.1):
            client.message(stream, message)
        client.half_close(stream)
        client.grant(stream, 1)
        one_picture(client.expect(stream, wire.OK))


@case("9.empty-fragment", "5, 9", "an empty fragment without LAST: INTERNAL")
def empty_fragment(target: Target):
    with target.client() as client:
        stream = waiting(client)
        client.frame(wire.MESSAGE, stream)
        client.expect(stream, wire.INTERNAL)
        client.expect_alive()


@case("9.half-close-inside", "3, 9", "HALF_CLOSE inside a message: INTERNAL")
def half_close_inside(target: Target):
    with target.client() as client:
        stream = waiting(client)
        client.message(stream, b"\x12", last=False)
        client.half_close(stream)
        client.expect(stream, wire.INTERNAL)
        client.expect_alive()


for kind in (wire.MESSAGE, wire.HALF_CLOSE):
    @case(f"9.{wire.NAMES[kind].lower().replace('_', '-')}-after-half-close", "3, 9",
          "MESSAGE or HALF_CLOSE after HALF_CLOSE: INTERNAL")
    def after_half_close(target: Target, kind=kind):
        with target.client() as client:
            stream = blocked(client)
            client.frame(kind, stream, flags=wire.LAST if kind == wire.MESSAGE else 0)
            client.expect(stream, wire.INTERNAL)
            client.expect_alive()


for count in (0, 2):
    for method in (samples.STATUS, samples.GENERATE):
        @case(f"9.{method[13:].lower()}-of-{count}", "9", "a method of one request gets another number")
        def of_count(target: Target, count=count, method=method):
            with target.client() as client:
                data = wire.frame(wire.HEADERS, 1, wire.headers(method))
                client.streams[1] = Stream()
                request = wire.field(1, "bells") + wire.field(12, 3) if method == samples.GENERATE else b""
                data += wire.frame(wire.MESSAGE, 1, request, flags=wire.LAST) * count
                client.next = 3
                client.send(data + wire.frame(wire.HALF_CLOSE, 1))
                client.expect(1, wire.INTERNAL)
                client.expect_alive()


@case("9.not-protobuf", "9", "a message that is not the method's: INVALID_ARGUMENT")
def not_protobuf(target: Target):
    with target.client() as client:
        for method in (samples.STATUS, samples.GENERATE, samples.ANALYZE, samples.RENDER):
            stream = client.open(method)
            client.message(stream, b"\xff\xff\xff")
            client.half_close(stream)
            client.expect(stream, wire.INVALID_ARGUMENT)
        client.expect_alive()


# 6. Deadlines


for text in ("1H", "90M", "30S", "15000m", "9000000u", "60000000n", "0000030S", "00000030S",
             "99999999H"):
    ends_as(f"6.timeout-{text}", "6", "one to eight digits and a unit",
            wire.headers(samples.STATUS, ("grpc-timeout", text)), wire.OK)
for text, label in (("", "empty"), ("S", "no-digits"), ("5", "no-unit"), ("5s", "lower-case"),
                    ("5 S", "space"), ("-5S", "negative"), ("+5S", "plus"), ("1.5S", "fraction"),
                    ("000000030S", "nine-digits"), ("5SS", "two-units"), ("0x5S", "hexadecimal")):
    ends_as(f"9.timeout-{label}", "6, 9", "a grpc-timeout of another form: INVALID_ARGUMENT",
            wire.headers(samples.STATUS, ("grpc-timeout", text)), wire.INVALID_ARGUMENT)
ends_as("9.timeout-twice", "6, 9", "more than one grpc-timeout: INVALID_ARGUMENT",
        wire.headers(samples.STATUS, ("grpc-timeout", "5S"), ("grpc-timeout", "5S")),
        wire.INVALID_ARGUMENT)


@case("6.expires", "6", "at the deadline the server ends the stream: DEADLINE_EXCEEDED")
def expires(target: Target):
    with target.client() as client:
        for text, least, most in (("0S", 0, 2), ("1n", 0, 2), ("300m", 0.29, 3)):
            begun = time.monotonic()
            stream = client.open(samples.ANALYZE, ("grpc-timeout", text))
            client.expect(stream, wire.DEADLINE_EXCEEDED)
            took = time.monotonic() - begun
            if not least <= took <= most:
                raise Broken(f"{text} took {took:.2f} s")
        client.expect_alive()


# 7. Cancelling


for payload, code, label in ((wire.field(1, 1), wire.CANCELLED, "1"),
                             (wire.field(1, 4), wire.DEADLINE_EXCEEDED, "4"),
                             (b"", wire.CANCELLED, "absent"),
                             (wire.field(1, 13), wire.CANCELLED, "13")):
    for state in ("open", "half-closed"):
        @case(f"7.cancel-{label}-{state}", "7", "STATUS of CANCEL's code, 4 or else 1; others go on")
        def cancel(target: Target, payload=payload, code=code, state=state):
            with target.client() as client:
                other = waiting(client)
                stream = waiting(client) if state == "open" else blocked(client)
                client.frame(wire.CANCEL, stream, payload)
                client.expect(stream, code, 5)
                client.frame(wire.CANCEL, stream, payload)
                client.expect_alive()
                if client.streams[other].ended:
                    raise Broken("the other stream ended, too")


@case("7.work-stops", "7, 8", "cancelled or lost, the work stops")
def work_stops(target: Target):
    with target.client() as watcher:
        with target.client() as client:
            # So long that nobody makes all of it ahead.
            stream = blocked(client, 3000)
            if not running(watcher):
                raise Broken("Status does not show the job: 5.8 MB of sound were asked for, and credit was given for "
                             "256 KiB")
            client.frame(wire.CANCEL, stream)
            client.expect(stream, wire.CANCELLED)
        no_jobs(watcher)
        lost = target.client()
        blocked(lost, 3000)
        lost.close()
        no_jobs(watcher)


def running(client: Client) -> int:
    return sum(number == 5 for number, _ in wire.fields(status(client).messages[0]))


def no_jobs(client: Client):
    for _ in range(100):
        if not running(client):
            return
        time.sleep(0.05)
    raise Broken("a job goes on 5 s after its call ended")


# 8. Ping, shutdown, loss


@case("8.ping", "8", "PING comes back with ACK and the same payload, byte for byte")
def ping(target: Target):
    with target.client() as client:
        for payload in (b"", b"\x09" + bytes(8), b"\x09" + b"\xff" * 8 + SURPLUS,
                        SURPLUS + b"\x09" + bytes(range(8)) * 1):
            client.frame(wire.PING, 0, payload)
            client.pump()
            if not client.pongs or client.pongs[-1].payload != payload:
                raise Broken(f"sent {payload.hex(' ')}")
        client.expect_alive()


@case("8.ping-amid", "8", "PING is answered while a call waits for credit or for its upload")
def ping_amid(target: Target):
    with target.client() as client:
        blocked(client)
        waiting(client)
        client.expect_alive()


skipped("8.pong", "8", "a PING with ACK that nobody asked for is skipped",
        wire.frame(wire.PING, 0, b"\x09" + bytes(8), flags=wire.ACK) * 3)


@case("8.client-goes-away", "8", "after a client's GO_AWAY SHUTDOWN its calls go on to their end")
def client_goes_away(target: Target):
    with target.client() as client:
        stream = client.open(samples.ANALYZE)
        options, clip = samples.analyze(0.1)
        client.message(stream, options)
        client.frame(wire.GO_AWAY, 0, wire.go_away(wire.SHUTDOWN))
        client.message(stream, clip)
        client.half_close(stream)
        one_picture(client.expect(stream, wire.OK))


@case("8.headers-after-away", "8, 9", "HEADERS after the client's own GO_AWAY: PROTOCOL_ERROR")
def headers_after_away(target: Target):
    with target.client() as client:
        waiting(client)
        client.frame(wire.GO_AWAY, 0, wire.go_away(wire.SHUTDOWN))
        client.open(samples.STATUS)
        client.expect_away(wire.PROTOCOL_ERROR)


for reason in (0, wire.PROTOCOL_ERROR, wire.OVERLOADED, 99):
    @case(f"8.away-{reason}", "8", "GO_AWAY with another reason than SHUTDOWN: the connection ends")
    def other_reason(target: Target, reason=reason):
        with target.client() as client:
            waiting(client)
            client.frame(wire.GO_AWAY, 0, wire.go_away(reason, "a reason in words"))
            try:
                while True:
                    client.pump()
            except Ended:
                pass


@case("8.closing", "8", "closing, the server goes on reading for a while, so that GO_AWAY arrives")
def closing(target: Target):
    with target.client() as client:
        stream = waiting(client)
        client.frame(wire.PING, 0, zero=1)
        begun = time.monotonic()
        for _ in range(20):  # 20 MB that the server discards
            client.frame(wire.MESSAGE, stream, bytes(1_000_000))
        client.expect_away(wire.PROTOCOL_ERROR)
        try:
            while time.monotonic() < begun + 5:
                client.send(bytes(1000))
                time.sleep(0.05)
            raise Broken("the server has not closed 5 s after its GO_AWAY")
        except (BrokenPipeError, ConnectionResetError):
            pass
        took = time.monotonic() - begun
        if not 1 <= took <= 3.5:
            raise Broken(f"the server closed {took:.1f} s after the error, not two")


@case("8.half-closed-socket", "8", "after SHUT_WR streams with HALF_CLOSE go on to their STATUS")
def half_closed_socket(target: Target):
    with target.client() as client:
        stream = client.open(samples.ANALYZE)
        for message in samples.analyze(0.5):
            client.message(stream, message)
        client.half_close(stream)
        client.streams[stream].returns_credit = False  # nothing can be said any more
        client.socket.shutdown(socket.SHUT_WR)
        one_picture(client.expect(stream, wire.OK))
        at_end(client)


@case("8.half-closed-credit", "8", "after SHUT_WR the server sends as if it had credit without end")
def half_closed_credit(target: Target):
    with target.client() as client:
        stream = blocked(client)
        client.streams[stream].granted = 1 << 40
        client.socket.shutdown(socket.SHUT_WR)
        client.expect(stream, wire.OK)
        at_end(client)


@case("8.half-closed-upload", "8, 9", "after SHUT_WR a stream without HALF_CLOSE ends: CANCELLED")
def half_closed_upload(target: Target):
    with target.client() as client:
        stream = waiting(client)
        client.socket.shutdown(socket.SHUT_WR)
        client.expect(stream, wire.CANCELLED, 5)
        at_end(client)


def at_end(client: Client):
    """The connection ends, since its last stream has."""
    try:
        while True:
            client.pump()
    except Ended:
        pass


@case("8.lost", "8", "a connection that ends amid everything takes nothing else with it")
def lost(target: Target):
    for data in (b"", wire.frame(wire.HEADERS, 1, b"x" * 50)[:20], OPENED,
                 OPENED + wire.frame(wire.MESSAGE, 1, bytes(1000))[:500],
                 OPENED + wire.frame(wire.MESSAGE, 1, wire.field(1, b""), flags=1)):
        client = target.client()
        client.send(data) if data else None
        client.close()
    with target.client() as client:
        status(client)


# 9 and 10. Limits of the connection


@case("9.answers-not-read", "9", "4 MiB of answers that nobody reads: OVERLOADED")
def answers_not_read(target: Target):
    with target.client() as client:
        ping = wire.frame(wire.PING, 0, wire.field(15, bytes(1_000_000)))
        client.socket.settimeout(5)
        try:
            for _ in range(16):
                client.socket.sendall(ping)
        except OSError:
            pass
        try:
            while True:
                client.pump()
        except Ended:
            pass
        if client.away and wire.first(client.away[-1].payload, 2, 0) != wire.OVERLOADED:
            raise Broken("the connection ended" + client.reason())
    with target.client() as client:
        status(client)


@case("9.streams", "9, 10", "HEADERS beyond the streams at once: RESOURCE_EXHAUSTED", when="last")
def streams(target: Target):
    with target.client() as client:
        opened = [client.open(samples.ANALYZE) for _ in range(target.streams)]
        one_more = client.open(samples.ANALYZE)
        client.expect(one_more, wire.RESOURCE_EXHAUSTED)
        client.frame(wire.CANCEL, opened[0])
        client.expect(opened[0], wire.CANCELLED)
        for _ in range(50):  # its work has to end, too
            stream = client.open(samples.STATUS)
            client.message(stream, b"")
            client.half_close(stream)
            if client.finish(stream).code == wire.OK:
                break
            time.sleep(0.05)
        else:
            raise Broken("no room although a stream has ended")


@case("9.all-input", "5, 9, 10", "all input together over its limit: the largest gives way", when="last")
def all_input(target: Target):
    held: list[tuple[Client, int]] = []
    try:
        for _ in range(target.input // 3 + 4):
            client = target.client()
            held.append((client, client.open(samples.ANALYZE)))
            client.message(held[-1][1], wire.field(1, b""))
            client.message(held[-1][1], wire.field(2, bytes(3 << 20))[:-1], last=False)
        gone = 0
        for client, stream in held:
            client.frame(wire.PING)
            while not client.pongs:
                client.pump()
            if client.streams[stream].ended:
                gone += 1
                if client.streams[stream].code != wire.RESOURCE_EXHAUSTED:
                    raise Broken(f"a stream ended as {name(client.streams[stream].code)}")
            client.expect_alive()
        if not 1 <= gone <= 12:
            raise Broken(f"{gone} of {len(held)} streams gave way")
    finally:
        for client, _ in held:
            client.close()


@case("9.connections-idle", "8, 10", "the connection longest without a stream makes room",
      when="last")
def connections_idle(target: Target):
    held = []
    try:
        for _ in range(target.connections):
            held.append(target.client())
            status(held[-1])
        waiting(held[0])
        for _ in range(3):
            held.append(target.client())
            status(held[-1])
        for client in held[1:4]:
            client.expect_away(wire.SHUTDOWN)
        for client in [held[0]] + held[4:]:
            client.expect_alive()
    finally:
        for client in held:
            client.close()
    recovers(target)


@case("9.connections", "9, 10", "one connection too many, all with calls: OVERLOADED", when="last")
def connections(target: Target):
    held = []
    try:
        for _ in range(target.connections):
            held.append(target.client())
            waiting(held[-1])
            held[-1].frame(wire.PING)
            held[-1].pump()
        with target.client(preface=b"") as one_more:
            one_more.preface()
            one_more.expect_away(wire.OVERLOADED)
    finally:
        for client in held:
            client.close()
    recovers(target)


def recovers(target: Target):
    for _ in range(50):
        try:
            with target.client() as client:
                status(client)
                return
        except (Broken, OSError):
            time.sleep(0.05)
    raise Broken("no connection is taken after the others have closed")


@case("8.server-goes-away", "8", "SIGTERM: GO_AWAY SHUTDOWN, calls go on, STATUS, the end",
      when="last")
def server_goes_away(target: Target):
    if target.pid is None:
        raise Skipped("needs --terminate PID, and the server is gone afterwards")
    with target.client() as client, target.client() as idle:
        stream = client.open(samples.ANALYZE)
        options, clip = samples.analyze(0.1)
        client.message(stream, options)
        status(client)
        os.kill(target.pid, signal.SIGTERM)
        while not client.away:
            client.pump()
        away = client.away[0].payload
        if wire.first(away, 2, 0) != wire.SHUTDOWN or wire.first(away, 1, 0) < client.next - 2:
            raise Broken(f"GO_AWAY {wire.first(away, 2, 0)}, last_stream {wire.first(away, 1, 0)}")
        late = client.open(samples.STATUS)
        client.expect(late, wire.UNAVAILABLE)
        client.message(stream, clip)
        client.half_close(stream)
        one_picture(client.expect(stream, wire.OK))
        for connection in (client, idle):
            connection.expect_away(wire.SHUTDOWN)
