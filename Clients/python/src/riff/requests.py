"""The calls of riff.proto as values: method, request messages, how to read the answers."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
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
    JobEvent,
    ListModelsRequest,
    ListModelsResponse,
    LoadModelRequest,
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
)

CHUNK = 1 << 17
Source = str | os.PathLike[str] | bytes | BinaryIO
R = TypeVar("R", bound=Message)


@dataclass(frozen=True, slots=True)
class Request(Generic[R]):
    """A call that can be made."""

    method: str
    messages: Iterable[Message]
    response: type[R]


def generate(prompt: str, fields: GenerateRequestFields) -> Request[JobEvent]:
    return Request("Generate", [GenerateRequest(prompt=prompt, **fields)], JobEvent)


def remix(
    source: Source,
    prompt: str,
    strength: float | None,
    start_seconds: float | None,
    fields: GenerateRequestFields,
) -> Request[JobEvent]:
    options = RemixOptions(
        generate=GenerateRequest(prompt=prompt, **fields),
        strength=strength,
        start_seconds=start_seconds,
        file_name=_name(source),
    )
    chunks = (RemixRequest(chunk=chunk) for chunk in _chunks(source))
    return Request("Remix", _upload(RemixRequest(options=options), chunks), JobEvent)


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
        yield from iter(lambda: source.read(CHUNK), b"")
