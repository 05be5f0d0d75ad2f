"""``python -m evertape.hub.work_export``: footage as files to take away; see ``hub.work``.

One camera whose footage fits into one file becomes an MP4, everything else a .zip. Beside either lies a list with its
hash; in a .zip that is not signed, so does one beside each MP4.
"""

from __future__ import annotations

import contextlib
import shutil
import time
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

from evertape.domain.cause import Cause
from evertape.domain.coverage import Held
from evertape.engine.export_bundle import Request, bundled_file, manifest_of
from evertape.engine.export_pieces import file_names, reachable, split_where_needed, write_pieces
from evertape.evidence.bundle import HashingFile, new_bundle
from evertape.evidence.keys import installation_key
from evertape.evidence.verify import LIST, list_line, write_list
from evertape.hub.failure import HubError
from evertape.hub.work import say, serve
from evertape.mp4.digest import hash_file
from evertape.mp4.export import Progress
from evertape.store.index import Index
from evertape.store.rows import Piece, SegmentRow
from evertape.types import NS_PER_S

_ROOM = 1 << 30
"""So much stays free beside the export: journal and index live on the same disk."""
_SAY_S = 0.25


@dataclass
class Reach:
    """What is on record, and where it can be read; ``engine.export_pieces.Holdings``."""

    index: Index
    roots: Mapping[str, tuple[str, Path]]
    open_until: Mapping[str, int]
    held: Mapping[str, Held]
    boot: str | None = None

    def file_of(self, segment: SegmentRow) -> Path | None:
        """See ``Holdings``."""
        root = self.roots.get(segment.volume)
        return None if root is None else root[1] / segment.path

    def volume_name(self, volume: str) -> str:
        """See ``Holdings``."""
        if volume in self.roots:
            return self.roots[volume][0]
        return next((row.name for row in self.index.volumes() if row.id == volume), volume)


@dataclass
class Count:
    """Tells how far all files together are."""

    total: int
    before: int = 0
    _said: float = field(default=0.0, repr=False)

    def of_file(self) -> Progress:
        """For one file."""
        base = self.before

        def progress(done: int, _total: int) -> None:
            self.before = base + done
            now = time.monotonic()
            if now - self._said >= _SAY_S:
                self._said = now
                say(progress={"done": min(self.before, self.total), "total": self.total})

        return progress


def export(order: dict[str, Any]) -> dict[str, Any]:
    """See the module. The order: ``hub.api.exports``."""
    folder, span = Path(order["folder"]), (int(order["start"]), int(order["end"]))
    held = {name: Held(since, Cause(cause)) for name, (since, cause) in order["held"].items()}
    roots = {volume: (name, Path(path)) for volume, (name, path) in order["roots"].items()}
    with Index.open_readonly(Path(order["index"])) as index:
        reach = Reach(index, roots, order["open_until"], held)
        found = _pieces(reach, order["cameras"], span, partial=bool(order["partial"]))
        total = sum(piece.segment.bytes or 0 for pieces in found.values() for piece in pieces)
        free = shutil.disk_usage(folder).free
        if free < total + _ROOM:
            raise HubError(
                507,
                "no_room",
                f"the export may take {total >> 20} MiB and {free >> 20} MiB are free",
                hint="choose a shorter time, or free some space on the disk of the data directory",
            )
        count = Count(max(1, total))
        if order["bundle"]:
            file = _bundles(reach, found, folder, span, order, count)
        else:
            file = _files(reach, found, folder, span, bool(order["close_gaps"]), count)
        # Read again, so that it is the hash of what is there to be fetched.
        write_list(file, hash_file(file)[0])
    return {"file": file.name, "bytes": file.stat().st_size, "notes": _notes(found)}


def _pieces(reach: Reach, cameras: Sequence[str], span: tuple[int, int], *, partial: bool) -> dict[str, list[Piece]]:
    found = {}
    for camera in cameras:
        there = reach.index.pieces(camera, *span, reach.open_until)
        pieces = reachable(reach, there, partial, "send partial: true to export the rest")
        if pieces:
            found[camera] = pieces
    if not found:
        raise HubError(404, "no_footage", "there is no footage in that time", hint="the timeline shows what there is")
    return found


def _files(
    reach: Reach,
    found: Mapping[str, list[Piece]],
    folder: Path,
    span: tuple[int, int],
    close_gaps: bool,
    count: Count,
) -> Path:
    groups = {camera: split_where_needed(pieces) for camera, pieces in found.items()}
    names = {camera: file_names(Path(f"{_name(camera, span)}.mp4"), len(parts)) for camera, parts in groups.items()}
    single = len(groups) == 1 and all(len(parts) == 1 for parts in groups.values())
    target = folder / (next(iter(names.values()))[0].name if single else f"{_name('footage', span)}.zip")
    part = target.with_name(f".{target.name}.part")
    with contextlib.ExitStack() as stack:
        archive = None
        if not single:
            archive = stack.enter_context(zipfile.ZipFile(part, "w", zipfile.ZIP_STORED))
        for camera, parts in groups.items():
            for name, group in zip(names[camera], parts, strict=True):
                with part.open("wb") if archive is None else archive.open(name.name, "w", force_zip64=True) as out:
                    hashing = HashingFile(out)
                    write_pieces(
                        reach, group, cast(BinaryIO, hashing), span, close_gaps=close_gaps, progress=count.of_file()
                    )
                if archive is not None:
                    archive.writestr(name.name + LIST, list_line(name.name, hashing.hash))
    part.replace(target)
    return target


def _bundles(
    reach: Reach,
    found: Mapping[str, list[Piece]],
    folder: Path,
    span: tuple[int, int],
    order: Mapping[str, Any],
    count: Count,
) -> Path:
    key = installation_key(Path(order["state"]))
    made = []
    for camera, pieces in found.items():
        target = folder / f"{_name(camera, span)}.zip"
        groups = split_where_needed(pieces)
        asked = Request(camera, *span, order["names"].get(camera, ""), order["who"])
        with new_bundle(target) as bundle:
            files = []
            for name, group in zip(file_names(Path(f"{camera}.mp4"), len(groups)), groups, strict=True):
                with bundle.file(name.name) as out:
                    result = write_pieces(
                        reach,
                        group,
                        cast(BinaryIO, out),
                        span,
                        close_gaps=bool(order["close_gaps"]),
                        progress=count.of_file(),
                    )
                files.append(bundled_file(name.name, out.size, out.hash, result))
            bundle.seal(manifest_of(reach, groups, files, asked, key.public.fingerprint), key)
        made.append(target)
    return made[0] if len(made) == 1 else _together(made, folder / f"{_name('footage', span)}.zip")


def _together(made: Sequence[Path], target: Path) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for file in made:
            archive.write(file, file.name)
            file.unlink()
    return target


def _name(what: str, span: tuple[int, int]) -> str:
    return f"{what}-{datetime.fromtimestamp(span[0] // NS_PER_S, UTC):%Y%m%dT%H%M%SZ}"


def _notes(found: Mapping[str, list[Piece]]) -> list[str]:
    damaged = {piece.segment.path: piece.segment.damaged for pieces in found.values() for piece in pieces}
    return [
        f"{path} is damaged ({text}); what of it cannot be read is left out" for path, text in damaged.items() if text
    ]


if __name__ == "__main__":
    serve(export)
