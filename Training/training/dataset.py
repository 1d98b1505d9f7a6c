"""Batches of cropped pictures and captions, out of the shards rendered so far."""

from pathlib import Path

import numpy as np
import torch

from .corpus import load, shards
from .presets import Preset

# Clips in which a word stands for one sound teach it best, so they are drawn more often.
KINDS = {"solo": 2.0, "drums": 2.0}


def weight(line: dict) -> float:
    """How often a clip is drawn, against others."""
    return KINDS.get(line["kind"], 1.0)


def starts(line: dict, spare: int, step: float) -> list[int]:
    """The columns at which beats fall, `spare` at most; a column lasts `step` s."""
    beat = 60 / line["bpm"] / step
    return [round(n * beat) for n in range(int(spare / beat) + 1)]


class Dataset:
    """The shards in memory; grows while the rest is rendered."""

    def __init__(self, folder: Path, preset: Preset):
        self.folder, self.preset = folder, preset
        self.names: set[str] = set()
        self.blocks: list[np.ndarray] = []
        self.captions: list[list[str]] = []
        self.index: list[tuple[int, int]] = []
        self.weights: list[float] = []
        self.starts: list[list[int]] = []
        self.cumulative = np.zeros(0)
        self.refresh()

    def refresh(self):
        limit = -(-self.preset.clips // self.preset.shard)
        for path in shards(self.folder):
            if path.name in self.names or len(self.names) >= limit:
                continue
            pictures, lines = load(path)
            self.names.add(path.name)
            self.blocks.append(np.array(pictures))
            self.captions += [line["captions"] for line in lines]
            self.index += [(len(self.blocks) - 1, n) for n in range(len(pictures))]
            spare = pictures.shape[2] - self.preset.columns
            step = self.preset.spectrogram.step_ms / 1000
            self.starts += [starts(line, spare, step) for line in lines]
            self.weights += [weight(line) for line in lines]
            self.cumulative = np.cumsum(self.weights)

    def __len__(self):
        return len(self.index)

    def batch(self, rng: np.random.Generator, size: int) -> tuple[torch.Tensor, list[str]]:
        """Greys in -1...1, (size, 1, height, columns), cropped on a beat or anywhere; captions."""
        columns = self.preset.columns
        out, texts = [], []
        cumulative = self.cumulative
        for n in np.searchsorted(cumulative, rng.random(size) * cumulative[-1], side="right"):
            block, row = self.index[n]
            picture = self.blocks[block][row]
            spare = picture.shape[1] - columns
            offset = int(rng.integers(0, spare + 1))
            if rng.random() < 0.7:
                offset = int(rng.choice(self.starts[n]))
            out.append(picture[:, offset : offset + columns])
            blank = rng.random() < self.preset.caption_dropout
            options = self.captions[n]  # the first is a short one, as many prompts are
            chosen = 0 if rng.random() < 0.3 else int(rng.integers(0, len(options)))
            texts.append("" if blank else options[chosen])
        pictures = torch.from_numpy(np.stack(out)).float().div_(127.5).sub_(1)
        return pictures[:, None], texts
