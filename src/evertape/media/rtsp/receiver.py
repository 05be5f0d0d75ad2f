"""The packets of one connection: to their tracks, on as access units, reports both ways. No input, no output."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

from evertape.media.capture import AudioTranscoder, CaptureEvent, NoticeKind, StreamNotice
from evertape.media.rtsp.audio import AacDepayloader, RawDepayloader
from evertape.media.rtsp.depay import H264Depayloader, H265Depayloader, NalDepayloader
from evertape.media.rtsp.messages import Message
from evertape.media.rtsp.parameters import ParameterSets
from evertape.media.rtsp.rtcp import Reception, SenderReport, build_receiver_report, parse_rtcp
from evertape.media.rtsp.sdp import sprop_sets
from evertape.media.rtsp.terms import Agreed, TrackSetup
from evertape.media.rtsp.tracks import MediaLine
from evertape.media.rtsp.wire import Wire
from evertape.types import NS_PER_S, AccessUnit, Codec, Epoch, Track

REPORT_NS = 5 * NS_PER_S
"""RFC 3550 6.2: the interval between reports of a small session; some cameras leave without them."""

AudioDepayloader = AacDepayloader | RawDepayloader


class _Ear:
    """One track's reception, as far as a receiver report tells of it."""

    def __init__(self, setup: TrackSetup, depayloader: NalDepayloader | AudioDepayloader) -> None:
        self.setup = setup
        self.depayloader = depayloader
        self.ssrc = setup.ssrc
        self.report: SenderReport | None = None
        self.report_boot_ns = 0
        self.lost_told = 0
        self.damaged_told = 0
        self._lost_reported = 0
        self._highest = 0

    def reception(self, now_ns: int) -> Reception | None:
        """What to report; called far more often than the 16 bits of sequence numbers wrap."""
        if self.ssrc is None or self.depayloader.next_seq < 0:
            return None
        last = (self.depayloader.next_seq - 1) & 0xFFFF
        before, self._highest = self._highest, self._highest & ~0xFFFF | last
        if self._highest < before:
            self._highest += 0x10000
        lost, self._lost_reported = self.depayloader.lost - self._lost_reported, self.depayloader.lost
        expected = max(self._highest - before, 1)
        middle = self.report.ntp_middle if self.report is not None else 0
        fraction = min(256 * lost // expected, 255)
        return Reception(
            self.ssrc, fraction, self.depayloader.lost, self._highest, middle, now_ns - self.report_boot_ns
        )


class Receiver:
    """One connection's packets, until it ends.

    Args:
        epoch: of the session.
        own_ssrc: ours, for reports.
        emit: takes events.
        on_message: takes RTSP messages, in order with the packets.
    """

    def __init__(
        self,
        epoch: Epoch,
        own_ssrc: int,
        emit: Callable[[CaptureEvent], None],
        on_message: Callable[[Message], None],
    ) -> None:
        self.line: MediaLine | None = None
        self.codec = Codec.H264
        self.described_size: tuple[int, int] | None = None
        self.next_report_ns: int | None = None
        self.first_unit_ns: int | None = None
        """When the first unit came, boot-time clock."""
        self._epoch = epoch
        self._own_ssrc = own_ssrc
        self._emit = emit
        self._wire = Wire(on_message, self._on_rtcp)
        self._skipped_told = 0
        self._ears: dict[Track, _Ear] = {}
        self._video: NalDepayloader | None = None
        self._audio: AudioDepayloader | None = None
        self._goodbye: Callable[[str], None] | None = None
        self._now_ns = 0

    def prepare(self, agreed: Agreed, transcoder: AudioTranscoder | None, goodbye: Callable[[str], None]) -> None:
        """The tracks are set up; packets may come any moment. ``goodbye`` is called if the sender leaves."""
        offer = agreed.video
        if offer is None:
            return
        self._goodbye = goodbye
        self.codec = offer.codec
        sets = ParameterSets(offer.codec, sprop_sets(offer.format.fmtp))
        built = sets.build()
        self.described_size = (built[0].width, built[0].height) if built is not None else None
        self.line = MediaLine(self._epoch, offer.format.clock_rate, sets, self._emit)
        for setup in agreed.tracks:
            if setup.track is Track.VIDEO:
                self._video = H264Depayloader() if offer.codec is Codec.H264 else H265Depayloader()
                self._listen(setup, self._video, offer.format.payload_type)
            elif agreed.audio is not None and (agreed.audio.aac is not None or transcoder is not None):
                aac = agreed.audio.aac
                self._audio = AacDepayloader(aac) if aac is not None else RawDepayloader()
                self.line.add_audio(agreed.audio, transcoder)
                self._listen(setup, self._audio, agreed.audio.format.payload_type)

    def _listen(self, setup: TrackSetup, depayloader: NalDepayloader | AudioDepayloader, payload_type: int) -> None:
        self._ears[setup.track] = _Ear(setup, depayloader)
        self._wire.connect(setup.track, setup.channel, setup.rtcp_channel, payload_type, depayloader.feed)

    @property
    def has_audio(self) -> bool:
        """Audio is being taken."""
        return self._audio is not None

    @property
    def anything(self) -> bool:
        """At least one RTP packet came."""
        return any(ear.depayloader.next_seq >= 0 for ear in self._ears.values())

    def take(self, buffer: bytearray, view: memoryview, end: int, boot_ns: int, utc_ns: int) -> int:
        """Take ``buffer[:end]``, read at ``boot_ns`` = ``utc_ns``. Returns how much of it is done with.

        Raises:
            RtspSyntaxError: it is neither RTSP nor can be passed over.
        """
        self._now_ns = boot_ns
        try:
            return self._wire.walk(buffer, view, 0, end)
        finally:
            self._gather(boot_ns, utc_ns)

    def _gather(self, boot_ns: int, utc_ns: int) -> None:
        line, video, audio = self.line, self._video, self._audio
        if line is None or video is None:
            return
        # The buffer these views look into belongs to the next session's batch in a moment.
        video.detach()
        if video.units:
            line.utc.set_host(boot_ns, utc_ns)
            for picture in video.units:
                line.take_video(picture, boot_ns)
            video.units.clear()
            self._wire.forgive()
            if self.first_unit_ns is None and line.units:
                self.first_unit_ns = boot_ns
        if audio is not None and audio.units:
            before = len(line.units)
            for frame in audio.units:
                line.take_audio(frame, boot_ns)
            audio.units.clear()
            if before and len(line.units) > before:
                # One batch holds many of both; in the order in which they were taken.
                line.units.sort(key=lambda unit: (unit.dts_ns, unit.track))
        self._notice_losses()

    def _notice_losses(self) -> None:
        for track, ear in self._ears.items():
            lost, damaged = ear.depayloader.lost, ear.depayloader.damaged
            if lost != ear.lost_told:
                self._emit(StreamNotice(NoticeKind.PACKETS_LOST, lost - ear.lost_told, track.name.lower()))
                ear.lost_told = lost
            if damaged != ear.damaged_told:
                self._emit(StreamNotice(NoticeKind.UNIT_DAMAGED, damaged - ear.damaged_told, track.name.lower()))
                ear.damaged_told = damaged
        if self._wire.skipped != self._skipped_told:
            self._emit(StreamNotice(NoticeKind.RESYNC, self._wire.skipped - self._skipped_told))
            self._skipped_told = self._wire.skipped

    def take_units(self) -> Sequence[AccessUnit]:
        """The units since the last call."""
        if self.line is None or not self.line.units:
            return ()
        units, self.line.units = self.line.units, []
        return units

    # -- RTCP -------------------------------------------------------------------------------------

    def _on_rtcp(self, track: Track, data: bytes) -> None:
        ear = self._ears.get(track)
        if ear is None or self.line is None:
            return
        for item in parse_rtcp(data):
            if isinstance(item, SenderReport):
                ear.ssrc, ear.report, ear.report_boot_ns = item.ssrc, item, self._now_ns
                self.line.take_report(track, item)
            elif track is Track.VIDEO and self._goodbye is not None:
                self._goodbye("the camera said goodbye (RTCP BYE)")

    def report_due(self, now_ns: int) -> bytes:
        """Receiver reports as interleaved frames if it is time for them, else nothing."""
        if self.next_report_ns is None:
            self.next_report_ns = now_ns + REPORT_NS
        if now_ns < self.next_report_ns:
            return b""
        self.next_report_ns = now_ns + REPORT_NS
        out = b""
        for ear in self._ears.values():
            report = build_receiver_report(self._own_ssrc, ear.reception(now_ns))
            out += struct.pack(">BBH", 0x24, ear.setup.rtcp_channel, len(report)) + report
        return out

    def close(self) -> None:
        """Let go of the transcoder; units taken before stay."""
        if self.line is not None:
            self.line.close()
