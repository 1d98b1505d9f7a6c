"""The genres: tempo, groove, harmony, bass, comping and leads, all as small tables.

Patterns are bars of steps, a character a step (16 steps are four beats; genres of `beats=3` use 12
steps; `triplet` genres use 12 steps for four beats). Drums: `X` accent, `x` hit, `o` ghost.
Bass: `R` root, `8` octave, `5` fifth, `3` third, `7` seventh, `w` a walking note, `-` hold.
Comping: `x` chord, `X` accented chord, `1`..`4` one chord tone, `-` hold.
"""

from dataclasses import dataclass

from .drums import GROOVES


@dataclass(frozen=True)
class Genre:
    name: str
    words: tuple[str, ...]
    bpm: tuple[int, int]
    kits: tuple[int, ...]
    grooves: tuple[dict, ...]
    progressions: tuple[tuple[str, str], ...]
    bass_programs: tuple[int, ...]
    bass: tuple[str, ...]
    comps: tuple[tuple[tuple[int, ...], tuple[str, ...]], ...]
    leads: tuple[str, ...]
    swing: float = 0.0
    beats: int = 4
    triplet: bool = False
    chords_per_bar: int = 1
    scenes: tuple[str, ...] = ()
    weight: float = 1.0

    @property
    def steps(self) -> int:
        return 12 if self.triplet or self.beats == 3 else 16


def _g(name, bpm, kits, progressions, bass_programs, bass, comps, leads, *, words="", scenes="", grooves=None, **more):
    split = lambda text: tuple(part.strip() for part in text.split(",") if part.strip())
    return Genre(
        name=name,
        words=(name, *split(words)),
        bpm=bpm,
        kits=tuple(kits),
        grooves=tuple(GROOVES[grooves or name]),
        progressions=tuple(progressions),
        bass_programs=tuple(bass_programs),
        bass=tuple(bass.split()),
        comps=tuple((tuple(programs), tuple(patterns.split())) for programs, patterns in comps),
        leads=split(leads),
        scenes=split(scenes),
        **more,
    )


GENRES = {
    g.name: g
    for g in [
        _g("funk", (92, 118), [0, 8],
           [("dorian", "0m7 5d9"), ("mixolydian", "0d9"), ("dorian", "0m9 0m9 5d9 5d9"), ("dorian", "0m7 10M")],
           [33, 36, 37, 34], "R..R..8.R.7.8.5. R.R...R...8.7.8. R...R.78....5.7. R..8..R..R.85.7. R.8.R..R.8...57.",
           [((27, 28, 7), "..x..x.x..x..x.x x..x..x...x.x..x .x.x..x..x.x..x. ....x--.....x..x"), ((4, 16), "x---..x-....x--. ..x-....x-..x-..")],
           "saxophone, trumpet, clavinet, organ, clean electric guitar, brass section, electric piano, voice",
           words="funky, groovy funk", scenes="70s funk band", weight=1.6, swing=0.08),
        _g("jazz", (90, 180), [32, 40],
           [("major", "2m7 7d7 0M7 9m7"), ("minor", "0m7 5m7 7d7 0m7"), ("dorian", "0m9 0m9 5m9 0m9"), ("major", "0M9 9m7 2m9 7d9")],
           [32], "R---w---w---w--- R---3---5---w--- R---w---5---w--w",
           [((0, 4, 26), "x--....x--...... ....x-.....x-... x-.....x-...x-.. ......x-......x-")],
           "saxophone, trumpet, piano, vibraphone, clarinet, clean electric guitar, muted trumpet, trombone, flute",
           words="jazzy, cool jazz, bebop, jazz club", scenes="new york jazz club, smoky jazz bar, late night jazz", swing=0.3, weight=1.6),
        _g("swing", (140, 200), [32],
           [("major", "0:6 9m7 2m7 7d7"), ("major", "0:6 0d7 5:6 7d7")], [32], "R---w---5---w---",
           [((26, 0), "x-..x-..x-..x-.. x...x-..x...x-.."), ((61,), "......x-...x---- ..x-......x-.x..")],
           "clarinet, trumpet, trombone, saxophone, brass section, piano", words="big band, swing jazz", scenes="1940s ballroom", grooves="jazz", swing=0.32),
        _g("bossa nova", (110, 145), [40, 0],
           [("major", "0M9 2d9 2m9 7d9"), ("minor", "0m9 5m9 7d7 0m9"), ("major", "0M7 9m7 2m7 7d7")],
           [32, 33], "R-----5-R-----5- R-----5-5-----R-", [((24,), "x-.x-..x-..x-.x- x-..x--x-..x-.x-")],
           "flute, acoustic guitar, saxophone, piano, vibraphone, voice", words="bossa, brazilian jazz", scenes="rio beach at sunset"),
        _g("blues", (60, 110), [0, 8],
           [("blues", "0d7 5d7 0d7 7d7"), ("blues", "0d7 0d7 5d7 5d7 0d7 7d7"), ("blues", "0d7")],
           [33, 32, 34], "R--3--5--3-. R--R--5--7-. R--3--5--w-.", [((0, 26, 16), "x-.x-.x-.x-. ..x--x..x--x ...x--...x--")],
           "harmonica, distorted electric guitar, clean electric guitar, piano, organ, saxophone", words="bluesy, slow blues", scenes="chicago blues bar", triplet=True, weight=1.2),
        _g("rock", (100, 150), [0, 16],
           [("major", "0M 5M 9m 7M"), ("minor", "0m 8M 3M 10M"), ("minor pentatonic", "0p 3p 5p 10p"), ("mixolydian", "0M 10M 5M 0M")],
           [34, 33], "R-R-R-R-R-R-R-R- R---R-R-R---R-R- R--R--R-R--R--R-",
           [((29, 30), "x---x-x-x---x-x- x-x-x-x-x-x-x-x- x-----x-x---x---"), ((27, 16), "1-2-3-2-1-2-3-2- x---....x---....")],
           "distorted electric guitar, organ, synth lead, piano, voice", words="rock band, classic rock, rock and roll", scenes="stadium rock", weight=1.4),
        _g("metal", (120, 190), [16],
           [("minor", "0p 0p 1p 0p"), ("minor", "0p 8p 10p 0p"), ("harmonic minor", "0p 6p 5p 1p")],
           [34], "RRRRRRRRRRRRRRRR R.RRR.RRR.RRR.RR", [((30,), "xxxxxxxxxxxxxxxx x.xxx.xxx.xxx.xx X--X--X-xxxxxxxx")],
           "distorted electric guitar, synth lead, choir", words="heavy metal, thrash metal", scenes="headbanging mosh pit"),
        _g("punk", (160, 200), [16, 0], [("major", "0p 5p 7p 5p"), ("major", "0p 7p 9p 5p")], [34], "R-R-R-R-R-R-R-R-",
           [((29, 30), "x-x-x-x-x-x-x-x- xxxxxxxxxxxxxxxx")], "distorted electric guitar, voice", words="punk rock", grooves="punk", weight=0.7),
        _g("country", (90, 130), [0], [("major", "0M 5M 0M 7M"), ("pentatonic", "0M 0M 5M 7M")], [32, 33], "R-------5------- R---5---R---5---",
           [((25,), "1-..x-..3-..x-.. ..x...x...x...x."), ((25, 27), "1-2-3-2-1-2-3-2-")],
           "fiddle, banjo, harmonica, acoustic guitar, clean electric guitar, piano", words="country music, bluegrass", scenes="nashville honky tonk"),
        _g("folk", (80, 125), [0], [("major", "0M 7M 9m 5M"), ("dorian", "0m 10M 0m 10M"), ("major", "0M 5M 7M 0M")], [32], "R-------5------- R-------R-------",
           [((24, 25), "1-2-3-2-4-3-2-3- x-..x-x-..x-x-x- 1-3-2-3-1-3-2-3-")],
           "acoustic guitar, whistle, fiddle, accordion, flute, harp, bagpipe", words="folk song, celtic folk, acoustic folk", scenes="irish pub, campfire", grooves="folk"),
        _g("classical", (70, 130), [48], [("major", "0M 5M 7M 0M"), ("minor", "0m 5m 7M 0m"), ("major", "0M 9m 2m 7d7"), ("minor", "0m 8M 3M 7M")],
           [43, 42], "R-------R------- R---R---R---R--- R---------------",
           [((48, 49), "x--------------- x-------x-------"), ((48, 46, 0), "1-3-2-3-1-3-2-3- 1-2-3-4-3-2-1-2-")],
           "violin, cello, flute, oboe, clarinet, piano, strings, harp", words="orchestral, classical music, orchestra", scenes="concert hall", grooves="none", weight=1.5),
        _g("baroque", (80, 120), [48], [("minor", "0m 5m 10M 3M 8M 2dim 7M 0m"), ("major", "0M 7M 9m 4m 5M 0M 5M 7M")], [43, 42], "R---R---R---R--- R-w-w-w-R-w-w-w-",
           [((6,), "1234321212343212 x---x---x---x---"), ((48, 19), "x-------x-------")],
           "harpsichord, violin, oboe, flute, church organ, trumpet", words="baroque music, bach style", scenes="royal court", grooves="none", chords_per_bar=2),
        _g("ragtime", (90, 120), [0], [("major", "0M 9d7 2d7 7d7"), ("major", "0M 0d7 5M 7d7")], [58, 32], "R---....5---....",
           [((0, 3), "1...x...3...x...")], "piano, honky tonk piano, clarinet, banjo", words="rag, ragtime piano", scenes="scott joplin style ragtime piano, silent movie", grooves="none"),
        _g("reggae", (68, 92), [0, 8], [("minor", "0m 10M"), ("major", "0M 5M 0M 7M"), ("minor", "0m 5m")], [33, 32], "....R-R-..5-3-R- R-..R-R-....5-7- R--R--5-R---....",
           [((27, 16), "....x.......x... ..x...x...x...x."), ((16, 17), "..x.x...x.x..... ..xx..xx..xx..xx")],
           "organ, voice, trombone, steel drums, saxophone, electric piano", words="dub, roots reggae, dancehall, jamaican reggae", scenes="jamaican dancehall, kingston", weight=1.2),
        _g("ska", (130, 165), [0], [("major", "0M 9m 5M 7M"), ("major", "0M 5M")], [33], "R-3-5-3-R-3-5-w-", [((27,), "..x...x...x...x.")], "trombone, trumpet, brass section, saxophone, organ", words="ska punk"),
        _g("salsa", (90, 115), [0], [("minor", "0m7 5m7 7d7 7d7"), ("major", "0M 5M 7M 5M")], [32, 33], "..R---5-....8--- R-----5---..8---",
           [((0,), "1.2x.2.x.2x.2.x. x.x.xx.x.x.x.x.x")], "trumpet, piano, brass section, trombone, flute, voice", words="latin, mambo, latin jazz, latin salsa", scenes="havana night", weight=1.2),
        _g("disco", (112, 126), [0, 24], [("minor", "0m7 10M 8M 7m"), ("dorian", "0m7 5d7")], [33, 38], "R.8.R.8.R.8.R.8. R-8-R-8-5-8-7-8-",
           [((27,), "x.xxx.xxx.xxx.xx ..x...x...x...x."), ((48, 49), "....x---....x--- x---------------")], "strings, brass section, voice, synth lead, saxophone", words="disco dance, dance pop, eurodance", scenes="studio 54"),
        _g("house", (118, 128), [24, 25], [("minor", "0m7 8M7 3M7 10M"), ("minor", "0m9 0m9 5m9 5m9")], [38, 39], "..R...R...R...R. R..R..R.R..R..8.",
           [((0, 4, 90), "x..x..x...x..x.. ..x..x....x..x.. x--x--x-x--x--x-"), ((89, 90), "x---------------")], "piano, synth lead, voice, saxophone, organ, synth pad", words="deep house, house music, edm", scenes="ibiza at 3am, beach club", weight=1.2),
        _g("techno", (124, 140), [24, 25], [("minor", "0m"), ("minor", "0m 1m"), ("minor pentatonic", "0m")], [38, 39, 87], "..RR..RR..RR..RR .RRR.RRR.RRR.RRR R..R..R.R..R..R.",
           [((81, 87, 90), "x..x..x...x..... ..x...x...x..x.. 1.1.3.1.1.4.1.3."), ((95, 89), "x---------------")], "synth lead, synth pad, xylophone", words="minimal techno, techno beat, electronic", scenes="berlin warehouse, rave", weight=2.2),
        _g("trance", (132, 142), [24], [("minor", "0m 8M 3M 10M"), ("minor", "0m 5m 8M 10M")], [38, 39], ".RRR.RRR.RRR.RRR ..R-..R-..R-..R-", [((81, 90), "1232123212321232 x.xx.xx.x.xx.xx."), ((89, 95), "x---------------")], "synth lead, synth pad, voice, piano", words="uplifting trance", grooves="house"),
        _g("drum and bass", (165, 178), [24, 0], [("minor", "0m9 8M7"), ("minor", "0m7 5m7")], [38, 39, 33], "R-----R---R----- R-------..R-8---", [((89, 4), "x--------------- x-----..x---....")], "synth lead, synth pad, electric piano, voice", words="jungle, dnb"),
        _g("hip hop", (78, 98), [25, 24], [("minor", "0m 8M"), ("minor", "0m7 5m7"), ("minor", "0m")], [38, 33, 39], "R--....R..R-.... R---..R-...R--..", [((4, 0, 48), "x---....x---.... 1.3.2.3.1.3.2.3. x..x....x..x....")], "electric piano, flute, piano, strings, brass section, voice", words="rap beat, trap beat, boom bap", weight=1.2, swing=0.1),
        _g("lo-fi", (70, 88), [24, 40], [("major", "0M9 9m9 2m9 7d9"), ("minor", "0m9 5m9 8M7 7m7")], [33, 32], "R---..R-....R--- R-------..5-R---", [((4, 0, 26), "x-----x-..x----- x-------..x-x---")], "electric piano, vibraphone, clean electric guitar, saxophone, music box, piano", words="lofi, lo-fi hip hop, chill beats", scenes="beats to study to", swing=0.2),
        _g("ambient", (60, 90), [24], [("major", "0M9 5M9"), ("minor", "0m9 8M7"), ("major", "0sus 0M")], [38, 39], "R---------------", [((88, 89, 95, 91), "x--------------- x-------x-------"), ((46, 11, 98), "1...3...2...4... ..1...4.....3...")], "synth pad, piano, pan flute, choir, flute, cello, harp", words="ambient music, dreamy ambient, atmospheric", scenes="floating in space, deep sleep", grooves="none", weight=1.3),
        _g("synthwave", (84, 118), [24], [("minor", "0m 8M 3M 10M"), ("minor", "0m 10M 8M 8M")], [38, 39], "RRRRRRRRRRRRRRRR R-R-R-R-R-R-R-R- R.RRR.RRR.RRR.RR", [((90, 81), "1-3-2-3-4-3-2-3- x---------------"), ((89,), "x---------------")], "synth lead, saxophone, synth pad, distorted electric guitar", words="retro synth, 80s synth, outrun, vaporwave", scenes="neon city night drive", grooves="synthwave"),
        _g("gospel", (70, 110), [0], [("major", "0M 5M 0M 7M"), ("major", "0M7 4m7 9m7 5M7")], [33, 17], "R---..R-5---7--- R-------5-------", [((16, 18, 0), "x---x---x---x--- x--x--x-x--x--x-")], "choir, organ, piano, voice", words="gospel choir, soul, soul music", scenes="church on sunday", grooves="soul"),
        _g("waltz", (90, 160), [0, 40], [("major", "0M 7d7 7d7 0M"), ("minor", "0m 5m 7M 0m")], [32, 43], "R-----------", [((21, 48, 0), "....x-..x-.. ....x...x...")], "accordion, violin, clarinet, piano, strings, flute", words="waltz in three, viennese waltz", scenes="paris cafe", beats=3),
        _g("march", (104, 124), [48, 0], [("major", "0M 5M 7M 0M"), ("major", "0M 0M 7d7 0M")], [58], "R---5---R---5---", [((61, 60), "..x...x...x...x. x---x---x---x---")], "trumpet, brass section, trombone, whistle, clarinet", words="marching band, military march", scenes="parade"),
    ]
}
