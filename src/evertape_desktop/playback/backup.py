"""Whole files of a selection, copied to a folder here, each compared with the recorder's hash. On the link's thread."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from evertape.evidence.verify import LIST, list_line
from evertape.mp4.digest import differ
from evertape_desktop.backend.model import instant
from evertape_desktop.backend.problem import Problem
from evertape_desktop.playback.exporting import Progress
from evertape_desktop.playback.fetching import fetch, read_back
from evertape_desktop.playback.footage import Ask

_SPARE = 64 << 20


@dataclass(slots=True)
class BackupReport:
    """What came of it.

    Args:
        folder: where it lies.
        verified: files that read back as the recorder hashed them, of these ``kept`` were there before.
        unhashed: files that read back as they came, of which the recorder has no hash yet.
        failed: files, and why.
        open: files that were left out because they are being written.
        bytes: of all that is there.
        hashes: by path below the folder.
    """

    folder: Path
    verified: int = 0
    kept: int = 0
    unhashed: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)
    open: int = 0
    bytes: int = 0
    hashes: dict[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Every file is there as it should be."""
        return not self.failed

    def text(self) -> str:
        """For the file beside the footage."""
        lines = [
            f"verified against the recorder's hash: {self.verified} files (there before: {self.kept})",
            f"read back, the recorder has no hash of them yet: {self.unhashed} files",
            f"left out because they are being written: {self.open} files",
            f"failed: {len(self.failed)} files",
            *(f"  {name}: {why}" for name, why in self.failed),
            f"bytes: {self.bytes}",
        ]
        return "\n".join(lines) + "\n"


async def segments_of(ask: Ask, cameras: Iterable[str], start: int, end: int) -> list[Any]:
    """The files with footage of a time, each once, as ``SegmentAnswer``."""
    found: dict[str, Any] = {}
    for camera in cameras:
        begin: str | None = instant(start)
        while begin is not None:
            query = {"start": begin, "end": instant(end)}
            body = (await ask("GET", f"/cameras/{quote(camera, safe='')}/segments", query=query)).body
            answer = json.loads(body)
            found |= {part["segment"]["id"]: part["segment"] for part in answer["parts"]}
            begin = answer["next"]
    return list(found.values())


async def back_up(
    ask: Ask, cameras: Iterable[str], start: int, end: int, folder: Path, progress: Progress
) -> BackupReport:
    """Copy what is finished of a time, compare, and write down what was found.

    Raises:
        Problem: there is nothing to copy, there is no room, or the folder cannot be written at all.
    """
    report = BackupReport(folder)
    files = await segments_of(ask, cameras, start, end)
    finished = [one for one in files if one["state"] == "closed" and one["bytes"]]
    report.open = len(files) - len(finished)
    total = sum(one["bytes"] for one in finished)
    if not finished:
        raise Problem("nothing", "no finished file has footage of that time")
    await _has_room(folder, total)
    done = 0
    for one in finished:
        await _copy(ask, one, report, lambda at, done=done: progress((done + at) / total, "copying"))
        done += one["bytes"]
        progress(done / total, "copying")
    await asyncio.to_thread(_write_down, report)
    return report


async def _copy(ask: Ask, segment: Any, report: BackupReport, told: Any) -> None:
    name = _below(segment["path"], segment["id"])
    target = report.folder / name
    try:
        was_there = await asyncio.to_thread(_is_there, target, segment["bytes"])
        came = "" if was_there else await fetch(ask, f"/segments/{segment['id']}/file", segment["bytes"], target, told)
        found = await read_back(target)
        if came and found != came:
            raise Problem("differs", "it does not read back as it was written")
        if differ(segment["hash"], found):
            raise Problem("differs", "it is not what the recorder wrote: its hash is another one")
    except Problem as problem:
        report.failed.append((name, problem.what))
        return
    if segment["hash"]:
        report.verified += 1
        report.kept += was_there
    else:
        report.unhashed += 1
    report.bytes += segment["bytes"]
    report.hashes[name] = found


def _below(path: str, name: str) -> str:
    """Where a file goes below the folder: as on its volume, whatever its path may try."""
    parts = [part for part in PurePosixPath(path).parts if part not in ("..", ".", "/") and ":" not in part]
    return "/".join(parts) or f"{name}.mp4"


def _is_there(target: Path, size: int) -> bool:
    return target.is_file() and target.stat().st_size == size


async def _has_room(folder: Path, total: int) -> None:
    try:
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        free = (await asyncio.to_thread(shutil.disk_usage, folder)).free
    except OSError as error:
        raise Problem("unwritable", f"{folder} cannot be used: {error.strerror or error}") from None
    if free < total + _SPARE:
        raise Problem("no_room", f"{folder} has {free / 1e9:.1f} GB free, and {total / 1e9:.1f} GB are to be copied")


def _write_down(report: BackupReport) -> None:
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    try:
        (report.folder / f"backup-{at}.txt").write_text(report.text(), encoding="utf-8")
        # One for each folder, because ``evertape verify`` reads a list of what lies beside it.
        for place, names in groupby(sorted(report.hashes), key=lambda name: PurePosixPath(name).parent):
            lines = "".join(list_line(PurePosixPath(name).name, report.hashes[name]) for name in names)
            (report.folder / place / f"backup-{at}{LIST}").write_text(lines, encoding="utf-8")
    except OSError as error:
        report.failed.append(("the report", error.strerror or str(error)))
