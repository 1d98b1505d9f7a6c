"""Scales, chords and chord progressions.

A progression is written as words of a root (semitones above the tonic) and a chord quality:
`"0M7 9m7 2m7 7d7"` is I-vi-ii-V in jazz.
"""

import re
from dataclasses import dataclass

SCALES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "blues": (0, 3, 5, 6, 7, 10),
    "pentatonic": (0, 2, 4, 7, 9),
    "minor pentatonic": (0, 3, 5, 7, 10),
    "harmonic minor": (0, 2, 3, 5, 7, 8, 11),
    "hirajoshi": (0, 2, 3, 7, 8),
    "phrygian dominant": (0, 1, 4, 5, 7, 8, 10),
}

BRIGHT = {"major", "mixolydian", "pentatonic"}

QUALITIES = {
    "M": (0, 4, 7),
    "m": (0, 3, 7),
    "p": (0, 7, 12),
    "sus": (0, 5, 7),
    "dim": (0, 3, 6),
    "6": (0, 4, 7, 9),
    "M7": (0, 4, 7, 11),
    "m7": (0, 3, 7, 10),
    "d7": (0, 4, 7, 10),
    "d9": (0, 4, 10, 14),
    "m9": (0, 3, 10, 14),
    "M9": (0, 4, 11, 14),
}

_WORD = re.compile(r"^(\d+):?(6|[A-Za-z]\w*)$")


@dataclass(frozen=True)
class Chord:
    """A root in semitones above the tonic, and the chord tones above that root."""

    root: int
    tones: tuple[int, ...]

    @property
    def third(self) -> int:
        return self.tones[1] if self.tones[1] in (3, 4) else 0

    @property
    def fifth(self) -> int:
        return 6 if 6 in self.tones else 7

    @property
    def seventh(self) -> int:
        return 11 if 11 in self.tones else 10

    def classes(self) -> set[int]:
        """Pitch classes relative to the tonic."""
        return {(self.root + tone) % 12 for tone in self.tones}


def progression(text: str) -> list[Chord]:
    chords = []
    for word in text.split():
        match = _WORD.match(word)
        if match is None:
            raise ValueError(f"progression {text!r}: {word!r} is not a root and a quality")
        chords.append(Chord(int(match[1]), QUALITIES[match[2]]))
    return chords
