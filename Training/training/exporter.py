"""Writes a run's averaged weights as a checkpoint folder in diffusers' layout."""

import json
import os
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file

from .conditions import TIME_IDS
from .corpus import load, shards
from .model import SCHEDULER
from .presets import Preset
from .trainer import Run

TITLE = "riff-mini"
DESCRIPTION = (
    "A small latent-diffusion model of spectrograms, trained on composed and rendered music."
)
TEXT_KEYS = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "projection_dim",
    "num_hidden_layers",
    "num_attention_heads",
    "max_position_embeddings",
    "hidden_act",
    "layer_norm_eps",
    "attention_dropout",
    "bos_token_id",
    "eos_token_id",
    "pad_token_id",
)


def _write(path: Path, value: dict):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2) + "\n")


def _half(tensors: dict) -> dict:
    return {
        name: value.to(torch.float16).cpu().contiguous()
        if value.is_floating_point()
        else value.cpu()
        for name, value in tensors.items()
    }


def typical_maximum(data: Path) -> float:
    """The median of the pictures' maxima, on the 16-bit scale."""
    maxima = [line["maximum"] for path in shards(data) for line in load(path)[1]]
    return float(round(sorted(maxima)[len(maxima) // 2]))


def export(run: Run, fit: Path, data: Path, preset: Preset, target: Path, defaults: dict):
    """Replaces `target` by the exported model; a reader sees the old folder or the new one."""
    temporary = target.with_name(f".{target.name}.new")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    model = run.averaged()
    _write(
        temporary / "model_index.json",
        {
            "_class_name": "StableDiffusionPipeline",
            "_diffusers_version": "0.38.0",
            "feature_extractor": [None, None],
            "safety_checker": [None, None],
            "requires_safety_checker": False,
            "scheduler": ["diffusers", "DDIMScheduler"],
            "text_encoder": ["transformers", "CLIPTextModel"],
            "tokenizer": ["transformers", "CLIPTokenizer"],
            "unet": ["diffusers", "UNet2DConditionModel"],
            "vae": ["riff", "LinearPatchAutoencoder"],
        },
    )
    _write(
        temporary / "scheduler" / "scheduler_config.json",
        {"_class_name": "DDIMScheduler", **SCHEDULER},
    )
    unet = {k: v for k, v in dict(model.unet.config).items() if not k.startswith("_")}
    _write(
        temporary / "unet" / "config.json",
        {"_class_name": "UNet2DConditionModel", "_diffusers_version": "0.38.0", **unet},
    )
    save_file(
        _half(model.unet.state_dict()),
        temporary / "unet" / "diffusion_pytorch_model.safetensors",
        {"format": "pt"},
    )
    configuration = {
        "architectures": ["CLIPTextModel"],
        "model_type": "clip_text_model",
        "dtype": "float16",
    }
    configuration |= {key: getattr(model.text.config, key) for key in TEXT_KEYS}
    _write(temporary / "text_encoder" / "config.json", configuration)
    # Published checkpoints name the tensors under `text_model.`; transformers 5 does so no more.
    text = {
        k if k.startswith("text_model.") else f"text_model.{k}": v
        for k, v in model.text.state_dict().items()
    }
    text = {k: v for k, v in text.items() if not k.endswith("position_ids")}
    save_file(_half(text), temporary / "text_encoder" / "model.safetensors", {"format": "pt"})
    for part in ("tokenizer", "vae"):
        shutil.copytree(fit / part, temporary / part)
    _write(
        temporary / "riff.json",
        {
            "title": TITLE,
            "description": DESCRIPTION,
            "license": "MIT",
            "spectrogram": preset.spectrogram.as_json(typical_maximum(data)),
            # What the UNet's `time_ids` are, in order, and the columns it was trained on.
            "time_ids": list(TIME_IDS),
            "trained_widths": [columns for columns, _ in preset.widths],
            "defaults": {
                **defaults,
                "width": preset.columns,
                "height": preset.spectrogram.mel_bins,
            },
        },
    )
    if (target / "README.md").exists():
        shutil.copy(target / "README.md", temporary)
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        os.replace(target, old)
    os.replace(temporary, target)
    shutil.rmtree(old, ignore_errors=True)
