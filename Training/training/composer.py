"""Composes one clip from a seed: what plays, and what it plays.

`compose(seed)` returns a `Score` and a `Brief`, which the captions are written from.
"""

from dataclasses import dataclass, replace
from random import Random

from .drums import KEYS, PERCUSSION
from .genres import GENRES, Genre
from .harmony import BRIGHT, SCALES, Chord, progression
from .instruments import INSTRUMENTS, Instrument
from .melody import melody
from .score import Part, Score

KINDS = {"solo": 30, "band": 42, "backing": 8, "drums": 11, "bass": 5, "percussion": 6}
# Fills of the last steps of a bar: snare, high, middle and low tom.
FILLS = ("sshhmmll", "s.sshhml", "ssss", "hhmmllss", "s.h.m.l.", "smsl", "ssshhmml")
# MIDI velocities of a lead.
DYNAMICS = {"quiet": (52, 66), None: (84, 104), "loud": (112, 124)}
ENDING = 0.06  # the share of clips that end
DREAMY_LEADS = {"synth pad", "choir", "harp", "pan flute", "flute", "music box", "strings", "cello"}
BASS_WORDS = {
    32: "upright bass",
    33: "electric bass",
    34: "picked bass",
    36: "slap bass",
    37: "slap bass",
    38: "synth bass",
    39: "synth bass",
    87: "synth bass",
    58: "tuba",
    43: "double bass",
    42: "cello",
    17: "organ bass",
}


@dataclass(frozen=True)
class Brief:
    """What a clip is, in the terms its captions use."""

    kind: str
    bpm: int
    genre: str | None = None
    lead: str | None = None
    percussion: str | None = None
    bass: str | None = None
    bright: bool | None = None
    density: str | None = None
    register: str | None = None
    alone: bool = False  # the lead plays one unaccompanied voice
    dreamy: bool = False  # slow and far away
    dynamics: str | None = None  # "quiet" or "loud"
    tonic: int | None = None  # pitch class of the key, C is 0; none of drums alone
    minor: bool | None = None  # whether the key's third is a minor one
    ending: bool = False  # the piece ends within the clip


class Composer:
    """Writes the parts of one clip. All randomness comes from `rng`."""

    def __init__(self, rng: Random, bars: int):
        self.rng = rng
        self.bars = bars

    # Frame: tempo, key and chords that all parts share.

    def set_frame(self, genre: Genre, bpm: float | None = None):
        rng = self.rng
        self.genre = genre
        self.bpm = bpm or round(rng.uniform(*genre.bpm))
        self.beats = 4.0 if genre.triplet else float(genre.beats)
        self.steps = genre.steps
        self.unit = self.beats / self.steps
        self.mode, text = rng.choice(genre.progressions)
        self.tonic = rng.randrange(12)
        chords = progression(text)
        per = genre.chords_per_bar
        if rng.random() < 0.25 and len(chords) > 2:
            per = 2
        self.chords = [
            [chords[(bar * per + n) % len(chords)] for n in range(per)] for bar in range(self.bars)
        ]

    def chord_at(self, bar: int, step: int) -> Chord:
        chords = self.chords[bar]
        return chords[min(len(chords) - 1, step * len(chords) // self.steps)]

    def at(self, bar: int, step: int) -> float:
        """Beat of a step, with the genre's swing on every second one."""
        swing = self.genre.swing
        late = 0.0
        if swing and self.steps == 16:
            if swing >= 0.25:  # swung eighths
                late = swing * 0.5 if step % 4 == 2 else 0.0
            elif step % 2 == 1:  # swung sixteenths
                late = swing * 0.5
        return bar * self.beats + step * self.unit + late

    # Parts.

    def drums(self, grooves, kit: int, volume: int = 100) -> Part | None:
        rng = self.rng
        groove = rng.choice(grooves)
        if not groove:
            return None
        part = Part(kit, drums=True, volume=volume, reverb=rng.randrange(10, 60), human=0.003)
        fill = rng.random() < 0.25
        for bar in range(self.bars):
            for name, grid in groove.items():
                for step in range(self.steps):
                    hit = grid[step % len(grid)]
                    if hit == "." or (hit == "o" and rng.random() < 0.3):
                        continue
                    velocity = {"X": 112, "x": 92, "o": 52}[hit] + rng.gauss(0, 6)
                    part.add(self.at(bar, step), 0.2, KEYS[name], velocity)
            if fill and bar % 4 == 3 and self.steps == 16:
                self.fill(part, bar, rng.choice(FILLS))
            if bar % 4 == 0 and "kick" in groove:
                if (fill and bar) or rng.random() < 0.2:  # where a fill leads to
                    part.add(self.at(bar, 0), 1, KEYS["crash"], 95)
        return part

    def fill(self, part: Part, bar: int, grid: str):
        """Down the toms and louder towards the next bar; takes the last two beats for itself."""
        drums = {"s": "snare", "h": "high tom", "m": "mid tom", "l": "low tom"}
        first = 16 - len(grid)
        begin = self.at(bar, first) - 0.01
        part.notes = [note for note in part.notes if note.start < begin]
        for n, hit in enumerate(grid):
            if hit in drums:
                part.add(self.at(bar, first + n), 0.2, KEYS[drums[hit]], 84 + 32 * n / len(grid))

    def bass(self, program: int, volume: int = 100) -> Part:
        rng = self.rng
        part = Part(program, volume=volume, reverb=rng.randrange(0, 30))
        pattern = rng.choice(self.genre.bass)
        floor = 28 + rng.randrange(0, 5)
        key = floor + 12
        for bar in range(self.bars):
            for step, token in enumerate(pattern[: self.steps]):
                if token in ".-":
                    continue
                chord = self.chord_at(bar, step)
                root = floor + (self.tonic + chord.root - floor) % 12
                length = 1
                while step + length < len(pattern) and pattern[step + length] == "-":
                    length += 1
                if token == "w":
                    key = self.walk(key, root, chord, bar, step + length, floor)
                else:
                    offset = {
                        "R": 0,
                        "8": 12,
                        "5": chord.fifth,
                        "3": chord.third,
                        "7": chord.seventh,
                    }[token]
                    down = 12 if offset > 4 and root + offset > 46 and token != "8" else 0
                    key = root + offset - down
                part.add(self.at(bar, step), (length - 0.15) * self.unit, key, 96 + rng.gauss(0, 7))
        return part

    def walk(self, key: int, root: int, chord: Chord, bar: int, after: int, floor: int) -> int:
        """The next note of a walking line: a chord tone near the last note, or, before the chord
        changes, a step away from where it goes."""
        rng = self.rng
        bar, step = (bar, after) if after < self.steps else (bar + 1, 0)
        coming = self.chord_at(bar, step) if bar < self.bars else chord
        target = floor + (self.tonic + coming.root - floor) % 12
        if coming is not chord and rng.random() < 0.7:
            return target + rng.choice((-1, 1, 2, -2, 7))
        tones = [root + tone % 12 for tone in (*chord.tones, 9 if chord.third == 4 else 10)]
        tones = [tone + octave for tone in tones for octave in (-12, 0)]
        tones = [tone for tone in tones if tone != key and floor - 2 <= tone <= floor + 17]
        near = sorted(tones, key=lambda tone: abs(tone - key))[:3]
        return rng.choice(near or [root])

    def voicing(self, chord: Chord, center: int, before: list[int] | None = None) -> list[int]:
        """The chord's keys around `center`; after another voicing, those that move least."""
        keys = []
        for tone in chord.tones:
            key = (self.tonic + chord.root + tone) % 12
            key += 12 * round((center - key) / 12)
            keys.append(key)
        keys = sorted(set(keys))
        if not before:
            return keys
        turned = [keys]
        for _ in range(2):
            turned.append(sorted([*turned[-1][1:], turned[-1][0] + 12]))
        turned.append(sorted([keys[-1] - 12, *keys[:-1]]))

        def motion(voicing: list[int]) -> float:
            moved = sum(min(abs(key - old) for old in before) for key in voicing)
            return moved + abs(sum(voicing) / len(voicing) - center) / 2

        return min(turned, key=motion)

    def comp(self, programs, patterns, volume: int = 80, center: int | None = None) -> Part:
        rng = self.rng
        program = rng.choice(programs)
        part = Part(
            program, volume=volume, reverb=rng.randrange(20, 80), chorus=rng.choice((0, 0, 30))
        )
        pattern = rng.choice(patterns)
        middle = center or rng.randrange(56, 66)
        if program in (29, 30):
            middle -= 8
        lead = rng.random() < 0.7  # the voices move as little as they can
        voiced: list[int] | None = None
        for bar in range(self.bars):
            for step, token in enumerate(pattern[: self.steps]):
                if token in ".-":
                    continue
                keys = self.voicing(self.chord_at(bar, step), middle, voiced if lead else None)
                voiced = keys
                length = 1
                while step + length < len(pattern) and pattern[step + length] == "-":
                    length += 1
                velocity = (100 if token == "X" else 82) + rng.gauss(0, 6)
                if token.isdigit():
                    n = int(token) - 1
                    keys = [keys[n % len(keys)] + 12 * (n // len(keys))]
                for n, key in enumerate(keys):
                    strum = 0.01 * n if 24 <= program <= 30 else 0.0
                    part.add(self.at(bar, step) + strum, (length - 0.2) * self.unit, key, velocity)
        return part

    def line(
        self,
        lead: Instrument,
        program: int,
        density: str,
        volume: int,
        register: str | None,
        mode=None,
        dynamics: str | None = None,
    ) -> Part:
        rng = self.rng
        low, high = lead.low, lead.high
        third = (high - low) / 3
        if register == "low":
            high = int(high - third)
        elif register == "high":
            low = int(low + third)
        part = Part(
            program,
            volume=volume,
            reverb=rng.randrange(25, 100),
            chorus=rng.choice((0, 0, 40)),
            human=0.01,
        )
        notes = melody(
            rng,
            self.chords,
            self.tonic,
            mode or self.mode,
            low,
            high,
            density,
            beats=self.beats,
            steps=self.steps,
            triplet=self.genre.triplet,
            dynamics=rng.randrange(*DYNAMICS[dynamics]),
        )
        for start, length, key, velocity in notes:
            bar, inside = divmod(start, self.beats)
            step = inside / self.unit
            swung = self.at(int(bar), int(step)) + (step % 1) * self.unit
            part.add(swung, length, key, velocity)
        return part

    def chords_part(self, lead: Instrument, program: int, volume: int) -> Part:
        """Slow full chords with a moving top voice: choirs, string sections, pads."""
        rng = self.rng
        part = Part(
            program, volume=volume, reverb=rng.randrange(50, 120), chorus=rng.choice((0, 40))
        )
        halves = rng.choice((1, 1, 2))
        voiced: list[int] | None = None
        for bar in range(self.bars):
            for half in range(halves):
                chord = self.chord_at(bar, half * self.steps // halves)
                voiced = self.voicing(chord, (lead.low + lead.high) // 2, voiced)
                keys = [*voiced, voiced[0] + 12]
                if rng.random() < 0.5:
                    keys.insert(0, keys[0] - 12)
                for key in keys:
                    part.add(
                        bar * self.beats + half * self.beats / halves,
                        self.beats / halves * 0.97,
                        key,
                        88 + rng.gauss(0, 4),
                    )
        return part

    def bells(self, lead: Instrument, program: int, volume: int) -> Part:
        """Peals: rows of a scale that change by swapping neighbours, or a slow toll."""
        rng = self.rng
        part = Part(program, volume=volume, reverb=rng.randrange(70, 127))
        scale = [0, 2, 4, 5, 7, 9, 11, 12]
        base = rng.randrange(lead.low, lead.low + 10)
        style = rng.choice(("peal", "peal", "toll", "chime"))
        if style == "toll":
            keys = rng.sample([0, 0, -5, 4, 7], 2)
            for n in range(int(self.bars * self.beats // 2)):
                part.add(n * 2, 4, base + keys[n % 2], 108 + rng.gauss(0, 5))
            return part
        row = list(range(rng.randrange(4, 8)))[::-1]
        start, gap = 0.0, (0.5 if style == "peal" else 1.0)
        while start < self.bars * self.beats:
            for n in row:
                part.add(start, 3.0, base + scale[n], 104 + rng.gauss(0, 6))
                start += gap
            swap = rng.randrange(len(row) - 1)
            row[swap], row[swap + 1] = row[swap + 1], row[swap]
            start += gap * rng.choice((0, 1))
        return part

    def left_hand(self, lead: Instrument, program: int, volume: int) -> Part:
        patterns = (
            "1-2-3-2-1-2-3-2-",
            "1-3-2-3-1-3-2-3-",
            "1...x...3...x...",
            "x-------x-------",
            "1234321212343212",
            "x---x---x---x---",
        )
        if self.steps == 12:
            patterns = ("1-..x-..x-..", "1-2-3-2-3-2-", "x-----------")
        part = self.comp((program,), patterns, volume=volume, center=max(40, lead.low - 14))
        return part


def make_room(comp: Part, lead: Part, rng: Random):
    """Thins the comping where the lead plays: chords that would begin with its notes stay out,
    some of them, and those in its rests come louder."""
    busy = {round(note.start * 4) for note in lead.notes}
    kept, said = [], {}
    for note in comp.notes:
        at = round(note.start * 4)
        if at not in said:
            said[at] = at in busy and at % 4 != 0 and rng.random() < 0.6
        if not said[at]:
            louder = 8 if at not in busy else 0
            kept.append(replace(note, velocity=min(127, note.velocity + louder)))
    comp.notes = kept


def end(score: Score, beat: float, tonic: int | None):
    """Ends the piece on a beat: nothing begins after it, and what plays there comes to rest."""
    for part in score.parts:
        last = [note for note in part.notes if note.start < beat - 0.01]
        part.notes = [replace(n, length=min(n.length, beat - n.start)) for n in last]
        if not last:
            continue
        if part.drums:
            for name in ("kick", "crash"):
                part.add(beat, 1, KEYS[name], 108)
            continue
        together = max(sum(abs(n.start - m.start) < 0.05 for m in last) for n in last[-8:])
        middle = sorted(n.key for n in last)[len(last) // 2]
        for tone in (0, 4, 7)[: 3 if together > 1 else 1]:
            key = (tonic or 0) + tone
            key += 12 * round((middle - key) / 12)
            part.add(beat, score.bar, key, last[-1].velocity)


def _pick(rng: Random, table, weight):
    values = list(table.values())
    return rng.choices(values, [weight(v) for v in values])[0]


def _grace(instrument: Instrument, genre: Genre | None, rng: Random, mode: str) -> str:
    if instrument.modes and rng.random() < 0.8:
        return rng.choice(instrument.modes)
    if genre is None and mode in ("major", "minor") and rng.random() < 0.15:
        return rng.choice(
            ("pentatonic",) if mode == "major" else ("dorian", "minor pentatonic", "harmonic minor")
        )
    return mode


def compose(seed: int, seconds: float = 17.0) -> tuple[Score, Brief]:
    """The clip of a seed, at least `seconds` long; a few end before."""
    rng = Random(seed)
    score, brief = _compose(rng, seconds)
    if rng.random() < ENDING:
        beats = seconds * score.bpm / 60
        bars = range(2, int(beats / score.bar))
        if bars:
            end(score, rng.choice(bars) * score.bar, brief.tonic)
            brief = replace(brief, ending=True)
    return score, brief


def _compose(rng: Random, seconds: float) -> tuple[Score, Brief]:
    kind = rng.choices(list(KINDS), list(KINDS.values()))[0]
    genre = _pick(rng, GENRES, lambda g: g.weight)
    if kind == "drums" or kind == "backing":
        while not any(genre.grooves):
            genre = _pick(rng, GENRES, lambda g: g.weight)
    if kind == "drums":
        genre = replace(genre, grooves=tuple(g for g in genre.grooves if g))
    lead = _pick(rng, INSTRUMENTS, lambda i: i.weight**0.5)
    if kind == "band" and rng.random() < 0.85:
        lead = INSTRUMENTS[rng.choice(genre.leads)]

    styled = kind != "solo"
    if kind == "solo":
        if rng.random() < 0.25:  # a solo in a genre's manner
            genre = rng.choice([g for g in GENRES.values() if lead.name in g.leads] or [genre])
            styled = any(lead.name == name for name in genre.leads)
    frame = genre
    if not styled or kind == "percussion":
        progressions = [
            ("major", "0M 5M 7M 0M"),
            ("major", "0M 9m 5M 7M"),
            ("minor", "0m 8M 3M 10M"),
            ("minor", "0m 5m 7m 0m"),
            ("dorian", "0m 5M 0m 10M"),
            ("major", "0M 7M 9m 5M"),
            ("minor", "0m 10M 8M 7M"),
        ]
        frame = replace(GENRES["folk"], progressions=tuple(progressions), bpm=(60, 150), swing=0.0)
    bpm = round(rng.uniform(*frame.bpm))
    if rng.random() < 0.6:  # people ask for round figures
        bpm = 5 * round(bpm / 5)
    bar_seconds = (4 if frame.triplet else frame.beats) * 60 / bpm
    composer = Composer(rng, int(seconds / bar_seconds) + 1)
    composer.set_frame(frame, bpm)
    brief = Brief(kind, bpm, genre=genre.name if styled and kind != "percussion" else None)
    parts: list[Part | None] = []
    comps: list[Part] = []
    lead_line: Part | None = None

    if kind == "drums":
        parts.append(composer.drums(genre.grooves, rng.choice(genre.kits)))
        return Score(bpm, composer.beats, [p for p in parts if p]), brief
    if kind == "percussion":
        names = rng.sample(list(PERCUSSION), rng.choice((1, 1, 1, 2)))
        composer.bpm = bpm
        parts += [composer.drums(PERCUSSION[name], 0) for name in names]
        return Score(bpm, composer.beats, [p for p in parts if p]), replace(
            brief, percussion=" and ".join(names)
        )

    bright = composer.mode in BRIGHT
    brief = replace(brief, tonic=composer.tonic, minor=3 in SCALES[composer.mode])
    program = rng.choice(genre.bass_programs)
    if kind == "bass":
        parts.append(composer.bass(program, 115))
        if rng.random() < 0.35:
            parts.append(composer.drums(genre.grooves, rng.choice(genre.kits), 70))
        return Score(bpm, composer.beats, [p for p in parts if p]), replace(
            brief, bass=BASS_WORDS.get(program, "bass")
        )

    if kind in ("band", "backing"):
        loud = 58 if kind == "band" else 90  # a band leaves room for its lead
        parts.append(composer.drums(genre.grooves, rng.choice(genre.kits), loud + 14))
        if rng.random() < 0.92:
            parts.append(composer.bass(program, loud + 16))
        for programs, patterns in rng.sample(
            genre.comps, rng.choice((1, 1, 2)) if len(genre.comps) > 1 else 1
        ):
            comps.append(composer.comp(programs, patterns, loud - 6 + rng.randrange(-8, 8)))
            parts.append(comps[-1])
        brief = replace(brief, bass=BASS_WORDS.get(program, "bass"))
    if kind in ("solo", "band"):
        density = rng.choice(lead.density)
        register = rng.choice((None, None, None, "low", "high"))
        voice = rng.choice(lead.programs)
        volume = 112 if kind == "solo" else 120
        dynamics = rng.choice((None, None, None, None, "quiet", "loud"))
        mode = _grace(lead, genre if styled else None, rng, composer.mode)
        alone = False
        if lead.manner == "bells":
            parts.append(composer.bells(lead, voice, volume))
            dynamics = None
        elif (
            lead.manner == "chords"
            and (kind == "solo" or rng.random() < 0.5)
            and rng.random() < 0.75
        ):
            parts.append(composer.chords_part(lead, voice, volume - 12))
            if rng.random() < 0.4:
                parts.append(composer.line(lead, voice, density, volume - 14, register, mode))
            dynamics = None
        else:
            lead_line = composer.line(lead, voice, density, volume, register, mode, dynamics)
            parts.append(lead_line)
            alone = kind == "solo"
            if kind == "solo" and lead.manner in ("keys", "strum") and rng.random() < 0.75:
                parts.append(composer.left_hand(lead, voice, volume - 18))
                alone = False
            elif lead.manner == "drone":
                drone = Part(voice, volume=80, reverb=40)
                low = lead.low + (composer.tonic - lead.low) % 12
                for bar in range(composer.bars):
                    drone.add(bar * composer.beats, composer.beats, low, 80)
                    drone.add(bar * composer.beats, composer.beats, low + 7, 74)
                parts.append(drone)
                alone = False
        if lead.manner in ("chords", "line", "keys") and bpm < 100 and density == "sparse":
            dreamy = lead.name in DREAMY_LEADS or brief.genre in ("ambient", "lo-fi")
            brief = replace(brief, dreamy=dreamy)
        brief = replace(brief, lead=lead.name, density=density, register=register, alone=alone)
        brief = replace(brief, dynamics=dynamics)
        bright = mode in BRIGHT
        if kind == "band" and lead_line is not None and rng.random() < 0.5:
            for part in comps:
                make_room(part, lead_line, rng)
    return Score(bpm, composer.beats, [p for p in parts if p]), replace(brief, bright=bright)
