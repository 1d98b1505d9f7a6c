"""Where the daemon's socket is, by section 1 of Protocol/framing.md."""

from __future__ import annotations

import grp
import os
import stat
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Place:
    """A daemon's socket, and the group by which a folder of another user is believed."""

    socket: str
    group: int | None = None

    @classmethod
    def of(cls, socket: str | None, group: str | None) -> Place:
        """As a caller names it; the rest from the environment. Raises `RiffError`."""
        return cls(socket or standard_path(), group_of(socket, group))

    def check(self) -> None:
        """Raises `RiffError` unless nobody else could have put the socket there."""
        check(self.socket, self.group)


def group_of(socket: str | None, group: str | None) -> int | None:
    """The id of the group that shares another user's daemon: `group`, else `$RIFF_ALLOW_GROUP`.

    Raises `RiffError` if there is no such group, or if a group is named and no socket: everybody in a group can make a
    folder at a standard path.
    """
    is_named = bool(socket or os.environ.get("RIFF_SOCKET"))
    if group and not is_named:
        raise RiffError(Code.INVALID_ARGUMENT, "a group needs a socket: the one that it shares")
    name = group or (os.environ.get("RIFF_ALLOW_GROUP") if is_named else None)
    if not name:
        return None
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        if name.isdecimal():
            return int(name)
        raise RiffError(Code.INVALID_ARGUMENT, f"there is no group {name!r}") from None


def check(path: str, group: int | None = None) -> None:
    """Raises `RiffError` unless nobody else could have put the socket there: its folder is this user's, or shared with
    the group."""
    folder = os.path.dirname(path) or "."
    if not os.path.exists(folder) or is_private(folder) or _has(folder, 0o750, user=os.getuid()):
        return
    if group is None:
        raise RiffError(
            Code.PERMISSION_DENIED,
            f"{folder} must be a folder of yours with mode 0700, since whoever can write there can pose as riffd",
        )
    if not _has(folder, 0o750, group=group):
        raise RiffError(
            Code.PERMISSION_DENIED,
            f"{folder} must be a folder of yours with mode 0700, or one of the group {group} with mode 0750",
        )


def is_private(folder: str) -> bool:
    """Whether it is a real folder of this user with mode 0700."""
    return _has(folder, 0o700, user=os.getuid())


def _has(folder: str, mode: int, user: int | None = None, group: int | None = None) -> bool:
    """Whether it is a real folder with this mode, and of this user or group."""
    try:
        status = os.lstat(folder)
    except OSError:
        return False
    return (
        stat.S_ISDIR(status.st_mode)
        and stat.S_IMODE(status.st_mode) == mode
        and user in (None, status.st_uid)
        and group in (None, status.st_gid)
    )


def _is_own(folder: str) -> bool:
    try:
        status = os.lstat(folder)
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
