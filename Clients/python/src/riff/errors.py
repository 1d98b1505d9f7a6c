"""What a failed call raises."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from .codec import DecodeError, Message, spec


class Code(IntEnum):
    """gRPC's canonical status codes."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


@dataclass(frozen=True, slots=True)
class Violation:
    """A field of the request that was wrong, as a path from the request on, and what would be right."""

    field: str
    description: str


class RiffError(Exception):
    """A call that failed.

    Attributes:
        code: why, as a gRPC status code.
        message: for a person.
        violations: the fields of the request at fault.
        retry_after: seconds after which calling again makes sense, where the daemon says so.
    """

    def __init__(
        self,
        code: Code,
        message: str,
        violations: tuple[Violation, ...] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"{code.name}: {message}")
        self.code = code
        self.message = message
        self.violations = violations
        self.retry_after = retry_after


def unreachable(path: str, error: OSError) -> RiffError:
    """That a socket leads to no daemon."""
    reason = error.strerror or str(error)
    if isinstance(error, FileNotFoundError | ConnectionRefusedError):
        hint = "start `riffd`, or make something with `riff`, which starts it"
        return RiffError(Code.UNAVAILABLE, f"no riffd is listening on {path} ({reason}): {hint}")
    return RiffError(Code.UNAVAILABLE, f"{path}: {reason}")


@dataclass(slots=True)
class _Any(Message):
    type_url: str = field(default="", metadata=spec(1, "string"))
    value: bytes = field(default=b"", metadata=spec(2, "bytes"))


@dataclass(slots=True)
class _Status(Message):
    code: int = field(default=0, metadata=spec(1, "uint32"))
    message: str = field(default="", metadata=spec(2, "string"))
    details: list[_Any] = field(default_factory=list, metadata=spec(3, _Any, repeated=True))


@dataclass(slots=True)
class _FieldViolation(Message):
    path: str = field(default="", metadata=spec(1, "string"))
    description: str = field(default="", metadata=spec(2, "string"))


@dataclass(slots=True)
class _BadRequest(Message):
    violations: list[_FieldViolation] = field(default_factory=list, metadata=spec(1, _FieldViolation, repeated=True))


@dataclass(slots=True)
class _Duration(Message):
    seconds: int = field(default=0, metadata=spec(1, "uint64"))
    nanos: int = field(default=0, metadata=spec(2, "uint32"))


@dataclass(slots=True)
class _RetryInfo(Message):
    delay: _Duration | None = field(default=None, metadata=spec(1, _Duration))


def from_status(code: int, message: str, details: bytes | None) -> RiffError:
    """The error of a status that is not OK; `details` is a serialised google.rpc.Status."""
    violations: list[Violation] = []
    retry_after: float | None = None
    try:
        for detail in _Status.decode(details or b"").details:
            kind = detail.type_url.rpartition("/")[2]
            if kind == "google.rpc.BadRequest":
                violations += [
                    Violation(item.path, item.description) for item in _BadRequest.decode(detail.value).violations
                ]
            elif kind == "google.rpc.RetryInfo":
                delay = _RetryInfo.decode(detail.value).delay or _Duration()
                retry_after = delay.seconds + delay.nanos / 1e9
    except DecodeError:
        # The code and the message still count.
        pass
    known = Code(code) if 0 <= code <= 16 else Code.UNKNOWN
    return RiffError(known, message, tuple(violations), retry_after)
