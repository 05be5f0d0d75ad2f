"""From depayloaded pictures and frames to access units with identity and times. Owner's thread, no input or output."""

from __future__ import annotations

from collections.abc import Callable

from evertape.domain.utc import UtcEstimator
from evertape.media.capture import (
    AudioTranscoder,
    CapsChanged,
    CaptureEvent,
    ClockReport,
    NoticeKind,
    StreamNotice,
)
from evertape.media.rtsp.audio import RawAudioUnit
from evertape.media.rtsp.depay import RawUnit
from evertape.media.rtsp.offer import AudioOffer
from evertape.media.rtsp.parameters import ParameterSets
from evertape.media.rtsp.rtcp import SenderReport
from evertape.media.rtsp.timeline import AudioTimeline, VideoTimeline
from evertape.types import NS_PER_S, AccessUnit, AudioCaps, Codec, Epoch, StreamCaps, Track, VideoCaps

# A change of the camera's clock offset by less is its drift and our jitter.
_OFFSET_CHANGE_NS = NS_PER_S
# A report this old says nothing about lips any more, and the RTP clock may have wrapped since.
_REPORT_LIFE_NS = 600 * NS_PER_S
# A report speaks of the moment it is sent at, so its RTP time is near the newest picture's. If it is further off than
# the second even from the picture that follows it, it says nothing about the camera's wall clock.
_REPORT_NEAR_NS = 2 * NS_PER_S
_REPORT_FAR_NS = 10 * NS_PER_S

Emit = Callable[[CaptureEvent], None]


class MediaLine:
    """One session's time line: both tracks' units come out of here, numbered.

    Args:
        epoch: of the session.
        rate: the video's RTP ticks per second.
        sets: what the description said of the video's parameter sets.
        emit: takes events, in order with the units.
        stamps_may_stand: the time stamps are the camera's own, which may have none worth the name.
    """

    def __init__(
        self, epoch: Epoch, rate: int, sets: ParameterSets, emit: Emit, *, stamps_may_stand: bool = True
    ) -> None:
        self.units: list[AccessUnit] = []
        self.caps: StreamCaps | None = None
        self.utc = UtcEstimator()
        self._epoch = epoch
        self._sets = sets
        self._emit = emit
        self._video = VideoTimeline(rate, None, None, stamps_may_stand=stamps_may_stand)
        self._video_seq = 0
        self._video_report: SenderReport | None = None
        self._video_report_ns: int | None = None
        self._report_ahead: SenderReport | None = None
        self._audio: AudioTimeline | None = None
        self._audio_caps: AudioCaps | None = None
        self._audio_seq = 0
        self._audio_report: SenderReport | None = None
        self._transcoder: AudioTranscoder | None = None
        self._audio_trouble = ""
        self._offset_told: int | None = None
        self._invalid_told = 0
        self._stands_told = False
        self.undescribed = 0
        """Keyframes that came while no complete parameter sets were known."""

    # -- video ------------------------------------------------------------------------------------

    def take_video(self, raw: RawUnit, boot_ns: int) -> None:
        """One picture in decoding order; what comes before the first keyframe is dropped."""
        data = raw.data
        if raw.sets:
            self._sets.offer(raw.sets)
            if not raw.key and not self._sets.current(raw.sets):
                data = _with_lengths(raw.sets) + data  # in force from here on, and caps change at keyframes only
        if raw.key:
            self._at_keyframe()
        caps = self.caps
        if caps is None:
            return
        first = not self._video.started
        dts, pts, jump = self._video.place(raw.rtp, boot_ns)
        if jump:
            self._jumped(jump, "video")
        if self._video.stands is not self._stands_told:
            self._clock_stands()
        self.utc.feed_arrival(boot_ns, pts)
        if self._report_ahead is not None:
            ahead, self._report_ahead = self._report_ahead, None
            if self._ahead_ns(ahead) <= _REPORT_FAR_NS:
                self._video_report = ahead
                self._use_video_report(ahead)
        elif first and self._video_report is not None:
            self._use_video_report(self._video_report)
        utc, source, error = self.utc.utc_of(pts)
        seq, self._video_seq = self._video_seq, self._video_seq + 1
        self.units.append(
            AccessUnit(
                self._epoch, Track.VIDEO, seq, dts, pts, boot_ns, utc, source, error, raw.key, caps.id, data
            )
        )  # fmt: skip

    def _clock_stands(self) -> None:
        self._stands_told = self._video.stands
        if self._stands_told:
            text = "the pictures carry no time of their own; they are placed by their arrival"
            self._emit(StreamNotice(NoticeKind.CLOCK_STANDS, 0, text))

    def _at_keyframe(self) -> None:
        built = self._sets.build()
        if self._sets.invalid > self._invalid_told:
            fresh, self._invalid_told = self._sets.invalid - self._invalid_told, self._sets.invalid
            self._emit(StreamNotice(NoticeKind.PARAMETER_SETS_INVALID, fresh))
        if built is None:
            self.undescribed += 1
            return
        sps, config = built
        video = VideoCaps(self._sets.codec, config, sps.width, sps.height)
        if self.caps is not None and self.caps.video == video:
            return
        self._video.declare(sps.reorder, sps.frame_ns)
        number = 0 if self.caps is None else self.caps.id + 1
        self.caps = StreamCaps(number, video, self._audio_caps)
        self._emit(CapsChanged(self.caps))

    def _jumped(self, jump_ns: int, what: str) -> None:
        self._emit(StreamNotice(NoticeKind.DISCONTINUITY, jump_ns, what))
        if what == "video":
            self.utc.restart()
            self._video_report = self._video_report_ns = None

    # -- audio ------------------------------------------------------------------------------------

    def add_audio(self, offer: AudioOffer, transcoder: AudioTranscoder | None) -> None:
        """There will be audio; before any unit."""
        self._audio = AudioTimeline(offer.format.clock_rate)
        self._transcoder = transcoder
        if offer.aac is not None:
            self._audio_caps = AudioCaps(Codec.AAC, offer.aac.config, offer.aac.rate, offer.aac.channels)
        elif transcoder is not None:
            self._audio_caps = transcoder.caps

    def take_audio(self, raw: RawAudioUnit, boot_ns: int) -> None:
        """One frame or packet; dropped until video has begun."""
        if self._audio is None or self.caps is None:
            return
        due = self.utc.media_of_arrival(boot_ns)
        if due is None:
            return
        _, pts, jump = self._audio.place(raw.rtp, boot_ns, due, self._audio_target(raw.rtp))
        if jump:
            self._audio_report = None
            self._jumped(jump, "audio")
        if self._transcoder is None:
            self._audio_unit(pts, raw.data, boot_ns)
            return
        for at, frame in self._transcoder.feed(raw.data, pts):
            self._audio_unit(at, frame, boot_ns)
        if self._transcoder.trouble != self._audio_trouble:
            self._audio_troubled(self._transcoder.trouble)

    def _audio_troubled(self, trouble: str) -> None:
        self._audio_trouble = trouble
        if trouble:
            self._emit(StreamNotice(NoticeKind.AUDIO_FAILED, 1, trouble))
        else:
            self._emit(StreamNotice(NoticeKind.AUDIO_BACK))

    def _audio_unit(self, pts: int, data: bytes, boot_ns: int) -> None:
        if pts < 0 or self.caps is None:
            return  # before the first picture
        utc, source, error = self.utc.utc_of(pts)
        seq, self._audio_seq = self._audio_seq, self._audio_seq + 1
        self.units.append(
            AccessUnit(
                self._epoch, Track.AUDIO, seq, pts, pts, boot_ns, utc, source, error, True, self.caps.id, data
            )
        )  # fmt: skip

    def _audio_target(self, rtp: int) -> int | None:
        """Where the wall clock common to both tracks' reports puts an audio time stamp."""
        audio, video = self._audio_report, self._video_report
        if self._audio is None or audio is None or video is None or self._video_report_ns is None:
            return None
        since_ns = self._audio.since_ns(rtp, audio.rtp)
        if abs(since_ns) > _REPORT_LIFE_NS:
            return None
        return self._video_report_ns + audio.ntp_utc_ns + since_ns - video.ntp_utc_ns

    # -- sender reports ---------------------------------------------------------------------------

    def take_report(self, track: Track, report: SenderReport) -> None:
        """One RTCP sender report."""
        offset = None
        if track is Track.AUDIO:
            self._audio_report = report
        elif self._video.started and self._ahead_ns(report) > _REPORT_NEAR_NS:
            # The RTP clock may have jumped while the first picture after that is still arriving: it will show.
            self._report_ahead = report
        else:
            self._video_report = report
            if self._video.started:
                offset = self._use_video_report(report)
        self._emit(ClockReport(track, report.ntp_utc_ns, report.rtp, offset))

    def _ahead_ns(self, report: SenderReport) -> int:
        """How far its RTP time is from the newest picture's."""
        return abs(self._video.clock.ahead_ns(report.rtp))

    def _use_video_report(self, report: SenderReport) -> int | None:
        self._video_report_ns = self._video.clock.media_of(report.rtp)
        offset = self.utc.feed_report(self._video_report_ns, report.ntp_utc_ns)
        if offset is None:
            return None
        wrong = None if self.utc.trusts_reports else offset
        told = self._offset_told
        changed = (wrong is None) != (told is None)
        if changed or (wrong is not None and told is not None and abs(wrong - told) > _OFFSET_CHANGE_NS):
            self._offset_told = wrong
            self._emit(StreamNotice(NoticeKind.CAMERA_CLOCK_OFFSET, wrong or 0))
        return offset

    def close(self) -> None:
        """Let go of the transcoder."""
        if self._transcoder is not None:
            self._transcoder.close()
            self._transcoder = None


def _with_lengths(nals: tuple[bytes, ...]) -> bytes:
    return b"".join(len(nal).to_bytes(4, "big") + nal for nal in nals)
