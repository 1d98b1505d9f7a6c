"""The lead instruments: General MIDI programs, range, manner of playing and the words for them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Instrument:
    """One lead instrument.

    `manner` names how it is played alone: `keys` (melody over a left hand), `strum` (chords and
    melody), `line` (one voice), `chords` (slow chords), `bells`, `drone` (melody over a drone).
    """

    name: str
    programs: tuple[int, ...]
    low: int
    high: int
    manner: str
    words: tuple[str, ...] = ()
    density: tuple[str, ...] = ("sparse", "medium", "busy")
    modes: tuple[str, ...] = ()
    weight: float = 1.0


def _i(name, programs, low, high, manner, words="", density="sparse medium busy", modes="", weight=1.0):
    split = lambda text: tuple(part.strip() for part in text.split(",") if part.strip())
    return Instrument(
        name, tuple(programs), low, high, manner, split(words), tuple(density.split()), split(modes), weight
    )


INSTRUMENTS = {
    i.name: i
    for i in [
        _i("piano", [0, 1], 60, 88, "keys", "grand piano, piano solo, acoustic piano", weight=2.5),
        _i("honky tonk piano", [3], 60, 86, "keys", "saloon piano, barroom piano", weight=0.6),
        _i("electric piano", [4, 5], 58, 84, "keys", "rhodes, rhodes piano, keys", weight=1.2),
        _i("harpsichord", [6], 58, 84, "keys", "baroque harpsichord", "medium busy"),
        _i("clavinet", [7], 52, 76, "keys", "funky clavinet, clav", "medium busy", weight=0.6),
        _i("music box", [10], 72, 96, "keys", "lullaby music box, toy music box", "sparse medium"),
        _i("celesta", [8], 72, 96, "line", "celeste, glockenspiel", weight=0.6),
        _i("vibraphone", [11], 58, 86, "line", "vibes, jazz vibraphone"),
        _i("marimba", [12], 55, 84, "line", "wooden marimba", "medium busy"),
        _i("xylophone", [13], 67, 96, "line", "", "medium busy"),
        _i("church bells", [14], 55, 76, "bells", "bells, tubular bells, church bells ringing, ringing bells, church bells on sunday", weight=4.0),
        _i("dulcimer", [15], 57, 84, "line", "hammered dulcimer", "medium busy", weight=0.5),
        _i("organ", [16, 17, 18], 58, 84, "keys", "hammond organ, rock organ, electric organ", weight=1.2),
        _i("church organ", [19], 55, 84, "keys", "pipe organ, cathedral organ", "sparse medium", weight=1.2),
        _i("accordion", [21, 23], 57, 84, "keys", "bandoneon, french accordion"),
        _i("harmonica", [22], 60, 84, "line", "blues harp, mouth organ"),
        _i("acoustic guitar", [24, 25], 52, 79, "strum", "nylon guitar, fingerpicked guitar, guitar, classical guitar", weight=1.8),
        _i("clean electric guitar", [26, 27], 52, 79, "strum", "electric guitar, jazz guitar", weight=1.3),
        _i("distorted electric guitar", [29, 30], 50, 81, "line", "electric guitar solo, distorted guitar, overdriven guitar, rock guitar", weight=1.6),
        _i("banjo", [105], 55, 81, "strum", "bluegrass banjo", "busy"),
        _i("violin", [40], 60, 90, "line", "solo violin, classical violin, expressive violin", weight=3.0),
        _i("fiddle", [110], 60, 86, "line", "folk fiddle, country fiddle", "medium busy"),
        _i("cello", [42], 40, 67, "line", "solo cello, deep cello", "sparse medium", weight=1.3),
        _i("strings", [48, 49, 50], 48, 84, "chords", "string section, orchestral strings, string orchestra, violins", "sparse medium", weight=1.3),
        _i("harp", [46], 52, 88, "keys", "harp arpeggios, celtic harp", "medium busy"),
        _i("trumpet", [56], 58, 82, "line", "solo trumpet", weight=1.5),
        _i("muted trumpet", [59], 58, 80, "line", "trumpet with mute", weight=0.6),
        _i("trombone", [57], 45, 68, "line", "slide trombone", "sparse medium"),
        _i("brass section", [61, 62], 50, 76, "chords", "horns, brass, horn section", "medium busy", weight=1.2),
        _i("saxophone", [65, 66], 52, 80, "line", "sax, jazzy saxophone, alto sax, tenor sax, sax solo", weight=2.2),
        _i("clarinet", [71], 52, 84, "line", "solo clarinet"),
        _i("oboe", [68], 60, 84, "line", "solo oboe", "sparse medium"),
        _i("flute", [73], 62, 91, "line", "solo flute", weight=1.4),
        _i("pan flute", [75], 62, 86, "line", "andean pan flute, panpipes", "sparse medium"),
        _i("whistle", [78, 74], 70, 94, "line", "tin whistle, whistling"),
        _i("steel drums", [114], 60, 84, "line", "steel pan, caribbean steel drum", "medium busy"),
        _i("choir", [52, 52, 91], 48, 76, "chords", "vocal choir, voices, church choir, choral singing", "sparse medium", weight=1.6),
        _i("voice", [53, 54, 85], 57, 79, "line", "vocals, singing, cat diva, singer, ooh vocals, female voice, operatic tenor", "sparse medium", weight=1.0),
        _i("synth lead", [80, 81, 84, 87], 57, 84, "line", "synthesizer, lead synth, saw lead, square lead", weight=1.6),
        _i("synth pad", [88, 89, 90, 94, 95], 48, 76, "chords", "warm pad, ambient pad, lush synth pad", "sparse", weight=1.4),
        _i("sitar", [104], 50, 76, "drone", "indian sitar, raga", "medium busy", "mixolydian,phrygian dominant"),
        _i("koto", [107], 55, 84, "line", "japanese koto", "sparse medium", "hirajoshi"),
        _i("kalimba", [108], 60, 86, "line", "thumb piano", "medium busy", "pentatonic"),
        _i("bagpipe", [109], 62, 79, "drone", "bagpipes, scottish bagpipes", "medium busy", "mixolydian"),
    ]
}
