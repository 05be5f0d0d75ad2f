"""Where a segment lies on a volume: ``{camera}/{YYYYMMDD}/{camera}_{YYYYMMDD}_{HHMMSS}.mp4``.

Pure names; nothing here touches a file. What a program needs to know of a segment is in the file and
in the journal; a name is for people, and is parsed back only to list the folders of a day.
"""

from __future__ import annotations

import contextlib
import re
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from evertape.errors import ProtocolError
from evertape.types import NS_PER_S

SUFFIX = ".mp4"
CONTROL_DIR = ".evertape"
"""Marker, probe file and the journal's mirror, at the top of a volume."""

_CAMERA = re.compile(r"[a-z0-9][a-z0-9_-]{0,47}")
_DAY = re.compile(r"[0-9]{8}")
_NAME = re.compile(
    r"(?P<camera>[a-z0-9][a-z0-9_-]{0,47})_(?P<day>[0-9]{8})_(?P<time>[0-9]{6})(?:_(?P<n>[1-9][0-9]*))?\.mp4"
)


class SegmentName(NamedTuple):
    """The parts of a file's name; ``number`` is 0 without a suffix."""

    camera: str
    day: str
    time: str
    number: int


def is_camera(name: str) -> bool:
    """Whether ``name`` can be a camera's folder."""
    return _CAMERA.fullmatch(name) is not None


def is_day(name: str) -> bool:
    """Whether ``name`` can be a day's folder."""
    return _DAY.fullmatch(name) is not None


def day_and_time(start_utc: int, file_time: str) -> tuple[str, str]:
    """``YYYYMMDD`` and ``HHMMSS`` of an instant (UTC ns).

    Args:
        start_utc: the instant.
        file_time: ``utc``, ``local`` (this machine's time zone), or a time zone's name such as ``Europe/Berlin``; one
            that this machine does not know counts as UTC, because a file needs a name now.
    """
    moment = datetime.fromtimestamp(start_utc // NS_PER_S, UTC)
    if file_time == "local":
        moment = moment.astimezone()
    elif file_time != "utc":
        with contextlib.suppress(ZoneInfoNotFoundError, ValueError, OSError):
            moment = moment.astimezone(ZoneInfo(file_time))
    return moment.strftime("%Y%m%d"), moment.strftime("%H%M%S")


def file_name(camera: str, day: str, time: str, number: int = 0) -> str:
    """The file's name; ``number`` tells apart files that start in the same second."""
    return f"{camera}_{day}_{time}{f'_{number}' if number else ''}{SUFFIX}"


def parse_name(name: str) -> SegmentName | None:
    """The reverse of ``file_name``; ``None`` for any other name."""
    match = _NAME.fullmatch(name)
    return match and SegmentName(match["camera"], match["day"], match["time"], int(match["n"] or 0))


def split_path(path: str) -> tuple[str, ...]:
    """The components of a path that came in a message.

    Raises:
        ProtocolError: it is empty, absolute, or could lead out of the volume.
    """
    parts = tuple(path.split("/"))
    if not path or "\0" in path or any(part in ("", ".", "..") for part in parts):
        raise ProtocolError(f"{path!r} is not a path within a volume")
    return parts


def segment_path(path: str) -> tuple[str, ...]:
    """As ``split_path``, for something that may be read as footage: not in the control folder, and an ``.mp4``."""
    parts = split_path(path)
    if parts[0] == CONTROL_DIR or not parts[-1].endswith(SUFFIX):
        raise ProtocolError(f"{path!r} is not the path of a segment")
    return parts
