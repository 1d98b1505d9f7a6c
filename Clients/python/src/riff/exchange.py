"""One call in the framing of Protocol/framing.md, without a socket: bytes in, bytes out.

Each call has a connection of its own, so it is always stream 1: what one caller does not read never holds
back another, and the daemon shares its time between connections.
"""

from __future__ import annotations

import struct
from collections import deque

from .codec import DecodeError
from .errors import Code, RiffError, from_status
from .messages import FrameCancel, FrameCredit, FrameGoAway, FrameHeaders, FrameMetadatum, FrameStatus, GoAwayReason

PREFACE = b"RIFD\0\1\0\0"
LARGEST_FRAME = 1 << 20
FIRST_CREDIT = 1 << 18
FRAGMENT = 1 << 16
LAST = ACK = 1
HEADERS, MESSAGE, HALF_CLOSE, STATUS, CANCEL, PING, GO_AWAY, CREDIT = range(1, 9)


class Exchange:
    """A call under way.

    Feed it what arrives (`receive`), send what it has to say (`outgoing`), hand it requests while `wants_request`.
    Responses come out of `responses`; when `ended`, `error` tells how.
    """

    def __init__(self, method: str, timeout: float | None = None, largest_message: int = 64 << 20) -> None:
        self.responses: deque[bytes] = deque()
        self._method = method
        self._largest = largest_message
        self._is_complete = False
        # What has been handed over, until the daemon is known to have seen the call: at most the credit it begins
        # with, and a message. None: it is known, or the call has been made again once.
        self._handed_over: list[bytes] | None = []
        self._begin(timeout)

    def _begin(self, timeout: float | None) -> None:
        """As on a connection that is new."""
        headers = FrameHeaders(method=f"riff.v1.Riff/{self._method}")
        if timeout is not None:
            headers.metadata.append(FrameMetadatum(key="grpc-timeout", text=_timeout(timeout)))
        self.ended = False
        self.error: RiffError | None = None
        # Whether the call has ended before the daemon saw it.
        self.is_unseen = False
        self._out = bytearray(PREFACE + _frame(HEADERS, headers.encode()))
        self._in = bytearray()
        self._greeted = False
        self._credit = FIRST_CREDIT
        self._queue: deque[memoryview] = deque()
        self._has_half_closed = False
        self._message = bytearray()

    def repeat(self, timeout: float | None) -> None:
        """Makes a call that `is_unseen` again, from its first byte, for a new connection; once."""
        handed_over, self._handed_over = self._handed_over or [], None
        self._begin(timeout)
        self._queue.extend(memoryview(message) for message in handed_over)
        self._fill()

    # Sending

    @property
    def wants_request(self) -> bool:
        """Whether there is room for another request: what was handed over before has been sent, or nearly."""
        return not (self.ended or self._is_complete or self._queue or len(self._out) >= FIRST_CREDIT)

    def send(self, request: bytes) -> None:
        """Takes a request message; it goes out as credit permits."""
        if self._handed_over is not None:
            self._handed_over.append(request)
        self._queue.append(memoryview(request))
        self._fill()

    def half_close(self) -> None:
        """Says that there are no more requests."""
        self._is_complete = True
        self._fill()

    def cancel(self, code: Code = Code.CANCELLED) -> None:
        """Ends the call."""
        if not self.ended:
            self._queue.clear()
            self._out += _frame(CANCEL, FrameCancel(code=code).encode())
            reason = "the deadline has passed" if code == Code.DEADLINE_EXCEEDED else "cancelled by the caller"
            self._end(RiffError(code, reason))

    def outgoing(self) -> bytes:
        """Takes the bytes to send now."""
        data = bytes(self._out)
        self._out.clear()
        return data

    @property
    def has_outgoing(self) -> bool:
        return bool(self._out)

    def _fill(self) -> None:
        while self._queue:
            rest = self._queue[0]
            size = min(len(rest), FRAGMENT, self._credit)
            if self._credit < 1 or (size == 0 and len(rest) > 0):
                return
            whole = size == len(rest)
            self._out += _frame(MESSAGE, bytes(rest[:size]), LAST if whole else 0)
            self._credit -= max(1, size)
            if whole:
                self._queue.popleft()
            else:
                self._queue[0] = rest[size:]
        if self._is_complete and not self._has_half_closed:
            self._has_half_closed = True
            self._out += _frame(HALF_CLOSE)

    # Receiving

    def receive(self, data: bytes) -> None:
        """Takes what arrived; no bytes are the end of the connection."""
        if self.ended:
            return
        if not data:
            # A daemon says its preface before it reads.
            self.is_unseen = not self._greeted and self._handed_over is not None
            self._end(RiffError(Code.UNAVAILABLE, "the connection was lost"))
            return
        self._in += data
        try:
            while not self.ended and self._one():
                pass
        except DecodeError as error:
            self._end(RiffError(Code.INTERNAL, f"the daemon sent a malformed frame: {error}"))

    def _one(self) -> bool:
        if not self._greeted:
            if len(self._in) < 8:
                return False
            if self._in[:6] != PREFACE[:6]:
                raise DecodeError("this is not riffd, or another major version of its protocol")
            self._greeted = True
            del self._in[:8]
        if len(self._in) < 4:
            return False
        (size,) = struct.unpack_from(">I", self._in)
        if not 8 <= size <= LARGEST_FRAME:
            raise DecodeError(f"a frame of {size} bytes")
        if len(self._in) < 4 + size:
            return False
        kind, flags, zero, stream = struct.unpack_from(">BBHI", self._in, 4)
        payload = bytes(self._in[12 : 4 + size])
        del self._in[: 4 + size]
        if zero or (HEADERS <= kind <= CREDIT and stream != (0 if kind in (PING, GO_AWAY) else 1)):
            raise DecodeError("a frame header that does not fit its type")
        if kind not in (PING, GO_AWAY):
            self._handed_over = None
        self._take(kind, flags, payload)
        return True

    def _take(self, kind: int, flags: int, payload: bytes) -> None:
        if kind == MESSAGE:
            self._message += payload
            if len(self._message) > self._largest:
                self.cancel()
                self.error = RiffError(Code.RESOURCE_EXHAUSTED, f"a response is larger than {self._largest} bytes")
                return
            self._out += _frame(CREDIT, FrameCredit(bytes=max(1, len(payload))).encode())
            if flags & LAST:
                self.responses.append(bytes(self._message))
                self._message.clear()
        elif kind == STATUS:
            status = FrameStatus.decode(payload)
            if status.code == 0 and self._message:
                raise DecodeError("OK inside a message")
            details = next((item.binary for item in status.metadata if item.key == "grpc-status-details-bin"), None)
            self._end(None if status.code == 0 else from_status(status.code, status.message, details))
        elif kind == CREDIT:
            self._credit += FrameCredit.decode(payload).bytes
            self._fill()
        elif kind == PING and not flags & ACK:
            self._out += _frame(PING, payload, ACK, stream=0)
        elif kind == GO_AWAY:
            away = FrameGoAway.decode(payload)
            if away.reason != GoAwayReason.SHUTDOWN or away.last_stream < 1:
                self.is_unseen = away.reason == GoAwayReason.SHUTDOWN and self._handed_over is not None
                self._end(RiffError(Code.UNAVAILABLE, away.message or "the daemon is ending"))

    def _end(self, error: RiffError | None) -> None:
        self.ended = True
        self.error = error


def _frame(kind: int, payload: bytes = b"", flags: int = 0, stream: int = 1) -> bytes:
    return struct.pack(">IBBHI", 8 + len(payload), kind, flags, 0, stream) + payload


def _timeout(seconds: float) -> str:
    """`grpc-timeout`: at most seven digits and a unit, rounded up."""
    for unit, size in (("m", 1e-3), ("S", 1.0), ("M", 60.0), ("H", 3600.0)):
        count = max(1, -int(-seconds // size))
        if count < 10_000_000:
            return f"{count}{unit}"
    return "9999999H"
