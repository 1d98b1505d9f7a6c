"""Many prompts and clips on many machines: riffd under Ray. Needs the extra `ray`.

    import ray, riff.ray

    riff.ray.paint("prompts.csv", "out")                     # a file a row and out/manifest.jsonl; goes on where it was
    stage = {"fn": riff.ray.Stage, "compute": ray.data.ActorPoolStrategy(size=3)}
    ray.data.read_parquet("prompts.parquet").map(**stage).write_parquet("sounds")

Each node needs this package, and riffd on its PATH. docs/ray.md tells the rest.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

try:
    import ray
    import ray.exceptions
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(f"{missing}; install the extra: pip install 'riff[ray]'") from missing

from .errors import Code
from .manifest import NAME, Manifest
from .messages import OutputFormat
from .node import Made, NodeError, NodeOptions, Painter
from .rows import FORMATS, Row, TableError, read_table

__all__ = ["Made", "NodeError", "NodeOptions", "Pool", "Row", "Stage", "Summary", "TableError", "paint"]

# How often a row may lose its worker; one that ends each worker that it meets is not worth a cluster.
_LOSSES = 5
# Seconds until a node gets another worker after one was lost: Ray hears late of a node's death.
_PAUSE = 3.0
# Seconds that a cluster may be without a node that is large enough.
_PATIENCE = 60.0
# Seconds between two looks at the cluster's nodes.
_LOOK = 0.5


class Stage:
    """A stage for Ray Data: `dataset.map(riff.ray.Stage, compute=ActorPoolStrategy(size=3))`, with these arguments in
    `fn_constructor_kwargs`.

    Rows in are as `paint` takes them, `clip` a path on the node or the file's bytes. Rows out have, besides, `sound`
    (the file), `seed`, `seconds`, `model`, `settings` (JSON) and `error`, which is empty where all went well.

    Each actor starts a riffd of its own that computes with `threads`; `num_cpus=` of `map` should say the same.
    """

    def __init__(self, output: str = "opus", threads: int | None = None, riffd: str = "riffd", **more: Any) -> None:
        self._painter = Painter(NodeOptions(riffd=riffd, threads=threads, **more), _format(output))
        self._count = 0

    def __call__(self, values: Mapping[str, Any]) -> dict[str, Any]:
        self._count += 1
        try:
            made = self._painter.make(Row.read(self._count, values, name="row"))
        except TableError as error:
            made = Made(error=f"{Code.INVALID_ARGUMENT.name}: {error}")
        return {
            **values,
            "sound": made.data,
            "seed": made.seed,
            "seconds": made.seconds,
            "model": made.model,
            "settings": json.dumps(made.settings, ensure_ascii=False),
            "error": made.error,
        }


class _Worker:
    """An actor: a node's painter."""

    def __init__(self, options: NodeOptions, output: OutputFormat) -> None:
        self._painter = Painter(options, output)

    def make(self, row: Row) -> Made:
        return self._painter.make(row)

    def close(self) -> None:
        self._painter.close()


@dataclass(slots=True)
class _Post:
    """A node's worker, and the rows that it has."""

    worker: Any
    rows: int = 0


class Pool:
    """A worker with a riffd on each node of the cluster. New nodes are used; what dead ones had is done elsewhere.

    Args:
        output: "opus", "wav", "flac" or "mp3".
        options: how a node works.
        cpus: that Ray reckons for a worker; a node with fewer gets none.
        jobs: rows at once on a node. Two keep its riffd busy while a finished one travels.
    """

    def __init__(
        self, output: str = "opus", options: NodeOptions | None = None, cpus: float = 1, jobs: int = 2
    ) -> None:
        self._output = _format(output)
        self._options = options or NodeOptions()
        self._cpus = cpus
        self._jobs = jobs
        self._posts: dict[str, _Post] = {}
        self._rests: dict[str, float] = {}
        self._looked = 0.0
        self._manned = time.monotonic()

    @property
    def nodes(self) -> int:
        """Nodes that have a worker now."""
        return len(self._posts)

    def make(self, rows: Iterable[Row]) -> Generator[tuple[Row, Made, str], None, None]:
        """What comes of each row, as it comes, and the node that made it.

        Raises `NodeError` where riffd does not start on a node, or no node has the `cpus` for a minute.
        """
        self._manned = time.monotonic()
        source = iter(rows)
        again: deque[Row] = deque(itertools.islice(source, 1))
        if not again:
            return
        losses: Counter[int] = Counter()
        busy: dict[Any, tuple[Row, str]] = {}
        unread: list[tuple[Row, Made, str]] = []
        has_more = True
        try:
            while True:
                self._man()
                for node, post in self._posts.items():
                    while post.rows < self._jobs:
                        row = again.popleft() if again else next(source, None)
                        if row is None:
                            has_more = False
                            break
                        try:
                            busy[post.worker.make.remote(row.loaded())] = (row, node)
                        except OSError as error:
                            unread.append((row, Made(error=f"{Code.NOT_FOUND.name}: {error}"), node))
                        else:
                            post.rows += 1
                yield from unread
                unread.clear()
                if not busy and not has_more and not again:
                    return
                if not busy:
                    if time.monotonic() - self._manned > _PATIENCE:
                        raise NodeError(f"no node of the cluster has {self._cpus:g} CPUs")
                    time.sleep(0.2)
                    continue
                ready, _ = ray.wait(list(busy), num_returns=1, timeout=1)
                for reference in ready:
                    row, node = busy.pop(reference)
                    if node in self._posts:
                        self._posts[node].rows -= 1
                    try:
                        made = ray.get(reference)
                    except ray.exceptions.RayTaskError as error:
                        raise NodeError(f"node {node}: {error.cause}") from error
                    except ray.exceptions.RayError as error:
                        self._lose(node)
                        losses[row.number] += 1
                        if losses[row.number] < _LOSSES:
                            again.append(row)
                            continue
                        made = Made(error=f"{Code.UNAVAILABLE.name}: {error}", attempts=_LOSSES)
                    yield row, made, node
        finally:
            self.close()

    def close(self) -> None:
        """Ends the workers and their daemons."""
        posts, self._posts = list(self._posts.values()), {}
        with contextlib.suppress(ray.exceptions.RayError):
            ray.wait([post.worker.close.remote() for post in posts], num_returns=max(1, len(posts)), timeout=5)
        for post in posts:
            ray.kill(post.worker)

    def _man(self) -> None:
        """Gives each node a worker that has none."""
        if time.monotonic() - self._looked < _LOOK:
            return
        self._looked = time.monotonic()
        alive = {node["NodeID"]: node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"]}
        for node in [node for node in self._posts if node not in alive]:
            self._lose(node)
        for node, cpus in alive.items():
            if node in self._posts or cpus < self._cpus or time.monotonic() < self._rests.get(node, 0):
                continue
            worker = (
                ray.remote(_Worker)
                .options(
                    num_cpus=self._cpus,
                    max_concurrency=self._jobs + 1,
                    scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False),
                )
                .remote(self._options, self._output)
            )
            self._posts[node] = _Post(worker)
        if self._posts:
            self._manned = self._looked

    def _lose(self, node: str) -> None:
        """Forgets a worker; the rows that it had fail at once, and are given to others."""
        if post := self._posts.pop(node, None):
            ray.kill(post.worker)
        self._rests[node] = time.monotonic() + _PAUSE


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run has done: rows made now, rows that were there already, and why the others were not made."""

    made: int
    kept: int
    failed: dict[int, str]


def paint(
    table: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    output: str = "opus",
    seed: int | None = None,
    options: NodeOptions | None = None,
    cpus: float = 1,
    jobs: int = 2,
    progress: Callable[[int, int, int], None] | None = None,
) -> Summary:
    """Makes a file of each row of a CSV or Parquet table, and says in `manifest.jsonl` how.

    Columns: `prompt`, and any of `riff.rows.KNOWN`; others are passed on to the manifest. A run that was interrupted,
    in whatever way, goes on where it was when it is called again, and gives the same files. Rows without a seed of
    their own get `seed` + their number, which the manifest records.

    Args:
        progress: is told how many rows are done, how many there are, and how many nodes work.

    Raises `TableError` where the table or the folder cannot be used, `NodeError` where riffd does not start.
    """
    rows = read_table(table)
    _format(output)
    if seed is not None and not 0 <= seed < 1 << 32:
        raise TableError(f"seed must be 0 to {(1 << 32) - 1}, not {seed}")
    with Manifest(Path(folder), Path(table), rows, output, seed) as manifest:
        rest = manifest.rest
        kept, made_now = len(rows) - len(rest), 0
        pool = Pool(output, options, cpus, jobs)
        with contextlib.closing(pool.make(manifest.seeded(row) for row in rest)) as results:
            for done, (row, made, node) in enumerate(results, kept + 1):
                manifest.add(row, made, node)
                made_now += not made.error
                if progress is not None:
                    progress(done, len(rows), pool.nodes)
        manifest.finish()
        return Summary(made_now, kept, manifest.failed)


def _format(output: str) -> OutputFormat:
    if output not in FORMATS:
        raise TableError(f"output must be one of {', '.join(FORMATS)}, not {output}")
    return FORMATS[output]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="riff-ray",
        description="A sound file for each row of a CSV or Parquet table, by the riffds of a Ray cluster.",
    )
    parser.add_argument("table", help="with a column `prompt`; docs/ray.md has the others")
    parser.add_argument("folder", help=f"for the files and {NAME}; a run that was interrupted goes on")
    parser.add_argument("--format", default="opus", choices=FORMATS)
    parser.add_argument("--seed", type=int, help="of row 0, of row n this + n (default: by chance)")
    parser.add_argument("--address", help="of the cluster (default: $RAY_ADDRESS, else a cluster of this machine)")
    parser.add_argument("--riffd", default="riffd", help="the program on each node (default: riffd)")
    parser.add_argument("--threads", type=int, help="that each riffd computes with (default: one a processor)")
    parser.add_argument("--cpus", type=float, default=1, help="that Ray reckons for a node's worker (default: 1)")
    parser.add_argument("--jobs", type=int, default=2, help="rows at once on a node (default: 2)")
    arguments = parser.parse_args()
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

    def tell(done: int, total: int, nodes: int) -> None:
        print(f"\r{done} of {total}, {nodes} node{'' if nodes == 1 else 's'} ", end="", file=sys.stderr, flush=True)

    try:
        read_table(arguments.table)
        ray.init(address=arguments.address, log_to_driver=False, logging_level="warning")
        summary = paint(
            arguments.table,
            arguments.folder,
            output=arguments.format,
            seed=arguments.seed,
            options=NodeOptions(riffd=arguments.riffd, threads=arguments.threads),
            cpus=arguments.cpus,
            jobs=arguments.jobs,
            progress=tell if sys.stderr.isatty() else None,
        )
    except KeyboardInterrupt:
        sys.exit(130)
    except (TableError, NodeError, ConnectionError) as error:
        sys.exit(f"riff-ray: {error}")
    print(f"{summary.made} made, {summary.kept} kept, {len(summary.failed)} failed")
    for number, reason in sorted(summary.failed.items()):
        print(f"row {number}: {reason}", file=sys.stderr)
    sys.exit(1 if summary.failed else 0)


if __name__ == "__main__":
    main()
