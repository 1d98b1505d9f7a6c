"""What the UNet is told besides words: tempo, beat and key, as numbers.

They take the form of SDXL's `text_time` (Podell et al. 2023, arXiv:2307.01952): each of the
`time_ids`, (n, 3), is embedded by sines as a timestep is, the three rows join the prompt as a
whole, `text_embeds`, and what two linear layers make of it is added to the timestep's embedding.

| number | values | 0 |
|---|---|---|
| tempo | beats a minute | not known |
| beat | degrees, 0 to 360: how far into a beat the picture begins | on a beat, or not known |
| key | 1 to 12: C to B major; 13 to 24: C to B minor | not known |
"""

import torch

TIME_IDS = ("tempo", "beat", "key")
NUMBERS = len(TIME_IDS)
WIDTH = 32  # of each number's embedding
DROPPED = 0.25  # the share of clips of which nothing is told; of the rest, each as often again


def key(tonic: int | None, minor: bool | None) -> int:
    """The key's number; 0 of drums."""
    return 0 if tonic is None else 1 + tonic % 12 + (12 if minor else 0)


def numbers(bpm: float, columns: float, period: float, tonic, minor) -> list[float]:
    """All three, of a picture whose first column lies `columns` into beats `period` long."""
    return [float(bpm), columns / period % 1 * 360, float(key(tonic, minor))]


def drop(told: torch.Tensor, rng) -> torch.Tensor:
    """(n, 3) with some of the numbers, and some of the rows, no longer known."""
    rows, columns = told.shape
    kept = torch.from_numpy(rng.random((rows, columns)) >= DROPPED)
    kept &= torch.from_numpy(rng.random((rows, 1)) >= DROPPED)
    kept[:, 1] &= kept[:, 0]  # a beat is one of a tempo
    return told * kept


def nothing(count: int) -> torch.Tensor:
    """(count, 3) of which nothing is known."""
    return torch.zeros(count, NUMBERS)
