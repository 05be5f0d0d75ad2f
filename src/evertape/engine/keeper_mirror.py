"""Copies of the journal on the volumes, so that an index can be made from the disks alone.

Threads: the owner's loop; reading the journal is the worker's.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from evertape.disk.journal_format import is_journal_file
from evertape.engine.keeper_link import KeeperLink

T = TypeVar("T")

PART = 1 << 20
"""Bytes in one message."""


class Mirror:
    """Keeps one volume's mirror up to date.

    Args:
        link: the volume.
        journal: the folder of the journal's files.
        work: runs something blocking on the worker.
    """

    def __init__(self, link: KeeperLink, journal: Path, work: Callable[[Callable[[], T]], Awaitable[T]]) -> None:
        self._link = link
        self._journal = journal
        self._work = work
        self._held: dict[str, int] | None = None
        self._connection = 0

    async def update(self) -> int:
        """Append what is missing; returns the bytes. Raises ``VolumeError`` or ``OSError``; then it is asked anew."""
        if self._held is None or self._connection != self._link.connection:
            self._connection = self._link.connection
            self._held = await self._link.mirror_state()
        held, sent = self._held, 0
        self._held = None  # unless all goes well
        for name, size in sorted((await self._run(lambda: journal_sizes(self._journal))).items()):
            while (at := held.get(name, 0)) < size:
                data = await self._run(lambda n=name, o=at: _read(self._journal / n, o))  # type: ignore[misc]
                if not data:
                    break
                await self._link.mirror_append(name, at, data)
                held[name] = at + len(data)
                sent += len(data)
        self._held = held
        return sent

    async def _run(self, job: Callable[[], T]) -> T:
        return await self._work(job)  # type: ignore[arg-type, return-value]


def journal_sizes(journal: Path) -> dict[str, int]:
    """Bytes of each of the journal's files."""
    try:
        with os.scandir(journal) as entries:
            return {entry.name: entry.stat().st_size for entry in entries if is_journal_file(entry.name)}
    except FileNotFoundError:
        return {}


def _read(path: Path, offset: int) -> bytes:
    with open(path, "rb") as file:
        file.seek(offset)
        return file.read(PART)
