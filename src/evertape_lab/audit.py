"""Counts the lab's numbered frames in any set of files: which are there, missing, doubled, out of order.

Nothing is decoded and no container is parsed: the files are searched for the SEI messages of
``evertape_lab.sei``. What is counted is therefore what lies in the bytes; a tail that was cut in
the middle of a frame, or that another file supersedes, is left out by giving byte ranges.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from evertape.types import NS_PER_S
from evertape_lab.fleet import NotSent
from evertape_lab.sei import SeenFrame, find_frames

__all__ = [
    "CameraReport", "FileRange", "FramesReport", "Missing", "SeenFrame",
    "assert_every_frame_once", "audit_files", "audit_frames", "scan_file",
]  # fmt: skip

FileRange = tuple[str | os.PathLike[str], int, int]
"""A path with the first byte to look at and the one behind the last."""

Source = str | os.PathLike[str] | FileRange

_SHOWN = 5  # entries of each kind in a text for people


@dataclass(frozen=True, slots=True)
class Missing:
    """Frames ``first`` to ``last`` that nowhere appear, between two that do.

    ``after_utc_ns`` and ``before_utc_ns`` are the times of the last frame before and the first one after.
    """

    first: int
    last: int
    after_utc_ns: int
    before_utc_ns: int

    @property
    def count(self) -> int:
        """How many."""
        return self.last - self.first + 1


@dataclass(slots=True)
class CameraReport:
    """What was found of one camera.

    Args:
        camera: its name in the SEI.
        first, last: the lowest and the highest frame number.
        first_utc_ns, last_utc_ns: their times.
        count: distinct frames.
        missing: holes between ``first`` and ``last``.
        doubled: frame number to the files that hold it, one entry per occurrence.
        disordered: file to how many of its frames follow one with a higher number.
    """

    camera: str
    first: int
    last: int
    first_utc_ns: int
    last_utc_ns: int
    count: int
    missing: list[Missing] = field(default_factory=list)
    doubled: dict[int, list[Path]] = field(default_factory=dict)
    disordered: dict[Path, int] = field(default_factory=dict)

    @property
    def missing_count(self) -> int:
        """Frames missing in all."""
        return sum(hole.count for hole in self.missing)

    @property
    def ok(self) -> bool:
        """Every frame from the first to the last is there exactly once and in order."""
        return not (self.missing or self.doubled or self.disordered)

    def describe(self) -> str:
        """Several lines for people; one if all is well."""
        lines = [
            f"{self.camera}: {self.count} frames, {self.first} ({_clock(self.first_utc_ns)}) to "
            f"{self.last} ({_clock(self.last_utc_ns)})"
        ]
        lines += [
            f"  missing {hole.count}: {hole.first} to {hole.last}, between {_clock(hole.after_utc_ns)} and "
            f"{_clock(hole.before_utc_ns)}"
            for hole in self.missing[:_SHOWN]
        ]
        lines += [
            f"  doubled {n}: {', '.join(path.name for path in paths)}"
            for n, paths in list(self.doubled.items())[:_SHOWN]
        ]
        lines += [f"  out of order {count}: {path.name}" for path, count in list(self.disordered.items())[:_SHOWN]]
        if not self.ok:
            lines.append(
                f"  in all: {self.missing_count} missing in {len(self.missing)} holes, {len(self.doubled)} doubled, "
                f"{sum(self.disordered.values())} out of order"
            )
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class FramesReport:
    """What was found in a set of files, by camera name."""

    cameras: dict[str, CameraReport]

    @property
    def ok(self) -> bool:
        """Something was found, and nothing of it is missing, doubled or out of order."""
        return bool(self.cameras) and all(camera.ok for camera in self.cameras.values())

    def describe(self) -> str:
        """Some lines for people."""
        if not self.cameras:
            return "no numbered frame was found"
        return "\n".join(self.cameras[name].describe() for name in sorted(self.cameras))


def scan_file(path: str | os.PathLike[str], start: int = 0, end: int | None = None) -> list[SeenFrame]:
    """The frames of one file in the order of its bytes.

    Args:
        path: any file, whatever its container; it may still be growing.
        start: the first byte to look at.
        end: the one behind the last, by default the end of the file.

    Raises:
        OSError: the file cannot be read.
    """
    with open(path, "rb") as file:
        # Not mapped: reconciling cuts files, and touching a page behind the new end would kill this process (SIGBUS).
        data = file.read() if end is None else file.read(end)
    return list(find_frames(data, start))


def audit_files(sources: Iterable[Source]) -> FramesReport:
    """Count the frames in files, or in byte ranges of files, given in any order. Raises ``OSError``."""
    return audit_frames(_scan(source) for source in sources)


def audit_frames(files: Iterable[tuple[Path, list[SeenFrame]]]) -> FramesReport:
    """Count the frames of files that were scanned before; the pure part of ``audit_files``."""
    seen: dict[str, list[tuple[int, int, Path]]] = {}
    disordered: dict[str, dict[Path, int]] = {}
    for path, frames in files:
        previous: dict[str, int] = {}
        for frame in frames:
            if frame.n < previous.get(frame.camera, frame.n):
                counts = disordered.setdefault(frame.camera, {})
                counts[path] = counts.get(path, 0) + 1
            previous[frame.camera] = frame.n
            seen.setdefault(frame.camera, []).append((frame.n, frame.utc_ns, path))
    return FramesReport({name: _report(name, found, disordered.get(name, {})) for name, found in seen.items()})


def assert_every_frame_once(
    sources: Iterable[Source],
    *,
    cameras: Iterable[str] | None = None,
    at_least: int = 1,
    not_sent: Iterable[NotSent] = (),
) -> FramesReport:
    """Fail unless every frame of every camera between its first and its last is there once and in order.

    Args:
        sources: files or byte ranges, in any order.
        cameras: the names that must be there, exactly; by default any.
        at_least: distinct frames that each camera must have, so that an empty recording does not pass.
        not_sent: what the cameras say that they never sent; a hole within one of these is no fault.

    Returns:
        The report, without those holes, for further questions.

    Raises:
        AssertionError: with a text that says what, when and in which files.
    """
    report = audit_files(sources)
    excused = list(not_sent)
    for name, camera in report.cameras.items():
        camera.missing = [hole for hole in camera.missing if not _excused(name, hole, excused)]
    problems = [] if report.ok else ["not every frame is there exactly once"]
    if cameras is not None and (wanted := set(cameras)) != set(report.cameras):
        problems.append(f"cameras {sorted(report.cameras)} were found instead of {sorted(wanted)}")
    problems += [
        f"{name} has {camera.count} frames, not {at_least}"
        for name, camera in report.cameras.items()
        if camera.count < at_least
    ]
    if problems:
        raise AssertionError("; ".join(problems) + "\n" + report.describe())
    return report


def _excused(camera: str, hole: Missing, not_sent: list[NotSent]) -> bool:
    return any(name == camera and first <= hole.first and hole.last <= last for name, first, last in not_sent)


def _scan(source: Source) -> tuple[Path, list[SeenFrame]]:
    if isinstance(source, tuple):
        path, start, end = source
        return Path(path), scan_file(path, start, end)
    return Path(source), scan_file(source)


def _report(name: str, found: list[tuple[int, int, Path]], disordered: dict[Path, int]) -> CameraReport:
    found.sort()
    first, last = found[0], found[-1]
    report = CameraReport(name, first[0], last[0], first[1], last[1], 1, disordered=disordered)
    for (n, utc_ns, path), (next_n, next_utc_ns, next_path) in pairwise(found):
        if next_n == n:
            report.doubled.setdefault(n, [path]).append(next_path)
            continue
        report.count += 1
        if next_n > n + 1:
            report.missing.append(Missing(n + 1, next_n - 1, utc_ns, next_utc_ns))
    return report


def _clock(utc_ns: int) -> str:
    return datetime.fromtimestamp(utc_ns / NS_PER_S, UTC).strftime("%H:%M:%S.%f")[:-3]
