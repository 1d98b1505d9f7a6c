"""A client that blocks."""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections.abc import Iterator
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


class Responses(Generic[R]):
    """The answers of a call as they come. Leaving the loop, or closing the generator, cancels the call."""

    def __init__(self, place: Place, request: Request[R], timeout: float | None) -> None:
        self._place = place
        self._request = request
        self._timeout = timeout

    def __iter__(self) -> Iterator[R]:
        exchange = Exchange(self._request.method, self._timeout)
        for data in _run(self._place, exchange, iter(self._request.messages), self._timeout):
            yield self._request.response.decode(data)


class Job(Responses[JobEvent]):
    """A job: iterate over its events as they come, or wait for the whole `clip`. Each time, the daemon works anew."""

    def __init__(self, place: Place, request: Request[JobEvent], timeout: float | None, output: OutputFormat) -> None:
        super().__init__(place, request, timeout)
        self._output = output

    def clip(self) -> Clip:
        """Runs the job to its end. Raises `RiffError`."""
        collector = Collector(self._output)
        for event in self:
            collector.take(event)
        return collector.finish()

    def audio(self) -> Iterator[bytes]:
        """The sound as it is made, in the format that was asked for."""
        for event in self:
            if event.audio is not None:
                yield event.audio


class Jam(Job):
    """Music that does not stop: iterate over its events, and steer it meanwhile, from any thread."""

    def __init__(self, place: Place, steering: Steering, timeout: float | None, output: OutputFormat) -> None:
        super().__init__(place, steering.request(), timeout, output)
        self._steering = steering

    def change(self, prompts: Prompts | None = None, /, **fields: Unpack[JamChangeFields]) -> int:
        """What it is to become: a prompt, or several with weights. Returns the change's number, which its event has.

        After the jam's end, nobody hears of it.
        """
        return self._steering.change(prompts, fields)

    def stop(self) -> None:
        """Ends it on the next beat."""
        self._steering.stop()

    def played(self, samples: int) -> None:
        """Says how many sample frames have been heard; the daemon then keeps half a second ahead of that."""
        self._steering.played(samples)


class Client:
    """A riffd on this machine. Calls raise `RiffError`; each has a connection of its own, so threads may share this.

    Args:
        socket: where it listens. Default: as the command line finds it.
        timeout: seconds that a call may take; None: as long as it likes.
        group: the group that shares the daemon of another user, whose `socket` must be named then. Default:
            `$RIFF_ALLOW_GROUP`.
    """

    def __init__(self, socket: str | None = None, timeout: float | None = None, *, group: str | None = None) -> None:
        self._place = Place.of(socket, group)
        self._timeout = timeout

    def generate(self, prompt: str, **fields: Unpack[GenerateRequestFields]) -> Job:
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
    ) -> Job:
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
    ) -> Job:
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
    ) -> Job:
        """One piece that turns from one idea into another, from noise or from a clip or picture (`source`)."""
        return self._job(requests.morph(from_, to, source, clips, power, fields), fields.get("output"))

    def jam(self, prompts: Prompts, *, unpaced: bool = False, **fields: Unpack[GenerateRequestFields]) -> Jam:
        """Music that does not stop. `prompts`: words, or several prompts with their weights."""
        return Jam(
            self._place,
            Steering(prompts, unpaced, fields),
            self._timeout,
            fields.get("output") or OutputFormat.OGG_OPUS,
        )

    def render(self, source: Source, **fields: Unpack[RenderOptionsFields]) -> Job:
        """A spectrogram picture to sound."""
        return self._job(requests.render(source, fields), fields.get("output"))

    def analyze(self, source: Source, **fields: Unpack[AnalyzeOptionsFields]) -> AnalyzeResponse:
        """A sound file to a spectrogram picture."""
        return self._one(requests.analyze(source, fields))

    def status(self) -> StatusResponse:
        """What the daemon is and what it is doing."""
        return self._one(requests.status())

    def watch_status(self, interval_seconds: float | None = None) -> Iterator[StatusResponse]:
        """The same, again and again, until the caller has enough."""
        return iter(Responses(self._place, requests.watch_status(interval_seconds), None))

    def cancel_job(self, job_id: int) -> None:
        """Stops a job, whoever asked for it."""
        self._one(requests.cancel_job(job_id))

    def models(self) -> list[Model]:
        """The models there are, the default first."""
        return self._one(requests.list_models()).models

    def load_model(self, model: str = "", keep_alive_seconds: float | None = None) -> None:
        """Reads a model into memory now."""
        for _ in Responses(self._place, requests.load_model(model, keep_alive_seconds), self._timeout):
            pass

    def unload_model(self, model: str = "") -> int:
        """Gives a model's memory back, and says how many bytes that were."""
        return self._one(requests.unload_model(model)).freed_bytes

    def _job(self, request: Request[JobEvent], output: OutputFormat | None) -> Job:
        return Job(self._place, request, self._timeout, output or OutputFormat.OGG_OPUS)

    def _one(self, request: Request[R]) -> R:
        answers = list(Responses(self._place, request, self._timeout))
        if len(answers) != 1:
            raise RiffError(Code.INTERNAL, f"{request.method} gave {len(answers)} answers instead of one")
        return answers[0]


def _run(
    place: Place, exchange: Exchange, messages: Iterator[Message | None], timeout: float | None
) -> Iterator[bytes]:
    place.check()
    path = place.socket
    deadline = None if timeout is None else time.monotonic() + timeout
    link = _connect(path)
    try:
        pending = b""
        while True:
            while exchange.responses:
                yield exchange.responses.popleft()
            if exchange.ended:
                if exchange.is_unseen:
                    # The daemon let this connection go before it saw the call: another one takes it.
                    link.close()
                    link = _connect(path)
                    exchange.repeat(None if deadline is None else max(0.001, deadline - time.monotonic()))
                    pending = b""
                    continue
                if exchange.error is not None:
                    raise exchange.error
                return
            is_quiet = False
            while exchange.wants_request and not is_quiet:
                try:
                    message = next(messages)
                except StopIteration:
                    exchange.half_close()
                else:
                    is_quiet = message is None
                    if message is not None:
                        exchange.send(message.encode())
            pending = pending or exchange.outgoing()
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            wait = min(_GLANCE, _GLANCE if left is None else left) if is_quiet else left
            readable, writable = _ready(link, bool(pending), wait)
            if not readable and not writable and deadline is not None and time.monotonic() >= deadline:
                exchange.cancel(Code.DEADLINE_EXCEEDED)
                continue
            if writable:
                try:
                    pending = pending[link.send(pending) :]
                except (BrokenPipeError, ConnectionResetError):
                    # What there is to read says why.
                    pending = b""
                except OSError as error:
                    raise unreachable(path, error) from error
            if readable:
                try:
                    received = link.recv(1 << 16)
                except ConnectionResetError:
                    received = b""
                except OSError as error:
                    raise unreachable(path, error) from error
                exchange.receive(received)
    finally:
        # An abandoned call is cancelled; closing the connection does so in any case.
        exchange.cancel()
        with contextlib.suppress(OSError):
            link.send(exchange.outgoing())
        link.close()


def _connect(path: str) -> socket.socket:
    link = socket.socket(socket.AF_UNIX)
    try:
        link.connect(path)
    except OSError as error:
        link.close()
        raise unreachable(path, error) from error
    link.setblocking(False)
    return link


def _ready(link: socket.socket, wants_to_write: bool, seconds: float | None) -> tuple[bool, bool]:
    """Waits until there is something to read, or room to write. Not by select, which takes descriptors below 1,024."""
    poll = select.poll()
    poll.register(link, select.POLLIN | (select.POLLOUT if wants_to_write else 0))
    events = poll.poll(None if seconds is None else seconds * 1_000)
    found = events[0][1] if events else 0
    return bool(found & ~select.POLLOUT), bool(found & select.POLLOUT)
