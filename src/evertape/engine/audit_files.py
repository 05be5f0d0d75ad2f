"""The audit's look at the files of one volume, against what the journal says of them. Blocking; reads only."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from evertape.disk.layout import SUFFIX, is_camera, is_day
from evertape.engine.audit_report import Finding
from evertape.engine.keeper_plan import by_path, day_bounds, day_of
from evertape.errors import ProtocolError
from evertape.mp4.digest import differ, hash_file
from evertape.mp4.examine import examine, places_text
from evertape.mp4.scan import ScannedSegment, scan
from evertape.store.index import Index
from evertape.store.rows import CLOSED, DELETED, MISSING, OPEN, SegmentRow


class Root(NamedTuple):
    """A volume that can be reached: its name, its id, and where it is."""

    name: str
    id: str
    path: Path


@dataclass(slots=True)
class FilesFound:
    """What the look at a volume gave.

    Args:
        findings: what is not as it should be.
        files: looked at.
        bytes: of these.
        open_until: for unfinished segments, up to when (UTC ns) they hold footage.
        folders: ``camera/day`` that were looked at.
        unhashed: of which no hash is known, though they were to be compared.
    """

    findings: list[Finding] = field(default_factory=list)
    files: int = 0
    bytes: int = 0
    open_until: dict[str, int] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    unhashed: int = 0


class FileAudit:
    """Looks at one volume.

    Args:
        root: the volume.
        index: what the journal says.
        running: a service runs, so files may be unfinished.
        on_file: called after each file, with its bytes.
        deep: read every byte, and compare its hash with the one on record.
    """

    def __init__(
        self,
        root: Root,
        index: Index,
        *,
        running: bool,
        on_file: Callable[[int], None] = lambda _size: None,
        deep: bool = True,
    ) -> None:
        self._root = root
        self._index = index
        self._running = running
        self._on_file = on_file
        self._deep = deep
        self.found = FilesFound()

    def look(self) -> FilesFound:
        """Every file against its record, and every record against its file. Raises ``OSError``, index errors."""
        for camera, day, folder in self._day_folders():
            self._day(camera, day, folder)
        for row in self._index.every_segment():
            folder_name = row.path.rpartition("/")[0]
            if row.volume == self._root.id and row.held and folder_name not in self.found.folders:
                self._absent(row)
        return self.found

    def look_at(self, path: str) -> list[Finding]:
        """One path again; empty if all is well by now."""
        self.found = FilesFound()
        rows = self._rows(day_of(path))
        with contextlib.suppress(FileNotFoundError):
            self._file(path, (self._root.path / path).stat().st_size, rows.get(path))
            return self.found.findings
        if (row := rows.get(path)) is not None and row.held:
            self._absent(row)
        return self.found.findings

    # -- inside ---------------------------------------------------------------------------------------------

    def _day_folders(self) -> Iterator[tuple[str, str, Path]]:
        for camera in sorted(name for name in os.listdir(self._root.path) if is_camera(name)):
            folder = self._root.path / camera
            if folder.is_symlink() or not folder.is_dir():
                continue
            for day in sorted(name for name in os.listdir(folder) if is_day(name)):
                yield camera, day, folder / day

    def _day(self, camera: str, day: str, folder: Path) -> None:
        with os.scandir(folder) as entries:
            sizes = {e.name: e.stat(follow_symlinks=False).st_size for e in entries if e.name.endswith(SUFFIX)}
        rows = {path: row for path, row in self._rows(day).items() if path.startswith(f"{camera}/")}
        for name, size in sorted(sizes.items()):
            self._file(f"{camera}/{day}/{name}", size, rows.pop(f"{camera}/{day}/{name}", None))
            self._on_file(size)
        for row in rows.values():
            if row.held:
                self._absent(row)
        self.found.folders.add(f"{camera}/{day}")

    def _rows(self, day: str) -> dict[str, SegmentRow]:
        bounds = day_bounds(day)
        rows = self._index.on_volume(self._root.id, *bounds) if bounds is not None else []
        rows += self._index.open_segments(self._root.id)
        return by_path(row for row in rows if day_of(row.path) == day)

    def _file(self, path: str, size: int, row: SegmentRow | None) -> None:
        self.found.files += 1
        self.found.bytes += size
        try:
            with open(self._root.path / path, "rb") as file:
                segment = scan(file)
        except ProtocolError as error:
            if row is None or row.state == DELETED:
                self._say("foreign", False, f"is no footage of ours: {error.what}", path)
            else:
                self._say("unreadable", True, f"cannot be read: {error.what}", path, row)
            return
        except FileNotFoundError:
            return  # removed while we looked
        if row is None:
            self._unknown(path, segment)
        elif row.state == CLOSED:
            self._closed(path, size, row, segment)
        elif row.state == OPEN:
            self._open(path, row, segment)
        elif row.state == DELETED:
            self._say("deleted_but_there", True, f"was deleted ({row.fate}), and is there still", path, row)
        elif row.state == MISSING:
            self._say("there_again", False, "was missing, and is there again", path, row)

    def _unknown(self, path: str, segment: ScannedSegment) -> None:
        known = self._index.segment(segment.header.segment_id)
        if known is None:
            self._say("unknown_file", True, "is footage that the journal knows nothing of", path)
        else:
            where = known.path if known.volume == self._root.id else f"{known.path} on another volume"
            self._say("copy", True, f"is a copy of segment {known.id}, which is {where}", path, known)

    def _closed(self, path: str, size: int, row: SegmentRow, segment: ScannedSegment) -> None:
        video = [f.video for f in segment.fragments if f.video is not None]
        there = {
            "segment": segment.header.segment_id,
            "epoch": segment.header.epoch,
            "size": size,
            "first unit": video[0].first if video else None,
            "last unit": video[-1].last if video else None,
            "fragments": len(segment.fragments),
            "finished": segment.closed,
        }
        known = {
            "segment": row.id,
            "epoch": row.epoch,
            "size": row.bytes,
            "first unit": row.first_video,
            "last unit": row.last_video,
            "fragments": row.fragments,
            "finished": True,
        }
        wrong = [f"{name} is {there[name]}, not {known[name]}" for name in known if there[name] != known[name]]
        if wrong:
            self._say("differs", True, f"is not what the journal says: {', '.join(wrong)}", path, row)
        elif segment.problem is not None:
            self._say("damaged", True, segment.problem, path, row)
        elif self._deep:
            self._bytes(path, row)

    def _bytes(self, path: str, row: SegmentRow) -> None:
        """Every byte, by the hash that was computed as it was written; else by the file's own."""
        if not row.hash:
            self._bytes_alone(path, row)
            return
        try:
            found, _ = hash_file(self._root.path / path)
        except FileNotFoundError:
            return  # removed while we looked
        except OSError as error:
            self._say("unreadable", True, f"cannot be read to its end: {error.strerror}", path, row)
            return
        if differ(row.hash, found):
            text = f"was changed after it was written: its hash is another{self._where(path)}"
            self._say("changed", True, text, path, row)

    def _bytes_alone(self, path: str, row: SegmentRow) -> None:
        try:
            with open(self._root.path / path, "rb") as file:
                seen = examine(file, payload=True)
        except FileNotFoundError:
            return
        except (OSError, ProtocolError) as error:
            self._say("unreadable", True, f"cannot be read to its end: {error}", path, row)
            return
        if seen.problem:
            self._say("changed", True, f"was changed after it was written ({places_text(seen.lost)})", path, row)
        elif not seen.compared:
            self.found.unhashed += 1

    def _where(self, path: str) -> str:
        """Which of its pictures are others, if the file itself tells."""
        try:
            with open(self._root.path / path, "rb") as file:
                seen = examine(file, payload=True)
        except (OSError, ProtocolError):
            return ""
        return f" ({places_text(seen.lost)})" if seen.lost or seen.compared else ""

    def _open(self, path: str, row: SegmentRow, segment: ScannedSegment) -> None:
        if segment.header.segment_id != row.id:
            self._say("differs", True, f"is segment {segment.header.segment_id}, not {row.id}", path, row)
            return
        last = next((f for f in reversed(segment.fragments) if f.video is not None), None)
        if last is not None:
            self.found.open_until[row.id] = last.start_utc_ns + last.dts_end_ns - last.dts_start_ns
        if not self._running:
            self._say("unfinished", True, "was never finished; starting the service does that", path, row)

    def _absent(self, row: SegmentRow) -> None:
        self._say("missing", True, "is not there", row.path, row)

    def _say(self, kind: str, serious: bool, text: str, path: str, row: SegmentRow | None = None) -> None:
        camera, segment = (row.camera, row.id) if row is not None else (path.split("/")[0], "")
        self.found.findings.append(
            Finding(kind, serious, f"{path} on {self._root.name} {text}", camera, self._root.name, path, segment)
        )
