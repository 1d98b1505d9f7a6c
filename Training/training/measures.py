"""Figures of pictures that need no network: attack, beat, key, seams.

Pictures are (bins, columns) uint8 with the highest bin on top and black for loud, as everywhere;
loudness is 0...1, the fourth root of amplitude.
"""

import numpy as np

from .tempo import onsets

# Keys by what sounds in them (Krumhansl and Kessler 1982), from the tonic on.
MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)


def loudness(picture: np.ndarray) -> np.ndarray:
    return 1 - picture.astype(np.float32) / 255


def bands(picture: np.ndarray, count: int = 16) -> np.ndarray:
    """Mean loudness of so many bands, (count, columns)."""
    bins, columns = picture.shape
    return loudness(picture).reshape(count, bins // count, columns).mean(1)


def attack(picture: np.ndarray) -> float:
    """Mean squared rise of a band from one column to the next: a note that begins in one column
    counts for four that begin as loud over four."""
    rise = np.maximum(0, np.diff(bands(picture), axis=1))
    return float((rise**2).mean())


def slip(picture: np.ndarray, step: float, bpm: float, seconds: float = 3.0) -> float:
    """By how many seconds, half a beat at most, the beats of the last `seconds` lie off the grid
    that those of the first ones are on; columns last `step` seconds."""
    beat, size = 60 / bpm / step, round(seconds / step)
    rise = np.maximum(0, np.diff(bands(picture, 4), axis=1))
    cells = 64  # of two beats
    folded = []
    for part in (np.arange(size), np.arange(rise.shape[1] - size, rise.shape[1])):
        at = (part / beat % 2) / 2 * cells
        low, share = np.floor(at).astype(int), at % 1
        profile = np.zeros((4, cells))
        for band, values in zip(profile, rise[:, part], strict=True):
            np.add.at(band, low % cells, values * (1 - share))
            np.add.at(band, (low + 1) % cells, values * share)
        folded.append(np.fft.rfft(profile - profile.mean(1, keepdims=True), axis=1))
    likeness = np.fft.irfft((folded[0].conj() * folded[1]).sum(0), cells)
    lag = int(np.argmax(likeness))
    around = likeness[[(lag - 1) % cells, lag, (lag + 1) % cells]]
    bend = around[0] - 2 * around[1] + around[2]
    if bend < 0:
        lag += 0.5 * (around[0] - around[2]) / bend
    beats = lag / cells * 2 % 1
    return min(beats, 1 - beats) * 60 / bpm


def frequencies(bins: int, top: float) -> np.ndarray:
    """The centre of each row of a picture in Hz, the highest first."""
    mel = np.linspace(0, 2595 * np.log10(1 + top / 700), bins + 2)[1:-1]
    return 700 * (10 ** (mel / 2595) - 1)[::-1]


def chroma(picture: np.ndarray, top: float = 10_000.0) -> np.ndarray:
    """How much of each pitch class from C on sounds, between 130 Hz, where a bin is narrower than
    a semitone and a half, and 2 kHz; sums to 1, (12,)."""
    hertz = frequencies(len(picture), top)
    inside = (hertz > 130) & (hertz < 2000)
    energy = (loudness(picture)[inside] ** 8).sum(1)
    classes = (12 * np.log2(hertz[inside] / 261.626)) % 12
    out = np.zeros(12)
    np.add.at(out, np.floor(classes).astype(int) % 12, energy * (1 - classes % 1))
    np.add.at(out, (np.floor(classes).astype(int) + 1) % 12, energy * (classes % 1))
    return out / max(out.sum(), 1e-9)


def key(picture: np.ndarray) -> tuple[int, bool]:
    """The likeliest tonic, C being 0, and whether its key is minor."""
    found = chroma(picture)
    scores = [
        np.corrcoef(found, np.roll(profile, tonic))[0, 1]
        for profile in (MAJOR, MINOR)
        for tonic in range(12)
    ]
    best = int(np.nanargmax(scores))
    return best % 12, best >= 12


def same_key(a: tuple[int, bool], b: tuple[int, bool]) -> bool:
    """Whether two keys are one or each other's relative."""
    major = lambda key: (key[0] + 3) % 12 if key[1] else key[0]
    return major(a) == major(b)


def seam(picture: np.ndarray, column: int, reach: int = 2) -> float:
    """The flux, up and down, around a seam, of that elsewhere."""
    flux = np.abs(np.diff(bands(picture), axis=1)).sum(0)
    near = np.abs(np.arange(len(flux)) - (column - 1)) <= reach
    return float(flux[near].max() / max(np.quantile(flux[~near], 0.9), 1e-9))


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Of 8-bit pictures, in dB."""
    error = (a.astype(np.float32) - b.astype(np.float32)) ** 2
    return float(10 * np.log10(255**2 / error.mean()))


def pulse(picture: np.ndarray) -> float:
    """How far its strongest onsets stand out of the rest, for choosing clips that have a beat."""
    rise = onsets(picture)
    return float(np.quantile(rise, 0.95) / (np.abs(rise).mean() + 1e-9))
