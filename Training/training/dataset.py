"""Batches of cropped pictures and captions, out of the shards rendered so far."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from .captions import with_tempo
from .corpus import load, shards
from .presets import Preset
from .reader import target

# Clips in which a word stands for one sound teach it best, so they are drawn more often.
KINDS = {"solo": 1.5, "drums": 2.0}
ON_A_BEAT = 0.85  # the share of crops that begin on one
NUMBERED = 0.35  # the share of captions that get a tempo besides those that have one


def weight(line: dict) -> float:
    """How often a clip is drawn, against others."""
    return KINDS.get(line["kind"], 1.0)


def starts(line: dict, spare: int, step: float) -> list[int]:
    """The columns at which beats fall, `spare` at most; a column lasts `step` s."""
    beat = 60 / line["bpm"] / step
    return [round(n * beat) for n in range(int(spare / beat) + 1)]


class Batch(NamedTuple):
    pictures: torch.Tensor  # greys in -1...1, (n, 1, height, columns)
    texts: list[str]  # captions; some are blank
    targets: torch.Tensor  # what the clips are, `reader.target`'s rows


class Dataset:
    """The shards in memory; grows while the rest is rendered."""

    def __init__(self, folder: Path, preset: Preset):
        self.folder, self.preset = folder, preset
        self.names: set[str] = set()
        self.blocks: list[np.ndarray] = []
        self.captions: list[list[str]] = []
        self.targets: list[list[int]] = []
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
            self.targets += [target(line) for line in lines]
            self.index += [(len(self.blocks) - 1, n) for n in range(len(pictures))]
            spare = pictures.shape[2] - self.preset.columns
            step = self.preset.spectrogram.step_ms / 1000
            self.starts += [starts(line, spare, step) for line in lines]
            self.weights += [weight(line) for line in lines]
            self.cumulative = np.cumsum(self.weights)

    def __len__(self):
        return len(self.index)

    def batch(self, rng: np.random.Generator, size: int) -> Batch:
        """`size` clips, cropped on a beat or anywhere."""
        columns = self.preset.columns
        out, texts = [], []
        cumulative = self.cumulative
        chosen = np.searchsorted(cumulative, rng.random(size) * cumulative[-1], side="right")
        for n in chosen:
            block, row = self.index[n]
            picture = self.blocks[block][row]
            spare = picture.shape[1] - columns
            offset = int(rng.integers(0, spare + 1))
            if rng.random() < ON_A_BEAT:
                offset = int(rng.choice(self.starts[n]))
            out.append(picture[:, offset : offset + columns])
            blank = rng.random() < self.preset.caption_dropout
            options = self.captions[n]  # the first is a short one, as many prompts are
            option = 0 if rng.random() < 0.3 else int(rng.integers(0, len(options)))
            text = options[option]
            if rng.random() < NUMBERED:
                text = with_tempo(text, self.targets[n][-1])
            texts.append("" if blank else text)
        pictures = torch.from_numpy(np.stack(out)).float().div_(127.5).sub_(1)
        return Batch(pictures[:, None], texts, torch.tensor([self.targets[n] for n in chosen]))
