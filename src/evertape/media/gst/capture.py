"""Capture through ``rtspsrc``: UDP, and whatever else the direct receiver does not do.

GStreamer does the conversation, the jitter buffer and the depayloading. What its codes do not tell (why a camera
could not be reached) is found out by a connection of our own.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum

from evertape.clock import Clock
from evertape.domain.failure import ErrorDetail, FailureKind
from evertape.errors import UsageError
from evertape.media.capture import (
    Backend,
    CapsChanged,
    CaptureEvent,
    CaptureRequest,
    NoticeKind,
    SessionFailed,
    SessionOpened,
    StreamNotice,
    TranscoderFactory,
    Transport,
)
from evertape.media.gst.audio_care import AudioCare, costs_audio_only
from evertape.media.gst.failures import classify, is_refused_setup
from evertape.media.gst.intake import Intake
from evertape.media.gst.pipeline import GstPipeline
from evertape.media.gst.reports import (
    Buffering,
    Described,
    Ended,
    Fault,
    Playing,
    Progress,
    Report,
    Silent,
    Warned,
)
from evertape.media.rtsp.messages import RtspSyntaxError
from evertape.media.rtsp.options_probe import OptionsProbe, ProbeState
from evertape.types import NS_PER_S, AccessUnit, Epoch, Track

__all__ = ["KEEPALIVE_NS", "GstCaptureSession", "GstPipeline"]

log = logging.getLogger(__name__)

KEEPALIVE_NS = 25 * NS_PER_S
"""Cameras end a session after 60 s without a word (RFC 2326 12.37), some after 30."""

_LOSS_NS = 2 * NS_PER_S
# What rtspsrc may do between two signs of life: resolve a name, which it does not bound, and wait for one reply.
_STEP_SLACK_NS = 2 * NS_PER_S


class _Phase(StrEnum):
    NEW = "new"
    CONNECTING = "connecting"
    STREAMING = "streaming"
    ASKING = "asking"
    """It failed, and why is being found out."""
    FAILED = "failed"
    CLOSED = "closed"


class GstCaptureSession:
    """A ``CaptureSession`` over ``rtspsrc``.

    All methods on the owner's thread; GStreamer's threads stay inside ``GstPipeline``.

    Args:
        request: what to receive.
        clock: both clocks.
        transcoder: for G.711; without it such audio is reported and left out.

    Raises:
        SetupError: GStreamer lacks an element.
    """

    def __init__(self, request: CaptureRequest, clock: Clock, transcoder: TranscoderFactory | None = None) -> None:
        self._request = request
        self._clock = clock
        self._phase = _Phase.NEW
        self._pipeline: GstPipeline | None = GstPipeline(request, transcodes=transcoder is not None)
        self._intake = Intake(request, clock, transcoder, self._emit)
        self._audio = AudioCare(self._emit)
        self._events: list[CaptureEvent] = []
        self._warning: ErrorDetail | None = None
        self._fault: ErrorDetail | None = None
        self._probe: OptionsProbe | None = None
        self._deadline_ns = 0
        self._encrypted = request.url.lower().startswith("rtsps:")
        self._played_ns = 0
        self._loss_due_ns = 0
        self._lost_told = 0

    @property
    def epoch(self) -> Epoch:
        """See ``CaptureSession``."""
        return self._request.epoch

    @property
    def pipeline(self) -> GstPipeline | None:
        """What runs underneath, for tests; ``None`` once it is over."""
        return self._pipeline

    def start(self) -> None:
        """See ``CaptureSession``."""
        if self._phase is not _Phase.NEW or self._pipeline is None:
            raise UsageError("a session is started once")
        self._phase = _Phase.CONNECTING
        self._step_taken(self._clock.boot_ns())
        self._pipeline.play()

    def drain(self) -> Sequence[AccessUnit]:
        """See ``CaptureSession``."""
        now = self._clock.boot_ns()
        if self._phase in (_Phase.CONNECTING, _Phase.STREAMING) and self._pipeline is not None:
            self._work(self._pipeline, now)
        if self._phase is _Phase.ASKING:
            self._ask()
        units = self._intake.take_units()
        if self._audio.awaited and any(unit.track is Track.AUDIO for unit in units):
            self._audio.came()
        return units

    def events(self) -> Sequence[CaptureEvent]:
        """See ``CaptureSession``."""
        events, self._events = self._events, []
        return events

    def fileno(self) -> int | None:
        """See ``CaptureSession``; GStreamer's threads stamp what arrives, so the owner need not hurry."""
        return self._probe.fileno() if self._probe is not None else None

    def next_deadline_ns(self) -> int | None:
        """See ``CaptureSession``."""
        if self._phase is _Phase.ASKING and self._probe is not None:
            return self._probe.next_deadline_ns()
        return self._deadline_ns if self._phase in (_Phase.CONNECTING, _Phase.STREAMING) else None

    def close(self) -> None:
        """See ``CaptureSession``; the pipeline goes down on a thread of its own."""
        self._let_go()
        self._phase = _Phase.CLOSED

    # -- the work of one drain --------------------------------------------------------------------

    def _work(self, pipeline: GstPipeline, now: int) -> None:
        # The messages are read first, and judged last: what came before a failure is pulled all the same.
        reports = list(pipeline.reports())
        for report in reports:
            if isinstance(report, Described):
                self._on_described(report, now)
        self._intake.pull(pipeline, now)
        for report in reports:
            if self._pipeline is pipeline:
                self._on_report(report, now)
        if self._pipeline is pipeline:
            self._look_around(pipeline, now)

    def _on_report(self, report: Report, now: int) -> None:
        match report:
            case Playing():
                self._on_playing(now)
            case Progress():
                self._step_taken(now)
            case Fault(detail) if costs_audio_only(detail) and self._pipeline is not None:
                self._audio.failed(self._pipeline, detail, now)
            case Fault(detail):
                self._on_fault(detail)
            case Warned(detail):
                self._warning = detail
                log.debug("rtspsrc warns: %s", detail.debug)
            case Ended():
                self._on_ended()
            case Silent():
                self._fail(FailureKind.TIMEOUT, ErrorDetail("rtspsrc", debug="nothing came from the camera any more"))
            case Buffering(percent):
                self._emit(
                    StreamNotice(NoticeKind.BUFFERING, percent)
                )  # live: pausing would lose what is sent meanwhile
            case Described():
                pass  # done before the samples were pulled

    def _on_described(self, described: Described, now: int) -> None:
        self._step_taken(now)
        self._intake.describe(described)
        if described.video is None:
            debug = f"no H.264 or H.265; offered: {described.offered}"
            self._fail(FailureKind.CODEC_UNSUPPORTED, ErrorDetail("DESCRIBE", "rtsp", debug=debug))

    def _on_playing(self, now: int) -> None:
        if self._phase is _Phase.STREAMING or self._intake.codec is None:
            return
        self._phase = _Phase.STREAMING
        self._played_ns = now
        self._loss_due_ns = now + _LOSS_NS
        self._keep_alive_later(now)
        size = self._intake.described_size
        opened = SessionOpened(
            codec=self._intake.codec,
            width=size[0] if size else None,
            height=size[1] if size else None,
            audio=self._intake.audio_text,
            server="",  # rtspsrc keeps the replies' headers to itself, and what it answered to a challenge
            transport=self._request.transport,
            auth="none" if self._request.credentials()[1] is None else "",
            encrypted=self._encrypted,
            verified=self._encrypted and self._request.tls_verify,
            backend=Backend.RTSPSRC,
        )
        # Units pulled in this very round have announced their caps already; this came before them.
        place = next((i for i, event in enumerate(self._events) if isinstance(event, CapsChanged)), len(self._events))
        self._events.insert(place, opened)

    def _on_fault(self, detail: ErrorDetail) -> None:
        if self._phase is _Phase.CONNECTING and self._intake.audio_text is not None and is_refused_setup(detail):
            self._go_without_audio()
            return
        kind = classify(detail, opened=self._phase is _Phase.STREAMING)
        if kind is FailureKind.RESET and self._request.transport is Transport.UDP and not self._intake.any_media:
            kind = FailureKind.NO_MEDIA  # a firewall in between: rtspsrc gives up after 5 s without a packet
        if kind is not None:
            self._fail(kind, detail)
            return
        # A refused port, an unknown host, a mute server, one that talks nonsense: all the same code to GStreamer.
        self._fault = detail
        self._put_pipeline_away()
        self._phase = _Phase.ASKING
        self._probe = OptionsProbe(self._request.url, self._clock)
        try:
            self._probe.start()
        except RtspSyntaxError as error:
            self._fail(FailureKind.PROTOCOL, ErrorDetail("OPTIONS", "rtsp", debug=error.what))

    def _go_without_audio(self) -> None:
        """One refused ``SETUP`` is the end of all for ``rtspsrc``; if it was the audio's, video goes on without."""
        self._emit(StreamNotice(NoticeKind.AUDIO_UNSUPPORTED, 1, "the camera refused a stream; trying without audio"))
        self._let_go()
        request = replace(self._request, audio=False)
        self._pipeline = GstPipeline(request, transcodes=False)
        self._intake = Intake(request, self._clock, None, self._emit)
        self._step_taken(self._clock.boot_ns())
        self._pipeline.play()

    def _on_ended(self) -> None:
        # A camera that dies closes the connection: WARNING "read", then EOS. One that ends its stream: EOS alone.
        if self._warning is not None and classify(self._warning, opened=True) is FailureKind.RESET:
            self._fail(FailureKind.RESET, self._warning)
        else:
            self._fail(FailureKind.EOS, ErrorDetail("rtspsrc", debug="the camera ended the stream"))

    def _ask(self) -> None:
        probe, fault = self._probe, self._fault
        if probe is None or fault is None or probe.poll() is ProbeState.PENDING:
            return
        if probe.failure is not None:
            self._fail(*probe.failure)
        elif self._encrypted and self._request.tls_verify:
            self._fail(FailureKind.TLS, fault)  # the probe checks no certificate
        else:
            self._fail(FailureKind.RESET, fault)  # it answers us, so what failed was that one connection

    # -- what has to be watched -------------------------------------------------------------------

    def _step_taken(self, now: int) -> None:
        if self._phase is _Phase.CONNECTING:
            self._deadline_ns = now + self._request.connect_timeout_ns + _STEP_SLACK_NS

    def _keep_alive_later(self, now: int) -> None:
        self._deadline_ns = now + (self._request.keepalive_ns or KEEPALIVE_NS)

    def _look_around(self, pipeline: GstPipeline, now: int) -> None:
        self._audio.look(pipeline, now)
        if self._phase is _Phase.CONNECTING:
            if now >= self._deadline_ns:
                self._fail(FailureKind.TIMEOUT, ErrorDetail("rtspsrc", debug="no answer within the time given"))
            return
        if pipeline.ended(Track.VIDEO):
            self._on_ended()
            return
        self._expect_media(now)
        if now >= self._deadline_ns:
            self._keep_alive_later(now)
            pipeline.keep_alive()
        if now >= self._loss_due_ns:
            self._loss_due_ns = now + _LOSS_NS
            self._notice_losses(pipeline.lost_packets())

    def _expect_media(self, now: int) -> None:
        if now - self._played_ns < self._request.no_media_timeout_ns:
            return
        if not self._intake.any_media:
            self._fail(FailureKind.NO_MEDIA, ErrorDetail("PLAY", "rtsp", debug="no packet came after PLAY"))
        elif self._intake.undescribed:
            debug = "keyframes came, but no parameter sets that can be read"
            self._fail(FailureKind.CODEC_UNSUPPORTED, ErrorDetail("PLAY", "rtsp", debug=debug))

    def _notice_losses(self, lost: int) -> None:
        if lost > self._lost_told:
            self._emit(StreamNotice(NoticeKind.PACKETS_LOST, lost - self._lost_told))
            self._lost_told = lost
        if self._intake.damaged:
            self._emit(StreamNotice(NoticeKind.UNIT_DAMAGED, self._intake.damaged, "video"))
            self._intake.damaged = 0

    # -- the end ----------------------------------------------------------------------------------

    def _emit(self, event: CaptureEvent) -> None:
        self._events.append(event)

    def _fail(self, kind: FailureKind, detail: ErrorDetail) -> None:
        if self._phase in (_Phase.FAILED, _Phase.CLOSED):
            return
        self._phase = _Phase.FAILED
        self._let_go()
        self._emit(SessionFailed(kind, detail))

    def _let_go(self) -> None:
        self._put_pipeline_away()
        if self._probe is not None:
            self._probe.close()
        self._intake.close()

    def _put_pipeline_away(self) -> None:
        pipeline, self._pipeline = self._pipeline, None
        if pipeline is not None:
            pipeline.close()
