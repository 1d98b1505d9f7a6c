"""Makes tiny-vae: an AutoencoderTiny beside the other parts of sd1, in diffusers' layout and as the two files
of the original TAESD, and what diffusers makes of it. Run by hand, after make_fixtures.py:

    python make_tiny_fixtures.py     (needs torch, diffusers, safetensors)

The original numbers its decoder's layers from 1: layer 0 keeps latents within bounds and has no weights.
Maps are stored channels-last. Written with torch 2.13, diffusers 0.42.
"""

import json
import shutil

import torch
from diffusers import AutoencoderTiny
from make_fixtures import HERE, last, randomize, write_json
from safetensors.torch import load_file, save_file

BLOCKS = (1, 2)  # of the encoder's levels; the decoder's are the other way round


def main():
    folder = HERE / "tiny-vae"
    if folder.exists():
        shutil.rmtree(folder)
    net = randomize(AutoencoderTiny(
        encoder_block_out_channels=(8, 8), decoder_block_out_channels=(12, 12),
        num_encoder_blocks=BLOCKS, num_decoder_blocks=BLOCKS[::-1], latent_channels=4), 11)
    net.save_pretrained(folder / "vae")
    tensors = load_file(folder / "vae" / "diffusion_pytorch_model.safetensors")
    (folder / "raw").mkdir()
    for side in ("encoder", "decoder"):
        own = {}
        for name, tensor in tensors.items():
            if name.startswith(f"{side}.layers."):
                index, rest = name.removeprefix(f"{side}.layers.").split(".", 1)
                own[f"{int(index) + (side == 'decoder')}.{rest}"] = tensor
        if side == "encoder":
            save_file(own, folder / "raw" / "taesd_encoder.safetensors")
        else:
            torch.save(own, folder / "raw" / "taesd_decoder.pth")
    generator = torch.Generator().manual_seed(12)
    expected = {}
    with torch.no_grad():
        z = torch.randn((1, 4, 5, 7), generator=generator) * 2
        expected["vae_latents"] = last(z)
        expected["vae_picture"] = last(net.decode(z).sample)
        wide = torch.randn((1, 4, 2, 301), generator=generator)
        expected["wide_latents"] = last(wide)
        expected["wide_picture"] = last(net.decode(wide).sample)
        picture = torch.rand((1, 3, 8, 12), generator=generator) * 2 - 1
        expected["vae_source"] = last(picture)
        expected["vae_mean"] = last(net.encode(picture).latents)
    save_file(expected, folder / "expected.safetensors")
    for unneeded in folder.rglob("*.md"):
        unneeded.unlink()


main()
