"""riff-gradio: a demo page in the manner people know, for this machine only. Needs the extra `gradio`."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import signal
import socket
import struct
import sys
import tempfile
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from .aio import AsyncClient, AsyncJob
from .client import Client
from .clip import Clip, Collector
from .errors import RiffError
from .messages import JobEvent, Keep, OutputFormat, Progress, RemixOptions, SampleFormat, Span, Stage

RATE = 48_000
# Seconds of sound in the first piece that is sent to the browser, and in each later one.
FIRST_PIECE, PIECE = 0.5, 1.0
LONGEST = 60

EXAMPLES = [
    "church bells on sunday",
    "funk bassline with a jazzy saxophone solo",
    "scott joplin style ragtime piano",
    "synthwave with synth lead, 110 bpm",
    "harp, dreamy",
]

_STAGES = {
    Stage.QUEUED: "waiting",
    Stage.LOADING: "reading the model",
    Stage.ENCODING: "reading the upload",
    Stage.DENOISING: "painting",
    Stage.DECODING: "decoding",
    Stage.SOUND: "sound",
}


class Pieces:
    """A WAV file of 16-bit samples as it grows, cut into WAV files that can be played one after the other."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._channels = 0
        self._is_first = True

    def push(self, data: bytes) -> bytes | None:
        """The next piece, if there is enough for one."""
        self._held += data
        if not self._channels and not self._skip_header():
            return None
        seconds = len(self._held) / (2 * self._channels * RATE)
        return self._take() if seconds >= (FIRST_PIECE if self._is_first else PIECE) else None

    def rest(self) -> bytes | None:
        """What is left at the end."""
        return self._take() if self._channels and self._held else None

    def _skip_header(self) -> bool:
        at = 12
        while len(self._held) >= at + 8:
            name, size = self._held[at : at + 4], struct.unpack_from("<I", self._held, at + 4)[0]
            if name == b"data":
                (self._channels,) = struct.unpack_from("<H", self._held, self._held.index(b"fmt ") + 10)
                del self._held[: at + 8]
                return True
            at += 8 + size + size % 2
        return False

    def _take(self) -> bytes:
        self._is_first = False
        size = len(self._held) - len(self._held) % (2 * self._channels)
        made = io.BytesIO()
        with wave.open(made, "wb") as file:
            file.setnchannels(self._channels)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(bytes(self._held[:size]))
        del self._held[:size]
        return made.getvalue()


class Demo:
    """What the page's buttons do."""

    def __init__(self, client: AsyncClient, folder: Path) -> None:
        self._client = client
        self._folder = folder

    async def make(
        self,
        prompt: str,
        negative: str,
        seconds: float,
        seed: str,
        upload: str | None,
        strength: float,
        keeps_groove: bool,
    ) -> AsyncIterator[tuple[Any, ...]]:
        """Yields a piece of sound, the picture, the file, the seed and a word on how it goes; None where there is
        nothing new."""
        import gradio

        try:
            job = self._job(prompt, negative, seconds, seed, upload, strength, keeps_groove)
            collector, pieces, picture, painted = Collector(OutputFormat.WAV), Pieces(), Picture(), None
            async with contextlib.aclosing(aiter(job)) as events:
                async for event in events:
                    collector.take(event)
                    sound = pieces.push(event.audio) if event.audio is not None else None
                    if event.spectrogram is not None:
                        picture.add(event.spectrogram, event.first_column)
                        painted = self._keep(picture.png(), "spectrogram.png")
                    said = _said(event)
                    if sound or said or event.spectrogram is not None:
                        new = painted if event.spectrogram is not None else gradio.skip()
                        yield sound, new, gradio.skip(), gradio.skip(), said or gradio.skip()
            clip = collector.finish()
            file = self._keep(clip.data, f"{_slug(prompt)}-{clip.seed}.wav")
            yield pieces.rest(), painted, file, str(clip.seed), _summary(clip)
        except RiffError as error:
            text = "; ".join(violation.description for violation in error.violations) or error.message
            raise gradio.Error(text, duration=None, print_exception=False) from error

    def _job(
        self,
        prompt: str,
        negative: str,
        seconds: float,
        seed: str,
        upload: str | None,
        strength: float,
        keeps_groove: bool,
    ) -> AsyncJob:
        import gradio

        fields: dict[str, Any] = {
            "negative_prompt": negative or "",
            "want_spectrogram": True,
            "output": OutputFormat.WAV,
            "sample_format": SampleFormat.S16,
        }
        if seed.strip():
            if not (seed.strip().isascii() and seed.strip().isdigit() and int(seed) < 1 << 64):
                words = f"The seed must be a whole number from 0 to {(1 << 64) - 1}, not “{seed[:40]}”"
                raise gradio.Error(words, print_exception=False)
            fields["seed"] = int(seed)
        if not upload:
            return self._client.generate(prompt, duration_seconds=seconds, **fields)
        part = Span(duration_seconds=seconds)
        options = RemixOptions(span=part, keep=Keep.GROOVE if keeps_groove else Keep.NOTHING)
        return self._client.remix(upload, prompt, strength=strength, options=options, **fields)

    def _keep(self, data: bytes, name: str) -> str:
        """A file of that content; gradio copies it and later deletes the copy, this one goes with the program."""
        path = Path(tempfile.mkdtemp(dir=self._folder), name)
        path.write_bytes(data)
        return str(path)

    def page(self) -> Any:
        """The page, as gradio's Blocks."""
        import gradio

        with gradio.Blocks(title="riff", analytics_enabled=False, delete_cache=(600, 3600)) as page:
            gradio.Markdown("# riff\nText and clips into music, by the riffd on this machine.")
            with gradio.Row():
                with gradio.Column():
                    prompt = gradio.Textbox(label="Prompt", placeholder=EXAMPLES[0], max_length=8192, autofocus=True)
                    negative = gradio.Textbox(label="Negative prompt", max_length=8192)
                    seconds = gradio.Slider(
                        1, LONGEST, 5.12, step=0.01, label="Seconds", info="Of an upload: how much of it is used."
                    )
                    seed = gradio.Textbox(label="Seed", placeholder="by chance", max_length=20)
                    with gradio.Accordion("Your clip", open=False):
                        upload = gradio.Audio(type="filepath", label="Clip to paint over")
                        strength = gradio.Slider(
                            0, 1, 0.6, step=0.05, label="Strength", info="0: the clip itself. 1: only the prompt."
                        )
                        keeps_groove = gradio.Checkbox(True, label="Keep its groove")
                    with gradio.Row():
                        make = gradio.Button("Make it", variant="primary")
                        stop = gradio.Button("Stop", variant="stop")
                    gradio.Examples([[words] for words in EXAMPLES], [prompt])
                with gradio.Column():
                    sound = gradio.Audio(
                        label="Sound", streaming=True, autoplay=True, interactive=False, buttons=["download"]
                    )
                    picture = gradio.Image(
                        label="Spectrogram", type="filepath", format="png", interactive=False, buttons=["download"]
                    )
                    file = gradio.File(label="File", interactive=False)
                    used = gradio.Textbox(label="Seed used", interactive=False)
                    status = gradio.Textbox(label="Status", interactive=False)
            run = gradio.on(
                [make.click, prompt.submit],
                self.make,
                [prompt, negative, seconds, seed, upload, strength, keeps_groove],
                [sound, picture, file, used, status],
                api_name="make",
                concurrency_limit=8,
                show_progress="hidden",
            )
            # Cancelling closes the generator, and that ends the daemon's job.
            stop.click(lambda: "stopped", None, status, cancels=[run], api_name=False)
        return page


class Picture:
    """A piece's spectrogram, put together from its windows."""

    def __init__(self) -> None:
        self._whole: Any = None

    def add(self, png: bytes, first_column: int) -> None:
        from PIL import Image

        part = Image.open(io.BytesIO(png)).convert("RGB")
        whole = Image.new("RGB", (first_column + part.width, part.height))
        if self._whole is not None:
            whole.paste(self._whole, (0, 0))
        whole.paste(part, (first_column, 0))
        self._whole = whole

    def png(self) -> bytes:
        made = io.BytesIO()
        self._whole.save(made, "png")
        return made.getvalue()


def _slug(prompt: str) -> str:
    """A file's name of a prompt's words."""
    return "-".join(re.findall(r"[a-z0-9]+", prompt.lower()))[:40].strip("-") or "riff"


def _said(event: JobEvent) -> str:
    if event.warning is not None:
        return event.warning
    return "" if event.progress is None else _progress(event.progress)


def _progress(progress: Progress) -> str:
    parts = [_STAGES.get(progress.stage, "")]
    if progress.stage == Stage.QUEUED and progress.queue_position:
        parts.append(f"{progress.queue_position} before it")
    if progress.steps:
        parts.append(f"step {progress.step} of {progress.steps}")
    if progress.windows:
        parts.append(f"window {progress.window} of {progress.windows}")
    return ", ".join(part for part in parts if part)


def _summary(clip: Clip) -> str:
    return " ".join([f"{clip.seconds:.2f} s by {clip.model}, seed {clip.seed}.", *clip.warnings])


class OwnPage:
    """Serves the page itself and nobody else's: other sites' pages, by whatever name they reach this port, get 403."""

    def __init__(self, app: Any, port: int) -> None:
        self._app = app
        self._hosts = {f"{name}:{port}".encode() for name in ("127.0.0.1", "localhost")}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            headers = scope["headers"]
            hosts = [value for name, value in headers if name == b"host"]
            origins = [value.removeprefix(b"http://") for name, value in headers if name == b"origin"]
            if len(hosts) != 1 or not self._hosts.issuperset(hosts + origins):
                plain = [(b"content-type", b"text/plain")]
                await send({"type": "http.response.start", "status": 403, "headers": plain})
                await send({"type": "http.response.body", "body": b"this address is for its own page only\n"})
                return
        await self._app(scope, receive, send)


def serve(socket_path: str | None, port: int) -> None:
    """Serves the page on 127.0.0.1 until it is interrupted. The first line of output is its address.

    Raises `RiffError` where no daemon answers, `OSError` where the port is taken.
    """
    # Before gradio is imported: it then neither reports its use nor asks for newer versions.
    os.environ.update(GRADIO_ANALYTICS_ENABLED="False", HF_HUB_DISABLE_TELEMETRY="1", HF_HUB_OFFLINE="1")
    Client(socket_path, timeout=10).status()
    with tempfile.TemporaryDirectory(prefix="riff-gradio-") as folder:
        # Its own folder would be /tmp/gradio, which another user may have made.
        os.environ["GRADIO_TEMP_DIR"] = f"{folder}/gradio"
        import gradio  # noqa: F401
        from starlette.middleware import Middleware

        page = Demo(AsyncClient(socket_path), Path(folder)).page()
        with contextlib.closing(socket.socket()) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            port = probe.getsockname()[1]
        page.launch(
            server_name="127.0.0.1",
            server_port=port,
            share=False,
            quiet=True,
            prevent_thread_lock=True,
            show_error=True,
            max_file_size="1gb",
            ssr_mode=False,
            enable_monitoring=False,
            mcp_server=False,
            footer_links=["api"],
            app_kwargs={"middleware": [Middleware(OwnPage, port=port)]},
        )
        print(f"http://127.0.0.1:{port}/", flush=True)
        try:
            signal.pause()
        finally:
            page.close(verbose=False)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="riff-gradio",
        description="A demo page for the riffd on this machine, served to this machine only.",
        epilog="Every user of this machine can open it; `riff web` serves a page that only you can.",
    )
    parser.add_argument("--socket", metavar="PATH", help="the daemon's socket (default: as riff finds it)")
    parser.add_argument("--port", type=int, default=7860, help="0 takes a free one (default: 7860)")
    arguments = parser.parse_args()
    if not 0 <= arguments.port <= 65_535:
        parser.error(f"--port must be 0 to 65535, not {arguments.port}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        serve(arguments.socket, arguments.port)
    except KeyboardInterrupt:
        sys.exit(0)
    except ModuleNotFoundError as error:
        sys.exit(f"riff-gradio: {error}; install the extra: pip install 'riff[gradio]'")
    except RiffError as error:
        sys.exit(f"riff-gradio: {error.message}; any riff command starts a daemon, such as: riff status")
    except OSError as error:
        sys.exit(f"riff-gradio: port {arguments.port}: {error.strerror}; --port 0 takes a free one")


if __name__ == "__main__":
    main()
