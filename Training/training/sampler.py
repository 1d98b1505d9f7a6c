"""Draws pictures from the model: DDIM with classifier-free guidance."""

import numpy as np
import torch
from PIL import Image, ImageDraw

from .model import Model, scheduler
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
    width=256,
    height=256,
    device="cpu",
):
    """Pictures of the prompts, each from its own seed, (n, height, width) uint8."""
    size = autoencoder.size
    noise = [
        torch.randn(
            (1, model.unet.config.in_channels, height // size, width // size),
            generator=torch.Generator().manual_seed(s),
        )
        for s in seeds
    ]
    latents = torch.cat(noise).to(device)
    text = model.embed(tokenize(tokenizer, list(prompts)).to(device))
    blank = model.embed(tokenize(tokenizer, [""]).to(device)).expand_as(text)
    both = torch.cat([blank, text])
    ddim = scheduler()
    ddim.set_timesteps(steps)
    for t in ddim.timesteps:
        out = model.unet(
            torch.cat([latents, latents]), t.to(device), encoder_hidden_states=both
        ).sample
        free, led = out.chunk(2)
        latents = ddim.step(free + guidance * (led - free), t, latents).prev_sample
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
