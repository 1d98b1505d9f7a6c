"""Protobuf's wire format for dataclasses whose fields say their numbers.

https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import Field, fields
from enum import IntEnum
from typing import Any, ClassVar, Self

_KEY = "protobuf"
# Deeper than any message here; a nested bomb ends as a ValueError.
_DEPTH = 16


class DecodeError(ValueError):
    """Bytes that are not the message they should be."""


class Message:
    """A message of the protocol: a dataclass that knows its wire format."""

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def __repr__(self) -> str:
        """Fields that are not at their defaults; of longer bytes, how many there are."""
        said = []
        for entry in fields(self):
            value = getattr(self, entry.name)
            if value is None or value == [] or value == entry.default:
                continue
            said.append(f"{entry.name}={brief(value)}")
        return f"{type(self).__name__}({', '.join(said)})"

    def encode(self) -> bytes:
        """The message's bytes. Fields at their defaults are left out, optional ones only where they are None."""
        out = bytearray()
        for entry in fields(self):
            number, kind, repeated = entry.metadata[_KEY]
            value = getattr(self, entry.name)
            if repeated:
                for item in value:
                    _put(out, number, kind, item)
            elif value is not None and (entry.default is None or value != entry.default):
                _put(out, number, kind, value)
        return bytes(out)

    @classmethod
    def decode(cls, data: bytes, depth: int = 0) -> Self:
        """Reads a message; fields that it does not know are skipped.

        Raises `DecodeError`.
        """
        if depth > _DEPTH:
            raise DecodeError("messages are nested too deeply")
        known = {entry.metadata[_KEY][0]: entry for entry in fields(cls)}
        message = cls()
        for number, wire, raw in _split(data):
            entry = known.get(number)
            if entry is None:
                continue
            _, kind, repeated = entry.metadata[_KEY]
            for value in _values(kind, wire, raw, depth, packed=repeated):
                if repeated:
                    getattr(message, entry.name).append(value)
                else:
                    setattr(message, entry.name, value)
        return message


def brief(value: object) -> str:
    """As `repr`, but of bytes that nobody would read only how many there are."""
    return f"<{len(value):,} bytes>" if isinstance(value, bytes) and len(value) > 32 else repr(value)


def spec(number: int, kind: str | type, repeated: bool = False) -> Mapping[str, Any]:
    """What a dataclass field says of itself: its number, its type, whether it is a list."""
    return {_KEY: (number, kind, repeated)}


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _put(out: bytearray, number: int, kind: str | type, value: Any) -> None:
    if kind in ("uint32", "uint64", "bool") or isinstance(value, IntEnum):
        limit = 1 << (32 if kind == "uint32" else 64)
        if not 0 <= int(value) < limit:
            raise ValueError(f"{value} is outside 0 to {limit - 1}")
        out += _varint(number << 3) + _varint(int(value))
    elif kind == "double":
        out += _varint(number << 3 | 1) + struct.pack("<d", value)
    elif kind == "fixed64":
        out += _varint(number << 3 | 1) + struct.pack("<Q", value)
    elif kind == "float":
        out += _varint(number << 3 | 5) + struct.pack("<f", value)
    else:
        if kind == "string":
            data = value.encode()
        else:
            data = bytes(value) if kind == "bytes" else value.encode()
        out += _varint(number << 3 | 2) + _varint(len(data)) + data


def _split(data: bytes) -> Iterator[tuple[int, int, int | bytes]]:
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            if at >= len(data) or shift > 63:
                raise DecodeError("a number is cut off or too long")
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            if byte < 128:
                return value & (1 << 64) - 1
            shift += 7

    while at < len(data):
        number, wire = divmod(varint(), 8)
        if wire == 0:
            yield number, wire, varint()
            continue
        if wire not in (1, 2, 5):
            raise DecodeError(f"wire type {wire} does not exist")
        size = varint() if wire == 2 else {1: 8, 5: 4}[wire]
        if size > len(data) - at:
            raise DecodeError("a field is cut off")
        yield number, wire, data[at : at + size]
        at += size


def _values(kind: str | type, wire: int, raw: int | bytes, depth: int, packed: bool) -> Iterator[Any]:
    expected = _wire_type(kind)
    if wire != expected:
        if packed and wire == 2 and isinstance(raw, bytes) and expected == 0:
            # A packed list: numbers one after the other.
            for _, _, value in _split(b"".join(b"\x08" + item for item in _varints(raw))):
                yield from _values(kind, 0, value, depth, packed=False)
            return
        raise DecodeError("a field has another type than it should have")
    if isinstance(raw, int):
        if kind == "bool":
            yield raw != 0
        elif isinstance(kind, type) and issubclass(kind, IntEnum):
            try:
                yield kind(raw)
            except ValueError:
                # A value of a later version; readers treat it as unspecified.
                yield kind(0)
        else:
            yield raw & 0xFFFFFFFF if kind == "uint32" else raw
    elif kind == "double":
        yield struct.unpack("<d", raw)[0]
    elif kind == "fixed64":
        yield struct.unpack("<Q", raw)[0]
    elif kind == "float":
        yield struct.unpack("<f", raw)[0]
    elif kind == "string":
        yield raw.decode("utf-8", "replace")
    elif kind == "bytes":
        yield raw
    elif isinstance(kind, type) and issubclass(kind, Message):
        yield kind.decode(raw, depth + 1)
    else:
        raise DecodeError(f"a field of the unknown type {kind}")


def _wire_type(kind: str | type) -> int:
    if isinstance(kind, str):
        return {"double": 1, "fixed64": 1, "float": 5, "string": 2, "bytes": 2}.get(kind, 0)
    return 0 if issubclass(kind, IntEnum) else 2


def _varints(data: bytes) -> Iterator[bytes]:
    start = 0
    for at, byte in enumerate(data):
        if byte < 128:
            yield data[start : at + 1]
            start = at + 1
