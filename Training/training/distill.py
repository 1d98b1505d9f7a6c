"""Progressive distillation (Salimans & Ho 2022, arXiv:2202.00512), of guidance too (Meng et al.
2022, arXiv:2210.03142): a student learns to take in one step, in one pass, what its teacher takes
in two, each with a second pass for guidance. Where the teacher was distilled before, there is no
guidance to learn, and the steps halve again.

Steps are DDIM's over trailing timesteps, so what the student needs is its `riff.json`: fewer steps,
guidance 1.
"""

from pathlib import Path

import torch

from .dataset import Batch, greys
from .importer import Checkpoint
from .model import Model, Words, with_kept
from .objective import KEPT
from .presets import Preset
from .tokenizer import tokenize
from .trainer import Run


def trailing(steps: int) -> torch.Tensor:
    """DDIM's trailing timesteps of 1,000, (steps,), the noisiest first."""
    return torch.tensor([round(1000 - n * 1000 / steps) - 1 for n in range(steps)])


class Distillation(Run):
    """A run whose targets come from a teacher."""

    def __init__(self, folder: Path, fit: Path, preset: Preset, teacher: Path, steps: int):
        super().__init__(folder, fit, preset)
        self.teacher = Checkpoint(teacher)
        self.teacher.model.to(preset.device).requires_grad_(False)
        self.drawn = {"steps": steps, "guidance": 1.0}
        self.guidance = float(self.teacher.settings["guidance_scale"])
        # The teacher's timesteps, two for each of the student's; after the last there is no noise.
        self.grid = trailing(2 * steps).to(preset.device)
        clean = torch.ones(1, device=self.cumulative.device)
        self.levels = torch.cat([self.cumulative[self.grid], clean])
        print(f"{steps} steps, from {2 * steps} at guidance {self.guidance:g}", flush=True)

    @torch.no_grad()
    def predict(self, inputs, timesteps, words: Words, blank: Words, numbers) -> torch.Tensor:
        """The teacher's v, guided."""
        model = self.teacher.model
        if self.guidance <= 1:
            return model(inputs, timesteps, words, numbers).float()
        both = Words(*(torch.cat(pair) for pair in zip(blank, words, strict=True)))
        twice = inputs.repeat(2, 1, 1, 1), timesteps.repeat(2), both, numbers.repeat(2, 1)
        free, led = model(*twice).float().chunk(2)
        return free + self.guidance * (led - free)

    def gradients(self, model: Model, batch: Batch) -> tuple[float, list[torch.Tensor]]:
        device, n = self.preset.device, len(batch.tokens)
        precision = torch.autocast(device, torch.bfloat16, enabled=self.preset.bfloat16)
        clean = self.autoencoder.encode(greys(batch.pictures.to(device)))
        mask, numbers = batch.masks.to(device), batch.numbers.to(device)
        tokens = batch.tokens.to(device)
        # Where the student begins: every second of the teacher's timesteps.
        first = 2 * torch.randint(0, len(self.grid) // 2, (n,), device=device)
        wide = lambda x: x[:, None, None, None]
        at = lambda step: (wide(self.levels[step].sqrt()), wide((1 - self.levels[step]).sqrt()))
        alpha, sigma = at(first)
        begun = alpha * clean + sigma * torch.randn_like(clean)
        kept = lambda x: with_kept(x, mask, clean, self.autoencoder.blank())
        with precision, torch.no_grad():
            words = self.teacher.model.embed(tokens)
            empty = tokenize(self.tokenizer, [""]).to(device)
            blank = Words(
                *(
                    b.expand_as(w)
                    for b, w in zip(self.teacher.model.embed(empty), words, strict=True)
                )
            )
            x = begun
            for step in (first, first + 1):
                a, s = at(step)
                v = self.predict(kept(x), self.grid[step], words, blank, numbers)
                a2, s2 = at(step + 1)
                x = a2 * (a * x - s * v) + s2 * (s * x + a * v)
        # The v with which one step, from the first to the last level, comes to the same place.
        last_alpha, last_sigma = at(first + 2)
        along = last_alpha * alpha + last_sigma * sigma
        across = last_sigma * alpha - last_alpha * sigma
        target = (x - along * begun) / across
        with precision:
            mine = model.embed(tokens)
            guess = model(kept(begun), self.grid[first], mine, numbers)
        error = (guess.float() - target).square().mean(1, keepdim=True)
        counts = KEPT + (1 - KEPT) * mask
        loss = (error * counts).sum() / counts.sum()
        # The reader's heads have no part in it.
        learnt = list(model.parameters())
        found = torch.autograd.grad(loss, learnt, allow_unused=True)
        pairs = zip(found, learnt, strict=True)
        return float(loss.detach()), [torch.zeros_like(p) if g is None else g for g, p in pairs]
