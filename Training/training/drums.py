"""Drum grooves as grids of steps, and the drum-kit keys of General MIDI they play."""

KEYS = {
    "kick": 36, "snare": 38, "rim": 37, "clap": 39, "hat": 42, "open": 46, "pedal": 44, "ride": 51, "crash": 49,
    "low tom": 43, "mid tom": 47, "high tom": 50, "tambourine": 54, "cowbell": 56, "shaker": 70,
    "high bongo": 60, "low bongo": 61, "conga mute": 62, "conga": 63, "low conga": 64, "timbale": 65, "low timbale": 66,
    "agogo": 67, "low agogo": 68, "guiro": 73, "claves": 75, "woodblock": 76, "low woodblock": 77, "triangle": 81,
}  # fmt: skip

GROOVES = {
    "none": [{}],
    "funk": [
        {"kick": "X..x..x...x..x..", "snare": "....X..o.o..X..o", "hat": "x.x.x.x.x.x.x.x."},
        {"kick": "X.x.......x..x..", "snare": "....X..o.o.oX...", "hat": "xxxxxxxxxxxxxxxx"},
        {"kick": "X..x....x.x....x", "snare": "....X..o....X.o.", "hat": "x.x.x.x.x.x.x...", "open": "..............x."},
    ],
    "jazz": [
        {"ride": "X...X.x.X...X.x.", "pedal": "....x.......x...", "kick": "o.......o.......", "snare": "......o....o...."},
        {"ride": "X...X.x.X...X.x.", "pedal": "....x.......x...", "snare": "..........o...o."},
    ],
    "bossa nova": [
        {"kick": "x..xx..xx..xx..x", "rim": "x..x..x...x..x..", "hat": "x.x.x.x.x.x.x.x."},
        {"kick": "x..xx..xx..xx..x", "rim": "..x..x..x..x..x.", "shaker": "xoxoxoxoxoxoxoxo"},
    ],
    "blues": [
        {"kick": "X.....x.x...", "snare": "...X.....X..", "hat": "x.xx.xx.xx.x"},
        {"kick": "X.....X.....", "snare": "...X.....X..", "ride": "x.xx.xx.xx.x"},
    ],
    "rock": [
        {"kick": "X.......X.x.....", "snare": "....X.......X...", "hat": "x.x.x.x.x.x.x.x."},
        {"kick": "X.....x.X.......", "snare": "....X.......X...", "ride": "x.x.x.x.x.x.x.x."},
        {"kick": "X..x....X.x.....", "snare": "....X.......X..o", "open": "x...x...x...x..."},
    ],
    "metal": [
        {"kick": "xxxxxxxxxxxxxxxx", "snare": "....X.......X...", "crash": "x...x...x...x..."},
        {"kick": "x.xxx.xxx.xxx.xx", "snare": "....X.......X...", "hat": "x.x.x.x.x.x.x.x."},
        {"kick": "X.X.X.X.X.X.X.X.", "snare": ".X.X.X.X.X.X.X.X", "ride": "x.x.x.x.x.x.x.x."},
    ],
    "punk": [{"kick": "X...X.x.X...X.x.", "snare": "..X...X...X...X.", "open": "x.x.x.x.x.x.x.x."}],
    "country": [
        {"kick": "X.......X.......", "snare": "....x.......x...", "hat": "x.x.x.x.x.x.x.x."},
        {"kick": "X.......X.......", "snare": "..x.x.x...x.x.xx"},
    ],
    "folk": [{}, {"tambourine": "..x.x.x...x.x.x."}, {"kick": "X.......X.......", "shaker": "x.x.x.x.x.x.x.x."}],
    "reggae": [
        {"kick": "........X.......", "rim": "........X.......", "hat": "x.x.x.x.x.x.x.xx"},
        {"kick": "X...X...X...X...", "rim": "........X.......", "hat": "..x...x...x...x."},
    ],
    "ska": [{"kick": "X.......X.......", "snare": "....X.......X...", "hat": "..x...x...x...x."}],
    "salsa": [
        {"claves": "x..x..x...x.x...", "conga mute": "x.o.x.o.x.o.x...", "conga": "......x.......xx", "cowbell": "X.x.X.xxX.x.X.xx"},
        {"claves": "..x.x...x..x..x.", "timbale": "x.x.xxx.x.xx.xx.", "low conga": "......xx......xx", "guiro": "x.xxx.xxx.xxx.xx"},
    ],
    "disco": [
        {"kick": "X...X...X...X...", "snare": "....X.......X...", "open": "..x...x...x...x.", "hat": "x...x...x...x..."},
        {"kick": "X...X...X...X...", "clap": "....X.......X...", "hat": "xxoxxxoxxxoxxxox", "tambourine": "..x...x...x...x."},
    ],
    "house": [
        {"kick": "X...X...X...X...", "clap": "....X.......X...", "open": "..x...x...x...x."},
        {"kick": "X...X...X...X...", "clap": "....X.......X...", "open": "..x...x...x...x.", "shaker": "xoxoxoxoxoxoxoxo"},
    ],
    "techno": [
        {"kick": "X...X...X...X...", "hat": "..x...x...x...x."},
        {"kick": "X...X...X...X...", "open": "..x...x...x...x.", "hat": "xxoxxxoxxxoxxxox", "clap": "....x.......x..."},
        {"kick": "X...X...X...X...", "rim": "..x..x....x..x..", "hat": "xxxxxxxxxxxxxxxx"},
        {"kick": "X...X...X...X..x", "low tom": "...x..x....x..x.", "open": "..x...x...x...x."},
    ],
    "drum and bass": [
        {"kick": "X.........X.....", "snare": "....X..o.o..X..o", "hat": "x.x.x.x.x.x.x.x."},
        {"kick": "X.x.......x.....", "snare": "....X..o.o..X...", "ride": "x.x.x.x.x.x.x.x."},
    ],
    "hip hop": [
        {"kick": "X......x..x.....", "snare": "....X.......X...", "hat": "x.x.x.x.x.x.x.x."},
        {"kick": "X..x......x..x..", "clap": "....X.......X...", "hat": "x.xxx.x.x.x.xxxx"},
        {"kick": "X.....x...x.....", "snare": "........X.......", "hat": "x.x.xxx.x.x.x.xx"},
    ],
    "lo-fi": [
        {"kick": "X......x.x......", "snare": "....x.......x...", "hat": "x.x.x.x.x.x.x.x."},
        {"kick": "X.....x...x.....", "rim": "....x.......x...", "hat": "x.x.x.x.x.x.x.x.", "shaker": "..o...o...o...o."},
    ],
    "synthwave": [
        {"kick": "X...X...X...X...", "snare": "....X.......X...", "hat": "x.x.x.x.x.x.x.x."},
        {"kick": "X.......X.......", "snare": "....X.......X...", "hat": "xxxxxxxxxxxxxxxx"},
    ],
    "soul": [
        {"kick": "X.....x.X.......", "snare": "....X.......X...", "hat": "x.x.x.x.x.x.x.x.", "tambourine": "....x.......x..."},
        {"clap": "....X.......X...", "kick": "X.......X......."},
    ],
    "waltz": [{}, {"kick": "X...........", "hat": "....x...x...", "snare": "....o...o..."}, {"kick": "X...........", "ride": "x...x...x..."}],
    "march": [
        {"kick": "X.......X.......", "snare": "x.x.x.xxx.x.xxxx", "crash": "X..............."},
        {"kick": "X...X...X...X...", "snare": "x..xx.x.x..xx.xx"},
    ],
}  # fmt: skip

PERCUSSION = {
    "bongos": [
        {"high bongo": "X.xxX.x.X.xxX.x.", "low bongo": "......x.......xx"},
        {"high bongo": "x..x..x.x..x..x.", "low bongo": ".xx..x...xx..x.x"},
    ],
    "congas": [{"conga mute": "x.o.x.o.x.o.x...", "conga": "......xx......x.", "low conga": "..x.......x....x"}],
    "cowbell": [{"cowbell": "X.x.X.x.X.x.X.xx"}, {"cowbell": "X...X...X...X..."}],
    "maracas": [{"shaker": "X.xxX.xxX.xxX.xx"}, {"shaker": "xoxoxoxoxoxoxoxo"}],
    "hand claps": [{"clap": "....X.......X..."}, {"clap": "X..X..X...X.X..."}],
    "tambourine": [{"tambourine": "x.xxx.xxx.xxx.xx"}, {"tambourine": "x.x.X.x.x.x.X.x."}],
    "woodblock": [{"woodblock": "X..x..x.X..x..x.", "low woodblock": "..x.....x.x....."}],
    "toms": [{"low tom": "X..X..X.X..X..X.", "mid tom": ".x....x..x....x.", "high tom": "....x.......xx.."}],
    "latin percussion": [{"claves": "x..x..x...x.x...", "conga": "..x...xx..x...xx", "agogo": "x.x...x.x...x.x.", "shaker": "xoxoxoxoxoxoxoxo"}],
    "timbales": [{"timbale": "x.xxx.x.x.xxx.xx", "low timbale": "...x..x....x.x.."}],
}  # fmt: skip
