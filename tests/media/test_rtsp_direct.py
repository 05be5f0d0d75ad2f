"""The direct receiver against the lab's cameras: real RTSP by gst-rtsp-server, numbered pictures."""

from __future__ import annotations

import select
import time
import uuid
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest

from evertape.clock import SystemClock
from evertape.domain.failure import FailureKind
from evertape.media.capture import (
    Backend,
    CaptureEvent,
    CaptureRequest,
    CaptureSession,
    SessionFailed,
    SessionOpened,
    StreamNotice,
    open_session,
)
from evertape.media.rtsp.options_probe import OptionsProbe, ProbeState
from evertape.types import NS_PER_MS, AccessUnit, Codec, Epoch, Track, UtcSource
from evertape_lab.fleet import LabCameras
from evertape_lab.sei import SeenFrame, find_frames

FRAME_NS = 40 * NS_PER_MS


class Recording:
    """Drives one session as a recorder does: batches of 100 ms, prompt only where the session asks for it."""

    def __init__(self, url: str, **request: object) -> None:
        self.units: list[AccessUnit] = []
        self.events: list[CaptureEvent] = []
        self.clock = SystemClock()
        fields = {"url": url, "epoch": Epoch(uuid.uuid4().hex), "backend": Backend.DIRECT, **request}
        self.session: CaptureSession = open_session(CaptureRequest(**fields), self.clock)  # type: ignore[arg-type]
        self.session.start()

    def until(self, condition: Callable[[], bool], seconds: float = 15) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.events
            self.step()

    def step(self) -> None:
        wanted, fd = self.session.next_deadline_ns(), self.session.fileno()
        wait = 0.1 if wanted is None else min(0.1, max(0.0, (wanted - self.clock.boot_ns()) / 1e9))
        select.select([fd] if fd is not None else [], [], [], wait)
        self.units += self.session.drain()
        self.events += self.session.events()

    def video(self) -> list[AccessUnit]:
        return [u for u in self.units if u.track is Track.VIDEO]

    def frames(self) -> list[SeenFrame]:
        found = [list(find_frames(u.data)) for u in self.video()]
        assert all(len(frames) == 1 for frames in found)
        return [frames[0] for frames in found]

    def failed(self) -> SessionFailed | None:
        return next((e for e in self.events if isinstance(e, SessionFailed)), None)

    def failure(self, seconds: float = 5) -> SessionFailed:
        self.until(lambda: self.failed() is not None, seconds)
        failed = self.failed()
        assert failed is not None
        return failed


Record = Callable[..., Recording]


@pytest.fixture
def record() -> Iterator[Record]:
    made: list[Recording] = []

    def make(url: str, **request: object) -> Recording:
        made.append(Recording(url, **request))
        return made[-1]

    yield make
    for recording in made:
        recording.session.close()


@pytest.fixture(scope="module")
def camera() -> Iterator[LabCameras]:
    with LabCameras(audio="aac") as cameras:
        yield cameras


def assert_every_frame_once(recording: Recording) -> None:
    numbers = [frame.n for frame in recording.frames()]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert [u.seq for u in recording.video()] == list(range(len(numbers)))
    assert not [e for e in recording.events if isinstance(e, StreamNotice)]


def test_every_frame_is_there_once_and_in_time(camera: LabCameras, record: Record) -> None:
    recording = record(camera.urls[0])
    recording.until(lambda: len(recording.video()) >= 150)
    assert recording.failed() is None
    assert_every_frame_once(recording)
    video = recording.video()
    assert video[0].key
    assert all(b.dts_ns - a.dts_ns == FRAME_NS for a, b in pairwise(video))
    assert {u.key for u in video[1::25]} | {u.key for u in video[:1]} == {True, False}
    # UTC within one frame of what the camera wrote into the picture, before and after its first report.
    assert {u.utc_source for u in video} == {UtcSource.ARRIVAL, UtcSource.RTCP}
    for unit, frame in zip(video, recording.frames(), strict=True):
        assert abs(unit.utc_ns - frame.utc_ns) < FRAME_NS, (unit.seq, unit.utc_source)


def test_aac_comes_without_holes_beside_the_video(camera: LabCameras, record: Record) -> None:
    recording = record(camera.urls[0])
    recording.until(lambda: len(recording.video()) >= 75)
    opened = next(e for e in recording.events if isinstance(e, SessionOpened))
    assert opened.audio is not None
    audio = [u for u in recording.units if u.track is Track.AUDIO]
    assert [u.seq for u in audio] == list(range(len(audio)))
    frame_ns = 1024 * 1_000_000_000 // int(opened.audio.split()[1])
    steps = [b.dts_ns - a.dts_ns for a, b in pairwise(audio)]
    assert len(steps) > 30
    assert all(abs(step - frame_ns) < NS_PER_MS for step in steps)
    assert abs(audio[-1].dts_ns - recording.video()[-1].dts_ns) < 250 * NS_PER_MS


@pytest.mark.parametrize("bframes", [0, 2])
def test_h265_is_received_with_and_without_reordering(record: Record, bframes: int) -> None:
    with LabCameras(codec="h265", bframes=bframes) as cameras:
        recording = record(cameras.urls[0])
        recording.until(lambda: len(recording.video()) >= 60)
        opened = next(e for e in recording.events if isinstance(e, SessionOpened))
        assert (opened.codec, opened.width, opened.height) == (Codec.H265, 640, 360)
        check_reordered(recording, bframes)


def test_h264_with_b_frames_rises_in_dts(record: Record) -> None:
    with LabCameras(bframes=2) as cameras:
        recording = record(cameras.urls[0])
        recording.until(lambda: len(recording.video()) >= 60)
        check_reordered(recording, 2)


def check_reordered(recording: Recording, bframes: int) -> None:
    video = recording.video()
    assert all(b.dts_ns > a.dts_ns for a, b in pairwise(video))
    assert all(u.pts_ns >= u.dts_ns for u in video)
    assert any(u.pts_ns > u.dts_ns for u in video) == (bframes > 0)
    shown = sorted(u.pts_ns for u in video[:-8])
    assert all(b - a == FRAME_NS for a, b in pairwise(shown[: len(shown) - 8]))
    numbers = sorted(frame.n for frame in recording.frames())
    assert len(set(numbers)) == len(numbers)


def test_the_right_password_opens_and_the_wrong_one_is_said(record: Record) -> None:
    with LabCameras(user="admin", password="p@ss word") as cameras:
        url = cameras.urls[0].replace("admin:p%40ss%20word@", "")
        right = record(url, user="admin", password="p@ss word")
        right.until(lambda: len(right.video()) >= 5)
        opened = next(e for e in right.events if isinstance(e, SessionOpened))
        assert opened.auth in ("basic", "digest-md5")
        wrong = record(url, user="admin", password="guess").failure()
        assert (wrong.kind, wrong.detail.rtsp_status) == (FailureKind.AUTH_FAILED, 401)
        assert record(url).failure().kind is FailureKind.AUTH_FAILED


def test_a_wrong_path_is_not_found(camera: LabCameras, record: Record) -> None:
    failed = record(camera.urls[0] + "_nowhere").failure()
    assert (failed.kind, failed.detail.rtsp_status) == (FailureKind.NOT_FOUND, 404)


@pytest.mark.timed
def test_a_killed_camera_is_noticed_within_a_second(record: Record) -> None:
    with LabCameras() as cameras:
        recording = record(cameras.urls[0])
        recording.until(lambda: len(recording.video()) >= 100)  # past the seconds in which the socket is watched
        cameras.kill()
        began = time.monotonic()
        assert recording.failure().kind is FailureKind.RESET
        assert time.monotonic() - began < 1
        assert_every_frame_once(recording)


def test_end_of_stream_is_a_failure(record: Record) -> None:
    with LabCameras() as cameras:
        recording = record(cameras.urls[0])
        recording.until(lambda: len(recording.video()) >= 10)
        cameras.eos()
        assert recording.failure().kind in (FailureKind.EOS, FailureKind.RESET)


def test_sixteen_sessions_on_one_thread_lose_nothing(record: Record) -> None:
    with LabCameras(16) as cameras:
        recordings = [record(url) for url in cameras.urls]
        deadline = time.monotonic() + 20
        while min(len(r.video()) for r in recordings) < 75 and time.monotonic() < deadline:
            time.sleep(0.05)
            for recording in recordings:
                recording.units += recording.session.drain()
                recording.events += recording.session.events()
        for index, recording in enumerate(recordings):
            assert len(recording.video()) >= 75
            assert_every_frame_once(recording)
            assert {frame.camera for frame in recording.frames()} == {f"cam_{index + 1:02}"}


def test_the_probe_tells_a_frozen_camera_from_a_live_one(record: Record) -> None:
    clock = SystemClock()
    with LabCameras() as cameras:
        states = []
        for frozen in (False, True):
            if frozen:
                cameras.freeze()
            probe = OptionsProbe(cameras.urls[0], clock)
            probe.start()
            deadline = time.monotonic() + 3
            while probe.poll() is ProbeState.PENDING and time.monotonic() < deadline:
                fd = probe.fileno()
                select.select([fd] if fd is not None else [], [], [], 0.01)
            states.append(probe.state)
        cameras.thaw()
    assert states == [ProbeState.ANSWERED, ProbeState.FAILED]
