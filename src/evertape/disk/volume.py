"""The volume as the loop knows it: opened, watched, lost, opened again, and reported to everyone.

Threads: the loop's. Whatever touches the file system is a call on a lane. One opened volume is a
``Session``: its handle and its own worker threads, so that threads stuck in a vanished file system
are left behind with it, and the descriptor is closed only when nothing uses it any more.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from evertape.clock import Clock
from evertape.disk.fault import VolumeFaultError
from evertape.disk.lanes import Lane, Lanes
from evertape.disk.marker import Space, VolumeHandle, being_deleted, open_volume, recreate
from evertape.disk.search import VolumeSearch
from evertape.domain.homecoming import SPILL
from evertape.domain.storage_fault import StorageFault
from evertape.domain.volume_state import Observation, VolumeState, VolumeStatus, limits, observe
from evertape.ipc.messages import DiskAssignment

log = logging.getLogger(__name__)

GONE = (StorageFault.MISSING, StorageFault.NOT_MOUNTED, StorageFault.WRONG_VOLUME)
"""Faults of the volume itself after which its descriptor is of no use."""

_EMPTYING_PAUSE_S, _EMPTYING_LOOKS = 0.25, 240
"""A folder that is being deleted is waited for, for a minute."""

T = TypeVar("T")

LostHandler = Callable[[VolumeFaultError], None]
ChangeHandler = Callable[[VolumeStatus, VolumeStatus], None]


@dataclass(eq=False)
class Session:
    """One opening of the volume."""

    handle: VolumeHandle
    lanes: Lanes
    lost: bool = False
    checks: Lane = field(init=False)
    """For looks at the volume itself, one after the other."""

    upkeep: Lane = field(init=False)
    """For the keeper's jobs, one after the other."""
    ended: asyncio.Future[None] = field(init=False)
    """Done once the volume is lost."""

    def __post_init__(self) -> None:
        self.checks = self.lanes.lane()
        self.upkeep = self.lanes.lane()
        self.ended = asyncio.get_running_loop().create_future()

    async def call(self, lane: Lane, what: str, call: Callable[[], T], *, kind: str = "") -> T:
        """Run ``call`` in ``lane``; does not wait for one that hangs in a volume which is given up meanwhile.

        Raises:
            VolumeFaultError: ``missing`` in that case; else whatever ``call`` raises.
        """
        job = lane.submit(what, call, kind=kind)
        await asyncio.wait((job, self.ended), return_when=asyncio.FIRST_COMPLETED)
        if not job.done():
            job.add_done_callback(forget)
            self.guard()
        return job.result()

    def guard(self) -> None:
        """First thing in every call that writes: a detached file system would take the data without an error."""
        if self.lost:
            raise VolumeFaultError(StorageFault.MISSING, f"{self.handle.path} is gone")


class Volume:
    """Owns the session and the state.

    Args:
        assignment: where the volume is and how to treat it.
        clock: for instants.
        on_lost: the volume went away; every open file is to be failed.
        on_change: the state changed, from one status to another.
        on_report: the numbers or the state are to be sent to everyone.
    """

    def __init__(
        self,
        assignment: DiskAssignment,
        clock: Clock,
        *,
        on_lost: LostHandler,
        on_change: ChangeHandler,
        on_report: Callable[[], None],
    ) -> None:
        self.assignment = assignment
        self.status = VolumeStatus()
        self.session: Session | None = None
        self.volume_id = assignment.volume_id
        self._clock = clock
        self._on_lost = on_lost
        self._on_change = on_change
        self._on_report = on_report
        self._scouts = Lanes(1, "scout")
        self._scout = self._scouts.lane()
        self._search = VolumeSearch()
        self._opening: asyncio.Task[None] | None = None
        self._searching = False
        self._hung = False
        self._retiring: set[asyncio.Task[None]] = set()

    @property
    def need_free(self) -> int:
        """Bytes that must be free before a new file, by the state's hysteresis."""
        limit = limits(*self._space_terms, self.status.total)
        return limit.resume if self.status.state is VolumeState.FULL else limit.minimum

    @property
    def _space_terms(self) -> tuple[int, int]:
        """Bytes below which the volume is full, and from which on it is well again; none if nobody is to watch them."""
        want = self.assignment
        return (want.min_free, want.resume_free) if "low_space" in want.layers else (0, 0)

    @property
    def spill(self) -> bool:
        """It takes footage only while no primary does."""
        return self.assignment.role == SPILL

    @property
    def path(self) -> str:
        """Where the volume is; where it should be, if it is nowhere."""
        return self.session.handle.path if self.session is not None else self.assignment.path

    @property
    def hung(self) -> bool:
        """The kernel has not answered one of our calls within the deadline."""
        return self._hung

    def fault(self) -> VolumeFaultError:
        """Why nothing can be opened right now."""
        state = self.status.state
        known = state.value in StorageFault.__members__.values()
        return VolumeFaultError(
            StorageFault(state.value) if known else StorageFault.OTHER,
            self.status.reason or f"the volume is {state.value}",
            step="C1",
        )

    async def open(self) -> None:
        """Open the volume if it is not; coalesces with an attempt under way, never raises."""
        if self.session is not None:
            return
        if self._opening is None or self._opening.done():
            self._opening = asyncio.ensure_future(self._open())
        await asyncio.wait((self._opening,))

    async def _open(self) -> None:
        want = self.assignment
        try:
            handle, space = await self._try(want, want.path, want.is_mount)
        except VolumeFaultError as fault:
            self.see(_observed(fault, "probe"))
            elsewhere = await self._elsewhere(want) if fault.fault in GONE else None
            if elsewhere is None:
                return
            handle, space = elsewhere
        if want is not self.assignment and want.path != self.assignment.path:
            handle.close()
            return
        self.volume_id = handle.volume_id or self.volume_id
        self.session = Session(handle, Lanes())
        log.info("[DISK] opened volume %s at %s", _named(want.volume, self.volume_id), handle.path)
        if handle.path != want.path:
            log.warning("[STORAGE] volume %s is at %s, not at %s", want.volume, handle.path, want.path)
        self.see(Observation(layer="probe", free=space.free, total=space.total))

    async def _try(self, want: DiskAssignment, path: str, is_mount: bool) -> tuple[VolumeHandle, Space]:
        attempt = partial(_open_and_measure, want, self.volume_id, path, is_mount)
        return await self._scout.submit("opening the volume", attempt)

    async def _elsewhere(self, want: DiskAssignment) -> tuple[VolumeHandle, Space] | None:
        """The volume at another place than the declared one, known by its identity."""
        if not self.volume_id or want.role == "data":
            return None
        self._searching = True
        try:
            found = await self._search.find(self.volume_id, want.path, is_mount=want.is_mount)
        finally:
            self._searching = False
        if found is None or want is not self.assignment:
            return None
        try:
            return await self._try(want, found.path, found.is_mount)
        except VolumeFaultError as fault:
            log.info("[DISK] volume %s is at %s, and cannot be used there: %s", want.volume, found.path, fault.what)
            return None

    def lose(self, fault: VolumeFaultError, layer: str) -> None:
        """The volume is gone: fail its writers now, close its descriptors when the kernel lets us."""
        session = self.session
        if session is None:
            return
        self.session = None
        session.lost = True
        session.ended.set_result(None)
        self._hung = False
        log.warning("[STORAGE] volume %s is gone (%s): %s", self.assignment.volume, layer, fault.what)
        self._on_lost(fault)
        task = asyncio.ensure_future(self._leave(session))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)
        self.see(_observed(fault, layer))

    async def _leave(self, session: Session) -> None:
        """Put a deleted folder back where that is safe, and let go of everything."""
        try:
            made = await self._make_anew(session)
        except (OSError, VolumeFaultError) as error:
            made = False
            log.warning("[STORAGE] %s cannot be made anew: %s", session.handle.path, error)
        if made:
            log.warning("[STORAGE] %s was deleted and is made anew", session.handle.path)
            await self.open()
        await _retire(session)

    async def _make_anew(self, session: Session) -> bool:
        """See ``recreate``; what is being emptied is waited for."""
        lane = session.lanes.lane()
        again = partial(recreate, session.handle, self.assignment.volume)
        emptied = partial(being_deleted, session.handle)
        for _ in range(_EMPTYING_LOOKS):
            if await lane.submit("making the volume's folder anew", again):
                return True
            if self.session is not None or not await lane.submit("looking at the volume's folder", emptied):
                break
            await asyncio.sleep(_EMPTYING_PAUSE_S)
        # It may have been emptied between the two looks.
        return self.session is None and await lane.submit("making the volume's folder anew", again)

    def see(self, seen: Observation) -> None:
        """Take in what was observed; reports it, and journals a change of state."""
        old = self.status
        want = self.assignment
        self.status = observe(old, seen, *self._space_terms, self._clock.utc_ns())
        if self.status.state is not old.state:
            why = f"; {self.status.reason}" if self.status.reason else ""
            log.info("[DISK] volume %s: %s, was %s%s", want.volume, self.status.state, old.state, why)
            self._on_change(old, self.status)
        self._on_report()

    def reassign(self, want: DiskAssignment) -> None:
        """Other settings for the same volume, or another place for it."""
        old, self.assignment = self.assignment, want
        moved = (want.path, want.is_mount) != (old.path, old.is_mount)
        if want.volume_id or want.path != old.path:
            # At another place lies another volume, unless its marker says otherwise.
            self.volume_id = want.volume_id
        if self.session is not None and (moved or self.session.handle.volume_id != self.volume_id):
            self.lose(
                VolumeFaultError(StorageFault.MISSING, f"the configuration moved it away from {old.path}"), "probe"
            )

    def see_check(self, fault: VolumeFaultError, layer: str) -> None:
        """A check of the volume itself (C1) failed."""
        if fault.fault in GONE and self.session is not None:
            self.lose(fault, layer)
        else:
            self.see(_observed(fault, layer))

    def see_error(self, fault: VolumeFaultError) -> None:
        """A file's own step failed; what that says about the volume beyond doubt is taken in at once."""
        certain = (StorageFault.FULL, StorageFault.READ_ONLY, StorageFault.IO_ERROR)
        if "errno" in self.assignment.layers and fault.number and fault.fault in certain:
            self.see(_observed(fault, "errno"))

    def check_deadline(self) -> bool:
        """Called by the loop all the time; returns whether the volume has just begun or ceased to hang."""
        lanes = self.session.lanes if self.session is not None else self._scouts
        age, what = max(lanes.oldest(), self._scouts.oldest())
        hung = age > self.assignment.probe_deadline_ns
        if hung is self._hung:
            return False
        self._hung = hung
        if hung:
            self.see(Observation(StorageFault.HUNG, f"no answer for {age // 1_000_000_000} s: {what}", "deadline"))
        return True

    def abandon_opening(self) -> None:
        """The table of mounts changed: if opening hangs, or searches other disks, leave that behind and try anew."""
        if self.session is not None or self._opening is None:
            return
        if self._searching:
            # Another disk that hangs must not keep this one from being found where it belongs.
            self._opening.cancel()
        elif self._hung:
            self._opening.cancel()
            self._scouts.stop()
            self._scouts = Lanes(1, "scout")
            self._scout = self._scouts.lane()

    async def close(self) -> None:
        """Let go of the volume in an orderly way; waits for calls under way."""
        session, self.session = self.session, None
        if session is not None:
            await _retire(session)
        self._scouts.stop()
        self._search.stop()


def _named(volume: str, volume_id: str) -> str:
    """The name, and the identity if it has one; the data folder has none."""
    return f"{volume} ({volume_id})" if volume_id else volume


def _observed(fault: VolumeFaultError, layer: str) -> Observation:
    return Observation(fault.fault, fault.what, layer, free=fault.free, errno=fault.number)


def forget(job: asyncio.Future[Any]) -> None:
    """Nobody wants the outcome any more; asking for it keeps asyncio from complaining."""
    if not job.cancelled():
        job.exception()


async def _retire(session: Session) -> None:
    await session.lanes.drained()
    await session.lanes.lane().submit("closing the volume", session.handle.close)
    session.lanes.stop()


def _open_and_measure(want: DiskAssignment, volume_id: str, path: str, is_mount: bool) -> tuple[VolumeHandle, Space]:
    handle = open_volume(
        path,
        is_mount=is_mount,
        expected_id=volume_id,
        name=want.volume,
        with_marker=want.role != "data",
    )
    try:
        return handle, handle.check(0)
    except VolumeFaultError as fault:
        if fault.fault is StorageFault.FULL:
            return handle, handle.space()
        handle.close()
        raise
