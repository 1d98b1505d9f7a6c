"""A composed clip before it sounds: parts, and their notes in beats."""

from dataclasses import dataclass, field


@dataclass
class Note:
    start: float  # beats
    length: float  # beats
    key: int  # MIDI key
    velocity: int


@dataclass
class Part:
    """One player: a General MIDI program (or a kit, where `drums`) and what it plays."""

    program: int
    notes: list[Note] = field(default_factory=list)
    drums: bool = False
    volume: int = 100
    reverb: int = 40
    chorus: int = 0
    human: float = 0.006  # seconds of timing spread

    def add(self, start, length, key, velocity):
        if 0 < key < 128:
            self.notes.append(Note(start, length, int(key), max(1, min(127, int(velocity)))))


@dataclass
class Score:
    bpm: float
    bar: float  # beats a bar
    parts: list[Part]
