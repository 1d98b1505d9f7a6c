"""Makes golden.png: the picture that the bundled model's weights give for PROMPT and SEED. Run by hand:

    python make_golden_picture.py     (needs torch, diffusers, transformers, Pillow)

diffusers' own parts, put together as its StableDiffusionPipeline does; the linear patch autoencoder, which
diffusers does not have, is the one product that Training/training/autoencoder.py says it is.
Written with torch 2.13, diffusers 0.42 and transformers 5.24.
"""

import json
import pathlib

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from PIL import Image
from safetensors.torch import load_file
from transformers import CLIPTextModel, CLIPTokenizer

HERE = pathlib.Path(__file__).resolve().parent
MODEL = HERE.parents[2] / "Models" / "riff-mini"
PROMPT, SEED, STEPS, GUIDANCE, SIDE = "church bells on sunday", 1, 20, 4.0, 256


@torch.no_grad()
def picture():
    tokenizer = CLIPTokenizer.from_pretrained(MODEL / "tokenizer")
    encoder = CLIPTextModel.from_pretrained(MODEL / "text_encoder", dtype=torch.float32)
    unet = UNet2DConditionModel.from_pretrained(MODEL / "unet", torch_dtype=torch.float32)
    scheduler = DDIMScheduler.from_pretrained(MODEL / "scheduler")
    tokens = tokenizer(
        ["", PROMPT], padding="max_length", max_length=tokenizer.model_max_length, truncation=True,
        return_tensors="pt").input_ids
    embeddings = encoder(tokens)[0]

    vae = MODEL / "vae"
    patch = json.loads((vae / "config.json").read_text())["patch_size"][0]
    weights = {n: t.float() for n, t in load_file(vae / "diffusion_pytorch_model.safetensors").items()}

    size = (1, unet.config.in_channels, SIDE // patch, SIDE // patch)
    latents = torch.randn(size, generator=torch.Generator().manual_seed(SEED))
    scheduler.set_timesteps(STEPS)
    for t in scheduler.timesteps:
        out = unet(torch.cat([latents, latents]), t, encoder_hidden_states=embeddings).sample
        free, led = out.chunk(2)
        latents = scheduler.step(free + GUIDANCE * (led - free), t, latents).prev_sample
    greys = torch.einsum("pc,nchw->nphw", weights["decoder.weight"], latents)
    greys = greys + weights["decoder.bias"][None, :, None, None]
    greys = torch.nn.functional.pixel_shuffle(greys, patch)[0, 0]
    return ((greys / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8).numpy()


if __name__ == "__main__":
    Image.fromarray(picture()).save(HERE / "golden.png", optimize=True)
