"""Requests of riff.proto that make a server work: a picture to render, a sound to analyse."""

import functools
import math
import struct
import zlib

from .wire import field

STATUS = "riff.v1.Riff/Status"
GENERATE = "riff.v1.Riff/Generate"
RENDER = "riff.v1.Riff/Render"
ANALYZE = "riff.v1.Riff/Analyze"
PCM_F32 = 2
DRAFT = 1


@functools.cache
def png(columns: int, rows: int = 512) -> bytes:
    """An 8-bit RGB picture: three partials that move."""
    lines = bytearray()
    for row in range(rows):
        lines.append(0)
        for column in range(columns):
            bright = (row + column // 8) % 97 < 3
            lines += (b"\x10\x10\x10" if bright else b"\xf0\xf0\xf0")

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", columns, rows, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(bytes(lines), 6)) + chunk(b"IEND", b""))


def wav(seconds: float, rate: int = 44_100) -> bytes:
    """16-bit mono: a sine of 440 Hz."""
    count = round(seconds * rate)
    samples = struct.pack(f"<{count}h", *(
        round(12_000 * math.sin(2 * math.pi * 440 * at / rate)) for at in range(count)))
    return (b"RIFF" + struct.pack("<I", 36 + len(samples)) + b"WAVEfmt "
            + struct.pack("<IHHIIHH", 16, 1, 1, rate, 2 * rate, 2, 16)
            + b"data" + struct.pack("<I", len(samples)) + samples)


def render(columns: int) -> list[bytes]:
    """A Render call's messages; the answer is columns x 10 ms of 32-bit floats at 48 kHz."""
    options = field(2, PCM_F32) + field(4, DRAFT)
    return [field(1, options), field(2, png(columns))]


def analyze(seconds: float) -> list[bytes]:
    return [field(1, b""), field(2, wav(seconds))]
