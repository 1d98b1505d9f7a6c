"""Renders a score with FluidSynth, or with TinySoundFont where there is no FluidSynth."""

import os
from pathlib import Path
from random import Random

import numpy as np

from .room import Room
from .score import Score

# Played in this proportion where FluidSynth is; `RIFF_SOUND_FONT` names one font instead of them.
BANKS = {
    "/usr/share/sounds/sf2/FluidR3_GM.sf2": 0.6,
    "/usr/share/sounds/sf3/MuseScore_General_Full.sf3": 0.4,
}
OTHER_BANK = 0.15  # the share of parts whose bank is not the clip's


def installed() -> dict[str, float]:
    """The sound fonts to play, with their shares."""
    named = os.environ.get("RIFF_SOUND_FONT")
    return {named: 1.0} if named else BANKS


class Fluid:
    """FluidSynth: reverb and chorus of its own, several banks."""

    reverberates = True

    def __init__(self, sample_rate: int, fonts: dict[str, float]):
        import fluidsynth

        self.synth = fluidsynth.Synth(gain=0.5, samplerate=float(sample_rate))
        self.synth.setting("synth.polyphony", 128)
        self.shares, self.fonts = list(fonts.values()), []
        for font in fonts:
            number = self.synth.sfload(font) if Path(font).exists() else -1
            if number < 0:
                packages = "fluid-soundfont-gm, musescore-general-soundfont"
                raise RuntimeError(f"{font}: FluidSynth cannot load it (Debian: {packages})")
            self.fonts.append(number)
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
        self.font = rng.choices(self.fonts, self.shares)[0]

    def program(self, channel: int, bank: int, program: int, rng: Random):
        other = rng.random() < OTHER_BANK
        font = rng.choices(self.fonts, self.shares)[0] if other else self.font
        self.synth.program_select(channel, font, bank, program)

    def samples(self, count: int) -> np.ndarray:
        """Left and right, (count, 2), on the 16-bit scale."""
        return self.synth.get_samples(count).reshape(-1, 2)


class Tiny:
    """TinySoundFont: a wheel without system libraries, and without reverb."""

    reverberates = False

    def __init__(self, sample_rate: int, fonts: dict[str, float]):
        import tinysoundfont

        self.synth = tinysoundfont.Synth(gain=-6, samplerate=sample_rate)
        self.font = self.synth.sfload(next(iter(fonts)))
        self.note_on, self.note_off = self.synth.noteon, self.synth.noteoff
        self.control = self.synth.control_change

    def begin(self, rng: Random):
        self.synth.sounds_off()

    def program(self, channel: int, bank: int, program: int, rng: Random):
        drums = bank == 128
        self.synth.program_select(channel, self.font, bank, program, drums)

    def samples(self, count: int) -> np.ndarray:
        """Left and right, (count, 2), on the 16-bit scale."""
        return np.frombuffer(self.synth.generate(count), np.float32).reshape(-1, 2) * 32767


class Synth:
    """One synthesiser; clips leave nothing behind in it."""

    def __init__(self, sample_rate: int, fonts: dict[str, float] | None = None):
        self.sample_rate = sample_rate
        fonts = fonts or installed()
        tiny = len(fonts) == 1 and Path(next(iter(fonts))).name == "font.sf3"
        self.engine = (Tiny if tiny else Fluid)(sample_rate, fonts)

    def events(self, score: Score, total: int, rng: Random) -> list[tuple]:
        """(sample, 1 or 0 for on or off, channel, key, velocity), in order; sets the parts up."""
        events, channels = [], [c for c in range(16) if c != 9]
        beat = 60 / score.bpm * self.sample_rate
        for part in score.parts:
            channel = 9 if part.drums else channels.pop(0)
            self.engine.program(channel, 128 if part.drums else 0, part.program, rng)
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
        mono = np.concatenate(chunks).astype(np.float32).mean(1)
        return Room(rng, self.sample_rate, engine.reverberates)(mono)
