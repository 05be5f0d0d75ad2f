"""Footage read for whoever looks at it: each volume has its own threads, so that one that hangs holds up nobody else.

A file is only ever opened beneath a directory whose marker has been checked, one component at a time, never through a
link. The path comes from the index, never from a request.

Threads: the owner's loop; whatever touches a volume runs in that volume's pool.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeVar

from evertape.disk.fault import VolumeFaultError
from evertape.disk.marker import open_volume
from evertape.disk.paths import open_file
from evertape.engine.state_files import KnownVolume, read_volumes
from evertape.errors import ProtocolError
from evertape.hub.failure import HubError
from evertape.mp4.scan import ScannedSegment, scan
from evertape.store.rows import SegmentRow

T = TypeVar("T")

PIECE = 256 << 10
DEADLINE_S = 5.0
"""As long as the service gives a probe before it calls a volume hung."""
THREADS = 4
"""Per volume: several players and an export at a time."""
_REMEMBERED = 60_000
"""Fragments of finished files that are remembered: some 30 MB, a dozen hours of one camera."""
_MOST_WAITING = 64
_READ_AGAIN_S = 5.0
"""How often it is looked which volumes there were that are not used any more."""


@dataclass(frozen=True)
class Location:
    """Where a volume is now: its name for people, its directory, and its state."""

    name: str
    path: str
    state: str = ""


class Whereabouts(Protocol):
    """Knows where volumes are."""

    async def volumes(self) -> dict[str, Location]:
        """By the volume's id."""


class OpenFootage:
    """An open file of footage; close it after use.

    Args:
        pool: of its volume.
        fd: the descriptor.
        size: bytes, as it was opened.
    """

    def __init__(self, pool: _Pool, fd: int, size: int) -> None:
        self._pool = pool
        self._fd = fd
        self.size = size

    async def pieces(self, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes of ``[start, end)``, in pieces. Raises ``HubError`` if the disk does not give them out in time."""
        while start < end:
            data = await self._pool.run(os.pread, self._fd, min(PIECE, end - start), start)
            if not data:
                raise HubError(503, "volume_unusable", "the file became shorter while it was read")
            start += len(data)
            yield data

    def close(self) -> None:
        """Let go, in the pool: closing may block too."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            self._pool.leave(fd)

    def __del__(self) -> None:
        # Whoever asked may have hung up before the first piece was fetched; then nobody else closes it.
        self.close()


class Footage:
    """See the module.

    Args:
        whereabouts: of volumes.
    """

    def __init__(self, whereabouts: Whereabouts) -> None:
        self._whereabouts = whereabouts
        self._pools: dict[str, _Pool] = {}
        self._scans: OrderedDict[tuple[str, int], ScannedSegment] = OrderedDict()

    async def open(self, segment: SegmentRow) -> OpenFootage:
        """Open a segment's file.

        Raises:
            HubError: 404, it is not there any more; 503, its volume is away or does not answer.
        """
        pool, location = await self._pool_of(segment)
        try:
            fd, size = await pool.run(_open, location, segment)
        except FileNotFoundError:
            raise HubError(404, "file_missing", f"the file of segment {segment.id} is not there") from None
        except (VolumeFaultError, OSError) as error:
            raise _unusable(location, error) from None
        return OpenFootage(pool, fd, size)

    async def fragments(self, segment: SegmentRow) -> ScannedSegment:
        """What its file holds, by its own index; remembered for files that are finished. Raises as ``open``."""
        key = (segment.id, segment.bytes or 0)
        if segment.bytes is not None and key in self._scans:
            self._scans.move_to_end(key)
            return self._scans[key]
        pool, location = await self._pool_of(segment)
        try:
            found = await pool.run(_scan, location, segment)
        except FileNotFoundError:
            raise HubError(404, "file_missing", f"the file of segment {segment.id} is not there") from None
        except (VolumeFaultError, OSError) as error:
            raise _unusable(location, error) from None
        except ProtocolError as error:
            raise HubError(503, "file_damaged", error.what, hint="evertape audit says more") from None
        if segment.bytes is not None and found.closed:
            self._remember(key, found)
        return found

    def _remember(self, key: tuple[str, int], found: ScannedSegment) -> None:
        self._scans[key] = found
        while len(self._scans) > 1 and sum(len(one.fragments) for one in self._scans.values()) > _REMEMBERED:
            self._scans.popitem(last=False)

    async def open_path(self, path: Path) -> OpenFootage:
        """Open a file of the hub's own, by a path that it made itself. Raises as ``open``."""
        pool = self._pools.setdefault("", _Pool("of the data directory"))
        try:
            fd, size = await pool.run(_open_own, path)
        except FileNotFoundError:
            raise HubError(404, "file_missing", "the file is not there any more") from None
        except OSError as error:
            raise HubError(503, "io_error", f"the file cannot be read: {error.strerror}") from None
        return OpenFootage(pool, fd, size)

    async def roots(self) -> dict[str, Location]:
        """Where the volumes are that can be read now, by their ids."""
        found = await self._whereabouts.volumes()
        return {volume: location for volume, location in found.items() if location.state not in _AWAY}

    async def name(self, volume: str) -> str:
        """What people call a volume, if it is known where it is or was."""
        location = (await self._whereabouts.volumes()).get(volume)
        return "" if location is None else location.name

    async def _pool_of(self, segment: SegmentRow) -> tuple[_Pool, Location]:
        location = (await self._whereabouts.volumes()).get(segment.volume)
        if location is None:
            raise HubError(503, "volume_unusable", "the volume of this footage is not there", hint="connect its disk")
        if location.state in _AWAY:
            raise HubError(
                503,
                "volume_unusable",
                f"the volume {location.name} cannot be read now: {location.state.replace('_', ' ')}",
                hint="the rest can be looked at meanwhile",
                headers={"Retry-After": "5"},
            )
        return self._pools.setdefault(segment.volume, _Pool(location.name)), location


_AWAY = frozenset({"hung", "missing", "wrong_volume"})


class _Pool:
    """The threads of one volume."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix=f"volume-{name}")
        self._busy = 0

    async def run(self, work: Callable[..., T], *arguments: Any) -> T:
        """Raises what ``work`` raises, or ``HubError`` if it takes too long or too many wait."""
        if self._busy >= _MOST_WAITING:
            raise self._slow()
        self._busy += 1
        future = asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
        future.add_done_callback(self._done)
        try:
            async with asyncio.timeout(DEADLINE_S):
                return await asyncio.shield(future)
        except TimeoutError:
            raise self._slow() from None

    def leave(self, fd: int) -> None:
        """Close a descriptor, some time."""
        with contextlib.suppress(RuntimeError):
            self._threads.submit(os.close, fd)

    def _done(self, future: asyncio.Future[Any]) -> None:
        self._busy -= 1
        if not future.cancelled():
            future.exception()

    def _slow(self) -> HubError:
        return HubError(
            503,
            "volume_unusable",
            f"the volume {self._name} does not answer",
            hint="recording goes on; try again later",
            headers={"Retry-After": "5"},
        )


class EngineWhereabouts:
    """Where volumes are, as the running service says, and where those were that it does not use any more.

    Args:
        status: asks it.
        state: the folder of the small state files.
    """

    def __init__(self, status: Callable[[], Any], state: Path) -> None:
        self._status = status
        self._state = state
        self._known: dict[str, KnownVolume] = {}
        self._read_at: float | None = None

    async def volumes(self) -> dict[str, Location]:
        """See ``Whereabouts``."""
        now = asyncio.get_running_loop().time()
        if self._read_at is None or now - self._read_at > _READ_AGAIN_S:
            self._known, self._read_at = await asyncio.to_thread(read_volumes, self._state), now
        known = self._known
        found = {volume.volume_id: Location(name, volume.path) for name, volume in known.items()}
        raw = await self._status()
        for info in raw["volumes"]:
            if info.get("volume_id"):
                found[info["volume_id"]] = Location(info["name"], info["path"], info.get("state", ""))
        return found


def open_beneath(location: Location, volume: str, path: str) -> int:
    """Open a file of the volume with this id, by the path that the index has for it; blocking.

    Raises:
        VolumeFaultError: something else is at the volume's path.
        OSError: from opening; the path is never followed through a link.
    """
    handle = open_volume(location.path, is_mount=False, expected_id=volume, name=location.name, may_create=False)
    try:
        return open_file(handle.root, tuple(path.split("/")), os.O_RDONLY)
    finally:
        handle.close()


def _open(location: Location, segment: SegmentRow) -> tuple[int, int]:
    fd = open_beneath(location, segment.volume, segment.path)
    return fd, os.fstat(fd).st_size


def _open_own(path: Path) -> tuple[int, int]:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    return fd, os.fstat(fd).st_size


def _scan(location: Location, segment: SegmentRow) -> ScannedSegment:
    fd, _ = _open(location, segment)
    file: BinaryIO
    with os.fdopen(fd, "rb") as file:
        return scan(file)


def _unusable(location: Location, error: Exception) -> HubError:
    what = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return HubError(
        503, "volume_unusable", f"the volume {location.name} cannot be read now: {what}", headers={"Retry-After": "5"}
    )
