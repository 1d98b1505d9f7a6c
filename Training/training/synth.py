"""Renders a score with FluidSynth, or with TinySoundFont where there is no FluidSynth."""

import os
from pathlib import Path
from random import Random

import numpy as np
import scipy.signal

from .score import Score

SOUND_FONT = os.environ.get("RIFF_SOUND_FONT", "/usr/share/sounds/sf2/FluidR3_GM.sf2")


class Fluid:
    """FluidSynth: reverb and chorus of its own."""

    def __init__(self, sample_rate: int, sound_font: str):
        import fluidsynth

        self.synth = fluidsynth.Synth(gain=0.5, samplerate=float(sample_rate))
        self.synth.setting("synth.polyphony", 128)
        self.font = self.synth.sfload(sound_font)
        if self.font < 0:
            raise RuntimeError(
                f"{sound_font}: FluidSynth cannot load it (Debian: fluid-soundfont-gm)"
            )
        self.note_on, self.note_off = self.synth.noteon, self.synth.noteoff
        self.control = self.synth.cc

    def begin(self, rng: Random):
        self.synth.system_reset()
        self.synth.set_reverb(
            roomsize=rng.uniform(0.2, 0.75),
            damping=rng.uniform(0.1, 0.6),
            width=0.5,
            level=rng.uniform(0.2, 0.7),
        )

    def program(self, channel: int, bank: int, program: int):
        self.synth.program_select(channel, self.font, bank, program)

    def samples(self, count: int) -> np.ndarray:
        """Left and right, (count, 2), on the 16-bit scale."""
        return self.synth.get_samples(count).reshape(-1, 2)

    def end(self, mono: np.ndarray) -> np.ndarray:
        return mono


class Tiny:
    """TinySoundFont: a wheel without system libraries; a tail of noise serves as reverb."""

    def __init__(self, sample_rate: int, sound_font: str):
        import tinysoundfont

        self.sample_rate = sample_rate
        self.synth = tinysoundfont.Synth(gain=-6, samplerate=sample_rate)
        self.font = self.synth.sfload(sound_font)
        self.note_on, self.note_off = self.synth.noteon, self.synth.noteoff
        self.control = self.synth.control_change

    def begin(self, rng: Random):
        self.synth.sounds_off()
        self.room = rng.uniform(0.3, 1.6), rng.uniform(0.02, 0.12), rng.randrange(2**31)

    def program(self, channel: int, bank: int, program: int):
        drums = bank == 128
        self.synth.program_select(channel, self.font, bank, program, drums)

    def samples(self, count: int) -> np.ndarray:
        """Left and right, (count, 2), on the 16-bit scale."""
        return np.frombuffer(self.synth.generate(count), np.float32).reshape(-1, 2) * 32767

    def end(self, mono: np.ndarray) -> np.ndarray:
        """The samples, (n,), in a room that decays by 60 dB in its seconds."""
        seconds, level, seed = self.room
        at = np.arange(int(seconds * self.sample_rate)) / self.sample_rate
        tail = np.random.default_rng(seed).standard_normal(len(at)) * 10 ** (-3 * at / seconds)
        tail *= level / np.sqrt((tail**2).sum())
        wet = scipy.signal.fftconvolve(mono, tail.astype(np.float32))[: len(mono)]
        return mono + wet * 4


class Synth:
    """One synthesiser; clips leave nothing behind in it."""

    def __init__(self, sample_rate: int, sound_font: str = SOUND_FONT):
        self.sample_rate = sample_rate
        kind = Tiny if Path(sound_font).suffix == ".sf3" else Fluid
        self.engine = kind(sample_rate, sound_font)

    def events(self, score: Score, total: int, rng: Random) -> list[tuple]:
        """(sample, 1 or 0 for on or off, channel, key, velocity), in order; sets the parts up."""
        events, channels = [], [c for c in range(16) if c != 9]
        beat = 60 / score.bpm * self.sample_rate
        for part in score.parts:
            channel = 9 if part.drums else channels.pop(0)
            self.engine.program(channel, 128 if part.drums else 0, part.program)
            for controller, value in ((7, min(127, part.volume)), (91, part.reverb)):
                self.engine.control(channel, controller, value)
            self.engine.control(channel, 93, part.chorus)
            for note in part.notes:
                late = rng.gauss(0, part.human) * self.sample_rate
                start = max(0, round(note.start * beat + late))
                end = start + max(1, round(note.length * beat))
                if start < total:
                    events.append((start, 1, channel, note.key, note.velocity))
                    events.append((end, 0, channel, note.key, 0))
        return sorted(events)

    def render(self, score: Score, seconds: float, rng: Random) -> np.ndarray:
        """Mono samples on the 16-bit scale, (round(seconds * sample_rate),) float32."""
        engine, total = self.engine, round(seconds * self.sample_rate)
        engine.begin(rng)
        chunks, now, size = [], 0, 64
        for at, on, channel, key, velocity in self.events(score, total, rng):
            if at >= total:
                break
            if at - now >= size:
                chunks.append(engine.samples(at - now))
                now = at
            if on:
                engine.note_on(channel, key, velocity)
            else:
                engine.note_off(channel, key)
        chunks.append(engine.samples(total - now))
        return engine.end(np.concatenate(chunks).astype(np.float32).mean(1))
