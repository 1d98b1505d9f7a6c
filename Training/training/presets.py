"""The named recipes: what is rendered, how large the model is and how it is trained."""

from dataclasses import dataclass, field

from .spectrogram import SpectrogramParameters


@dataclass(frozen=True)
class Architecture:
    """The parts' sizes; fixed once a run has begun."""

    patch: tuple[int, int] = (16, 16)  # mel bins and columns
    latent_channels: int = 64
    channels: tuple[int, ...] = (64, 128, 192)
    heads: tuple[int, ...] = (2, 4, 6)
    attention: tuple[bool, ...] = (True, True, True)  # whether a level has any
    layers: int = 1
    text_width: int = 192
    text_layers: int = 3
    text_heads: int = 4
    tokens: int = 32  # of a prompt, start and end included
    vocabulary: int = 4096


@dataclass(frozen=True)
class Preset:
    clips: int
    processes: int
    minutes: float  # of one call of `train`
    batch: int
    learning_rate: float
    warmup: int = 200  # steps
    reading: int = 1200  # steps of the text encoder alone, before the first picture
    loaders: int = 0  # processes that cut batches; none, if the workers do it themselves
    workers: int = 1  # that compute gradients, each on its share of the threads
    cooldown: float = 0.3  # last share of the minutes, in which the learning rate falls to zero
    ema: float = 0.999
    caption_dropout: float = 0.1
    weight_decay: float = 0.01
    columns: int = 256
    # Pictures of so many columns are trained on, each in its share of the batches.
    widths: tuple[tuple[int, float], ...] = ((128, 0.25), (256, 0.5), (512, 0.25))
    shard: int = 250  # clips a file
    checkpoint_minutes: float = 4
    sheet_minutes: float = 10
    judged: int = 1000  # clips that are evaluated, a side
    lessons: int = 1440  # renders that teach the evaluation's listener as sound
    epochs: float = 6  # of its training
    shared: int = 3  # renders of a caption, at least, for it to count in the variety
    wide: int = 96  # clips of 20 s that are judged
    filled: int = 24  # renders that are gone on with and made loops of
    varied: int = 40  # captions that are drawn several times each
    prior: int = 64  # pictures that a model draws before it is tuned, so as not to forget
    tuned: int = 16  # clips a batch, when tuned
    device: str = "cpu"
    bfloat16: bool = False
    architecture: Architecture = field(default_factory=Architecture)
    spectrogram: SpectrogramParameters = field(default_factory=SpectrogramParameters)


PRESETS = {
    # The whole pipeline in about a minute, to see that it works; its weights make noise.
    "smoke": Preset(
        clips=96,
        shard=48,
        processes=2,
        minutes=0.3,
        batch=8,
        learning_rate=5e-4,
        warmup=10,
        reading=3,
        workers=2,
        loaders=1,
        checkpoint_minutes=0.2,
        sheet_minutes=60,
        judged=20,
        lessons=20,
        epochs=1,
        shared=1,
        wide=2,
        varied=2,
        filled=2,
        prior=4,
        tuned=4,
        architecture=Architecture(
            channels=(32, 64),
            heads=(1, 2),
            attention=(False, True),
            text_width=64,
            text_layers=1,
            text_heads=2,
            vocabulary=1024,
        ),
    ),
    # Two cores, hours.
    "cpu": Preset(
        clips=20_000,
        processes=2,
        minutes=90,
        batch=48,
        learning_rate=1e-3,
        warmup=20,
        workers=2,
        ema=0.998,
        bfloat16=True,
    ),
    # One large GPU that is lent for a quarter of an hour, start and end included.
    "cuda": Preset(
        clips=20_000,
        processes=14,
        minutes=9,
        batch=256,
        loaders=6,
        learning_rate=1e-3,
        warmup=500,
        ema=0.9995,
        checkpoint_minutes=3,
        sheet_minutes=5,
        device="cuda",
        bfloat16=True,
    ),
}
