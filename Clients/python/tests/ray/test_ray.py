"""A cluster of three nodes on this machine, with a riffd each; one is killed on the way."""

from __future__ import annotations

import csv
import json
import os
import tempfile
import threading
import time
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

import ray
from ray.cluster_utils import Cluster

import riff
import riff.ray
from riff.ray import NodeOptions, Summary, TableError

RIFFD = os.environ.get("RIFFD", "riffd")
OPTIONS = NodeOptions(RIFFD, threads=1)
NODE = {"num_cpus": 1}


def daemons() -> set[int]:
    """Riffds that riff.node has started."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[0] == RIFFD.encode() and any(b"/riff-node-" in word for word in words):
                found.add(int(entry.name))
    return found


class ClusterTest(unittest.TestCase):
    cluster: Any
    others: list[Any]

    @classmethod
    def setUpClass(cls) -> None:
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        cls.before = daemons()
        cls.cluster = Cluster(initialize_head=True, head_node_args={**NODE, "include_dashboard": False})
        cls.others = [cls.cluster.add_node(**NODE) for _ in range(2)]
        cls.cluster.wait_for_nodes()
        ray.init(address=cls.cluster.address, log_to_driver=False, logging_level="error")

    @classmethod
    def tearDownClass(cls) -> None:
        ray.shutdown()
        cls.cluster.shutdown()
        until = time.monotonic() + 20
        while daemons() - cls.before:
            assert time.monotonic() < until, f"daemons are left: {daemons() - cls.before}"
            time.sleep(0.1)

    def setUp(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name)
        self.addCleanup(self._folder.cleanup)

    def table(self, rows: list[dict[str, Any]]) -> Path:
        path = self.folder / "table.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return path

    def lines(self, out: Path) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]

    def test_1_a_node_is_killed_on_the_way(self) -> None:
        count = 36
        prompts = ["harp", "church bells"] * (count // 2)
        table = self.table([{"prompt": words, "steps": 12, "note": f"n{n}"} for n, words in enumerate(prompts)])
        out = self.folder / "out"
        nodes: set[int] = set()
        killed = threading.Event()

        def progress(done: int, total: int, working: int) -> None:
            nodes.add(working)
            if done >= 8 and not killed.is_set():
                killed.set()
                self.cluster.remove_node(self.others.pop(), allow_graceful=False)

        summary = riff.ray.paint(table, out, seed=100, options=OPTIONS, progress=progress)
        self.assertEqual(summary, Summary(count, 0, {}))
        self.assertIn(3, nodes)
        head, *lines = self.lines(out)
        self.assertEqual((head["rows"], head["seed"]), (count, 100))
        # Exactly one file and one line a row, in order, and nothing else.
        self.assertEqual([line["row"] for line in lines], list(range(count)))
        self.assertEqual(
            sorted(path.name for path in out.iterdir()), [*(f"{n:06}.opus" for n in range(count)), "manifest.jsonl"]
        )
        self.assertEqual([line["seed"] for line in lines], list(range(100, 100 + count)))
        self.assertEqual(lines[5]["columns"], {"note": "n5"})
        self.assertGreaterEqual(len({line["node"] for line in lines}), 2)
        for line in lines:
            self.assertEqual((out / line["file"]).read_bytes()[:4], b"OggS")
        # What one process makes of a row is what the cluster made of it.
        painter = riff.node.Painter(OPTIONS, riff.OutputFormat.OGG_OPUS)
        try:
            for number in (3, count - 1):
                row = riff.ray.Row(number, lines[number]["prompt"], {"steps": 12, "seed": lines[number]["seed"]})
                self.assertEqual(painter.make(row).data, (out / lines[number]["file"]).read_bytes())
        finally:
            painter.close()

    def test_2_a_run_that_was_interrupted_goes_on(self) -> None:
        import pyarrow
        import pyarrow.parquet

        clip = self.folder / "clip.opus"
        daemon = riff.node.NodeDaemon(OPTIONS)
        daemon.client().generate("funk bassline", seed=3, steps=4, duration_seconds=6).clip().save(clip)
        daemon.close()
        table = self.folder / "table.parquet"
        rows = {
            "prompt": ["gospel choir", "rain", "", "harp", "church bells", "techno"],
            "clip": ["clip.opus", None, None, None, None, None],
            "strength": [0.4, None, None, None, None, None],
            "steps": [4] * 6,
            "seed": [None, 77, None, None, None, None],
        }
        pyarrow.parquet.write_table(pyarrow.table(rows), table)
        out = self.folder / "out"

        class Enough(Exception):
            pass

        def interrupt(done: int, total: int, working: int) -> None:
            if done == 2:
                raise Enough

        with self.assertRaises(Enough):
            riff.ray.paint(table, out, output="flac", options=OPTIONS, progress=interrupt)
        kept = {path.name: path.stat().st_mtime_ns for path in out.glob("*.flac")}
        summary = riff.ray.paint(table, out, output="flac", options=OPTIONS)
        self.assertEqual(summary.made + summary.kept, 5)
        self.assertEqual(list(summary.failed), [2])
        self.assertIn("prompt", summary.failed[2])
        for name, time_ns in kept.items():
            self.assertEqual((out / name).stat().st_mtime_ns, time_ns)
        head, *lines = self.lines(out)
        self.assertEqual([line["row"] for line in lines], list(range(6)))
        self.assertEqual(lines[1]["seed"], 77)
        self.assertEqual(lines[3]["seed"], (head["seed"] + 3) % (1 << 32))
        self.assertEqual(lines[0]["clip"], "clip.opus")
        self.assertAlmostEqual(lines[0]["seconds"], 6, delta=0.01)
        self.assertEqual(sorted(p.name for p in out.glob("*.flac")), [f"{n:06}.flac" for n in (0, 1, 3, 4, 5)])
        with self.assertRaisesRegex(TableError, "holds another run"):
            riff.ray.paint(table, out, output="opus", options=OPTIONS)

    def test_3_a_stage_of_ray_data(self) -> None:
        import ray.data

        ray.data.DataContext.get_current().enable_progress_bars = False
        items = [{"prompt": "harp", "seed": seed, "steps": 2, "duration_seconds": 2.0} for seed in range(5)]
        items.append({"prompt": "harp", "seed": 5, "steps": 5000, "duration_seconds": 2.0})
        made = (
            ray.data.from_items(items)
            .map(
                riff.ray.Stage,
                fn_constructor_kwargs={"output": "wav", "threads": 1, "riffd": RIFFD},
                compute=ray.data.ActorPoolStrategy(size=2),
            )
            .take_all()
        )
        self.assertEqual(sorted(row["seed"] for row in made if not row["error"]), list(range(5)))
        for row in made:
            if row["error"]:
                self.assertIn("steps must be 1 to 1000", row["error"])
            else:
                self.assertEqual((row["sound"][:4], row["seconds"]), (b"RIFF", 2.0))
                self.assertEqual(json.loads(row["settings"])["steps"], "2")

    def test_4_a_riffd_that_is_missing_ends_the_run(self) -> None:
        table = self.table([{"prompt": "harp"}])
        with self.assertRaisesRegex(riff.ray.NodeError, "not found"):
            riff.ray.paint(table, self.folder / "out", options=NodeOptions("/nonexistent/riffd"))

    def test_5_a_cluster_without_a_node_that_fits_ends_the_run(self) -> None:
        table = self.table([{"prompt": "harp"}])
        with mock.patch.object(riff.ray, "_PATIENCE", 1.0), self.assertRaisesRegex(riff.ray.NodeError, "has 1000 CPUs"):
            riff.ray.paint(table, self.folder / "out", options=OPTIONS, cpus=1000)


if __name__ == "__main__":
    unittest.main()
