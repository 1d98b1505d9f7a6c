"""Melodies: a motif of rhythm and contour, repeated and varied over the chords of a phrase."""

from random import Random

from .harmony import SCALES, Chord

# Rhythms of one bar as (start, length) in sixteenths of four beats.
RHYTHMS = {
    "sparse": [
        "8.......8.......",
        "12..........4...",
        "6.....10........",
        "16..............",
        "4...12..........",
        "8.......4...4...",
    ],
    "medium": [
        "4...4...4...4...",
        "2.2.4...2.2.4...",
        "6.....2.8.......",
        "3..3..2.4...4...",
        "4...2.2.8.......",
        "2.2.2.2.4...4...",
        "_...4...4...4...",
    ],
    "busy": [
        "2.2.2.2.2.2.2.2.",
        "112.112.2.2.4...",
        "1111111111111111",
        "2.112.112.2.4...",
        "3..3..2.112.2.2.",
        "_.2.2.2.11114...",
        "112.2.2.112.2.2.",
    ],
}


def _parse(text: str) -> list[tuple[int, int]]:
    """Digits are lengths at their step; 10, 12 and 16 take two characters."""
    for long in ("16", "12", "10"):
        if (
            long in text
            and text.replace(long, "").replace(".", "").replace("4", "").replace("6", "") == ""
        ):
            at = text.index(long)
            out = [(at, int(long))]
            rest = text[:at] + "." * len(long) + text[at + len(long) :]
            return sorted(out + [(i, int(c)) for i, c in enumerate(rest) if c.isdigit()])
    return [(i, int(c)) for i, c in enumerate(text) if c.isdigit()]


def bar_rhythm(rng: Random, density: str, steps: int, triplet: bool) -> list[tuple[float, float]]:
    """One bar's rhythm in beats."""
    if triplet or steps == 12:
        beats, per = (4, 3) if triplet else (3, 4)
        unit = beats / 12
        out, at = [], 0
        lengths = {"sparse": [3, 6, 9, 12], "medium": [2, 1, 3, 3, 6], "busy": [1, 1, 2, 1, 3]}[
            density
        ]
        if not triplet:
            lengths = {"sparse": [8, 12, 4], "medium": [4, 4, 2, 8, 6], "busy": [2, 2, 4, 1]}[
                density
            ]
        while at < 12:
            length = min(rng.choice(lengths), 12 - at)
            if at == 0 or rng.random() > 0.1:
                out.append((at * unit, length * unit))
            at += length
        return out
    return [(at / 4, length / 4) for at, length in _parse(rng.choice(RHYTHMS[density]))]


def _nearest(key: float, classes: set[int], tonic: int) -> int:
    candidates = [k for k in range(int(key) - 8, int(key) + 9) if (k - tonic) % 12 in classes]
    return min(candidates, key=lambda k: abs(k - key))


def melody(
    rng: Random,
    chords: list[list[Chord]],
    tonic: int,
    mode: str,
    low: int,
    high: int,
    density: str,
    *,
    beats: float,
    steps: int,
    triplet: bool,
    dynamics: int,
):
    """Yields (start, length, key, velocity) in beats; `chords` are those of each bar."""
    scale = set(SCALES[mode])
    motif = bar_rhythm(rng, density, steps, triplet)
    answer = bar_rhythm(rng, density, steps, triplet)
    contour = [rng.choice((-4, -3, -2, -2, -1, -1, 1, 1, 2, 2, 3, 4)) for _ in range(20)]
    center = rng.uniform(low + (high - low) * 0.3, low + (high - low) * 0.7)
    key, legato = center, rng.uniform(0.75, 1.02)
    form = rng.choice(("aaba", "abab", "aabb", "abac", "aaab"))
    # How freely a phrase comes back; whether its answer turns it upside down, and comes to rest.
    freedom, turned, rests = rng.choice((0.04, 0.12, 0.25)), rng.random() < 0.5, rng.random() < 0.6
    for bar, bar_chords in enumerate(chords):
        letter = form[bar % 4]
        rhythm = (
            motif
            if letter == "a"
            else answer
            if letter == "b"
            else bar_rhythm(rng, density, steps, triplet)
        )
        if letter == "a":
            key = center
        for n, (start, length) in enumerate(rhythm):
            if density != "sparse" and rng.random() < 0.06:
                continue
            chord = bar_chords[min(len(bar_chords) - 1, int(start / beats * len(bar_chords)))]
            step = contour[(n + (7 if letter == "b" and not turned else 0)) % len(contour)]
            if letter == "b" and turned:
                step = -step
            if rng.random() < freedom:
                step = rng.choice((-3, -2, -1, 1, 2, 3))
            key = key + step + (center - key) * 0.15
            key = max(low, min(high, key))
            strong = start % 1 < 0.01 or length >= 1
            key = _nearest(key, {c % 12 for c in chord.classes()} if strong else scale, tonic)
            if rests and letter != "a" and bar % 4 == 3 and start >= beats / 2:
                # The answer comes to rest on the chord's root, and the phrase breathes.
                key = _nearest(key, {chord.root % 12}, tonic)
                rest = max(length, beats - start - 0.5)
                yield bar * beats + start, rest, key, dynamics + rng.gauss(0, 6)
                break
            velocity = dynamics + (8 if start == 0 else 0) + rng.gauss(0, 6)
            yield bar * beats + start, length * legato, key, velocity
