"""Batches of cropped pictures and captions, out of the shards rendered so far."""

import itertools
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from . import conditions, masks
from .captions import with_tempo
from .corpus import load, shards
from .presets import Preset
from .reader import target
from .tokenizer import tokenize

# Clips in which a word stands for one sound teach it best, so they are drawn more often.
KINDS = {"solo": 1.5, "drums": 2.0}
ON_A_BEAT = 0.85  # the share of crops that begin on one
NUMBERED = 0.35  # the share of captions that get a tempo besides those that have one


def weight(line: dict) -> float:
    """How often a clip is drawn, against others."""
    return KINDS.get(line["kind"], 1.0)


class Batch(NamedTuple):
    pictures: torch.Tensor  # (n, 1, height, columns) uint8
    tokens: torch.Tensor  # of captions, (n, tokens)
    said: torch.Tensor  # which captions are not blank, (n,) of truth values
    targets: torch.Tensor  # what the clips are, `reader.target`'s rows
    numbers: torch.Tensor  # tempo, beat and key, (n, 3), as `conditions` says
    masks: torch.Tensor  # 1 where a latent is painted, (n, 1, rows, columns)


def greys(pictures: torch.Tensor) -> torch.Tensor:
    """8-bit pictures as -1...1."""
    return pictures.float().div_(127.5).sub_(1)


class Clip(NamedTuple):
    """One clip of the corpus, but for its captions."""

    block: int  # of pictures
    row: int
    period: float  # of a beat, in columns; the first beat begins at column 0
    bpm: float
    tonic: int | None
    minor: bool | None


class Dataset:
    """The shards, mapped from their files; grows while the rest is rendered."""

    def __init__(self, folder: Path, preset: Preset, tokenizer):
        self.folder, self.preset, self.tokenizer = folder, preset, tokenizer
        self.names: set[str] = set()
        self.blocks: list[np.ndarray] = []
        self.captions: list[list[str]] = []
        self.targets: list[list[int]] = []
        self.clips: list[Clip] = []
        self.weights: list[float] = []
        self.cumulative = np.zeros(0)
        self.refresh()

    def refresh(self):
        limit = -(-self.preset.clips // self.preset.shard)
        for path in shards(self.folder):
            if path.name in self.names or len(self.names) >= limit:
                continue
            pictures, lines = load(path)
            self.names.add(path.name)
            self.blocks.append(pictures)
            self.captions += [line["captions"] for line in lines]
            self.targets += [target(line) for line in lines]
            step = self.preset.spectrogram.step_ms / 1000
            for row, line in enumerate(lines):
                bpm = line["bpm"]
                period = 60 / bpm / step
                key = line["tonic"], line["minor"]
                self.clips.append(Clip(len(self.blocks) - 1, row, period, bpm, *key))
            self.weights += [weight(line) for line in lines]
            self.cumulative = np.cumsum(self.weights)

    def __len__(self):
        return len(self.clips)

    def width(self, rng: np.random.Generator) -> int:
        """The columns of a batch's pictures."""
        widths, shares = zip(*self.preset.widths, strict=True)
        return int(rng.choice(widths, p=np.array(shares) / sum(shares)))

    def text(self, rng: np.random.Generator, n: int) -> str:
        """A caption of the clip, or none."""
        if rng.random() < self.preset.caption_dropout:
            return ""
        options = self.captions[n]  # the first is a short one, as many prompts are
        text = options[0 if rng.random() < 0.3 else int(rng.integers(0, len(options)))]
        return with_tempo(text, self.targets[n][-1]) if rng.random() < NUMBERED else text

    def batch(self, rng: np.random.Generator, size: int, columns: int | None = None) -> Batch:
        """Clips, cropped on a beat or anywhere to one of the widths: `size` of the preset's
        columns, fewer wider ones."""
        columns = columns or self.width(rng)
        size = max(1, size * self.preset.columns // columns)
        height, width = self.preset.architecture.patch
        cumulative = self.cumulative
        chosen = np.searchsorted(cumulative, rng.random(size) * cumulative[-1], side="right")
        crops, texts, numbers, painted = [], [], [], []
        for n in chosen:
            clip = self.clips[n]
            picture = self.blocks[clip.block][clip.row]
            spare = picture.shape[1] - columns
            offset = int(rng.integers(0, spare + 1))
            if rng.random() < ON_A_BEAT:
                offset = round(int(rng.integers(0, int(spare / clip.period) + 1)) * clip.period)
            offset = min(offset, spare)
            crops.append(picture[:, offset : offset + columns])
            texts.append(self.text(rng, n))
            numbers.append(
                conditions.numbers(clip.bpm, offset, clip.period, clip.tonic, clip.minor)
            )
            shape = picture.shape[0] // height, columns // width
            first = -(offset % clip.period) / width
            painted.append(masks.mask(rng, *shape, first, clip.period / width))
        return Batch(
            torch.from_numpy(np.stack(crops))[:, None],
            tokenize(self.tokenizer, texts),
            torch.tensor([bool(text) for text in texts]),
            torch.tensor([self.targets[n] for n in chosen]),
            conditions.drop(torch.tensor(numbers), rng),
            torch.from_numpy(np.stack(painted))[:, None],
        )


class Stream(IterableDataset):
    """Batches without end, for the processes of a `DataLoader`."""

    def __init__(self, dataset: Dataset, size: int, seed: int):
        self.dataset, self.size, self.seed = dataset, size, seed

    def __iter__(self):
        worker = get_worker_info()
        rng = np.random.default_rng([self.seed, worker.id if worker else 0])
        for n in itertools.count(1):
            yield self.dataset.batch(rng, self.size)
            if n % 64 == 0:
                self.dataset.refresh()


def stream(dataset: Dataset, size: int, seed: int, processes: int, pinned: bool):
    """An iterator over batches that so many processes cut."""
    return iter(
        DataLoader(
            Stream(dataset, size, seed),
            batch_size=None,
            num_workers=processes,
            prefetch_factor=4 if processes else None,
            pin_memory=pinned,
        )
    )
