"""The journal written by a verb while no service runs: its files brought back from the volumes' mirrors, and additions.

Blocking. Nothing is written in place: a file is whole under its name, or it is not there.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from evertape.disk.journal_format import (
    DamagedLineError,
    UnknownEventError,
    decode_line,
    encode_line,
    is_journal_file,
    next_name,
)
from evertape.disk.layout import CONTROL_DIR
from evertape.disk.paths import DIRECTORY, replace_file
from evertape.ipc.events import Event


def mirror_of(volume: Path) -> Path:
    """Where a volume has its copy of the journal."""
    return volume / CONTROL_DIR / "journal"


def restore_journal(
    journal: Path, volumes: Sequence[Path], progress: Callable[[int, int], None] = lambda _done, _all: None
) -> list[str]:
    """Bring back what mirrors hold and the journal does not; returns the names of the files that were written.

    Of two versions of a file the one with more whole lines is taken: a mirror lags behind by seconds as a rule, and
    is ahead after a power cut under the data folder alone. Done again, it changes nothing.

    Args:
        journal: the folder of the journal's files; made if it is missing.
        volumes: where the volumes are.
        progress: told the files done, and all.

    Raises:
        OSError: something cannot be read or written.
    """
    copies: dict[str, list[Path]] = {}
    for volume in volumes:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            for name in filter(is_journal_file, os.listdir(mirror_of(volume))):
                copies.setdefault(name, []).append(mirror_of(volume) / name)
    restored = []
    for number, (name, paths) in enumerate(sorted(copies.items())):
        progress(number, len(copies))
        if _restore(journal, name, paths):
            restored.append(name)
    return restored


def _restore(journal: Path, name: str, paths: Sequence[Path]) -> bool:
    here = journal / name
    own = here.stat().st_size if here.exists() else -1
    if all(path.stat().st_size <= own for path in paths):
        return False
    best, lines = b"", _whole_lines(here.read_bytes()) if own >= 0 else -1
    for path in paths:
        data = path.read_bytes()
        if (found := _whole_lines(data)) > lines:
            best, lines = data, found
    if not best:
        return False
    journal.mkdir(parents=True, exist_ok=True)
    with _folder(journal) as folder:
        replace_file(folder, name, best)
    return True


def _whole_lines(data: bytes) -> int:
    count = 0
    for line in data.split(b"\n")[:-1]:
        try:
            decode_line(line)
        except UnknownEventError:
            pass  # of a newer program: whole all the same
        except DamagedLineError:
            continue
        count += 1
    return count


def add_to_journal(journal: Path, events: Iterable[Event]) -> str:
    """Write events into a journal file of their own, durably; its name, empty if there were none.

    Only while no service runs on this data directory. Raises ``OSError``.
    """
    data = b"".join(map(encode_line, events))
    if not data:
        return ""
    journal.mkdir(parents=True, exist_ok=True)
    name = next_name(os.listdir(journal), datetime.now(UTC))
    with _folder(journal) as folder:
        replace_file(folder, name, data)
    return name


@contextlib.contextmanager
def _folder(path: Path) -> Iterator[int]:
    fd = os.open(path, DIRECTORY & ~os.O_NOFOLLOW)
    try:
        yield fd
    finally:
        os.close(fd)
