"""When a recording began, and whose it is, by the path that another recorder gave it. Pure.

Paths are relative, with forward slashes, and without the suffix.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from typing import NamedTuple

from evertape.errors import UsageError
from evertape.types import NS_PER_S

_DIRECTIVES = {
    "Y": ("year", r"\d{4}"),
    "y": ("short_year", r"\d{2}"),
    "m": ("month", r"\d{2}"),
    "d": ("day", r"\d{2}"),
    "H": ("hour", r"\d{2}"),
    "M": ("minute", r"\d{2}"),
    "S": ("second", r"\d{2}"),
    "f": ("fraction", r"\d{1,9}"),
    "s": ("epoch", r"\d{9,11}"),
}
"""Of ``strftime``, those that a name may have."""

COMMON = (
    # 20250923_143052, 2025-09-23T14-30-52Z, 2025-09-23/14.30.52, 2025_09_23 14_30_52-123, 20250923143052
    r"(?<!\d)(?P<year>20\d{2})[-_./]?(?P<month>[01]\d)[-_./]?(?P<day>[0-3]\d)"
    r"(?:[-_T ./]{0,3})(?P<hour>[0-2]\d)[-_.:h]?(?P<minute>[0-5]\d)[-_.:m]?(?P<second>[0-6]\d)"
    r"(?:[-_.,](?P<fraction>\d{1,9}))?(?!\d)(?P<utc>Z)?",
    # seconds, or milliseconds, since 1970
    r"(?<!\d)(?P<epoch>1\d{9})(?P<fraction>\d{3})?(?!\d)",
)
"""What is recognised without being told; of several times in a path the last one counts."""

SUFFIXES = frozenset((".mp4", ".m4v", ".mov", ".mkv"))
"""Of files that may be recordings, as ``evertape adopt`` takes them."""

_LONGEST_ID = 48


class Named(NamedTuple):
    """What a path says.

    Args:
        start_utc: when the recording began, UTC ns.
        camera: by a pattern with ``{camera}``, else empty.
        before: what stands before the time in the file's own name, without separators.
    """

    start_utc: int
    camera: str
    before: str


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """A rule for names, such as ``%Y-%m-%d/%H/{camera}/%M.%S``: ``*`` stands for anything within a name.

    Raises:
        UsageError: it means nothing.
    """
    parts: list[str] = []
    seen: set[str] = set()
    for piece in re.findall(r"%.?|\{camera\}|\*|[^%*{]+|\{", pattern):
        if piece == "{camera}":
            parts.append(r"(?P<camera>[^/]+?)")
            seen.add("camera")
        elif piece == "*":
            parts.append("[^/]*")
        elif piece == "%%":
            parts.append("%")
        elif piece.startswith("%"):
            if piece[1:] not in _DIRECTIVES:
                known = " ".join(f"%{name}" for name in _DIRECTIVES)
                raise UsageError(f"{piece!r} in {pattern!r} means nothing", hint=f"there are {known}, * and {{camera}}")
            name, digits = _DIRECTIVES[piece[1:]]
            # A day may be in the folder and in the file's name.
            parts.append(f"(?P={name})" if name in seen else f"(?P<{name}>{digits})")
            seen.add(name)
        else:
            parts.append(re.escape(piece))
    if "epoch" not in seen and not {"month", "day", "hour"} <= seen:
        raise UsageError(f"{pattern!r} does not say when", hint="it needs at least %Y %m %d %H, or %s")
    return re.compile(f"(?<!\\d){''.join(parts)}(?!\\d)")


def read_name(path: str, patterns: Sequence[re.Pattern[str]], zone: tzinfo | None) -> Named | None:
    """What a path says by the first rule that fits; ``None`` if none does.

    Args:
        path: see the module.
        patterns: of ``compile_pattern``, or the common ones.
        zone: that names are in; ``None``: the machine's own.
    """
    for pattern in patterns:
        for match in reversed(list(pattern.finditer(path))):
            found = match.groupdict()
            try:
                start = _start(found, zone)
            except (ValueError, OverflowError, OSError):
                continue
            before = path[: match.start()].rpartition("/")[2] if "/" not in match.group() else ""
            return Named(start, found.get("camera") or "", before.strip("-_. "))
    return None


def _start(found: dict[str, str | None], zone: tzinfo | None) -> int:
    fraction = int((found.get("fraction") or "0").ljust(9, "0"))
    if found.get("epoch"):
        return int(found["epoch"] or 0) * NS_PER_S + fraction
    year = int(found.get("year") or 2000 + int(found.get("short_year") or 0))
    month, day, hour = (int(found.get(name) or 0) for name in ("month", "day", "hour"))
    minute, second = (int(found.get(name) or 0) for name in ("minute", "second"))
    moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC if found.get("utc") else zone or UTC)
    if zone is None and not found.get("utc"):
        moment = moment.replace(tzinfo=None).astimezone()
    return int(moment.timestamp()) * NS_PER_S + fraction


def camera_of(path: str, named: Named | None, top: str) -> str:
    """The name of a recording's camera, as its recorder had it.

    By the pattern; else the outermost folder that is no date; else what stands before the time in the file's name; else
    ``top``, the folder that everything is in.
    """
    if named is not None and named.camera:
        return named.camera
    *folders, name = path.split("/")
    told = [folder for folder in folders if re.search(r"[^\d\W_]", folder) and not _is_date(folder)]
    if told:
        return told[0]
    if named is not None:
        return named.before or top
    return re.sub(r"[-_. ]?\d+$", "", name) or top


def _is_date(folder: str) -> bool:
    return re.fullmatch(r"\d{4}[-_.]?\w{2,9}[-_.]?\d{0,2}|\d{1,2}[hm]?", folder) is not None


def camera_id(name: str) -> str:
    """A camera's id made of a name: lower case, and ``-`` for what an id may not have; ``camera`` of nothing."""
    plain = re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-_")
    return plain[:_LONGEST_ID].rstrip("-_") or "camera"
