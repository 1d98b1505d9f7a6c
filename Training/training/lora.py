"""Low-rank adapters (Hu et al. 2021, arXiv:2106.09685) of a UNet's linear layers and kernels.

Files are diffusers' `pytorch_lora_weights.safetensors` with PEFT's names: for each layer
`unet.NAME.lora_A.weight` (rank, in[, h, w]) and `unet.NAME.lora_B.weight` (out, rank[, 1, 1]); the
product is added to the layer's weight, alpha being the rank.
"""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn


class Adapter(nn.Module):
    """A frozen layer, and what a product of two thin ones adds to it."""

    def __init__(self, layer: nn.Module, rank: int):
        super().__init__()
        self.layer = layer
        if isinstance(layer, nn.Conv2d):
            rank = min(rank, layer.out_channels, layer.weight[0].numel())
            self.lora_A = nn.Conv2d(
                layer.in_channels, rank, layer.kernel_size, layer.stride, layer.padding, bias=False
            )
            self.lora_B = nn.Conv2d(rank, layer.out_channels, 1, bias=False)
        else:
            rank = min(rank, layer.out_features, layer.in_features)
            self.lora_A = nn.Linear(layer.in_features, rank, bias=False)
            self.lora_B = nn.Linear(rank, layer.out_features, bias=False)
        nn.init.kaiming_uniform_(self.lora_A.weight, a=5**0.5)
        nn.init.zeros_(self.lora_B.weight)

    def forward(self, x, *_):
        return self.layer(x) + self.lora_B(self.lora_A(x))

    # diffusers asks its linear layers for these.
    @property
    def weight(self):
        return self.layer.weight

    @property
    def bias(self):
        return self.layer.bias


def adapt(unet: nn.Module, rank: int) -> dict[str, Adapter]:
    """Freezes the UNet and puts an adapter on every layer but the first and the last; by name."""
    unet.requires_grad_(False)
    layers = {
        name: layer
        for name, layer in unet.named_modules()
        if isinstance(layer, nn.Linear | nn.Conv2d) and name not in ("conv_in", "conv_out")
    }
    adapters = {}
    for name, layer in layers.items():
        parent, _, last = name.rpartition(".")
        adapters[name] = Adapter(layer, rank)
        setattr(unet.get_submodule(parent), last, adapters[name])
    return adapters


def save(adapters: dict[str, Adapter], path: Path):
    tensors = {}
    for name, adapter in adapters.items():
        for part in ("lora_A", "lora_B"):
            weight = getattr(adapter, part).weight.detach().to(torch.float16).contiguous()
            tensors[f"unet.{name}.{part}.weight"] = weight
    temporary = path.with_name(f".{path.name}.tmp")
    save_file(tensors, temporary, {"format": "pt"})
    temporary.replace(path)
