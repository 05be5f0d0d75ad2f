"""Looking at a camera's stream for a few seconds before anything is saved: what it says, and what it really sends."""

from __future__ import annotations

import select
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from evertape.clock import Clock, SystemClock
from evertape.domain.failure import ErrorDetail, FailureKind
from evertape.domain.utc import MAX_DISAGREEMENT_NS
from evertape.errors import EvertapeError
from evertape.media.capture import (
    Backend,
    CapsChanged,
    CaptureRequest,
    CaptureSession,
    ClockReport,
    SessionFailed,
    SessionOpened,
    StreamNotice,
    TranscoderFactory,
    Transport,
    open_session,
)
from evertape.media.transcode import default_transcoder
from evertape.types import NS_PER_MS, NS_PER_S, AccessUnit, AudioCaps, Codec, Track, UtcSource, VideoCaps

PROBE_NS = 5 * NS_PER_S
"""Long enough for two keyframes and a sender report of nearly every camera."""

_HANDSHAKE_NS = 20 * NS_PER_S
_POLL_NS = 20 * NS_PER_MS
_HINTS = {
    FailureKind.UNREACHABLE: "check the host name and the network",
    FailureKind.REFUSED: "check the port; is RTSP switched on in the camera?",
    FailureKind.TIMEOUT: "check the address and the port; a firewall may be in between",
    FailureKind.AUTH_FAILED: "check user and password; do not try too often, cameras lock accounts",
    FailureKind.NOT_FOUND: "check the path of the URL in the camera's manual",
    FailureKind.CODEC_UNSUPPORTED: "set the stream to H.264 or H.265 in the camera",
    FailureKind.NO_MEDIA: "try the other transport (tcp or udp)",
    FailureKind.IN_USE: "--anyway opens another session with it",
    FailureKind.TLS: "check that the port speaks rtsps, and the certificate",
}
# ITU-T H.264 A.2 (profile_idc) and H.265 A.3 (general_profile_idc).
_H264_PROFILES = {66: "Baseline", 77: "Main", 88: "Extended", 100: "High", 110: "High 10", 122: "High 4:2:2"}
_H265_PROFILES = {1: "Main", 2: "Main 10", 3: "Main Still Picture", 4: "Range Extensions"}


class ProbeFailedError(EvertapeError):
    """The camera could not be looked at; ``kind`` and ``detail`` say why, ``hint`` what to check."""

    def __init__(self, kind: FailureKind, detail: ErrorDetail) -> None:
        self.kind = kind
        self.detail = detail
        hint = _HINTS[FailureKind.NO_MEDIA] if detail.rtsp_status == 461 else _HINTS.get(kind, "")
        super().__init__(detail.debug or kind.value.replace("_", " "), hint=hint)


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """What a camera sends, measured where that is possible.

    Args:
        video: codec, parameter sets, size.
        profile: with level, as people write it (``High 4.0``).
        fps: measured pictures per second, the median; ``None`` from fewer than two pictures.
        gop: pictures from keyframe to keyframe; ``None`` if there was only one keyframe.
        gop_ns: the same as a duration.
        b_frames: pictures are sent in another order than they are shown.
        bit_rate: of the video, bits per second; ``None`` from fewer than two pictures.
        audio: of the units that would be recorded, or ``None``.
        audio_source: what the camera sends (``pcmu 8000 Hz 1 ch``), or ``None``.
        clock_source: where the UTC of recordings would come from.
        clock_offset_ns: the camera's wall clock minus ours; ``None`` if it did not say.
        server: what the camera calls itself, or "".
        transport: how RTP came.
        auth: see ``SessionOpened.auth``.
        encrypted: RTSP went through TLS.
        verified: the certificate was checked.
        backend: who received.
        notices: what was unusual.
        first_frame_ns: from starting to connect to the first picture.
    """

    video: VideoCaps
    profile: str
    fps: float | None
    gop: int | None
    gop_ns: int | None
    b_frames: bool
    bit_rate: int | None
    audio: AudioCaps | None
    audio_source: str | None
    clock_source: UtcSource
    clock_offset_ns: int | None
    server: str
    transport: Transport
    auth: str
    encrypted: bool
    verified: bool
    backend: Backend
    notices: tuple[StreamNotice, ...]
    first_frame_ns: int


def probe_stream(
    request: CaptureRequest,
    duration_ns: int = PROBE_NS,
    *,
    clock: Clock | None = None,
    transcoder: TranscoderFactory = default_transcoder,
) -> ProbeReport:
    """Open a session, watch it until two keyframes and the camera's clock were seen, and close it. Blocks.

    Args:
        request: what to look at.
        duration_ns: at most so long after the first picture.
        clock: the machine's, if not given.
        transcoder: for G.711.

    Raises:
        ProbeFailedError: the session failed, or no picture came.
    """
    clock = clock or SystemClock()
    with closing(open_session(request, clock, transcoder)) as session:
        look = _Look(session, clock)
        session.start()
        while not look.enough(duration_ns):
            look.round()
    return look.report()


class _Look:
    """What was seen so far."""

    def __init__(self, session: CaptureSession, clock: Clock) -> None:
        self._session = session
        self._clock = clock
        self._begun_ns = clock.boot_ns()
        self._first_ns: int | None = None
        self._opened: SessionOpened | None = None
        self._caps: CapsChanged | None = None
        self._clock_report: ClockReport | None = None
        self._notices: list[StreamNotice] = []
        self._video: list[AccessUnit] = []

    def enough(self, duration_ns: int) -> bool:
        now = self._clock.boot_ns()
        if self._first_ns is None:
            if now - self._begun_ns > _HANDSHAKE_NS:
                raise ProbeFailedError(FailureKind.NO_MEDIA, ErrorDetail("probe", debug="no picture came"))
            return False
        keyframes = sum(unit.key for unit in self._video)
        return now - self._first_ns >= duration_ns or (keyframes > 1 and self._clock_report is not None)

    def round(self) -> None:
        self._wait()
        units = [unit for unit in self._session.drain() if unit.track is Track.VIDEO]
        self._video += units
        if units and self._first_ns is None:
            self._first_ns = self._clock.boot_ns()
        for event in self._session.events():
            match event:
                case SessionFailed(kind, detail):
                    raise ProbeFailedError(kind, detail)
                case SessionOpened():
                    self._opened = event
                case CapsChanged():
                    self._caps = event
                case ClockReport(track=Track.VIDEO):
                    self._clock_report = event
                case StreamNotice():
                    self._notices.append(event)
                case _:
                    pass

    def _wait(self) -> None:
        fileno = self._session.fileno()
        if fileno is None:
            time.sleep(_POLL_NS / NS_PER_S)
        else:
            select.select([fileno], [], [], _POLL_NS / NS_PER_S)

    def report(self) -> ProbeReport:
        opened, caps = self._opened, self._caps
        if opened is None or caps is None or self._first_ns is None:
            raise ProbeFailedError(FailureKind.INTERNAL, ErrorDetail("probe", debug="pictures came before their caps"))
        gop, gop_ns = _gop(self._video)
        fps, bit_rate = _rates(self._video)
        return ProbeReport(
            video=caps.caps.video,
            profile=profile_name(caps.caps.video),
            fps=fps,
            gop=gop,
            gop_ns=gop_ns,
            b_frames=any(later.pts_ns < earlier.pts_ns for earlier, later in pairwise(self._video)),
            bit_rate=bit_rate,
            audio=caps.caps.audio,
            audio_source=opened.audio,
            clock_source=_clock_source(self._video[-1], self._clock_report),
            clock_offset_ns=self._clock_report.offset_ns if self._clock_report is not None else None,
            server=opened.server,
            transport=opened.transport,
            auth=opened.auth,
            encrypted=opened.encrypted,
            verified=opened.verified,
            backend=opened.backend,
            notices=tuple(self._notices),
            first_frame_ns=self._first_ns - self._begun_ns,
        )


def _gop(video: Sequence[AccessUnit]) -> tuple[int | None, int | None]:
    keys = [unit for unit in video if unit.key]
    if len(keys) < 2:
        return None, None
    return keys[-1].seq - keys[-2].seq, keys[-1].pts_ns - keys[-2].pts_ns


def _rates(video: Sequence[AccessUnit]) -> tuple[float | None, int | None]:
    """Pictures and bits per second. The median, because in a few seconds one hiccup of the network weighs a lot."""
    if len(video) < 2:
        return None, None
    span_ns = video[-1].dts_ns - video[0].dts_ns
    size = sum(unit.size for unit in video[:-1])  # the last picture's own duration is not known
    step_ns = median(later.dts_ns - earlier.dts_ns for earlier, later in pairwise(video))
    return round(NS_PER_S / step_ns, 2), size * 8 * NS_PER_S // span_ns


def _clock_source(last: AccessUnit, report: ClockReport | None) -> UtcSource:
    offset_ns = report.offset_ns if report is not None else None
    if offset_ns is not None and abs(offset_ns) <= MAX_DISAGREEMENT_NS:
        return UtcSource.RTCP  # even if it came after the last picture
    return last.utc_source


def profile_name(video: VideoCaps) -> str:
    """Profile and level out of the decoder configuration, as people write them (``High 4.0``)."""
    config = video.config
    if video.codec is Codec.H264:
        name = _H264_PROFILES.get(config[1], f"profile {config[1]}")
        if config[1] == 66 and config[2] & 0x40:  # constraint_set1_flag
            name = "Constrained Baseline"
        return f"{name} {config[3] / 10:.1f}"
    profile = config[1] & 31
    return f"{_H265_PROFILES.get(profile, f'profile {profile}')} {config[12] / 30:.1f}"
