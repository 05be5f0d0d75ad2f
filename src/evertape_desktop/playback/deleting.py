"""Files of a selection, deleted by the recorder: what is protected or being written stays. On the link's thread."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from evertape_desktop.backend.model import utc_ns
from evertape_desktop.backend.problem import Problem
from evertape_desktop.playback.backup import segments_of
from evertape_desktop.playback.exporting import Progress
from evertape_desktop.playback.footage import Ask

_LOOK_S = 0.3
_MOST = 2000
"""So many files are told to the recorder at once; see docs/reference/http.md."""


@dataclass(frozen=True, slots=True)
class Deletable:
    """What could go.

    Args:
        inside: ids of files that lie wholly in the selection.
        beyond: of those that reach beyond it.
        protected: files that stay because they are protected.
        open: files that are being written.
        bytes: of each file, by id.
    """

    inside: tuple[str, ...]
    beyond: tuple[str, ...]
    protected: int
    open: int
    bytes: dict[str, int]


@dataclass(frozen=True, slots=True)
class Deleted:
    """What went.

    Args:
        files: how many.
        bytes: of them.
        stayed: those that could not be deleted, were protected meanwhile, or lie on a volume that is away.
    """

    files: int
    bytes: int
    stayed: int


async def deletable(ask: Ask, cameras: Iterable[str], start: int, end: int) -> Deletable:
    """What could be deleted of a time. Raises ``Problem``."""
    found = await segments_of(ask, cameras, start, end)
    held = json.loads((await ask("GET", "/protections")).body)["protections"]
    inside, beyond, protected, still_open = [], [], 0, 0
    for one in found:
        if one["state"] != "closed":
            still_open += 1
        elif is_protected(one, held):
            protected += 1
        elif utc_ns(one["start"]) >= start and utc_ns(one["end"]) <= end:
            inside.append(one["id"])
        else:
            beyond.append(one["id"])
    sizes = {one["id"]: int(one["bytes"] or 0) for one in found}
    return Deletable(tuple(inside), tuple(beyond), protected, still_open, sizes)


def is_protected(segment: Any, held: Sequence[Any]) -> bool:
    """Whether a protection touches a file; it is kept as a whole then. Pure; the recorder has the last word."""
    start, end = utc_ns(segment["start"]), utc_ns(segment["end"])
    return any(
        one["camera"] == segment["camera"] and utc_ns(one["start"]) <= end and start < utc_ns(one["end"])
        for one in held
    )


async def delete(ask: Ask, segments: Sequence[str], progress: Progress) -> Deleted:
    """Have them deleted, and wait for it. Raises ``Problem``; what was deleted before is gone."""
    files = size = 0
    for begin in range(0, len(segments), _MOST):
        some = list(segments[begin : begin + _MOST])
        run = json.loads((await ask("POST", "/retention/delete", body={"segments": some})).body)
        while not run["done"]:
            progress((begin + run["files"]) / len(segments), "deleting")
            await asyncio.sleep(_LOOK_S)
            run = json.loads((await ask("GET", f"/retention/run/{run['run']}")).body)
        if run["error"]:
            raise Problem("delete_failed", f"the recorder could not delete all of it: {run['error']}")
        files, size = files + run["files"], size + run["bytes"]
    return Deleted(files, size, len(segments) - files)
