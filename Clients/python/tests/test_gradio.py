"""The demo page: a real gradio server, spoken to by gradio's own client."""

from __future__ import annotations

import array
import contextlib
import os
import re
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import warnings
import wave
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from test_riff import DaemonTest

import riff
from riff.gradio import Pieces

with warnings.catch_warnings():
    # gradio's own libraries warn of each other.
    warnings.simplefilter("ignore")
    import gradio_client


class Trap(socketserver.ThreadingTCPServer):
    """A proxy that notes what is asked of it, and goes nowhere."""

    allow_reuse_address = daemon_threads = True

    def __init__(self) -> None:
        self.asked: list[str] = []
        trap = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                trap.asked.append(self.rfile.readline().decode(errors="replace"))

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Page(DaemonTest):
    trap: Trap
    server: subprocess.Popen[str]
    url: str
    gradio: Any

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.trap = Trap()
        proxy = f"http://127.0.0.1:{cls.trap.server_address[1]}"
        cls.server = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "riff.gradio", "--port", "0", "--socket", cls.socket],
            stdout=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), proxy),
                "NO_PROXY": "127.0.0.1,localhost",
            },
        )
        assert cls.server.stdout is not None
        cls.url = cls.server.stdout.readline().strip()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            cls.gradio = gradio_client.Client(cls.url, verbose=False, download_files=tempfile.mkdtemp(dir=cls.folder))

    @classmethod
    def tearDownClass(cls) -> None:
        with contextlib.suppress(Exception):
            cls.gradio.close()
        cls.server.terminate()
        cls.server.wait(20)
        assert cls.server.stdout is not None
        cls.server.stdout.close()
        cls.trap.shutdown()
        cls.trap.server_close()
        super().tearDownClass()

    def download(self, file: dict[str, Any]) -> bytes:
        with urlopen(file["url"]) as answer:
            return bytes(answer.read())

    def make(self, *values: Any) -> Any:
        """prompt, negative, seconds, seed, upload, strength, keep groove"""
        return self.gradio.submit(*values, api_name="/make")

    def test_the_address_is_loopback(self) -> None:
        self.assertRegex(self.url, r"^http://127\.0\.0\.1:\d+/$")
        with urlopen(self.url) as page:
            text = page.read().decode()
        self.assertIn("riff", text)
        # Whatever the page itself loads comes from here.
        self.assertEqual(re.findall(r'<(?:script|link)[^>]*(?:src|href)="(https?://(?!127\.0\.0\.1)[^"]*)"', text), [])

    def test_other_sites_pages_get_nothing(self) -> None:
        for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}):
            with self.subTest(headers), self.assertRaises(HTTPError) as refused:
                urlopen(Request(self.url, headers=headers))
            with refused.exception as answer:
                self.assertEqual(answer.code, 403)

    def test_sound_streams_and_is_the_daemons(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            client = gradio_client.Client(self.url, verbose=False, download_files=False)
        job = client.submit("church bells", "", 3, "7", None, 0.6, True, api_name="/make")
        sound, picture, file, seed, status = job.result()
        self.assertEqual(seed, "7")
        self.assertIn("3.00 s by riff-mini, seed 7", status)
        wanted = riff.Client(self.socket).generate(
            "church bells", duration_seconds=3, seed=7, output=riff.OutputFormat.WAV,
            sample_format=riff.SampleFormat.S16, want_spectrogram=True,
        ).clip()
        self.assertEqual(Path(file["path"]).name, "church-bells-7.wav")
        self.assertEqual(self.download(file), wanted.data)
        self.assertEqual(self.download(picture)[1:4], b"PNG")
        # What was streamed is that sound, through the codec that browsers take for streams.
        heard = subprocess.run(
            ["ffmpeg", "-v", "error", "-i", sound["url"], "-f", "s16le", "-ac", "1", "-ar", "48000", "-"],
            capture_output=True,
            check=True,
        ).stdout
        self.assertGreater(len(heard) / 2, 2.8 * 48_000)
        self.assertLess(len(heard) / 2, 3.3 * 48_000)
        self.assertGreater(max(map(abs, array.array("h", heard))), 300)
        # It came in pieces, as it was made.
        self.assertGreater(self.download(sound).count(b".aac"), 1)
        client.close()

    def test_an_upload_is_painted_over(self) -> None:
        path = Path(self.folder, "clip.wav")
        clip = self.client().generate("harp", seed=3, duration_seconds=4, output=riff.OutputFormat.WAV).clip()
        clip.save(path)
        # Strength 0 with the groove kept is the clip itself.
        file = self.make("gospel choir", "", 2, "1", gradio_client.handle_file(path), 0, True).result()[2]
        samples = array.array("h", Path(file).read_bytes()[-2 * 96_000 :])
        given = array.array("f", clip.data[-4 * 4 * 48_000 :])[:96_000]
        self.assertGreater(correlation([value / 32768 for value in samples], list(given)), 0.99)

    def test_stop_ends_the_daemons_job(self) -> None:
        job = self.make("rain", "", 60, "5", None, 0.6, True)
        client = riff.Client(self.socket)
        self.wait(lambda: bool(client.status().jobs))
        cancelled = client.status().jobs_cancelled
        job.cancel()
        self.wait(lambda: not client.status().jobs)
        self.assertEqual(client.status().jobs_cancelled, cancelled + 1)

    def test_a_refusal_is_in_the_daemons_words(self) -> None:
        with self.assertRaises(gradio_client.exceptions.AppError) as caught:
            self.make("  ", "", 3, "7", None, 0.6, True).result()
        self.assertIn("prompt", str(caught.exception))
        for seed in ("seven", "-1", str(1 << 64)):
            with self.assertRaisesRegex(gradio_client.exceptions.AppError, "whole number"):
                self.make("harp", "", 3, seed, None, 0.6, True).result()

    def test_without_a_seed_it_is_drawn_by_chance(self) -> None:
        seeds = {self.make("harp", "", 1, "", None, 0.6, True).result()[3] for _ in range(2)}
        self.assertEqual(len(seeds), 2)

    def test_nothing_outside_is_asked(self) -> None:
        self.make("harp", "", 1, "7", None, 0.6, True).result()
        self.assertEqual(self.trap.asked, [])

    def wait(self, condition: Any) -> None:
        until = time.monotonic() + 30
        while not condition():
            self.assertLess(time.monotonic(), until)
            time.sleep(0.02)


class Alone(unittest.TestCase):
    def test_no_daemon_is_said(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            found = subprocess.run(
                [sys.executable, "-m", "riff.gradio", "--port", "0", "--socket", f"{folder}/riffd.sock"],
                capture_output=True, text=True,
            )
        self.assertEqual(found.returncode, 1)
        self.assertIn("any riff command starts a daemon", found.stderr)

    def test_pieces_join_to_the_sound(self) -> None:
        folder = tempfile.mkdtemp()
        whole = array.array("h", (value % 2000 - 1000 for value in range(2 * 150_001)))
        path = Path(folder, "whole.wav")
        with wave.open(str(path), "wb") as file:
            file.setparams((2, 2, 48_000, 0, "NONE", ""))
            file.writeframes(whole.tobytes())
        data, pieces, found = path.read_bytes(), Pieces(), []
        for at in range(0, len(data), 777):
            if piece := pieces.push(data[at : at + 777]):
                found.append(piece)
        if piece := pieces.rest():
            found.append(piece)
        self.assertGreater(len(found), 2)
        joined = b""
        for piece in found:
            part = Path(folder, "part.wav")
            part.write_bytes(piece)
            with wave.open(str(part)) as file:
                self.assertEqual(file.getparams()[:3], (2, 2, 48_000))
                joined += file.readframes(file.getnframes())
        self.assertEqual(joined, whole.tobytes())


def correlation(a: list[float], b: list[float]) -> float:
    product = sum(x * y for x, y in zip(a, b, strict=True))
    return product / (sum(x * x for x in a) * sum(y * y for y in b)) ** 0.5


if __name__ == "__main__":
    unittest.main()
