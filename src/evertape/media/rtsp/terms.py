"""What is asked of a camera, and what it agreed to."""

from __future__ import annotations

from dataclasses import dataclass, field

from evertape.domain.failure import FailureKind
from evertape.media.rtsp.offer import AudioOffer, VideoOffer
from evertape.types import NS_PER_S, Track

MAX_KEEPALIVE_NS = 25 * NS_PER_S


@dataclass(slots=True)
class TrackSetup:
    """One media that was set up.

    Args:
        track: video or audio.
        channel: on which RTP comes; RTCP on ``rtcp_channel``.
        ssrc: of the sender, if it said so.
    """

    track: Track
    url: str
    channel: int
    rtcp_channel: int
    ssrc: int | None = None


@dataclass(slots=True)
class Terms:
    """What a conversation is about; a part of the capture request.

    Args:
        url: without credentials.
        audio: ask for it.
        transcodes: G.711 can be used.
        reply_timeout_ns: for each reply until ``PLAY`` is answered.
        public: the methods that the camera has just said it knows, if somebody asked; then it is not asked again.
        keepalive_ns: at most so long between two signs of life, less where half the session's time-out is less;
            ``None``: ``MAX_KEEPALIVE_NS``.
    """

    url: str
    audio: bool = True
    transcodes: bool = False
    public: str | None = None
    reply_timeout_ns: int = 3 * NS_PER_S
    keepalive_ns: int | None = None


@dataclass(slots=True)
class Agreed:
    """What has been agreed so far."""

    server: str = ""
    video: VideoOffer | None = None
    audio: AudioOffer | None = None
    tracks: list[TrackSetup] = field(default_factory=list)


def refusal_kind(status: int) -> FailureKind:
    """What a status of 4xx or 5xx means for whoever retries."""
    if status in (401, 403, 407):
        return FailureKind.AUTH_FAILED
    if status in (404, 410):
        return FailureKind.NOT_FOUND
    # 453 Not Enough Bandwidth is what cameras say when they have all the clients they can serve.
    if status >= 500 or status in (453, 429):
        return FailureKind.SERVER_ERROR
    return FailureKind.PROTOCOL
