"""One recording of another recorder: when it began, whose it is, and its bytes as a segment. Blocking; reads only."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from evertape.domain.file_names import COMMON, Named, camera_id, camera_of, read_name
from evertape.errors import ProtocolError
from evertape.mp4.digest import PIECE
from evertape.mp4.foreign import ForeignMovie, read_foreign
from evertape.mp4.matroska import is_matroska, read_matroska
from evertape.mp4.model import NotASegmentError, SegmentHeader
from evertape.mp4.movie import BRAND
from evertape.mp4.remux import Remux
from evertape.mp4.scan import ScannedSegment, repair_plan, scan
from evertape.types import NS_PER_S, CameraId, Epoch, SegmentId, UtcSource

_SPACE = uuid.UUID("0d9c8a52-5a44-4b0f-9a35-2f6b4d1c7e11")
"""Chosen at random once: makes the same ids of the same files, so that nothing is taken in twice."""
_BASIC = (re.compile(COMMON[0]), re.compile(COMMON[1]))
_AHEAD = 86_400 * NS_PER_S
"""A clock may be wrong, or in another zone; what is later than tomorrow is no time of a recording."""


class ByRule(StrEnum):
    """By what it is known when a recording began, best first."""

    FILE = "its own header"
    NAME = "its name"
    CREATION_TIME = "creation_time"
    MTIME = "when it was last written to"


_ERROR_NS = {ByRule.NAME: NS_PER_S, ByRule.CREATION_TIME: NS_PER_S, ByRule.MTIME: 5 * NS_PER_S}
"""How exactly: names and headers have whole seconds; a file is written to for the last time when it is closed."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How recordings are read.

    Args:
        cameras: ids by the names that the other recorder gave its cameras.
        camera: the id of all of them; empty: see ``cameras``, and else ``camera_id`` of the name.
        names: what the configuration calls its cameras, by id.
        patterns: for names; empty: the common forms.
        zone: that names are in; ``None``: the machine's own.
    """

    cameras: Mapping[str, str]
    camera: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    patterns: Sequence[re.Pattern[str]] = ()
    zone: tzinfo | None = None


@dataclass(frozen=True, slots=True)
class Recording:
    """One file, read.

    Args:
        path: of the file.
        header: of the segment that it becomes.
        by: how its start is known.
        movie: what is in it; ``None``: it is a segment of Evertape's.
        own: the segment that it is; ``None``: it is none.
    """

    path: Path
    header: SegmentHeader
    by: ByRule
    movie: ForeignMovie | None
    own: ScannedSegment | None = None

    @property
    def pictures(self) -> int:
        """How many are in it."""
        if self.movie is not None:
            return len(self.movie.video)
        return sum(f.video.units for f in self.own.fragments if f.video is not None) if self.own is not None else 0

    @property
    def end_utc(self) -> int:
        """When it ends, UTC ns."""
        if self.movie is not None:
            return self.header.start_utc_ns + self.movie.duration_ns
        last = self.own.fragments[-1] if self.own is not None and self.own.fragments else None
        return self.header.start_utc_ns if last is None else last.start_utc_ns + last.dts_end_ns - last.dts_start_ns

    def pieces(self, file: BinaryIO) -> Iterator[bytes]:
        """The segment's bytes; ``file`` is the recording, opened. Raises ``OSError``, ``ProtocolError``."""
        if self.movie is not None:
            yield from Remux(file, self.movie, self.header)
        elif self.own is not None:
            plan = repair_plan(self.own)
            file.seek(0)
            left = plan.truncate_to
            while left and (data := file.read(min(PIECE, left))):
                left -= len(data)
                yield data
            yield plan.append


def read_recording(top: Path, relative: str, rules: Rules, now: int) -> Recording:
    """Read a file's headers.

    Args:
        top: the folder that everything is in.
        relative: the file's path within it, with forward slashes.
        rules: how.
        now: UTC ns.

    Raises:
        ProtocolError: nothing in it can be taken; the text says why.
        OSError: from reading.
    """
    path = top / relative
    with path.open("rb") as file:
        own = _own(file)
        if own is not None:
            return Recording(path, own.header, ByRule.FILE, None, own)
        movie = read_matroska(file) if is_matroska(file) else read_foreign(file)
    plain = relative.rpartition(".")[0]
    named = read_name(plain, rules.patterns or _BASIC, rules.zone)
    start, by = _start(path, named, movie, now)
    camera = rules.camera or _camera(camera_of(plain, named, top.absolute().name), rules)
    size = path.stat().st_size
    segment = uuid.uuid5(_SPACE, f"{camera}\n{path.name}\n{size}\n{start}")
    header = SegmentHeader(
        segment_id=SegmentId(segment.hex),
        camera_id=CameraId(camera),
        camera_name=rules.names.get(camera, camera),
        epoch=Epoch(uuid.uuid5(segment, "epoch").hex),
        caps_id=0,
        first_video_seq=0,
        first_audio_seq=0 if movie.audio else None,
        base_dts_ns=0,
        start_utc_ns=start,
        start_utc_source=UtcSource.ARRIVAL,
        start_utc_error_ns=_ERROR_NS[by],
        start_boot_ns=0,
    )
    return Recording(path, header, by, movie)


def _own(file: BinaryIO) -> ScannedSegment | None:
    """The segment that it is, with its fragments as far as they are whole."""
    if BRAND not in file.read(64):
        return None
    try:
        scanned = scan(file)
    except NotASegmentError:
        return None
    if not any(fragment.video is not None for fragment in scanned.fragments):
        raise ProtocolError("it ends before its first picture does")
    return scanned


def _start(path: Path, named: Named | None, movie: ForeignMovie, now: int) -> tuple[int, ByRule]:
    if named is not None and named.start_utc < now + _AHEAD:
        return named.start_utc, ByRule.NAME
    if movie.created_utc is not None and movie.created_utc < now + _AHEAD:
        return movie.created_utc, ByRule.CREATION_TIME
    return path.stat().st_mtime_ns - movie.duration_ns, ByRule.MTIME


def _camera(name: str, rules: Rules) -> str:
    return rules.cameras.get(name) or rules.cameras.get(name.lower()) or camera_id(name)
