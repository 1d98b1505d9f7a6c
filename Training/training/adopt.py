"""Takes over a U-Net whose latents or whose conditions are others than the new one's.

What has the same shape is copied. If the old model's patches have the new one's shape, its first
and last layer are carried over through both autoencoders, so that the new model begins by painting
what the old one did; mask and kept part have no say yet. What the old one added to the timestep's
embedding for the prompt as a whole (`addition_embed_type: text`) is learnt from captions alone.
"""

import json
from pathlib import Path
from random import Random

import torch
from diffusers import UNet2DConditionModel

from .autoencoder import LinearPatchAutoencoder
from .conditions import NUMBERS
from .importer import weights
from .literacy import lesson
from .model import Model
from .tokenizer import tokenize

STEPS = 600
RATE = 2e-3


def _latents(model: Model, state: dict, old: LinearPatchAutoencoder, new: LinearPatchAutoencoder):
    """Carries the first and the last layer over."""
    unet = model.unet
    to_old = old.encoder_weight @ new.decoder_weight  # (old channels, new channels)
    to_new = new.encoder_weight @ old.decoder_weight
    state = {name: value.to(to_old.device) for name, value in state.items()}
    kernel, bias = state["unet.conv_in.weight"], state["unet.conv_in.bias"]
    channels = len(to_new)
    if kernel.shape[1] != len(to_old):
        return
    unet.conv_in.weight.zero_()
    unet.conv_in.weight[:, :channels] = torch.einsum("oihw,ij->ojhw", kernel, to_old)
    unet.conv_in.bias.copy_(bias)
    kernel, bias = state["unet.conv_out.weight"], state["unet.conv_out.bias"]
    unet.conv_out.weight.copy_(torch.einsum("ji,ichw->jchw", to_new, kernel))
    unet.conv_out.bias.copy_(to_new @ bias)


def _whole(model: Model, tokenizer, folder: Path, steps: int):
    """Teaches the new embedding of the prompt as a whole to say what the old one said."""
    new = model.unet.add_embedding
    device = new.linear_1.weight.device
    old = UNet2DConditionModel.from_pretrained(folder / "unet").float().add_embedding.to(device)
    optimiser = torch.optim.AdamW(new.parameters(), RATE, weight_decay=0)
    rng, width = Random(1), model.unet.config.addition_time_embed_dim
    for step in range(steps):
        texts = lesson(rng)[0][::4]
        texts[0] = ""
        with torch.no_grad():
            words = model.embed(tokenize(tokenizer, texts).to(device))
            target = old(words.tokens)
            numbers = torch.zeros(len(texts), NUMBERS, device=device)
            sines = model.unet.add_time_proj(numbers.flatten()).reshape(len(texts), NUMBERS * width)
        guess = new(torch.cat([words.whole, sines], 1))
        loss = (guess - target).square().mean()
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1, 2 * (1 - step / steps))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % 100 == 0 or step == steps - 1:
            share = loss.item() / target.var().item()
            print(f"the prompt as a whole: step {step}, {share:.3f} left unexplained", flush=True)


def adopt(model: Model, autoencoder, tokenizer, folder: Path, steps: int = STEPS):
    """Begins with what fits of the model in the folder; its text encoder has to fit."""
    ours = model.state_dict()
    state = weights(folder, any(name.startswith("text.text_model.") for name in ours))
    fits = {n: v for n, v in state.items() if n in ours and ours[n].shape == v.shape}
    model.load_state_dict(fits, strict=False)
    new = [n for n in ours if n not in fits and not n.startswith("reader.")]
    if any(name.startswith("text.") for name in new):
        raise SystemExit(f"{folder}: its text encoder is of another size")
    print(f"{folder}: {len(fits)} tensors taken over, {len(new)} are others", flush=True)
    if not new:
        return
    torch.nn.init.zeros_(model.unet.add_embedding.linear_2.weight)
    torch.nn.init.zeros_(model.unet.add_embedding.linear_2.bias)
    old = LinearPatchAutoencoder(folder / "vae").to(model.unet.conv_in.weight.device)
    if old.size == autoencoder.size and "unet.conv_in.weight" not in fits:
        with torch.no_grad():
            _latents(model, state, old, autoencoder)
    config = json.loads((folder / "unet" / "config.json").read_text())
    width = model.unet.add_embedding.linear_2.out_features
    if config["addition_embed_type"] == "text" and 4 * config["block_out_channels"][0] == width:
        _whole(model, tokenizer, folder, steps)
