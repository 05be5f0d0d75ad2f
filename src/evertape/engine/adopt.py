"""``evertape adopt``: a disk with another installation's footage is taken into this one's records, where it lies.

Blocking, while no service runs. Nothing is written on that disk.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

import msgspec

from evertape.config.paths import DataDir
from evertape.disk.journal_reader import MOST, Position, read_from
from evertape.disk.journal_restore import mirror_of
from evertape.disk.paths import DIRECTORY, make_directories, replace_file
from evertape.domain.wish import BY_ADOPT
from evertape.engine.audit_files import Root
from evertape.engine.rebuild import Rebuild, RebuildReport
from evertape.engine.state_files import (
    ADOPTED,
    VOLUMES,
    KnownVolume,
    TakenIn,
    adopted_text,
    read_adopted,
    read_volumes,
    volumes_text,
)
from evertape.ipc.events import (
    AnyEvent,
    GapClosed,
    GapOpened,
    ProtectionAdded,
    ProtectionRemoved,
    RecordingStateChanged,
    RecordWish,
    SegmentClosed,
    SegmentCut,
)
from evertape.store.fold import KEEPER
from evertape.store.index import Index

SOURCE = "adopt"
_LEDGER = (GapOpened, GapClosed, RecordWish, RecordingStateChanged, ProtectionAdded, ProtectionRemoved)
"""What of another installation's journal may stand in ours; its runs and deaths would explain our gaps."""


class Adopt(Rebuild):
    """See the module; ``roots`` is that one disk. Interrupted, it goes on where it was. Raises as ``Rebuild``."""

    def run(self) -> RebuildReport:
        """Take in its footage, and the ledger of those cameras that are not ours."""
        self._new = self._data.index_file
        self._follow()
        for root in list(self._roots.values()):
            theirs, last = self._ledger(root)
            self._volume(root)
            self._wish_no_more(theirs, last)
            remember(self._data, root)
        self._histories()
        self._first_hashes()
        self._count()
        return self.report

    def _ledger(self, root: Root) -> tuple[set[str], int]:
        """Take it in; returns whose it was, and when that installation was last heard of, UTC ns.

        Once some of it is taken in, its cameras look like ours. So whose they were before is remembered first, and
        with each part, how far it reaches: what follows, after an interruption or much later, is not skipped.
        """
        state = read_adopted(self._data.root / "state")
        with Index.open(self._new) as index:
            taken = state.get(root.id) or TakenIn(tuple(sorted(index.cameras())))
        self._put_adopted(root, taken)
        theirs: set[str] = set()
        last = 0
        at, more = Position(), True
        while more:
            read = read_from(mirror_of(root.path), *at, most=MOST)
            wanted = [event for event in read.events if isinstance(event, _LEDGER) and event.camera not in taken.ours]
            theirs |= {event.camera for event in wanted}
            last = max((last, *(event.at for event in read.events)))
            self._learn_hashes(read.events)
            at, more = read.position, read.more
            if at > Position(taken.file, taken.offset):
                # Some of it may be written down a second time: an event counts once, by its id.
                self._write_down(map(_foreign, wanted))
                taken = replace(taken, file=at.file, offset=at.offset)
                self._put_adopted(root, taken)
        return theirs, last

    def _put_adopted(self, root: Root, taken: TakenIn) -> None:
        known = read_adopted(self._data.root / "state") | {root.id: taken}
        put_state(self._data, ADOPTED, adopted_text(known))

    def _learn_hashes(self, events: Sequence[AnyEvent]) -> None:
        """What their files were when they were written."""
        for event in events:
            if isinstance(event, SegmentClosed | SegmentCut) and event.hash:
                self._known_hashes.setdefault((event.segment, event.bytes), event.hash)

    def _wish_no_more(self, cameras: set[str], last: int) -> None:
        """What that installation did after this disk had left it is nothing that we could account for."""
        events: list[AnyEvent] = []
        with Index.open(self._new) as index:
            for camera in sorted(cameras):
                if (wishes := index.wishes(camera)) and wishes[-1].wanted:
                    at = max(last, index.footage_end(camera, int(self._clock.utc_ns())) or 0)
                    events.append(RecordWish(**self._stamp() | {"at": at}, camera=camera, wanted=False, by=BY_ADOPT))
        self._write_down(events)


def _foreign(event: AnyEvent) -> AnyEvent:
    """The same, said by nobody whose runs or deaths could have anything to do with ours."""
    source = event.source if event.source == KEEPER else SOURCE
    return msgspec.structs.replace(event, service="", source=source)


def remember(data: DataDir, root: Root) -> None:
    """Have every verb find this volume, though no configuration declares it. Raises ``OSError``."""
    known = read_volumes(data.root / "state")
    if any(volume.volume_id == root.id and volume.path == str(root.path) for volume in known.values()):
        return
    name = root.name
    while name in known and known[name].volume_id != root.id:
        name += f"-{root.id[:4]}"
    known[name] = KnownVolume(str(root.path), root.id, os.path.ismount(root.path))
    put_state(data, VOLUMES, volumes_text(known))


def put_state(data: DataDir, name: str, content: bytes) -> None:
    """Replace one of the small files that the service remembers things in. Raises ``OSError``."""
    fd = os.open(data.root, DIRECTORY & ~os.O_NOFOLLOW)
    try:
        make_directories(fd, ("state",))
        below = os.open("state", DIRECTORY, dir_fd=fd)
        try:
            replace_file(below, name, content)
        finally:
            os.close(below)
    finally:
        os.close(fd)
