"""Made-up journals: what a service would have written down, told in a few words. For tests and benches."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from evertape.clock import ManualClock
from evertape.ipc.events import (
    AnyEvent,
    EventStamp,
    GapClosed,
    GapOpened,
    ProcessDied,
    RecordWish,
    SegmentClosed,
    SegmentCut,
    SegmentDeleted,
    SegmentMissing,
    SegmentMoved,
    SegmentOpened,
    ServiceStarted,
    ServiceStopped,
    Supersedes,
)
from evertape.types import NS_PER_S

START = 1_767_225_600 * NS_PER_S
"""2026-01-01 00:00:00 UTC; the story's second 0."""
FPS = 25


def utc(second: float) -> int:
    """UTC nanoseconds of a second of the story."""
    return START + round(second * NS_PER_S)


@dataclass
class Told:
    """A segment of the story; seconds and sequence numbers."""

    id: str
    camera: str
    epoch: str
    generation: int
    volume: str
    start: float
    first: int
    supersedes: tuple[Supersedes, ...] = ()
    spill: bool = False

    @property
    def path(self) -> str:
        """Where it would lie."""
        return f"{self.camera}/20260101/{self.camera}_20260101_{int(self.start):06d}_{self.id[:6]}.mp4"


class Story:
    """Collects ``events`` in the order in which they happen.

    Args:
        service: the run of the service to begin with.
    """

    def __init__(self, service: str = "run-1") -> None:
        self.events: list[AnyEvent] = []
        self.service = service
        self._stamps: dict[tuple[str, str], EventStamp] = {}
        self._generation = 0

    def stamp(self, source: str, at: float) -> dict[str, Any]:
        """The common fields of an event of ``source`` at a second."""
        key = (source, self.service)
        if key not in self._stamps:
            self._stamps[key] = EventStamp(source, self.service, ManualClock())
        return {**self._stamps[key](), "at": utc(at), "boot": round(at * NS_PER_S)}

    def add(self, event: AnyEvent) -> AnyEvent:
        """Append an event."""
        self.events.append(event)
        return event

    # -- the service

    def started(self, at: float, service: str = "", boot: str = "boot-1") -> None:
        """The service comes up; from now on events belong to this run."""
        self.service = service or self.service
        self.add(ServiceStarted(**self.stamp("supervisor", at), version="1", host_boot=boot))

    def stopped(self, at: float) -> None:
        """It goes down on purpose."""
        self.add(ServiceStopped(**self.stamp("supervisor", at), reason="told"))

    def died(self, at: float, process: str = "recorder-0", how: str = "signal 9") -> None:
        """A child dies."""
        self.add(ProcessDied(**self.stamp("supervisor", at), process=process, pid=1, how=how))

    def wish(self, at: float, wanted: bool = True, camera: str = "door") -> None:
        """Somebody wants a camera recorded, or no longer."""
        self.add(RecordWish(**self.stamp("supervisor", at), camera=camera, wanted=wanted, by="test"))

    # -- footage

    def opened(
        self,
        start: float,
        *,
        camera: str = "door",
        epoch: str = "",
        first: int = 0,
        volume: str = "vol-1",
        supersedes: tuple[tuple[Told, int], ...] = (),
        at: float | None = None,
        spill: bool = False,
    ) -> Told:
        """A segment is begun, with footage from ``start`` on, ``at`` a later second if that was in memory till then."""
        told = Told(
            uuid.uuid4().hex, camera, epoch or uuid.uuid4().hex, self._generation, volume, start, first,
            tuple(Supersedes(segment=old.id, from_seq=seq) for old, seq in supersedes), spill,
        )  # fmt: skip
        self._generation += 1
        self.add(SegmentOpened(**self.stamp(f"disk-{volume}", start if at is None else at), **_about(told)))
        return told

    def closed(self, told: Told, end: float, *, last: int | None = None, reason: str = "rotate") -> SegmentClosed:
        """It is finished, ``last`` being its last unit; by default 25 a second since its start."""
        last = told.first + round((end - told.start) * FPS) - 1 if last is None else last
        length = round((end - told.start) * NS_PER_S)
        event = SegmentClosed(
            **self.stamp(f"disk-{told.volume}", end), **_about(told), last_video=last, end_utc=utc(end),
            duration=length, bytes=1000 * (last - told.first + 1), fragments=max(1, length // (NS_PER_S // 2)),
            reason=reason,
        )  # fmt: skip
        self.add(event)
        return event

    def segment(self, start: float, end: float, **about: Any) -> Told:
        """A whole one."""
        told = self.opened(start, **about)
        self.closed(told, end)
        return told

    def cut(self, told: Told, at: float, from_seq: int, by: Told) -> None:
        """Its superseded tail is cut off."""
        units = from_seq - told.first
        self.add(
            SegmentCut(
                **self.stamp(f"disk-{told.volume}", at), segment=told.id, volume=told.volume, path=told.path,
                from_seq=from_seq, last_video=from_seq - 1, end_utc=utc(told.start + units / FPS),
                duration=units * NS_PER_S // FPS, bytes=1000 * units, fragments=max(1, units * 2 // FPS), by=by.id,
            )
        )  # fmt: skip

    def moved(self, told: Told, at: float, volume: str) -> None:
        """It goes to another volume."""
        self.add(
            SegmentMoved(
                **self.stamp("keeper", at), segment=told.id, camera=told.camera, from_volume=told.volume,
                from_path=told.path, volume=volume, path=told.path, bytes=1, hash="",
            )
        )  # fmt: skip

    def missing(self, told: Told, at: float) -> None:
        """Its file is not there."""
        stamp = self.stamp(f"disk-{told.volume}", at)
        self.add(SegmentMissing(**stamp, segment=told.id, volume=told.volume, path=told.path))

    def deleted(self, told: Told, at: float, reason: str = "retention") -> None:
        """Its file is removed."""
        self.add(
            SegmentDeleted(
                **self.stamp(f"disk-{told.volume}", at), segment=told.id, camera=told.camera, volume=told.volume,
                path=told.path, bytes=1, reason=reason,
            )
        )  # fmt: skip

    # -- gaps

    def gap(
        self,
        start: float,
        end: float | None,
        cause: str,
        *,
        camera: str = "door",
        source: str = "recorder-0",
        frames: int | None = None,
    ) -> str:
        """A gap begins, and ends unless ``end`` is ``None``."""
        name = uuid.uuid4().hex
        about: dict[str, Any] = {"gap": name, "camera": camera, "cause": cause, "start_utc": utc(start)}
        self.add(GapOpened(**self.stamp(source, start), **about))
        if end is not None:
            self.add(GapClosed(**self.stamp(source, end), **about, end_utc=utc(end), frames_lost=frames))
        return name


def _about(told: Told) -> dict[str, Any]:
    return {
        "segment": told.id, "camera": told.camera, "volume": told.volume, "path": told.path, "epoch": told.epoch,
        "generation": told.generation, "first_video": told.first, "start_utc": utc(told.start),
        "utc_source": "arrival", "utc_error": 50_000_000, "codec": "h264", "width": 640, "height": 360,
        "supersedes": told.supersedes, "spill": told.spill,
    }  # fmt: skip
