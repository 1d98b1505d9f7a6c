"""What has been made of a table: a folder of files and `manifest.jsonl`, which goes on after any interruption."""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import random
import re
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .node import Made
from .rows import Row, TableError

NAME = "manifest.jsonl"
VERSION = 1


class Manifest:
    """The record of a run, in a folder that it has to itself. Its first line says what the run is, each later one what
    came of a row; a row that was made again has several lines, of which the last counts, until `finish`.

    Raises `TableError` where the folder holds something else, or another run.

    Args:
        folder: made if it is missing; else it must be empty, or hold this run.
        table: what is made, for its digest.
        suffix: of the files.
        seed: of row 0 where the rows have none, of row n this + n; None: by chance.
    """

    def __init__(self, folder: Path, table: Path, rows: list[Row], suffix: str, seed: int | None) -> None:
        self._folder = folder
        self._suffix = suffix
        self._lines: dict[int, dict[str, Any]] = {}
        self._rows = rows
        path = folder / NAME
        if folder.exists() and not folder.is_dir():
            raise TableError(f"{folder} is not a folder")
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists() and any(folder.iterdir()):
            raise TableError(f"{folder} is not empty and has no {NAME}; choose another folder")
        self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666), "r+b", buffering=0)
        try:
            self._lock()
            digest = hashlib.sha256(table.read_bytes()).hexdigest()
            self._open({"version": VERSION, "table": table.name, "sha256": digest, "rows": len(rows)}, seed)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def rest(self) -> list[Row]:
        """The rows that have no file yet; failed ones are tried again."""
        return [row for row in self._rows if not self._is_made(row.number)]

    @property
    def failed(self) -> dict[int, str]:
        """Rows that could not be made, and why."""
        return {number: line["error"] for number, line in self._lines.items() if "error" in line}

    def seeded(self, row: Row) -> Row:
        """The row with the seed that it gets, where it has none of its own."""
        if "seed" in row.fields:
            return row
        fields = {**row.fields, "seed": (self.seed + row.number) % (1 << 32)}
        return Row(row.number, row.prompt, fields, row.clip, row.clip_name, row.others)

    def add(self, row: Row, made: Made, node: str) -> None:
        """Writes a row's file, whole or not at all, and then its line."""
        line: dict[str, Any] = {"row": row.number}
        if made.error:
            line["error"] = made.error
        else:
            line |= {"file": self._name(row.number), "bytes": len(made.data), "seconds": made.seconds}
            _replace(self._folder / line["file"], made.data)
        line |= {"prompt": row.prompt, "seed": made.seed if not made.error else row.fields.get("seed")}
        if row.clip_name:
            line["clip"] = row.clip_name
        if not made.error:
            line |= {"model": made.model, "settings": made.settings}
        if made.warnings:
            line["warnings"] = made.warnings
        line |= {"node": node, "attempts": made.attempts}
        if row.others:
            line["columns"] = row.others
        self._append(line)
        self._lines[row.number] = line

    def finish(self) -> None:
        """Puts the lines in the rows' order, one each."""
        lines = [self._head, *(self._lines[number] for number in sorted(self._lines))]
        _replace(self._folder / NAME, b"".join(_encode(line) for line in lines))

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TableError(f"another run works in {self._folder}") from None

    def _open(self, head: dict[str, Any], seed: int | None) -> None:
        head["format"] = self._suffix
        lines, whole = self._read()
        # What a crash left of a line goes, and what it left of a file.
        self._file.truncate(whole)
        for rest in self._folder.iterdir():
            if re.fullmatch(r"\.(\d{6,}\.\w+|manifest\.jsonl)\.riff-\w+", rest.name):
                rest.unlink()
        if not lines:
            self.seed = random.SystemRandom().randrange(1 << 32) if seed is None else seed
            self._head = head | {"seed": self.seed}
            self._append(self._head)
            return
        self._head, *made = lines
        if seed is not None:
            head["seed"] = seed
        for key, value in head.items():
            if self._head.get(key) != value:
                raise TableError(
                    f"{self._folder} holds another run: its {key} is {self._head.get(key)}, not {value}; "
                    "choose another folder"
                )
        self.seed = self._head["seed"]
        self._lines = {line["row"]: line for line in made}

    def _read(self) -> tuple[list[dict[str, Any]], int]:
        """The whole lines, and how many bytes they are."""
        self._file.seek(0)
        data = self._file.read()
        whole = data.rfind(b"\n") + 1
        try:
            lines = [json.loads(line) for line in io.BytesIO(data[:whole])]
        except ValueError as error:
            raise TableError(f"{self._folder / NAME} is damaged: {error}") from error
        if lines and not (isinstance(lines[0], dict) and isinstance(lines[0].get("seed"), int)):
            raise TableError(f"{self._folder / NAME} is not a manifest of riff")
        if any(not isinstance(line, dict) or not isinstance(line.get("row"), int) for line in lines[1:]):
            raise TableError(f"{self._folder / NAME} is damaged: a line without its row")
        return lines, whole

    def _is_made(self, number: int) -> bool:
        line = self._lines.get(number)
        if line is None or "file" not in line:
            return False
        try:
            size: int = line["bytes"]
            return (self._folder / self._name(number)).stat().st_size == size
        except FileNotFoundError:
            return False

    def _name(self, number: int) -> str:
        return f"{number:06}.{self._suffix}"

    def _append(self, line: dict[str, Any]) -> None:
        self._file.write(_encode(line))
        os.fsync(self._file.fileno())


def _encode(line: dict[str, Any]) -> bytes:
    return json.dumps(line, ensure_ascii=False, default=str).encode() + b"\n"


def _replace(path: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.riff-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


