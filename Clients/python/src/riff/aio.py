"""The same client for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Generic, TypeVar, Unpack

from . import place, requests
from .clip import Clip, Collector
from .codec import Message
from .errors import Code, RiffError
from .exchange import Exchange
from .messages import (
    AnalyzeOptionsFields,
    AnalyzeResponse,
    GenerateRequestFields,
    JobEvent,
    Model,
    OutputFormat,
    RenderOptionsFields,
    StatusResponse,
)
from .requests import Request, Source

R = TypeVar("R", bound=Message)
# Bytes that may wait in the socket's writer before more of an upload is read.
_WAITING = 1 << 18


class AsyncResponses(Generic[R]):
    """The answers of a call as they come. Closing the generator, or cancelling the task, cancels the call."""

    def __init__(self, path: str, request: Request[R], timeout: float | None) -> None:
        self._path = path
        self._request = request
        self._timeout = timeout

    async def __aiter__(self) -> AsyncIterator[R]:
        exchange = Exchange(self._request.method, self._timeout)
        async for data in _run(self._path, exchange, iter(self._request.messages), self._timeout):
            yield self._request.response.decode(data)


class AsyncJob(AsyncResponses[JobEvent]):
    """A job: iterate over its events as they come, or await the whole `clip`."""

    def __init__(self, path: str, request: Request[JobEvent], timeout: float | None, output: OutputFormat) -> None:
        super().__init__(path, request, timeout)
        self._output = output

    async def clip(self) -> Clip:
        """Runs the job to its end. Raises `RiffError`."""
        collector = Collector(self._output)
        async for event in self:
            collector.take(event)
        return collector.finish()

    async def audio(self) -> AsyncIterator[bytes]:
        """The sound as it is made, in the format that was asked for."""
        async for event in self:
            if event.audio is not None:
                yield event.audio


class AsyncClient:
    """A riffd on this machine, for asyncio. See `riff.Client`."""

    def __init__(self, socket: str | None = None, timeout: float | None = None) -> None:
        self._path = socket or place.standard_path()
        self._timeout = timeout

    def generate(self, prompt: str, **fields: Unpack[GenerateRequestFields]) -> AsyncJob:
        """Text to sound. Keyword arguments are the fields of GenerateRequest in riff.proto."""
        return self._job(requests.generate(prompt, fields), fields.get("output"))

    def remix(
        self,
        source: Source,
        prompt: str,
        *,
        strength: float | None = None,
        start_seconds: float | None = None,
        **fields: Unpack[GenerateRequestFields],
    ) -> AsyncJob:
        """A clip or a spectrogram picture painted over. `source`: a path, the file's bytes, or an open file."""
        return self._job(requests.remix(source, prompt, strength, start_seconds, fields), fields.get("output"))

    def render(self, source: Source, **fields: Unpack[RenderOptionsFields]) -> AsyncJob:
        """A spectrogram picture to sound."""
        return self._job(requests.render(source, fields), fields.get("output"))

    async def analyze(self, source: Source, **fields: Unpack[AnalyzeOptionsFields]) -> AnalyzeResponse:
        """A sound file to a spectrogram picture."""
        return await self._one(requests.analyze(source, fields))

    async def status(self) -> StatusResponse:
        """What the daemon is and what it is doing."""
        return await self._one(requests.status())

    def watch_status(self, interval_seconds: float | None = None) -> AsyncIterator[StatusResponse]:
        """The same, again and again, until the caller has enough."""
        return aiter(AsyncResponses(self._path, requests.watch_status(interval_seconds), None))

    async def cancel_job(self, job_id: int) -> None:
        """Stops a job, whoever asked for it."""
        await self._one(requests.cancel_job(job_id))

    async def models(self) -> list[Model]:
        """The models there are, the default first."""
        return (await self._one(requests.list_models())).models

    async def load_model(self, model: str = "", keep_alive_seconds: float | None = None) -> None:
        """Reads a model into memory now."""
        async for _ in AsyncResponses(self._path, requests.load_model(model, keep_alive_seconds), self._timeout):
            pass

    async def unload_model(self, model: str = "") -> int:
        """Gives a model's memory back, and says how many bytes that were."""
        return (await self._one(requests.unload_model(model))).freed_bytes

    def _job(self, request: Request[JobEvent], output: OutputFormat | None) -> AsyncJob:
        return AsyncJob(self._path, request, self._timeout, output or OutputFormat.OGG_OPUS)

    async def _one(self, request: Request[R]) -> R:
        answers = [answer async for answer in AsyncResponses(self._path, request, self._timeout)]
        if len(answers) != 1:
            raise RiffError(Code.INTERNAL, f"{request.method} gave {len(answers)} answers instead of one")
        return answers[0]


async def _run(
    path: str, exchange: Exchange, messages: Iterator[Message], timeout: float | None
) -> AsyncIterator[bytes]:
    place.check(path)
    loop = asyncio.get_running_loop()
    deadline = None if timeout is None else loop.time() + timeout
    try:
        reader, writer = await asyncio.open_unix_connection(path)
    except OSError as error:
        raise RiffError(Code.UNAVAILABLE, f"{path}: {error.strerror or error}") from error
    reading: asyncio.Task[bytes] | None = None
    draining: asyncio.Task[None] | None = None
    try:
        while True:
            while exchange.responses:
                yield exchange.responses.popleft()
            if exchange.ended:
                if exchange.error is not None:
                    raise exchange.error
                return
            while exchange.wants_request and writer.transport.get_write_buffer_size() < _WAITING:
                # A file's next piece: read beside the loop, so that a slow disk holds up nobody.
                message = await asyncio.to_thread(next, messages, None)
                if message is None:
                    exchange.half_close()
                else:
                    exchange.send(message.encode())
                writer.write(exchange.outgoing())
            if exchange.has_outgoing:
                writer.write(exchange.outgoing())
            reading = reading or asyncio.create_task(reader.read(1 << 16))
            draining = draining or asyncio.create_task(writer.drain())
            waiting = {reading} if draining.done() and not exchange.wants_request else {reading, draining}
            left = None if deadline is None else max(0.0, deadline - loop.time())
            done, _ = await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                exchange.cancel(Code.DEADLINE_EXCEEDED)
                continue
            if draining in done:
                # A write that fails tells nothing; what there is to read says why.
                draining.exception()
                draining = None
            if reading in done:
                failed = reading.exception() is not None
                exchange.receive(b"" if failed else reading.result())
                reading = None
    finally:
        for task in (reading, draining):
            if task is not None:
                task.cancel()
        exchange.cancel()
        if not writer.transport.is_closing():
            writer.write(exchange.outgoing())
        writer.close()
