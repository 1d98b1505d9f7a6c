"""The bytes of framing.md: the preface, frames, and as much protobuf as framing.proto needs."""

import struct
from dataclasses import dataclass

MAGIC = b"RIFD"
PREFACE = MAGIC + struct.pack(">HH", 1, 0)
MAXIMUM_LENGTH = 1 << 20  # of a frame without its length field
MAXIMUM_CONTROL = 65_536  # payload of HEADERS and of STATUS
MAXIMUM_ENTRIES = 256
INITIAL_CREDIT = 262_144
MAXIMUM_CREDIT = (1 << 31) - 1
LAST = ACK = 0x01

HEADERS, MESSAGE, HALF_CLOSE, STATUS, CANCEL, PING, GO_AWAY, CREDIT = range(1, 9)
NAMES = ["", "HEADERS", "MESSAGE", "HALF_CLOSE", "STATUS", "CANCEL", "PING", "GO_AWAY", "CREDIT"]
FLAGS = {MESSAGE: LAST, PING: ACK}
ON_CONNECTION = {PING, GO_AWAY}

SHUTDOWN, PROTOCOL_ERROR, VERSION, FRAME_TOO_LARGE, PERMISSION_DENIED, OVERLOADED = range(1, 7)
REASONS = ["UNSPECIFIED", "SHUTDOWN", "PROTOCOL_ERROR", "VERSION", "FRAME_TOO_LARGE",
           "PERMISSION_DENIED", "OVERLOADED"]

CODES = ["OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
         "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
         "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
         "UNAUTHENTICATED"]
for number, code_name in enumerate(CODES):
    globals()[code_name if code_name != "PERMISSION_DENIED" else "NOT_PERMITTED"] = number


class Broken(Exception):
    """What the other side did wrong, in words."""


# Protobuf


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number: int, value) -> bytes:
    """One field: an int as varint, a float as double, text and bytes with their length."""
    if isinstance(value, bool) or isinstance(value, int):
        return varint(number << 3) + varint(int(value))
    if isinstance(value, float):
        return varint(number << 3 | 1) + struct.pack("<d", value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def fields(data: bytes):
    """The (number, value) pairs of a message; raises Broken for what is not protobuf."""
    at = 0

    def take_varint():
        nonlocal at
        value = shift = 0
        while True:
            if at >= len(data) or shift > 63:
                raise Broken("a payload is not protobuf: a varint has no end")
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value & (1 << 64) - 1

    while at < len(data):
        key = take_varint()
        number, kind = key >> 3, key & 7
        if number == 0:
            raise Broken("a payload is not protobuf: field number 0")
        if kind == 0:
            value = take_varint()
        else:
            size = {1: 8, 5: 4}.get(kind)
            if kind == 2:
                size = take_varint()
            if size is None or at + size > len(data):
                raise Broken("a payload is not protobuf: a field has no end")
            value = data[at:at + size]
            at += size
        yield number, value


def first(data: bytes, number: int, default=None):
    """The last value of a field, as protobuf reads it."""
    for found, value in fields(data):
        if found == number:
            default = value
    return default


def metadatum(key: str, value) -> bytes:
    return field(1, key) + field(3 if isinstance(value, bytes) else 2, value)


def headers(method: str = "", *metadata) -> bytes:
    """Payload of HEADERS; metadata as (key, text or bytes) pairs or as ready bytes."""
    out = field(1, method) if method else b""
    for entry in metadata:
        out += field(2, entry if isinstance(entry, bytes) else metadatum(*entry))
    return out


def status(code: int = 0, message: str = "", *metadata) -> bytes:
    out = (field(1, code) if code else b"") + (field(2, message) if message else b"")
    for entry in metadata:
        out += field(3, entry if isinstance(entry, bytes) else metadatum(*entry))
    return out


def go_away(reason: int, message: str = "", last_stream: int = 0) -> bytes:
    return ((field(1, last_stream) if last_stream else b"") + field(2, reason)
            + (field(3, message) if message else b""))


# Frames


@dataclass
class Frame:
    type: int
    stream: int
    payload: bytes = b""
    flags: int = 0

    @property
    def last(self) -> bool:
        return bool(self.flags & LAST)

    @property
    def cost(self) -> int:
        return max(1, len(self.payload))

    def __str__(self) -> str:
        name = NAMES[self.type] if 0 < self.type < len(NAMES) else f"type {self.type}"
        return f"{name} on stream {self.stream} ({len(self.payload)} bytes)"


def frame(kind: int, stream: int = 0, payload: bytes = b"", flags: int = 0, zero: int = 0,
          length: int | None = None) -> bytes:
    """A frame as bytes. `zero` and `length` are there to be wrong."""
    if length is None:
        length = 8 + len(payload)
    return struct.pack(">IBBHI", length, kind, flags, zero, stream) + payload


def parse(head: bytes, payload: bytes, sender: str) -> Frame:
    """A frame of 12 bytes and its payload, checked as sections 2 and 9 say."""
    _, kind, flags, zero, stream = struct.unpack(">IBBHI", head)
    found = Frame(kind, stream, payload, flags)
    if zero:
        raise Broken(f"section 2: {found} has {zero:#06x} where zero is due")
    if not HEADERS <= kind <= CREDIT:
        raise Broken(f"section 11: {found} is not of version 1.0, which was agreed on")
    if flags & ~FLAGS.get(kind, 0):
        raise Broken(f"section 2: {found} has the flags {flags:#04x}")
    if (stream == 0) != (kind in ON_CONNECTION) or (stream and stream % 2 == 0):
        raise Broken(f"section 2: {found} is on the wrong kind of stream")
    if sender == "server" and kind in (HALF_CLOSE, CANCEL) or sender == "client" and kind == STATUS:
        raise Broken(f"section 2: {found} from the {sender}")
    if kind == HALF_CLOSE and payload:
        raise Broken("section 2: HALF_CLOSE with a payload")
    if kind in (HEADERS, STATUS) and len(payload) > MAXIMUM_CONTROL:
        raise Broken(f"section 10: {found} is larger than {MAXIMUM_CONTROL} bytes")
    if kind == MESSAGE and not payload and not found.last:
        raise Broken("section 5: an empty fragment without LAST")
    if kind == CREDIT and not 1 <= first(payload, 1, 0) <= MAXIMUM_CREDIT:
        raise Broken(f"section 9: CREDIT of {first(payload, 1, 0)}")
    if kind == CANCEL and first(payload, 1, 0) not in (CANCELLED, DEADLINE_EXCEEDED):
        raise Broken(f"framing.proto: CANCEL with code {first(payload, 1, 0)}")
    if kind == PING and not flags & ACK:
        list(fields(payload))
    if kind == GO_AWAY:
        utf8(first(payload, 3, b""), "the message of GO_AWAY")
    if kind in (HEADERS, STATUS):
        check_metadata([v for n, v in fields(payload) if n == (2 if kind == HEADERS else 3)])
    if kind == STATUS:
        utf8(first(payload, 2, b""), "the message of STATUS")
    return found


def utf8(data: bytes, what: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Broken(f"{what} is not UTF-8") from None


def check_metadata(entries: list) -> list:
    """Entries as (key, value); raises Broken as section 4 says."""
    if len(entries) > MAXIMUM_ENTRIES:
        raise Broken(f"section 4: {len(entries)} metadata entries")
    out = []
    for entry in entries:
        key = utf8(first(entry, 1, b""), "a metadata key")
        if not key or set(key) - set("abcdefghijklmnopqrstuvwxyz0123456789_-."):
            raise Broken(f"section 4: the metadata key {key!r}")
        wanted, other = (3, 2) if key.endswith("-bin") else (2, 3)
        value = first(entry, wanted)
        if first(entry, other) is not None:
            raise Broken(f"section 4: the metadatum {key!r} has the wrong kind of value")
        value = b"" if value is None else value
        if wanted == 2 and any(not 0x20 <= byte <= 0x7E for byte in value):
            raise Broken(f"section 4: the value of {key!r} is not printable ASCII")
        out.append((key, value))
    return out
