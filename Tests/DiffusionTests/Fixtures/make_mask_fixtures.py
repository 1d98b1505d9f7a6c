"""Makes masks.json, masks.safetensors and the U-Nets of inpaint/ and inpaint-patch/: pictures painted
over under masks and between two prompts, as riffusion's `riffuse` does it by diffusers' parts; what
diffusers' `StableDiffusionInpaintPipeline` makes with U-Nets of 4 and of 9 channels; and a U-Net of
2 * 6 + 1 channels, for which diffusers has no pipeline, run step by step. Run by hand after
make_fixtures.py:

    python make_mask_fixtures.py     (needs torch, diffusers, transformers, safetensors, Pillow)

Written with torch 2.13, diffusers 0.42, transformers 5, Pillow 13.
"""

import json
import pathlib

import numpy as np
import torch
from diffusers import (
    AutoencoderKL, DDIMScheduler, DPMSolverMultistepScheduler, EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler, PNDMScheduler, StableDiffusionInpaintPipeline, UNet2DConditionModel)
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import CLIPTextModel, CLIPTokenizer

HERE = pathlib.Path(__file__).resolve().parent
SCHEDULERS = {
    "ddim": DDIMScheduler, "pndm": PNDMScheduler, "euler": EulerDiscreteScheduler,
    "euler-a": EulerAncestralDiscreteScheduler, "dpm++2m": DPMSolverMultistepScheduler,
}
PROMPT, OTHER = "funk bassline with a jazzy saxophone solo", "church bells ringing at noon"
NEGATIVE = "violin solo"
SIZE = 32


def image(width, height, seed):
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    wave = 127 + 120 * np.sin(x[..., None] / 3 + y[..., None] / (2, 5, 9))
    pixels = np.where(x[..., None] < width // 2, wave, random.choice([0, 255], (height, width, 3)))
    return Image.fromarray(pixels.astype(np.uint8))


def masks():
    """Grey in all degrees, in colour; black and white in blocks; another size."""
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    grey = np.stack([x * 8, y * 8, (x + y) * 4], -1).astype(np.uint8)
    blocks = np.where((x // 8 + y // 16) % 2, 255, 0).astype(np.uint8)
    y, x = np.mgrid[0:64, 0:96]
    large = np.where(x > 40, 255, np.where(y > 30, 128, 0)).astype(np.uint8)
    return {
        "grey": Image.fromarray(grey),
        "blocks": Image.fromarray(np.repeat(blocks[..., None], 3, -1)),
        "large": Image.fromarray(np.repeat(large[..., None], 3, -1)),
    }


def slerp(t, v0, v1):
    """riffusion's, in numpy."""
    v0, v1 = v0.numpy(), v1.numpy()
    dot = np.sum(v0 * v1 / (np.linalg.norm(v0) * np.linalg.norm(v1)))
    if np.abs(dot) > 0.9995:
        return torch.from_numpy((1 - t) * v0 + t * v1)
    angle = np.arccos(dot)
    return torch.from_numpy(
        (np.sin(angle * (1 - t)) * v0 + np.sin(angle * t) * v1) / np.sin(angle)).float()


class Parts:
    def __init__(self, unet="sd1"):
        self.unet = UNet2DConditionModel.from_pretrained(HERE / unet / "unet").float().eval()
        self.vae = AutoencoderKL.from_pretrained(HERE / "sd1" / "vae").float().eval()
        self.text = CLIPTextModel.from_pretrained(HERE / "sd1" / "text_encoder").float().eval()
        self.tokenizer = CLIPTokenizer.from_pretrained(HERE / "sd1" / "tokenizer")
        self.config = json.loads((HERE / "sd1/scheduler/scheduler_config.json").read_text())

    def embed(self, prompt):
        ids = self.tokenizer(
            prompt, padding="max_length", max_length=77, truncation=True, return_tensors="pt")
        return self.text(ids.input_ids)[0]

    @torch.no_grad()
    def riffuse(self, picture, mask, case):
        """With start and end; the mask's scale is this autoencoder's, 2."""
        schedule = SCHEDULERS[case["scheduler"]].from_config(self.config)
        alpha, steps = case["alpha"], case["steps"]
        pixels = np.array(picture.convert("RGB").resize((SIZE, SIZE), resample=Image.LANCZOS))
        source = 2.0 * torch.from_numpy(
            pixels.astype(np.float32)[None].transpose(0, 3, 1, 2) / 255.0) - 1.0
        latents = self.vae.encode(source).latent_dist.sample(
            generator=torch.Generator().manual_seed(case["seed"]))
        latents = latents * self.vae.config.scaling_factor
        first = torch.Generator().manual_seed(case["seed"])
        second = torch.Generator().manual_seed(case["seedTo"])
        told = self.embed(PROMPT)
        told = told + alpha * (self.embed(OTHER) - told)
        embedding = torch.cat([self.embed(NEGATIVE), told])
        schedule.set_timesteps(steps)
        offset = schedule.config.get("steps_offset", 0)
        count = min(int(steps * case["strength"]) + offset, steps)
        noise = slerp(alpha, torch.randn(latents.shape, generator=first),
                      torch.randn(latents.shape, generator=second))
        clean = latents
        latents = schedule.add_noise(clean, noise, torch.tensor([schedule.timesteps[-count]]))
        kept = None
        if mask is not None:
            small = mask.convert("L").resize(
                (SIZE // 2, SIZE // 2), resample=Image.NEAREST)
            kept = 1 - torch.from_numpy(np.array(small).astype(np.float32) / 255.0)[None, None]
        keywords = {"generator": first} if case["scheduler"] in ("ddim", "euler-a") else {}
        for t in schedule.timesteps[max(steps - count + offset, 0):]:
            both = schedule.scale_model_input(torch.cat([latents, latents]), t)
            base, told = self.unet(both, t, encoder_hidden_states=embedding).sample.chunk(2)
            latents = schedule.step(
                base + case["guidance"] * (told - base), t, latents, **keywords).prev_sample
            if kept is not None:
                # To the level of the step just taken, as riffusion's add_noise(…, t) has it: newer
                # diffusers would take the scheduler's present index instead.
                fresh = SCHEDULERS[case["scheduler"]].from_config(self.config)
                fresh.set_timesteps(steps)
                noisy = fresh.add_noise(clean, noise, torch.tensor([t]))
                latents = noisy * kept + latents * (1 - kept)
        return self.vae.decode(latents / self.vae.config.scaling_factor).sample

    @torch.no_grad()
    def inpaint(self, picture, mask, case):
        """diffusers' own pipeline."""
        schedule = SCHEDULERS[case["scheduler"]].from_config(self.config)
        pipeline = StableDiffusionInpaintPipeline(
            vae=self.vae, text_encoder=self.text, tokenizer=self.tokenizer, unet=self.unet,
            scheduler=schedule, safety_checker=None, feature_extractor=None,
            requires_safety_checker=False)
        # Not with the Runge-Kutta steps turned off, which the pipeline would do.
        pipeline.scheduler = SCHEDULERS[case["scheduler"]].from_config(self.config)
        pipeline.set_progress_bar_config(disable=True)
        latents = pipeline(
            PROMPT, image=picture, mask_image=mask, negative_prompt=NEGATIVE, width=SIZE,
            height=SIZE, strength=case["strength"], num_inference_steps=case["steps"],
            guidance_scale=case["guidance"], output_type="latent",
            generator=torch.Generator().manual_seed(case["seed"])).images
        return self.vae.decode(latents / self.vae.config.scaling_factor).sample


class PatchParts:
    """linear-patch/ with a U-Net of 13 channels: latents, mask, masked picture's latents."""

    def __init__(self):
        self.unet = UNet2DConditionModel.from_pretrained(
            HERE / "inpaint-patch" / "unet").float().eval()
        vae = load_file(HERE / "linear-patch/vae/diffusion_pytorch_model.safetensors")
        self.vae = {key: value.float() for key, value in vae.items()}
        self.text = Parts("sd1")

    def encode(self, grey):
        rows = grey.reshape(SIZE // 4, 4, SIZE // 8, 8).transpose(0, 2, 1, 3)
        rows = torch.from_numpy(rows.reshape(SIZE // 4, SIZE // 8, 32).astype(np.float32))
        mean = rows @ self.vae["encoder.weight"].T + self.vae["encoder.bias"]
        return 0.5 * mean.permute(2, 0, 1)[None]

    def decode(self, latents):
        rows = (latents[0] / 0.5).permute(1, 2, 0)
        patches = rows @ self.vae["decoder.weight"].T + self.vae["decoder.bias"]
        grey = patches.reshape(SIZE // 4, SIZE // 8, 4, 8).permute(0, 2, 1, 3)
        return grey.reshape(SIZE, SIZE)[None].repeat(3, 1, 1)[None]

    @torch.no_grad()
    def inpaint(self, grey, mask, case):
        """`grey` in -1 ... 1, `mask` True where to paint, (32, 32) both."""
        schedule = SCHEDULERS[case["scheduler"]].from_config(self.text.config)
        generator = torch.Generator().manual_seed(case["seed"])
        shape = (1, 6, SIZE // 4, SIZE // 8)
        steps = case["steps"]
        schedule.set_timesteps(steps)
        start = steps - min(int(steps * case["strength"]), steps)
        noise = torch.randn(shape, generator=generator)
        latents = noise * schedule.init_noise_sigma
        if case["strength"] < 1:
            latents = schedule.add_noise(
                self.encode(grey), noise, schedule.timesteps[start:start + 1])
        masked = self.encode(np.where(mask, 0, grey))
        small = torch.from_numpy(mask[::4, ::8].astype(np.float32))[None, None]
        embedding = torch.cat([self.text.embed(NEGATIVE), self.text.embed(PROMPT)])
        beside = torch.cat([small, masked], 1).repeat(2, 1, 1, 1)
        for t in schedule.timesteps[start:]:
            both = schedule.scale_model_input(torch.cat([latents, latents]), t)
            base, told = self.unet(
                torch.cat([both, beside], 1), t, encoder_hidden_states=embedding).sample.chunk(2)
            latents = schedule.step(
                base + case["guidance"] * (told - base), t, latents).prev_sample
            # What is kept is put back, as diffusers' pipeline does for U-Nets that take no mask.
            clean, after = self.encode(grey), list(schedule.timesteps).index(t) + 1
            if after < len(schedule.timesteps):
                clean = schedule.add_noise(clean, noise, schedule.timesteps[after:after + 1])
            latents = torch.where(small > 0, latents, clean)
        return self.decode(latents)


def randomized(net, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in net.parameters():
            spread = parameter[0].numel() ** -0.5 if parameter.ndim > 1 else 0.1
            parameter.add_(torch.randn(parameter.shape, generator=generator) * spread)
    return net.eval()


def unets():
    for name, base, channels, seed in (
            ("inpaint", "sd1", 9, 21), ("inpaint-patch", "linear-patch", 13, 22)):
        config = json.loads((HERE / base / "unet/config.json").read_text())
        config["in_channels"] = channels
        randomized(UNet2DConditionModel.from_config(config), seed).save_pretrained(
            HERE / name / "unet")


def main():
    torch.manual_seed(0)
    unets()
    cases, tensors = [], {}
    pictures = {"own": image(SIZE, SIZE, 1), "wide": image(75, 41, 2)}
    shapes = masks()
    for group in (pictures, shapes):
        for key, picture in group.items():
            tensors[f"image/{key}"] = torch.from_numpy(np.array(picture))

    parts = Parts()

    def add(kind, model, picture, mask, scheduler, steps, strength, result, **more):
        case = dict(
            kind=kind, model=model, picture=picture, mask=mask, scheduler=scheduler, steps=steps,
            strength=strength, guidance=3.0, seed=50 + len(cases), seedTo=9, alpha=0.0) | more
        made = result(
            pictures[picture], None if mask is None else shapes[mask], case)
        tensors[f"result/{len(cases)}"] = made[0].permute(1, 2, 0).contiguous()
        cases.append(case)

    for picture, mask, scheduler, steps, strength, alpha in [
            ("own", "grey", "ddim", 10, 0.6, 0.0), ("wide", "blocks", "ddim", 8, 1.0, 0.0),
            ("own", "grey", "pndm", 8, 0.7, 0.0), ("own", "grey", "euler", 8, 0.6, 0.3),
            ("own", "grey", "dpm++2m", 8, 0.6, 0.0), ("own", "grey", "euler-a", 6, 0.6, 0.8),
            ("own", None, "ddim", 10, 0.75, 0.5), ("own", None, "ddim", 6, 0.5, 1.0),
            ("wide", "grey", "ddim", 8, 0.75, 0.25)]:
        add("riffuse", "sd1", picture, mask, scheduler, steps, strength, parts.riffuse, alpha=alpha)
    for mask, scheduler, steps, strength in [
            ("blocks", "ddim", 6, 1.0), ("blocks", "ddim", 10, 0.5), ("blocks", "pndm", 6, 0.7),
            ("blocks", "euler", 6, 0.7), ("blocks", "dpm++2m", 6, 0.6),
            ("blocks", "euler-a", 6, 1.0)]:
        add("inpaint", "sd1", "own", mask, scheduler, steps, strength, parts.inpaint)
    nine = Parts("inpaint")
    for picture, mask, scheduler, steps, strength in [
            ("own", "blocks", "ddim", 6, 1.0), ("own", "blocks", "pndm", 6, 1.0),
            ("own", "grey", "ddim", 10, 0.5), ("own", "large", "euler", 6, 0.7),
            ("own", "blocks", "euler-a", 5, 1.0)]:
        add("inpaint", "inpaint", picture, mask, scheduler, steps, strength, nine.inpaint)
    patch = PatchParts()

    def patched(picture, mask, case):
        # The autoencoder takes the mean of red, green and blue.
        pixels = np.array(picture).astype(np.float32) / 255.0
        return patch.inpaint(
            (2 * pixels - 1).mean(-1), np.array(mask.convert("L")) >= 128, case)

    for scheduler, steps, strength in (("ddim", 5, 1.0), ("euler", 6, 0.5)):
        add("inpaint", "inpaint-patch", "own", "blocks", scheduler, steps, strength, patched)

    (HERE / "masks.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")
    tensors = {key: value.float().contiguous() for key, value in tensors.items()}
    save_file(tensors, HERE / "masks.safetensors")
    for folder in ("inpaint", "inpaint-patch"):
        for unneeded in (HERE / folder).rglob("*.md"):
            unneeded.unlink()


main()
