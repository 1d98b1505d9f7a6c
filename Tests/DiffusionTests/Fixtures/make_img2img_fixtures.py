"""Makes img2img.json and img2img.safetensors: pictures painted over as riffusion's `riffuse` does it
with equal start and end, by diffusers' parts on the tiny checkpoints beside this file; and pictures
resized by Pillow. Run by hand after make_fixtures.py:

    python make_img2img_fixtures.py     (needs torch, diffusers, transformers, safetensors, Pillow)

Written with torch 2.11, diffusers 0.38, transformers 5, Pillow 13; the sizes are such that
Pillow 13 resizes rows before columns, as all before it do.
"""

import json
import pathlib

import numpy as np
import torch
from diffusers import (
    AutoencoderKL, DDIMScheduler, DPMSolverMultistepScheduler, EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler, LCMScheduler, PNDMScheduler, UNet2DConditionModel)
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPTextModel, CLIPTokenizer

HERE = pathlib.Path(__file__).resolve().parent
SCHEDULERS = {
    "ddim": (DDIMScheduler, {}), "pndm": (PNDMScheduler, {}),
    "euler": (EulerDiscreteScheduler, {}), "euler-a": (EulerAncestralDiscreteScheduler, {}),
    "dpm++2m": (DPMSolverMultistepScheduler, {}),
    "dpm++2m-karras": (DPMSolverMultistepScheduler, {"use_karras_sigmas": True}),
    "lcm": (LCMScheduler, {}),
}
PROMPT, NEGATIVE = "funk bassline with a jazzy saxophone solo", "violin solo"


def image(width, height, seed):
    """A smooth and a rough half, so that ringing and clipping matter."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    wave = 127 + 120 * np.sin(x[..., None] / 3 + y[..., None] / (2, 5, 9))
    pixels = np.where(x[..., None] < width // 2, wave, random.choice([0, 255], (height, width, 3)))
    return Image.fromarray(pixels.astype(np.uint8))


def preprocess(picture, size):
    """riffusion's `preprocess_image` for a picture whose size is to be `size`."""
    picture = picture.convert("RGB").resize(size, resample=Image.LANCZOS)
    array = np.array(picture).astype(np.float32) / 255.0
    return 2.0 * torch.from_numpy(array[None].transpose(0, 3, 1, 2)) - 1.0


class Parts:
    def __init__(self, name):
        folder = HERE / name
        self.folder = folder
        self.unet = UNet2DConditionModel.from_pretrained(folder / "unet").float().eval()
        self.vae = AutoencoderKL.from_pretrained(folder / "vae").float().eval()
        self.text = CLIPTextModel.from_pretrained(folder / "text_encoder").float().eval()
        self.tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")

    def embed(self, prompt):
        ids = self.tokenizer(
            prompt, padding="max_length", max_length=77, truncation=True, return_tensors="pt")
        return self.text(ids.input_ids)[0]

    @torch.no_grad()
    def riffuse(self, picture, *, size, scheduler, steps, strength, guidance, seed, eta):
        kind, extra = SCHEDULERS[scheduler]
        schedule = kind.from_config(
            json.loads((self.folder / "scheduler/scheduler_config.json").read_text()), **extra)
        generator = torch.Generator().manual_seed(seed)
        source = preprocess(picture, size)
        latents = self.vae.encode(source).latent_dist.sample(
            generator=torch.Generator().manual_seed(seed))
        latents = latents * self.vae.config.scaling_factor
        schedule.set_timesteps(steps)
        kept = int(steps * strength)
        if kept > 0:
            offset = schedule.config.get("steps_offset", 0)
            count = min(kept + offset, steps)
            noise = torch.randn(latents.shape, generator=generator)
            latents = schedule.add_noise(
                latents, noise, torch.tensor([schedule.timesteps[-count]]))
            embedding = torch.cat([self.embed(NEGATIVE), self.embed(PROMPT)])
            keywords = {}
            if scheduler in ("ddim", "euler-a", "lcm"):
                keywords["generator"] = generator
            if scheduler == "ddim":
                keywords["eta"] = eta
            for t in schedule.timesteps[max(steps - count + offset, 0):]:
                both = schedule.scale_model_input(torch.cat([latents, latents]), t)
                base, told = self.unet(both, t, encoder_hidden_states=embedding).sample.chunk(2)
                predicted = base + guidance * (told - base)
                latents = schedule.step(predicted, t, latents, **keywords).prev_sample
        return self.vae.decode(latents / self.vae.config.scaling_factor).sample


def main():
    cases, tensors = [], {}
    pictures = {"own": image(32, 32, 1), "wide": image(75, 41, 2), "small": image(20, 13, 3)}
    for key, picture in pictures.items():
        tensors[f"source/{key}"] = torch.from_numpy(np.array(picture))
    settings = [
        ("sd1", "own", "ddim", 10, 0.5, 0), ("sd1", "own", "ddim", 10, 0.75, 0.7),
        ("sd1", "wide", "ddim", 7, 0.3, 0), ("sd1", "small", "ddim", 4, 1.0, 0),
        ("sd1", "wide", "ddim", 10, 0.05, 0), ("sd1", "own", "pndm", 10, 0.5, 0),
        ("sd1", "own", "pndm", 9, 0.99, 0), ("sd1", "own", "euler", 8, 0.6, 0),
        ("sd1", "own", "euler-a", 8, 0.6, 0), ("sd1", "own", "dpm++2m", 8, 0.6, 0),
        ("sd1", "own", "dpm++2m-karras", 8, 0.75, 0), ("sd1", "own", "lcm", 4, 0.5, 0),
        ("sd2", "wide", "ddim", 10, 0.4, 0), ("sd2", "own", "dpm++2m", 6, 0.5, 0),
    ]
    parts = {}
    for index, (model, source, scheduler, steps, strength, eta) in enumerate(settings):
        parts.setdefault(model, Parts(model))
        result = parts[model].riffuse(
            pictures[source], size=(32, 32), scheduler=scheduler, steps=steps, strength=strength,
            guidance=3.0, seed=77 + index, eta=eta)
        cases.append({
            "model": model, "source": source, "scheduler": scheduler, "steps": steps,
            "strength": strength, "eta": eta, "guidance": 3.0, "seed": 77 + index})
        tensors[f"result/{index}"] = result[0].permute(1, 2, 0).contiguous()
    for index, (source, width, height) in enumerate(
            [("wide", 32, 32), ("wide", 150, 41), ("small", 10, 7), ("own", 1, 1), ("own", 33, 97)]):
        resized = pictures[source].resize((width, height), resample=Image.LANCZOS)
        tensors[f"resized/{source}/{width}x{height}"] = torch.from_numpy(np.array(resized))
    (HERE / "img2img.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")
    tensors = {key: value.float().contiguous() for key, value in tensors.items()}
    save_file(tensors, HERE / "img2img.safetensors")


main()
