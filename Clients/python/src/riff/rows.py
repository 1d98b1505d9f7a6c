"""A table of what is to be made: CSV or Parquet, a job a row."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .client import Client, Job
from .messages import Keep, OutputFormat, Quality, RemixOptions, Span

# The columns that are fields of GenerateRequest, and those that are fields of RemixOptions.
GENERATE: dict[str, type] = {
    "negative_prompt": str,
    "model": str,
    "seed": int,
    "steps": int,
    "guidance_scale": float,
    "guidance_start": float,
    "guidance_stop": float,
    "deep_cache_interval": int,
    "scheduler": str,
    "width": int,
    "height": int,
    "duration_seconds": float,
    "eta": float,
    "fade_ms": int,
    "loop": bool,
    "bpm": float,
    "bars": int,
    "quality": Quality,
}
REMIX: dict[str, type] = {
    "strength": float,
    "to_prompt": str,
    "extend_seconds": float,
    "stretch_to_bpm": float,
    "keep": Keep,
}
# `clip` names a file, or holds its bytes; the others say which part of it counts.
CLIP: dict[str, type] = {"clip": str, "start_seconds": float, "clip_seconds": float}
KNOWN: dict[str, type] = {"prompt": str, **GENERATE, **REMIX, **CLIP}

FORMATS = {
    "opus": OutputFormat.OGG_OPUS,
    "wav": OutputFormat.WAV,
    "flac": OutputFormat.FLAC,
    "mp3": OutputFormat.MP3,
}

_EXPECTED: dict[type, str] = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


class TableError(ValueError):
    """A table, or what was made of it before, that cannot be used."""


@dataclass(frozen=True, slots=True)
class Row:
    """A job: its number in the table, what is asked for, and the columns that are only passed on."""

    number: int
    prompt: str
    fields: dict[str, Any] = field(default_factory=dict)
    clip: Path | bytes | None = None
    clip_name: str = ""
    others: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, number: int, values: Mapping[str, Any], folder: Path | None = None, name: str = "") -> Row:
        """The row of such columns. Empty values count as unset. A clip's path is relative to `folder`.

        Raises `TableError`, which says `name` and the column.
        """
        name = name or f"row {number}"
        known: dict[str, Any] = {}
        for column, kind in KNOWN.items():
            if not _is_empty(values.get(column)):
                known[column] = _parse(values[column], kind, f"{name}, column {column}")
        clip: Path | bytes | None = None
        if "clip" in known:
            clip = known.pop("clip")
            if isinstance(clip, str):
                clip = (folder or Path()) / clip
                if not clip.is_file():
                    raise TableError(f"{name}: there is no file {clip}")
        else:
            for column in (*REMIX, *CLIP):
                if column in known:
                    raise TableError(f"{name}: {column} needs a clip")
        others = {column: value for column, value in values.items() if column not in KNOWN}
        return cls(
            number, known.pop("prompt", ""), known, clip, clip.name if isinstance(clip, Path) else "", others
        )

    def loaded(self) -> Row:
        """The same with the clip's bytes, for another machine to work on."""
        if not isinstance(self.clip, Path):
            return self
        return Row(self.number, self.prompt, self.fields, self.clip.read_bytes(), self.clip_name, self.others)

    def job(self, client: Client, output: OutputFormat) -> Job:
        """The call that makes it. A clip is painted over as a whole, or from where and as long as the row says."""
        fields: dict[str, Any] = {name: value for name, value in self.fields.items() if name in GENERATE}
        if self.clip is None:
            return client.generate(self.prompt, output=output, **fields)
        span = Span(self.fields.get("start_seconds", 0.0), self.fields.get("clip_seconds"))
        ours: dict[str, Any] = {name: value for name, value in self.fields.items() if name in REMIX}
        return client.remix(self.clip, self.prompt, options=RemixOptions(span=span, **ours), output=output, **fields)


def read_table(path: str | os.PathLike[str]) -> list[Row]:
    """The rows of a CSV file with a header, or of a Parquet file (which needs pyarrow). Raises `TableError`."""
    table = Path(path)
    if not table.is_file():
        raise TableError(f"there is no file {table}")
    kind = table.suffix.lower()
    if kind not in (".csv", ".parquet"):
        raise TableError(f"{table.name} must be a .csv or .parquet file")
    try:
        entries = list(_csv(table) if kind == ".csv" else _parquet(table))
    except (UnicodeDecodeError, csv.Error) as error:
        raise TableError(f"{table.name} is not CSV in UTF-8: {error}") from error
    if entries and "prompt" not in entries[0]:
        raise TableError(f"{table.name} must have a column named prompt; it has {', '.join(entries[0])}")
    # A line of a CSV file is told as editors count it, below the header.
    first = "line" if kind == ".csv" else "row"
    return [
        Row.read(number, values, table.parent, f"{table.name}, {first} {number + 2 if kind == '.csv' else number}")
        for number, values in enumerate(entries)
    ]


def _csv(table: Path) -> Iterator[dict[str, Any]]:
    with table.open(newline="", encoding="utf-8-sig") as file:
        for values in csv.DictReader(file, strict=True):
            if None in values or None in values.values():
                raise TableError(f"{table.name}: a line has more or fewer values than the header has names: {values}")
            yield values


def _parquet(table: Path) -> Iterable[dict[str, Any]]:
    import pyarrow
    import pyarrow.parquet

    try:
        found: list[dict[str, Any]] = pyarrow.parquet.read_table(table).to_pylist()
    except pyarrow.ArrowInvalid as error:
        raise TableError(f"{table.name} is not a Parquet file: {error}") from error
    return found


def _is_empty(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def _parse(value: Any, kind: type, place: str) -> Any:
    if kind in (Keep, Quality):
        try:
            return kind[str(value).upper()]
        except KeyError:
            names = " or ".join(member.name.lower() for member in kind if member.value)
            raise TableError(f"{place}: expected {names}, found {value!r}") from None
    if kind is str and isinstance(value, bytes):
        return value
    if kind is bool:
        words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
        if str(value).lower() in words:
            return words[str(value).lower()]
    else:
        try:
            parsed = kind(value)
        except (TypeError, ValueError, OverflowError):
            parsed = None
        if parsed is not None and (kind is not int or not isinstance(value, float) or parsed == value):
            return parsed
    raise TableError(f"{place}: expected {_EXPECTED[kind]}, found {value!r}")
