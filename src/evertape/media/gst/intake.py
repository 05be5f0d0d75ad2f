"""From ``appsink`` samples to access units. Owner's thread.

RTP time stamps do not get through GStreamer, so the buffers' time stamps stand for them, in ticks of the RTP clock:
then everything behind is the direct receiver's (``MediaLine``), and both give the same units. Those time stamps
follow this machine's monotonic clock, because the jitter buffer takes the camera's drift out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from evertape.clock import Clock
from evertape.media.capture import (
    AudioTranscoder,
    CaptureEvent,
    CaptureRequest,
    ClockReport,
    NoticeKind,
    RawAudio,
    StreamNotice,
    TranscoderFactory,
)
from evertape.media.gst.lib import Gst
from evertape.media.gst.pipeline import GstPipeline
from evertape.media.gst.reports import Described
from evertape.media.gst.units import DamagedUnitError, read_unit, sets_of_config
from evertape.media.rtsp.audio import RawAudioUnit
from evertape.media.rtsp.offer import AudioOffer
from evertape.media.rtsp.parameters import ParameterSets
from evertape.media.rtsp.rtcp import NTP_UNIX_OFFSET_S, SenderReport
from evertape.media.rtsp.sdp import sprop_sets
from evertape.media.rtsp.tracks import MediaLine
from evertape.types import NS_PER_S, AccessUnit, Codec, Track

log = logging.getLogger(__name__)

_REPORT_NS = 5 * NS_PER_S
"""As often as cameras send them; what comes between two is told to nobody."""
_STEP_NS = 2 * NS_PER_S
_SETTLED_NS = 10 * NS_PER_S
_NTP_CAPS = Gst.Caps.from_string("timestamp/x-ntp")


class SettledClock:
    """Which of the times that ``rtspsrc`` gives its buffers are a camera's, and which are its own mistake. Pure.

    It extrapolates the last sender report by RTP time stamps. When those jump, so does the camera's time, until the
    next report: 2 to 8 s later, measured. A wall clock that was set stays where it was set to.
    """

    def __init__(self) -> None:
        self._known: int | None = None
        self._other: tuple[int, int] | None = None

    def believes(self, pts_ns: int, utc_ns: int) -> bool:
        """Whether a buffer with this running time is of this UTC."""
        offset = utc_ns - pts_ns
        if self._known is None or abs(offset - self._known) <= _STEP_NS:
            self._known, self._other = offset, None
            return True
        if self._other is None or abs(offset - self._other[0]) > _STEP_NS:
            self._other = offset, pts_ns
        elif pts_ns - self._other[1] >= _SETTLED_NS:
            self._known, self._other = offset, None
            return True
        return False


class _Feed:
    """One track on its way to the time line.

    Args:
        rate: ticks per second of the RTP clock, in which time stamps are given on.
    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.caps: Any = None
        self.clock = SettledClock()
        self.sets: tuple[bytes, ...] = ()

    def rtp_of(self, pts_ns: int) -> int:
        """Running time as an RTP time stamp of 32 bits."""
        return (pts_ns * self.rate + NS_PER_S // 2) // NS_PER_S & 0xFFFFFFFF


class Intake:
    """What one session takes of what its pipeline delivers.

    Args:
        request: of the session.
        clock: both clocks.
        transcoder: for G.711.
        emit: takes events, in order with the units.
    """

    def __init__(
        self,
        request: CaptureRequest,
        clock: Clock,
        transcoder: TranscoderFactory | None,
        emit: Callable[[CaptureEvent], None],
    ) -> None:
        self.codec: Codec | None = None
        """Of the video; ``None`` until it is described."""
        self.described_size: tuple[int, int] | None = None
        """Pixels, if the description says so."""
        self.audio_text: str | None = None
        """What is taken of the audio, for people."""
        self.damaged = 0
        """Pictures left out because they made no sense."""
        self.any_media = False
        """At least one sample came."""
        self._request = request
        self._clock = clock
        self._transcoder = transcoder
        self._emit = emit
        self._line: MediaLine | None = None
        self._feeds: dict[Track, _Feed] = {}
        self._told_ns: dict[Track, int] = {}

    def describe(self, described: Described) -> None:
        """The streams are chosen; ``described.video`` is not ``None``. A second time changes nothing."""
        offer = described.video
        if offer is None or self._line is not None:
            return
        self.codec = offer.codec
        sets = ParameterSets(offer.codec, sprop_sets(offer.format.fmtp))
        built = sets.build()
        self.described_size = (built[0].width, built[0].height) if built is not None else offer.media.size
        # What is made of the camera's time stamps is the jitter buffer's business.
        rate = offer.format.clock_rate
        self._line = MediaLine(self._request.epoch, rate, sets, self._tell, stamps_may_stand=False)
        self._feeds[Track.VIDEO] = _Feed(offer.format.clock_rate)
        if described.complaint:
            self._emit(StreamNotice(NoticeKind.AUDIO_UNSUPPORTED, 1, described.complaint))
        if described.audio is not None:
            self._add_audio(self._line, described.audio)

    def _add_audio(self, line: MediaLine, offer: AudioOffer) -> None:
        transcoder: AudioTranscoder | None = None
        if offer.aac is None:
            form = offer.format
            raw = RawAudio(form.encoding, form.clock_rate, form.channels)
            transcoder = self._transcoder(raw) if self._transcoder is not None else None
            if transcoder is None:
                text = f"{form.encoding} cannot be encoded here"
                self._emit(StreamNotice(NoticeKind.AUDIO_UNSUPPORTED, 1, text))
                return
        line.add_audio(offer, transcoder)
        self._feeds[Track.AUDIO] = _Feed(offer.format.clock_rate)
        self.audio_text = str(offer)

    @property
    def undescribed(self) -> bool:
        """Keyframes come, but their parameter sets are missing or cannot be read."""
        return self._line is not None and self._line.caps is None and self._line.undescribed > 0

    def pull(self, pipeline: GstPipeline, now_ns: int) -> None:
        """Take every sample that waits; ``now_ns`` is the boot-time clock's reading."""
        line = self._line
        if line is None:
            return
        line.utc.set_host(now_ns, self._clock.utc_ns())
        offset_ns = now_ns - pipeline.running_time_ns()  # what a time stamp lacks to the boot-time clock
        before = len(line.units)
        for track in self._feeds:
            for sample in pipeline.pull(track):
                self.any_media = True
                buffer = sample.get_buffer()
                if buffer.pts == Gst.CLOCK_TIME_NONE:
                    self.damaged += 1
                    continue
                self._consider_report(line, track, buffer)
                # The jitter buffer's time stamps are arrival times, smoothed over its last seconds.
                self._take(line, track, sample, buffer.pts + offset_ns)
        fresh = line.units[before:]
        for index, unit in enumerate(fresh, before):
            if unit.arrival_ns > now_ns:  # a picture to be shown later than those that follow it, stamped so
                line.units[index] = replace(unit, arrival_ns=now_ns)
        if len(self._feeds) > 1 and fresh:
            line.units.sort(key=lambda unit: (unit.dts_ns, unit.track))

    def _take(self, line: MediaLine, track: Track, sample: Any, arrival_ns: int) -> None:
        buffer, feed = sample.get_buffer(), self._feeds[track]
        data = buffer.extract_dup(0, buffer.get_size())
        if track is Track.AUDIO or self.codec is None:
            line.take_audio(RawAudioUnit(feed.rtp_of(buffer.pts), data), arrival_ns)
            return
        try:
            self._consider_caps(self.codec, feed, sample.get_caps())
            raw = read_unit(self.codec, data, feed.rtp_of(buffer.pts))
        except DamagedUnitError as error:
            self.damaged += 1
            log.debug("a picture is left out: %s", error)
            return
        if feed.sets:
            raw = raw._replace(sets=feed.sets + raw.sets)
            feed.sets = ()
        line.take_video(raw, arrival_ns)

    def _consider_caps(self, codec: Codec, feed: _Feed, caps: Any) -> None:
        """The depayloader keeps parameter sets out of the pictures; they come with new caps."""
        if feed.caps is not None and caps.is_equal(feed.caps):
            return
        feed.caps = caps
        config = caps.get_structure(0).get_value("codec_data")
        if config is not None:
            feed.sets += sets_of_config(codec, config.extract_dup(0, config.get_size()))

    def _consider_report(self, line: MediaLine, track: Track, buffer: Any) -> None:
        """After the camera's first sender report every buffer carries its UTC.

        Each one counts as a report, because the jitter buffer bends its time stamps: what was said a second ago
        is off by tens of milliseconds while it settles.
        """
        meta = buffer.get_reference_timestamp_meta(_NTP_CAPS)
        if meta is not None:
            feed, utc_ns = self._feeds[track], int(meta.timestamp) - NTP_UNIX_OFFSET_S * NS_PER_S
            if feed.clock.believes(buffer.pts, utc_ns):
                line.take_report(track, SenderReport(0, utc_ns, 0, feed.rtp_of(buffer.pts)))

    def _tell(self, event: CaptureEvent) -> None:
        if isinstance(event, ClockReport):
            told_ns = self._told_ns.get(event.track)
            if told_ns is not None and abs(event.ntp_utc_ns - told_ns) < _REPORT_NS:
                return
            self._told_ns[event.track] = event.ntp_utc_ns
        self._emit(event)

    def take_units(self) -> Sequence[AccessUnit]:
        """The units since the last call."""
        if self._line is None or not self._line.units:
            return ()
        units, self._line.units = self._line.units, []
        return units

    def close(self) -> None:
        """Let go of the transcoder; units taken before stay."""
        if self._line is not None:
            self._line.close()
