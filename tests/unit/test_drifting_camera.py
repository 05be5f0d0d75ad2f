"""A day of a camera whose crystal is off, simulated from its RTP time stamps to its files and its ledger."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest

from evertape.domain.cause import Cause
from evertape.engine.recording import RecordingBranch
from evertape.ipc.events import GapClosed, GapOpened
from evertape.ipc.messages import CameraSettings, CloseSegment
from evertape.media.capture import CapsChanged, StreamNotice
from evertape.media.ring import Ring
from evertape.media.rtsp.depay import RawUnit
from evertape.media.rtsp.parameters import ParameterSets
from evertape.media.rtsp.rtcp import SenderReport
from evertape.media.rtsp.tracks import MediaLine
from evertape.types import NS_PER_MS, NS_PER_S, Codec, Epoch, StreamCaps, Track
from evertape_lab.canned import PPS, SPS
from evertape_lab.fake_disk import FakeHost, FakeLink

FRAME_AT_25 = 40 * NS_PER_MS
DAYS = 1
SETTINGS = CameraSettings(
    id="cam_01", name="", url="rtsp://x", rotation_ns=600 * NS_PER_S, rotation_align=True, fragment_ns=NS_PER_S
)
PICTURE = b"\0\0\0\2\x65\x88"


class Camera:
    """One picture a second by its own crystal, each a keyframe, through the receiver's time line into a ring."""

    def __init__(self, host: FakeHost, ring: Ring, ppm: int, reports: bool) -> None:
        self._host, self._ring, self._ppm, self._reports = host, ring, ppm, reports
        self.told: list[StreamNotice] = []
        self._caps: dict[int, StreamCaps] = {}
        self._line = MediaLine(Epoch("e" * 32), 90000, ParameterSets(Codec.H264, [SPS, PPS]), self._hear)
        self._begin_boot, self._begin_utc = host.clock.boot_ns(), host.clock.utc_ns()

    def _hear(self, event: object) -> None:
        if isinstance(event, CapsChanged):
            self._caps[event.caps.id] = event.caps
        elif isinstance(event, StreamNotice):
            self.told.append(event)

    def send(self, n: int) -> None:
        """Picture ``n``; its true moment is what the host's clock says when it arrives."""
        due = self._begin_boot + n * NS_PER_S * (1_000_000 + self._ppm) // 1_000_000
        self._host.hands.advance(due - self._host.clock.boot_ns())
        boot, utc = self._host.clock.boot_ns(), self._host.clock.utc_ns()
        self._line.utc.set_host(boot, utc)
        rtp = (0xFFFF0000 + n * 90000) & 0xFFFFFFFF
        if self._reports and n % 5 == 1:
            self._line.take_report(Track.VIDEO, SenderReport(1, utc, 0, rtp))
        self._line.take_video(RawUnit(rtp, PICTURE, True, ()), boot)
        for unit in self._line.units:
            assert self._ring.append(unit, self._caps[unit.caps_id])
        self._line.units.clear()


def closed(link: FakeLink) -> Iterator[CloseSegment]:
    return (file.closed for file in link.files.values() if file.closed is not None)


@pytest.mark.parametrize("ppm, reports", [(-200, True), (200, False)], ids=["with_sender_reports", "without"])
def test_a_day_of_drift_loses_no_frame_makes_no_gap_and_moves_no_file_by_a_frame(ppm: int, reports: bool) -> None:
    link = FakeLink("usb")
    host, ring = FakeHost(link), Ring()
    branch = RecordingBranch(SETTINGS, ring, host)
    branch.capture_back()
    branch.start("test")
    camera = Camera(host, ring, ppm, reports)
    pictures = DAYS * 24 * 3600
    for n in range(pictures):
        camera.send(n)
        if n % 10 == 9:
            branch.pump(host.clock.boot_ns())
            link.work()
            while (gop := ring.oldest) is not None and gop.end <= branch.needed_from:
                ring.evict()
    branch.stop("test")
    link.work()

    assert sum(len(part) for file in link.files.values() for part in file.fragments) == pictures
    causes = {e.cause for e in host.events if isinstance(e, GapOpened | GapClosed)}
    assert causes <= {Cause.STARTING, Cause.STOPPED_BY_PERSON}
    assert camera.told == []
    files = list(closed(link))
    assert len(files) >= DAYS * 24 * 6
    apart = [abs(after.start_utc - before.end_utc) for before, after in pairwise(files)]
    assert max(apart[1:]) <= FRAME_AT_25
