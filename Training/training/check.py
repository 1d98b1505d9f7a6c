"""Asks whether what is drawn from plain prompts is told apart as rendered clips of them are.

A linear discriminant (pooled, shrunk covariance) learns the classes from rendered clips and judges
the other half of them and the drawn pictures. Its features are a picture's mean and its unevenness
over time, each in 32 bands: enough to tell struck from bowed, not to judge quality.
"""

import numpy as np

from .corpus import load, shards
from .sampler import sample

# Prompt, and the brief's fields that make a rendered clip one of its kind.
CLASSES = {
    "church bells": {"kind": "solo", "lead": "church bells"},
    "techno drum beat": {"kind": "drums", "genre": "techno"},
    "violin solo": {"kind": "solo", "lead": "violin"},
}


def features(pictures: np.ndarray) -> np.ndarray:
    """(n, height, width) uint8 to (n, 64)."""
    n, height, width = pictures.shape
    x = 1 - pictures.reshape(n, 32, height // 32, width).mean(2) / 255
    return np.concatenate([x.mean(2), np.abs(np.diff(x, axis=2)).mean(2) * 4], axis=1)


def rendered(data, columns: int) -> dict[str, np.ndarray]:
    """The rendered pictures of each class."""
    found = {prompt: [] for prompt in CLASSES}
    for path in shards(data):
        pictures, lines = load(path)
        for picture, line in zip(pictures, lines, strict=True):
            for prompt, wanted in CLASSES.items():
                if all(line[key] == value for key, value in wanted.items()):
                    found[prompt].append(picture[:, :columns])
    return {prompt: np.stack(pictures) for prompt, pictures in found.items()}


def spread(x: np.ndarray) -> float:
    """Mean distance between two rows."""
    distances = np.linalg.norm(x[:, None] - x[None], axis=2)
    return float(distances.sum() / (len(x) * (len(x) - 1)))


def check(run, data, count: int = 12, **options) -> dict:
    """Shares that the judge gives to the right class, and how far apart seeds are."""
    real = {p: features(x) for p, x in rendered(data, run.preset.columns).items()}
    means = np.stack([x[::2].mean(0) for x in real.values()])
    inside = np.concatenate([x[::2] - x[::2].mean(0) for x in real.values()])
    covariance = inside.T @ inside / len(inside)
    covariance += np.eye(len(covariance)) * np.trace(covariance) / len(covariance) * 0.1
    weights = np.linalg.solve(covariance, means.T)
    bias = -0.5 * (means.T * weights).sum(0)
    judge = lambda x: (x @ weights + bias).argmax(1)

    model, table = run.averaged(), {}
    for n, prompt in enumerate(CLASSES):
        pictures = sample(
            model,
            run.autoencoder,
            run.tokenizer,
            [prompt] * count,
            range(1, count + 1),
            device=run.preset.device,
            **options,
        )
        drawn = features(pictures)
        table[prompt] = {
            "rendered_right": float((judge(real[prompt][1::2]) == n).mean()),
            "drawn_right": float((judge(drawn) == n).mean()),
            "drawn_as": np.bincount(judge(drawn), minlength=len(CLASSES)).tolist(),
            "seeds_apart": spread(drawn) / spread(real[prompt]),
        }
    return table
