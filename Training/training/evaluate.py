"""Measures a model by the clips that `riff` makes with it, against renders it has not seen.

Everything is judged as sound: rendered pictures go through `riff render`, prompts through
`riff generate`, both come back as Ogg Opus files, are decoded and painted as mel pictures again.
What is made is kept in the folder `judge` and not made again; `clips` is per model.
"""

import json
import os
import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import scipy.linalg
import scipy.signal
from PIL import Image

from . import conditions, measures, tempo
from . import listener as ears
from .autoencoder import LinearPatchAutoencoder
from .captions import ADJECTIVES, with_tempo
from .corpus import load, render, shards
from .genres import GENRES
from .instruments import INSTRUMENTS
from .painters import Request, RiffPainter, SamplerPainter
from .spectrogram import SpectrogramParameters

HELD_OUT = 1_000_000  # the first seed that no training clip has
COLUMNS = 256
SEEDS_A_PROMPT = 4
LONG = 1024  # columns of a long clip
LONG_SECONDS = 20.48
# Leads whose notes are struck or plucked: their attack is what tells them.
STRUCK = (
    "piano, honky tonk piano, electric piano, harpsichord, clavinet, music box, celesta, "
    "vibraphone, marimba, xylophone, church bells, dulcimer, acoustic guitar, "
    "clean electric guitar, banjo, harp, steel drums, sitar, koto, kalimba"
).split(", ")


@dataclass(frozen=True)
class Player:
    """`riff`, and a `riffd` of its own with the one model."""

    riff: Path
    socket: Path
    parameters: SpectrogramParameters

    @property
    def environment(self) -> dict:
        return {**os.environ, "RIFF_SOCKET": str(self.socket)}

    def __call__(self, *arguments):
        command = [self.riff, *map(str, arguments)]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(map(str, command))}: {done.stderr}")

    def render(self, picture: np.ndarray, maximum: float, target: Path):
        """Plays a picture, (bins, columns) uint8, into an Opus file."""
        if target.exists():
            return
        p, png = self.parameters, target.with_suffix(".png")
        Image.fromarray(picture).save(png)
        flags = {
            "sample-rate": p.sample_rate,
            "step": p.step_ms,
            "window": p.window_ms,
            "padded": p.padded_ms,
            "max-frequency": p.max_frequency,
            "power": p.power,
            "maximum": maximum,
        }
        temporary = target.with_name(f".{target.name}")
        self("render", png, "-o", temporary, *[f"--{k}={v}" for k, v in flags.items()])
        os.replace(temporary, target)
        png.unlink()

    def generate(self, prompt: str, seed: int, target: Path, *options):
        if not target.exists():
            temporary = target.with_name(f".{target.name}")
            self("generate", "-o", temporary, "--seed", seed, *options, "--", prompt)
            os.replace(temporary, target)

    def look(self, path: Path, columns: int = COLUMNS) -> np.ndarray:
        """The picture, (bins, columns) uint8, of an Opus file."""
        import soundfile

        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        samples = scipy.signal.resample_poly(samples.mean(1), self.parameters.sample_rate, rate)
        size = columns * self.parameters.hop
        samples = np.pad(samples, (0, max(0, size - len(samples))))[:size]
        return self.parameters.picture(samples * 32767, columns)[0]

    def looks(self, paths, columns: int = COLUMNS) -> np.ndarray:
        return np.stack([self.look(path, columns) for path in paths])


@contextmanager
def daemon(riffd: Path, model: Path, folder: Path):
    """A `riffd` that serves the one model; yields its socket and its process."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    socket = folder / "riffd.sock"
    with open(folder / "riffd.log", "w") as log:
        process = subprocess.Popen(
            [riffd, "--model", f"riff-mini={model}"],
            env={**os.environ, "RIFF_SOCKET": str(socket)},
            stdout=log,
            stderr=log,
        )
    try:
        for _ in range(100):
            if socket.exists():
                break
            time.sleep(0.1)
        yield socket, process
    finally:
        process.terminate()
        process.wait()


# What a caption asks for.


def names(caption: str, words) -> bool:
    return any(word in caption.lower() for word in words if word)


def asks_lead(caption: str, line: dict) -> bool:
    lead = INSTRUMENTS.get(line["lead"])
    return lead is not None and names(caption, (lead.name, *lead.words))


def asks_genre(caption: str, line: dict) -> bool:
    genre = GENRES.get(line["genre"])
    if genre is None:
        return False
    return names(caption, (*genre.words, *genre.scenes, ADJECTIVES.get(genre.name)))


def asked_tempo(caption: str) -> float | None:
    match = re.search(r"(\d+) bpm", caption)
    return float(match[1]) if match else None


# Figures.


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """The Fréchet distance of two sets of features, (n, d) each, taken as Gaussians."""
    root = scipy.linalg.sqrtm(np.cov(a.T) @ np.cov(b.T)).real
    apart = ((a.mean(0) - b.mean(0)) ** 2).sum()
    return float(apart + np.trace(np.cov(a.T) + np.cov(b.T) - 2 * root))


def mean(values) -> float:
    """NaN of nothing, as few clips may have it."""
    return float(np.mean(values)) if len(values) else float("nan")


def spread(groups: list[np.ndarray]) -> float:
    """Mean distance between two rows of one group, over the groups."""
    means = []
    for x in [group for group in groups if len(group) > 1]:
        distances = np.linalg.norm(x[:, None] - x[None], axis=2)
        means.append(distances.sum() / (len(x) * (len(x) - 1)))
    return float(np.mean(means or [np.nan]))


def nearest(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The distance of each row of `a` to the nearest of `b`, (len(a),)."""
    square = (a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T
    return np.sqrt(np.maximum(0, square.min(1)))


def per_class(truth, asked, held, drawn, classes) -> dict:
    """For each class how often it was asked for, and how often heard in renders and drawings."""
    table = {}
    for n, name in enumerate(classes):
        rows = asked & (truth == n)
        if rows.any():
            right = [float((x[rows] == n).mean()) for x in (held, drawn)]
            table[name] = {"asked": int(rows.sum()), "rendered": right[0], "drawn": right[1]}
    return table


def agreement(truth, asked, held, drawn, classes) -> dict:
    right = [mean(x[asked] == truth[asked]) for x in (held, drawn)]
    return {
        "asked": int(asked.sum()),
        "rendered": right[0],
        "drawn": right[1],
        "share": right[1] / max(right[0], 1e-9),
        "classes": per_class(truth, asked, held, drawn, classes),
    }


# Stages.


@dataclass
class Judge:
    """The folder of an evaluation, and how much of everything it takes."""

    folder: Path
    data: Path
    clips: int  # a side
    lessons: int  # renders that the listener hears as sound
    epochs: float
    shared: int = 3  # renders of a caption, at least, for it to count in the variety
    wide: int = 96  # clips of 20 s
    varied: int = 16  # captions that are drawn several times each
    stage: int = 200  # renders that go through the autoencoder
    filled: int = 24  # renders that are gone on with and made loops of

    def corpus(self, first: int, count: int, parameters) -> tuple[list[np.ndarray], list[dict]]:
        """Rendered pictures, beginning on a beat, and their lines."""
        folder, size = self.folder / "held-out", 50
        if size * len(shards(folder)) < count:
            render(folder, count, size, os.cpu_count(), parameters, first)
        pictures, lines = [], []
        for path in shards(folder):
            more = load(path)
            pictures += [np.ascontiguousarray(x[:, :COLUMNS]) for x in more[0]]
            lines += more[1]
        return pictures[:count], lines[:count]

    def lesson(self) -> tuple[list[np.ndarray], list[dict]]:
        """Clips of the training corpus, evenly from all of its shards."""
        paths, pictures, lines = shards(self.data), [], []
        each = -(-self.lessons // len(paths))
        for path in paths:
            more = load(path)
            pictures += [np.ascontiguousarray(x[:, :COLUMNS]) for x in more[0][:each]]
            lines += more[1][:each]
        return pictures[: self.lessons], lines[: self.lessons]

    def renders(self, player: Player, pictures, lines, name: str) -> list[Path]:
        """The pictures as Opus files, once picture -> sound."""
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / f"{line['seed']}.opus" for line in lines]
        jobs = zip(pictures, lines, paths, strict=True)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda job: player.render(job[0], job[1]["maximum"], job[2]), jobs))
        return paths

    def listener(self, player: Player) -> ears.Listener:
        """Taught by pictures first, then by renders that were sound once."""
        import torch

        path = self.folder / "listener.pt"
        if path.exists():
            return ears.load(path)
        torch.manual_seed(0)
        listener = ears.Listener()
        known = [load(path) for path in shards(self.data)]
        lines = [line for _, more in known for line in more]
        pictures = np.concatenate([x for x, _ in known])
        ears.teach(listener, ears.Clips(pictures, *ears.labels(lines)), self.epochs, 2e-3, 1)
        pictures, lines = self.lesson()
        sounds = player.looks(self.renders(player, pictures, lines, "lessons"))
        ears.teach(listener, ears.Clips(sounds, *ears.labels(lines)), 2 * self.epochs, 5e-4, 2)
        ears.save(listener, path)
        return listener

    def captions(self, lines) -> list[str]:
        """One caption a clip, any of its six."""
        return [Random(line["seed"]).choice(line["captions"]) for line in lines]

    def drawn(self, painter, prompts, name: str, bpm=None) -> list[Path]:
        """One clip a prompt, its number the seed; with `bpm`, one tempo a prompt, long ones."""
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        requests = [Request(p, n, folder / f"{n}.opus") for n, p in enumerate(prompts)]
        for request, tempo_ in zip(requests, bpm or (), strict=False):
            request.seconds, request.bpm = LONG_SECONDS, tempo_
        painter(requests)
        return [request.target for request in requests]

    def groups(self, lines) -> dict[str, list[int]]:
        """Short captions that several renders share, and the renders' numbers."""
        found = {}
        for n, line in enumerate(lines):
            found.setdefault(line["captions"][0], []).append(n)
        shared = [item for item in found.items() if len(item[1]) >= self.shared]
        return dict(sorted(shared, key=lambda item: (-len(item[1]), item[0]))[: self.varied])


def speed(player: Player, process, runs: int = 10) -> dict:
    """Seconds from the prompt to the first page of sound and to the end, and peak memory."""
    firsts, totals = [], []
    for seed in range(runs + 1):
        command = [player.riff, "generate", "church bells", "--seed", str(seed), "-o", "-"]
        begun = time.monotonic()
        with subprocess.Popen(
            command,
            env=player.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        ) as riff:
            heard, first = b"", None
            while block := riff.stdout.read(65536):
                heard += block
                if first is None and heard.count(b"OggS") >= 3:  # two pages are headers
                    first = time.monotonic() - begun
        if seed:  # the first one warms the daemon
            firsts.append(first)
            totals.append(time.monotonic() - begun)
    status = Path(f"/proc/{process.pid}/status").read_text()
    return {
        "first_page_seconds": float(np.median(firsts)),
        "seconds": float(np.median(totals)),
        "peak_memory_mb": int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024,
    }


def stages(judge: Judge, player: Player, listener, pictures, lines, model: Path) -> dict:
    """What the listener makes of renders as pictures, as sound, and as sound after the model's
    autoencoder; and the autoencoder's own figure."""
    import torch

    autoencoder = LinearPatchAutoencoder(model / "vae")
    count = min(judge.stage, len(pictures))
    stack = np.stack(pictures[:count])
    greys = torch.from_numpy(stack).float().div(127.5).sub(1)[:, None]
    with torch.no_grad():
        back = torch.cat([autoencoder.decode(autoencoder.encode(x)) for x in greys.split(32)])
    back = ((back[:, 0] + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).numpy()
    size = "x".join(map(str, (*autoencoder.size, len(autoencoder.encoder_bias))))
    heard = {
        "picture": stack,
        "sound": player.looks(judge.renders(player, pictures[:count], lines[:count], "renders")),
        "autoencoder": player.looks(
            judge.renders(player, list(back), lines[:count], f"autoencoder-{size}")
        ),
    }
    truth = ears.labels(lines[:count])
    table = {"clips": count, "psnr_db": measures.psnr(back, stack)}
    for stage, looks in heard.items():
        found = ears.listen(listener, looks)
        for n, (name, classes) in enumerate((("lead", ears.LEADS), ("genre", ears.STYLES))):
            known = truth[n] >= 0
            right = found[n + 1] == truth[n]
            by_class = {
                c: [int(r.sum()), int(len(r))]
                for i, c in enumerate(classes)
                if len(r := right[truth[n] == i])
            }
            share = mean(right[known])
            table.setdefault(name, {})[stage] = {"right": share, "classes": by_class}
    return table


def attacks(lines, asked, held, drawn) -> dict:
    """The attack of drawings where a lead was asked for, as a share of that of the renders."""
    table = {}
    for name in dict.fromkeys(line["lead"] for line in lines if line["lead"]):
        rows = [n for n, line in enumerate(lines) if asked[n] and line["lead"] == name]
        if rows:
            of = [float(np.mean([measures.attack(x[n]) for n in rows])) for x in (held, drawn)]
            table[name] = {"clips": len(rows), "rendered": of[0], "drawn": of[1]}
    rows = [n for n, line in enumerate(lines) if asked[n] and line["lead"] in STRUCK]
    of = [[measures.attack(x[n]) for n in rows] for x in (held, drawn)]
    share = mean(of[1]) / mean(of[0])
    return {
        "struck": {"clips": len(rows), "share": share},
        "leads": table,
    }


def long_clips(judge: Judge, player: Player, listener, lines, painter, name: str) -> dict:
    """20 s, of captions that name a tempo: what of lead, genre, tempo and key the last third has
    that the first has, and how far the beat has slipped by then."""
    step, third = player.parameters.step_ms / 1000, LONG // 3
    lines = [line for line in lines if line["kind"] in ("band", "solo", "drums")][: judge.wide]
    captions = [
        with_tempo(Random(line["seed"]).choice(line["captions"]), line["bpm"]) for line in lines
    ]
    bpm = [line["bpm"] for line in lines]
    drawn = player.looks(judge.drawn(painter, captions, f"{name}-long", bpm), LONG)
    truth = ears.labels(lines)
    asks = [
        np.array([ask(*pair) for pair in zip(captions, lines, strict=True)])
        for ask in (asks_lead, asks_genre)
    ]
    # The listener's pictures are 256 columns wide; a third has 341.
    parts = {"first": drawn[:, :, :COLUMNS], "last": drawn[:, :, -COLUMNS:]}
    table = {"clips": len(lines)}
    for part, pictures in parts.items():
        heard = ears.listen(listener, np.ascontiguousarray(pictures))
        found = [tempo.estimate(picture, step) for picture in pictures]
        table[part] = {
            "lead": mean((heard[1] == truth[0])[asks[0]]),
            "genre": mean((heard[2] == truth[1])[asks[1]]),
            "tempo": mean([tempo.agrees(*pair) for pair in zip(found, bpm, strict=True)]),
        }
    likeness = lambda x, y: float(np.corrcoef(measures.chroma(x), measures.chroma(y))[0, 1])
    pitched = [n for n, line in enumerate(lines) if line["kind"] != "drums"]
    ends = [(drawn[n][:, :third], drawn[n][:, -third:]) for n in pitched]
    others = zip(ends, ends[1:] + ends[:1], strict=True)
    table["chroma"] = {
        "within": mean([likeness(*pair) for pair in ends]),
        "across": mean([likeness(a[0], b[1]) for a, b in others]),
    }
    beaten = [n for n, line in enumerate(lines) if line["kind"] in ("band", "drums")]
    slips = np.array([measures.slip(drawn[n], step, bpm[n]) for n in beaten])
    some = slips if len(slips) else np.array([np.nan])
    table["slip_seconds"] = [float(q) for q in np.quantile(some, (0.25, 0.5, 0.75))]
    return table


def seams(painter, pictures, lines, captions, step: float) -> dict:
    """Flux at the seam where a model goes on from a render's first half, and where it closes a loop
    (the render's halves swapped, so that it ends as it began, and the middle painted), against that
    of the renders; of pictures, before they are sound."""
    import torch

    stack = np.stack(pictures)
    middle = COLUMNS // 2
    width = painter.parts.autoencoder.size[1]
    told = torch.tensor(
        [conditions.numbers(line["bpm"], 0, 60 / line["bpm"] / step, None, None) for line in lines]
    )
    columns = np.arange(COLUMNS // width)
    half, reach = len(columns) // 2, len(columns) // 8
    gone_on = painter.fill(stack, captions, told, columns < half)
    swapped = np.roll(stack, middle, axis=2)
    closed = painter.fill(swapped, captions, told * 0, np.abs(columns + 0.5 - half) > reach)
    of = lambda looks, *at: float(np.median([max(measures.seam(x, c) for c in at) for x in looks]))
    edges = (half - reach) * width, (half + reach) * width
    return {
        "clips": len(stack),
        "rendered": of(stack, middle),
        "gone_on": of(gone_on, half * width),
        "rendered_at_both": of(stack, *edges),
        "loop": of(closed, *edges),
        "loop_unmended": of(swapped, middle),
    }


def measure(judge: Judge, player: Player, model: Path, painter, name: str) -> dict:
    """All figures of a model folder whose clips the painter draws."""
    p = player.parameters
    pictures, lines = judge.corpus(HELD_OUT, 2 * judge.clips, p)
    listener = judge.listener(player)
    held = player.looks(judge.renders(player, pictures, lines, "renders"))
    captions = judge.captions(lines)[: judge.clips]
    drawn = player.looks(judge.drawn(painter, captions, name))

    ours, other = slice(0, judge.clips), slice(judge.clips, None)
    truth = ears.labels(lines[ours])
    asked = [
        np.array([ask(*pair) for pair in zip(captions, lines[ours], strict=True)])
        for ask in (asks_lead, asks_genre)
    ]
    heard_held, heard_drawn = ears.listen(listener, held), ears.listen(listener, drawn)
    table = {
        "clips": judge.clips,
        "lead": agreement(truth[0], asked[0], heard_held[1][ours], heard_drawn[1], ears.LEADS),
        "genre": agreement(truth[1], asked[1], heard_held[2][ours], heard_drawn[2], ears.STYLES),
    }
    table["tempo"] = tempi(captions, held[ours], drawn, p.step_ms / 1000)
    table["stages"] = stages(judge, player, listener, pictures, lines, model)
    table["attack"] = attacks(lines[ours], asked[0], held[ours], drawn)
    table["long"] = long_clips(judge, player, listener, lines, painter, name)
    if hasattr(painter, "fill"):
        some = slice(0, judge.filled)
        table["seams"] = seams(
            painter, pictures[some], lines[some], captions[some], p.step_ms / 1000
        )
    table["frechet"] = {
        "drawn": frechet(heard_drawn[0], heard_held[0][other]),
        "halves": frechet(heard_held[0][ours], heard_held[0][other]),
    }
    groups = judge.groups(lines)
    prompts = [prompt for prompt in groups for _ in range(SEEDS_A_PROMPT)]
    seeds = player.looks(judge.drawn(painter, prompts, f"{name}-seeds"))
    seeds = ears.listen(listener, seeds)[0].reshape(len(groups), SEEDS_A_PROMPT, -1)
    table["variety"] = {
        "prompts": len(groups),
        "drawn": spread(list(seeds)),
        "rendered": spread([heard_held[0][rows] for rows in groups.values()]),
    }
    known = [ears.listen(listener, load(x)[0][:, :, :COLUMNS])[0] for x in shards(judge.data)]
    near = [nearest(x, np.concatenate(known)) for x in (heard_drawn[0], heard_held[0])]
    table["nearest_training_clip"] = {
        key: [float(q) for q in np.quantile(x, (0.01, 0.5))]
        for key, x in zip(("drawn", "rendered"), near, strict=True)
    }
    return table


def tempi(captions, held, drawn, step: float) -> dict:
    """How often the tempo asked for is found, in renders and drawings of the same captions."""
    asked = [(n, tempo_) for n, c in enumerate(captions) if (tempo_ := asked_tempo(c))]
    right = [
        mean([tempo.agrees(tempo.estimate(x[n], step), bpm) for n, bpm in asked])
        for x in (held, drawn)
    ]
    share = right[1] / max(right[0], 1e-9)
    return {"asked": len(asked), "rendered": right[0], "drawn": right[1], "share": share}


def percent(x: float) -> str:
    return f"{100 * x:.0f}%"


def markdown(table: dict) -> str:
    """The figures as tables for a model card."""
    rows = [("measure", "rendered", "drawn", "share", "target"), ("---",) * 5]
    for key, name in (("lead", "lead heard"), ("genre", "genre heard"), ("tempo", "tempo found")):
        x = table[key]
        figures = [percent(x[part]) for part in ("rendered", "drawn", "share")]
        rows.append((f"{name}, of {x['asked']} asked for", *figures, "≥ 98%"))
    x = table["frechet"]
    share = f"{x['drawn'] / x['halves']:.1f} ×"
    rows.append(("Fréchet distance", f"{x['halves']:.2f}", f"{x['drawn']:.2f}", share, "≤ 1.8 ×"))
    x = table["variety"]
    share = f"{x['drawn'] / x['rendered']:.2f} ×"
    distances = f"{x['rendered']:.2f}", f"{x['drawn']:.2f}"
    rows.append((f"distance between seeds, {x['prompts']} prompts", *distances, share, "≥ 0.85 ×"))
    x = table["nearest_training_clip"]
    distances = [f"{x[key][1]:.2f}" for key in ("rendered", "drawn")]
    rows.append(("distance to the nearest training clip, median", *distances, "", ""))
    x = table["stages"]
    rows.append(("autoencoder, dB", "", f"{x['psnr_db']:.1f}", "", "≥ 33.5"))
    right = x["lead"], x["genre"]
    for name, of in zip(("lead", "genre"), right, strict=True):
        figures = [percent(of[stage]["right"]) for stage in ("sound", "autoencoder")]
        rows.append((f"{name} heard after the autoencoder, {x['clips']} renders", *figures, "", ""))
    x = table["attack"]["struck"]
    share = f"{x['share']:.2f} ×"
    rows.append((f"attack of struck and plucked leads, {x['clips']}", "", "", share, "≥ 0.8 ×"))
    x = table["long"]
    for name in ("lead", "genre", "tempo"):
        first, last = x["first"][name], x["last"][name]
        share = percent(last / max(first, 1e-9))
        label = f"{name}: first and last 5 s of 20, {x['clips']} clips"
        rows.append((label, percent(first), percent(last), share, "≥ 90%"))
    share = f"{x['chroma']['within']:.2f}, {x['chroma']['across']:.2f}"
    rows.append(("likeness of first and last third's pitches; of others'", "", share, "", ""))
    slip = f"{1000 * x['slip_seconds'][1]:.0f}"
    rows.append(("beat slip over 20 s, median, ms", "", slip, "", "≤ 20"))
    if "seams" in table:
        x = table["seams"]
        for name, rendered, drawn in (
            ("where it goes on", "rendered", "gone_on"),
            ("of a loop", "rendered_at_both", "loop"),
        ):
            figures = f"{x[rendered]:.2f}", f"{x[drawn]:.2f}", f"{x[drawn] / x[rendered]:.1f} ×"
            rows.append((f"flux at the seam {name}, {x['clips']} renders", *figures, ""))
    x = table["speed"]
    rows.append(("first page, s", "", f"{x['first_page_seconds']:.2f}", "", "≤ 0.6"))
    rows.append(("5.12 s of Opus, s", "", f"{x['seconds']:.2f}", "", "≤ 1.3"))
    rows.append(("peak memory, MB", "", f"{x['peak_memory_mb']:.0f}", "", "≤ 500"))
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    for key in ("lead", "genre"):
        lines += ["", f"| {key} | asked | rendered | drawn |", "|---|---|---|---|"]
        for name, x in table[key]["classes"].items():
            right = percent(x["rendered"]), percent(x["drawn"])
            lines.append(f"| {name} | {x['asked']} | {right[0]} | {right[1]} |")
    return "\n".join(lines) + "\n"


def evaluate(
    riff: Path,
    riffd: Path,
    model: Path,
    judge: Judge,
    name: str,
    flags=(),
    served: Path | None = None,
) -> dict:
    """All figures of a model folder, which also go to `judge/NAME.json`.

    With `served`, another model folder that `riffd` can load, the trainer's sampler draws in its
    stead; the times are then those of `served`.
    """
    described = json.loads((model / "riff.json").read_text())["spectrogram"]
    parameters = SpectrogramParameters(**{k: v for k, v in described.items() if k != "maximum"})
    with daemon(riffd, served or model, judge.folder / "socket") as (socket, process):
        player = Player(riff, socket, parameters)
        painter = RiffPainter(player, flags)
        if served:
            painter = SamplerPainter(player, model, parameters, described["maximum"])
        table = measure(judge, player, model, painter, name)
        table["speed"] = speed(player, process)
    (judge.folder / f"{name}.json").write_text(json.dumps(table, indent=2) + "\n")
    (judge.folder / f"{name}.md").write_text(markdown(table))
    return table
