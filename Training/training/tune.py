"""Teaches a model somebody's own music: a LoRA, or the whole UNet.

The text encoder stays as it is; a word that it never met is spelt from pieces, and what the UNet
paints for these pieces is what is learnt. So that old words go on to mean what they meant, a share
of each batch is what the model itself drew for the corpus's captions before (the prior preservation
of DreamBooth; Ruiz et al. 2022, arXiv:2208.12242).
"""

import json
import shutil
import time
from pathlib import Path
from random import Random

import numpy as np
import torch
from safetensors.torch import save_file

from . import clips, conditions, lora, masks, measures
from .captions import captions
from .composer import compose
from .dataset import Batch
from .importer import Checkpoint
from .model import scheduler
from .objective import stratified, velocity_loss
from .sampler import PROMPTS, sample, sheet
from .spectrogram import SpectrogramParameters
from .tokenizer import tokenize

PRIOR = 0.33  # the share of a batch that the model drew itself
WIDTHS = (512, 256, 128)  # columns; the widest that most clips have is trained on
BLANK = 0.1  # the share of captions that are dropped, for guidance


def crop(rng, picture: np.ndarray, columns: int) -> np.ndarray:
    """Any part of so many columns; a shorter picture is followed by silence."""
    if picture.shape[1] < columns:
        missing = columns - picture.shape[1]
        return np.pad(picture, ((0, 0), (0, missing)), constant_values=255)
    first = int(rng.integers(0, picture.shape[1] - columns + 1))
    return picture[:, first : first + columns]


def likeness(a: np.ndarray, b: np.ndarray) -> float:
    """The correlation of two pictures' bands where they lie over each other best, at most 1."""
    x, y = (measures.bands(p) for p in ((a, b) if a.shape[1] <= b.shape[1] else (b, a)))
    x = x - x.mean(1, keepdims=True)
    n, spare = x.shape[1], y.shape[1] - x.shape[1]
    best = -1.0
    for first in range(spare + 1):
        part = y[:, first : first + n]
        part = part - part.mean(1, keepdims=True)
        norm = np.sqrt((x**2).sum() * (part**2).sum()) + 1e-9
        best = max(best, float((x * part).sum() / norm))
    return best


def nearest(pictures, others) -> list[float]:
    """Each picture's likeness to the one of the others that is most like it."""
    return [max(likeness(picture, other) for other in others) for picture in pictures]


class Tuning:
    """A checkpoint, the clips it is taught, and what it drew before."""

    def __init__(self, start: Path, folder: Path, rank: int | None, prior: int, seed: int = 0):
        self.start, self.parts = start, Checkpoint(start)
        described = json.loads((start / "riff.json").read_text())["spectrogram"]
        described.pop("maximum")
        self.clips = clips.read(folder, SpectrogramParameters(**described))
        typical = float(np.median([clip.picture.shape[1] for clip in self.clips]))
        self.columns = next((w for w in WIDTHS if w <= typical), WIDTHS[-1])
        self.rng = np.random.default_rng(seed)
        self.model = self.parts.model
        self.cumulative = scheduler().alphas_cumprod
        names = list(dict.fromkeys(clip.caption for clip in self.clips))
        files = len({clip.path for clip in self.clips})
        print(f"{files} clips, {len(names)} captions, {self.columns} columns at a time", flush=True)
        self.prompts = [*names[:: max(1, len(names) // 6)][:6], *PROMPTS[:6]]
        self.before = self.draw(self.prompts)
        texts = [
            captions(compose(n, 1.0)[1], Random(n))[0] for n in range(600_000, 600_000 + prior)
        ]
        self.prior = list(zip(texts, self.draw(texts), strict=True))
        self.model.requires_grad_(False)
        self.adapters = lora.adapt(self.model.unet, rank) if rank else None
        if not rank:
            self.model.unet.requires_grad_(True)
        self.learnt = [p for p in self.model.parameters() if p.requires_grad]

    def draw(self, prompts) -> np.ndarray:
        parts, out = self.parts, []
        for first in range(0, len(prompts), 8):
            part = prompts[first : first + 8]
            out.append(
                sample(
                    parts.model,
                    parts.autoencoder,
                    parts.tokenizer,
                    part,
                    list(range(first, first + len(part))),
                    **parts.drawn,
                    width=parts.settings["width"],
                    height=parts.settings["height"],
                )
            )
        return np.concatenate(out)

    def batch(self, size: int) -> Batch:
        rng, crops, texts, painted = self.rng, [], [], []
        height, width = self.parts.autoencoder.size
        columns = self.columns
        for n in range(size):
            if self.prior and n < round(PRIOR * size):
                text, picture = self.prior[int(rng.integers(len(self.prior)))]
            else:
                clip = self.clips[int(rng.integers(len(self.clips)))]
                text, picture = clip.caption, clip.picture
            crops.append(crop(rng, picture, columns))
            texts.append("" if rng.random() < BLANK else text)
            shape = crops[0].shape[0] // height, columns // width
            painted.append(masks.mask(rng, *shape, 0, 25 / width))
        return Batch(
            torch.from_numpy(np.stack(crops))[:, None],
            tokenize(self.parts.tokenizer, texts),
            torch.tensor([bool(text) for text in texts]),
            torch.zeros(size, 0),
            conditions.nothing(size),
            torch.from_numpy(np.stack(painted))[:, None],
        )

    def learn(self, minutes: float, size: int, rate: float, bfloat16: bool = True):
        """Until the minutes are over; the learning rate warms up, and falls over the last half."""
        optimiser = torch.optim.AdamW(self.learnt, rate, (0.9, 0.99), weight_decay=0.01)
        begun, step, losses, told = time.monotonic(), 0, [], 0.0
        self.model.train()
        while (share := (time.monotonic() - begun) / (60 * minutes)) < 1:
            loss, _ = velocity_loss(
                self.model,
                self.parts.autoencoder,
                self.cumulative,
                self.batch(size),
                stratified(size, "cpu"),
                bfloat16,
            )
            for group in optimiser.param_groups:
                group["lr"] = rate * min(1, (step + 1) / 20, 2 * (1 - share))
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.learnt, 1.0)
            optimiser.step()
            losses.append(loss.item())
            step += 1
            if time.monotonic() - told > 20:
                told, recent = time.monotonic(), np.mean(losses[-50:])
                print(f"step {step}, {100 * share:.0f}%, loss {recent:.4f}", flush=True)
        self.model.eval()
        return {"steps": step, "samples": step * size, "loss": float(np.mean(losses[-50:]))}

    def leave(self, out: Path, figures: dict):
        """Writes sheets, figures, and the LoRA or the model folder."""
        out.mkdir(parents=True, exist_ok=True)
        after = self.draw(self.prompts)
        sheet(self.before, self.prompts, 6).save(out / "before.png")
        sheet(after, self.prompts, 6).save(out / "after.png")
        own = len(self.prompts) - 6
        known = [clip.picture for clip in self.clips]
        others = []
        for clip in self.clips[:: max(1, len(known) // 8)][:8]:
            rest = [other.picture for other in self.clips if other.path != clip.path]
            others += nearest([clip.picture], rest) if rest else []
        figures["nearest_clip"] = {
            "before": nearest(self.before[:own], known),
            "after": nearest(after[:own], known),
            "clips_among_themselves": others,
        }
        if self.adapters is not None:
            lora.save(self.adapters, out / "pytorch_lora_weights.safetensors")
        else:
            model = out / self.start.resolve().name
            shutil.copytree(self.start, model, dirs_exist_ok=True)
            path = model / "unet" / "diffusion_pytorch_model.safetensors"
            tensors = {
                name: value.to(torch.float16).contiguous()
                for name, value in self.model.unet.state_dict().items()
            }
            save_file(tensors, path.with_suffix(".tmp"), {"format": "pt"})
            path.with_suffix(".tmp").replace(path)
        (out / "tune.json").write_text(json.dumps(figures, indent=2) + "\n")
