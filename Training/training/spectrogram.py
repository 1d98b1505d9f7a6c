"""Audio to mel picture, by riffusion's definition in milliseconds and hertz."""

from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
import scipy.fft
import scipy.sparse


@dataclass(frozen=True)
class SpectrogramParameters:
    sample_rate: int = 24000
    stereo: bool = False
    step_ms: int = 20
    window_ms: int = 80
    padded_ms: int = 160
    mel_bins: int = 256
    min_frequency: int = 0
    max_frequency: int = 10000
    power: float = 0.25

    @property
    def hop(self) -> int:
        return self.step_ms * self.sample_rate // 1000

    @property
    def fft_size(self) -> int:
        return self.padded_ms * self.sample_rate // 1000

    @cached_property
    def window(self) -> np.ndarray:
        """Periodic Hann window, centred in the padded frame."""
        size = self.window_ms * self.sample_rate // 1000
        hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
        left = (self.fft_size - size) // 2
        return np.pad(hann, (left, self.fft_size - size - left)).astype(np.float32)

    @cached_property
    def filters(self) -> scipy.sparse.csr_array:
        """HTK mel triangles without norm, (mel_bins, fft_size / 2 + 1)."""
        to_mel = lambda hertz: 2595 * np.log10(1 + np.asarray(hertz) / 700)
        points = np.linspace(
            to_mel(self.min_frequency), to_mel(self.max_frequency), self.mel_bins + 2
        )
        hertz = 700 * (10 ** (points / 2595) - 1)
        bins = np.linspace(0, self.sample_rate // 2, self.fft_size // 2 + 1)
        slopes = hertz[None, :] - bins[:, None]
        rise = -slopes[:, :-2] / np.diff(hertz)[:-1]
        fall = slopes[:, 2:] / np.diff(hertz)[1:]
        return scipy.sparse.csr_array(np.maximum(0, np.minimum(rise, fall)).T.astype(np.float32))

    def mel(self, samples: np.ndarray, columns: int) -> np.ndarray:
        """Mel amplitudes of samples on the 16-bit scale, (mel_bins, columns)."""
        half = self.fft_size // 2
        padded = np.pad(samples.astype(np.float32), (half, half), mode="reflect")
        frames = np.lib.stride_tricks.sliding_window_view(padded, self.fft_size)[:: self.hop][
            :columns
        ]
        return self.filters @ np.abs(scipy.fft.rfft(frames * self.window, axis=1)).T

    def picture(self, samples: np.ndarray, columns: int) -> tuple[np.ndarray, float]:
        """8-bit picture, (mel_bins, columns) with the highest bin on top, and its maximum."""
        mel = self.mel(samples, columns)
        maximum = max(float(mel.max()), 1.0)
        grey = 255 - 255 * (mel / maximum) ** self.power
        return grey.clip(0, 255).astype(np.uint8)[::-1], maximum

    def as_json(self, maximum: float) -> dict:
        return {**asdict(self), "maximum": maximum}
