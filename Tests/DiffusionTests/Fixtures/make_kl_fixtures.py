"""Makes kl-vae: an AutoencoderKL with layers wide enough for minimal filtering, in f16, and what diffusers makes of
a map large enough for 16-bit integers. Run by hand, after make_fixtures.py:

    python make_kl_fixtures.py     (needs torch, diffusers, safetensors)

Maps are stored channels-last. Written with torch 2.11, diffusers 0.42.
"""

import shutil

import torch
from diffusers import AutoencoderKL
from make_fixtures import HERE, last, randomize
from safetensors.torch import save_file


def main():
    folder = HERE / "kl-vae"
    if folder.exists():
        shutil.rmtree(folder)
    net = randomize(AutoencoderKL(
        block_out_channels=(16, 32), down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2, layers_per_block=1, latent_channels=4,
        norm_num_groups=8, sample_size=40), 21)
    net.half().save_pretrained(folder)
    net.float()  # of the numbers that the file has
    generator = torch.Generator().manual_seed(22)
    expected = {}
    with torch.no_grad():
        z = torch.randn((1, 4, 20, 23), generator=generator)
        expected["vae_latents"] = last(z)
        expected["vae_picture"] = last(net.decode(z).sample)
        picture = torch.rand((1, 3, 40, 46), generator=generator) * 2 - 1
        expected["vae_source"] = last(picture)
        expected["vae_mean"] = last(net.encode(picture).latent_dist.mean)
    save_file(expected, folder / "expected.safetensors")
    for unneeded in folder.rglob("*.md"):
        unneeded.unlink()


main()
