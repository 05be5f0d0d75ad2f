"""Sender reports around a jump of the RTP clock: they are held against pictures of the same side of it."""

from __future__ import annotations

import pytest

from evertape.media.capture import CaptureEvent, ClockReport, NoticeKind, StreamNotice
from evertape.media.rtsp.depay import RawUnit
from evertape.media.rtsp.parameters import ParameterSets
from evertape.media.rtsp.rtcp import SenderReport
from evertape.media.rtsp.tracks import MediaLine
from evertape.types import NS_PER_S, Codec, Epoch, Track, UtcSource
from evertape_lab.canned import PPS, SPS

PICTURE = b"\0\0\0\x05\x65\x88\x84\0\x10"
UTC = 1_700_000_000 * NS_PER_S


class Line:
    """A camera at 25 pictures a second whose wall clock is right."""

    def __init__(self) -> None:
        self.heard: list[CaptureEvent] = []
        self.line = MediaLine(Epoch("e" * 32), 90000, ParameterSets(Codec.H264, [SPS, PPS]), self.heard.append)
        self.at = 0
        self.rtp = 1000

    def pictures(self, count: int) -> None:
        for _ in range(count):
            self.line.utc.set_host(self.at, UTC + self.at)
            self.line.take_video(RawUnit(self.rtp & 0xFFFFFFFF, PICTURE, True, ()), self.at)
            self.at += NS_PER_S // 25
            self.rtp += 3600

    def report(self, rtp: int | None = None) -> None:
        now = self.rtp if rtp is None else rtp
        self.line.take_report(Track.VIDEO, SenderReport(1, UTC + self.at, 0, now & 0xFFFFFFFF))

    @property
    def offsets(self) -> list[float]:
        return [
            event.value / NS_PER_S
            for event in self.heard
            if isinstance(event, StreamNotice) and event.kind is NoticeKind.CAMERA_CLOCK_OFFSET
        ]


@pytest.mark.parametrize("jump_s", [-80, 50, 3600])
def test_a_report_that_overtakes_the_first_picture_after_a_jump_does_not_make_the_camera_clock_wrong(
    jump_s: int,
) -> None:
    line = Line()
    line.pictures(50)
    line.report()
    line.pictures(50)
    line.rtp += jump_s * 90000
    line.report()
    line.pictures(50)
    assert line.offsets == []
    assert line.line.units[-1].utc_source is UtcSource.RTCP, "the report counts from that picture on"
    assert line.line.units[-1].utc_ns == UTC + line.at - NS_PER_S // 25


def test_a_report_that_comes_late_after_a_jump_says_nothing() -> None:
    line = Line()
    line.pictures(50)
    old = line.rtp
    line.rtp += 50 * 90000
    line.pictures(1)
    line.report(old)
    line.pictures(50)
    assert line.offsets == []
    assert line.line.units[-1].utc_source is UtcSource.ARRIVAL
    line.report()
    line.pictures(1)
    assert line.line.units[-1].utc_source is UtcSource.RTCP


def test_a_camera_clock_that_is_wrong_is_still_told() -> None:
    line = Line()
    line.pictures(50)
    line.line.take_report(Track.VIDEO, SenderReport(1, UTC + line.at + 3600 * NS_PER_S, 0, line.rtp))
    assert line.offsets == [pytest.approx(3600, abs=0.1)]
    assert [event.offset_ns for event in line.heard if isinstance(event, ClockReport)] != [None]
