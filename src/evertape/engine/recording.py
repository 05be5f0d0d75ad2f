"""A camera's recording: the wish, the runs that fulfil it, the gaps in it.

Recording is a wish, apart from streaming: it survives outages, and the stream goes on without it.
Threads: the owner's loop only.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

from evertape.clock import Clock
from evertape.domain.cause import Cause, cause_of_fault
from evertape.domain.classify import Failure, Part, classify_error, classify_fault
from evertape.domain.error_table import Classification, ErrorPriority, Restart
from evertape.domain.failure import ErrorDetail
from evertape.domain.storage_fault import StorageFault
from evertape.domain.volumes import Candidate, Suspects, choose_volume
from evertape.engine.disk_link import DiskLink
from evertape.engine.gap_book import GapBook
from evertape.engine.guard import Guard
from evertape.engine.recording_run import RecordingRun
from evertape.engine.segment_writer import SegmentWriter, SentFragment, start_by
from evertape.ipc.events import AnyEvent, EventStamp, RecordingStateChanged, SegmentClock
from evertape.ipc.messages import CameraSettings, RecordingInfo
from evertape.media.ring import Gop, Ring
from evertape.types import NS_PER_S, BootNs, UtcSource

log = logging.getLogger(__name__)

_WRITABLE = ("online", "low", "slow")

_MOST_UNSETTLED = 32
"""Files whose start may wait for the camera's first report; it comes within seconds, or never."""


class RecordingHost(Protocol):
    """What a recording needs from the recorder it lives in."""

    clock: Clock
    stamp: EventStamp
    links: dict[str, DiskLink]
    suspects: Suspects

    def journal(self, event: AnyEvent) -> None:
        """Write an event down."""

    def status_changed(self) -> None:
        """Something people look at changed: send the status soon."""


class RecordingBranch:
    """See the module.

    Args:
        settings: the camera.
        ring: where its units are.
        host: the recorder.
    """

    def __init__(self, settings: CameraSettings, ring: Ring, host: RecordingHost) -> None:
        self.settings = settings
        self.ring = ring
        self.wanted = False
        self.state = "stopped"
        self.reason = ""
        self.flowing = False
        """Frames come."""
        self._host = host
        self._runs: list[RecordingRun] = []
        self.guard = Guard(f"recording of {settings.id}", self._mend)
        """Whatever works on the runs does it inside."""
        self._book_guard = Guard(f"bookkeeping of {settings.id}")
        self._mended_at: int | None = None
        self._gaps = GapBook(settings.id, ring, host)
        self._generation = 0
        self._recorded_to = 0
        self._from = 0
        self._active: RecordingRun | None = None
        self._unsettled: list[SegmentWriter] = []
        self._fault: tuple[str, str] | None = None
        self._newest: SentFragment | None = None
        self._segments = self._frames = self._frames_lost = self._bytes = self._recorded_ns = 0

    # -- the wish -------------------------------------------------------------------------------------------

    def start(self, by: str) -> None:
        """Record from the last keyframe in the ring on, or from the next one to come."""
        if self.wanted:
            return
        self.wanted = True
        # What an earlier run holds is not recorded a second time, and what the ring still has of an
        # earlier session is not what is meant by "now".
        newest = self.ring.newest
        fresh = self.flowing and newest is not None and newest.view.start >= self._recorded_to
        self._from = newest.view.start if newest is not None and fresh else self.ring.end
        log.info("[RECORDING] %s: recording is wanted (%s)", self.settings.id, by)
        self._begin_run()
        with self._book_guard:
            self._gaps.note_held()
            self._gaps.wish_on()
        self.pump(self._host.clock.boot_ns())

    def stop(self, by: str, cause: Cause = Cause.STOPPED_BY_PERSON) -> None:
        """End the file at the last unit there is; no new one is begun. What came until now is still written."""
        if not self.wanted:
            return
        now = self._host.clock.boot_ns()
        self.pump(now)
        self.wanted = False
        self._recorded_to = self.ring.end
        run, self._active = self._active, None
        if run is not None:
            with self.guard:
                run.stop(self.ring.end)
        log.info("[RECORDING] %s: recording is no longer wanted (%s)", self.settings.id, by)
        with self._book_guard:
            self._gaps.wish_off(cause)
        self.pump(now)

    # -- the round ------------------------------------------------------------------------------------------

    def pump(self, now_ns: int) -> None:
        """Hand over what has come. Once per round, after the ring was filled."""
        if self.wanted:
            self._begin_run()
            with self._book_guard:
                self._gaps.note_held()
        for run in list(self._runs):
            with self.guard:
                run.pump(now_ns)
        if any(run.finished for run in self._runs):
            self._runs = [run for run in self._runs if not run.finished]
        with self._book_guard:
            self._judge()
            self._settle()

    @property
    def needed_from(self) -> int:
        """The oldest ring position that may still have to be written."""
        return min((run.needed_from for run in self._runs), default=self.ring.end)

    def evicted(self, gop: Gop) -> None:
        """The ring dropped ``gop``."""
        for run in list(self._runs):
            with self.guard:
                run.evicted(gop)

    def volume_failed(self, link: DiskLink, fault: str) -> None:
        """A volume that was in use cannot be used any more."""
        for run in list(self._runs):
            with self.guard:
                if run.volume_failed(link):
                    self._storage_trouble(link, _classify(fault, 0), f"cannot be used any more ({fault})")
                    self._fault = (fault, link.endpoint.name)

    # -- the stream -----------------------------------------------------------------------------------------

    def capture_back(self) -> None:
        """Frames come again."""
        self.flowing = True
        with self._book_guard:
            self._gaps.capture_back()

    def capture_lost(self, cause: Cause, evidence: str = "") -> None:
        """Frames no longer come, or still do not but for another cause; ``evidence`` is an event's id."""
        self.flowing = False
        with self._book_guard:
            self._gaps.capture_lost(cause, evidence)

    def stream_damaged(self) -> None:
        """The session noticed that something of the stream never came."""
        self._gaps.damaged()

    def camera_clock(self, offset_ns: int) -> None:
        """The camera's own clock is so far ahead of ours; 0: it agrees."""
        with self._book_guard:
            self._gaps.camera_clock(offset_ns)

    def host_clock_stepped(self, offset_ns: int) -> None:
        """The host's wall clock was stepped by ``offset_ns``."""
        with self._book_guard:
            self._gaps.host_clock_stepped(offset_ns)

    # -- by hand --------------------------------------------------------------------------------------------

    def split(self) -> bool:
        """Begin a new file at the next keyframe; False if nothing is being written."""
        run = self._active
        if run is None or run.writer is None:
            return False
        run.split("split")
        return True

    def restart_writer(self) -> bool:
        """Throw the writer away and write anew what is not durable; False if there is none."""
        run = self._active
        if run is None or run.writer is None:
            return False
        with self.guard:
            run.restart_writers()
            run.pump(self._host.clock.boot_ns())
        return True

    # -- what a run asks and tells (RunOwner) ---------------------------------------------------------------

    def choose_link(self) -> DiskLink | None:
        """The volume to write to now; one that keeps up, if there is one."""
        return self._choose(congested=False) or self._choose(congested=True)

    def _choose(self, congested: bool) -> DiskLink | None:
        host = self._host
        name = choose_volume(
            (
                Candidate(
                    name, link.endpoint.role, link.endpoint.order, link.state if link.usable else "unknown",
                    host.suspects.until(name),
                )
                for name, link in host.links.items()
                if congested or not link.congested
            ),
            BootNs(host.clock.boot_ns()),
        )  # fmt: skip
        return None if name is None else host.links[name]

    def next_generation(self) -> int:
        """A number higher than every one before."""
        self._generation += 1
        return self._generation - 1

    def opened(self, run: RecordingRun, writer: SegmentWriter) -> None:
        """A segment was begun."""
        self._segments += 1
        self._host.status_changed()
        log.info("[RECORDING] %s: writing to %s", self.settings.id, writer.link.endpoint.name)

    def durable(self, run: RecordingRun, writer: SegmentWriter, done: Sequence[SentFragment]) -> None:
        """Footage became durable."""
        if not done:
            return
        if self._newest is None:
            self._host.status_changed()
        self._newest = done[-1]
        for fragment in done:
            self._frames += fragment.frames
            self._recorded_ns += fragment.duration_ns
            self._bytes += fragment.size
        self._host.suspects.durable(writer.link.endpoint.name)
        if self._fault is not None:
            self._fault = None
            log.info("[RECORDING RETRY] %s: Recording resumed successfully!", self.settings.id)
        with self._book_guard:
            self._gaps.storage_back()

    def failed(self, run: RecordingRun, writer: SegmentWriter, fault: str, errno: int, text: str) -> None:
        """A writer failed; what was not durable is written again."""
        host, name = self._host, writer.link.endpoint.name
        self._fault = (fault, name)
        found = _classify(fault, errno)
        if found.restart is Restart.FAILOVER or found.priority is ErrorPriority.CRITICAL:
            until, now = host.suspects.until(name), BootNs(host.clock.boot_ns())
            # Sixteen cameras that meet the same failure have met one failure.
            if until is None or until <= now:
                host.suspects.failed(name, now)
        self._storage_trouble(writer.link, found, f"failed ({fault}): {text}")
        writer.link.probe()

    def closed(self, run: RecordingRun, writer: SegmentWriter) -> None:
        """A file is finished; its start in UTC may still become known better."""
        if not writer.clock_settled:
            self._unsettled = [*self._unsettled[-_MOST_UNSETTLED + 1 :], writer]

    def lost(self, run: RecordingRun, frames: int, start_utc_ns: int, end_utc_ns: int, cause: Cause | None) -> None:
        """Video units left the ring without having become durable."""
        self._frames_lost += frames
        why = cause or self._storage_cause()
        what = "given up" if cause else "lost, no volume took them"
        log.error("[RECORDING] %s: %d frames %s (%s)", self.settings.id, frames, what, why)
        with self._book_guard:
            self._gaps.lost(start_utc_ns, end_utc_ns, frames, why)

    # -- status ---------------------------------------------------------------------------------------------

    def info(self, now_ns: int) -> RecordingInfo:
        """What it looks like right now."""
        run = self._active
        writer = run.writer if run is not None else None
        newest = self._newest
        return RecordingInfo(
            wanted=self.wanted,
            state=self.state,
            reason=self.reason,
            volume=writer.link.endpoint.name if writer else "",
            file=writer.path if writer else "",
            segment=writer.id if writer else "",
            segments=self._segments,
            recorded_s=self._recorded_ns / NS_PER_S,
            bytes=self._bytes,
            durable_age_s=(now_ns - newest.arrival_ns) / NS_PER_S if newest else None,
            durable_utc=newest.end_utc_ns if newest else 0,
            frames=self._frames,
            frames_lost=self._frames_lost,
            pending_bytes=sum(run.pending_bytes for run in self._runs),
        )

    @property
    def idle(self) -> bool:
        """Everything that was to be kept is kept or booked as lost, and every file is closed."""
        return not self._runs

    @property
    def mistakes(self) -> int:
        """How often an exception of our own was kept in."""
        return self.guard.mistakes + self._book_guard.mistakes

    # -- inside ---------------------------------------------------------------------------------------------

    def _begin_run(self) -> None:
        if self._active is not None:
            return
        gop = next((gop for gop in self.ring.gops_from(self._from) if gop.view.start >= self._from), None)
        if gop is not None:
            self._active = RecordingRun(self, gop.view.start)
            self._runs.append(self._active)
            self._gaps.run_begins(gop.view.start)

    def _settle(self) -> None:
        """Say when finished files really began, once the camera's first report is there."""
        unit = self.ring.newest_unit
        if not self._unsettled or unit is None or unit.utc_source is not UtcSource.RTCP:
            return
        host = self._host
        for writer in self._unsettled:
            if writer.first.epoch == unit.epoch:
                start, error = start_by(unit, writer.first)
                host.journal(
                    SegmentClock(
                        **host.stamp(),
                        segment=writer.id,
                        start_utc=start,
                        utc_source=str(unit.utc_source),
                        utc_error=error,
                    )
                )
        self._unsettled.clear()

    def _mend(self) -> None:
        """After a mistake in a run: write anew what is not durable; if that does not help, go on without it."""
        reached = min((run.replay.watermark for run in self._runs), default=self.ring.end)
        again, self._mended_at = reached == self._mended_at, reached
        for run in list(self._runs):
            if not again:
                run.restart_writers()
                continue
            run.abandon(Cause.INTERNAL_ERROR)
            if run is self._active:
                self._active, self._from = None, self.ring.end
                self.capture_lost(Cause.INTERNAL_ERROR)
                self.flowing = True
            self._runs.remove(run)

    def _storage_trouble(self, link: DiskLink, found: Classification, text: str) -> None:
        level = logging.ERROR if found.priority is ErrorPriority.CRITICAL else logging.WARNING
        log.log(
            level, "[RECORDING] %s: writing to %s %s; %s",
            self.settings.id, link.endpoint.name, text, found.action.replace("_", " "),
        )  # fmt: skip
        log.info("[STREAMING] %s: streaming continues", self.settings.id)

    def _storage_cause(self) -> Cause:
        """Why no volume takes footage now."""
        if self._fault is not None:
            return cause_of_fault(self._fault[0])
        links = self._host.links.values()
        first = min(links, key=lambda link: (link.endpoint.role != "primary", link.endpoint.order), default=None)
        return _cause_of_state(first.state) if first else Cause.STORAGE_MISSING

    def _judge(self) -> None:
        """The state people see; one place, one event per change."""
        run = self._active
        if not self.wanted:
            state, reason = "stopped", ""
        elif self._gaps.waits_for is not None:
            state, reason = "waiting", str(self._gaps.waits_for)
        elif run is not None and run.writer is not None:
            state, reason = "recording", ""
        elif run is not None and run.replay.wants_writer(self.ring):
            state, reason = "waiting", str(self._storage_cause())
        else:
            state, reason = self.state if self.state != "stopped" else "waiting", self.reason
        if (state, reason) == (self.state, self.reason):
            return
        old, self.state, self.reason = self.state, state, reason
        host = self._host
        host.journal(
            RecordingStateChanged(
                **host.stamp(),
                camera=self.settings.id,
                old=old,
                state=state,
                reason=reason,
                volume=run.writer.link.endpoint.name if run is not None and run.writer else "",
            )
        )


def _classify(fault: str, errno: int) -> Classification:
    """By the kernel's number where there is one: it tells an exhausted process from a bad volume."""
    if errno:
        return classify_error(Failure(detail=ErrorDetail(errno=errno), part=Part.FILE))
    return classify_fault(fault)


def _cause_of_state(state: str) -> Cause:
    if state in _WRITABLE:
        # It is there and takes footage, only not as fast as it comes.
        return Cause.STORAGE_SLOW
    return cause_of_fault(state) if state in set(StorageFault) else Cause.STORAGE_MISSING
