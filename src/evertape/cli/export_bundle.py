"""``evertape export --bundle``: footage with what shows that it was not changed since."""

from __future__ import annotations

import getpass
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from evertape.cli.place import Place
from evertape.errors import UsageError, VolumeError

if TYPE_CHECKING:
    from evertape.cli.archive import Archive
    from evertape.evidence.bundle import BundleWriter
    from evertape.evidence.manifest import BundledFile, BundledSegment, LedgerEntry, Manifest
    from evertape.mp4.export import ExportResult
    from evertape.store.rows import Piece


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for; ``quiet``: JSON only."""

    camera: str
    start: int
    end: int
    close_gaps: bool
    quiet: bool


def export(place: Place, archive: Archive, groups: list[list[Piece]], target: Path, order: Order) -> None:
    """Write the bundle and say so; one that is there is replaced.

    Raises:
        UsageError: what is there is no bundle.
        VolumeError: something cannot be read or written.
    """
    from evertape.evidence.bundle import new_bundle
    from evertape.evidence.keys import installation_key

    _may_replace(target)
    key = installation_key(place.data.root / "state")
    try:
        with new_bundle(target) as bundle:
            files = _files(archive, groups, bundle, order)
            manifest = _manifest(place, archive, groups, files, order, key.public.fingerprint)
            bundle.seal(manifest, key)
            if target.is_dir():
                shutil.rmtree(target)
    except OSError as error:
        raise VolumeError(f"the export was given up: {error.filename or target}: {error.strerror}") from None
    _say(target, manifest, order)


def _may_replace(target: Path) -> None:
    """Whoever says --force means an older bundle, not a folder with something else in it."""
    from evertape.evidence.bundle import ZIP
    from evertape.evidence.manifest import MANIFEST

    if target.is_file() and target.suffix.lower() != ZIP:
        raise UsageError(f"{target} is a file; a bundle is a folder, or a .zip")
    if target.is_dir() and any(target.iterdir()) and not (target / MANIFEST).is_file():
        raise UsageError(f"{target} is a folder, and no bundle; it is not replaced")


def _files(archive: Archive, groups: list[list[Piece]], bundle: BundleWriter, order: Order) -> list[BundledFile]:
    from evertape.cli.export import file_names, write_pieces

    files = []
    for path, group in zip(file_names(Path(f"{order.camera}.mp4"), len(groups)), groups, strict=True):
        with bundle.file(path.name) as out:
            result = write_pieces(
                archive, group, cast(BinaryIO, out), path.name, order.start, order.end, order.close_gaps,
                quiet=order.quiet,
            )  # fmt: skip
        files.append(_file(path.name, out.size, out.hash, result))
    return files


def _file(name: str, size: int, digest: str, result: ExportResult) -> BundledFile:
    from evertape.evidence.manifest import BundledFile, Part, Pause

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


def _manifest(
    place: Place,
    archive: Archive,
    groups: list[list[Piece]],
    files: list[BundledFile],
    order: Order,
    fingerprint: str,
) -> Manifest:
    from evertape.clock import SystemClock
    from evertape.evidence.manifest import Manifest
    from evertape.version import VERSION

    used = {part.segment for file in files for part in file.parts}
    pieces = {piece.segment.id: piece for group in groups for piece in group if piece.segment.id in used}
    start, end = min(file.start_utc for file in files), max(file.end_utc for file in files)
    segments = tuple(_segment(archive, piece) for piece in pieces.values())
    return Manifest(
        camera=order.camera,
        name=_name(place, order.camera),
        asked_start=order.start,
        asked_end=order.end,
        start_utc=start,
        end_utc=end,
        files=tuple(files),
        segments=segments,
        ledger=tuple(_ledger(archive, order, min(start, order.start), max(end, order.end))),
        left_out=tuple(_left_out(archive, order)),
        made_at=int(SystemClock().utc_ns()),
        made_by=_who(),
        program=f"evertape {VERSION}",
        fingerprint=fingerprint,
    )


def _segment(archive: Archive, piece: Piece) -> BundledSegment:
    from evertape.evidence.manifest import BundledSegment
    from evertape.mp4.digest import hash_file
    from evertape.store.rows import CLOSED

    row, path = piece.segment, archive.file_of(piece.segment)
    assert path is not None
    return BundledSegment(
        segment=row.id,
        volume=archive.volume_name(row.volume),
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


def _ledger(archive: Archive, order: Order, start: int, end: int) -> Iterable[LedgerEntry]:
    from evertape.clock import SystemClock
    from evertape.domain.cause import explain
    from evertape.domain.coverage import GapSpan
    from evertape.evidence.manifest import LedgerEntry
    from evertape.types import UtcNs

    report = archive.index.coverage(
        order.camera,
        UtcNs(start),
        UtcNs(end),
        SystemClock().utc_ns(),
        open_until=archive.open_until,
        boot=archive.boot,
        held=archive.held.get(order.camera),
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


def _left_out(archive: Archive, order: Order) -> Iterable[str]:
    away: dict[str, int] = {}
    for piece in archive.index.pieces(order.camera, order.start, order.end, archive.open_until):
        if archive.file_of(piece.segment) is None:
            name = archive.volume_name(piece.segment.volume)
            away[name] = away.get(name, 0) + 1
        if piece.segment.damaged:
            yield f"what cannot be read of {piece.segment.path}, which is damaged: {piece.segment.damaged}"
    for name, count in away.items():
        yield f"{count} segments on {name}, which was not there"


def _name(place: Place, camera: str) -> str:
    from evertape.errors import ConfigError
    from evertape.types import CameraId

    try:
        known = place.load().config.cameras.get(CameraId(camera))
    except ConfigError:
        return ""
    return (known.name or "") if known is not None else ""


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def _say(target: Path, manifest: Manifest, order: Order) -> None:
    import msgspec

    from evertape.cli.config_verbs import warn
    from evertape.cli.verb import emit
    from evertape.cli.wording import plural, size_text, span_text
    from evertape.evidence.keys import grouped
    from evertape.mp4.digest import differ
    from evertape.types import NS_PER_S

    changed = [one.path for one in manifest.segments if differ(one.hash, one.found)]
    if changed:
        warn(f"{', '.join(changed)} changed since it was recorded; the manifest says so")
    if order.quiet:
        return emit({"path": str(target), **msgspec.to_builtins(manifest)})
    seconds = sum(file.duration for file in manifest.files) / NS_PER_S
    size = size_text(sum(file.bytes for file in manifest.files))
    lines = plural(len(manifest.ledger), "line")
    print(f"{target}: {plural(len(manifest.files), 'file')}, {span_text(seconds)}, {size}; {lines} of the ledger")
    for text in manifest.left_out:
        print(f"left out: {text}")
    print(f"signed with {grouped(manifest.fingerprint)}")
    return None
