"""Trains text encoder and UNet together, resumably.

Each call of `train` warms the learning rate up, holds it, and lets it fall to zero in the last
share of its minutes, so that every call ends with usable weights and the next can go on from them.
"""

import csv
import os
import time
from pathlib import Path

import numpy as np
import torch

from .autoencoder import LinearPatchAutoencoder
from .corpus import load, shards
from .model import Model, scheduler
from .presets import Preset
from .sampler import PROMPTS, sample, sheet
from .tokenizer import load_tokenizer, tokenize


class Corpus:
    """The shards rendered so far, in memory; grows while the rest is rendered."""

    def __init__(self, folder: Path, preset: Preset):
        self.folder, self.preset = folder, preset
        self.names: set[str] = set()
        self.blocks: list[np.ndarray] = []
        self.captions: list[list[str]] = []
        self.index: list[tuple[int, int]] = []
        self.refresh()

    def refresh(self):
        limit = -(-self.preset.clips // self.preset.shard)
        for path in shards(self.folder):
            if path.name in self.names or len(self.names) >= limit:
                continue
            pictures, lines = load(path)
            self.names.add(path.name)
            self.index += [(len(self.blocks), n) for n in range(len(pictures))]
            self.blocks.append(np.array(pictures))
            self.captions += [line["captions"] for line in lines]

    def __len__(self):
        return len(self.index)

    def batch(self, rng: np.random.Generator, size: int) -> tuple[torch.Tensor, list[str]]:
        """Greys in -1...1, (size, 1, height, columns), cropped on a beat or anywhere, and captions."""
        columns = self.preset.columns
        out, texts = [], []
        for n in rng.integers(0, len(self), size):
            block, row = self.index[n]
            picture = self.blocks[block][row]
            offset = 0 if rng.random() < 0.3 else int(rng.integers(0, picture.shape[1] - columns + 1))
            out.append(picture[:, offset : offset + columns])
            blank = rng.random() < self.preset.caption_dropout
            options = self.captions[n]
            texts.append("" if blank else options[int(rng.integers(0, len(options)))])
        pictures = torch.from_numpy(np.stack(out)).float().div_(127.5).sub_(1)
        return pictures[:, None], texts


class Run:
    """A training run in its folder: model, optimiser, moving average, step and log."""

    def __init__(self, folder: Path, fit: Path, preset: Preset):
        torch.manual_seed(0)
        self.folder, self.preset = folder, preset
        folder.mkdir(parents=True, exist_ok=True)
        self.tokenizer = load_tokenizer(fit / "tokenizer")
        self.autoencoder = LinearPatchAutoencoder(fit / "vae").to(preset.device)
        self.model = Model(preset.architecture).to(preset.device)
        self.model.unet.to(memory_format=torch.channels_last)
        self.average = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(), lr=preset.learning_rate, betas=(0.9, 0.99), weight_decay=preset.weight_decay,
            fused=True,
        )  # fmt: skip
        self.step = self.samples = 0
        self.seconds = 0.0
        self.cumulative = scheduler().alphas_cumprod.to(preset.device)

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint.pt"

    def resume(self) -> bool:
        if not self.checkpoint.exists():
            return False
        state = torch.load(self.checkpoint, map_location=self.preset.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.average = state["average"]
        if "optimiser" in state:
            self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.samples, self.seconds = state["step"], state["samples"], state["seconds"]
        return True

    def save(self):
        state = {"model": self.model.state_dict(), "average": self.average, "optimiser": self.optimiser.state_dict(),
                 "step": self.step, "samples": self.samples, "seconds": self.seconds}  # fmt: skip
        temporary = self.folder / ".checkpoint.tmp"
        torch.save(state, temporary)
        os.replace(temporary, self.checkpoint)

    def loss(self, pictures: torch.Tensor, tokens: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        """Mean squared error of v at the timesteps, (n,)."""
        clean = self.autoencoder.encode(pictures)
        noise = torch.randn_like(clean)
        alpha = self.cumulative[timesteps].sqrt()[:, None, None, None]
        sigma = (1 - self.cumulative[timesteps]).sqrt()[:, None, None, None]
        noisy = alpha * clean + sigma * noise
        target = alpha * noise - sigma * clean
        noisy = noisy.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.preset.device, torch.bfloat16, enabled=self.preset.bfloat16):
            guess = self.model(noisy, timesteps, tokens)
        return (guess.float() - target).square().mean((1, 2, 3))

    def advance(self, pictures, texts, rate: float) -> float:
        device, n = self.preset.device, len(texts)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        tokens = tokenize(self.tokenizer, texts).to(device)
        # Stratified over the batch: a quieter loss for the same work.
        timesteps = ((torch.arange(n) + torch.rand(n)) / n * 1000).long().clamp(0, 999).to(device)
        loss = self.loss(pictures.to(device), tokens, timesteps).mean()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        self.samples += n
        decay = min(self.preset.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            state = self.model.state_dict()
            floats = [name for name, value in self.average.items() if value.is_floating_point()]
            torch._foreach_lerp_([self.average[n] for n in floats], [state[n] for n in floats], 1 - decay)
        return float(loss.detach())

    def averaged(self) -> Model:
        """A copy of the model with the moving average's weights."""
        model = Model(self.preset.architecture).to(self.preset.device)
        model.load_state_dict(self.average)
        return model.eval()

    def write_sheet(self):
        prompts = [p for p in PROMPTS for _ in range(2)]
        pictures = sample(self.averaged(), self.autoencoder, self.tokenizer, prompts, list(range(1, 3)) * len(PROMPTS),
                          steps=16, device=self.preset.device)  # fmt: skip
        folder = self.folder / "sheets"
        folder.mkdir(exist_ok=True)
        sheet(pictures, prompts, 6).save(folder / f"{self.samples:08}.png")


def train(folder: Path, fit: Path, data: Path, preset: Preset, minutes: float):
    """Trains for `minutes` from the newest checkpoint, if there is one."""
    run = Run(folder, fit, preset)
    resumed = run.resume()
    corpus = Corpus(data, preset)
    print(f"{'resumed at' if resumed else 'new run,'} step {run.step}, {len(corpus)} clips", flush=True)
    rng = np.random.default_rng([run.step, 1])
    torch.manual_seed(run.step)
    begun = last_save = last_sheet = last_log = time.monotonic()
    before, first, losses, logged = run.seconds, run.step, [], run.samples
    with open(folder / "loss.csv", "a", newline="") as file:
        log = csv.writer(file)
        if file.tell() == 0:
            log.writerow(["step", "samples", "seconds", "loss", "learning_rate", "samples_per_second", "clips"])
        while (now := time.monotonic()) - begun < minutes * 60:
            share = (now - begun) / (minutes * 60)
            rate = preset.learning_rate * min(1, (run.step - first + 1) / preset.warmup)
            rate *= min(1, (1 - share) / preset.cooldown)
            losses.append(run.advance(*corpus.batch(rng, preset.batch), rate))
            run.seconds = before + now - begun
            if run.step % 50 == 0:
                speed = (run.samples - logged) / (now - last_log + 1e-9)
                row = [run.step, run.samples, round(run.seconds), f"{np.mean(losses):.5f}", f"{rate:.3g}", f"{speed:.2f}", len(corpus)]
                log.writerow(row)
                file.flush()
                print(*row, flush=True)
                losses, logged, last_log = [], run.samples, now
                corpus.refresh()
            if now - last_save > preset.checkpoint_minutes * 60:
                run.save()
                last_save = now
            if now - last_sheet > preset.sheet_minutes * 60:
                run.write_sheet()
                last_sheet = now
    run.save()
    run.write_sheet()
