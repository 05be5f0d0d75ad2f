"""A thin face on free space for programs that import Evertape. Blocking; any thread, one at a time per object."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from evertape.config.paths import DataDir
from evertape.domain.retention_terms import Terms, bytes_needed
from evertape.errors import EvertapeError
from evertape.ipc.client import ServiceClient

GB = 1_000_000_000
_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Cleanup:
    """What a cleanup did: files and bytes that are gone, files that could not be deleted or are protected."""

    files: int
    bytes: int
    failed: int
    protected: int


class DiskSpaceManager:
    """How full a disk of footage is, whether something has to go, and having it go.

    The service, or the pipelines that record into the directory, look after it by themselves all the time; this is for
    showing it, and for those who do not want to wait. Deleting is left to them, because only they know what is being
    written, what is protected, and how to keep the record of it.

    Example:
        >>> space = DiskSpaceManager("footage")
        >>> if space.needs_cleanup:
        ...     space.auto_cleanup()

    Args:
        directory: the data directory, as given to ``RobustNVRPipeline`` or ``--data``.
        volume: the folder to measure; by default the directory's own ``recordings``.
        terms: thresholds for ``needs_cleanup``; by default 5 GB or 5 %, whichever is more, less on a small disk.
    """

    def __init__(self, directory: str | Path, volume: str | Path | None = None, terms: Terms | None = None) -> None:
        self._data = DataDir(Path(os.path.abspath(directory)))
        self._volume = Path(volume) if volume is not None else self._data.recordings
        self._terms = terms or Terms()

    @property
    def free_bytes(self) -> int:
        """What anybody may still write. Raises ``OSError`` if the folder is not there."""
        return self._measure()[0]

    @property
    def total_bytes(self) -> int:
        """The capacity. Raises as ``free_bytes``."""
        return self._measure()[1]

    @property
    def free_gb(self) -> float:
        """``free_bytes`` in GB of 1,000,000,000 bytes."""
        return self.free_bytes / GB

    @property
    def free_percent(self) -> float:
        """The free share of the capacity, 0 to 100."""
        free, total = self._measure()
        return 100 * free / total if total else 0.0

    @property
    def needs_cleanup(self) -> bool:
        """Whether so little is free that the oldest footage has to go."""
        return self.bytes_to_free > 0

    @property
    def bytes_to_free(self) -> int:
        """How much has to go; 0: nothing."""
        free, total = self._measure()
        return bytes_needed(self._terms, free, total)

    def auto_cleanup(self, *, older_than_ns: int | None = None, timeout_s: float = 300.0) -> Cleanup:
        """Have the rules applied now, and wait until that is done.

        Args:
            older_than_ns: delete what is older than this instead, whatever the rules say; protected footage stays.
            timeout_s: how long to wait.

        Raises:
            NotRunningError: nothing records into the directory, so nobody is there to do it.
            EvertapeError: it was not done in time; it goes on.
        """
        wish = {} if older_than_ns is None else {"older_than": older_than_ns}
        deadline = time.monotonic() + timeout_s
        with ServiceClient(self._data.root) as client:
            number = client.request("retention", **wish)["request"]
            while True:
                said = client.request("retention", request=number)
                if said["done"]:
                    break
                if time.monotonic() > deadline:
                    raise EvertapeError(f"the cleanup is not done after {timeout_s:.0f} s; it goes on")
                time.sleep(_POLL_S)
        if said["error"]:
            raise EvertapeError(f"the cleanup came to an end: {said['error']}")
        return Cleanup(said["files"], said["bytes"], said["failed"], said["protected"])

    def _measure(self) -> tuple[int, int]:
        numbers = os.statvfs(self._volume)
        return numbers.f_bavail * numbers.f_frsize, numbers.f_blocks * numbers.f_frsize
