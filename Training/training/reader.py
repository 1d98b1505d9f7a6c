"""What a caption says, read off the text encoder's output.

The diffusion loss teaches words slowly: a caption explains little of a noisy picture. Here linear
heads name the clip's instrument, genre, tempo and so on from the mean of the encoder's output, so
that these lie there plainly for the UNet. The heads are not part of the exported model.
"""

import torch
from torch import nn
from torch.nn import functional

from .composer import BASS_WORDS, KINDS
from .drums import PERCUSSION
from .genres import GENRES
from .instruments import INSTRUMENTS

# What each head tells apart, by its name in a brief.
HEADS: dict[str, tuple] = {
    "kind": tuple(KINDS),
    "lead": (None, *INSTRUMENTS),
    "genre": (None, *GENRES),
    "bass": (None, *sorted({*BASS_WORDS.values(), "bass"})),
    "percussion": (None, *PERCUSSION),
    "bright": (None, False, True),
    "density": (None, "sparse", "medium", "busy"),
    "register": (None, "low", "high"),
    "dynamics": (None, "quiet", "loud"),
    "dreamy": (False, True),
}
# Centres of the tempo's classes, in beats a minute.
TEMPI = torch.arange(40, 216, 2.0)
TEMPO = 3  # how much its loss counts


def target(brief: dict) -> list[int]:
    """The number of each head's class, and last the tempo."""
    numbers = []
    for name, classes in HEADS.items():
        value = brief[name]
        if name == "percussion" and value:
            value = value.split(" and ")[0]
        numbers.append(classes.index(value) if value in classes else 0)
    return [*numbers, brief["bpm"]]


class Reader(nn.Module):
    """Linear heads on the encoder's output, (n, tokens, width)."""

    def __init__(self, width: int):
        super().__init__()
        self.heads = nn.ModuleDict({k: nn.Linear(width, len(v)) for k, v in HEADS.items()})
        self.tempo = nn.Linear(width, len(TEMPI))

    def loss(self, text: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Weighted sum of the heads' cross entropies, in nats; `targets` are rows of `target`."""
        mean = text.float().mean(1)
        losses = [
            functional.cross_entropy(head(mean), targets[:, n])
            for n, head in enumerate(self.heads.values())
        ]
        # A tempo is near its neighbours: a bell of 2 bpm instead of one class.
        tempi = TEMPI.to(text.device)
        bell = torch.softmax(-((targets[:, -1:] - tempi) ** 2) / (2 * 2.0**2), 1)
        return sum(losses) + TEMPO * functional.cross_entropy(self.tempo(mean), bell)
