"""Files on a volume that the journal knows nothing of, and what their own words make of them. Blocking; reads only."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from evertape.disk import records
from evertape.disk.layout import SUFFIX, is_camera, is_day
from evertape.errors import ProtocolError
from evertape.ipc.events import EventStamp, SegmentClosed, SegmentOpened
from evertape.mp4.scan import ScannedSegment, scan
from evertape.store.index import Index
from evertape.store.rows import DELETED, OPEN, SegmentRow


def segment_paths(root: Path) -> Iterator[str]:
    """Every path, relative to the volume, that can be a segment's, by camera, day and name."""
    for camera in sorted(filter(is_camera, os.listdir(root))):
        if (root / camera).is_symlink() or not (root / camera).is_dir():
            continue
        for day in sorted(filter(is_day, os.listdir(root / camera))):
            folder = root / camera / day
            if folder.is_dir() and not folder.is_symlink():
                yield from (f"{camera}/{day}/{name}" for name in sorted(os.listdir(folder)) if name.endswith(SUFFIX))


@dataclass(slots=True)
class Found:
    """What was found on the way.

    Args:
        adopted: segments that nobody knew.
        unfinished: of these, those that were never finished; the service does that when it starts.
        copies: second copies of segments that are known elsewhere.
        left_over: files that are on record as deleted.
        empty: files that end before their first picture does.
        foreign: files that are no footage of ours.
    """

    adopted: int = 0
    unfinished: int = 0
    copies: int = 0
    left_over: int = 0
    empty: int = 0
    foreign: int = 0


class FileReader:
    """Makes events of files.

    Args:
        volume: the volume's id.
        root: where it is.
        stamp: gives events their identity.
        found: counted here.
        is_there: whether a segment's file is where the index has it.
        hashes: by segment and length, from the journal of whoever wrote the files.
    """

    def __init__(
        self,
        volume: str,
        root: Path,
        stamp: EventStamp,
        found: Found,
        is_there: Callable[[SegmentRow], bool],
        hashes: Mapping[tuple[str, int], str] | None = None,
    ) -> None:
        self._hashes = hashes or {}
        self._volume = volume
        self._root = root
        self._stamp = stamp
        self._found = found
        self._is_there = is_there

    def look(self, path: str, index: Index) -> SegmentClosed | SegmentOpened | None:
        """The event that makes the file at ``path``, of which no record has the end, known; ``None`` if there is none.

        Raises ``OSError``, index errors.
        """
        try:
            with open(self._root / path, "rb") as file:
                scanned = scan(file)
        except FileNotFoundError:
            return None
        except ProtocolError:
            self._found.foreign += 1
            return None
        if not records.has_video(scanned.fragments):
            self._found.empty += 1
            return None
        known = index.segment(scanned.header.segment_id)
        if known is not None and known.state == DELETED:
            self._found.left_over += 1
            return None
        if known is not None and known.state == OPEN and (known.volume, known.path) == (self._volume, path):
            return self._closed(path, scanned) if scanned.closed else None
        if known is not None and known.held and self._is_there(known):
            self._found.copies += 1
            return None
        self._found.adopted += 1
        return self._closed(path, scanned) if scanned.closed else self._opened(path, scanned)

    def _closed(self, path: str, scanned: ScannedSegment) -> SegmentClosed:
        known = self._hashes.get((scanned.header.segment_id, scanned.size), "")
        return adopted(self._stamp, scanned, self._volume, path, known)

    def _opened(self, path: str, scanned: ScannedSegment) -> SegmentOpened:
        """Nothing is written on the volume here: recovery finishes the file at the next start (R1 to R5)."""
        self._found.unfinished += 1
        return SegmentOpened(
            **self._stamp(),
            **records.identity_fields(scanned.header),
            **records.caps_fields(scanned.caps),
            **records.clock_fields(scanned.header),
            volume=self._volume,
            path=path,
            first_audio=records.first_audio(scanned.header, scanned.fragments),
        )


def adopted(stamp: EventStamp, scanned: ScannedSegment, volume: str, path: str, known: str) -> SegmentClosed:
    """The event that makes a finished file known; ``known``: its hash, empty if that is not known."""
    return SegmentClosed(
        **stamp(),
        **records.identity_fields(scanned.header),
        **records.caps_fields(scanned.caps),
        **records.clock_fields(scanned.header),
        **records.extent_fields(scanned.header, scanned.fragments),
        volume=volume,
        path=path,
        first_audio=records.first_audio(scanned.header, scanned.fragments),
        bytes=scanned.size,
        hash=known,
        reason="adopted",
    )
