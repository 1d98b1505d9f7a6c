"""What the UNet learns: the mean squared error of v on what it paints, and that patches meet."""

import torch

from .dataset import Batch, greys
from .model import Model, Words, with_kept

KEPT = 0.1  # how much the error on what is kept counts
SEAMS = 5.0  # how much the error in the steps between patches counts


def stratified(count: int, device: str) -> torch.Tensor:
    """Timesteps of a batch: one from each of so many equal shares, a quieter loss for the same
    work; and denser where there is more noise, since what the prompt decides is decided there."""
    share = ((torch.arange(count) + torch.rand(count)) / count) ** 0.6
    return (share * 1000).long().clamp(0, 999).to(device)


def seam_loss(autoencoder, error: torch.Tensor) -> torch.Tensor:
    """The mean squared error, in greys, of the step from each patch's last column to the next
    patch's first. Where patches err apart, held notes flutter at the patches' rate, which the mean
    over all components hardly notices."""
    height, width = autoencoder.size
    columns = autoencoder.decoder_weight.unflatten(0, (height, width))
    first, last = (
        torch.einsum("hc,nckl->nhkl", columns[:, at].contiguous(), error) for at in (0, width - 1)
    )
    return (first[..., 1:] - last[..., :-1]).square().mean()


def velocity_loss(
    model: Model, autoencoder, cumulative, batch: Batch, timesteps, bfloat16: bool
) -> tuple[torch.Tensor, Words]:
    """The loss at the timesteps, and what the text encoder made of the captions; `cumulative` are
    the schedule's cumulative products of alpha."""
    device = timesteps.device.type
    clean = autoencoder.encode(greys(batch.pictures.to(device, non_blocking=True)))
    noise = torch.randn_like(clean)
    alpha = cumulative[timesteps].sqrt()[:, None, None, None]
    sigma = (1 - cumulative[timesteps]).sqrt()[:, None, None, None]
    mask = batch.masks.to(device)
    inputs = with_kept(alpha * clean + sigma * noise, mask, clean, autoencoder.blank())
    if device != "cpu":
        inputs = inputs.contiguous(memory_format=torch.channels_last)
    target = alpha * noise - sigma * clean
    with torch.autocast(device, torch.bfloat16, enabled=bfloat16):
        words = model.embed(batch.tokens.to(device))
        guess = model(inputs, timesteps, words, batch.numbers.to(device))
    wrong = guess.float() - target
    counts = KEPT + (1 - KEPT) * mask
    error = (wrong.square().mean(1, keepdim=True) * counts).sum() / counts.sum()
    # What is kept is put back, so nothing is wrong there.
    return error + SEAMS * seam_loss(autoencoder, wrong * mask), words
