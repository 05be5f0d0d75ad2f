"""What of a segment is damaged, as the ledger has it. Pure."""

from __future__ import annotations

from evertape.ipc.events import DamagedSpan
from evertape.ipc.messages import SegmentExamined
from evertape.store.rows import SegmentRow


def lost_of(row: SegmentRow, seen: SegmentExamined) -> tuple[DamagedSpan, ...]:
    """What of a segment cannot be read, in the index's times; a tail that is gone is part of it. Pure."""
    shift = row.start_utc - seen.start_utc if seen.start_utc else 0
    lost = [
        DamagedSpan(
            start_utc=one.start_utc + shift,
            end_utc=one.end_utc + shift,
            first_video=one.first_video,
            last_video=one.last_video,
        )
        for one in seen.lost
    ]
    known = max([seen.last_video, *(one.last_video for one in lost)])
    if row.last_video is not None and row.end_utc is not None and known < row.last_video:
        begin = max([seen.end_utc + shift if seen.end_utc else row.start_utc, *(one.end_utc for one in lost)])
        lost.append(
            DamagedSpan(
                start_utc=min(begin, row.end_utc),
                end_utc=row.end_utc,
                first_video=max(known + 1, row.first_video),
                last_video=row.last_video,
            )
        )
    return tuple(lost)


def gaps_of(
    row: SegmentRow, lost: tuple[DamagedSpan, ...], *, located: bool = False
) -> list[tuple[str, int, int, int | None]]:
    """Id, start, end and frames lost of what the ledger gets: the spans, or all of it if nobody knows where. Pure."""
    if not lost and not located:
        return [(gap_id(row, 0), row.start_utc, row.end_utc or row.start_utc, None)]
    return [
        (gap_id(row, number), one.start_utc, one.end_utc, one.last_video - one.first_video + 1)
        for number, one in enumerate(lost)
    ]


def gap_id(row: SegmentRow, number: int | str = "") -> str:
    """Of a segment's ``number``-th damage in the ledger; without a number, how the ids of all of them begin."""
    return f"damaged-{row.id}-{number}"
