"""What stands between an instrument and a listener: a room, an equaliser, a level that saturates.

Two sound fonts have two sounds of each instrument; recordings have as many as there are rooms,
microphones and mixing desks. Each clip gets its own.
"""

from random import Random

import numpy as np
import scipy.signal

ROOM = 0.35  # the share of clips that get one, besides the synthesiser's own reverb
EQUALISED = 0.6
SATURATED = 0.25


def shelf(rate: int, hertz: float, decibels: float) -> np.ndarray:
    """A high shelf's sections (Bristow-Johnson's cookbook, slope 1), (1, 6)."""
    a, w = 10 ** (decibels / 40), 2 * np.pi * hertz / rate
    cos, alpha = np.cos(w), np.sin(w) / 2 * np.sqrt(2)
    root = 2 * np.sqrt(a) * alpha
    b = a * np.array([a + 1 + (a - 1) * cos + root, -2 * (a - 1 + (a + 1) * cos), 0])
    b[2] = a * (a + 1 + (a - 1) * cos - root)
    low = a + 1 - (a - 1) * cos
    c = np.array([low + root, 2 * (a - 1 - (a + 1) * cos), low - root])
    return np.concatenate([b, c])[None] / c[0]


def bell(rate: int, hertz: float, decibels: float, q: float) -> np.ndarray:
    """A bell's sections (the same cookbook), (1, 6)."""
    a, w = 10 ** (decibels / 40), 2 * np.pi * hertz / rate
    alpha = np.sin(w) / (2 * q)
    b = np.array([1 + alpha * a, -2 * np.cos(w), 1 - alpha * a])
    c = np.array([1 + alpha / a, -2 * np.cos(w), 1 - alpha / a])
    return np.concatenate([b, c])[None] / c[0]


class Room:
    """One clip's way to the listener, chosen by `rng`; takes and gives (n,) on the 16-bit scale."""

    def __init__(self, rng: Random, rate: int, reverberated: bool):
        self.rate = rate
        self.tail = None
        if not reverberated or rng.random() < ROOM:
            # A synthesiser without reverb needs rooms of all sizes, one with it small ones.
            longest = 0.5 if reverberated else 1.6
            seconds, level = rng.uniform(0.12, longest), rng.uniform(0.05, 0.35)
            self.tail = self.response(seconds, level, rng.randrange(2**31))
        self.sections = None
        if rng.random() < EQUALISED:
            tilt = shelf(rate, rng.uniform(1500, 5000), rng.uniform(-6, 4))
            at, gain = 10 ** rng.uniform(2.2, 3.5), rng.uniform(-5, 5)
            middle = bell(rate, at, gain, rng.uniform(0.5, 2))
            self.sections = np.concatenate([tilt, middle])
        self.drive = rng.uniform(1.0, 3.0) if rng.random() < SATURATED else 0.0

    def response(self, seconds: float, level: float, seed: int) -> np.ndarray:
        """Noise that decays by 60 dB in `seconds` and grows duller, of energy `level` squared."""
        rng = np.random.default_rng(seed)
        at = np.arange(int(seconds * self.rate)) / self.rate
        noise = rng.standard_normal(len(at)) * 10 ** (-3 * at / seconds)
        dull = scipy.signal.sosfilt(scipy.signal.butter(1, 2500, fs=self.rate, output="sos"), noise)
        far = at / seconds
        noise = noise * (1 - far) + dull * far
        gap = int(rng.uniform(0.002, 0.02) * self.rate)  # before the first wall answers
        noise = np.concatenate([np.zeros(gap), noise])
        return (noise * level / np.sqrt((noise**2).sum())).astype(np.float32)

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        if self.tail is not None:
            wet = scipy.signal.fftconvolve(samples, self.tail)[: len(samples)]
            samples = samples + wet.astype(np.float32)
        if self.sections is not None:
            samples = scipy.signal.sosfilt(self.sections, samples).astype(np.float32)
        if self.drive:
            peak = max(1.0, float(np.abs(samples).max()))
            samples = np.tanh(samples * (self.drive / peak)) * (peak / np.tanh(self.drive))
        return samples.astype(np.float32)
