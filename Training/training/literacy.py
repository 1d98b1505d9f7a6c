"""Teaches the text encoder to read before it meets a picture.

Captions cost nothing: every seed's score has as many as one likes. From some hundred thousand of
them the encoder learns what each names (`reader`), numbers of beats a minute among it, of which the
rendered clips alone say too little.
"""

from random import Random

import torch

from .captions import captions, with_tempo
from .composer import compose
from .model import Model
from .muon import Muon, is_matrix
from .reader import target
from .tokenizer import tokenize

BATCH = 256
SEEDS = 500_000, 1_000_000  # neither rendered for training nor held out


def lesson(rng: Random) -> tuple[list[str], torch.Tensor]:
    """A batch of captions, four a score, and what they are about. Most of them name the tempo, for
    numbers are the hardest words."""
    texts, targets = [], []
    while len(texts) < BATCH:
        brief = compose(rng.randrange(*SEEDS), 1.0)[1]  # the captions are all it takes
        for text in captions(brief, rng, 4):
            texts.append(with_tempo(text, brief.bpm) if rng.random() < 0.6 else text)
        targets += [target(vars(brief))] * 4
    return texts, torch.tensor(targets)


def teach(
    model: Model, tokenizer, steps: int, rate: float, device: str, encoder: bool = True, seed=0
):
    """Trains encoder and reader in place, or without `encoder` the reader alone; the learning rate
    falls to zero over the last two thirds of the steps."""
    rng = Random(seed)
    matrices, rest = [], list(model.reader.parameters())
    if encoder:
        for name, parameter in model.text.named_parameters():
            (matrices if is_matrix(name, parameter) else rest).append(parameter)
    optimisers = [torch.optim.AdamW(rest, rate, (0.9, 0.99), fused=True)]
    if matrices:
        optimisers.append(Muon(matrices, rate))
    for step in range(steps):
        texts, targets = lesson(rng)
        with torch.set_grad_enabled(encoder), torch.autocast(device, torch.bfloat16):
            text = model.embed(tokenize(tokenizer, texts).to(device)).tokens
        loss = model.reader.loss(text, targets.to(device))
        for optimiser in optimisers:
            for group in optimiser.param_groups:
                group["lr"] = rate * min(1, (step + 1) / 50, 1.5 * (1 - step / steps))
            optimiser.zero_grad()
        loss.backward()
        for optimiser in optimisers:
            optimiser.step()
        if step % 50 == 0 or step == steps - 1:
            print(f"reading: step {step}, {loss.item():.3f} nats", flush=True)
