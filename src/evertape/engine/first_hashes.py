"""Hashes for finished files of which none is on record, because the journal that had them is lost.

Blocking; reads only. Such a hash vouches for what is there today. What the file was when it was written, its own table
knows of each fragment, so a file that does not agree with itself gets none: the background check finds it, and puts it
on record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from evertape.errors import ProtocolError
from evertape.ipc.events import AnyEvent, EventStamp, SegmentChecked
from evertape.mp4.digest import PIECE, named, segment_hash
from evertape.mp4.examine import examine
from evertape.store.rows import CLOSED, SegmentRow

BATCH_BYTES = 4 << 30
"""So much is read, and then written down: what an interruption costs is reading that again. Each time makes a file of
the journal, and 10 TB would be a lot of them otherwise."""


@dataclass(slots=True)
class FirstHashes:
    """What came of it.

    Args:
        hashed: files that have one now.
        damaged: files that are not as they were written, or cannot be read: path, and what is wrong.
    """

    hashed: int = 0
    damaged: dict[str, str] = field(default_factory=dict)


def lacking(rows: Iterable[SegmentRow], roots: Mapping[str, Path]) -> list[SegmentRow]:
    """Finished files without a hash, on volumes that can be reached. Pure."""
    return [row for row in rows if row.state == CLOSED and row.held and not row.hash and row.volume in roots]


def hash_files(
    rows: Iterable[SegmentRow],
    roots: Mapping[str, Path],
    stamp: EventStamp,
    write_down: Callable[[Iterable[AnyEvent]], None],
    progress: Callable[[int], None],
) -> FirstHashes:
    """Read every one of them.

    Args:
        rows: see ``lacking``.
        roots: where volumes are, by their ids.
        stamp: gives events their identity.
        write_down: puts events into the journal and the index; called now and then.
        progress: told the bytes read so far.

    Raises ``OSError``, index errors, from ``write_down`` only.
    """
    found, events, done, written = FirstHashes(), list[AnyEvent](), 0, 0
    for row in rows:
        before = done

        def read(size: int, before: int = before) -> None:
            progress(before + size)

        problem, known, size = _look(roots[row.volume] / row.path, read)
        done += size
        if problem:
            found.damaged[row.path] = problem
        else:
            found.hashed += 1
            events.append(SegmentChecked(**stamp(), segment=row.id, volume=row.volume, hash=known))
        if done - written >= BATCH_BYTES:
            write_down(events)
            events, written = [], done
    write_down(events)
    return found


def _look(path: Path, read: Callable[[int], None]) -> tuple[str, str, int]:
    """What is wrong with a file, its hash, and its length."""
    digest, size = segment_hash(), 0
    try:
        with path.open("rb") as file:
            while data := file.read(PIECE):
                digest.update(data)
                size += len(data)
                read(size)
            return examine(file, payload=True).problem, named(digest), size
    except OSError as error:
        return f"it cannot be read: {error.strerror}", "", size
    except ProtocolError as error:
        return error.what, "", size
