"""Recovers the sound of a spectrogram picture with torchaudio, as riffusion does, when told to; and
measures any recovery of it.

Lines in, lines out, so that whoever measures can take turns with it; quotes keep words together as in
a shell:

    load PICTURE              a PNG or JPEG, with riffusion's EXIF tags or riffusion's defaults
        -> loaded COLUMNS CHANNELS SECONDS          SECONDS of sound that it stands for
    run SEED                  InverseMelScale and GriffinLim, 32 rounds, momentum 0.99
        -> ran SECONDS SC LSD
    keep FILE                 writes the last run's sound as `measure` reads it
        -> kept RATE
    measure FILE RATE         FILE: floats of native byte order, CHANNELS interleaved, before any gain
        -> measured SC LSD
    stereo ORIGINAL FILE RATE ORIGINAL: the sound that the picture was made of, in the same form
        -> stereo PHASE MID SIDE
    anything that fails       -> failed MESSAGE

SC    ‖M − s R‖ / ‖M‖ for the best s: M the picture's mel amplitudes, R the mel analysis, at the
      picture's own rate and with its own parameters, of the sound.
LSD   root mean square in decibels over all bins and frames of M against the same s R, both floored
      60 dB below the picture's maximum.
PHASE mean error of the phase difference between the channels in degrees, each bin of the Fourier
      analysis weighing |L R| of the original: 90 is chance.
MID, SIDE  ‖A − s B‖ / ‖A‖ of the mel amplitudes of L + R and of L − R, s as for both channels.

The time of `run` is that of the two transforms alone, built beforehand. Threads as torch has them
unless --threads says otherwise.
"""

import argparse
import os
import shlex
import sys
import time
from pathlib import Path

import numpy
import torch
import torchaudio
from PIL import Image


class Picture:
    """Mel amplitudes of shape (channel, bin, frame) on the 16-bit scale, and how they were made."""

    def __init__(self, path: Path):
        image = Image.open(path)
        tags = image.getexif()
        self.rate = int(tags.get(11000, 44100))
        stereo = bool(tags.get(11005, 0))
        self.hop, self.window, self.padded = (
            int(tags.get(tag, default) / 1000 * self.rate)
            for tag, default in ((11010, 10), (11020, 100), (11030, 400))
        )
        low, high = float(tags.get(11050, 0)), float(tags.get(11060, 10000))
        power, maximum = float(tags.get(11070, 0.25)), float(tags.get(11080, 30e6))
        pixels = numpy.asarray(image.convert("RGB"))[::-1].astype(numpy.float32)
        planes = pixels[:, :, 1:] if stereo else pixels[:, :, :1]
        grey = torch.from_numpy(numpy.ascontiguousarray(planes.transpose(2, 0, 1)))
        self.mel = ((255 - grey) / 255) ** (1 / power) * maximum
        self.channels, bins, self.columns = self.mel.shape
        self.seconds = self.columns * self.hop / self.rate
        scale = dict(
            n_mels=bins, sample_rate=self.rate, f_min=low, f_max=high, norm=None, mel_scale="htk"
        )
        frames = dict(n_fft=self.padded, win_length=self.window, hop_length=self.hop, power=1.0)
        self.spectrogram = torchaudio.transforms.Spectrogram(**(frames | {"power": None}))
        self.filterbank = torchaudio.transforms.MelScale(n_stft=self.padded // 2 + 1, **scale)
        self.inversion = torchaudio.transforms.InverseMelScale(
            n_stft=self.padded // 2 + 1, **scale
        )
        self.phases = torchaudio.transforms.GriffinLim(n_iter=32, momentum=0.99, **frames)

    def recover(self, seed: int) -> tuple[float, torch.Tensor]:
        """Seconds that it took, and the sound, (channel, sample) at `rate`, full scale ±1."""
        torch.manual_seed(seed)
        start = time.perf_counter()
        sound = self.phases(self.inversion(self.mel))
        return time.perf_counter() - start, sound / 32768

    def read(self, path: str, rate: int) -> torch.Tensor:
        """A file of floats, (channel, sample) at the picture's rate."""
        samples = torch.from_numpy(numpy.fromfile(path, numpy.float32)).reshape(-1, self.channels)
        # A long filter: its transition band, 1% of the lower rate, holds no sound.
        return torchaudio.functional.resample(
            samples.T.contiguous(), rate, self.rate, lowpass_filter_width=128
        )

    def analyse(self, sound: torch.Tensor) -> torch.Tensor:
        """Complex bins of shape (channel, bin, frame) on the 16-bit scale."""
        spectra = self.spectrogram(sound * 32768)
        if spectra.shape[-1] < self.columns:
            raise ValueError(f"{spectra.shape[-1]} columns of sound for {self.columns}")
        return spectra[..., : self.columns]

    def figures(self, sound: torch.Tensor) -> tuple[float, float]:
        result = self.filterbank(self.analyse(sound).abs()).double()
        wanted = self.mel.double()
        result *= best_scale(wanted, result)
        floor = wanted.max() * 1e-3
        decibels = 20 * torch.log10(wanted.clamp(min=floor) / result.clamp(min=floor))
        return distance(wanted, result), decibels.square().mean().sqrt().item()

    def stereo(self, original: torch.Tensor, sound: torch.Tensor) -> tuple[float, float, float]:
        a, b = self.analyse(original), self.analyse(sound)
        turned = (a[0] * a[1].conj()) * (b[0] * b[1].conj()).conj()
        weights = (a[0] * a[1]).abs().double()
        phase = (turned.angle().abs().double() * weights).sum() / weights.sum()
        scale = best_scale(self.filterbank(a.abs()), self.filterbank(b.abs()))
        mid, side = (
            distance(self.filterbank(x.abs()), self.filterbank(y.abs()) * scale)
            for x, y in ((a[0] + a[1], b[0] + b[1]), (a[0] - a[1], b[0] - b[1]))
        )
        return phase.rad2deg().item(), mid, side


def best_scale(wanted: torch.Tensor, result: torch.Tensor) -> torch.Tensor:
    return (wanted * result).sum() / result.square().sum().clamp(min=1e-30)


def distance(wanted: torch.Tensor, result: torch.Tensor) -> float:
    return ((wanted - result).norm() / wanted.norm()).item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int)
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what the libraries print is not an answer
    picture = sound = None
    for line in sys.stdin:
        try:
            with torch.inference_mode():
                match shlex.split(line):
                    case ["load", path]:
                        picture = Picture(Path(path))
                        answer = f"loaded {picture.columns} {picture.channels} {picture.seconds:.4f}"
                    case ["run", seed] if picture:
                        seconds, sound = picture.recover(int(seed))
                        sc, lsd = picture.figures(sound)
                        answer = f"ran {seconds:.6f} {sc:.5f} {lsd:.4f}"
                    case ["keep", path] if sound is not None:
                        sound.T.contiguous().numpy().tofile(path)
                        answer = f"kept {picture.rate}"
                    case ["measure", path, rate] if picture:
                        sc, lsd = picture.figures(picture.read(path, int(rate)))
                        answer = f"measured {sc:.5f} {lsd:.4f}"
                    case ["stereo", original, path, rate] if picture and picture.channels == 2:
                        figures = picture.stereo(
                            picture.read(original, picture.rate), picture.read(path, int(rate))
                        )
                        answer = "stereo {:.2f} {:.5f} {:.5f}".format(*figures)
                    case _:
                        answer = f"failed not understood: {line.strip()}"
        except Exception as error:
            answer = f"failed {type(error).__name__}: {error}".replace("\n", " ")
        print(answer, file=answers, flush=True)


if __name__ == "__main__":
    main()
