"""Makes golden.png: the picture that the bundled model's weights give for PROMPT and SEED. Run by hand:

    python make_golden_picture.py     (needs torch, diffusers, transformers, Pillow)

diffusers' own parts, put together as its StableDiffusionInpaintPipeline does where everything is painted: the mask is
1, and what is kept is the encoding of a picture that is 0 throughout. The sampler, the steps and the interval of
guidance are riff.json's. The tempo, the beat and the key are not told. The linear patch autoencoder, which diffusers
does not have, is the one product that Training/training/autoencoder.py says it is.
Written with torch 2.13, diffusers 0.42 and transformers 5.24.
"""

import json
import pathlib

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel, UniPCMultistepScheduler
from PIL import Image
from safetensors.torch import load_file
from transformers import CLIPTextModel, CLIPTokenizer

HERE = pathlib.Path(__file__).resolve().parent
MODEL = HERE.parents[2] / "Models" / "riff-mini"
PROMPT, SEED, SIDE, NUMBERS = "church bells on sunday", 1, 256, 3
DRAWN = json.loads((MODEL / "riff.json").read_text())["defaults"]
STEPS, GUIDANCE, STOP = DRAWN["steps"], DRAWN["guidance_scale"], DRAWN["guidance_stop"]
START = DRAWN["guidance_start"]  # guidance, as shares of the steps


@torch.no_grad()
def picture():
    tokenizer = CLIPTokenizer.from_pretrained(MODEL / "tokenizer")
    encoder = CLIPTextModel.from_pretrained(MODEL / "text_encoder", dtype=torch.float32)
    unet = UNet2DConditionModel.from_pretrained(MODEL / "unet", torch_dtype=torch.float32)
    # riff.json says "unipc".
    levels = DDIMScheduler.from_pretrained(MODEL / "scheduler")
    scheduler = UniPCMultistepScheduler.from_config(levels.config)
    tokens = tokenizer(
        ["", PROMPT], padding="max_length", max_length=tokenizer.model_max_length, truncation=True,
        return_tensors="pt").input_ids
    words = encoder(tokens)
    told = {"text_embeds": words.pooler_output, "time_ids": torch.zeros(2, NUMBERS)}

    vae = MODEL / "vae"
    patch = json.loads((vae / "config.json").read_text())["patch_size"][0]
    weights = {n: t.float() for n, t in load_file(vae / "diffusion_pytorch_model.safetensors").items()}

    size = (1, unet.config.out_channels, SIDE // patch, SIDE // patch)
    latents = torch.randn(size, generator=torch.Generator().manual_seed(SEED))
    mask = torch.ones(1, 1, *size[2:])
    kept = weights["encoder.bias"][None, :, None, None].expand(size)
    scheduler.set_timesteps(STEPS)
    for step, t in enumerate(scheduler.timesteps):
        inputs = torch.cat([latents, mask, kept], 1).repeat(2, 1, 1, 1)
        out = unet(
            inputs, t, encoder_hidden_states=words.last_hidden_state, added_cond_kwargs=told).sample
        free, led = out.chunk(2)
        if int(START * STEPS) <= step < int(STOP * STEPS):
            led = free + GUIDANCE * (led - free)
        latents = scheduler.step(led, t, latents).prev_sample
    greys = torch.einsum("pc,nchw->nphw", weights["decoder.weight"], latents)
    greys = greys + weights["decoder.bias"][None, :, None, None]
    greys = torch.nn.functional.pixel_shuffle(greys, patch)[0, 0]
    return ((greys / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8).numpy()


if __name__ == "__main__":
    Image.fromarray(picture()).save(HERE / "golden.png", optimize=True)
