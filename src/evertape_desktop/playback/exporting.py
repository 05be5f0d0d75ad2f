"""Footage as a file: the recorder makes it, and it is fetched. On the link's thread."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evertape.evidence.verify import write_list
from evertape_desktop.backend.model import instant
from evertape_desktop.backend.problem import Problem
from evertape_desktop.playback.fetching import fetch, read_back
from evertape_desktop.playback.footage import Ask

_LOOK_S = 0.25
_MADE = 0.7
"""How much of the bar is the recorder's part."""

Progress = Callable[[float, str], None]
"""Is told how far it is, 0 to 1, and what is being done; on the link's thread."""


@dataclass(frozen=True, slots=True)
class ExportWish:
    """What is to be exported.

    Args:
        cameras: ids.
        start: UTC ns.
        end: UTC ns.
        bundle: with what proves that it was not changed since.
        close_gaps: go on at once where footage is missing.
        partial: leave out what lies on volumes that are away.
    """

    cameras: tuple[str, ...]
    start: int
    end: int
    bundle: bool = False
    close_gaps: bool = False
    partial: bool = False


@dataclass(frozen=True, slots=True)
class Exported:
    """What came of it.

    Args:
        file: on this machine.
        bytes: of it.
        hash: of it.
        notes: what a person should know of it.
    """

    file: Path
    bytes: int
    hash: str
    notes: tuple[str, ...]


async def export(ask: Ask, wish: ExportWish, target: Path, progress: Progress) -> Exported:
    """Have it made and fetch it; ``FILE.blake3`` beside it has its hash. An ending of its own is kept: .zip or .mp4.

    Raises:
        Problem: it cannot be made, or not be fetched.
    """
    body = {
        "cameras": list(wish.cameras), "start": instant(wish.start), "end": instant(wish.end),
        "bundle": wish.bundle, "close_gaps": wish.close_gaps, "partial": wish.partial,
    }  # fmt: skip
    job = await _asked(ask, "POST", "/exports", body)
    path = f"/exports/{job['id']}"
    try:
        job = await _made(ask, job, path, progress)
        file = target.with_suffix(Path(job["file"]).suffix)
        size = int(job["bytes"])
        found = await fetch(
            ask, f"{path}/file", size, file, lambda at: progress(_MADE + (1 - _MADE) * at / max(1, size), "fetching")
        )
        if await read_back(file) != found:
            raise Problem("differs", f"{file} does not read back as it was written")
        await asyncio.to_thread(write_list, file, found)
        return Exported(file, size, found, tuple(job["notes"]))
    finally:
        # The recorder need not keep it: it is here, or nobody wants it.
        await asyncio.shield(_forgotten(ask, path))


async def _made(ask: Ask, job: Any, path: str, progress: Progress) -> Any:
    while job["state"] in ("waiting", "running"):
        progress(_MADE * float(job["progress"]), "making")
        await asyncio.sleep(_LOOK_S)
        job = await _asked(ask, "GET", path)
    if job["state"] != "done":
        raise Problem("export_failed", job["error"] or "the export failed", job["hint"])
    return job


async def _forgotten(ask: Ask, path: str) -> None:
    try:
        await ask("DELETE", path)
    except Problem:
        return  # it is deleted after a day


async def _asked(ask: Ask, method: str, path: str, body: Any = None) -> Any:
    return json.loads((await ask(method, path, body=body)).body)


def file_name(cameras: Sequence[str], moment: str, ending: str) -> str:
    """``door_2026-11-24_10-32-05.mp4``; of several: ``3-cameras_…``. ``moment``: as ``words.date_clock`` writes it."""
    who = cameras[0] if len(cameras) == 1 else f"{len(cameras)}-cameras"
    return f"{who}_{moment.replace(' ', '_').replace(':', '-')}{ending}"
