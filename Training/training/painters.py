"""Who draws the clips that are judged: `riff`, or the trainer's own sampler.

`riff` is what listeners get. The sampler serves models that the daemon at hand cannot load yet; its
pictures then go through `riff render`. A 20 s piece is one wide picture, or, by a model that learnt
to go on, windows that begin on a beat and keep what the last one painted there.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from . import conditions
from .importer import Checkpoint
from .sampler import sample
from .spectrogram import SpectrogramParameters

BATCH = 8


@dataclass
class Request:
    """One clip to draw."""

    prompt: str
    seed: int
    target: Path
    seconds: float | None = None  # else the model's own width
    bpm: float | None = None


class RiffPainter:
    """Draws with `riff generate`."""

    def __init__(self, player, options=()):
        self.player, self.options = player, options

    def draw(self, request: Request):
        options = list(self.options)
        if request.seconds:
            options += ["--duration", request.seconds]
        self.player.generate(request.prompt, request.seed, request.target, *options)

    def __call__(self, requests: list[Request]):
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(self.draw, requests))


class SamplerPainter:
    """Draws with the trainer's sampler, and plays the pictures with `riff render`."""

    def __init__(self, player, folder: Path, parameters: SpectrogramParameters, maximum: float):
        self.player, self.parameters, self.maximum = player, parameters, maximum
        self.parts = Checkpoint(folder)

    def sample(self, requests, **options) -> np.ndarray:
        parts = self.parts
        prompts = [request.prompt for request in requests]
        seeds = options.pop("seeds", [request.seed for request in requests])
        return sample(
            parts.model,
            parts.autoencoder,
            parts.tokenizer,
            prompts,
            seeds,
            **parts.drawn,
            height=parts.settings["height"],
            **options,
        )

    def fill(self, pictures: np.ndarray, prompts, told: torch.Tensor, kept) -> np.ndarray:
        """The pictures, (n, bins, columns) uint8, painted anew but for the latent columns that
        `kept`, (columns,) of truth values, says."""
        height, width = self.parts.autoencoder.size
        out = []
        for first in range(0, len(pictures), BATCH):
            part = slice(first, first + BATCH)
            own = pictures[part]
            mask = torch.ones(len(own), 1, own.shape[1] // height, own.shape[2] // width)
            mask[..., torch.from_numpy(kept)] = 0
            requests = [
                Request(prompt, first + n, Path()) for n, prompt in enumerate(prompts[part])
            ]
            greys = torch.from_numpy(own).float().div(127.5).sub(1)[:, None]
            options = {"width": own.shape[2], "numbers": told[part], "kept": greys, "mask": mask}
            out.append(self.sample(requests, **options))
        return np.concatenate(out)

    def long(self, request: Request, window: int = 512, kept: int = 192) -> np.ndarray:
        """A picture as long as asked for, window after window; each begins on a beat at least
        `kept` columns before the end of what there is."""
        step = self.parameters.step_ms / 1000
        columns, patch = round(request.seconds / step), self.parts.autoencoder.size[1]
        period = 60 / request.bpm / step if request.bpm else float(patch)
        told = lambda first: torch.tensor(
            [conditions.numbers(request.bpm or 0, first, period, None, None)]
        )
        picture = self.sample([request], width=window, numbers=told(0))[0]
        seed = request.seed
        while picture.shape[1] < columns:
            first = round(np.floor((picture.shape[1] - kept) / period) * period)
            old = picture[:, first:]
            whole = old.shape[1] // patch * patch  # columns of whole patches
            greys = np.full((picture.shape[0], window), 127.5, np.float32)
            greys[:, :whole] = old[:, :whole]
            greys = torch.from_numpy(greys / 127.5 - 1)[None, None]
            shape = picture.shape[0] // self.parts.autoencoder.size[0], window // patch
            mask = torch.ones(1, 1, *shape)
            mask[..., : whole // patch] = 0
            seed += 1_000_000
            new = self.sample(
                [request], seeds=[seed], width=window, numbers=told(first), kept=greys, mask=mask
            )[0]
            picture = np.concatenate([picture[:, : first + whole], new[:, whole:]], 1)
        return picture[:, :columns]

    def __call__(self, requests: list[Request]):
        missing = [request for request in requests if not request.target.exists()]
        wide = [request for request in missing if request.seconds]
        for request in wide:
            self.player.render(self.long(request), self.maximum, request.target)
        short = [request for request in missing if not request.seconds]
        for first in range(0, len(short), BATCH):
            part = short[first : first + BATCH]
            pictures = self.sample(part, width=self.parts.settings["width"])
            for picture, request in zip(pictures, part, strict=True):
                self.player.render(picture, self.maximum, request.target)
