"""A small network that hears which instrument leads and which genre a clip is of.

It never hears the model's output while it learns: first it sees rendered pictures, then renders
that went picture -> sound -> Opus once, as everything it judges did.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from .genres import GENRES
from .instruments import INSTRUMENTS

LEADS, STYLES = tuple(INSTRUMENTS), tuple(GENRES)
FEATURES = 64


class Listener(nn.Module):
    """Greys, (n, 256, columns) uint8, to features (n, 64) and two rows of scores a clip."""

    def __init__(self, widths=(24, 48, 96, 128)):
        super().__init__()
        layers, before = [], 1
        for width in widths:
            layers += [
                nn.Conv2d(before, width, 5 if before == 1 else 3, 2, 2 if before == 1 else 1),
                nn.BatchNorm2d(width),
                nn.ReLU(),
            ]
            before = width
        self.trunk = nn.Sequential(*layers)
        self.features = nn.Linear(2 * before * 16, FEATURES)
        self.lead = nn.Linear(FEATURES, len(LEADS))
        self.genre = nn.Linear(FEATURES, len(STYLES))

    def hear(self, pictures: torch.Tensor) -> torch.Tensor:
        """Features, (n, 64): frequency keeps its place, time is averaged and maximised away."""
        x = 1 - pictures[:, None].float() / 255
        x = self.trunk(functional.avg_pool2d(x, (1, 2)))
        x = torch.cat([x.mean(3), x.amax(3)], 1).flatten(1)
        return torch.tanh(self.features(functional.dropout(x, 0.3, self.training)))

    def forward(self, pictures):
        features = self.hear(pictures)
        return self.lead(features), self.genre(features)


@dataclass
class Clips:
    """Pictures (n, 256, columns) uint8 and, for each, the numbers of its lead and genre or -1."""

    pictures: np.ndarray
    leads: np.ndarray
    genres: np.ndarray

    def __len__(self):
        return len(self.pictures)


def labels(lines: list[dict]) -> tuple[np.ndarray, np.ndarray]:
    """The lead's and the genre's numbers of each line of a corpus, -1 where it has none."""
    number = lambda names, name: names.index(name) if name in names else -1
    leads = [number(LEADS, line["lead"]) for line in lines]
    return np.array(leads), np.array([number(STYLES, line["genre"]) for line in lines])


def loss(listener: Listener, pictures, leads, genres) -> torch.Tensor:
    parts = zip(listener(pictures), (leads, genres), strict=True)
    return sum(functional.cross_entropy(s.float(), t, ignore_index=-1) for s, t in parts)


def teach(listener: Listener, clips: Clips, epochs: float, rate: float, seed: int, crop: int = 256):
    """Trains on random crops of `crop` columns; the learning rate falls to zero along a cosine."""
    rng, batch = np.random.default_rng(seed), 64
    steps = max(1, int(epochs * len(clips) / batch))
    optimiser = torch.optim.AdamW(listener.parameters(), lr=rate, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps + 1)
    listener.train()
    known = np.flatnonzero((clips.leads >= 0) | (clips.genres >= 0))
    for _ in range(steps):
        rows = rng.choice(known, batch)
        offset = int(rng.integers(0, clips.pictures.shape[2] - crop + 1))
        pictures = torch.from_numpy(clips.pictures[rows, :, offset : offset + crop])
        targets = torch.from_numpy(clips.leads[rows]), torch.from_numpy(clips.genres[rows])
        with torch.autocast("cpu", torch.bfloat16):
            value = loss(listener, pictures, *targets)
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        schedule.step()
    listener.eval()


@torch.no_grad()
def listen(listener: Listener, pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features (n, 64), and the numbers of the likeliest lead and genre, (n,) each."""
    out = []
    for part in np.array_split(pictures, max(1, len(pictures) // 64)):
        features = listener.hear(torch.from_numpy(np.ascontiguousarray(part)))
        scores = listener.lead(features), listener.genre(features)
        out.append((features.numpy(), *(s.argmax(1).numpy() for s in scores)))
    features, leads, genres = zip(*out, strict=True)
    return np.concatenate(features), np.concatenate(leads), np.concatenate(genres)


def save(listener: Listener, path: Path):
    torch.save(listener.state_dict(), path)


def load(path: Path) -> Listener:
    listener = Listener()
    listener.load_state_dict(torch.load(path, weights_only=True))
    return listener.eval()
