"""One camera in a recorder: its streams, its ring, its recording.

Threads: the owner's loop only.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Protocol

from evertape.domain.camera_events import Changed, StreamStatus
from evertape.domain.cause import Cause
from evertape.domain.watchdog import PipelineWatchdog, WatchdogPolicy
from evertape.engine.guard import Guard
from evertape.engine.recording import RecordingBranch
from evertape.engine.recording_host import RecordingHost
from evertape.engine.storage_notice import StorageCallback
from evertape.engine.stream import StreamWorker
from evertape.ipc.events import CameraStateChanged, Notice
from evertape.ipc.messages import CameraInfo, CameraSettings
from evertape.media.capture import NoticeKind, StreamNotice, TranscoderFactory
from evertape.media.ring import Ring
from evertape.types import NS_PER_S, AccessUnit, DurationNs, Stream

log = logging.getLogger(__name__)

WatchKey = tuple[str, Stream]

# What a session has to be made anew for; all else is taken over as it is.
_COMMON_FIELDS = (
    "transport", "receiver", "latency_ns", "audio", "tls_verify", "keepalive_ns", "connect_timeout_ns",
)  # fmt: skip
SESSION_FIELDS = {
    Stream.MAIN: ("url", "user", "password", *_COMMON_FIELDS),
    Stream.SUB: ("sub_url", *_COMMON_FIELDS),
}
_COUNT_NS = 10 * NS_PER_S
_DAMAGE = frozenset((NoticeKind.PACKETS_LOST, NoticeKind.UNIT_DAMAGED, NoticeKind.RESYNC))
_COUNTED = _DAMAGE | {NoticeKind.PARAMETER_SETS_INVALID}


class CameraHost(RecordingHost, Protocol):
    """What a camera needs from the recorder it lives in."""

    watchdog: PipelineWatchdog[WatchKey]
    transcoder: TranscoderFactory | None

    def feed(self, camera: CameraWorker, stream: Stream) -> None:
        """The ring of this stream has grown, or its state changed: serve its viewers."""

    def feed_ends(self, camera: CameraWorker, stream: Stream) -> None:
        """There is no such stream any more: tell its viewers."""


class CameraWorker:
    """See the module.

    Args:
        settings: the camera.
        host: the recorder.
    """

    def __init__(self, settings: CameraSettings, host: CameraHost) -> None:
        self.settings = settings
        self._host = host
        self.guard = Guard(f"serving of {settings.id}")
        self.rings = {Stream.MAIN: Ring()}
        self.streams = {Stream.MAIN: self._make(Stream.MAIN)}
        self.recording = RecordingBranch(settings, self.rings[Stream.MAIN], host)
        self._loop = asyncio.get_running_loop()
        self._linger: asyncio.TimerHandle | None = None
        self._counts: dict[tuple[Stream, NoticeKind], int] = {}
        self._counted_at: dict[tuple[Stream, NoticeKind], int] = {}

    # -- control --------------------------------------------------------------------------------------------

    def start(self, record: bool) -> None:
        """Begin to stream, and to record if it is wished."""
        if record:
            with self.recording.guard:
                self.recording.start("the wish on record")
        self.streams[Stream.MAIN].start()

    def stop(self, cause: Cause) -> None:
        """End recording and streams; the files are finished by what is still pending."""
        with self.recording.guard:
            self.recording.stop("shutdown", cause)
            self.recording.forget()
        self._cancel_linger()
        for worker in self.streams.values():
            worker.stop(cause)

    def disconnect(self) -> None:
        """Let go of everything: recording ends and is told of storage no longer, the sessions are closed."""
        self.stop(Cause.STOPPED_BY_PERSON)

    def get_storage_error_callback(self) -> StorageCallback:
        """What to call with news of a volume on the owner's loop; the recorder's own service has it already."""
        return self.recording.storage_notice

    def update(self, settings: CameraSettings) -> None:
        """New settings; only what they concern is touched."""
        old, self.settings = self.settings, settings
        self.recording.settings = settings
        for stream, worker in list(self.streams.items()):
            if stream is Stream.SUB and not settings.sub_url:
                self._host.feed_ends(self, stream)
                self._drop_sub()
            elif any(getattr(old, name) != getattr(settings, name) for name in SESSION_FIELDS[stream]):
                worker.restart(settings)
            else:
                worker.update_policy(settings)

    def restart(self) -> None:
        """Throw the main session away and make another."""
        self.streams[Stream.MAIN].restart()

    # -- viewers --------------------------------------------------------------------------------------------

    def viewer_came(self, stream: Stream) -> bool:
        """Somebody watches this stream; False if the camera has no such stream."""
        if stream is Stream.SUB:
            if not self.settings.sub_url:
                return False
            self._cancel_linger()
            if stream not in self.streams:
                self.rings[stream] = Ring()
                self.streams[stream] = self._make(stream)
                self.streams[stream].start()
        self.streams[stream].viewers += 1
        return True

    def viewer_left(self, stream: Stream) -> None:
        """Somebody no longer does."""
        worker = self.streams.get(stream)
        if worker is None:
            return
        worker.viewers -= 1
        if stream is Stream.SUB and worker.viewers <= 0 and self._linger is None:
            # Kept for a while, because viewers change layouts.
            self._linger = self._loop.call_later(self.settings.sub_linger_ns / NS_PER_S, self._drop_sub)

    # -- the round ------------------------------------------------------------------------------------------

    def drain(self, now_ns: int) -> None:
        """Take in what has come and hand it on."""
        for stream, worker in list(self.streams.items()):
            frames = worker.drain(now_ns)
            with self.guard:
                if frames:
                    self._fed(worker, now_ns, frames)
                if frames or worker.viewers:
                    self._host.feed(self, stream)
        self.recording.pump(now_ns)

    @property
    def due_ns(self) -> int | None:
        """Boot-time clock: when ``drain`` is to be called at the latest; ``None``: whenever."""
        return min((due for worker in self.streams.values() if (due := worker.due_ns) is not None), default=None)

    @property
    def mistakes(self) -> int:
        """Exceptions of our own that were kept in."""
        return self.guard.mistakes + self.recording.mistakes + sum(w.guard.mistakes for w in self.streams.values())

    def info(self, now_ns: int) -> CameraInfo:
        """What it looks like right now."""
        return CameraInfo(
            id=self.settings.id,
            name=self.settings.name,
            streams=tuple(worker.info(now_ns) for worker in self.streams.values()),
            recording=self.recording.info(now_ns),
            mistakes=self.mistakes,
        )

    # -- what a stream tells (StreamOwner) ------------------------------------------------------------------

    def stream_changed(self, worker: StreamWorker, change: Changed) -> None:
        """Journal it, and set the watchdog on new sessions."""
        host, key = self._host, (self.settings.id, worker.stream)
        if change.status in (StreamStatus.CONNECTING, StreamStatus.RECONNECTING):
            policy = WatchdogPolicy(stall_timeout=DurationNs(worker.settings.stall_timeout_ns))
            host.watchdog.opened(key, host.clock.boot_ns(), policy)
        elif not change.status.in_session:
            host.watchdog.closed(key)
        state, trouble = worker.state, worker.trouble
        wait = None if state.retry_at is None else max(0.0, (state.retry_at - host.clock.boot_ns()) / NS_PER_S)
        detail = change.detail
        event = CameraStateChanged(
            **host.stamp(),
            camera=self.settings.id,
            stream=str(worker.stream),
            old=str(change.old),
            state=str(change.status),
            reason=str(change.reason) if change.reason else "",
            attempt=state.attempt,
            retry_in_s=wait,
            detail={
                name: value
                for name in ("element", "domain", "code", "errno", "rtsp_status", "debug")
                if detail is not None and (value := getattr(detail, name)) not in (None, "")
            }
            | (
                {}
                if trouble is None or detail is None
                else {
                    "priority": str(trouble.priority),
                    "action": str(trouble.action),
                    "restart": str(trouble.restart),
                }
            ),
        )
        host.journal(event)
        gone = not change.status.flowing and (change.old.flowing or not change.status.in_session)
        if worker.stream is Stream.MAIN and gone:
            self.recording.capture_lost(change.reason or Cause.UNKNOWN, event.id)
        host.status_changed()
        host.feed(self, worker.stream)

    def stream_began(self, worker: StreamWorker, first: AccessUnit) -> None:
        """Frames come again."""
        if worker.stream is Stream.MAIN:
            self.recording.capture_back()

    def stream_noticed(self, worker: StreamWorker, notice: StreamNotice) -> None:
        """Worth a line."""
        if worker.stream is Stream.MAIN and notice.kind in _DAMAGE:
            self.recording.stream_damaged()
        if worker.stream is Stream.MAIN and notice.kind is NoticeKind.CAMERA_CLOCK_OFFSET:
            self.recording.camera_clock(notice.value)
        key, now = (worker.stream, notice.kind), self._host.clock.boot_ns()
        if notice.kind in _COUNTED:
            # A bad network says so ten times a second; the journal hears of it every ten seconds, with the sum.
            self._counts[key] = self._counts.get(key, 0) + notice.value
            if now - self._counted_at.get(key, -_COUNT_NS) < _COUNT_NS:
                return
            self._counted_at[key] = now
            notice = replace(notice, value=self._counts.pop(key))
        level = logging.WARNING if notice.kind is NoticeKind.AUDIO_FAILED else logging.INFO
        log.log(level, "[STREAMING] %s: %s %s %s", self.settings.id, notice.kind, notice.value or "", notice.text)
        host = self._host
        host.journal(
            Notice(
                **host.stamp(),
                camera=self.settings.id,
                text=str(notice.kind),
                detail={"stream": str(worker.stream), "value": notice.value, "text": notice.text},
            )
        )

    def stream_drained(self, worker: StreamWorker, now_ns: int) -> None:
        """Units were taken in outside the regular round."""
        with self.guard:
            self._fed(worker, now_ns, 1)
            self._host.feed(self, worker.stream)
        if worker.stream is Stream.MAIN:
            self.recording.pump(now_ns)

    # -- inside ---------------------------------------------------------------------------------------------

    def _make(self, stream: Stream) -> StreamWorker:
        host = self._host
        return StreamWorker(self.settings, stream, self.rings[stream], self, host.clock, host.transcoder)

    def _fed(self, worker: StreamWorker, now_ns: int, frames: int) -> None:
        newest = worker.ring.newest
        unit = worker.ring.newest_unit
        if newest is None or unit is None:
            return
        fresh = worker.watch_key != newest.view.start
        worker.watch_key = newest.view.start
        self._host.watchdog.feed(
            (self.settings.id, worker.stream), self._host.clock.boot_ns(), frames, key=fresh, pts_ns=unit.pts_ns
        )

    def _cancel_linger(self) -> None:
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None

    def _drop_sub(self) -> None:
        self._cancel_linger()
        worker = self.streams.pop(Stream.SUB, None)
        self.rings.pop(Stream.SUB, None)
        if worker is not None:
            worker.stop(Cause.STOPPED_BY_PERSON)


CameraStream = CameraWorker
"""The name this had in the recorder Evertape grew out of."""
