"""What a stream asks of a new session, and how it treats one: from a camera's settings, without state."""

from __future__ import annotations

from evertape.domain.backoff import ExponentialBackoff
from evertape.domain.camera_types import StreamPolicy
from evertape.ipc.messages import CameraSettings
from evertape.media.capture import Backend, CaptureRequest, SessionOpened, Transport
from evertape.media.claims import Claimant, ClaimTerms
from evertape.types import NS_PER_MS, DurationNs, Epoch, Stream


def capture_request(settings: CameraSettings, stream: Stream, epoch: Epoch, public: str | None) -> CaptureRequest:
    """The session to be made; ``public`` is what the camera has just answered to ``OPTIONS``, if it did."""
    main = stream is Stream.MAIN
    return CaptureRequest(
        url=settings.url if main else settings.sub_url,
        epoch=epoch,
        # A sub stream's URL brings its own credentials.
        user=settings.user or None if main else None,
        password=settings.password or None if main else None,
        transport=Transport(settings.transport),
        backend=Backend(settings.receiver),
        latency_ms=settings.latency_ns // NS_PER_MS,
        stream=stream,
        keepalive_ns=settings.keepalive_ns,
        audio=settings.audio,
        connect_timeout_ns=settings.connect_timeout_ns,
        tls_verify=settings.tls_verify,
        public=public,
        claim=_claim(settings),
    )


def _claim(settings: CameraSettings) -> ClaimTerms | None:
    if not settings.claims:
        return None
    return ClaimTerms(settings.claims, Claimant("the service", settings.id, records=True))


def stream_policy(settings: CameraSettings) -> StreamPolicy:
    """How often and how long to try."""
    return StreamPolicy(
        backoff=ExponentialBackoff(
            base=DurationNs(settings.backoff_base_ns),
            cap=DurationNs(settings.backoff_cap_ns),
            factor=settings.backoff_factor,
            jitter=settings.backoff_jitter,
            max_retries=settings.max_retries,
        ),
        stable_after=DurationNs(settings.stable_after_ns),
        give_up=settings.give_up,
    )


def login(settings: CameraSettings, stream: Stream) -> tuple[str, ...]:
    """What has to change before a refused login is worth another try. Secret."""
    if stream is Stream.SUB:
        return (settings.sub_url,)
    return settings.user, settings.password, settings.url


def describe(opened: SessionOpened) -> str:
    """One line for the log."""
    parts = [str(opened.codec)]
    if opened.width and opened.height:
        parts.append(f"{opened.width}x{opened.height}")
    parts += [opened.audio or "no audio", f"by {opened.transport}", str(opened.backend)]
    if opened.server:
        parts.append(opened.server)
    return ", ".join(parts)
