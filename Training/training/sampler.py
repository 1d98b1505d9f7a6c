"""Draws pictures from the model, with classifier-free guidance."""

import numpy as np
import torch
from diffusers import DPMSolverMultistepScheduler, UniPCMultistepScheduler
from PIL import Image, ImageDraw

from . import conditions
from .model import Model, Words, scheduler, with_kept
from .tokenizer import tokenize

PROMPTS = (
    "church bells",
    "techno drum beat",
    "violin solo",
    "funk bassline with a jazzy saxophone solo",
    "solo piano, slow",
    "acoustic guitar",
    "jazz with trumpet",
    "reggae with organ",
    "rock band with distorted electric guitar solo",
    "choir",
    "drum and bass drums, fast",
    "flute solo, happy",
)
SOLVERS = {"dpm++2m": DPMSolverMultistepScheduler, "unipc": UniPCMultistepScheduler}


def solver(name: str, steps: int):
    """`ddim`, `dpm++2m` or `unipc`, as riffd calls them, ready for so many steps."""
    found = scheduler()
    if name in SOLVERS:
        found = SOLVERS[name].from_config(found.config)
    elif name != "ddim":
        raise ValueError(f"the trainer draws with ddim, dpm++2m or unipc, not {name}")
    found.set_timesteps(steps)
    return found


@torch.no_grad()
def sample(
    model: Model,
    autoencoder,
    tokenizer,
    prompts,
    seeds,
    *,
    steps=20,
    guidance=4.0,
    interval=(0.0, 1.0),
    method="ddim",
    width=256,
    height=256,
    numbers: torch.Tensor | None = None,
    kept: torch.Tensor | None = None,
    mask: torch.Tensor | None = None,
    device="cpu",
):
    """Pictures of the prompts, each from its own seed, (n, height, width) uint8.

    Guidance is applied from the first to the second share of the steps of `interval`.
    `numbers`, (n, 3), are `conditions`; `kept`, (n, 1, height, width) greys in -1...1, is painted
    over where `mask`, (n, 1, rows, columns) of latents, is 1.
    """
    rows, columns = height // autoencoder.size[0], width // autoencoder.size[1]
    shape = 1, model.unet.config.out_channels, rows, columns
    noise = [torch.randn(shape, generator=torch.Generator().manual_seed(s)) for s in seeds]
    noise = torch.cat(noise).to(device)
    latents, n = noise, len(noise)
    words = model.embed(tokenize(tokenizer, list(prompts)).to(device))
    blank = model.embed(tokenize(tokenizer, [""]).to(device))
    both = Words(*(torch.cat([b.expand_as(w), w]) for b, w in zip(blank, words, strict=True)))
    told = (conditions.nothing(n) if numbers is None else numbers).to(device).repeat(2, 1)
    if mask is None:
        mask, clean = torch.ones(n, 1, rows, columns), torch.zeros_like(latents)
    else:
        clean = autoencoder.encode(kept.to(device))
    mask = mask.to(device)
    ahead = solver(method, steps)
    levels = scheduler()
    guided = range(int(interval[0] * steps), int(interval[1] * steps))
    for step, t in enumerate(ahead.timesteps):
        inputs = with_kept(latents, mask, clean, autoencoder.blank())
        out = model(inputs.repeat(2, 1, 1, 1), t.to(device), both, told)
        free, led = out.chunk(2)
        if step in guided:
            led = free + guidance * (led - free)
        latents = ahead.step(led, t, latents).prev_sample
        # What is kept is put back after each step, as riffd does it.
        after = ahead.timesteps[step + 1 : step + 2]
        kept_now = levels.add_noise(clean, noise, after) if len(after) else clean
        latents = torch.where(mask > 0.5, latents, kept_now)
    greys = autoencoder.decode(latents)[:, 0].float().cpu()
    return ((greys + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).numpy()


def sheet(pictures: np.ndarray, labels, columns: int) -> Image.Image:
    """The pictures in a grid, each under its label."""
    n, height, width = pictures.shape
    rows = -(-n // columns)
    image = Image.new("L", (columns * (width + 4), rows * (height + 16)), 255)
    draw = ImageDraw.Draw(image)
    for i, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        x, y = i % columns * (width + 4), i // columns * (height + 16)
        draw.text((x + 2, y + 2), label[: width // 6], fill=0)
        image.paste(Image.fromarray(picture), (x, y + 14))
    return image
