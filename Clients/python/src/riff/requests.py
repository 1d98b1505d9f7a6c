"""The calls of riff.proto as values: method, request messages, how to read the answers."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Generic, TypeVar

from .codec import Message
from .messages import (
    AnalyzeOptions,
    AnalyzeOptionsFields,
    AnalyzeRequest,
    AnalyzeResponse,
    CancelJobRequest,
    CancelJobResponse,
    GenerateRequest,
    GenerateRequestFields,
    JamChange,
    JamChangeFields,
    JamOptions,
    JamRequest,
    JamStop,
    JobEvent,
    ListModelsRequest,
    ListModelsResponse,
    LoadModelRequest,
    MorphEnd,
    MorphOptions,
    MorphRequest,
    RemixOptions,
    RemixRequest,
    RenderOptions,
    RenderOptionsFields,
    RenderRequest,
    StatusRequest,
    StatusResponse,
    UnloadModelRequest,
    UnloadModelResponse,
    WatchStatusRequest,
    WeightedPrompt,
)

CHUNK = 1 << 17
Source = str | os.PathLike[str] | bytes | BinaryIO
R = TypeVar("R", bound=Message)


@dataclass(frozen=True, slots=True)
class Request(Generic[R]):
    """A call that can be made."""

    method: str
    # None: there is nothing to say now, but may be later.
    messages: Iterable[Message | None]
    response: type[R]


def generate(prompt: str, fields: GenerateRequestFields) -> Request[JobEvent]:
    return Request("Generate", [GenerateRequest(prompt=prompt, **fields)], JobEvent)


def remix(
    source: Source,
    prompt: str,
    strength: float | None,
    start_seconds: float | None,
    options: RemixOptions | None,
    fields: GenerateRequestFields,
) -> Request[JobEvent]:
    options = replace(
        options or RemixOptions(), generate=GenerateRequest(prompt=prompt, **fields), file_name=_name(source)
    )
    if strength is not None:
        options.strength = strength
    if start_seconds is not None:
        options.start_seconds = start_seconds
    chunks = (RemixRequest(chunk=chunk) for chunk in _chunks(source))
    return Request("Remix", _upload(RemixRequest(options=options), chunks), JobEvent)


def extend(
    source: Source, prompt: str, seconds: float, before: bool, fields: GenerateRequestFields
) -> Request[JobEvent]:
    return remix(source, prompt, None, None, RemixOptions(extend_seconds=seconds, extend_before=before), fields)


def morph(
    from_: str | MorphEnd,
    to: str | MorphEnd,
    source: Source | None,
    clips: int | None,
    power: float | None,
    fields: GenerateRequestFields,
) -> Request[JobEvent]:
    options = MorphOptions(
        generate=GenerateRequest(**fields),
        from_=_end(from_),
        to=_end(to),
        clips=clips,
        power=power,
        file_name="" if source is None else _name(source),
    )
    chunks = (MorphRequest(chunk=chunk) for chunk in (() if source is None else _chunks(source)))
    return Request("Morph", _upload(MorphRequest(options=options), chunks), JobEvent)


def _end(end: str | MorphEnd) -> MorphEnd:
    return MorphEnd(prompt=end) if isinstance(end, str) else end


Prompts = str | Mapping[str, float]


class Steering:
    """What the caller of a jam says while it plays. Any thread may."""

    def __init__(self, prompts: Prompts, unpaced: bool, fields: GenerateRequestFields) -> None:
        words = prompts if isinstance(prompts, str) else ""
        options = JamOptions(generate=GenerateRequest(prompt=words, **fields), unpaced=unpaced)
        if not isinstance(prompts, str):
            options.prompts = _weighted(prompts)
        self._said: deque[JamRequest] = deque([JamRequest(start=options)])
        self._changes = 0

    def request(self) -> Request[JobEvent]:
        return Request("Jam", self._messages(), JobEvent)

    def change(self, prompts: Prompts | None, fields: JamChangeFields) -> int:
        self._changes += 1
        change = JamChange(id=self._changes, **fields)
        if prompts is not None:
            change.prompts = _weighted(prompts)
        self._said.append(JamRequest(change=change))
        return self._changes

    def stop(self) -> None:
        self._said.append(JamRequest(stop=JamStop()))

    def played(self, samples: int) -> None:
        self._said.append(JamRequest(played_samples=samples))

    def _messages(self) -> Iterator[Message | None]:
        while True:
            yield self._said.popleft() if self._said else None


def _weighted(prompts: Prompts) -> list[WeightedPrompt]:
    pairs = {prompts: 1.0} if isinstance(prompts, str) else prompts
    return [WeightedPrompt(prompt=prompt, weight=weight) for prompt, weight in pairs.items()]


def render(source: Source, fields: RenderOptionsFields) -> Request[JobEvent]:
    options = RenderOptions(file_name=_name(source), **fields)
    chunks = (RenderRequest(chunk=chunk) for chunk in _chunks(source))
    return Request("Render", _upload(RenderRequest(options=options), chunks), JobEvent)


def analyze(source: Source, fields: AnalyzeOptionsFields) -> Request[AnalyzeResponse]:
    options = AnalyzeOptions(file_name=_name(source), **fields)
    chunks = (AnalyzeRequest(chunk=chunk) for chunk in _chunks(source))
    return Request("Analyze", _upload(AnalyzeRequest(options=options), chunks), AnalyzeResponse)


def status() -> Request[StatusResponse]:
    return Request("Status", [StatusRequest()], StatusResponse)


def watch_status(interval_seconds: float | None) -> Request[StatusResponse]:
    return Request("WatchStatus", [WatchStatusRequest(interval_seconds=interval_seconds)], StatusResponse)


def cancel_job(job_id: int) -> Request[CancelJobResponse]:
    return Request("CancelJob", [CancelJobRequest(job_id=job_id)], CancelJobResponse)


def list_models() -> Request[ListModelsResponse]:
    return Request("ListModels", [ListModelsRequest()], ListModelsResponse)


def load_model(model: str, keep_alive_seconds: float | None) -> Request[JobEvent]:
    return Request("LoadModel", [LoadModelRequest(model=model, keep_alive_seconds=keep_alive_seconds)], JobEvent)


def unload_model(model: str) -> Request[UnloadModelResponse]:
    return Request("UnloadModel", [UnloadModelRequest(model=model)], UnloadModelResponse)


def _upload(first: Message, chunks: Iterable[Message]) -> Iterator[Message]:
    yield first
    yield from chunks


def _name(source: Source) -> str:
    return Path(source).name if isinstance(source, str | os.PathLike) else ""


def _chunks(source: Source) -> Iterator[bytes]:
    if isinstance(source, bytes):
        for at in range(0, len(source), CHUNK):
            yield source[at : at + CHUNK]
    elif isinstance(source, str | os.PathLike):
        with open(source, "rb") as file:
            yield from iter(lambda: file.read(CHUNK), b"")
    else:
        while chunk := source.read(CHUNK):
            if not isinstance(chunk, bytes):
                raise TypeError('the source must be open for bytes: open(path, "rb")')
            yield chunk
