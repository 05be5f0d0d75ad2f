"""Looks at what a power cut left, before anybody has had a chance to mend it; and at the end at what became of it."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from evertape.clock import SystemClock
from evertape.engine.audit import Audit, volume_roots
from evertape.engine.audit_report import Finding
from evertape.errors import ProtocolError
from evertape.ipc.events import SegmentDeleted
from evertape.mp4.scan import scan
from evertape.types import NS_PER_S
from evertape_lab.audit import scan_file
from evertape_lab.fleet import NotSent
from evertape_lab.powercut_rig import PowerRig
from evertape_lab.sei import SeenFrame

MENDED_LATER = ("unfinished", "unknown_file", "deleted_but_there")
"""What a cut may leave for the next start to mend: the steps before L3, between C5 and the journal, and D1 to D3."""
MENDED_WITHIN_S = 6.0
"""A run that goes on for longer has to have mended what the cut before it left; a shorter one leaves it to the next."""
HARMLESS = ("journal_torn", "foreign", "unreachable", "doubled", "there_again")
"""Findings that are neither errors nor work: a torn last line, a file without a whole header, …"""


@dataclass(slots=True)
class Held:
    """What a file held when it was looked at last: numbers of frames."""

    camera: str
    first: int
    last: int
    count: int


@dataclass(slots=True)
class Left:
    """What one cut left.

    Args:
        lost_s: camera to seconds between its last frame on the disk and the cut.
        first_utc: camera to when the first frame of this run was taken.
        problems: what must not be.
        files: that were read in full.
        to_mend: findings that the next start has to mend.
    """

    lost_s: dict[str, float] = field(default_factory=dict)
    first_utc: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    files: int = 0
    to_mend: int = 0


class Examiner:
    """Remembers what it saw after each cut.

    Args:
        rig: whose files.
    """

    def __init__(self, rig: PowerRig) -> None:
        self._rig = rig
        self.held: dict[Path, Held] = {}
        self._open: set[Path] = set()
        self._waiting: set[tuple[str, str]] = set()
        self.files_read = 0

    def examine(self, cut: int, lasted_s: float, recording: dict[str, int], not_sent: Iterable[NotSent]) -> Left:
        """After a cut, with everything mounted and nothing running. Blocking.

        Args:
            cut: when, UTC ns.
            lasted_s: how long the service had run.
            recording: camera to since when it was seen to record in this run, UTC ns.
            not_sent: frames that the cameras left out.
        """
        left = Left()
        frames = self._new_frames(left)
        excused = list(not_sent)
        for camera, since in recording.items():
            seen = sorted({f.n: f for f in frames.get(camera, []) if f.utc_ns <= cut}.values(), key=lambda f: f.n)
            left.lost_s[camera] = (cut - (seen[-1].utc_ns if seen else since)) / NS_PER_S
            left.problems += _holes(camera, seen, excused)
            if seen:
                left.first_utc[camera] = seen[0].utc_ns
        left.problems += self._index()
        self._audit(left, lasted_s)
        return left

    def _new_frames(self, left: Left) -> dict[str, list[SeenFrame]]:
        """Frames of the files that are new; those that were open at the cut before have to hold what they held then."""
        frames: dict[str, list[SeenFrame]] = {}
        still_open: set[Path] = set()
        for path in self._rig.files():
            if path in self.held and path not in self._open:
                continue
            left.files += 1
            found, is_closed = whole_frames(path)
            if not is_closed:
                still_open.add(path)
            before = self.held.get(path)
            if before is not None and (not found or found[-1].n < before.last or len(found) < before.count):
                left.problems.append(
                    f"{path.name} held frames up to {before.last} after the last cut, and does not now"
                )
            if found:
                self.held[path] = Held(found[0].camera, found[0].n, found[-1].n, len(found))
            if before is None:
                for frame in found:
                    frames.setdefault(frame.camera, []).append(frame)
        self._open = still_open
        self.files_read += left.files
        return frames

    def _index(self) -> list[str]:
        """What SQLite itself finds; an index moved aside is one that could not be used."""
        file = self._rig.data.index_file
        aside = [path.name for path in file.parent.iterdir() if path.name.startswith(f"{file.name}.") and
                 path.suffix not in (".lock",)]  # fmt: skip
        problems = [f"the index was given up: {name}" for name in aside]
        if file.exists():
            with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
                (said,) = database.execute("PRAGMA integrity_check").fetchone()
            if said != "ok":
                problems.append(f"the index is damaged: {said}")
        return problems

    def _audit(self, left: Left, lasted_s: float) -> None:
        waiting: set[tuple[str, str]] = set()
        for finding in audited(self._rig):
            if finding.kind in MENDED_LATER:
                key = (finding.kind, finding.path)
                waiting.add(key)
                left.to_mend += 1
                if key in self._waiting and lasted_s > MENDED_WITHIN_S:
                    left.problems.append(f"a run of {lasted_s:.1f} s did not mend it: {finding.text}")
            elif finding.serious or finding.kind not in HARMLESS:
                left.problems.append(f"audit: {finding.text}")
        self._waiting = waiting

    def conclude(self) -> list[str]:
        """At the very end, the service stopped: every frame that a cut left is there, or was deleted. Blocking."""
        problems = self._index()
        problems += [f"audit: {f.text}" for f in audited(self._rig) if f.serious or f.kind not in HARMLESS]
        deleted = {event.path for event in self._rig.events(SegmentDeleted) if isinstance(event, SegmentDeleted)}
        there = set(self._rig.files())
        for path, held in self.held.items():
            name = "/".join(path.parts[-3:])
            if path not in there:
                if name not in deleted:
                    problems.append(f"{name} is gone, and nothing says why")
                continue
            found, is_closed = whole_frames(path)
            self.files_read += 1
            if not is_closed or not found or found[-1].n < held.last or len(found) < held.count:
                problems.append(f"{name} does not hold what it held, or was not finished")
            if not plays(path, len(found)):
                problems.append(f"ffprobe does not read {name} to its end")
        return problems


def whole_frames(path: Path) -> tuple[list[SeenFrame], bool]:
    """The frames in a file's whole fragments, and whether it was finished; none of a file without a whole header."""
    with open(path, "rb") as file:
        try:
            segment = scan(file)
        except ProtocolError:
            return [], False
    if not segment.fragments:
        return [], segment.closed
    return scan_file(path, segment.fragments[0].offset, segment.fragments[-1].end), segment.closed


def plays(path: Path, pictures: int) -> bool:
    """Whether ``ffprobe`` reads so many pictures without a word."""
    command = ["ffprobe", "-v", "error", "-select_streams", "v", "-count_packets",
               "-show_entries", "stream=nb_read_packets", "-of", "csv=p=0", str(path)]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode == 0 and not done.stderr and done.stdout.strip().strip(",") == str(pictures)


def audited(rig: PowerRig) -> list[Finding]:
    """What ``evertape audit`` says while no service runs."""
    roots = volume_roots({name: path for name, (path, _) in rig.volumes.items()})
    return Audit(rig.data, roots, SystemClock(), running=False, boot="").run().findings


def _holes(camera: str, seen: list[SeenFrame], not_sent: list[NotSent]) -> list[str]:
    """Frames missing between two that are there, all of one run."""
    return [
        f"{camera}: frames {old.n + 1} to {new.n - 1} are missing between others"
        for old, new in pairwise(seen)
        if new.n > old.n + 1 and not any(n == camera and a <= old.n + 1 and new.n - 1 <= b for n, a, b in not_sent)
    ]
