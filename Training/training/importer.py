"""Reads an exported model folder back."""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file

from .autoencoder import LinearPatchAutoencoder
from .model import Model
from .presets import Architecture
from .tokenizer import load_tokenizer


def _config(folder: Path, part: str) -> dict:
    return json.loads((folder / part / "config.json").read_text())


def architecture(folder: Path) -> Architecture:
    """The sizes of a model folder that `exporter` wrote."""
    unet, text, vae = (_config(folder, part) for part in ("unet", "text_encoder", "vae"))
    if unet["addition_embed_type"] != "text_time":
        raise SystemExit(f"{folder}: its U-Net is of another kind than this trainer's")
    return Architecture(
        patch=tuple(vae["patch_size"]),
        latent_channels=vae["latent_channels"],
        channels=tuple(unet["block_out_channels"]),
        heads=tuple(unet["attention_head_dim"]),
        attention=tuple(name.startswith("Cross") for name in unet["down_block_types"]),
        layers=unet["layers_per_block"],
        text_width=text["hidden_size"],
        text_layers=text["num_hidden_layers"],
        text_heads=text["num_attention_heads"],
        tokens=text["max_position_embeddings"],
        vocabulary=text["vocab_size"],
    )


def weights(folder: Path, nested: bool) -> dict[str, torch.Tensor]:
    """The tensors of U-Net and text encoder, by their names in `Model`.

    Published checkpoints say `text_model.` before each name of a text encoder; transformers 5 does
    so no more, and `nested` says whether this one does.
    """
    found = load_file(folder / "unet" / "diffusion_pytorch_model.safetensors")
    state = {f"unet.{name}": value.float() for name, value in found.items()}
    found = load_file(folder / "text_encoder" / "model.safetensors")
    prefix = "" if nested else "text_model."
    return state | {f"text.{n.removeprefix(prefix)}": v.float() for n, v in found.items()}


class Checkpoint:
    """A model folder's parts, to draw with."""

    def __init__(self, folder: Path):
        described = json.loads((folder / "riff.json").read_text())
        size = described["defaults"]
        self.settings = size
        # How riffd draws where a request says nothing.
        self.drawn = {
            "steps": size["steps"],
            "guidance": size["guidance_scale"],
            "interval": (size.get("guidance_start", 0.0), size.get("guidance_stop", 1.0)),
            "method": size.get("scheduler", "ddim"),
        }
        self.tokenizer = load_tokenizer(folder / "tokenizer")
        self.autoencoder = LinearPatchAutoencoder(folder / "vae")
        self.model = Model(architecture(folder), size["width"], size["height"])
        names = self.model.state_dict()
        state = weights(folder, any(name.startswith("text.text_model.") for name in names))
        missing = {n for n in names if n not in state and not n.startswith("reader.")}
        missing = {n for n in missing if not n.endswith("position_ids")}
        if missing:
            raise SystemExit(f"{folder}: {len(missing)} tensors missing, as {min(missing)}")
        self.model.load_state_dict(state, strict=False)
        self.model.use_plain_attention()
        self.model.eval()
