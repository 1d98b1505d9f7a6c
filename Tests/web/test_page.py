"""The page as a person uses it, in a real Chromium."""

import array
import os
import subprocess
import sys
import tempfile
import time
import unittest

from chromium import Chromium
from stand import PROGRAMS, Stand


def floats(path: str) -> array.array:
    """The samples of a mono WAV file of 32-bit floats."""
    with open(path, "rb") as file:
        data = file.read()
    at = 12
    while data[at : at + 4] != b"data":
        at += 8 + int.from_bytes(data[at + 4 : at + 8], "little")
    return array.array("f", data[at + 8 : len(data) - (len(data) - at - 8) % 4])


class PageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.stand = Stand()
        cls.browser = Chromium()

    @classmethod
    def tearDownClass(cls) -> None:
        cls.browser.close()
        cls.stand.close()

    def setUp(self) -> None:
        self.page = self.browser.page()
        # What another test has set is of no concern here.
        self.page.before_scripts(
            "if (location.protocol === 'http:' && !sessionStorage.visited) { localStorage.removeItem('riff-settings'); sessionStorage.visited = '1'; }"
        )
        self.allowed: list[str] = []

    def tearDown(self) -> None:
        faults = [fault for fault in self.page.faults() if not any(word in fault for word in self.allowed)]
        outside = [a for a in self.page.addresses() if not a.startswith((self.stand.origin, "blob:" + self.stand.origin, "data:", "about:"))]
        self.page.send("Page.close")
        self.assertEqual(faults, [])
        self.assertEqual(outside, [])

    def open(self, fragment: str = "") -> None:
        self.page.open(self.stand.line_from_door() + fragment)

    def play(self, prompt: str) -> None:
        self.page.type("#prompt", prompt)
        self.page.click("#now-button")
        self.page.wait("riff.measures.sound !== null")

    def locks_seed(self, seed: int, seconds: str = "5.12") -> None:
        self.page.run(f"riff.settings.set('seed', '{seed}'); riff.settings.set('locksSeed', true); riff.settings.set('seconds', '{seconds}')")

    def test_opens_and_is_light(self) -> None:
        self.open()
        opened = self.page.run("riff.measures.opened")
        weight = sum(os.path.getsize(entry) for entry in os.scandir("Clients/riff-web/page"))
        print(f"open to interactive {opened:.0f} ms, page {weight / 1000:.0f} kB", file=sys.stderr)
        self.assertLessEqual(weight, 300_000)
        self.assertEqual(self.page.run("location.hash"), "")
        self.assertEqual(self.page.run("document.cookie"), "")

    def test_silent_before_a_press(self) -> None:
        self.open()
        self.assertEqual(self.page.run("riff.player.contextState"), "none")
        self.assertEqual(self.page.run("new AudioContext().state"), "suspended")

    def test_sound_is_the_daemons(self) -> None:
        self.open()
        self.locks_seed(7)
        self.page.run("riff.useJams(false)")
        self.play("church bells")
        heard = self.page.run(
            "riff.player.listen(48000).then(({heard, from}) => ({from, heard: Array.from(heard)}))"
        )
        with tempfile.TemporaryDirectory() as folder:
            file = f"{folder}/bells.wav"
            subprocess.run(
                [f"{PROGRAMS}/riff", "--socket", self.stand.socket, "generate", "church bells", "--seed", "7", "--duration", "5.12",
                 "-o", file, "--quiet"],
                check=True, env=self.stand.environment,
            )
            made = floats(file)
        begin = heard["from"]
        self.assertGreater(max(map(abs, heard["heard"])), 0.01, "silence")
        self.assertEqual(list(made[begin : begin + 48000]), heard["heard"])
        print(f"press to sound {self.page.run('riff.measures.sound'):.0f} ms", file=sys.stderr)

    def test_timeline(self) -> None:
        self.open()
        self.locks_seed(3)
        self.play("techno drum beat, 130 bpm")
        self.page.wait("riff.player.position > 2 * 48000")
        self.assertEqual(self.page.run("riff.timeline.view.kind"), "software")
        self.assertLessEqual(self.page.run("riff.timeline.view.triangles"), 16_000)
        self.assertTrue(self.page.run("[...document.querySelectorAll('.flag')].some((flag) => flag.textContent.includes('seed 3'))"))
        # Loud and quiet places are there, and the drawing is not one colour.
        self.assertGreater(self.page.run("riff.timeline.levels.reduce((a, b) => Math.max(a, b), 0)"), 200)
        colours = self.page.run(
            "(() => { const c = document.querySelector('#scene canvas'); const t = document.createElement('canvas');"
            " [t.width, t.height] = [64, 64]; return new Promise((done) => requestAnimationFrame(() => {"
            " riff.timeline.view.draw(riff.timeline, riff.player.position / 960, 0);"
            " const p = t.getContext('2d'); p.drawImage(c, 0, 0, 64, 64);"
            " done(new Set(new Uint32Array(p.getImageData(0, 0, 64, 64).data.buffer)).size); })); })()"
        )
        self.assertGreater(colours, 100)

    def test_hears_again(self) -> None:
        self.open()
        self.play("slow jazz piano")
        self.page.wait("riff.player.position > 3 * 48000")
        before = self.page.run("riff.player.position")
        self.page.run("document.activeElement.blur()")
        self.page.key("r")
        self.page.wait(f"riff.player.position < {before} - 48000")
        self.page.wait("riff.player.isMoving")

    def test_pause(self) -> None:
        self.open()
        self.play("slow jazz piano")
        self.page.click("#play")
        self.page.wait("riff.player.isPaused && !riff.player.isMoving")
        stood = self.page.run("riff.player.position")
        time.sleep(0.3)
        self.assertEqual(self.page.run("riff.player.position"), stood)
        self.page.click("#play")
        self.page.wait(f"riff.player.position > {stood}")

    def test_new_prompt_is_heard(self) -> None:
        self.open()
        self.play("church bells")
        self.page.wait("riff.player.position > 48000")
        self.page.type("#prompt", "techno drum beat")
        self.page.key("Enter")
        asked = time.monotonic()
        self.page.wait("document.getElementById('now-title').textContent === 'techno drum beat' && document.body.dataset.state === 'playing'")
        print(f"new prompt to heard {1000 * (time.monotonic() - asked):.0f} ms", file=sys.stderr)

    def test_queue(self) -> None:
        self.open()
        self.page.run("riff.settings.set('hold', '2'); riff.settings.set('seconds', '4')")
        self.play("church bells")
        self.page.type("#prompt", "harp, dreamy")
        self.page.key("Enter", shift=True)
        self.assertEqual(self.page.run("riff.queue.length"), 1)
        self.page.wait("document.getElementById('now-title').textContent === 'harp, dreamy'", 40)
        self.assertEqual(self.page.run("riff.queue.length"), 0)

    def test_takes_and_downloads(self) -> None:
        self.open()
        self.locks_seed(11, "3")
        self.page.run("riff.useJams(false)")
        self.play("harp, dreamy")
        self.page.click("#tab-takes")
        self.page.wait("document.querySelector('.take')?.textContent.includes('seed 11')")
        with tempfile.TemporaryDirectory() as folder:
            self.browser.send("Browser.setDownloadBehavior", behavior="allow", downloadPath=folder)
            for form, sign in (("wav", b"RIFF"), ("flac", b"fLaC"), ("opus", b"OggS")):
                self.page.run(f"[...document.querySelectorAll('.take')].find((t) => t.textContent.includes('seed 11')).querySelector"
                              f"('.actions button:nth-child({('opus', 'wav', 'flac').index(form) + 1})').click()", gesture=True)
                file = f"{folder}/harp-dreamy-11.{form}"
                until = time.monotonic() + 20
                while not os.path.exists(file):
                    self.assertLess(time.monotonic(), until, os.listdir(folder))
                    time.sleep(0.05)
                with open(file, "rb") as opened:
                    self.assertEqual(opened.read(4), sign)
                found = subprocess.run([f"{PROGRAMS}/riff", "info", file], capture_output=True, text=True, check=True).stdout
                self.assertIn("harp, dreamy", found)
                self.assertIn("11", found)

    def test_link_in_a_fresh_profile(self) -> None:
        self.open()
        self.page.run("riff.useJams(false)")
        self.locks_seed(42, "3")
        self.play("church bells on sunday")
        self.page.click("#link")
        fragment = self.page.run("location.hash")
        self.assertIn("seed", fragment)
        self.assertNotIn("enter", fragment)
        first = self.page.run("riff.player.listen(9600).then(({heard, from}) => ({from, heard: Array.from(heard)}))")
        other = Chromium()
        try:
            page = other.page()
            # Without the cookie: the page keeps the fragment and says what to type.
            page.open(f"{self.stand.origin}/{fragment}")
            self.assertIn(f"riff web '{self.stand.origin}/#", page.wait("!document.getElementById('locked').hidden && document.getElementById('locked-command').textContent"))
            page.send("Page.navigate", url="about:blank")
            page.open(self.stand.line_from_door() + "&" + fragment[1:])
            self.assertFalse(page.run("!document.getElementById('locked').hidden"))
            page.click("#play")
            page.wait("riff.measures.sound !== null")
            again = page.run("riff.player.listen(9600).then(({heard, from}) => ({from, heard: Array.from(heard)}))")
            begin = max(first["from"], again["from"])
            count = min(first["from"], again["from"]) + 9600 - begin
            if count > 0:
                self.assertEqual(first["heard"][begin - first["from"] :][:count], again["heard"][begin - again["from"] :][:count])
            self.assertEqual(page.run("riff.timeline.marks[0].detail"), "seed 42")
        finally:
            other.close()

    def test_daemon_lost_and_back(self) -> None:
        self.allowed = ["502"]
        self.open()
        self.play("church bells")
        self.stand.stop_daemon()
        try:
            self.page.wait("document.getElementById('health').dataset.health === 'lost'", 20)
            self.assertIn("No riffd is running", self.page.run("document.getElementById('notice').textContent"))
        finally:
            self.stand.start_daemon()
        self.page.wait("document.getElementById('health').dataset.health === 'ready'", 20)
        self.play("harp")

    def test_bad_words_come_from_the_daemon(self) -> None:
        self.open()
        self.page.run("riff.settings.set('steps', '5000')")
        self.page.type("#prompt", "bells")
        self.page.click("#now-button")
        self.page.wait("document.getElementById('notice').textContent.includes('steps must be 1 to 1000')")
        self.page.run("riff.settings.set('steps', '')")

    def test_closed_tab_ends_its_job(self) -> None:
        self.open()
        self.page.run("riff.settings.set('seconds', '600'); riff.settings.set('steps', '200')")
        self.page.type("#prompt", "bells")
        self.page.click("#now-button")
        self.page.wait("fetch('/api/status', {headers: {'x-riff-secret': localStorage.getItem('riff-secret')}}).then((a) => a.json()).then((s) => s.jobs?.length > 0)")
        self.page.run("riff.settings.set('seconds', '10'); riff.settings.set('steps', '')")
        self.page.send("Page.navigate", url="about:blank")
        until = time.monotonic() + 10
        while True:
            found = subprocess.run([f"{PROGRAMS}/riff", "--socket", self.stand.socket, "--json", "status"], capture_output=True, text=True).stdout
            if '"jobs":' not in found:
                break
            self.assertLess(time.monotonic(), until, found)
            time.sleep(0.1)

    def clip(self, folder: str, seconds: int = 6) -> str:
        """A clip of this daemon's, as somebody's file."""
        file = f"{folder}/clip.flac"
        subprocess.run(
            [f"{PROGRAMS}/riff", "--socket", self.stand.socket, "generate", "funk bassline", "--seed", "3", "--duration", str(seconds),
             "-o", file, "--quiet"],
            check=True, env=self.stand.environment,
        )
        return file

    def test_clip_before_and_after(self) -> None:
        self.open()
        with tempfile.TemporaryDirectory() as folder:
            self.page.click("#tab-clip")
            self.page.upload("#clip-file", self.clip(folder))
            self.page.wait("riff.clip.before !== null")
            self.assertEqual(self.page.run("riff.clip.before.frames"), 6 * 48000)
            self.page.type("#clip-prompt", "gospel choir with organ")
            self.page.run("document.getElementById('clip-strength').value = 0; document.getElementById('clip-make').click()", gesture=True)
            self.page.wait("document.getElementById('clip-progress').textContent.startsWith('Made')", 60)
            # At strength 0 with the groove kept it is the clip.
            self.assertEqual(self.page.run("riff.clip.after.frames"), 6 * 48000)
            near = self.page.run(
                "(() => { const [a, b] = [riff.clip.before.from(0), riff.clip.after.from(0)]; let ab = 0, aa = 0, bb = 0;"
                " a.forEach((v, i) => { ab += v * b[i]; aa += v * v; bb += b[i] * b[i]; }); return ab / Math.sqrt(aa * bb); })()"
            )
            self.assertGreater(near, 0.99)
            # One cursor: the other side goes on where this one was.
            self.page.wait("riff.player.position - riff.timeline.marks.at(-1).frame > 48000")
            self.page.click("#clip-before")
            self.page.wait("riff.timeline.marks.at(-1).detail === 'before' && riff.player.isMoving")
            left = self.page.run("(riff.player.written - riff.timeline.marks.at(-1).frame) / 48000")
            self.assertLess(left, 5.2)
            self.assertGreater(left, 0.5)

    def test_mask_by_brush(self) -> None:
        self.open()
        with tempfile.TemporaryDirectory() as folder:
            self.page.click("#tab-clip")
            self.page.upload("#clip-file", self.clip(folder))
            self.page.wait("riff.clip.before !== null")
            self.page.type("#clip-prompt", "church bells")
            self.page.click("#clip-brush")
            self.page.wait("document.querySelector('#mask-area img')?.complete")
            self.page.run("document.getElementById('mask').scrollIntoView({block: 'center'})")
            x, y, w, h = self.page.run("(() => { const b = document.getElementById('mask').getBoundingClientRect(); return [b.x, b.y, b.width, b.height]; })()")
            self.page.drag((x + w * 0.6, y + h * 0.2), *[(x + w * 0.6 + 4 * i, y + h * (0.2 + 0.06 * i)) for i in range(1, 11)])
            brushed = self.page.run("document.getElementById('mask').getContext('2d').getImageData(0, 0, 256, 256).data.filter((v, i) => i % 4 === 3 && v > 0).length")
            self.assertGreater(brushed, 500)
            self.page.run("document.getElementById('clip-make').click()", gesture=True)
            self.page.wait("document.getElementById('clip-progress').textContent.startsWith('Made')", 60)

    def test_what_is_no_sound_is_said_in_the_daemons_words(self) -> None:
        self.open()
        with tempfile.TemporaryDirectory() as folder:
            file = f"{folder}/notes.wav"
            with open(file, "w") as notes:
                notes.write("these are notes\n" * 1000)
            self.page.click("#tab-clip")
            self.page.upload("#clip-file", file)
            self.page.wait("!document.getElementById('clip-work').hidden")
            self.page.type("#clip-prompt", "bells")
            self.page.run("document.getElementById('clip-make').click()", gesture=True)
            words = self.page.wait("!document.getElementById('notice').hidden && document.getElementById('notice').textContent")
            self.assertTrue(words.startswith("notes.wav: "), words)
            self.assertIn("this is none of WAV, FLAC, MP3", words)

    def test_microphone(self) -> None:
        self.open()
        self.page.click("#tab-clip")
        self.page.click("#clip-record")
        self.page.wait("/Stop \\([1-9]/.test(document.getElementById('clip-record').textContent)", 30)
        self.page.click("#clip-record")
        self.page.wait("riff.clip.before !== null && riff.clip.before.frames > 40000")
        # Chromium's false microphone beeps.
        self.assertGreater(self.page.run("riff.clip.before.from(0).reduce((a, b) => Math.max(a, Math.abs(b)), 0)"), 0.01)

    def test_surface(self) -> None:
        self.open()
        self.page.run("riff.surface.setPrompts([{prompt: 'church bells', weight: 1}, {prompt: 'techno drum beat', weight: 1}])")
        x, y = self.page.place("#cursor")
        box = self.page.run("(() => { const b = document.getElementById('surface').getBoundingClientRect(); return [b.x, b.y, b.width, b.height]; })()")
        self.page.drag((x, y), (box[0] + box[2] * 0.5, box[1] + box[3] * 0.2), (box[0] + box[2] * 0.5, box[1] + box[3] * 0.15))
        weights = {each["prompt"]: each["weight"] for each in self.page.run("riff.surface.prompts()")}
        self.assertGreater(weights["church bells"], 0.9)
        before = self.page.run("riff.surface.cursor.x")
        self.page.run("document.getElementById('cursor').focus()")
        self.page.key("ArrowRight")
        self.assertAlmostEqual(self.page.run("riff.surface.cursor.x"), before + 0.025, places=5)
        # It is still there in the next visit.
        self.page.open(self.stand.origin + "/?again")
        self.assertEqual(len(self.page.run("riff.surface.points")), 2)

    def test_reduced_motion_is_flat(self) -> None:
        self.page.prepare(1280, 800, True, True)
        self.open()
        self.assertEqual(self.page.run("riff.timeline.view.kind"), "flat")

    def test_jam(self) -> None:
        """One call that does not stop: changes on its beat, its lead measured from the playhead."""
        self.open()
        self.page.run("riff.settings.set('locksSeed', false)")
        self.play("techno drum beat, 120 bpm")
        if not self.page.run("riff.jam.isRunning"):
            self.skipTest("this daemon has no jams")
        self.page.wait("riff.player.position > 3 * 48000")
        self.page.type("#prompt", "church bells")
        self.page.key("Enter")
        self.page.wait("riff.measures.changes.length > 0")
        change = self.page.run("riff.measures.changes[0]")
        self.page.wait(f"riff.player.position >= {change['at']}")
        heard = self.page.run(f"performance.now() - {change['asked']}")
        print(f"jam: new prompt to heard {heard:.0f} ms", file=sys.stderr)
        self.page.wait("document.getElementById('now-title').textContent === 'church bells'")
        # The surface steers the same call.
        self.page.run("riff.surface.moveCursor(0.2, 0.2)")
        self.page.wait("riff.measures.changes.length > 1")
        self.page.wait("riff.player.position > 10 * 48000", 40)
        # Two cores that others use, too, may be late: a figure, not a test.
        print(f"jam: {self.page.run('riff.player.underruns')} underruns in 10 s", file=sys.stderr)
        # The daemon runs half a second ahead of what is heard, and one window of its own at most.
        self.assertLess(self.page.run("riff.player.ahead"), 3)
        found = subprocess.run([f"{PROGRAMS}/riff", "--socket", self.stand.socket, "--json", "status"], capture_output=True, text=True).stdout
        self.assertEqual(found.count('"method":"Jam"'), 1)

    def test_second_tab_plays_its_own(self) -> None:
        self.open()
        self.play("church bells")
        other = self.browser.page()
        try:
            # The same browser: the cookie and the secret are there already.
            other.open(self.stand.origin + "/")
            other.type("#prompt", "harp")
            other.click("#now-button")
            other.wait("riff.measures.sound !== null")
            self.assertEqual(other.faults(), [])
        finally:
            other.send("Page.close")
        self.assertTrue(self.page.run("riff.player.written > 0"))

    def test_another_ports_page_gets_nothing(self) -> None:
        """A page of another port of this host is of the same site: the browser sends it our cookie."""
        self.open()
        other = Stand()
        try:
            self.allowed = ["403", "CORS", "ERR_FAILED", "ERR_BLOCKED", "violates"]
            self.page.open(other.line_from_door())
            seen = self.page.run(
                f"Promise.all(['/api/status', '/api/generate', '/'].map((path) => fetch('{self.stand.origin}' + path, {{method: path.endsWith('generate') ? "
                "'POST' : 'GET', credentials: 'include', body: path.endsWith('generate') ? '{\"prompt\":\"bells\"}' : undefined, mode: 'cors'})"
                ".then((a) => a.text(), () => 'nothing')))"
            )
            self.assertEqual(seen, ["nothing"] * 3)
        finally:
            other.close()
        # What it tried is outside of the other page's origin, and was not carried out.
        self.page.events.clear()

    def test_keyboard_and_names(self) -> None:
        self.open()
        nameless = self.page.run(
            "[...document.querySelectorAll('button, input, select, a, canvas[tabindex], [role=slider]')].filter((e) => !(e.getAttribute('aria-label')"
            " || e.textContent.trim() || e.labels?.length || e.title)).map((e) => e.outerHTML)"
        )
        self.assertEqual(nameless, [])
        self.page.run("document.activeElement.blur()")
        self.page.key("4")
        self.assertFalse(self.page.run("document.getElementById('pane-settings').hidden"))
        self.page.run("document.activeElement.blur()")
        self.page.key("/")
        self.assertEqual(self.page.run("document.activeElement.id"), "prompt")

    def test_every_control_has_a_name_for_screen_readers(self) -> None:
        self.open()
        with tempfile.TemporaryDirectory() as folder:
            for tab in ("steer", "clip", "takes", "settings"):
                self.page.run(f"document.getElementById('tab-{tab}').click()")
                if tab == "clip":
                    self.page.upload("#clip-file", self.clip(folder, 2))
                    self.page.wait("riff.clip.before !== null")
                    self.page.click("#clip-brush")
                    self.page.wait("document.querySelector('#mask-area img')?.complete")
                self.assertEqual(self.page.nameless(), [], tab)

    def test_every_shortcut_does_what_its_list_says(self) -> None:
        self.open()
        self.page.run("riff.settings.set('kind', 'pieces'); riff.settings.set('seconds', '30')")

        def press(key: str, shift: bool = False) -> None:
            self.page.run("document.activeElement.blur()")
            self.page.key(key, shift)

        press("?", shift=True)
        self.assertTrue(self.page.run("document.getElementById('shortcuts').open"))
        # Whoever adds a shortcut to the list adds it here, too.
        listed = self.page.run("[...document.querySelectorAll('#shortcuts dt')].map((e) => e.textContent.replace(/\\s+/g, ' '))")
        self.assertEqual(listed, ["Space", "/", "Enter", "Shift Enter", "D", "N", "R", "L", "1 to 4", "← → ↑ ↓"])
        self.page.run("document.getElementById('shortcuts').close()")
        for key, pane in zip("1234", ("steer", "clip", "takes", "settings")):
            press(key)
            self.assertFalse(self.page.run(f"document.getElementById('pane-{pane}').hidden"), key)
        press("d")
        self.assertTrue(self.page.run("document.getElementById('prompt').value"))
        press("/")
        self.assertEqual(self.page.run("document.activeElement.id"), "prompt")
        self.page.type("#prompt", "church bells")
        self.page.key("Enter")
        self.page.wait("riff.measures.sound !== null")
        self.page.type("#prompt", "harp, dreamy")
        self.page.key("Enter", shift=True)
        self.assertEqual(self.page.run("riff.queue.length"), 1)
        press(" ")
        self.page.wait("riff.player.isPaused")
        press(" ")
        self.page.wait("!riff.player.isPaused")
        press("n")
        self.page.wait("document.getElementById('now-title').textContent === 'harp, dreamy' && riff.queue.length === 0")
        press("l")
        self.page.wait("location.hash.includes('harp')")
        self.page.wait("riff.player.position > 3 * 48000")
        before = self.page.run("riff.player.position")
        press("r")
        self.page.wait(f"riff.player.position < {before} - 48000")

    def test_a_midi_controller_moves_cursor_and_strength(self) -> None:
        self.page.before_scripts(
            "globalThis.wheel = {name: 'Wheel One'}; globalThis.midiAccess = {inputs: new Map([['1', globalThis.wheel]])};"
            " navigator.requestMIDIAccess = async () => globalThis.midiAccess;"
        )
        self.open()
        self.page.run("riff.surface.setPrompts([{prompt: 'church bells', weight: 1}, {prompt: 'techno', weight: 1}])")
        self.page.click("#midi")
        self.page.wait("document.getElementById('notice').textContent.startsWith('Listening to Wheel One')")

        def turn(controller: int, value: int) -> None:
            self.page.run(f"globalThis.wheel.onmidimessage({{data: new Uint8Array([0xb3, {controller}, {value}])}})")

        turn(1, 127)
        self.assertEqual(self.page.run("riff.settings.values.strength"), "1")
        turn(1, 0)
        self.assertEqual(self.page.run("riff.settings.values.strength"), "0.1")
        # It is seen where it is set by hand.
        self.assertEqual(self.page.run("document.getElementById('set-strength').value"), "0.1")
        turn(20, 127)
        turn(21, 127)
        self.assertEqual(self.page.run("[riff.surface.cursor.x, riff.surface.cursor.y]"), [1, 0])
        turn(20, 0)
        self.assertEqual(self.page.run("[riff.surface.cursor.x, riff.surface.cursor.y]"), [0, 0])
        # Notes are not controllers; one that is connected later is heard.
        self.page.run("globalThis.wheel.onmidimessage({data: new Uint8Array([0x90, 20, 127])})")
        self.assertEqual(self.page.run("riff.surface.cursor.x"), 0)
        self.page.run(
            "globalThis.second = {name: 'Two'}; midiAccess.inputs.set('2', globalThis.second); midiAccess.onstatechange();"
            " globalThis.second.onmidimessage({data: new Uint8Array([0xb0, 1, 64])})"
        )
        self.assertEqual(self.page.run("riff.settings.values.strength"), "0.55")
        self.page.run("riff.settings.set('strength', '')")

    def test_without_midi_it_says_so(self) -> None:
        self.page.before_scripts("navigator.requestMIDIAccess = undefined;")
        self.open()
        self.page.click("#midi")
        self.page.wait("document.getElementById('notice').textContent.includes('has no MIDI')")

    def test_a_missing_sound_device_is_said(self) -> None:
        """As Firefox does without one, the browser never starts the sound."""
        self.page.before_scripts("AudioContext.prototype.resume = () => new Promise(() => {});")
        self.open()
        self.page.type("#prompt", "bells")
        self.page.click("#now-button")
        self.page.wait("document.getElementById('notice').textContent.includes('Is there a sound device?')")

    def test_sleep_is_noticed(self) -> None:
        self.open()
        self.page.run("riff.useJams(false)")
        self.play("church bells")
        self.page.run("(() => { const now = Date.now; Date.now = () => now() + 3600e3; })()")
        self.page.wait("document.getElementById('notice').textContent.includes('slept for 60:')")
        # Something said in passing does not take its place for good.
        self.page.click("#midi")
        self.page.wait("!document.getElementById('notice').textContent.includes('slept')")
        self.page.wait("document.getElementById('notice').textContent.includes('slept for 60:')")

    def test_settings_of_a_loop_reach_the_daemon(self) -> None:
        self.open()
        self.page.click("#tab-settings")
        for name, value in (("kind", "loop"), ("bpm", "120"), ("bars", "2"), ("lora", "warm"), ("loraWeight", "0.8")):
            self.page.run(
                f"(() => {{ const e = document.getElementById('set-{name}'); e.value = '{value}'; e.dispatchEvent(new Event('change')); }})()"
            )
        try:
            self.page.type("#prompt", "techno drum beat")
            self.page.key("Enter")
            # No LoRA has that name, in the daemon's words.
            self.page.wait("document.getElementById('notice').textContent.toLowerCase().includes('lora')")
        finally:
            self.page.run("for (const n of ['bpm', 'bars', 'lora']) riff.settings.set(n, ''); riff.settings.set('kind', 'jam'); riff.settings.set('loraWeight', '1')")
        (request,) = self.page.bodies("/api/generate")
        self.assertEqual(
            {name: request.get(name) for name in ("loop", "bpm", "bars", "loras", "durationSeconds")},
            {"loop": True, "bpm": 120, "bars": 2, "loras": [{"name": "warm", "weight": 0.8}], "durationSeconds": None},
        )

    def test_a_loop_goes_round_without_a_seam(self) -> None:
        self.open()
        self.page.run("for (const [n, v] of [['kind', 'loop'], ['bpm', '120'], ['bars', '1']]) riff.settings.set(n, v)")
        self.play("techno drum beat")
        length = 96_000
        heard = self.page.run(f"riff.player.listen({length + 9600}).then(({{heard, from}}) => ({{from, heard: Array.from(heard)}}))")
        self.assertGreater(max(map(abs, heard["heard"])), 0.01)
        # A round later, to the sample, the same is heard; it is one piece, not made again.
        self.assertEqual(heard["heard"][:9600], heard["heard"][length:])
        self.page.wait(f"riff.player.position > {4 * length}")
        self.assertEqual(self.page.run("riff.player.underruns"), 0)
        self.assertEqual(len(self.page.bodies("/api/generate")), 1)
        # What comes next takes its turn all the same.
        self.page.type("#prompt", "church bells")
        self.page.key("Enter", shift=True)
        self.page.wait("document.getElementById('now-title').textContent === 'church bells'")

    def test_a_clip_is_continued(self) -> None:
        self.open()
        with tempfile.TemporaryDirectory() as folder:
            self.page.click("#tab-clip")
            self.page.upload("#clip-file", self.clip(folder, 4))
            self.page.wait("riff.clip.before !== null")
            self.page.type("#clip-prompt", "gospel choir")
            self.page.run("document.getElementById('clip-extend').value = 2")
            for is_before in (False, True):
                self.page.run(
                    f"document.getElementById('clip-progress').textContent = ''; document.getElementById('clip-extend-before').checked = {str(is_before).lower()};"
                    "document.getElementById('clip-make').click()", gesture=True,
                )
                self.page.wait("document.getElementById('clip-progress').textContent.startsWith('Made')", 60)
                self.assertEqual(self.page.run("riff.clip.after.frames"), 6 * 48000)
                # The clip itself is in it, where it belongs.
                near = self.page.run(
                    f"(() => {{ const [a, b] = [riff.clip.before.from(24000, 96000), riff.clip.after.from(24000 + {96000 if is_before else 0}, 96000)]; let ab = 0, aa = 0, bb = 0;"
                    " a.forEach((v, i) => { ab += v * b[i]; aa += v * v; bb += b[i] * b[i]; }); return ab / Math.sqrt(aa * bb); })()"
                )
                self.assertGreater(near, 0.99)

    def test_fits_from_320_to_4k(self) -> None:
        self.open()
        for width, height in ((320, 640), (390, 844), (768, 1024), (1280, 720), (3840, 2160)):
            self.page.resize(width, height)
            for tab in ("steer", "clip", "takes", "settings"):
                self.page.run(f"document.getElementById('tab-{tab}').click()")
                self.assertLessEqual(self.page.run("document.documentElement.scrollWidth"), width, f"{width} {tab}")
                wide = self.page.run(
                    f"[...document.querySelectorAll('#pane-{tab} *')].filter((e) => e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.outerHTML.slice(0, 90))"
                )
                self.assertEqual(wide, [], f"{width} {tab}")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], "-v", *sys.argv[1:]])
