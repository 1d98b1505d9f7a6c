"""Somebody's own music as pictures and captions: any length, any format that libsndfile reads."""

import csv
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy.signal

from .spectrogram import SpectrogramParameters

SUFFIXES = {".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif", ".w64", ".caf"}
LONGEST = 1024  # columns of a picture; longer clips become several
SHORTEST = 64


class Clip(NamedTuple):
    """One picture of a clip, (bins, columns) uint8, and what it is called."""

    path: Path
    caption: str
    picture: np.ndarray


def name_as_caption(path: Path) -> str:
    """`03_slow-jazz piano (take 2).wav` says "slow jazz piano"."""
    words = re.sub(r"[\(\[].*?[\)\]]", " ", path.stem)
    words = re.sub(r"[_\-.]+", " ", words)
    words = re.sub(r"^\s*\d+\s+|\s+\d+\s*$", " ", words)
    return " ".join(words.split()) or path.parent.name


def captions(folder: Path) -> dict[str, str]:
    """What the folder's CSV files, of rows `file,caption`, say of their files, by file name."""
    found = {}
    for path in sorted(folder.glob("*.csv")):
        with open(path, newline="", encoding="utf-8-sig") as file:
            for row in csv.reader(file):
                if len(row) >= 2 and Path(row[0]).suffix.lower() in SUFFIXES:
                    found[Path(row[0]).name] = row[1].strip()
    return found


def caption(path: Path, listed: dict[str, str]) -> str:
    """The text beside the clip, else the CSV's, else its name."""
    text = path.with_suffix(".txt")
    if text.exists():
        return " ".join(text.read_text(encoding="utf-8-sig").split())
    return listed.get(path.name) or name_as_caption(path)


def samples(path: Path, rate: int) -> np.ndarray:
    """Mono samples on the 16-bit scale."""
    import soundfile

    with soundfile.SoundFile(path) as file:
        theirs = file.samplerate
        x = file.read(dtype="float32", always_2d=True).mean(1)
    if theirs != rate:
        common = np.gcd(theirs, rate)
        x = scipy.signal.resample_poly(x, rate // common, theirs // common)
    return x * 32767


def pictures(x: np.ndarray, parameters: SpectrogramParameters) -> list[np.ndarray]:
    """Pictures of `LONGEST` columns at most, each divided by its own maximum."""
    columns = len(x) // parameters.hop
    if columns == 0:
        return []
    count = -(-columns // LONGEST)
    parts = np.array_split(x[: columns * parameters.hop], count)
    sizes = [len(part) // parameters.hop for part in parts]
    least = parameters.fft_size  # that a frame's reflection takes
    parts = [np.pad(part, (0, max(0, least - len(part)))) for part in parts]
    found = [parameters.picture(p, n)[0] for p, n in zip(parts, sizes, strict=True) if n]
    # A short clip is followed by silence.
    return [
        np.pad(p, ((0, 0), (0, max(0, SHORTEST - p.shape[1]))), constant_values=255) for p in found
    ]


def read(folder: Path, parameters: SpectrogramParameters) -> list[Clip]:
    """All clips of the folder and the folders inside it; tells of what it cannot read."""
    found, listed = [], {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in SUFFIXES:
            continue
        if path.parent not in listed:
            listed[path.parent] = captions(path.parent)
        try:
            parts = pictures(samples(path, parameters.sample_rate), parameters)
        except Exception as error:  # of libsndfile's many kinds
            print(f"{path}: left out: {error}", flush=True)
            continue
        text = caption(path, listed[path.parent])
        found += [Clip(path, text, part) for part in parts]
    if not found:
        kinds = ", ".join(sorted(SUFFIXES))
        raise SystemExit(f"{folder}: no clip that can be read ({kinds})")
    return found
