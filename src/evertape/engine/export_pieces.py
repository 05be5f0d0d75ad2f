"""A range of footage as ordinary MP4 files: which pieces go into which file, and writing one. Blocking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

from evertape.domain.coverage import Held
from evertape.errors import VolumeError
from evertape.mp4.export import ExportPart, ExportResult, Gaps, Progress
from evertape.mp4.export import export as write_mp4
from evertape.mp4.timeline import HOLD_MAX_NS
from evertape.store.index import View
from evertape.store.rows import Piece, SegmentRow


class Holdings(Protocol):
    """What is on record, and where it can be read."""

    @property
    def index(self) -> View:
        """For questions."""

    @property
    def open_until(self) -> Mapping[str, int]:
        """For files being written, or left unfinished, up to when they hold footage."""

    @property
    def held(self) -> Mapping[str, Held]:
        """By camera, what is in memory only."""

    @property
    def boot(self) -> str | None:
        """As ``View.coverage`` wants it."""

    def file_of(self, segment: SegmentRow) -> Path | None:
        """Where a segment's file is now; ``None`` if its volume cannot be reached."""

    def volume_name(self, volume: str) -> str:
        """What people call a volume."""


def reachable(holdings: Holdings, pieces: Sequence[Piece], partial: bool, hint: str) -> list[Piece]:
    """The pieces whose files can be read.

    Raises:
        VolumeError: some cannot, and leaving them out was not asked for; ``hint`` says how to.
    """
    away = {piece.segment.volume for piece in pieces if holdings.file_of(piece.segment) is None}
    if away and not partial:
        names = ", ".join(sorted(map(holdings.volume_name, away)))
        raise VolumeError(f"a part of this footage lies on {names}, which is not there", hint=hint)
    return [piece for piece in pieces if piece.segment.volume not in away]


def split_where_needed(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """Group pieces that fit into one file: one codec, one size, and no pause longer than a picture can last. Pure."""
    groups: list[list[Piece]] = []
    for piece in pieces:
        last = groups[-1][-1] if groups else None
        same = last is not None and _shape(last) == _shape(piece)
        if last is not None and same and piece.start_utc - last.end_utc < HOLD_MAX_NS - 60_000_000_000:
            groups[-1].append(piece)
        else:
            groups.append([piece])
    return groups


def _shape(piece: Piece) -> tuple[str, int, int]:
    return piece.segment.codec, piece.segment.width, piece.segment.height


def file_names(output: Path, count: int) -> list[Path]:
    """The name that was asked for, or as many numbered ones as are needed. Pure."""
    if count == 1:
        return [output]
    return [output.with_name(f"{output.stem}-{number}{output.suffix}") for number in range(1, count + 1)]


def write_pieces(
    holdings: Holdings,
    pieces: Sequence[Piece],
    out: BinaryIO,
    span: tuple[int, int],
    *,
    close_gaps: bool,
    progress: Progress | None = None,
) -> ExportResult:
    """Write what lies in ``span`` (UTC ns) of these pieces, of one group, to ``out``. Raises as ``mp4.export``."""
    start, end = span
    parts = []
    for piece in pieces:
        path, segment = holdings.file_of(piece.segment), piece.segment
        assert path is not None
        last = piece.last if piece.last != segment.last_video else None
        parts.append(
            ExportPart(
                path,
                piece.first if piece.first != segment.first_video else None,
                None if last is None else last + 1,
                bool(segment.damaged),
            )
        )
    first, last_piece = pieces[0], pieces[-1]
    # Bounds only where footage is cut: the index may know better than the file when its pictures were, and a bound at
    # the very edge would then cost some. Of a file that is being written, only what is safely on the disk.
    begin = start if start > first.start_utc else None
    until = min(end, last_piece.end_utc) if last_piece.last is None or end < last_piece.end_utc else None
    return write_mp4(
        parts,
        out,
        from_utc_ns=begin,
        to_utc_ns=until,
        gaps=Gaps.CLOSE if close_gaps else Gaps.HOLD,
        progress=progress,
    )
