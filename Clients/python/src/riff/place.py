"""Where the daemon's socket is, by section 1 of Protocol/framing.md."""

from __future__ import annotations

import os
import stat

from .errors import Code, RiffError


def standard_path() -> str:
    """The socket that daemon and clients meet at unless told otherwise."""
    if path := os.environ.get("RIFF_SOCKET"):
        return path
    if folder := os.environ.get("XDG_RUNTIME_DIR"):
        if is_private(folder):
            return f"{folder}/riffd.sock"
        if _is_own(folder) and not os.lstat(folder).st_mode & 0o022:
            return f"{folder}/riffd/riffd.sock"
    return f"/tmp/riffd-{os.getuid()}/riffd.sock"


def check(path: str) -> None:
    """Raises `RiffError` unless the socket's folder is this user's alone: others could have made it first."""
    folder = os.path.dirname(path) or "."
    if os.path.exists(folder) and not is_private(folder):
        raise RiffError(
            Code.PERMISSION_DENIED,
            f"{folder} must be a folder of yours with mode 0700, since whoever can write there can pose as riffd",
        )


def is_private(folder: str) -> bool:
    """Whether it is a real folder of this user with mode 0700."""
    return _is_own(folder) and stat.S_IMODE(os.lstat(folder).st_mode) == 0o700


def _is_own(folder: str) -> bool:
    try:
        status = os.lstat(folder)
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
