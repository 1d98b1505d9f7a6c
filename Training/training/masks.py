"""Which part of a picture is painted and which is kept, as an inpainting UNet learns it.

A mask is (rows, columns) of latents, 1 where the picture is painted and 0 where it is kept.
"""

import numpy as np


def _left(rng, mask, beats):
    """A piece goes on: its beginning is kept."""
    columns = mask.shape[1]
    mask[:, : max(1, round(columns * rng.uniform(0.1, 0.8)))] = 0


def _right(rng, mask, beats):
    """A piece gets a beginning."""
    columns = mask.shape[1]
    mask[:, columns - max(1, round(columns * rng.uniform(0.1, 0.8))) :] = 0


def _sides(rng, mask, beats):
    """A gap is filled, a loop is closed."""
    columns = mask.shape[1]
    first = max(1, round(columns * rng.uniform(0.08, 0.45)))
    last = max(1, round(columns * rng.uniform(0.08, 0.45)))
    mask[:, :first] = 0
    mask[:, columns - last :] = 0


def _band(rng, mask, beats):
    """A band of frequencies is painted, or kept."""
    rows = mask.shape[0]
    low, high = sorted(rng.choice(rows + 1, 2, replace=False))
    if rng.random() < 0.5:
        mask[low:high] = 0
    else:
        mask[:low] = 0
        mask[high:] = 0


def _beats(rng, mask, beats):
    """One beat or some are painted, all else is kept."""
    chosen = rng.random(len(beats)) < rng.choice((0.15, 0.5))
    if len(beats):
        chosen[rng.integers(len(beats))] = True
    painted = np.zeros(mask.shape[1], bool)
    for first, last in beats[chosen] if len(beats) else ():
        painted[int(first) : int(np.ceil(last))] = True
    if painted.any():
        mask[:, ~painted] = 0


KINDS = {_left: 0.5, _sides: 0.2, _beats: 0.15, _band: 0.1, _right: 0.05}
WHOLE = 0.5  # the share of pictures of which nothing is kept


def mask(rng: np.random.Generator, rows: int, columns: int, first: float, period: float):
    """A mask for a picture whose beats, `period` latent columns long, begin at the column `first`,
    which may lie before the picture."""
    out = np.ones((rows, columns), np.float32)
    if rng.random() < WHOLE:
        return out
    starts = np.arange(first, columns, period)
    beats = np.stack([starts, starts + period], 1).clip(0, columns)
    beats = beats[beats[:, 1] - beats[:, 0] > 0.5]
    kinds = list(KINDS)
    shares = np.array(list(KINDS.values()))
    kinds[rng.choice(len(kinds), p=shares / shares.sum())](rng, out, beats)
    return out if out.any() else np.ones_like(out)
