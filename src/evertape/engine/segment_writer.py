"""One segment being written: units in, fragments out to a volume. Thrown away, never repaired.

Threads: the owner's loop only.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from evertape.domain.gaps import CLOCK_TOLERANCE
from evertape.domain.replay import OpenWriter
from evertape.engine.disk_link import DiskLink
from evertape.ipc.events import Supersedes as SupersedesRecord
from evertape.ipc.messages import Append, CameraSettings, CloseSegment, OpenSegment
from evertape.media.ring import Gop
from evertape.mp4.cutter import Cut, FragmentCutter
from evertape.mp4.model import FragmentInfo, SegmentHeader, Supersedes
from evertape.mp4.writer import FragmentWriter
from evertape.types import AccessUnit, CameraId, SegmentId, StreamCaps, Track, UtcSource

# A camera's crystal and ours may differ by so much; what is extrapolated gets worse with the distance.
_DRIFT_PPM = 200


@dataclass(frozen=True, slots=True)
class SentFragment:
    """What was handed over and is not durable yet.

    Args:
        end: ring position behind its last unit.
        arrival_ns: boot-time clock when its last unit arrived.
        end_utc_ns: UTC at which its last picture ends.
        frames: video units in it.
        duration_ns: media time of its video.
        size: bytes.
    """

    end: int
    arrival_ns: int
    end_utc_ns: int
    frames: int
    duration_ns: int
    size: int


class SegmentOwner(Protocol):
    """Who is told of a segment's fate."""

    def segment_accepted(self, writer: SegmentWriter) -> None:
        """Its file exists."""

    def segment_durable(self, writer: SegmentWriter, fragments: int, done: Sequence[SentFragment]) -> None:
        """The first ``fragments`` fragments are durable; ``done`` are those that were not yet known to be."""

    def segment_failed(self, writer: SegmentWriter, fault: str, errno: int, text: str) -> None:
        """It is over; what was not durable has to be written again."""

    def segment_closed(self, writer: SegmentWriter) -> None:
        """The file is finished."""


class SegmentWriter:
    """See the module.

    Args:
        camera: whose footage.
        plan: what the replay protocol decided.
        gop: the GOP it begins with.
        link: the volume.
        owner: who is told.
    """

    def __init__(self, camera: CameraSettings, plan: OpenWriter, gop: Gop, link: DiskLink, owner: SegmentOwner) -> None:
        first = gop.units[0]
        audio = next((unit for unit in gop.units if unit.track is Track.AUDIO), None)
        self.id: SegmentId = plan.segment
        self.link = link
        self.path = ""
        self.fed = plan.start
        """Ring position of the next unit it is to be fed."""
        self.sent = 0
        """Fragments handed over."""
        self.first = first
        self.last_video = first
        self.start_utc_ns, self.utc_source, self.utc_error_ns = first.utc_ns, first.utc_source, first.utc_error_ns
        self.size = 0
        self._owner = owner
        self._clock_final = first.utc_source is UtcSource.RTCP
        self._end = plan.start
        self._pending: deque[SentFragment] = deque()
        self._durable = 0
        self._frame_ns = 40_000_000
        self._cutter = FragmentCutter(camera.fragment_ns)
        header = SegmentHeader(
            segment_id=plan.segment,
            camera_id=CameraId(camera.id),
            camera_name=camera.name,
            epoch=first.epoch,
            caps_id=first.caps_id,
            first_video_seq=first.seq,
            first_audio_seq=audio.seq if audio else None,
            base_dts_ns=first.dts_ns,
            start_utc_ns=first.utc_ns,
            start_utc_source=first.utc_source,
            start_utc_error_ns=first.utc_error_ns,
            start_boot_ns=first.arrival_ns,
            generation=plan.generation,
            supersedes=tuple(Supersedes(s.segment, s.from_seq) for s in plan.supersedes),
        )
        self._muxer = FragmentWriter(header, gop.caps)
        init = self._muxer.init_segment()
        self.size = len(init)
        self._handle = link.open(self, lambda handle: _open_message(handle, camera, header, gop.caps), init)

    # -- writing --------------------------------------------------------------------------------------------

    def feed(self, units: Sequence[AccessUnit]) -> list[int]:
        """Take the units at ``fed``; returns the ring position behind each fragment that left."""
        ends = []
        for unit in units:
            if unit.track is Track.VIDEO:
                if unit.seq > self.first.seq and unit.dts_ns > self.last_video.dts_ns:
                    self._frame_ns = unit.dts_ns - self.last_video.dts_ns
                self.last_video = unit
                if not self._clock_final:
                    self._better_clock(unit)
        for cut in self._cutter.push(units):
            ends.append(self._send(cut))
        self.fed += len(units)
        return ends

    def flush(self, next_unit: AccessUnit | None = None) -> list[int]:
        """Send what waits in a fragment of its own; returns as ``feed``.

        ``next_unit`` is the unit that follows, if known: it gives the last sample its exact duration.
        """
        cut = self._cutter.flush()
        if cut is None:
            return []
        if next_unit is not None and next_unit.epoch == self.first.epoch:
            cut = Cut(cut.units, {next_unit.track: next_unit.dts_ns})
        return [self._send(cut)]

    @property
    def flush_at_ns(self) -> int | None:
        """Boot-time clock at which ``flush`` is due though no unit came; ``None`` if nothing waits."""
        return self._cutter.deadline_ns

    def close(self, reason: str, *, superseded: bool = False) -> None:
        """Finish the file; everything must have been flushed, unless it is ``superseded`` anyway."""
        self.link.close(
            CloseSegment(
                writer=self._handle,
                reason=reason,
                start_utc=self.start_utc_ns,
                end_utc=self.end_utc_ns,
                utc_source=str(self.utc_source),
                utc_error=self.utc_error_ns,
                superseded=superseded,
            )
        )

    def drop(self) -> None:
        """Forget the file; its volume's process finishes it if it can, with what it has written."""
        self.close("failover", superseded=True)
        self.link.forget(self._handle)

    @property
    def end_utc_ns(self) -> int:
        """UTC at which the last picture fed so far ends.

        By that picture's own UTC: the camera's crystal and ours differ, by 120 ms in ten minutes at 200 ppm. Unless
        the wall clock was set meanwhile: a file is never negative, nor an hour longer than what is in it.
        """
        by_media = self.start_utc_ns + self.media_ns
        by_picture = self.last_video.utc_ns + self._frame_ns
        return by_picture if abs(by_picture - by_media) < CLOCK_TOLERANCE else by_media

    @property
    def media_ns(self) -> int:
        """Media time from the first picture to the end of the last one fed so far."""
        return self.last_video.pts_ns - self.first.pts_ns + self._frame_ns

    @property
    def clock_settled(self) -> bool:
        """The start in UTC comes from the camera's own reports, or as near as it can come."""
        return self._clock_final

    @property
    def unacknowledged(self) -> int:
        """Bytes handed over and not durable yet."""
        return sum(fragment.size for fragment in self._pending)

    # -- answers of the disk process (WriterOwner) ----------------------------------------------------------

    def writer_opened(self, handle: int, path: str) -> None:
        """Pass it on."""
        self.path = path
        self._owner.segment_accepted(self)

    def writer_durable(self, handle: int, fragments: int) -> None:
        """Pass it on, with what became durable by it."""
        done = []
        while self._durable < fragments and self._pending:
            done.append(self._pending.popleft())
            self._durable += 1
        self._owner.segment_durable(self, fragments, done)

    def writer_closed(self, handle: int, path: str, size: int) -> None:
        """Pass it on."""
        self.path, self.size = path, size
        self._owner.segment_closed(self)

    def writer_failed(self, handle: int, fault: str, errno: int, text: str) -> None:
        """Pass it on."""
        self._owner.segment_failed(self, fault, errno, text)

    # -- inside ---------------------------------------------------------------------------------------------

    def _send(self, cut: Cut) -> int:
        info, buffers = self._muxer.fragment(cut.units, cut.next_dts_ns)
        video = [unit for unit in cut.units if unit.track is Track.VIDEO]
        self._end += len(cut.units)
        duration = info.dts_end_ns - info.dts_start_ns if video else 0
        end_utc = info.start_utc_ns + info.dts_end_ns - info.dts_start_ns
        self._pending.append(
            SentFragment(self._end, cut.units[-1].arrival_ns, end_utc, len(video), duration, info.size)
        )
        self.size += info.size
        self.sent += 1
        self.link.append(_append_message(self._handle, info, self.first.dts_ns, end_utc), buffers)
        return self._end

    def _better_clock(self, unit: AccessUnit) -> None:
        start, error = start_by(unit, self.first)
        rtcp = unit.utc_source is UtcSource.RTCP
        if rtcp or error < self.utc_error_ns:
            self.start_utc_ns = start
            self.utc_source, self.utc_error_ns = unit.utc_source, error
            self._clock_final = rtcp


def start_by(unit: AccessUnit, first: AccessUnit) -> tuple[int, int]:
    """UTC of ``first``, extrapolated back from a later unit of its epoch whose UTC is known better, and its error."""
    since = unit.pts_ns - first.pts_ns
    return unit.utc_ns - since, unit.utc_error_ns + abs(since) * _DRIFT_PPM // 1_000_000


def _open_message(handle: int, camera: CameraSettings, header: SegmentHeader, caps: StreamCaps) -> OpenSegment:
    return OpenSegment(
        writer=handle,
        camera=camera.id,
        segment=header.segment_id,
        epoch=header.epoch,
        generation=header.generation,
        first_video=header.first_video_seq,
        first_audio=header.first_audio_seq,
        start_utc=header.start_utc_ns,
        utc_source=str(header.start_utc_source),
        utc_error=header.start_utc_error_ns,
        codec=str(caps.video.codec),
        width=caps.video.width,
        height=caps.video.height,
        audio=str(caps.audio.codec) if caps.audio else "",
        audio_rate=caps.audio.rate if caps.audio else 0,
        file_time=camera.file_time,
        supersedes=tuple(SupersedesRecord(segment=s.segment_id, from_seq=s.from_video_seq) for s in header.supersedes),
    )


def _append_message(handle: int, info: FragmentInfo, base_dts: int, end_utc: int) -> Append:
    return Append(
        writer=handle,
        index=info.index,
        key=info.key,
        first_video=info.video.first if info.video else None,
        last_video=info.video.last if info.video else None,
        first_audio=info.audio.first if info.audio else None,
        last_audio=info.audio.last if info.audio else None,
        start_utc=info.start_utc_ns,
        end_utc=end_utc,
        utc_source=str(info.utc_source),
        utc_error=info.utc_error_ns,
        dts_start=info.dts_start_ns - base_dts,
        dts_end=info.dts_end_ns - base_dts,
    )
