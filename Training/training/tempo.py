"""Estimates the tempo of a mel picture."""

import numpy as np

TEMPI = np.arange(50.0, 200.5, 0.5)


def onsets(picture: np.ndarray) -> np.ndarray:
    """How much louder each column is than the one before, over all bins, (columns - 1,)."""
    loud = 1 - picture.astype(np.float32) / 255
    rise = np.maximum(0, np.diff(loud, axis=1)).sum(0)
    return rise - rise.mean()


def estimate(picture: np.ndarray, step: float) -> float:
    """Beats a minute of a picture, (bins, columns) uint8, whose columns last `step` seconds.

    The tempo whose beats, up to eight apart, explain the onsets' autocorrelation best, with a
    preference for tempi near 115.
    """
    rise = onsets(picture)
    size = len(rise)
    spectrum = np.abs(np.fft.rfft(rise, 2 * size)) ** 2
    likeness = np.fft.irfft(spectrum)[:size] / np.arange(size, 0, -1)
    likeness /= likeness[0] + 1e-9
    score = np.zeros(len(TEMPI))
    for beats in (0.5, 1, 2, 3, 4, 6, 8):
        lags = beats * 60 / TEMPI / step
        inside = lags < size * 0.8
        found = np.interp(lags, np.arange(size), likeness)
        score += np.where(inside, found, 0) / (1 + beats) ** 0.5
    prior = np.exp(-0.5 * (np.log2(TEMPI / 115) / 0.9) ** 2)
    return float(TEMPI[np.argmax(score * prior)])


def agrees(found: float, asked: float, tolerance: float = 0.04) -> bool:
    """Whether a tempo is within 4% of the one asked for, or of twice or half of it."""
    return any(abs(found / (asked * octave) - 1) <= tolerance for octave in (0.5, 1, 2))
