#!/usr/bin/env python3
"""Makes torch-*.png: python3 make_torch_fixtures.py (torch, torchaudio, numpy, Pillow).

The pictures of tones.s16 and stereo.s16 (see make_fixtures.py) as riffusion makes them: torchaudio's
Spectrogram and MelScale with the arguments of its SpectrogramConverter, and the arithmetic of its
image_from_spectrogram, parameters in EXIF. Where make_fixtures.py is a definition written out, this
is the library that riffusion itself calls.
"""
from pathlib import Path

import numpy as np
import torch
import torchaudio
from PIL import Image

HERE = Path(__file__).parent
TAGS = {"rate": 11000, "stereo": 11005, "step": 11010, "window": 11020, "padded": 11030,
        "rows": 11040, "minimum": 11050, "maximum": 11060, "power": 11070, "largest": 11080}


def mel_amplitudes(waveform, p):
    """(channel, time) on the 16-bit scale to (channel, frequency, time)."""
    samples = {name: int(p[name] / 1000 * p["rate"]) for name in ["padded", "window", "step"]}
    spectrogram = torchaudio.transforms.Spectrogram(
        n_fft=samples["padded"], win_length=samples["window"], hop_length=samples["step"], pad=0,
        window_fn=torch.hann_window, power=None, normalized=False, wkwargs=None, center=True,
        pad_mode="reflect", onesided=True)
    mel = torchaudio.transforms.MelScale(
        n_mels=p["rows"], sample_rate=p["rate"], f_min=p["minimum"], f_max=p["maximum"],
        n_stft=samples["padded"] // 2 + 1, norm=None, mel_scale="htk")
    return mel(torch.abs(spectrogram(waveform))).numpy()


def picture(amplitudes, p):
    largest = np.max(amplitudes)
    data = 255 - np.power(amplitudes / largest, p["power"]) * 255
    grey = data.astype(np.uint8)
    planes = [np.zeros_like(grey[0]), grey[0], grey[1]] if p["stereo"] else [grey[0]] * 3
    image = Image.fromarray(np.stack(planes, axis=-1), mode="RGB").transpose(
        Image.Transpose.FLIP_TOP_BOTTOM)
    exif = image.getexif()
    exif.update({tag: p.get(name, float(largest)) for name, tag in TAGS.items()})
    return image, exif


def main():
    mono = {"rate": 44100, "stereo": False, "step": 10, "window": 100, "padded": 400, "rows": 512,
            "minimum": 0, "maximum": 10000, "power": 0.25}
    stereo = {"rate": 16000, "stereo": True, "step": 8, "window": 50, "padded": 130, "rows": 96,
              "minimum": 60, "maximum": 7500, "power": 0.4}
    for name, p in [("tones", mono), ("stereo", stereo)]:
        samples = np.frombuffer((HERE / f"{name}.s16").read_bytes(), dtype="<i2")
        waveform = samples.reshape(-1, 2 if p["stereo"] else 1).T.astype(np.float32)
        image, exif = picture(mel_amplitudes(torch.from_numpy(waveform.copy()), p), p)
        image.save(HERE / f"torch-{name}.png", exif=exif, optimize=True)


main()
