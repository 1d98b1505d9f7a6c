"""Renders the corpus into shards of pictures and captions.

Shard `n` of `size` clips holds those of the seeds `n * size` and on, so shards can be made in any
order, by any number of processes, at any time, and always come out the same.
"""

import json
import multiprocessing
import os
from pathlib import Path
from random import Random

import numpy as np

from .captions import captions
from .composer import compose
from .spectrogram import SpectrogramParameters

COLUMNS = 700  # stored, 14 s; the trainer crops


def clip(seed: int, synth, parameters: SpectrogramParameters):
    """The picture (mel_bins, COLUMNS), its maximum, captions and brief of one seed."""
    score, brief = compose(seed, COLUMNS * parameters.step_ms / 1000 + 3)
    rng = Random(f"render {seed}")
    seconds = COLUMNS * parameters.step_ms / 1000
    bar = score.bar * 60 / score.bpm
    lead_in = min(bar, 1.6) if rng.random() < 0.6 else 0.0
    if lead_in < bar and lead_in:  # start in the first bar, so that the clip begins on a beat
        beat = 60 / score.bpm
        lead_in = max(beat, beat * int(lead_in / beat))
    samples = synth.render(score, lead_in + seconds + 0.1, rng)
    samples = samples[round(lead_in * parameters.sample_rate) :]
    picture, maximum = parameters.picture(samples, COLUMNS)
    return picture, maximum, captions(brief, rng), brief


def render_shard(index: int, size: int, folder: Path, synth, parameters: SpectrogramParameters):
    pictures, lines, maxima = [], [], []
    for seed in range(index * size, (index + 1) * size):
        picture, maximum, texts, brief = clip(seed, synth, parameters)
        pictures.append(picture)
        maxima.append(maximum)
        lines.append(
            json.dumps({"seed": seed, "captions": texts, "maximum": maximum, **vars(brief)})
        )
    # The captions first: a shard exists when its pictures do.
    temporary = folder / f".{index:05}.tmp"
    temporary.write_text("\n".join(lines) + "\n")
    os.replace(temporary, folder / f"{index:05}.jsonl")
    with open(temporary, "wb") as file:
        np.save(file, np.stack(pictures))
    os.replace(temporary, folder / f"{index:05}.npy")


def _worker(indices, size: int, folder: Path, parameters: SpectrogramParameters):
    from .synth import Synth

    synth = Synth(parameters.sample_rate)
    for index in indices:
        if not (folder / f"{index:05}.npy").exists():
            render_shard(index, size, folder, synth, parameters)
            print(f"shard {index:05}", flush=True)


def render(
    folder: Path,
    clips: int,
    size: int,
    processes: int,
    parameters: SpectrogramParameters,
    first: int = 0,
):
    """Renders what is missing of `clips` clips from the seed `first` on, in shards of `size`."""
    folder.mkdir(parents=True, exist_ok=True)
    begin, end = first // size, -(-(first + clips) // size)
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(target=_worker, args=(range(n, end, processes), size, folder, parameters))
        for n in range(begin, begin + processes)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    failed = [worker.exitcode for worker in workers if worker.exitcode]
    if failed:
        raise RuntimeError(f"{len(failed)} of {processes} rendering processes failed")


def shards(folder: Path) -> list[Path]:
    return sorted(folder.glob("[0-9]*.npy"))


def load(path: Path) -> tuple[np.ndarray, list[dict]]:
    with open(path.with_suffix(".jsonl")) as file:
        return np.load(path, mmap_mode="r"), [json.loads(line) for line in file]
