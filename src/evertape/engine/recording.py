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
from evertape.domain.gaps import GapBegan, GapRecord, GapTracker
from evertape.domain.volumes import Candidate, Suspects, choose_volume
from evertape.engine.disk_link import DiskLink
from evertape.engine.recording_run import RecordingRun
from evertape.engine.segment_writer import SegmentWriter, SentFragment
from evertape.ipc.events import AnyEvent, EventStamp, GapClosed, GapOpened, RecordingStateChanged
from evertape.ipc.messages import CameraSettings, RecordingInfo
from evertape.media.ring import Gop, Ring
from evertape.types import NS_PER_S, AccessUnit, BootNs, Track, UtcNs

log = logging.getLogger(__name__)


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
        self._gaps = GapTracker()
        self._gap_prefix = host.stamp()["id"]
        self._generation = 0
        self._held_to = ring.end
        self._recorded_to = 0
        self._from = 0
        self._active: RecordingRun | None = None
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
        self._note_held()
        self._gap_records(self._gaps.wish_on(UtcNs(self._host.clock.utc_ns())))
        self.pump(self._host.clock.boot_ns())

    def stop(self, by: str, cause: Cause = Cause.STOPPED_BY_PERSON) -> None:
        """End the file at the last unit there is; nothing pending is tried any more."""
        if not self.wanted:
            return
        now = self._host.clock.boot_ns()
        self.pump(now)
        self.wanted = False
        self._recorded_to = self.ring.end
        if self._active is not None:
            self._active.stop(self.ring.end)
            self._active = None
        log.info("[RECORDING] %s: recording is no longer wanted (%s)", self.settings.id, by)
        self._gap_records(self._gaps.wish_off(UtcNs(self._host.clock.utc_ns()), cause))
        self.pump(now)

    # -- the round ------------------------------------------------------------------------------------------

    def pump(self, now_ns: int) -> None:
        """Hand over what has come. Once per round, after the ring was filled."""
        if self.wanted:
            self._begin_run()
            self._note_held()
        for run in self._runs:
            run.pump(now_ns)
        if self._runs and self._runs[0].finished:
            self._runs = [run for run in self._runs if not run.finished]
        self._judge()

    @property
    def needed_from(self) -> int:
        """The oldest ring position that may still have to be written."""
        return min((run.needed_from for run in self._runs), default=self.ring.end)

    def evicted(self, gop: Gop) -> None:
        """The ring dropped ``gop``."""
        for run in self._runs:
            run.evicted(gop)

    def capture_lost(self, cause: Cause) -> None:
        """Frames no longer come."""
        self._note_held()
        self.flowing = False
        self._gap_records(self._gaps.capture_lost(UtcNs(self._host.clock.utc_ns()), cause))

    def volume_failed(self, link: DiskLink, fault: str) -> None:
        """A volume that was in use cannot be used any more."""
        for run in self._runs:
            if run.volume_failed(link):
                self._fault = (fault, link.endpoint.name)
                log.warning("[RECORDING] %s: writing to %s ended (%s)", self.settings.id, link.endpoint.name, fault)
                log.info("[STREAMING] %s: streaming continues", self.settings.id)

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
        run.restart_writer()
        run.pump(self._host.clock.boot_ns())
        return True

    # -- what a run asks and tells (RunOwner) ---------------------------------------------------------------

    def choose_link(self) -> DiskLink | None:
        """The volume to write to now."""
        host = self._host
        name = choose_volume(
            (
                Candidate(
                    name, link.endpoint.role, link.endpoint.order, link.state if link.usable else "unknown",
                    host.suspects.until(name),
                )
                for name, link in host.links.items()
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
        self._newest = done[-1]
        for fragment in done:
            self._frames += fragment.frames
            self._recorded_ns += fragment.duration_ns
            self._bytes += fragment.size
        self._host.suspects.durable(writer.link.endpoint.name)
        if self._fault is not None:
            self._fault = None
            log.info("[RECORDING RETRY] %s: Recording resumed successfully!", self.settings.id)
        self._gap_records(self._gaps.storage_back())

    def failed(self, run: RecordingRun, writer: SegmentWriter, fault: str, errno: int, text: str) -> None:
        """A writer failed; what was not durable is written again."""
        host, name = self._host, writer.link.endpoint.name
        self._fault = (fault, name)
        host.suspects.failed(name, BootNs(host.clock.boot_ns()))
        log.warning("[RECORDING] %s: writing to %s failed (%s): %s", self.settings.id, name, fault, text)
        log.info("[STREAMING] %s: streaming continues", self.settings.id)
        writer.link.probe()

    def lost(self, run: RecordingRun, frames: int, start_utc_ns: int, end_utc_ns: int) -> None:
        """Video units left the ring without having become durable."""
        self._frames_lost += frames
        cause = cause_of_fault(self._fault[0]) if self._fault else self._storage_cause()
        log.error("[RECORDING] %s: %d frames lost, no volume took them (%s)", self.settings.id, frames, cause)
        self._gap_records(self._gaps.lost(UtcNs(start_utc_ns), UtcNs(end_utc_ns), frames, cause))

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

    # -- inside ---------------------------------------------------------------------------------------------

    def _begin_run(self) -> None:
        if self._active is not None:
            return
        gop = next((gop for gop in self.ring.gops_from(self._from) if gop.view.start >= self._from), None)
        if gop is not None:
            self._active = RecordingRun(self, gop.view.start)
            self._runs.append(self._active)
            self._held_to = gop.view.start

    def _note_held(self) -> None:
        """Tell the gaps of every unit that came since the last round."""
        end = self.ring.end
        if self._active is None or self._held_to >= end:
            return
        for gop in self.ring.gops_from(self._held_to):
            offset = max(0, self._held_to - gop.view.start)
            video = [unit for unit in gop.units[offset:] if unit.track is Track.VIDEO]
            if video:
                self._gap_records(self._gaps.held(UtcNs(_first_utc(video)), UtcNs(_end_utc(video, gop))))
        self._held_to = end

    def _gap_records(self, records: list[GapRecord]) -> None:
        host = self._host
        for record in records:
            gap = f"{self._gap_prefix}-{record.number}"
            if isinstance(record, GapBegan):
                host.journal(
                    GapOpened(
                        **host.stamp(),
                        gap=gap,
                        camera=self.settings.id,
                        cause=str(record.cause),
                        start_utc=record.start_utc,
                        evidence=record.evidence,
                    )
                )
            else:
                host.journal(
                    GapClosed(
                        **host.stamp(),
                        gap=gap,
                        camera=self.settings.id,
                        cause=str(record.cause),
                        start_utc=record.start_utc,
                        end_utc=record.end_utc,
                        frames_lost=record.frames_lost,
                    )
                )

    def _storage_cause(self) -> Cause:
        states = [link.state for link in self._host.links.values()]
        return cause_of_fault(states[0]) if states else Cause.STORAGE_MISSING

    def _judge(self) -> None:
        """The state people see; one place, one event per change."""
        run = self._active
        if not self.wanted:
            state, reason = "stopped", ""
        elif run is not None and run.writer is not None and self._gaps.head is None:
            state, reason = "recording", ""
        elif self._gaps.head is not None:
            state, reason = "waiting", str(self._gaps.head.cause)
        elif run is not None and run.replay.wants_writer(self.ring):
            state, reason = "waiting", str(cause_of_fault(self._fault[0]) if self._fault else self._storage_cause())
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


def _first_utc(video: Sequence[AccessUnit]) -> int:
    return min(unit.utc_ns for unit in video)


def _end_utc(video: Sequence[AccessUnit], gop: Gop) -> int:
    units = [unit for unit in gop.units if unit.track is Track.VIDEO]
    frame = units[-1].dts_ns - units[-2].dts_ns if len(units) > 1 else 0
    return max(unit.utc_ns for unit in video) + frame
