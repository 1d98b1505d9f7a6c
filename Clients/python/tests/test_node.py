"""Tables, manifests, and a node's painter, with real daemons; Ray itself is not needed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

from test_riff import RIFFD, DaemonTest

import riff
from riff.manifest import Manifest
from riff.messages import Keep, OutputFormat
from riff.node import RETRIED, Made, NodeDaemon, NodeError, NodeOptions, Painter, _delay
from riff.rows import Row, TableError, read_table


class Tables(unittest.TestCase):
    def setUp(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name)
        self.addCleanup(self._folder.cleanup)

    def table(self, text: str) -> Path:
        path = self.folder / "table.csv"
        path.write_text(text, encoding="utf-8")
        return path

    def test_columns_become_fields(self) -> None:
        (self.folder / "song.wav").write_bytes(b"sound")
        rows = read_table(
            self.table(
                "prompt,seed,duration_seconds,loop,clip,strength,keep,split\n"
                'church bells,7,2.5,,,,,train\n"rain, softly",,,true,song.wav,0.5,nothing,test\n'
            )
        )
        self.assertEqual(
            rows[0], Row(0, "church bells", {"seed": 7, "duration_seconds": 2.5}, others={"split": "train"})
        )
        self.assertEqual(rows[1].clip, self.folder / "song.wav")
        self.assertEqual(rows[1].fields, {"loop": True, "strength": 0.5, "keep": Keep.NOTHING})
        self.assertEqual(rows[1].loaded().clip, b"sound")

    def test_what_is_wrong_is_told_with_its_place(self) -> None:
        for text, words in (
            ("prompt,steps\nbells,many\n", "line 2, column steps: expected a whole number, found 'many'"),
            ("prompt,steps\nbells,4\nharp,1.5\n", "line 3, column steps"),
            ("prompt,clip\nbells,none.wav\n", "line 2: there is no file"),
            ("prompt,strength\nbells,0.5\n", "strength needs a clip"),
            ("words\nbells\n", "must have a column named prompt; it has words"),
            ("prompt,seed\nbells\n", "more or fewer values"),
            ("prompt,keep\nbells,beat\n", "expected groove or nothing, found 'beat'"),
        ):
            with self.subTest(text), self.assertRaises(TableError) as caught:
                read_table(self.table(text))
            self.assertIn(words, str(caught.exception))

    def test_a_manifest_goes_on_after_a_crash(self) -> None:
        table = self.table("prompt\na\nb\nc\n")
        rows, out = read_table(table), self.folder / "out"
        with Manifest(out, table, rows, "opus", 40) as manifest:
            self.assertEqual(manifest.seeded(rows[2]).fields["seed"], 42)
            manifest.add(rows[0], Made(b"sound", 40, 1.0), "here")
            manifest.add(rows[1], Made(b"more", 41, 1.0), "here")
            # Nobody else works here meanwhile.
            with self.assertRaisesRegex(TableError, "another run works"):
                Manifest(out, table, rows, "opus", 40)
        # A torn line, a torn file, and a file that is gone.
        with (out / "manifest.jsonl").open("ab") as file:
            file.write(b'{"row": 2, "fi')
        (out / ".000002.opus.riff-abc").write_bytes(b"half")
        (out / "000000.opus").unlink()
        with Manifest(out, table, rows, "opus", None) as manifest:
            self.assertEqual([row.number for row in manifest.rest], [0, 2])
            self.assertEqual(manifest.seed, 40)
            manifest.add(rows[2], Made(error="INVALID_ARGUMENT: no"), "there")
            manifest.add(rows[0], Made(b"sound", 40, 1.0), "there")
            self.assertEqual(manifest.failed, {2: "INVALID_ARGUMENT: no"})
            manifest.finish()
        self.assertEqual(sorted(path.name for path in out.iterdir()), ["000000.opus", "000001.opus", "manifest.jsonl"])
        lines = (out / "manifest.jsonl").read_text().splitlines()
        self.assertEqual(len(lines), 4)
        self.assertIn('"node": "there"', lines[1])

    def test_a_folder_of_something_else_is_left_alone(self) -> None:
        table = self.table("prompt\na\n")
        rows, out = read_table(table), self.folder / "out"
        out.mkdir()
        (out / "000000.opus").write_bytes(b"mine")
        with self.assertRaisesRegex(TableError, "not empty"):
            Manifest(out, table, rows, "opus", 1)
        self.assertEqual([path.name for path in out.iterdir()], ["000000.opus"])
        other = self.folder / "other"
        Manifest(other, table, rows, "opus", 1).__exit__(None, None, None)
        for suffix, seed in (("flac", 1), ("opus", 2)):
            with self.assertRaisesRegex(TableError, "holds another run"):
                Manifest(other, table, rows, suffix, seed)


class Node(DaemonTest):
    def test_a_painter_starts_its_own_daemon_again(self) -> None:
        painter = Painter(NodeOptions(RIFFD, threads=1), OutputFormat.OGG_OPUS)
        try:
            row = Row(0, "harp", {"steps": 2, "seed": 5})
            first = painter.make(row)
            self.assertEqual((first.data[:4], first.seed, first.error), (b"OggS", 5, ""))
            pid = painter._daemon.client().status().pid
            # Killed in the middle of a job: that job is made again, to the byte.
            killer = threading.Thread(target=self.kill_at_work, args=(painter, pid))
            killer.start()
            long = Row(1, "harp", {"steps": 40, "seed": 6, "duration_seconds": 10.0})
            again = painter.make(long)
            killer.join()
            self.assertGreater(again.attempts, 1)
            self.assertNotEqual(painter._daemon.client().status().pid, pid)
            self.assertEqual(again.data, painter.make(long).data)
        finally:
            painter.close()

    def kill_at_work(self, painter: Painter, pid: int) -> None:
        while not painter._daemon.client().status().jobs:
            time.sleep(0.01)
        os.kill(pid, signal.SIGKILL)

    def test_a_full_daemon_is_asked_again(self) -> None:
        jobs = []
        with self.assertRaises(riff.RiffError) as full:
            while True:
                job = iter(self.client().generate("harp", steps=1000, duration_seconds=60))
                next(job)
                jobs.append(job)
        self.assertIn(full.exception.code, RETRIED)
        waits: list[float] = []

        def wait(seconds: float) -> None:
            waits.append(seconds)
            for job in jobs:
                job.close()  # type: ignore[attr-defined]
            jobs.clear()
            while self.client().status().jobs:
                time.sleep(0.02)

        made = Painter(NodeOptions(socket=self.socket), OutputFormat.OGG_OPUS, wait).make(Row(0, "harp", {"steps": 2}))
        self.assertEqual((made.error, made.attempts, made.data[:4]), ("", 2, b"OggS"))
        self.assertGreater(waits[0], 0)

    def test_a_wait_is_what_the_daemon_asks_for_or_grows(self) -> None:
        self.assertTrue(all(3 <= _delay(1, 3.0) <= 3.75 for _ in range(100)))
        self.assertTrue(all(2 <= _delay(4, None) <= 4 for _ in range(100)))
        self.assertTrue(all(_delay(40, None) <= 30 for _ in range(100)))

    def test_what_is_refused_is_not_asked_again(self) -> None:
        made = Painter(NodeOptions(socket=self.socket), OutputFormat.OGG_OPUS).make(Row(0, "harp", {"steps": 5000}))
        self.assertEqual((made.attempts, made.data), (1, b""))
        self.assertIn("steps must be 1 to 1000", made.error)

    def test_a_clip_is_painted_over_as_a_whole(self) -> None:
        clip = self.client().generate("harp", seed=1, steps=2, duration_seconds=7).clip()
        painter = Painter(NodeOptions(socket=self.socket), OutputFormat.OGG_OPUS)
        fields = {"strength": 0.3, "steps": 4, "seed": 3}
        whole = painter.make(Row(0, "bells", fields, clip.data, "harp.opus"))
        self.assertEqual(whole.error, "")
        self.assertAlmostEqual(whole.seconds, 7, delta=0.01)
        part = painter.make(Row(0, "bells", {**fields, "start_seconds": 1.0, "clip_seconds": 2.0}, clip.data))
        self.assertAlmostEqual(part.seconds, 2, delta=0.01)

    def test_a_program_that_is_missing(self) -> None:
        with self.assertRaisesRegex(NodeError, "not found"):
            NodeDaemon(NodeOptions("/nonexistent/riffd")).client()

    def test_the_daemon_ends_with_its_process(self) -> None:
        script = (
            "import sys, os, signal; from riff.node import *; d = NodeDaemon(NodeOptions(sys.argv[1]));"
            "print(d.client().status().pid, d._place, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
        )
        found = subprocess.run([sys.executable, "-c", script, RIFFD], capture_output=True, text=True)
        pid, place = found.stdout.split()
        until = time.monotonic() + 20
        while Path(f"/proc/{pid}").exists() or Path(place).parent.exists():
            self.assertLess(time.monotonic(), until)
            time.sleep(0.05)


if __name__ == "__main__":
    unittest.main()
