"""What is on record: the index brought up to date, where the volumes are now, and how far open files reach.

Works with a running service and without one. Blocking.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

from evertape.cli.config_verbs import warn
from evertape.cli.place import Place
from evertape.cli.status import fetch
from evertape.config.paths import DataDir
from evertape.disk.journal_reader import Position
from evertape.domain.coverage import Held
from evertape.engine.held import held, open_until
from evertape.engine.keeper_tail import IndexTail, rebuild
from evertape.errors import ConfigError, EvertapeError, NotRunningError, UsageError
from evertape.store.failures import IndexBusyError, IndexDamagedError
from evertape.store.index import Index
from evertape.store.rows import SegmentRow
from evertape.types import UtcNs

if TYPE_CHECKING:
    from evertape.cli.status_view import ServiceStatus
    from evertape.engine.audit_files import Root

CATCH_UP_S = 3.0
"""How long to wait for a running keeper to take in what the journal held when we asked."""
_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Archive:
    """What is on record.

    Args:
        index: for questions.
        roots: by volume id, where the volumes that can be reached are.
        open_until: for files being written, or left unfinished, up to when they hold footage.
        held: by camera, what is in memory only.
        running: a service runs.
        zone: for showing times; ``None``: the machine's own.
        configured: ids of the configuration's cameras.
    """

    index: Index
    roots: dict[str, Path]
    open_until: Mapping[str, int]
    held: Mapping[str, Held]
    running: bool
    zone: tzinfo | None
    configured: tuple[str, ...]

    @property
    def boot(self) -> str | None:
        """As ``Index.coverage`` wants it: the kernel's boot id if no service runs."""
        from evertape.clock import boot_id

        return None if self.running else boot_id()

    def require(self, camera: str) -> None:
        """Raise ``UsageError`` unless there is, or was, such a camera."""
        known = list(dict.fromkeys((*self.configured, *self.index.cameras())))
        if camera not in known:
            raise UsageError(f"there is no camera {camera!r}", hint=f"the cameras are: {', '.join(known) or 'none'}")

    def file_of(self, segment: SegmentRow) -> Path | None:
        """Where a segment's file is now; ``None`` if its volume cannot be reached."""
        root = self.roots.get(segment.volume)
        return None if root is None else root / segment.path

    def volume_name(self, volume: str) -> str:
        """What people call a volume."""
        return next((row.name for row in self.index.volumes() if row.id == volume), volume)


@contextlib.contextmanager
def open_archive(place: Place) -> Iterator[Archive]:
    """Open what is on record at a place.

    Raises:
        UsageError: nothing was ever recorded there.
    """
    if not place.data.journal.is_dir():
        raise UsageError(f"nothing was ever recorded in {place.data.root}", hint="evertape serve records")
    status = status_if_running(place)
    zone, configured = _from_config(place)
    with _index(place.data, running=status is not None) as index:
        roots = {root.id: root.path for root in volume_roots(place, status)}
        reach = _open_until(index, roots, status)
        memory = held(status.cameras, status.raw["now_utc"]) if status is not None else {}
        yield Archive(index, roots, reach, memory, status is not None, zone, configured)


def status_if_running(place: Place) -> ServiceStatus | None:
    """What a running service says; ``None`` if there is none."""
    try:
        return fetch(place)
    except NotRunningError:
        return None


def _from_config(place: Place) -> tuple[tzinfo | None, tuple[str, ...]]:
    """Time zone and cameras; a directory that a library writes has no configuration."""
    from zoneinfo import ZoneInfo

    try:
        config = place.load().config
    except ConfigError as error:
        if place.config.exists():
            warn(f"{error.what.splitlines()[0].rstrip(':')}; evertape config check says more")
        return None, ()
    name = config.installation.timezone
    return None if name is None else ZoneInfo(name), tuple(config.cameras)


# -- the index ----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _index(data: DataDir, *, running: bool) -> Iterator[Index]:
    """The index with everything in it that the journal holds now; built aside from the journal if it cannot be used."""
    with contextlib.ExitStack() as stack:
        try:
            index = stack.enter_context(_opened(data, running=running))
        except (IndexBusyError, IndexDamagedError) as error:
            warn(f"the index cannot be used ({error.what}); reading the journal instead")
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="evertape-index-"))
            rebuild(Path(folder) / "index", data.journal)
            index = stack.enter_context(Index.open_readonly(Path(folder) / "index"))
        yield index


def _opened(data: DataDir, *, running: bool) -> Index:
    """The index, up to date; raises ``IndexBusyError`` or ``IndexDamagedError``."""
    end = _journal_end(data.journal)
    if not running:
        _catch_up(data, end)
    index = Index.open_readonly(data.index_file)
    if running:
        try:
            _wait_for_keeper(index, end)
        except BaseException:
            index.close()
            raise
    return index


def _journal_end(folder: Path) -> Position:
    """Where the journal ends now."""
    from evertape.disk.journal_format import is_journal_file

    names = sorted(name for name in os.listdir(folder) if is_journal_file(name))
    return Position(names[-1], (folder / names[-1]).stat().st_size) if names else Position()


def _reached(index: Index, end: Position) -> bool:
    cursor = index.cursor()
    return (cursor.file, cursor.offset) >= end


def _wait_for_keeper(index: Index, end: Position) -> None:
    deadline = time.monotonic() + CATCH_UP_S
    while not _reached(index, end):
        if time.monotonic() > deadline:
            return warn("the index is behind the journal; the newest footage may not be shown yet")
        time.sleep(_POLL_S)
    return None


def _catch_up(data: DataDir, end: Position) -> None:
    """Take in what a keeper left over. While no service runs, and the lock says so, this is the only writer."""
    from evertape.cli.service import only_one

    with contextlib.suppress(IndexBusyError, IndexDamagedError), Index.open_readonly(data.index_file) as index:
        if _reached(index, end):
            return
    try:
        with only_one(data), contextlib.closing(IndexTail(data.index_file, data.journal)) as tail:
            tail.catch_up()
    except UsageError as error:
        warn(f"the index may not be up to date: {error.what}")


# -- the volumes ---------------------------------------------------------------------------------------------


def volume_paths(place: Place, status: ServiceStatus | None) -> dict[str, Path]:
    """Names and paths of every volume that is or was used, each path once; those that hang are left out.

    To look at a volume that hangs is to hang too, and only a running service can tell.
    """
    from evertape.engine.state_files import read_volumes
    from evertape.engine.supervisor import BUILT_IN

    found = {BUILT_IN: place.data.recordings}
    found |= {name: Path(known.path) for name, known in read_volumes(place.data.root / "state").items()}
    with contextlib.suppress(ConfigError):
        found |= {name: volume.path for name, volume in place.load().config.volumes.items()}
    if status is not None:
        # A disk that came back at another mount point is read there.
        found |= {volume.name: Path(volume.path) for volume in status.volumes if volume.path}
    hung = {Path(volume.path) for volume in status.volumes if volume.state == "hung"} if status is not None else set()
    by_path = {path: name for name, path in found.items() if path not in hung}
    return {name: path for path, name in by_path.items()}


def volume_roots(place: Place, status: ServiceStatus | None) -> list[Root]:
    """The volumes that can be reached; what lies at a path is asked who it is."""
    from evertape.engine.audit import volume_roots as those_there

    return those_there(volume_paths(place, status))


def mount_points(place: Place) -> dict[str, Path]:
    """Names and paths of the volumes that were found mounted when they were first used."""
    from evertape.engine.state_files import read_volumes

    known = read_volumes(place.data.root / "state")
    return {name: Path(volume.path) for name, volume in known.items() if volume.is_mount}


def _open_until(index: Index, roots: dict[str, Path], status: ServiceStatus | None) -> dict[str, int]:
    """Up to when each open file holds footage: as the recorder says, else as the file does."""
    unfinished = index.open_segments()
    reach = open_until(status.cameras, unfinished) if status is not None else {}
    for segment in unfinished:
        root = roots.get(segment.volume)
        if segment.id not in reach and root is not None:
            end = _end_of_file(root / segment.path)
            if end is not None:
                reach[segment.id] = end
    return reach


def _end_of_file(path: Path) -> UtcNs | None:
    """UTC at which the last whole fragment of a file ends; ``None`` if there is none."""
    from evertape.mp4.scan import scan

    try:
        with path.open("rb") as file:
            fragments = scan(file).fragments
    except (OSError, EvertapeError):
        return None
    last = next((f for f in reversed(fragments) if f.video is not None), None)
    return None if last is None else UtcNs(last.start_utc_ns + last.dts_end_ns - last.dts_start_ns)
