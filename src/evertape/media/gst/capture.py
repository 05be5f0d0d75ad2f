"""Capture through ``rtspsrc``: UDP, multicast, and whatever the direct receiver cannot.

GStreamer does the conversation, the jitter buffer and the depayloading; numbering, times and parameter sets are
the direct receiver's (``MediaLine``), so both give the same units. What is different: RTP time stamps do not get
through, so the buffers' time stamps stand for them. Those follow this machine's monotonic clock, because the jitter
buffer takes the camera's drift out.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from evertape.clock import Clock
from evertape.domain.failure import ErrorDetail, FailureKind
from evertape.errors import UsageError
from evertape.media.capture import (
    AudioTranscoder,
    Backend,
    CapsChanged,
    CaptureEvent,
    CaptureRequest,
    NoticeKind,
    RawAudio,
    SessionFailed,
    SessionOpened,
    StreamNotice,
    TranscoderFactory,
)
from evertape.media.gst.failures import classify
from evertape.media.gst.lib import Gst
from evertape.media.gst.opinion import SecondOpinion
from evertape.media.gst.pipeline import (
    Buffering,
    Described,
    Ended,
    Fault,
    Playing,
    Progress,
    Report,
    RtspPipeline,
    Silent,
    Warned,
)
from evertape.media.gst.units import DamagedUnitError, read_unit, sets_of_config
from evertape.media.rtsp.audio import RawAudioUnit
from evertape.media.rtsp.offer import AudioOffer, VideoOffer
from evertape.media.rtsp.parameters import ParameterSets
from evertape.media.rtsp.rtcp import NTP_UNIX_OFFSET_S, SenderReport
from evertape.media.rtsp.sdp import sprop_sets
from evertape.media.rtsp.tracks import MediaLine
from evertape.types import NS_PER_MS, NS_PER_S, AccessUnit, Epoch, Track

log = logging.getLogger(__name__)

KEEPALIVE_NS = 25 * NS_PER_S
"""Cameras end a session after 60 s without a word (RFC 2326 12.37), some after 30."""

_REPORT_NS = NS_PER_S
_LOSS_NS = 2 * NS_PER_S
_NTP_CAPS = Gst.Caps.from_string("timestamp/x-ntp")
# What rtspsrc does between two signs of life: resolving, which it does not bound, and one reply.
_STEP_SLACK_NS = 2 * NS_PER_S


class _Phase(StrEnum):
    NEW = "new"
    CONNECTING = "connecting"
    STREAMING = "streaming"
    ASKING = "asking"
    """It failed, and why is being found out."""
    FAILED = "failed"
    CLOSED = "closed"


class _Feed:
    """One track on its way from samples to the time line.

    Args:
        track: which.
        rate: ticks per second of the RTP clock, in which time stamps are given on.
    """

    def __init__(self, track: Track, rate: int) -> None:
        self.track = track
        self.rate = rate
        self.caps: Any = None
        self.sets: tuple[bytes, ...] = ()
        self.reported_ns: int | None = None

    def rtp_of(self, pts_ns: int) -> int:
        """Running time as an RTP time stamp of 32 bits."""
        return (pts_ns * self.rate + NS_PER_S // 2) // NS_PER_S & 0xFFFFFFFF


class GstCaptureSession:
    """A ``CaptureSession`` over ``rtspsrc``.

    All methods on the owner's thread; GStreamer's threads stay inside ``RtspPipeline``.

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
        self._transcoder = transcoder
        self._phase = _Phase.NEW
        self._pipeline: RtspPipeline | None = RtspPipeline(request, transcodes=transcoder is not None)
        self._line: MediaLine | None = None
        self._video: tuple[VideoOffer, _Feed] | None = None
        self._audio: tuple[AudioOffer, _Feed] | None = None
        self._described_size: tuple[int, int] | None = None
        self._events: list[CaptureEvent] = []
        self._warning: ErrorDetail | None = None
        self._fault: ErrorDetail | None = None
        self._opinion: SecondOpinion | None = None
        self._any_media = False
        self._drained_ns = 0
        self._step_due_ns = 0
        self._played_ns = 0
        self._keepalive_due_ns = 0
        self._loss_due_ns = 0
        self._lost_told = 0
        self._damaged = 0

    @property
    def epoch(self) -> Epoch:
        """See ``CaptureSession``."""
        return self._request.epoch

    @property
    def pipeline(self) -> RtspPipeline | None:
        """What runs underneath, for tests and for ``probe``; ``None`` once it is over."""
        return self._pipeline

    def start(self) -> None:
        """See ``CaptureSession``."""
        if self._phase is not _Phase.NEW or self._pipeline is None:
            raise UsageError("a session is started once")
        self._phase = _Phase.CONNECTING
        self._drained_ns = self._clock.boot_ns()
        self._step_taken(self._drained_ns)
        self._pipeline.play()

    def drain(self) -> Sequence[AccessUnit]:
        """See ``CaptureSession``. Messages are read before samples, so nothing that came before a failure is lost."""
        now = self._clock.boot_ns()
        if self._phase in (_Phase.CONNECTING, _Phase.STREAMING) and self._pipeline is not None:
            # Before the samples, so that whatever came before a failure is still pulled.
            reports = list(self._pipeline.reports())
            self._prepare(reports)
            self._pull(self._pipeline, now)
            for report in reports:
                self._on_report(report, now)
            self._look_around(now)
        if self._phase is _Phase.ASKING:
            self._ask(now)
        return self._take_units()

    def events(self) -> Sequence[CaptureEvent]:
        """See ``CaptureSession``."""
        events, self._events = self._events, []
        return events

    def fileno(self) -> int | None:
        """See ``CaptureSession``; GStreamer's threads stamp what arrives, so the owner need not hurry."""
        return None

    def next_deadline_ns(self) -> int | None:
        """See ``CaptureSession``."""
        if self._phase is _Phase.CONNECTING:
            return self._step_due_ns
        if self._phase is _Phase.ASKING:
            return self._drained_ns + 20 * NS_PER_MS
        return self._keepalive_due_ns if self._phase is _Phase.STREAMING else None

    def close(self) -> None:
        """See ``CaptureSession``; the pipeline goes down on a thread of its own."""
        self._let_go()
        self._phase = _Phase.CLOSED

    # -- what GStreamer reports -------------------------------------------------------------------

    def _prepare(self, reports: Sequence[Report]) -> None:
        for report in reports:
            if isinstance(report, Described):
                self._on_described(report)

    def _on_report(self, report: Report, now: int) -> None:
        if self._phase not in (_Phase.CONNECTING, _Phase.STREAMING):
            return
        match report:
            case Playing():
                self._on_playing(now)
            case Progress():
                self._step_taken(now)
            case Fault(detail):
                self._on_fault(detail, now)
            case Warned(detail):
                self._warning = detail
                log.debug("rtspsrc warns: %s", detail.debug)
            case Ended():
                self._on_ended()
            case Silent():
                self._fail(FailureKind.TIMEOUT, ErrorDetail("rtspsrc", debug="nothing came from the camera any more"))
            case Buffering(percent):
                log.debug("rtspsrc buffers: %d %%", percent)  # live: pausing would lose what is sent meanwhile
            case Described():
                self._step_taken(now)

    def _on_described(self, described: Described) -> None:
        offer = described.video
        if offer is None:
            debug = f"no H.264 or H.265; offered: {described.offered}"
            self._fail(FailureKind.CODEC_UNSUPPORTED, ErrorDetail("DESCRIBE", "rtsp", debug=debug))
            return
        if described.complaint:
            self._events.append(StreamNotice(NoticeKind.AUDIO_UNSUPPORTED, 1, described.complaint))
        if self._line is not None:
            return  # rtspsrc asked again by itself
        sets = ParameterSets(offer.codec, sprop_sets(offer.format.fmtp))
        built = sets.build()
        self._described_size = (built[0].width, built[0].height) if built is not None else offer.media.size
        self._line = MediaLine(self._request.epoch, offer.format.clock_rate, sets, self._events_append)
        self._video = (offer, _Feed(Track.VIDEO, offer.format.clock_rate))
        if described.audio is not None:
            self._add_audio(self._line, described.audio)

    def _add_audio(self, line: MediaLine, offer: AudioOffer) -> None:
        transcoder: AudioTranscoder | None = None
        if offer.aac is None:
            form = offer.format
            raw = RawAudio(form.encoding, form.clock_rate, form.channels)
            transcoder = self._transcoder(raw) if self._transcoder is not None else None
            if transcoder is None:
                notice = StreamNotice(NoticeKind.AUDIO_UNSUPPORTED, 1, f"{form.encoding} cannot be encoded here")
                self._events.append(notice)
                return
        line.add_audio(offer, transcoder)
        self._audio = (offer, _Feed(Track.AUDIO, offer.format.clock_rate))

    def _events_append(self, event: CaptureEvent) -> None:
        self._events.append(event)

    def _on_playing(self, now: int) -> None:
        if self._video is None or self._pipeline is None or self._phase is _Phase.STREAMING:
            return
        self._phase = _Phase.STREAMING
        self._played_ns = now
        self._keepalive_due_ns = now + (self._request.keepalive_ns or KEEPALIVE_NS)
        self._loss_due_ns = now + _LOSS_NS
        size, encrypted = self._described_size, self._request.url.lower().startswith("rtsps:")
        opened = SessionOpened(
            codec=self._video[0].codec,
            width=size[0] if size else None,
            height=size[1] if size else None,
            audio=str(self._audio[0]) if self._audio is not None else None,
            server="",  # rtspsrc keeps the replies' headers to itself
            transport=self._request.transport,
            auth=self._pipeline.auth,
            encrypted=encrypted,
            verified=encrypted and self._request.tls_verify,
            backend=Backend.RTSPSRC,
        )
        # Units pulled in this round announced their caps already; people want to read it the other way round.
        first_caps = next((i for i, e in enumerate(self._events) if isinstance(e, CapsChanged)), len(self._events))
        self._events.insert(first_caps, opened)

    def _on_fault(self, detail: ErrorDetail, now: int) -> None:
        kind = classify(detail, opened=self._phase is _Phase.STREAMING)
        if kind is not None:
            self._fail(kind, detail)
            return
        self._fault = detail
        bare, _, _ = self._request.credentials()
        self._opinion = SecondOpinion(bare, verify=self._request.tls_verify, now_ns=now)
        self._put_pipeline_away()
        self._phase = _Phase.ASKING

    def _on_ended(self) -> None:
        # A camera that dies closes the connection: WARNING "read", then EOS. One that ends its stream: EOS alone.
        if self._warning is not None and classify(self._warning, opened=True) is FailureKind.RESET:
            self._fail(FailureKind.RESET, self._warning)
        else:
            self._fail(FailureKind.EOS, ErrorDetail("rtspsrc", debug="the camera ended the stream"))

    def _ask(self, now: int) -> None:
        answer = self._opinion.ask(now) if self._opinion is not None else None
        self._drained_ns = now
        if answer is not None:
            kind, learned = answer
            self._fail(kind, learned or self._fault or ErrorDetail("rtspsrc"))

    # -- what the owner watches -------------------------------------------------------------------

    def _step_taken(self, now: int) -> None:
        self._step_due_ns = now + self._request.connect_timeout_ns + _STEP_SLACK_NS

    def _look_around(self, now: int) -> None:
        pipeline = self._pipeline
        if pipeline is None:
            return
        if self._phase is _Phase.CONNECTING and now >= self._step_due_ns:
            self._fail(FailureKind.TIMEOUT, ErrorDetail("rtspsrc", debug="no answer within the time given"))
        if self._phase is not _Phase.STREAMING:
            return
        if not self._any_media and now - self._played_ns >= self._request.no_media_timeout_ns:
            self._fail(FailureKind.NO_MEDIA, ErrorDetail("PLAY", "rtsp", debug="no packet came after PLAY"))
        elif pipeline.ended(Track.VIDEO):
            self._on_ended()
        elif now >= self._keepalive_due_ns:
            self._keepalive_due_ns = now + (self._request.keepalive_ns or KEEPALIVE_NS)
            pipeline.keep_alive()
        if now >= self._loss_due_ns and self._phase is _Phase.STREAMING:
            self._loss_due_ns = now + _LOSS_NS
            self._notice_losses(pipeline.lost_packets())

    def _notice_losses(self, lost: int) -> None:
        if lost > self._lost_told:
            self._events.append(StreamNotice(NoticeKind.PACKETS_LOST, lost - self._lost_told))
            self._lost_told = lost
        if self._damaged:
            self._events.append(StreamNotice(NoticeKind.UNIT_DAMAGED, self._damaged, "video"))
            self._damaged = 0

    # -- from samples to units --------------------------------------------------------------------

    def _pull(self, pipeline: RtspPipeline, now: int) -> None:
        line = self._line
        if line is None:
            return
        line.utc.set_host(now, self._clock.utc_ns())
        # What a time stamp lacks to the boot-time clock.
        offset_ns = now - pipeline.running_time_ns()
        earliest_ns = self._drained_ns - self._request.latency_ms * NS_PER_MS
        self._drained_ns = now
        for feed in (self._video, self._audio):
            if feed is None:
                continue
            for sample in pipeline.pull(feed[1].track):
                self._any_media = True
                buffer = sample.get_buffer()
                pts = buffer.pts
                if pts == Gst.CLOCK_TIME_NONE:
                    self._damaged += 1
                    continue
                # The jitter buffer's time stamps are smoothed arrival times; the pulls bound where that goes wrong.
                arrival = min(max(pts + offset_ns, earliest_ns), now)
                if feed[1].track is Track.VIDEO:
                    self._take_video(line, feed[1], sample, buffer, arrival)
                else:
                    data = buffer.extract_dup(0, buffer.get_size())
                    line.take_audio(RawAudioUnit(feed[1].rtp_of(pts), data), arrival)
                self._consider_report(line, feed[1], buffer, pts)
        line.units.sort(key=lambda unit: (unit.dts_ns, unit.track))

    def _take_video(self, line: MediaLine, feed: _Feed, sample: Any, buffer: Any, arrival: int) -> None:
        if self._video is None:
            return
        codec = self._video[0].codec
        caps = sample.get_caps()
        try:
            if feed.caps is None or not caps.is_equal(feed.caps):
                feed.caps = caps
                config = caps.get_structure(0).get_value("codec_data")
                feed.sets += sets_of_config(codec, config.extract_dup(0, config.get_size())) if config else ()
            raw = read_unit(codec, buffer.extract_dup(0, buffer.get_size()), feed.rtp_of(buffer.pts))
        except DamagedUnitError as error:
            self._damaged += 1
            log.debug("a picture is left out: %s", error)
            return
        if feed.sets:
            raw = raw._replace(sets=feed.sets + raw.sets)
            feed.sets = ()
        line.take_video(raw, arrival)

    def _consider_report(self, line: MediaLine, feed: _Feed, buffer: Any, pts: int) -> None:
        """After the camera's first sender report every buffer carries its UTC; once a second is often enough."""
        if feed.reported_ns is not None and 0 <= pts - feed.reported_ns < _REPORT_NS:
            return
        meta = buffer.get_reference_timestamp_meta(_NTP_CAPS)
        if meta is None:
            return
        feed.reported_ns = pts
        utc = int(meta.timestamp) - NTP_UNIX_OFFSET_S * NS_PER_S
        line.take_report(feed.track, SenderReport(0, utc, 0, feed.rtp_of(pts)))

    def _take_units(self) -> Sequence[AccessUnit]:
        if self._line is None or not self._line.units:
            return ()
        units, self._line.units = self._line.units, []
        return units

    # -- the end ----------------------------------------------------------------------------------

    def _fail(self, kind: FailureKind, detail: ErrorDetail) -> None:
        if self._phase in (_Phase.FAILED, _Phase.CLOSED):
            return
        self._phase = _Phase.FAILED
        self._let_go()
        self._events.append(SessionFailed(kind, detail))

    def _let_go(self) -> None:
        self._put_pipeline_away()
        if self._opinion is not None:
            self._opinion.close()
        if self._line is not None:
            self._line.close()

    def _put_pipeline_away(self) -> None:
        pipeline, self._pipeline = self._pipeline, None
        if pipeline is not None:
            pipeline.close()
