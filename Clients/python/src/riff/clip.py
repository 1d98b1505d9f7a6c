"""What a job made."""

from __future__ import annotations

import base64
import errno
import html
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import Code, RiffError
from .messages import Done, JobEvent, OutputFormat, Started

if TYPE_CHECKING:
    import numpy
    import numpy.typing

# What a file's name may end in, by the format that it promises.
_ENDINGS = {
    ".opus": OutputFormat.OGG_OPUS,
    ".ogg": OutputFormat.OGG_OPUS,
    ".wav": OutputFormat.WAV,
    ".flac": OutputFormat.FLAC,
    ".mp3": OutputFormat.MP3,
}
_TYPES = {
    b"OggS": "audio/ogg",
    b"RIFF": "audio/wav",
    b"fLaC": "audio/flac",
}


@dataclass(slots=True, repr=False)
class Clip:
    """A job's sound and picture. A notebook plays it and shows its spectrogram.

    Attributes:
        data: the sound, in the format that was asked for; empty where only a picture was.
        spectrogram: the picture, a PNG file; empty unless it was asked for. Of a long piece, its first part: iterate
            over the job's events for all of them.
        settings: every setting that makes it again.
    """

    data: bytes = b""
    spectrogram: bytes = b""
    seed: int = 0
    model: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    channels: int = 0
    sample_count: int = 0
    warnings: list[str] = field(default_factory=list)
    output: OutputFormat = OutputFormat.OGG_OPUS

    @property
    def seconds(self) -> float:
        """Length of the sound."""
        return self.sample_count / 48_000

    def __repr__(self) -> str:
        parts = [f"{self.seconds:.2f} s", f"{self.output.name} of {len(self.data):,} bytes"]
        if self.spectrogram:
            parts.append(f"a spectrogram of {len(self.spectrogram):,} bytes")
        parts += [f"seed {self.seed}", f"model {self.model!r}"]
        if self.warnings:
            parts.append(f"warnings {self.warnings}")
        return f"<Clip: {', '.join(parts)}>"

    def save(self, path: str | os.PathLike[str], overwrite: bool = False) -> Path:
        """Writes the sound, or for a `.png` path the picture, whole or not at all.

        Raises `FileExistsError` where there is a file already, unless `overwrite`; `ValueError` where the path's ending
        promises another format than the sound has.
        """
        target = Path(path)
        promised = _ENDINGS.get(target.suffix.lower())
        if promised is not None and self.data and promised != self.output:
            wanted = f"OutputFormat.{promised.name}"
            raise ValueError(f"the sound is {self.output.name}, not {promised.name}: ask for output=riff.{wanted}")
        data = self.spectrogram if target.suffix.lower() == ".png" else self.data
        if not data:
            raise ValueError(
                "there is no picture: ask for want_spectrogram"
                if target.suffix.lower() == ".png"
                else "there is no sound: it was made with output=NONE"
            )
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(name, 0o666 & ~mask)
            if overwrite:
                os.replace(name, target)
            else:
                try:
                    os.link(name, target)
                except FileExistsError:
                    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        finally:
            if os.path.exists(name):
                os.unlink(name)
        return target

    def samples(self) -> numpy.typing.NDArray[numpy.float32]:
        """The sound as floats, shape (sample, channel), at 48 kHz. For clips made with `output=PCM_F32`.

        Needs the extra `numpy`.
        """
        import numpy

        if self.output != OutputFormat.PCM_F32:
            raise ValueError("samples are there for output=riff.OutputFormat.PCM_F32 only")
        return numpy.frombuffer(self.data, dtype="<f4").reshape(-1, max(1, self.channels))

    def _repr_html_(self) -> str:
        parts = []
        if kind := next((name for magic, name in _TYPES.items() if self.data.startswith(magic)), None):
            sound = base64.b64encode(self.data).decode()
            parts.append(f'<audio controls src="data:{kind};base64,{sound}"></audio>')
        if self.spectrogram:
            picture = base64.b64encode(self.spectrogram).decode()
            parts.append(f'<div><img src="data:image/png;base64,{picture}" alt="spectrogram"></div>')
        title = html.escape(self.settings.get("prompt", ""))
        parts.append(f"<div>{title} ({self.seconds:.2f} s, seed {self.seed})</div>")
        return "".join(parts)


class Collector:
    """Puts a job's events together."""

    def __init__(self, output: OutputFormat) -> None:
        self._clip = Clip(output=OutputFormat.OGG_OPUS if output == OutputFormat.UNSPECIFIED else output)
        self._sound = bytearray()
        self._done: Done | None = None

    def take(self, event: JobEvent) -> None:
        if event.started is not None:
            self._start(event.started)
        elif event.audio is not None:
            self._sound += event.audio
        elif event.spectrogram is not None:
            # A long piece has several; the first shows where it begins.
            self._clip.spectrogram = self._clip.spectrogram or event.spectrogram
        elif event.warning is not None:
            self._clip.warnings.append(event.warning)
        elif event.done is not None:
            self._done = event.done

    def _start(self, started: Started) -> None:
        self._clip.seed = started.seed
        self._clip.model = started.model
        self._clip.settings = {setting.name: setting.value for setting in started.settings}

    def finish(self) -> Clip:
        if self._done is None:
            raise RiffError(Code.INTERNAL, "the daemon ended the job without saying that it was done")
        if self._done.header:
            # A WAV file's length is known only now.
            self._sound[: len(self._done.header)] = self._done.header
        self._clip.data = bytes(self._sound)
        self._clip.seed = self._done.seed or self._clip.seed
        self._clip.channels = self._done.channels
        self._clip.sample_count = self._done.duration_samples
        return self._clip
