"""Trains text encoder and UNet together, resumably.

Each call of `train` warms the learning rate up, holds it, and lets it fall to zero in the last
share of its minutes, so that every call ends with usable weights and the next can go on from them.

On CPUs several workers, a thread each, compute gradients of their own batches on their own copies
of the model and hand them to one optimiser as they come (asynchronous descent, a step stale at
most per other worker). One thread computes nearly as fast as two that wait for each other at every
layer, and a core that is busy elsewhere then slows down its own worker only.
"""

import csv
import itertools
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import torch

from . import literacy
from .adopt import adopt
from .autoencoder import LinearPatchAutoencoder
from .bundle import take
from .dataset import Batch, Dataset, stream
from .model import Model, scheduler
from .muon import Muon, is_matrix
from .objective import stratified, velocity_loss
from .presets import Preset
from .sampler import PROMPTS, sample, sheet
from .tokenizer import load_tokenizer

READING = 0.02  # the reader's loss beside that of v


class Run:
    """A training run in its folder: model, optimiser, moving average and step."""

    def __init__(self, folder: Path, fit: Path, preset: Preset):
        torch.manual_seed(0)
        self.folder, self.preset = folder, preset
        folder.mkdir(parents=True, exist_ok=True)
        self.tokenizer = load_tokenizer(fit / "tokenizer")
        self.autoencoder = LinearPatchAutoencoder(fit / "vae").to(preset.device)
        self.model = self.replica()
        self.average = {n: v.detach().clone() for n, v in self.model.state_dict().items()}
        matrices, rest = [], []
        for name, parameter in self.model.named_parameters():
            (matrices if is_matrix(name, parameter) else rest).append(parameter)
        rate, decay = preset.learning_rate, preset.weight_decay
        self.optimisers = (
            Muon(matrices, rate, weight_decay=decay),
            torch.optim.AdamW(rest, rate, (0.9, 0.99), weight_decay=decay, fused=True),
        )
        self.step = self.samples = 0
        self.drawn: dict = {"steps": 12}  # how its sheets are
        self.seconds = 0.0
        self.cumulative = scheduler().alphas_cumprod.to(preset.device)
        self.lock = threading.Lock()  # over everything that `apply` changes

    def replica(self) -> Model:
        preset = self.preset
        bins = preset.spectrogram.mel_bins
        model = Model(preset.architecture, preset.columns, bins).to(preset.device)
        if self.preset.device == "cpu":
            model.use_plain_attention()
        else:
            model.unet.to(memory_format=torch.channels_last)
        return model

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint.pt"

    def resume(self) -> bool:
        if not self.checkpoint.exists():
            return False
        state = torch.load(self.checkpoint, map_location=self.preset.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.average = state["average"]
        for optimiser, values in zip(self.optimisers, state.get("optimisers", ()), strict=False):
            optimiser.load_state_dict(values)
        self.step, self.samples, self.seconds = state["step"], state["samples"], state["seconds"]
        return True

    def start_from(self, folder: Path):
        """Begins with what fits of an exported model, or where `run` left off."""
        if (folder / "state.json").exists():
            return take(self, folder)
        adopt(self.model, self.autoencoder, self.tokenizer, folder)
        self.average = {n: v.detach().clone() for n, v in self.model.state_dict().items()}

    def read(self, encoder: bool):
        """Teaches the text encoder, or just the reader, from captions alone."""
        preset = self.preset
        steps = preset.reading if encoder else preset.reading // 4
        literacy.teach(
            self.model, self.tokenizer, steps, preset.learning_rate, preset.device, encoder
        )
        self.average = {n: v.detach().clone() for n, v in self.model.state_dict().items()}

    def save(self):
        temporary = self.folder / ".checkpoint.tmp"
        with self.lock:
            state = {
                "model": self.model.state_dict(),
                "average": self.average,
                "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
                "step": self.step,
                "samples": self.samples,
                "seconds": self.seconds,
            }
            torch.save(state, temporary)
        os.replace(temporary, self.checkpoint)

    def gradients(self, model: Model, batch: Batch) -> tuple[float, list[torch.Tensor]]:
        """The loss of v, and the gradients of all."""
        device = self.preset.device
        timesteps = stratified(len(batch.tokens), device)
        loss, words = velocity_loss(
            model,
            self.autoencoder,
            self.cumulative,
            batch,
            timesteps,
            self.preset.bfloat16,
        )
        said = batch.said
        read = model.reader.loss(words.tokens[said.to(device)], batch.targets[said].to(device))
        total = loss + READING * read
        return float(loss.detach()), torch.autograd.grad(total, list(model.parameters()))

    def apply(self, gradients, samples: int, rate: float, replica: Model):
        """One step of the optimiser; leaves the new weights in `replica` too."""
        parameters = list(self.model.parameters())
        with self.lock, torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = gradient
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            for optimiser in self.optimisers:
                for group in optimiser.param_groups:
                    group["lr"] = rate
                optimiser.step()
                optimiser.zero_grad(set_to_none=True)
            self.step += 1
            self.samples += samples
            decay = min(self.preset.ema, (1 + self.step) / (10 + self.step))
            state = self.model.state_dict()
            names = [name for name, value in state.items() if value.is_floating_point()]
            torch._foreach_lerp_(
                [self.average[n] for n in names], [state[n] for n in names], 1 - decay
            )
            if replica is not self.model:
                torch._foreach_copy_(list(replica.parameters()), parameters)

    def averaged(self) -> Model:
        """A copy of the model with the moving average's weights."""
        model = self.replica()
        with self.lock:
            model.load_state_dict(self.average)
        return model.eval()

    def write_sheet(self):
        prompts = [p for p in PROMPTS for _ in range(2)]
        pictures = sample(
            self.averaged(),
            self.autoencoder,
            self.tokenizer,
            prompts,
            list(range(1, 3)) * len(PROMPTS),
            **self.drawn,
            device=self.preset.device,
        )
        folder = self.folder / "sheets"
        folder.mkdir(exist_ok=True)
        sheet(pictures, prompts, 6).save(folder / f"{self.samples:08}.png")


class Session:
    """One call of `train`: its clock, its workers and its log.

    The clock counts seconds in which the process ran; those in which it was stopped do not count.
    """

    def __init__(self, run: Run, dataset: Dataset, minutes: float, recipe: float | None = None):
        """`recipe`: the minutes of all calls together, if the learning rate falls once for all."""
        self.run, self.dataset, self.preset = run, dataset, run.preset
        self.length, self.recipe = minutes * 60, recipe
        if recipe:
            self.length = max(0.0, min(self.length, recipe * 60 - run.seconds))
        self.elapsed, self.ticked = 0.0, time.monotonic()
        self.stopping = False
        self.before, self.first = run.seconds, run.step
        self.losses: list[float] = []
        self.failure: BaseException | None = None

    def tick(self):
        """Moves the clock on; a gap of more than 5 s is one in which the process was stopped."""
        now = time.monotonic()
        if now - self.ticked < 5:
            self.elapsed += now - self.ticked
        self.ticked = now

    def stop(self, *_):
        self.stopping = True

    @property
    def over(self) -> bool:
        return self.stopping or self.elapsed >= self.length or self.failure is not None

    def rate(self) -> float:
        """The learning rate now."""
        done = self.run.seconds / self.recipe / 60 if self.recipe else self.elapsed / self.length
        left = max(0.0, 1 - done)
        warm = min(1, (self.run.step - self.first + 1) / self.preset.warmup)
        return self.preset.learning_rate * warm * min(1, left / max(self.preset.cooldown, 1e-9))

    def work(self, number: int, threads: int):
        """A worker's life; what goes wrong in it ends the session."""
        try:
            torch.set_num_threads(threads)
            run = self.run
            rng = np.random.default_rng([run.step, number])
            replica = run.model
            if self.preset.workers > 1:
                replica = run.replica()
                with run.lock:
                    replica.load_state_dict(run.model.state_dict())
            size, loaders = self.preset.batch, self.preset.loaders
            if loaders:
                pinned = self.preset.device != "cpu"
                batches = stream(self.dataset, size, run.step + number, loaders, pinned)
            else:
                batches = (self.dataset.batch(rng, size) for _ in itertools.count())
            while not self.over:
                batch = next(batches)
                loss, gradients = run.gradients(replica, batch)
                run.apply(gradients, len(batch.tokens), self.rate(), replica)
                run.seconds = self.before + self.elapsed
                self.losses.append(loss)
        except BaseException as error:
            self.failure = error

    def watch(self, log):
        """Logs, saves and draws sheets until the workers are done."""
        run, preset = self.run, self.preset
        threads = max(1, torch.get_num_threads() // preset.workers)
        torch.set_num_threads(threads)
        workers = [
            threading.Thread(target=self.work, args=(n, threads)) for n in range(preset.workers)
        ]
        for worker in workers:
            worker.start()
        last_save = last_sheet = last_log = self.elapsed
        logged = run.samples
        while any(worker.is_alive() for worker in workers):
            time.sleep(0.5)
            self.tick()
            now = self.elapsed
            if len(self.losses) >= 50:
                losses, self.losses = self.losses, []
                speed = (run.samples - logged) / (now - last_log)
                log(np.mean(losses), self.rate(), speed, len(self.dataset))
                logged, last_log = run.samples, now
                self.dataset.refresh()
            if now - last_save > preset.checkpoint_minutes * 60:
                run.save()
                last_save = now
            if now - last_sheet > preset.sheet_minutes * 60:
                run.write_sheet()
                last_sheet = now
        for worker in workers:
            worker.join()
        if self.failure is not None:
            raise self.failure


def train(
    folder: Path,
    fit: Path,
    data: Path,
    preset: Preset,
    minutes: float,
    start: Path | None = None,
    recipe: float | None = None,
) -> Run:
    """Trains for `minutes` from the newest checkpoint, else from the folder `start`, else from
    nothing. SIGTERM ends it early, with a checkpoint."""
    run = Run(folder, fit, preset)
    if not run.resume():
        if start:
            run.start_from(start)
        if not run.step:
            run.read(encoder=start is None)
    return go_on(run, data, minutes, recipe)


def go_on(run: Run, data: Path, minutes: float, recipe: float | None = None) -> Run:
    """Trains a run for `minutes`."""
    preset, folder = run.preset, run.folder
    torch.manual_seed(run.step)
    dataset = Dataset(data, preset, run.tokenizer)
    if not len(dataset):
        raise SystemExit(f"{data}: no shards; run the stage `render` first")
    print(f"step {run.step}, {len(dataset)} clips, {minutes:.1f} minutes")
    with open(folder / "loss.csv", "a", newline="") as file:
        writer = csv.writer(file)
        if file.tell() == 0:
            writer.writerow("step samples seconds loss learning_rate per_second clips".split())

        def log(loss, rate, speed, clips):
            row = [run.step, run.samples, round(run.seconds), f"{loss:.5f}", f"{rate:.3g}"]
            row += [f"{speed:.2f}", clips]
            writer.writerow(row)
            file.flush()
            print(*row, flush=True)

        session = Session(run, dataset, minutes, recipe)
        signal.signal(signal.SIGTERM, session.stop)
        session.watch(log)
    run.save()
    run.write_sheet()
    return run
