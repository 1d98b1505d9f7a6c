#!/usr/bin/env python3
"""Makes this folder's fixtures: python3 make_fixtures.py (numpy, Pillow).

tones.s16, tones.png    a short sound (16 bit, mono, 44.1 kHz) and the picture that riffusion's
                        audio_to_image makes of it, written from its definition in numpy
stereo.s16, stereo.png  the same with two channels (interleaved) and other parameters
variants/*.png          one picture in every PNG colour type, depth and interlacing; the pixels are
                        a formula, see sample() here and PNGVariantTests.swift
"""
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).parent


def mel_triangles(bins, rate, minimum, maximum, rows):
    """torchaudio.functional.melscale_fbanks, HTK, no norm; shape (bins, rows)."""
    frequencies = np.linspace(0, rate // 2, bins)
    mel = lambda hz: 2595 * np.log10(1 + hz / 700)
    corners = 700 * (10 ** (np.linspace(mel(minimum), mel(maximum), rows + 2) / 2595) - 1)
    widths = np.diff(corners)
    slopes = corners[None, :] - frequencies[:, None]
    return np.maximum(0, np.minimum(-slopes[:, :-2] / widths[:-1], slopes[:, 2:] / widths[1:]))


def mel_amplitudes(samples, p):
    """(time) to (frequency, time); samples on the 16-bit scale."""
    length = int(p["padded"] / 1000 * p["rate"])
    window = int(p["window"] / 1000 * p["rate"])
    hop = int(p["step"] / 1000 * p["rate"])
    hann = np.zeros(length)
    start = (length - window) // 2
    hann[start : start + window] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    padded = np.pad(samples.astype(np.float64), length // 2, mode="reflect")
    triangles = mel_triangles(length // 2 + 1, p["rate"], p["minimum"], p["maximum"], p["rows"])
    frames = [
        np.abs(np.fft.rfft(padded[t * hop : t * hop + length] * hann)) @ triangles
        for t in range(1 + len(samples) // hop)
    ]
    return np.stack(frames, axis=1).astype(np.float32)


def picture(channels, p):
    """riffusion's image_from_spectrogram, with its EXIF."""
    data = np.stack([mel_amplitudes(samples, p) for samples in channels])
    largest = data.max()
    grey = (255 - np.power(data / largest, p["power"]) * 255).astype(np.uint8)[:, ::-1, :]
    planes = [np.zeros_like(grey[0]), grey[0], grey[1]] if len(grey) == 2 else [grey[0]] * 3
    image = Image.fromarray(np.stack(planes, axis=2), mode="RGB")
    exif = image.getexif()
    exif.update({
        11000: p["rate"], 11005: len(channels) == 2, 11010: p["step"], 11020: p["window"],
        11030: p["padded"], 11040: p["rows"], 11050: p["minimum"], 11060: p["maximum"],
        11070: p["power"], 11080: float(largest),
    })
    return image, exif


def tones(count, rate, shift):
    """Three partials that come and go, a sweep, and a burst of noise."""
    t = np.arange(count) / rate
    noise = np.random.default_rng(7 + shift).uniform(-1, 1, count)
    sound = sum(
        0.2 * np.sin(2 * np.pi * f * (1 + 0.1 * shift) * t) * np.exp(-3 * ((t * 3 + k) % 1))
        for k, f in enumerate([220.0, 1330.0, 4400.0]))
    sound += 0.1 * np.sin(2 * np.pi * (500 * t + 2000 * t * t))
    sound += 0.2 * noise * ((t > 0.2) & (t < 0.25))
    return np.round(sound * 32767).astype("<i2")


def sample(channel, x, y, depth):
    return (x * 37 + y * 91 + channel * 53 + x * y * 11) * 257 % (1 << depth)


ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
         (0, 1, 1, 2)]
COLOURS = {"grey": (0, 1, [1, 2, 4, 8, 16]), "rgb": (2, 3, [8, 16]), "palette": (3, 1, [1, 2, 4, 8]),
           "grey-alpha": (4, 2, [8, 16]), "rgba": (6, 4, [8, 16])}


def variant(colour, channels, depth, interlaced, width=13, height=11):
    """A PNG file, written by hand: Pillow writes neither every depth nor interlacing."""
    def rows(left, top, dx, dy):
        raw = b""
        xs, ys = range(left, width, dx), range(top, height, dy)
        if not len(xs):
            return raw
        for y in ys:
            bits = "".join(
                format(sample(c, x, y, depth), f"0{depth}b") for x in xs for c in range(channels))
            bits += "0" * (-len(bits) % 8)
            raw += b"\0" + int(bits, 2).to_bytes(len(bits) // 8, "big")
        return raw

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(
            ">I", zlib.crc32(kind + data))

    raw = b"".join(rows(*p) for p in ADAM7) if interlaced else rows(0, 0, 1, 1)
    file = b"\x89PNG\r\n\x1a\n" + chunk(
        b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced)))
    if colour == 3:
        entries = range(1 << depth)
        file += chunk(
            b"PLTE", b"".join(bytes([i * 7 % 256, i * 13 % 256, i * 29 % 256]) for i in entries))
        file += chunk(b"tRNS", bytes([0, 128]))
    return file + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b"")


def main():
    mono = {"rate": 44100, "step": 10, "window": 100, "padded": 400, "rows": 512, "minimum": 0,
            "maximum": 10000, "power": 0.25}
    sound = tones(22050, 44100, 0)
    (HERE / "tones.s16").write_bytes(sound.tobytes())
    image, exif = picture([sound], mono)
    image.save(HERE / "tones.png", exif=exif)

    stereo = {"rate": 16000, "step": 8, "window": 50, "padded": 130, "rows": 96, "minimum": 60,
              "maximum": 7500, "power": 0.4}
    sounds = [tones(5003, 16000, 0), tones(5003, 16000, 2)]
    (HERE / "stereo.s16").write_bytes(np.stack(sounds, axis=1).tobytes())
    image, exif = picture(sounds, stereo)
    image.save(HERE / "stereo.png", exif=exif)

    (HERE / "variants").mkdir(exist_ok=True)
    for name, (colour, channels, depths) in COLOURS.items():
        for depth in depths:
            for interlaced in [False, True]:
                file = f"{name}-{depth}{'-interlaced' if interlaced else ''}.png"
                (HERE / "variants" / file).write_bytes(
                    variant(colour, channels, depth, interlaced))


main()
