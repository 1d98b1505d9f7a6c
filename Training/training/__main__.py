"""`python -m training STAGE --preset NAME --work DIR`; see ../README.md."""

import argparse
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from random import Random

from .presets import PRESETS, Preset

DEFAULTS = {
    "steps": 10,
    "scheduler": "unipc",
    "guidance_scale": 7.0,
    "guidance_start": 0.3,
    "guidance_stop": 0.6,
    "remix_strength": 0.8,
}
ROOT = Path(__file__).resolve().parents[2]


def render(options, preset: Preset):
    """Composes and renders what is missing of the preset's clips."""
    from . import corpus

    processes = options.processes or preset.processes
    corpus.render(options.work / "data", preset.clips, preset.shard, processes, preset.spectrogram)


def fit(options, preset: Preset):
    """Tokenizer and autoencoder, from the shards rendered so far; with `--start` its tokenizer."""
    from .captions import captions
    from .composer import compose
    from .tokenizer import train_tokenizer

    a, work = preset.architecture, options.work
    tokenizer = work / "fit" / "tokenizer"
    if options.start:
        shutil.copytree(options.start / "tokenizer", tokenizer, dirs_exist_ok=True)
    else:
        seeds = range(5000)
        texts = [text for n in seeds for text in captions(compose(n, 1.0)[1], Random(n))]
        train_tokenizer(tokenizer, texts, a.vocabulary, a.tokens)
    fit_autoencoder(work, preset)


def fit_autoencoder(work: Path, preset: Preset):
    """The autoencoder alone."""
    import numpy as np

    from . import autoencoder
    from .corpus import load, shards

    pictures = [load(path)[0][::2, :, 32 : 32 + 256] for path in shards(work / "data")[:16]]
    if not pictures:
        raise SystemExit(f"{work / 'data'}: no shards; run the stage `render` first")
    a, pictures = preset.architecture, np.concatenate(pictures)
    figures = autoencoder.fit_autoencoder(
        work / "fit" / "vae", pictures, a.patch, a.latent_channels
    )
    (work / "fit" / "figures.json").write_text(json.dumps(figures, indent=2) + "\n")
    psnr, error = figures["psnr_db"], figures["mean_absolute_error"]
    print(f"autoencoder: {psnr:.1f} dB, mean absolute error {error:.3f}")


def take_autoencoder(source: Path, work: Path, preset: Preset) -> bool:
    """Takes over the folder's autoencoder, if it has one of the preset's size."""
    config = source / "vae" / "config.json"
    if not config.exists():
        return False
    found, a = json.loads(config.read_text()), preset.architecture
    if found["patch_size"] != list(a.patch) or found["latent_channels"] != a.latent_channels:
        return False
    shutil.copytree(source / "vae", work / "fit" / "vae", dirs_exist_ok=True)
    return True


def train(options, preset: Preset):
    """Trains for the minutes of this call, from the newest checkpoint on."""
    import torch

    from . import trainer

    torch.set_num_threads(options.threads)
    work, minutes = options.work, options.minutes or preset.minutes
    trainer.train(work / "run", work / "fit", work / "data", preset, minutes, options.start)


def run(options, preset: Preset):
    """Trains on a machine without a network, with ../bundle.sh's folder, till the recipe is done.

    What comes back lies in `--out`; the next call goes on from there, or from `--work`.
    """
    import time

    from . import bundle

    begun, work, out = time.monotonic(), options.work, options.out
    model = options.start or ROOT / "Models" / "riff-mini"
    bundle.unpack(options.bundle, work)
    shutil.copytree(model / "tokenizer", work / "fit" / "tokenizer", dirs_exist_ok=True)
    processes = options.processes or preset.processes
    with bundle.Renderer(work, options.preset, processes) as renderer:
        renderer.wait_for(4, work / "data")
        if not any(take_autoencoder(source, work, preset) for source in (out, model)):
            fit_autoencoder(work, preset)
        from . import trainer

        start = out if (out / "state.json").exists() else model
        minutes = (options.minutes or preset.minutes) - (time.monotonic() - begun) / 60
        done = trainer.train(
            work / "run", work / "fit", work / "data", preset, minutes, start, preset.minutes
        )
    bundle.leave(done, out)
    shutil.copytree(work / "fit" / "vae", out / "vae", dirs_exist_ok=True)
    left = max(0, preset.minutes - done.seconds / 60)
    print(f"{out}: step {done.step}, {done.samples} samples; {left:.1f} minutes of the recipe left")


def trained(options, preset: Preset):
    """The run at its newest checkpoint, or as it came back in the folder `--start`."""
    from .trainer import Run

    if options.start:
        take_autoencoder(options.start, options.work, preset)
    found = Run(options.work / "run", options.work / "fit", preset)
    if options.start:
        found.start_from(options.start)
    elif not found.resume():
        raise SystemExit(f"{found.checkpoint}: no checkpoint; run the stage `train` first")
    return found


def export(options, preset: Preset):
    """Writes the averaged weights in diffusers' layout."""
    from . import exporter

    found, work = trained(options, preset), options.work
    target = options.out or work / "export" / "riff-mini"
    exporter.export(found, work / "fit", work / "data", preset, target, DEFAULTS)
    print(f"{target}: step {found.step}, {found.samples} samples seen")


def samples(options, preset: Preset):
    """Draws a sheet of fixed prompts and seeds."""
    trained(options, preset).write_sheet()


def evaluate(options, preset: Preset):
    """Measures an exported model by the clips that `riff` makes with it."""
    from .evaluate import Judge, evaluate, markdown

    model = options.model or options.work / "export" / "riff-mini"
    folder = options.judge or options.work / "judge"
    judge = Judge(
        folder,
        folder / "data" if (folder / "data").exists() else options.work / "data",
        options.clips or preset.judged,
        preset.lessons,
        preset.epochs,
        preset.shared,
        preset.wide,
        preset.varied,
        filled=preset.filled,
    )
    flags = options.flags.split()
    table = evaluate(options.riff, options.riffd, model, judge, options.name, flags, options.served)
    print(markdown(table))


def distill(options, preset: Preset):
    """Teaches a model to draw in --steps steps, unguided, what its teacher draws in twice as many.

    The teacher is the exported model or `--start`; calling it again goes on.
    """
    import torch

    from . import exporter, trainer
    from .distill import Distillation

    torch.set_num_threads(options.threads)
    work, teacher = options.work, options.start or options.work / "export" / "riff-mini"
    fit, data = work / "fit", work / "data"
    run = Distillation(work / f"distill-{options.steps}", fit, preset, teacher, options.steps)
    if not run.resume():
        run.start_from(teacher)
    trainer.go_on(run, data, options.minutes or preset.minutes)
    target = options.out or work / "export" / f"riff-mini-{options.steps}"
    exporter.export(run, fit, data, preset, target, {"steps": options.steps, "guidance_scale": 1.0})
    print(f"{target}: step {run.step}, {run.samples} samples seen")


def tune(options, preset: Preset):
    """Teaches a model (--start) the clips of FOLDER: a LoRA in --out, or the whole with --whole."""
    import torch

    from .tune import Tuning

    torch.set_num_threads(options.threads)
    if options.folder is None or options.start is None:
        raise SystemExit("tune needs FOLDER, of clips, and --start, a model folder")
    out = options.out or options.work / "tune"
    rank = None if options.whole else options.rank
    tuning = Tuning(options.start, options.folder, rank, preset.prior)
    rate = options.learning_rate or (2e-4 if options.whole else 1e-3)
    figures = tuning.learn(options.minutes or 60, preset.tuned, rate)
    tuning.leave(out, figures)
    near = figures["nearest_clip"]
    median = lambda x: sorted(x)[len(x) // 2] if x else float("nan")
    print(f"{out}: {figures['steps']} steps, loss {figures['loss']:.4f}; likeness to the nearest")
    print(
        f"clip, at most 1: before {median(near['before']):.2f}, after {median(near['after']):.2f}, "
        f"clips among themselves {median(near['clips_among_themselves']):.2f}"
    )


def everything(options, preset: Preset):
    """From nothing to an exported model."""
    for stage in (render, fit, train, export):
        stage(options, preset)


STAGES = {
    "render": render,
    "fit": fit,
    "train": train,
    "run": run,
    "export": export,
    "samples": samples,
    "evaluate": evaluate,
    "distill": distill,
    "tune": tune,
    "all": everything,
}


def arguments() -> argparse.Namespace:
    build = ROOT / ".build" / "release"
    parser = argparse.ArgumentParser(
        prog="training",
        description=__doc__,
        epilog="\n".join(
            f"{name:9} {stage.__doc__.splitlines()[0]}" for name, stage in STAGES.items()
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("stage", choices=STAGES)
    add("folder", nargs="?", type=Path, help="of `tune`: clips, their captions beside them")
    add("--preset", choices=PRESETS, default="cpu")
    add("--work", type=Path, default=ROOT / "out" / "training", help="all stages' folder")
    add("--processes", type=int, help="that render")
    add("--threads", type=int, default=os.cpu_count(), help="that train")
    add("--minutes", type=float, help="of training in this call")
    add("--rate", type=float, help="of learning in this call, at most (default: the preset's)")
    add("--cooldown", type=float, help="last share of the minutes, in which the rate falls")
    add("--start", type=Path, help="model folder that a new run begins with")
    add(
        "--out",
        type=Path,
        help="exported model (default: WORK/export/riff-mini); of `run`, what comes back",
    )
    add("--bundle", type=Path, help="of `run`: what bundle.sh made")
    add("--steps", type=int, default=8, help="of `distill`'s model (default: 8)")
    own = parser.add_argument_group("tune")
    own.add_argument("--whole", action="store_true", help="the whole U-Net instead of a LoRA")
    own.add_argument("--rank", type=int, default=8, help="of the LoRA (default: 8)")
    own.add_argument("--learning-rate", type=float, help="(default: 0.001, of the whole 0.0002)")
    judge = parser.add_argument_group("evaluate")
    judge.add_argument("--model", type=Path, help="model folder (default: the exported one)")
    judge.add_argument(
        "--judge", type=Path, help="a frozen yardstick: held-out renders, listener, data"
    )
    judge.add_argument(
        "--served", type=Path, help="draw with the sampler, beside a riffd of this model folder"
    )
    judge.add_argument("--clips", type=int, help="a side (default: the preset's)")
    judge.add_argument("--riff", type=Path, default=build / "riff")
    judge.add_argument("--riffd", type=Path, default=build / "riffd")
    judge.add_argument("--name", default="riff-mini", help="of this model's clips and table")
    judge.add_argument("--flags", default="", help="more flags for `riff generate`, in one word")
    return parser.parse_args()


def main():
    options = arguments()
    preset = PRESETS[options.preset]
    if options.cooldown is not None:
        preset = replace(preset, cooldown=options.cooldown)
    if options.rate is not None:
        preset = replace(preset, learning_rate=options.rate)
    STAGES[options.stage](options, preset)


if __name__ == "__main__":
    main()
