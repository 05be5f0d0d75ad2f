"""What an event makes of a segment or a gap: pure, and applying an event twice changes nothing.

Events come in the order of the journal, except that one may come a second time, shortly after the first
(its sender did not hear that it was written). What was deleted stays deleted.
"""

from __future__ import annotations

from dataclasses import replace

from evertape.domain.logical import CLOCK_SLACK
from evertape.ipc.events import (
    AnyEvent,
    GapClosed,
    GapOpened,
    SegmentChecked,
    SegmentClock,
    SegmentClosed,
    SegmentCut,
    SegmentDamaged,
    SegmentDeleted,
    SegmentMissing,
    SegmentMoved,
    SegmentOpened,
)
from evertape.mp4.digest import differ
from evertape.store.rows import CLOSED, CORRECTED, DELETED, MISSING, OPEN, GapRow, SegmentRow
from evertape.types import NS_PER_S

SegmentEvent = (
    SegmentOpened
    | SegmentClosed
    | SegmentCut
    | SegmentMissing
    | SegmentDeleted
    | SegmentMoved
    | SegmentChecked
    | SegmentDamaged
    | SegmentClock
)
GapEvent = GapOpened | GapClosed

SEGMENT_EVENTS = (
    SegmentOpened, SegmentClosed, SegmentCut, SegmentMissing, SegmentDeleted, SegmentMoved, SegmentChecked,
    SegmentDamaged, SegmentClock,
)  # fmt: skip
GAP_EVENTS = (GapOpened, GapClosed)

_NEAR_NS = 60 * NS_PER_S
"""A camera's report that puts a start further away than this from where a correction put it went by the wrong clock."""

_LOOKED_AGAIN = ("recovered", "adopted")
KEEPER = "keeper"


def fold_segment(row: SegmentRow | None, event: SegmentEvent) -> SegmentRow | None:
    """The segment after ``event``; ``None`` if there is still nothing known of it."""
    match event:
        case SegmentOpened():
            return _opened(row, event)
        case SegmentClosed():
            return _closed(row, event)
        case SegmentDeleted():
            return _deleted(row, event)
        case _ if row is None or row.state == DELETED:
            return row
        case SegmentCut(volume=volume) | SegmentMissing(volume=volume) if volume != row.volume:
            return row  # a copy it has moved away from
        case SegmentCut():
            return _cut(row, event)
        case SegmentMissing():
            if row.missing_by == event.id:
                return row
            return replace(row, state=MISSING, missing_by=event.id)
        case SegmentMoved():
            return _moved(row, event)
        case SegmentChecked() | SegmentDamaged():
            return _looked_at(row, event)
        case SegmentClock():
            return _clock(row, event)


def _described(event: SegmentOpened | SegmentClosed) -> SegmentRow:
    return SegmentRow(
        id=event.segment,
        camera=event.camera,
        stream=event.stream,
        volume=event.volume,
        path=event.path,
        epoch=event.epoch,
        generation=event.generation,
        first_video=event.first_video,
        first_audio=event.first_audio,
        start_utc=event.start_utc,
        utc_source=event.utc_source,
        utc_error=event.utc_error,
        codec=event.codec,
        width=event.width,
        height=event.height,
        audio=event.audio,
        supersedes=event.supersedes,
        spilled_to=event.volume if event.spill else "",
    )


def _opened(row: SegmentRow | None, event: SegmentOpened) -> SegmentRow:
    # Who found a file only says when it was found.
    new = replace(_described(event), service=event.service, opened_at=event.at if event.service else None)
    if row is None:
        return new
    if row.epoch:
        return row if row.service else replace(row, service=event.service, opened_at=new.opened_at)
    # Known only from its deletion: now there is a description to go with it.
    return replace(new, state=DELETED, fate=row.fate, closed_by=row.closed_by)


def _closed(row: SegmentRow | None, event: SegmentClosed) -> SegmentRow:
    if row is not None and row.closed_by == event.id:
        return row
    new = replace(
        _described(event),
        last_video=event.last_video,
        last_audio=event.last_audio,
        end_utc=_end(event),
        duration=event.duration,
        bytes=event.bytes,
        fragments=event.fragments,
        state=CLOSED,
        reason=event.reason,
        closed_by=event.id,
        hash=event.hash,
    )
    if row is None:
        return new
    new = replace(
        new,
        service=row.service,
        fate=row.fate,
        cut_by=row.cut_by,
        missing_by=row.missing_by,
        clock_by=row.clock_by,
        opened_at=row.opened_at,
        # A file that was found where it lies now may have come from elsewhere.
        spilled_to=row.spilled_to if row.epoch else new.spilled_to,
    )
    new = _by_the_right_clock(row, new)
    if row.state == DELETED:
        return row if row.epoch and row.last_video is not None else replace(new, state=DELETED)
    if row.last_video is None:
        return new
    if event.reason not in _LOOKED_AGAIN:
        if row.volume != new.volume:
            return row  # it has moved since
        # A second, ordinary end of the same file: an older one came late if the file was cut since.
        return row if row.cut_by else new
    same = (row.last_video, row.fragments) == (new.last_video, new.fragments)
    if same and row.volume == new.volume:
        # What it holds is known, and its times better than from its own header. That it is there is news.
        return replace(row, path=new.path, bytes=new.bytes, state=CLOSED, closed_by=event.id, hash=row.hash or new.hash)
    # The hash it was closed with counts more than one of what somebody found later.
    return replace(new, cut_by=row.cut_by, hash=row.hash or new.hash) if same else replace(new, cut_by=row.cut_by)


def _end(event: SegmentClosed) -> int:
    """Where it ends, by the clock by which it begins: in the middle of it the host's may have been set."""
    by_start = event.start_utc + event.duration
    return by_start if abs(event.end_utc - by_start) > CLOCK_SLACK else event.end_utc


def _by_the_right_clock(row: SegmentRow, new: SegmentRow) -> SegmentRow:
    """What closed the file may not know that its start was put right meanwhile."""
    if row.utc_source != CORRECTED or (new.utc_source == "rtcp" and abs(new.start_utc - row.start_utc) < _NEAR_NS):
        return new
    end = row.start_utc + (new.duration or 0)
    return replace(new, start_utc=row.start_utc, end_utc=end, utc_source=CORRECTED, utc_error=row.utc_error)


def _cut(row: SegmentRow, event: SegmentCut) -> SegmentRow:
    if row.cut_by == event.id:
        return row
    return replace(
        row,
        last_video=event.last_video,
        last_audio=event.last_audio,
        # The event's end is by the file's own clock; the row's start may have been corrected since.
        end_utc=row.start_utc + event.duration,
        duration=event.duration,
        bytes=event.bytes,
        fragments=event.fragments,
        state=CLOSED,
        fate=event.by,
        cut_by=event.id,
        hash=event.hash,  # its bytes are others now
        checked_at=None,
        damaged="",
    )


def _deleted(row: SegmentRow | None, event: SegmentDeleted) -> SegmentRow:
    if row is None:
        # Whatever record of it turns up later must not bring it back.
        return SegmentRow(
            id=event.segment, camera=event.camera, volume=event.volume, path=event.path, epoch="", generation=0,
            first_video=0, start_utc=event.at, end_utc=event.at, duration=0, utc_source="", utc_error=0, codec="",
            width=0, height=0, bytes=event.bytes, state=DELETED, fate=event.reason,
        )  # fmt: skip
    if row.state == DELETED or row.volume != event.volume:
        return row  # or it has moved to another volume (M5)
    return replace(row, state=DELETED, fate=event.reason, bytes=event.bytes if row.bytes is None else row.bytes)


def _moved(row: SegmentRow, event: SegmentMoved) -> SegmentRow:
    if row.volume != event.from_volume or row.last_video is None:
        return row  # told a second time
    # The hash it was closed with counts more: what has changed since is damage, wherever it lies.
    return replace(row, volume=event.volume, path=event.path, state=CLOSED, hash=row.hash or event.hash)


def _looked_at(row: SegmentRow, event: SegmentChecked | SegmentDamaged) -> SegmentRow:
    if row.volume != event.volume or row.state != CLOSED:
        return row  # a copy it has moved away from
    if isinstance(event, SegmentDamaged):
        return replace(row, damaged=event.problem, checked_at=event.at)
    if differ(row.hash, event.hash):
        return row  # it was cut meanwhile
    return replace(row, damaged="", hash=row.hash or event.hash, checked_at=event.at)


def _clock(row: SegmentRow, event: SegmentClock) -> SegmentRow:
    moved = event.start_utc - row.start_utc
    return replace(
        row,
        start_utc=event.start_utc,
        end_utc=None if row.end_utc is None else row.end_utc + moved,
        utc_source=event.utc_source,
        utc_error=event.utc_error,
        clock_by=event.id,
    )


def fold_gap(row: GapRow | None, event: GapEvent) -> GapRow:
    """The ledger's entry after ``event``."""
    if isinstance(event, GapOpened):
        if row is not None:
            return replace(row, evidence=row.evidence or event.evidence)
        return GapRow(
            id=event.gap,
            camera=event.camera,
            cause=event.cause,
            start_utc=event.start_utc,
            evidence=event.evidence,
            source=event.source,
            service=event.service,
            opened_at=event.at,
            derived=event.source == KEEPER,
        )
    by_keeper = event.source == KEEPER
    if row is not None and row.end_utc is not None and by_keeper and not row.derived and row.done != KEEPER:
        return row  # the recorder's own word counts more than what the keeper concluded
    known = row or GapRow(
        event.gap, event.camera, event.cause, event.start_utc,
        source=event.source, service=event.service, opened_at=event.at, derived=by_keeper,
    )  # fmt: skip
    return replace(
        known,
        cause=event.cause,
        start_utc=event.start_utc,
        end_utc=max(event.start_utc, event.end_utc),
        frames_lost=event.frames_lost,
        closed_at=event.at,
        done=KEEPER if by_keeper and not known.derived else event.done,
    )


def is_segment_event(event: AnyEvent) -> bool:
    """Whether it is about a segment."""
    return isinstance(event, SEGMENT_EVENTS)


def contribution(row: SegmentRow | None) -> tuple[int, int, int]:
    """Files, bytes and nanoseconds that a segment adds to its camera's and its volume's totals."""
    if row is None or row.state not in (OPEN, CLOSED):
        return (0, 0, 0)
    return (1, row.bytes or 0, row.duration or 0)
