"""What the index answers with: plain frozen values, no SQL. Instants are UTC nanoseconds, lengths nanoseconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from evertape.ipc.events import Supersedes

OPEN, CLOSED, MISSING, DELETED = "open", "closed", "missing", "deleted"
CORRECTED = "corrected"
"""A segment's ``utc_source`` once a host clock that had been wrong was put right; ``clock_by`` names the event."""


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """One segment.

    Args:
        id: of the segment.
        camera: whose.
        volume: the volume's id.
        path: relative to the volume.
        epoch: the capture session.
        generation: rises with every segment of a camera.
        first_video: first video unit.
        last_video: last video unit; ``None`` while open.
        start_utc: when the first picture was.
        end_utc: when the last one ends; ``None`` while open.
        duration: of the video, in media time; ``None`` while open.
        state: ``open, closed, missing, deleted``.
        reason: why it was closed.
        fate: why it was deleted, or what it was cut for.
        service: the run of the service that began it; empty if only its end is known.
        closed_by: the event that closed it; so are the next ones for cutting, missing, clock.
        hash: of the file's bytes as it was closed; empty if nobody has computed it.
        checked_at: when its bytes were last compared with ``hash``.
        damaged: what is wrong with it, in words; empty if nothing is known to be.
        opened_at: when its file was made; what is older was in memory until then. ``None``: nobody said.
        spilled_to: the volume's id, if it was written to a spill volume first, wherever it is now.
    """

    id: str
    camera: str
    volume: str
    path: str
    epoch: str
    generation: int
    first_video: int
    start_utc: int
    utc_source: str
    utc_error: int
    codec: str
    width: int
    height: int
    stream: str = "main"
    audio: str = ""
    last_video: int | None = None
    first_audio: int | None = None
    last_audio: int | None = None
    end_utc: int | None = None
    duration: int | None = None
    bytes: int | None = None
    fragments: int | None = None
    supersedes: tuple[Supersedes, ...] = ()
    state: str = OPEN
    reason: str = ""
    fate: str = ""
    service: str = ""
    closed_by: str = ""
    cut_by: str = ""
    missing_by: str = ""
    clock_by: str = ""
    hash: str = ""
    checked_at: int | None = None
    damaged: str = ""
    opened_at: int | None = None
    spilled_to: str = ""

    @property
    def held(self) -> bool:
        """Its footage is on its volume, wherever that is now."""
        return self.state in (OPEN, CLOSED)


@dataclass(frozen=True, slots=True)
class GapRow:
    """One entry of the ledger; ``end_utc`` is ``None`` while the gap lasts.

    ``source`` and ``service`` say who opened it; ``opened_at`` and ``closed_at`` when its beginning and its end were
    noticed, UTC ns. ``derived``: the keeper concluded it from what was left of a run.
    """

    id: str
    camera: str
    cause: str
    start_utc: int
    end_utc: int | None = None
    frames_lost: int | None = None
    evidence: str = ""
    done: str = ""
    source: str = ""
    service: str = ""
    opened_at: int = 0
    derived: bool = False
    closed_at: int | None = None


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run of the service. ``stopped_at`` is ``None`` if it runs, or crashed; ``last_at``: its newest event."""

    service: str
    started_at: int
    host_boot: str
    version: str
    stopped_at: int | None
    last_at: int


@dataclass(frozen=True, slots=True)
class VolumeRow:
    """A volume as it was last reported in the journal; ``at``: when."""

    id: str
    name: str
    state: str
    reason: str
    at: int
    free: int
    total: int


@dataclass(frozen=True, slots=True)
class WishRow:
    """Somebody's wish from ``at`` on."""

    id: str
    camera: str
    at: int
    wanted: bool
    by: str


@dataclass(frozen=True, slots=True)
class ProtectionRow:
    """Footage of a camera in ``[start_utc, end_utc)`` that must not be deleted; over once ``released_at`` is set.

    ``who`` asked for it, ``at`` when, and ``why``.
    """

    id: str
    camera: str
    start_utc: int
    end_utc: int
    who: str = ""
    why: str = ""
    at: int = 0
    released_at: int | None = None
    released_by: str = ""


@dataclass(frozen=True, slots=True)
class EventRow:
    """One event worth showing; ``body`` has all its fields."""

    id: str
    at: int
    type: str
    source: str
    service: str
    camera: str
    volume: str
    body: dict[str, Any] = field(default_factory=dict)


class Cursor(NamedTuple):
    """How far the journal has been applied: a file's name and a byte in it; counters since the beginning."""

    file: str = ""
    offset: int = 0
    applied: int = 0
    damaged: int = 0
    unknown: int = 0


@dataclass(frozen=True, slots=True)
class Totals:
    """What is held: files and bytes (of closed files), media nanoseconds, and from when to when."""

    files: int = 0
    bytes: int = 0
    duration: int = 0
    oldest: int | None = None
    newest: int | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a segment that counts, for playing and exporting: video units ``first`` to ``last``, both inclusive.

    ``last`` is ``None`` in a file that is still being written: all there is.
    """

    segment: SegmentRow
    first: int
    last: int | None
    start_utc: int
    end_utc: int
