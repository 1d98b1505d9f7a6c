"""Writes captions for a brief, in many phrasings."""

from random import Random

from .composer import Brief
from .genres import GENRES
from .instruments import INSTRUMENTS

BRIGHT_WORDS = ("happy", "cheerful", "bright", "major", "joyful", "uplifting", "sunny", "sweet")
DARK_WORDS = ("sad", "dark", "minor", "melancholic", "moody", "mysterious", "gloomy", "emotional")
SLOW_WORDS = ("slow", "calm", "relaxed", "gentle", "peaceful", "downtempo")
FAST_WORDS = ("fast", "energetic", "upbeat", "driving", "quick", "lively")
DREAMY_WORDS = ("dreamy", "ethereal", "floating", "atmospheric", "hazy", "spacious")
LOUD_WORDS = ("loud", "powerful", "bold", "forceful")
QUIET_WORDS = ("quiet", "soft", "delicate", "mellow")
ENDING_WORDS = ("ending", "final chord", "outro", "finale")
BUSY_WORDS = ("virtuosic", "intense", "busy", "flowing", "rapid")
SPARSE_WORDS = ("sparse", "minimal", "long notes", "slow-moving")
FILLERS = ("music", "song", "track", "tune", "piece", "loop", "clip", "recording", "instrumental")
SOLO_WORDS = ("solo", "solo", "playing alone", "melody", "alone", "line", "unaccompanied")
ADJECTIVES = {
    "funk": "funky",
    "jazz": "jazzy",
    "blues": "bluesy",
    "rock": "rocking",
    "folk": "folky",
    "classical": "classical",
    "ambient": "ambient",
    "baroque": "baroque",
    "salsa": "latin",
    "lo-fi": "lo-fi",
    "bossa nova": "brazilian",
}


def captions(brief: Brief, rng: Random, count: int = 6) -> list[str]:
    """`count` captions, the first a short one."""
    writer = _Writer(brief, rng)
    return [writer.short()] + [writer.long() for _ in range(count - 1)]


def with_tempo(text: str, bpm: int) -> str:
    """The caption, naming the tempo at its end if it does not yet."""
    return text if "bpm" in text else f"{text}, {bpm} bpm"


class _Writer:
    def __init__(self, brief: Brief, rng: Random):
        self.brief = brief
        self.rng = rng

    def one(self, *options):
        return self.rng.choice(options)

    def lead(self) -> str:
        instrument = INSTRUMENTS[self.brief.lead]
        if not instrument.words or self.rng.random() < 0.6:
            return instrument.name
        return self.rng.choice(instrument.words)

    def genre(self) -> str:
        genre = GENRES[self.brief.genre]
        if genre.scenes and self.rng.random() < 0.12:
            return self.rng.choice(genre.scenes)
        return genre.name if self.rng.random() < 0.6 else self.rng.choice(genre.words)

    def moods(self) -> list[str]:
        brief, rng, words = self.brief, self.rng, []
        if brief.bright is not None and rng.random() < 0.35:
            words.append(rng.choice(BRIGHT_WORDS if brief.bright else DARK_WORDS))
        if rng.random() < 0.6:
            if brief.bpm <= 84:
                words.append(rng.choice(SLOW_WORDS))
            elif brief.bpm >= 138:
                words.append(rng.choice(FAST_WORDS))
        if brief.density in ("busy", "sparse") and rng.random() < 0.25:
            words.append(rng.choice(BUSY_WORDS if brief.density == "busy" else SPARSE_WORDS))
        if brief.dreamy and rng.random() < 0.4:
            words.append(rng.choice(DREAMY_WORDS))
        if brief.dynamics and rng.random() < 0.3:
            words.append(rng.choice(LOUD_WORDS if brief.dynamics == "loud" else QUIET_WORDS))
        if brief.ending and rng.random() < 0.7:
            words.append(rng.choice(ENDING_WORDS))
        if brief.register and rng.random() < 0.3:
            words.append(f"{brief.register} register" if rng.random() < 0.5 else brief.register)
        rng.shuffle(words)
        return words[:2]

    def core(self) -> str:
        brief, one = self.brief, self.one
        if brief.kind == "percussion":
            name = brief.percussion
            return one(
                name,
                f"{name} percussion",
                f"{name} rhythm",
                f"{name} beat",
                f"{name} pattern",
                f"{name} solo",
            )
        if brief.kind == "drums":
            g = self.genre()
            return one(
                f"{g} drum beat",
                f"{g} drums",
                f"{g} drum loop",
                f"{g} beat",
                f"drum solo, {g}",
                f"drum beat, {g}",
                f"{g} drum groove",
            )
        if brief.kind == "bass":
            g = self.genre()
            return one(
                f"{g} bassline",
                f"{g} bass solo",
                f"{g} bass line",
                f"{brief.bass}, {g}",
                f"{brief.bass} groove, {g}",
                f"{brief.bass} solo",
                f"bass riff, {g}",
            )
        if brief.kind == "backing":
            g = self.genre()
            return one(
                g,
                f"{g} {one(*FILLERS)}",
                f"{g} rhythm section",
                f"{g} backing track",
                f"{g} groove",
                f"{g} band with {brief.bass}",
                f"{g} instrumental",
            )
        lead = self.lead()
        if brief.kind == "solo":
            if brief.genre:
                g = self.genre()
                adjective = ADJECTIVES.get(brief.genre, g)
                return one(
                    f"{g} {lead} solo",
                    f"solo {lead}, {g}",
                    f"{adjective} {lead} solo",
                    f"{lead} playing {g}",
                    f"{g} {lead}",
                    f"solo {adjective} {lead}",
                )
            return one(
                lead,
                f"{lead} {one(*SOLO_WORDS)}",
                f"{lead} solo",
                f"solo {lead}",
                f"{lead} {one(*FILLERS)}",
                f"a {lead} playing",
                f"{lead} playing a melody",
            )
        g = self.genre()
        if self.rng.random() < 0.15:  # many prompts name no lead
            return one(g, f"{g} {one(*FILLERS)}", f"{g} band", f"{g} music")
        adjective = ADJECTIVES.get(brief.genre, g)
        return one(
            f"{g} with {lead}",
            f"{g} {lead}",
            f"{g} band with {lead} solo",
            f"{lead} solo over {g}",
            f"{g}, {lead}",
            f"{lead} {g}",
            f"{g} {one(*FILLERS)} with {lead}",
            f"{g} groove with a {lead} solo",
            f"{g} bassline with a {lead} solo",
            f"{g} bassline with a {adjective} {lead} solo",
            f"{adjective} {lead} with drums and bass",
            f"{lead} and {brief.bass}, {g}",
            f"{g} featuring {lead}",
            f"{lead} playing {g} with a band",
        )

    def short(self) -> str:
        text = self.core()
        return f"{text}, {self.brief.bpm} bpm" if self.rng.random() < 0.1 else text

    def long(self) -> str:
        rng = self.rng
        text = self.core()
        moods = self.moods()
        if moods:
            if rng.random() < 0.6 and not moods[0].endswith(("register", "notes")):
                text = f"{moods[0]} {text}"
                moods = moods[1:]
            if moods:
                text = f"{text}, {', '.join(moods)}"
        if rng.random() < 0.3:
            bpm = self.brief.bpm
            text = self.one(f"{text}, {bpm} bpm", f"{text} {bpm} bpm", f"{text} at {bpm} bpm")
        elif rng.random() < 0.05:
            text = f"{self.brief.bpm} bpm {text}"
        if rng.random() < 0.06:
            text = self.one(
                f"a {text}",
                f"{text} music",
                f"the sound of {text}",
                f"{text}, high quality",
                f"{text}.",
            )
        if rng.random() < 0.08:
            text = text.capitalize()
        return text
