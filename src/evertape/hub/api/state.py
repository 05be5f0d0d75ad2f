"""What a running service says about itself, as the API answers it: cameras, volumes, homecoming, processes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from pydantic import BaseModel, Field

from evertape.domain.account import Account
from evertape.domain.homecoming import NO_HOME, NO_ROOM
from evertape.domain.retention_terms import Terms
from evertape.domain.storage_label import trouble_of
from evertape.domain.volume_state import VolumeState
from evertape.engine.storage_service import facts_of
from evertape.engine.usage import Usage, forecast_of, label_with
from evertape.hub.api.times import Instant, optional_instant
from evertape.ipc.messages import CameraInfo, HomecomingNews, RecordingInfo, StreamInfo, VolumeInfo
from evertape.redact import redact


class StreamState(BaseModel):
    """One stream of a camera as it is right now."""

    stream: str = Field(description="`main` or `sub`.")
    state: str = Field(description="`connected` while pictures come; docs/design/cameras.md has the others.")
    reason: str = Field(description="Why; empty while all is well.")
    since: Instant | None = Field(description="Since when it is in this state.")
    attempt: int = Field(description="Which attempt to reach the camera this is.")
    retry_in_s: float | None = Field(description="Seconds until the next attempt.")
    codec: str = Field(description="`h264` or `h265`; empty: not known yet.")
    width: int
    height: int
    audio: str = Field(description="What sound there is; empty: none.")
    fps: float = Field(description="Pictures per second, over the last few seconds.")
    bitrate: float = Field(description="Bits per second, likewise.")
    gop_s: float = Field(description="Seconds between keyframes.")
    frames: int = Field(description="Pictures that came since the recorder was started.")
    ring_s: float = Field(description="Seconds that the memory reaches back.")
    ring_bytes: int
    viewers: int
    receiver: str = Field(description="Which code speaks with the camera.")

    @classmethod
    def of(cls, info: StreamInfo) -> StreamState:
        """From a recorder's news."""
        return cls(
            stream=info.stream,
            state=info.state,
            reason=redact(info.reason),
            since=optional_instant(info.since_utc),
            attempt=info.attempt,
            retry_in_s=info.retry_in_s,
            codec=info.codec,
            width=info.width,
            height=info.height,
            audio=info.audio,
            fps=round(info.fps, 2),
            bitrate=round(info.bitrate),
            gop_s=round(info.gop_s, 3),
            frames=info.units,
            ring_s=round(info.ring_s, 2),
            ring_bytes=info.ring_bytes,
            viewers=info.viewers,
            receiver=info.receiver,
        )


class RecordingState(BaseModel):
    """A camera's recording as it is right now."""

    wanted: bool = Field(description="Whether it is to be recorded now.")
    state: str = Field(description="`recording`, `off`, or what it waits for.")
    reason: str = Field(description="Why; empty while all is well.")
    volume: str = Field(description="The volume it records to; empty: none.")
    segment: str = Field(description="The segment that is being written; empty: none.")
    file: str = Field(description="Its file, relative to the volume.")
    segments: int = Field(description="Files begun since the recorder was started.")
    recorded_s: float = Field(description="Seconds made durable since then.")
    bytes: int
    frames: int = Field(description="Pictures made durable since then.")
    frames_lost: int
    pending_bytes: int = Field(description="In memory, and on no disk yet.")
    durable_until: Instant | None = Field(description="The last second that is safely on a disk.")
    durable_age_s: float | None = Field(description="How old that is, by this machine's clock.")
    attempt: int = Field(description="Of those to find a volume that takes footage; 0 while one does.")
    retry_max: int = Field(description="After so many a person is told; it goes on.")
    retry_in_s: float | None = Field(description="Seconds until the next attempt.")

    @classmethod
    def of(cls, info: RecordingInfo) -> RecordingState:
        """From a recorder's news."""
        age = info.durable_age_s
        return cls(
            wanted=info.wanted,
            state=info.state,
            reason=redact(info.reason),
            volume=info.volume,
            segment=info.segment,
            file=info.file,
            segments=info.segments,
            recorded_s=round(info.recorded_s, 3),
            bytes=info.bytes,
            frames=info.frames,
            frames_lost=info.frames_lost,
            pending_bytes=info.pending_bytes,
            durable_until=optional_instant(info.durable_utc),
            durable_age_s=None if age is None else round(age, 3),
            attempt=info.attempt,
            retry_max=info.retry_max,
            retry_in_s=info.retry_in_s,
        )


class Wish(BaseModel):
    """Who says whether a camera is to be recorded."""

    wanted: bool
    by: str = Field(description="`schedule`, `hand`, or `config`; empty: nobody has said anything.")
    until: Instant | None = Field(description="Until when it holds; null: for good.")
    schedule: str = Field(description="Its schedule as it is written in the configuration; `always`: none.")

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Wish:
        """From the supervisor's answer."""
        until = raw.get("until")
        return cls(
            wanted=bool(raw.get("wanted")),
            by=str(raw.get("by", "")),
            until=optional_instant(until),
            schedule=str(raw.get("schedule", "always")),
        )


class DayAccount(BaseModel):
    """The account of the last 24 hours. What a person or a schedule did not want counts neither way."""

    wanted_s: float = Field(description="For how many seconds there should have been footage.")
    recorded_s: float
    unexplained_s: float = Field(description="For how many seconds there is none, and nobody knows why.")
    recorded: float = Field(description="Recorded, as a share of `wanted_s`, 0 to 1.")
    accounted: float = Field(description="Recorded or explained, as a share of `wanted_s`, 0 to 1.")
    gaps: int
    missing_s: float
    worst_s: float = Field(description="The longest gap, in seconds.")
    worst: str | None = Field(description="Its cause.")

    @classmethod
    def of(cls, one: Account) -> DayAccount:
        """From an account."""
        return cls(
            wanted_s=round(one.wanted_s, 3),
            recorded_s=round(one.recorded_s, 3),
            unexplained_s=round(one.unexplained_s, 3),
            recorded=one.recorded,
            accounted=one.accounted,
            gaps=one.gaps,
            missing_s=round(one.missing_s, 3),
            worst_s=round(one.worst_s, 3),
            worst=None if one.worst is None else str(one.worst),
        )


class CameraState(BaseModel):
    """One camera as it is right now."""

    id: str
    name: str = Field(description="For people.")
    enabled: bool = Field(description="False: it is switched off, neither connected to nor recorded.")
    sub: bool = Field(description="It has a smaller stream, which is received only while somebody watches it.")
    streams: list[StreamState] = Field(description="Empty in the first moments after a start, or while it is disabled.")
    recording: RecordingState | None = Field(description="Null in the first moments after a start.")
    wish: Wish | None
    mistakes: int = Field(description="Exceptions of Evertape's own that were kept in; the log has them.")
    day: DayAccount | None = Field(description="Null: the index cannot be read now, or knows nothing of it yet.")


class VolumeStatus(BaseModel):
    """One volume as it is right now."""

    name: str
    id: str = Field(description="The UUID in its marker file; empty: it was never used.")
    role: str = Field(description="`primary`, `spill` or `retired`.")
    path: str = Field(description="Where it is now.")
    declared: str = Field(description="Where the configuration says it is, if that is somewhere else.")
    state: str = Field(description="docs/reference/storage.md has them all.")
    usable: bool
    reason: str
    since: Instant | None
    label: str = Field(description="What people read of it, like `USB Disconnected`, or how much is used.")
    label_reason: str = Field(description="Why, in one sentence; empty while all is well.")
    trouble: str | None = Field(
        examples=["usb_disconnected"], description="The label as a word for programs; null: there is nothing wrong."
    )
    free: int = Field(description="Bytes.")
    total: int = Field(description="Bytes.")
    used: int | None = Field(description="Bytes of finished footage on it; null: the index cannot be read now.")
    files: int | None
    bytes_per_hour: float = Field(description="Written over the last day.")
    days_left: float | None = Field(description="Until its oldest footage begins to go for want of space.")
    days_kept: float | None = Field(description="Days of footage that it can hold at this rate.")
    write_ms: float
    sync_ms: float = Field(description="Median of the latest rounds.")
    noticed_by: str = Field(description="What noticed the state: `kernel`, `probe`, `precheck`, `errno`, `deadline`.")
    reconciled: bool | None = Field(
        description="Nothing is stored twice and nothing waits to move; null: not known now."
    )

    @classmethod
    def of(
        cls, info: VolumeInfo, usage: Mapping[str, Usage], terms: Terms, homecoming: HomecomingNews | None
    ) -> VolumeStatus:
        """From a disk process's news, and the index."""
        label, held, trouble = label_with(info, usage), usage.get(info.volume_id), trouble_of(facts_of(info))
        lasts = forecast_of(info, usage, terms)
        tidy = [one.reconciled for one in homecoming.volumes if one.name == info.name] if homecoming else []
        return cls(
            name=info.name,
            id=info.volume_id,
            role=info.role,
            path=info.path,
            declared=info.declared,
            state=info.state,
            usable=cls.is_usable(info.state),
            reason=redact(info.reason),
            since=optional_instant(info.since_utc),
            label=label.text,
            label_reason=label.reason,
            trouble=None if trouble is None else trouble.code,
            free=info.free,
            total=info.total,
            used=None if held is None else held.bytes,
            files=None if held is None else held.files,
            bytes_per_hour=round(lasts.bytes_per_hour),
            days_left=None if lasts.days_left is None else round(lasts.days_left, 2),
            days_kept=None if lasts.days_kept is None else round(lasts.days_kept, 2),
            write_ms=round(info.write_ms, 2),
            sync_ms=round(info.sync_ms, 2),
            noticed_by=info.layer,
            reconciled=tidy[0] if tidy else None,
        )

    @staticmethod
    def is_usable(state: str) -> bool:
        """Whether footage can be recorded there; a word of a newer version says no."""
        try:
            return VolumeState(state).usable
        except ValueError:
            return False


class Homecoming(BaseModel):
    """How far footage has come home from where it was put while its own volume was away."""

    files_done: int
    files: int = Field(description="Those that have come and those to come.")
    bytes_done: int
    bytes: int
    rate: float = Field(description="Bytes per second at the moment.")
    waiting: str = Field(description="Why none is on its way though some should be.")
    waiting_for: str = Field(description="The same for programs: `volume` or `room`; or empty.")

    @classmethod
    def of(cls, news: HomecomingNews | None) -> Homecoming | None:
        """From the keeper's news."""
        if news is None:
            return None
        return cls(
            files_done=news.files_done,
            files=news.files,
            bytes_done=news.bytes_done,
            bytes=news.bytes,
            rate=news.rate,
            waiting=news.waiting,
            waiting_for={NO_HOME: "volume", NO_ROOM: "room"}.get(news.waiting, ""),
        )


class ProcessState(BaseModel):
    """One process of the service."""

    name: str
    pid: int | None
    generation: int = Field(description="How often it was replaced.")
    rss: int = Field(description="Bytes of memory.")
    cpu_s: float = Field(description="Seconds of processor time it has taken.")


class RingState(BaseModel):
    """The memory in which the newest footage is kept."""

    bytes: int
    budget: int


class ServiceState(BaseModel):
    """The whole state."""

    name: str = Field(description="What this recorder is called.")
    version: str
    now: Instant
    started: Instant
    timezone: str | None = Field(description="Of the place, like `Europe/Berlin`; null: the machine's own.")
    data: str = Field(description="The data directory.")
    cameras: list[CameraState]
    volumes: list[VolumeStatus]
    homecoming: Homecoming | None
    ring: RingState
    processes: list[ProcessState]


def parse_cameras(raw: Mapping[str, Any]) -> list[CameraInfo]:
    """The cameras that have reported, from the answer to ``status``."""
    return msgspec.convert(raw["cameras"], list[CameraInfo])


def parse_volumes(raw: Mapping[str, Any]) -> list[VolumeInfo]:
    """The volumes in use, likewise."""
    return msgspec.convert(raw["volumes"], list[VolumeInfo])


def parse_homecoming(raw: Mapping[str, Any]) -> HomecomingNews | None:
    """What the keeper said last, likewise; ``None``: nothing yet."""
    return msgspec.convert(raw["homecoming"], HomecomingNews) if raw.get("homecoming") else None
