"""What a bundle of footage says of itself: the manifest, from index and files. Blocking."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from evertape.clock import SystemClock
from evertape.domain.cause import explain
from evertape.domain.coverage import GapSpan
from evertape.engine.export_pieces import Holdings
from evertape.evidence.manifest import BundledFile, BundledSegment, LedgerEntry, Manifest, Part, Pause
from evertape.mp4.digest import hash_file
from evertape.mp4.export import ExportResult
from evertape.store.rows import CLOSED, Piece
from evertape.types import UtcNs
from evertape.version import VERSION


@dataclass(frozen=True, slots=True)
class Request:
    """Who asked for what.

    Args:
        camera: its id.
        start: UTC ns.
        end: UTC ns.
        name: of the camera, for people.
        who: made it.
    """

    camera: str
    start: int
    end: int
    name: str = ""
    who: str = ""


def bundled_file(name: str, size: int, digest: str, result: ExportResult) -> BundledFile:
    """One file of it, as it was written."""
    return BundledFile(
        name=name,
        bytes=size,
        hash=digest,
        start_utc=result.start_utc_ns,
        end_utc=result.end_utc_ns,
        duration=result.duration_ns,
        pictures=result.pictures,
        parts=tuple(
            Part(
                segment=used.segment,
                first_fragment=used.first_fragment,
                last_fragment=used.last_fragment,
                first_video=used.first_video,
                last_video=used.last_video,
            )
            for used in result.used
        ),
        pauses=tuple(Pause(at=gap.at_ns, duration=gap.duration_ns, start_utc=gap.utc_ns) for gap in result.gaps),
    )


def manifest_of(
    holdings: Holdings,
    groups: Sequence[Sequence[Piece]],
    files: Sequence[BundledFile],
    order: Request,
    fingerprint: str,
) -> Manifest:
    """All of it. Reads every finished file once more, to say whether it still has its hash. Raises ``OSError``."""
    used = {part.segment for file in files for part in file.parts}
    pieces = {piece.segment.id: piece for group in groups for piece in group if piece.segment.id in used}
    start, end = min(file.start_utc for file in files), max(file.end_utc for file in files)
    segments = tuple(_segment(holdings, piece) for piece in pieces.values())
    return Manifest(
        camera=order.camera,
        name=order.name,
        asked_start=order.start,
        asked_end=order.end,
        start_utc=start,
        end_utc=end,
        files=tuple(files),
        segments=segments,
        ledger=tuple(_ledger(holdings, order, min(start, order.start), max(end, order.end))),
        left_out=tuple(_left_out(holdings, order)),
        made_at=int(SystemClock().utc_ns()),
        made_by=order.who,
        program=f"evertape {VERSION}",
        fingerprint=fingerprint,
    )


def _segment(holdings: Holdings, piece: Piece) -> BundledSegment:
    row, path = piece.segment, holdings.file_of(piece.segment)
    assert path is not None
    return BundledSegment(
        segment=row.id,
        volume=holdings.volume_name(row.volume),
        path=row.path,
        epoch=row.epoch,
        state=row.state,
        start_utc=row.start_utc,
        end_utc=piece.end_utc if row.end_utc is None else row.end_utc,
        utc_source=row.utc_source,
        utc_error=row.utc_error,
        bytes=row.bytes or 0,
        hash=row.hash,
        found=hash_file(path)[0] if row.state == CLOSED else "",
        damaged=row.damaged,
    )


def _ledger(holdings: Holdings, order: Request, start: int, end: int) -> Iterable[LedgerEntry]:
    report = holdings.index.coverage(
        order.camera,
        UtcNs(start),
        UtcNs(end),
        SystemClock().utc_ns(),
        open_until=holdings.open_until,
        boot=holdings.boot,
        held=holdings.held.get(order.camera),
    )
    for span in report.spans:
        if isinstance(span, GapSpan):
            yield LedgerEntry(
                start_utc=span.start,
                end_utc=span.end,
                cause=str(span.cause),
                explanation=explain(span.cause).what,
                wanted=span.cause.on_purpose,
            )


def _left_out(holdings: Holdings, order: Request) -> Iterable[str]:
    away: dict[str, int] = {}
    for piece in holdings.index.pieces(order.camera, order.start, order.end, holdings.open_until):
        if holdings.file_of(piece.segment) is None:
            name = holdings.volume_name(piece.segment.volume)
            away[name] = away.get(name, 0) + 1
        if piece.segment.damaged:
            yield f"what cannot be read of {piece.segment.path}, which is damaged: {piece.segment.damaged}"
    for name, count in away.items():
        yield f"{count} segments on {name}, which was not there"
