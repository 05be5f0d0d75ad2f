"""What a capture session is, whoever implements it.

Two do: ``media/rtsp`` speaks RTSP over one TCP connection by itself, ``media/gst`` drives
``rtspsrc``. A session lives once: on any failure it is thrown away and a new one is made by
whoever retries. Everything here happens on the owner's thread; see ``CaptureSession``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from evertape.clock import Clock
from evertape.domain.failure import ErrorDetail, FailureKind
from evertape.redact import split_credentials
from evertape.types import NS_PER_S, AccessUnit, AudioCaps, Codec, Epoch, Stream, StreamCaps, Track

if TYPE_CHECKING:
    from evertape.media.claims import ClaimTerms


class Transport(StrEnum):
    """How RTP travels."""

    TCP = "tcp"
    """Interleaved in the RTSP connection."""
    UDP = "udp"


class Backend(StrEnum):
    """Who receives."""

    AUTO = "auto"
    """``direct`` for TCP, ``rtspsrc`` for all else."""
    DIRECT = "direct"
    RTSPSRC = "rtspsrc"


@dataclass(frozen=True, slots=True)
class CaptureRequest:
    """Everything a session needs to know. Credentials never show in ``repr``.

    Args:
        url: ``rtsp://`` or ``rtsps://``, best without credentials; those in it are used if ``user`` is ``None``.
        epoch: the identity the session's units carry; a new one for every session.
        user: ``None`` for no credentials.
        password: goes with ``user``.
        transport: how RTP travels.
        backend: who receives.
        latency_ms: the jitter buffer of ``rtspsrc``; TCP through the direct receiver needs none.
        stream: which stream of the camera this is.
        keepalive_ns: at most so long between two signs of life (``None``: 25 s); the direct receiver gives more of
            them where half the session's time-out is less.
        audio: take the audio too, where it is AAC or G.711.
        connect_timeout_ns: for each of resolving plus connecting, the TLS handshake, and every reply.
        no_media_timeout_ns: without any packet for so long after ``PLAY``, the session fails with ``no_media``.
        public: the methods that the camera has just named in answer to ``OPTIONS``; the direct receiver does not ask
            again then, because sixty-four that come back at once are slow to answer.
        tls_verify: check the certificate of an ``rtsps`` camera; off by default, because theirs are self-signed.
        claim: make sure first that nobody else of the installation has a session with this stream; ``None``: do not.
    """

    url: str = field(repr=False)
    epoch: Epoch
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    transport: Transport = Transport.TCP
    backend: Backend = Backend.AUTO
    latency_ms: int = 200
    stream: Stream = Stream.MAIN
    keepalive_ns: int | None = None
    audio: bool = True
    connect_timeout_ns: int = 3 * NS_PER_S
    no_media_timeout_ns: int = 10 * NS_PER_S
    tls_verify: bool = False
    public: str | None = None
    claim: ClaimTerms | None = None

    def credentials(self) -> tuple[str, str | None, str | None]:
        """The URL without credentials, then user and password: the fields', else the URL's own."""
        bare, user, password = split_credentials(self.url)
        if self.user is not None:
            return bare, self.user, self.password or ""
        return bare, user, password or "" if user is not None else None


@dataclass(frozen=True, slots=True)
class SessionOpened:
    """The camera agreed to play; no media has come yet.

    Args:
        codec: of the video.
        width: pixels, if the description says so; ``None`` until the stream does.
        height: as ``width``.
        audio: what is taken of the audio, for people (``aac 16000 Hz 1 ch``, ``pcmu 8000 Hz 1 ch``), or ``None``.
        server: what the camera calls itself (``Server`` header), or "".
        transport: ``tcp`` or ``udp``.
        auth: ``none``, ``basic``, ``digest-md5``, ``digest-sha-256``; "" where it is not known.
        encrypted: RTSP travels inside TLS.
        verified: the certificate was checked; false for every unencrypted session.
        backend: who receives.
    """

    codec: Codec
    width: int | None
    height: int | None
    audio: str | None
    server: str
    transport: Transport
    auth: str
    encrypted: bool
    verified: bool
    backend: Backend


@dataclass(frozen=True, slots=True)
class CapsChanged:
    """From the first unit with ``caps.id`` on, this describes the stream; always at a video keyframe."""

    caps: StreamCaps


@dataclass(frozen=True, slots=True)
class ClockReport:
    """One RTCP sender report.

    Args:
        track: whose.
        ntp_utc_ns: the camera's wall clock in the report (UTC, nanoseconds).
        rtp: the RTP time stamp that belongs to it.
        offset_ns: the camera's clock minus ours, judged by arrival; ``None`` before the first unit.
    """

    track: Track
    ntp_utc_ns: int
    rtp: int
    offset_ns: int | None


@dataclass(frozen=True, slots=True)
class SessionFailed:
    """The session is over; nothing follows. Close it and make another."""

    kind: FailureKind
    detail: ErrorDetail


class NoticeKind(StrEnum):
    """What a session noticed and went on from."""

    PACKETS_LOST = "packets_lost"
    """``value`` packets never came."""
    UNIT_DAMAGED = "unit_damaged"
    """``value`` access units were dropped because a part of them was missing or made no sense."""
    DISCONTINUITY = "discontinuity"
    """The camera's RTP clock jumped by ``value`` ns against arrival; media time went on with arrival."""
    CLOCK_STANDS = "clock_stands"
    """The RTP time stamps do not advance; pictures are placed by their arrival until they do."""
    BUFFERING = "buffering"
    """A buffer is ``value`` percent full; a live stream is not paused for it."""
    RESYNC = "resync"
    """``value`` bytes that made no sense were skipped in the connection."""
    AUDIO_UNSUPPORTED = "audio_unsupported"
    """There is audio and it is not taken; ``text`` says which."""
    AUDIO_FAILED = "audio_failed"
    """Something that works on audio failed, ``text`` says what; it is built anew, and video goes on undisturbed."""
    AUDIO_BACK = "audio_back"
    """Audio comes again."""
    CAMERA_CLOCK_OFFSET = "camera_clock_offset"
    """The camera's wall clock is ``value`` ns ahead of ours, too far to be used; 0 when it agrees again."""
    PARAMETER_SETS_INVALID = "parameter_sets_invalid"
    """``value`` SPS, PPS or VPS could not be read and were left alone."""


@dataclass(frozen=True, slots=True)
class StreamNotice:
    """Something to count or to show; the session goes on.

    Args:
        kind: what.
        value: how many or how much, see the kind.
        text: for people.
    """

    kind: NoticeKind
    value: int = 0
    text: str = ""


CaptureEvent = SessionOpened | CapsChanged | ClockReport | SessionFailed | StreamNotice


class CaptureSession(Protocol):
    """One session that lives once. All methods on the owner's thread; none of them blocks.

    The owner calls ``drain()`` when ``fileno()`` is readable, at ``next_deadline_ns()``, and in any
    case each 40 to 200 ms, and ``events()`` after each ``drain()``: a ``CapsChanged`` is always in the
    same round as the first unit that carries its id, or in an earlier one.
    """

    @property
    def epoch(self) -> Epoch:
        """The identity all its units carry."""

    def start(self) -> None:
        """Begin to connect; name resolution happens in a thread of its own. Call it once."""

    def drain(self) -> Sequence[AccessUnit]:
        """The units completed since the last call, in arrival order; the first video unit ever is a keyframe."""

    def events(self) -> Sequence[CaptureEvent]:
        """What happened since the last call, in order. After a ``SessionFailed`` nothing follows."""

    def fileno(self) -> int | None:
        """A descriptor to watch for readability while prompt service matters, else ``None``.

        That is during the handshake, and in the first seconds of media, whose arrival times set the clock.
        Ask again after each ``drain()``.
        """

    def next_deadline_ns(self) -> int | None:
        """Boot-time clock: when ``drain()`` wants to be called at the latest, or ``None``."""

    def close(self) -> None:
        """Say ``TEARDOWN`` if that does not block, and let go of everything. Idempotent."""


@dataclass(frozen=True, slots=True)
class RawAudio:
    """Audio that has to be encoded before it is stored.

    Args:
        encoding: ``PCMU`` or ``PCMA``, one byte per sample and channel.
        rate: samples per second.
        channels: interleaved.
    """

    encoding: str
    rate: int
    channels: int


class AudioTranscoder(Protocol):
    """Turns one camera's G.711 into AAC. Owner's thread; never blocks, so frames may come a few calls later."""

    trouble: str
    """What failed, for people, until frames come again; "" while all is well."""

    @property
    def caps(self) -> AudioCaps:
        """What will come out; known before anything goes in."""

    def feed(self, data: bytes, pts_ns: int) -> Sequence[tuple[int, bytes]]:
        """Take samples that begin at ``pts_ns`` (media time line) and return finished frames.

        Returns:
            ``(pts_ns, raw AAC frame without ADTS)``, oldest first.
        """

    def close(self) -> None:
        """Let go of everything. Idempotent."""


TranscoderFactory = Callable[[RawAudio], AudioTranscoder | None]
"""Makes a transcoder, or says ``None`` where this machine cannot; then the audio is reported unsupported."""


def open_session(request: CaptureRequest, clock: Clock, transcoder: TranscoderFactory | None = None) -> CaptureSession:
    """Make a session for ``request``; it does nothing until ``start()``.

    ``auto`` takes the direct receiver for TCP (``docs/design/receive.md`` has the figures) and
    ``rtspsrc`` for all else.
    """
    if request.claim is not None:
        from evertape.media.claimed import ClaimedSession

        bare = replace(request, claim=None)
        return ClaimedSession(bare, request.claim, clock, lambda: open_session(bare, clock, transcoder))
    direct = request.backend is Backend.DIRECT or (
        request.backend is Backend.AUTO and request.transport is Transport.TCP
    )
    # Imported here: the direct receiver needs no gi, and the modules below import this one.
    if direct:
        from evertape.media.rtsp.direct import DirectSession

        return DirectSession(request, clock, transcoder)
    from evertape.media.gst.capture import GstCaptureSession

    return GstCaptureSession(request, clock, transcoder)


def pipelines_left() -> int:
    """GStreamer pipelines of this process that were not put away; looking does not load GStreamer."""
    lib = sys.modules.get("evertape.media.gst.lib")
    return 0 if lib is None else int(lib.pipelines_left())
