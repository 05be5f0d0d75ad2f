"""Looking at the volume: the check C1, and a small file written, synced and removed; opening it again when it returns.

Threads: the loop's; the look itself runs on a worker.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from functools import partial

from evertape.disk.fault import VolumeFaultError, step
from evertape.disk.layout import CONTROL_DIR
from evertape.disk.marker import Space
from evertape.disk.paths import directory, make_directories, write_all
from evertape.disk.volume import Session, Volume
from evertape.domain.volume_state import Observation

PROBE_FILE = "probe"
IMPATIENT_S = 1.0
"""How often to look while something is wrong: recording is to be back within 2 s of the volume's return."""
_SMALL = bytes(4096)


class Prober:
    """Looks every ``probe_interval``, and at once when asked.

    Args:
        volume: what to look at.
        sync_ms: by which the latest sync rounds are judged.
    """

    def __init__(self, volume: Volume, sync_ms: Callable[[], float]) -> None:
        self._volume = volume
        self._sync_ms = sync_ms
        self._asked = asyncio.Event()

    def nudge(self) -> None:
        """Look now, or once more if a look is under way."""
        self._asked.set()

    async def run(self) -> None:
        """Never ends; cancel it."""
        while True:
            self._asked.clear()
            await self.look()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._wait_s()):
                    await self._asked.wait()

    def _wait_s(self) -> float:
        interval = self._volume.assignment.probe_interval_ns / 1e9
        return interval if self._volume.status.state.usable else min(interval, IMPATIENT_S)

    async def look(self) -> None:
        """One look. Returns when it is done, which may be never while the kernel hangs."""
        volume = self._volume
        if volume.session is None:
            await volume.open()
        session = volume.session
        if session is None:
            return
        # What has failed is looked at whatever is switched off: nothing else leads back to it, and that its space can
        # be asked for proves nothing.
        thorough = "probe" in volume.assignment.layers or not volume.status.state.usable
        try:
            look = partial(_probe if thorough else _measure, session)
            space = await session.call(session.checks, "probing the volume", look)
        except VolumeFaultError as fault:
            if volume.session is session:
                volume.see_check(fault, "probe")
            return
        if volume.session is session and not volume.hung:
            sync_ms = self._sync_ms() or None
            volume.see(Observation(layer="probe", free=space.free, total=space.total, sync_ms=sync_ms))


def _probe(session: Session) -> Space:
    session.guard()
    handle = session.handle
    space = handle.check(0)
    if space.free < len(_SMALL):
        return space
    with step("C4"):
        # The control folder may have been deleted by a person; the marker was there a moment ago, if it must be.
        make_directories(handle.root, (CONTROL_DIR,))
        with directory(handle.root, (CONTROL_DIR,)) as control:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
            fd = os.open(PROBE_FILE, flags, 0o600, dir_fd=control)
            try:
                write_all(fd, [_SMALL], 0)
                os.fsync(fd)
            finally:
                os.close(fd)
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(PROBE_FILE, dir_fd=control)
    return space


def _measure(session: Session) -> Space:
    session.guard()
    with step("C1"):
        return session.handle.space()
