"""riffd from Python: text, pictures and clips into music, by a daemon on this machine.

    import riff

    clip = riff.Client().generate("church bells", seed=7).clip()
    clip.save("bells.opus")

A job streams: `for event in client.generate(...)` gives progress, warnings and sound as they are made. `AsyncClient`
is the same for asyncio. No dependencies; the extra `numpy` gives samples as arrays.
"""

from .aio import AsyncClient, AsyncJam, AsyncJob
from .client import Client, Jam, Job
from .clip import Clip
from .codec import Message
from .errors import Code, RiffError, Violation
from .messages import (
    AnalyzeResponse,
    Done,
    JobEvent,
    Keep,
    Model,
    MorphEnd,
    MP3Options,
    OpusOptions,
    OutputFormat,
    Progress,
    Quality,
    RemixOptions,
    SampleFormat,
    Span,
    SpectrogramOptions,
    Stage,
    Started,
    StatusResponse,
    WeightedPrompt,
)

__all__ = [
    "AnalyzeResponse",
    "AsyncClient",
    "AsyncJam",
    "AsyncJob",
    "Client",
    "Clip",
    "Code",
    "Done",
    "Jam",
    "Job",
    "JobEvent",
    "Keep",
    "MP3Options",
    "Message",
    "Model",
    "MorphEnd",
    "OpusOptions",
    "OutputFormat",
    "Progress",
    "Quality",
    "RemixOptions",
    "RiffError",
    "SampleFormat",
    "Span",
    "SpectrogramOptions",
    "Stage",
    "Started",
    "StatusResponse",
    "Violation",
    "WeightedPrompt",
]
