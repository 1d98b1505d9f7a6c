"""`python -m training STAGE --preset NAME --work DIR`; see ../README.md."""

import argparse
import json
import os
from pathlib import Path
from random import Random

from .presets import PRESETS, Preset

STAGES = ("render", "fit", "train", "export", "samples", "check", "all")
DEFAULTS = {"steps": 20, "guidance_scale": 5.0}
ROOT = Path(__file__).resolve().parents[2]


def fit(work: Path, preset: Preset):
    """Tokenizer and autoencoder, from the shards rendered so far."""
    import numpy as np

    from .autoencoder import fit_autoencoder
    from .captions import captions
    from .composer import compose
    from .corpus import load, shards
    from .tokenizer import train_tokenizer

    a = preset.architecture
    pictures = [load(path)[0][::2, :, 32 : 32 + 256] for path in shards(work / "data")[:16]]
    if not pictures:
        raise SystemExit(f"{work / 'data'}: no shards; run the stage `render` first")
    texts = [text for seed in range(5000) for text in captions(compose(seed)[1], Random(seed))]
    train_tokenizer(work / "fit" / "tokenizer", texts, a.vocabulary, a.tokens)
    figures = fit_autoencoder(
        work / "fit" / "vae", np.concatenate(pictures), a.patch, a.latent_channels
    )
    (work / "fit" / "figures.json").write_text(json.dumps(figures, indent=2) + "\n")
    psnr, error = figures["psnr_db"], figures["mean_absolute_error"]
    print(f"autoencoder: {psnr:.1f} dB, mean absolute error {error:.3f}")


def main():
    parser = argparse.ArgumentParser(prog="training", description=__doc__)
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("--preset", choices=PRESETS, default="cpu")
    parser.add_argument(
        "--work", type=Path, default=ROOT / "out" / "training", help="data, fit and run go here"
    )
    parser.add_argument("--out", type=Path, help="exported model (default: WORK/export/riff-mini)")
    parser.add_argument("--minutes", type=float, help="of training in this call")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--processes", type=int, help="that render")
    arguments = parser.parse_args()
    preset, work = PRESETS[arguments.preset], arguments.work
    stages = (
        ("render", "fit", "train", "export") if arguments.stage == "all" else (arguments.stage,)
    )

    if "render" in stages:
        from .corpus import render

        processes = arguments.processes or preset.processes
        render(work / "data", preset.clips, preset.shard, processes, preset.spectrogram)
    if "fit" in stages:
        fit(work, preset)
    if stages == ("render",) or stages == ("fit",):
        return

    import torch

    from .exporter import export
    from .trainer import Run, train

    torch.set_num_threads(arguments.threads)
    if "train" in stages:
        train(
            work / "run", work / "fit", work / "data", preset, arguments.minutes or preset.minutes
        )
    if not {"export", "samples", "check"}.isdisjoint(stages):
        run = Run(work / "run", work / "fit", preset)
        if not run.resume():
            raise SystemExit(f"{run.checkpoint}: no checkpoint; run the stage `train` first")
        if "samples" in stages:
            run.write_sheet()
        if "check" in stages:
            from .check import check

            options = {"steps": DEFAULTS["steps"], "guidance": DEFAULTS["guidance_scale"]}
            print(json.dumps(check(run, work / "data", **options), indent=2))
        if "export" in stages:
            target = arguments.out or work / "export" / "riff-mini"
            export(run, work / "fit", work / "data", preset, target, DEFAULTS)
            print(f"{target}: step {run.step}, {run.samples} samples seen")


if __name__ == "__main__":
    main()
