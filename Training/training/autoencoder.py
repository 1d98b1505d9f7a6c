"""The linear patch autoencoder: principal components of patches of the picture.

`z = encoder.weight @ patch + encoder.bias`, a patch being height * width greys in -1...1, row by
row; decoding is the transposed product. The components' variances fall steeply. Whitening them
would give detail that is close to noise the same say as the picture's large shapes; leaving them
would drown the fine ones in the first steps' noise. Half of each: a component's standard deviation
goes in with power 0.5, and all together have mean variance one.
"""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file


def patches(pictures: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(n, height, width) uint8 to (n * patches, pixels) float32 in -1...1; `size` is (h, w)."""
    n, height, width = pictures.shape
    h, w = size
    x = pictures.reshape(n, height // h, h, width // w, w).transpose(0, 1, 3, 2, 4)
    return x.reshape(-1, h * w).astype(np.float32) / 127.5 - 1


def fit_autoencoder(
    folder: Path, pictures: np.ndarray, size: tuple[int, int], channels: int
) -> dict:
    """Fits, writes config and weights, and returns the figures of the fit."""
    x = patches(pictures, size)
    mean = x.mean(0, dtype=np.float64)
    centred = x - mean.astype(np.float32)
    values, vectors = np.linalg.eigh((centred.T @ centred).astype(np.float64) / len(x))
    values, vectors = values[::-1][:channels], vectors[:, ::-1][:, :channels]
    vectors = vectors * np.sign(vectors.sum(0) + 1e-12)
    deviation = np.sqrt(values)
    scale = 1 / np.sqrt(deviation)
    scale /= np.sqrt((values * scale**2).mean())
    encoder = (vectors * scale).T
    decoder = vectors / scale
    tensors = {
        "encoder.weight": encoder,
        "encoder.bias": -encoder @ mean,
        "decoder.weight": decoder,
        "decoder.bias": mean,
    }
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        name: torch.tensor(np.ascontiguousarray(value), dtype=torch.float32)
        for name, value in tensors.items()
    }
    save_file(tensors, folder / "diffusion_pytorch_model.safetensors", metadata={"format": "pt"})
    configuration = {
        "_class_name": "LinearPatchAutoencoder",
        "in_channels": 1,
        "patch_size": list(size),
        "latent_channels": channels,
        "scaling_factor": 1.0,
    }
    (folder / "config.json").write_text(json.dumps(configuration, indent=2) + "\n")
    back = (centred @ encoder.T.astype(np.float32)) @ decoder.T.astype(np.float32) + mean
    error = back.clip(-1, 1) - x
    return {
        "psnr_db": float(10 * np.log10(4 / (error**2).mean())),
        "mean_absolute_error": float(np.abs(error).mean()),
        "latent_variance": [float(v) for v in values * scale**2],
        "patches": len(x),
    }


class LinearPatchAutoencoder(torch.nn.Module):
    """(n, 1, height, width) greys in -1...1 to (n, channels, height / h, width / w) and back."""

    def __init__(self, folder: Path):
        super().__init__()
        configuration = json.loads((folder / "config.json").read_text())
        self.size = tuple(configuration["patch_size"])
        for name, tensor in load_file(folder / "diffusion_pytorch_model.safetensors").items():
            self.register_buffer(name.replace(".", "_"), tensor)

    def encode(self, pictures: torch.Tensor) -> torch.Tensor:
        kernel = self.encoder_weight.reshape(-1, 1, *self.size)
        return torch.nn.functional.conv2d(pictures, kernel, self.encoder_bias, stride=self.size)

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        n, _, rows, columns = latents.shape
        h, w = self.size
        greys = torch.einsum("pc,ncrk->nrkp", self.decoder_weight, latents) + self.decoder_bias
        greys = greys.reshape(n, rows, columns, h, w).permute(0, 1, 3, 2, 4)
        return greys.reshape(n, 1, rows * h, columns * w)

    def blank(self) -> torch.Tensor:
        """The latents of a picture that is 0 throughout, as painted parts are: (channels,)."""
        return self.encoder_bias
