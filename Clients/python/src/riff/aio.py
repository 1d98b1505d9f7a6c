"""The same client for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import Generic, TypeVar, Unpack

from . import requests
from .clip import Clip, Collector
from .codec import Message
from .errors import Code, RiffError, unreachable
from .exchange import Exchange
from .messages import (
    AnalyzeOptionsFields,
    AnalyzeResponse,
    GenerateRequestFields,
    JamChangeFields,
    JobEvent,
    Model,
    MorphEnd,
    OutputFormat,
    RemixOptions,
    RenderOptionsFields,
    StatusResponse,
)
from .place import Place
from .requests import Prompts, Request, Source, Steering

R = TypeVar("R", bound=Message)
# Seconds until a caller is asked again who had nothing to say.
_GLANCE = 0.05
# Bytes that may wait in the socket's writer before more of an upload is read.
_WAITING = 1 << 18


class AsyncResponses(Generic[R]):
    """The answers of a call as they come. Closing the generator, or cancelling the task, cancels the call."""

    def __init__(self, place: Place, request: Request[R], timeout: float | None) -> None:
        self._place = place
        self._request = request
        self._timeout = timeout

    async def __aiter__(self) -> AsyncGenerator[R, None]:
        exchange = Exchange(self._request.method, self._timeout)
        async for data in _run(self._place, exchange, iter(self._request.messages), self._timeout):
            yield self._request.response.decode(data)


class AsyncJob(AsyncResponses[JobEvent]):
    """A job: iterate over its events as they come, or await the whole `clip`."""

    def __init__(self, place: Place, request: Request[JobEvent], timeout: float | None, output: OutputFormat) -> None:
        super().__init__(place, request, timeout)
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


class AsyncJam(AsyncJob):
    """Music that does not stop: iterate over its events, and steer it meanwhile. See `riff.Jam`."""

    def __init__(self, place: Place, steering: Steering, timeout: float | None, output: OutputFormat) -> None:
        super().__init__(place, steering.request(), timeout, output)
        self._steering = steering

    def change(self, prompts: Prompts | None = None, /, **fields: Unpack[JamChangeFields]) -> int:
        """What it is to become. Returns the change's number, which its event has."""
        return self._steering.change(prompts, fields)

    def stop(self) -> None:
        """Ends it on the next beat."""
        self._steering.stop()

    def played(self, samples: int) -> None:
        """Says how many sample frames have been heard; the daemon then keeps half a second ahead of that."""
        self._steering.played(samples)


class AsyncClient:
    """A riffd on this machine, for asyncio. See `riff.Client`."""

    def __init__(self, socket: str | None = None, timeout: float | None = None, *, group: str | None = None) -> None:
        self._place = Place.of(socket, group)
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
        options: RemixOptions | None = None,
        **fields: Unpack[GenerateRequestFields],
    ) -> AsyncJob:
        """A clip or a spectrogram picture painted over. `source`: a path, the file's bytes, or an open file.

        `options` has the other fields of RemixOptions in riff.proto: `RemixOptions(span=Span())` is the whole clip.
        """
        return self._job(
            requests.remix(source, prompt, strength, start_seconds, options, fields), fields.get("output")
        )

    def extend(
        self,
        source: Source,
        prompt: str,
        seconds: float,
        *,
        before: bool = False,
        **fields: Unpack[GenerateRequestFields],
    ) -> AsyncJob:
        """A clip that goes on, behind its end or before its beginning."""
        return self._job(requests.extend(source, prompt, seconds, before, fields), fields.get("output"))

    def morph(
        self,
        from_: str | MorphEnd,
        to: str | MorphEnd,
        *,
        source: Source | None = None,
        clips: int | None = None,
        power: float | None = None,
        **fields: Unpack[GenerateRequestFields],
    ) -> AsyncJob:
        """One piece that turns from one idea into another, from noise or from a clip or picture (`source`)."""
        return self._job(requests.morph(from_, to, source, clips, power, fields), fields.get("output"))

    def jam(self, prompts: Prompts, *, unpaced: bool = False, **fields: Unpack[GenerateRequestFields]) -> AsyncJam:
        """Music that does not stop. `prompts`: words, or several prompts with their weights."""
        return AsyncJam(
            self._place,
            Steering(prompts, unpaced, fields),
            self._timeout,
            fields.get("output") or OutputFormat.OGG_OPUS,
        )

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
        return aiter(AsyncResponses(self._place, requests.watch_status(interval_seconds), None))

    async def cancel_job(self, job_id: int) -> None:
        """Stops a job, whoever asked for it."""
        await self._one(requests.cancel_job(job_id))

    async def models(self) -> list[Model]:
        """The models there are, the default first."""
        return (await self._one(requests.list_models())).models

    async def load_model(self, model: str = "", keep_alive_seconds: float | None = None) -> None:
        """Reads a model into memory now."""
        async for _ in AsyncResponses(self._place, requests.load_model(model, keep_alive_seconds), self._timeout):
            pass

    async def unload_model(self, model: str = "") -> int:
        """Gives a model's memory back, and says how many bytes that were."""
        return (await self._one(requests.unload_model(model))).freed_bytes

    def _job(self, request: Request[JobEvent], output: OutputFormat | None) -> AsyncJob:
        return AsyncJob(self._place, request, self._timeout, output or OutputFormat.OGG_OPUS)

    async def _one(self, request: Request[R]) -> R:
        answers = [answer async for answer in AsyncResponses(self._place, request, self._timeout)]
        if len(answers) != 1:
            raise RiffError(Code.INTERNAL, f"{request.method} gave {len(answers)} answers instead of one")
        return answers[0]


def _next(messages: Iterator[Message | None]) -> tuple[bool, Message | None]:
    """Whether there may be more to say, and what is to be said now."""
    try:
        return True, next(messages)
    except StopIteration:
        return False, None


async def _connect(path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        return await asyncio.open_unix_connection(path)
    except OSError as error:
        raise unreachable(path, error) from error


async def _run(
    place: Place, exchange: Exchange, messages: Iterator[Message | None], timeout: float | None
) -> AsyncIterator[bytes]:
    place.check()
    path = place.socket
    loop = asyncio.get_running_loop()
    deadline = None if timeout is None else loop.time() + timeout
    reader, writer = await _connect(path)
    reading: asyncio.Task[bytes] | None = None
    draining: asyncio.Task[None] | None = None
    try:
        while True:
            while exchange.responses:
                yield exchange.responses.popleft()
            if exchange.ended:
                if exchange.is_unseen:
                    # The daemon let this connection go before it saw the call: another one takes it.
                    for task in (reading, draining):
                        if task is not None:
                            task.cancel()
                    reading = draining = None
                    writer.close()
                    reader, writer = await _connect(path)
                    exchange.repeat(None if deadline is None else max(0.001, deadline - loop.time()))
                    continue
                if exchange.error is not None:
                    raise exchange.error
                return
            is_quiet = False
            while exchange.wants_request and not is_quiet and writer.transport.get_write_buffer_size() < _WAITING:
                # A file's next piece: read beside the loop, so that a slow disk holds up nobody.
                has_more, message = await asyncio.to_thread(_next, messages)
                is_quiet = has_more and message is None
                if message is not None:
                    exchange.send(message.encode())
                elif not has_more:
                    exchange.half_close()
                writer.write(exchange.outgoing())
            if exchange.has_outgoing:
                writer.write(exchange.outgoing())
            reading = reading or asyncio.create_task(reader.read(1 << 16))
            draining = draining or asyncio.create_task(writer.drain())
            wants_more = exchange.wants_request and not is_quiet
            waiting = {reading} if draining.done() and not wants_more else {reading, draining}
            left = None if deadline is None else max(0.0, deadline - loop.time())
            wait = min(_GLANCE, _GLANCE if left is None else left) if is_quiet else left
            done, _ = await asyncio.wait(waiting, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
            if not done and deadline is not None and loop.time() >= deadline:
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
