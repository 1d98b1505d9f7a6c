"""Renders a score with FluidSynth."""

from random import Random

import fluidsynth
import numpy as np

from .score import Score

SOUND_FONT = "/usr/share/sounds/sf2/FluidR3_GM.sf2"


class Synth:
    """One FluidSynth instance; clips leave nothing behind in it."""

    def __init__(self, sample_rate: int, sound_font: str = SOUND_FONT):
        self.sample_rate = sample_rate
        self.fluid = fluidsynth.Synth(gain=0.5, samplerate=float(sample_rate))
        self.fluid.setting("synth.polyphony", 128)
        self.font = self.fluid.sfload(sound_font)
        if self.font < 0:
            raise RuntimeError(
                f"{sound_font}: FluidSynth cannot load it (Debian: fluid-soundfont-gm)"
            )

    def render(self, score: Score, seconds: float, rng: Random) -> np.ndarray:
        """Mono samples on the 16-bit scale, (round(seconds * sample_rate),) float32."""
        fluid = self.fluid
        fluid.system_reset()
        fluid.set_reverb(
            roomsize=rng.uniform(0.2, 0.75),
            damping=rng.uniform(0.1, 0.6),
            width=0.5,
            level=rng.uniform(0.2, 0.7),
        )
        events = []
        total = round(seconds * self.sample_rate)
        channels = [c for c in range(16) if c != 9]
        beat = 60 / score.bpm * self.sample_rate
        for part in score.parts:
            channel = 9 if part.drums else channels.pop(0)
            fluid.program_select(channel, self.font, 128 if part.drums else 0, part.program)
            fluid.cc(channel, 7, min(127, part.volume))
            fluid.cc(channel, 91, part.reverb)
            fluid.cc(channel, 93, part.chorus)
            for note in part.notes:
                start = max(
                    0, round(note.start * beat + rng.gauss(0, part.human) * self.sample_rate)
                )
                end = start + max(1, round(note.length * beat))
                if start < total:
                    events.append((start, 1, channel, note.key, note.velocity))
                    events.append((end, 0, channel, note.key, 0))
        events.sort()
        chunks, now, size = [], 0, 64
        for at, on, channel, key, velocity in events:
            if at >= total:
                break
            if at - now >= size:
                chunks.append(fluid.get_samples(at - now))
                now = at
            if on:
                fluid.noteon(channel, key, velocity)
            else:
                fluid.noteoff(channel, key)
        chunks.append(fluid.get_samples(total - now))
        stereo = np.concatenate(chunks).reshape(-1, 2).astype(np.float32)
        return stereo.mean(1)
