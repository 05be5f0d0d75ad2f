"""What every capture session promises, whoever implements it: the same cases against each, with real cameras."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from uuid import uuid4

import pytest

from evertape.clock import SystemClock
from evertape.domain.failure import FailureKind
from evertape.media.capture import (
    Backend,
    CapsChanged,
    CaptureEvent,
    CaptureRequest,
    CaptureSession,
    ClockReport,
    NoticeKind,
    SessionFailed,
    SessionOpened,
    StreamNotice,
    TranscoderFactory,
    Transport,
    open_session,
)
from evertape.media.gst.audio import make_transcoder
from evertape.types import NS_PER_MS, NS_PER_S, AccessUnit, Codec, Epoch, Track, UtcSource
from evertape_lab import LabCameras
from evertape_lab.fleet import free_port
from evertape_lab.sei import SeenFrame, find_frames

SIZE = "320x192"
FRAME_NS = 40 * NS_PER_MS
WAYS = [
    pytest.param((Backend.DIRECT, Transport.TCP), id="direct"),
    pytest.param((Backend.RTSPSRC, Transport.TCP), id="rtspsrc-tcp"),
    pytest.param((Backend.RTSPSRC, Transport.UDP), id="rtspsrc-udp"),
]
TCP_WAYS = WAYS[:2]
Way = tuple[Backend, Transport]


@dataclass
class Watched:
    """A session and everything that came out of it, in order."""

    session: CaptureSession
    units: list[AccessUnit]
    events: list[CaptureEvent]

    def round(self) -> None:
        units = self.session.drain()
        for event in self.session.events():
            if isinstance(event, CapsChanged):
                assert all(unit.caps_id < event.caps.id for unit in self.units)
            self.events.append(event)
        self.units += units

    def until(self, condition: Callable[[], bool], what: str, seconds: float = 15) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"waited {seconds} s in vain: {what}; events: {self.events}"
            assert condition() or self.failure is None, f"failed instead: {what}; {self.failure}"
            time.sleep(0.01)
            self.round()

    @property
    def failure(self) -> SessionFailed | None:
        return next((event for event in self.events if isinstance(event, SessionFailed)), None)

    @property
    def opened(self) -> SessionOpened:
        return next(event for event in self.events if isinstance(event, SessionOpened))

    @property
    def caps(self) -> CapsChanged:
        return next(event for event in self.events if isinstance(event, CapsChanged))

    def track(self, track: Track) -> list[AccessUnit]:
        return [unit for unit in self.units if unit.track is track]

    def frames(self) -> list[SeenFrame]:
        found = [list(find_frames(unit.data)) for unit in self.track(Track.VIDEO)]
        assert all(len(marks) == 1 for marks in found)
        return [marks[0] for marks in found]

    def failed(self, seconds: float = 10) -> SessionFailed:
        self.until(lambda: self.failure is not None, "the session fails", seconds)
        assert self.failure is not None
        return self.failure


@contextmanager
def watching(
    url: str,
    way: Way,
    *,
    user: str | None = None,
    password: str | None = None,
    transcoder: TranscoderFactory | None = make_transcoder,
    **options: int | bool,
) -> Iterator[Watched]:
    request = CaptureRequest(
        url,
        Epoch(uuid4().hex),
        user=user,
        password=password,
        backend=way[0],
        transport=way[1],
        **options,  # type: ignore[arg-type]
    )
    session = open_session(request, SystemClock(), transcoder)
    with closing(session):
        session.start()
        yield Watched(session, [], [])


@pytest.fixture(scope="module")
def camera() -> Iterator[LabCameras]:
    with LabCameras(1, size=SIZE) as cameras:
        yield cameras


@pytest.mark.parametrize("way", WAYS)
def test_every_frame_comes_once_and_in_order(camera: LabCameras, way: Way) -> None:
    with watching(camera.urls[0], way) as seen:
        seen.until(lambda: len(seen.track(Track.VIDEO)) >= 60, "60 frames")
        units, frames = seen.track(Track.VIDEO), seen.frames()
    assert units[0].key
    assert [unit.seq for unit in units] == list(range(len(units)))
    numbers = [frame.n for frame in frames]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert all(later.dts_ns > earlier.dts_ns for earlier, later in pairwise(units))
    assert all(unit.pts_ns >= unit.dts_ns for unit in units)
    assert abs(units[0].dts_ns) < FRAME_NS
    length_ns = units[-1].pts_ns - units[0].pts_ns
    assert length_ns == pytest.approx((len(units) - 1) * FRAME_NS, abs=20 * NS_PER_MS)
    assert {unit.key for unit in units[1:25]} == {False}
    assert {unit.epoch for unit in units} == {seen.session.epoch}


@pytest.mark.parametrize("way", WAYS)
def test_the_session_says_what_it_agreed_on(camera: LabCameras, way: Way) -> None:
    with watching(camera.urls[0], way) as seen:
        seen.until(lambda: len(seen.units) >= 1, "a frame")
    assert isinstance(seen.events[0], SessionOpened)
    opened = seen.opened
    assert (opened.codec, opened.width, opened.height) == (Codec.H264, 320, 192)
    assert (opened.audio, opened.transport, opened.backend) == (None, way[1], way[0])
    assert (opened.auth, opened.encrypted, opened.verified) == ("none", False, False)
    video = seen.caps.caps.video
    assert (seen.caps.caps.id, video.codec, video.width, video.height) == (0, Codec.H264, 320, 192)
    assert video.config[0] == 1
    assert seen.caps.caps.audio is None


@pytest.mark.parametrize("way", WAYS)
def test_utc_is_right_to_a_frame_before_and_after_the_first_report(camera: LabCameras, way: Way) -> None:
    with watching(camera.urls[0], way) as seen:
        seen.until(lambda: seen.units != [] and seen.units[-1].utc_source is UtcSource.RTCP, "a sender report")
        seen.until(lambda: len(seen.units) > 25, "a second of video")
        units, frames = seen.track(Track.VIDEO), seen.frames()
    assert units[0].utc_source is UtcSource.ARRIVAL
    off = [abs(unit.utc_ns - frame.utc_ns) for unit, frame in zip(units, frames, strict=True)]
    assert max(off) < FRAME_NS
    assert all(error <= unit.utc_error_ns for error, unit in zip(off, units, strict=True))
    reports = [event for event in seen.events if isinstance(event, ClockReport)]
    assert all(report.offset_ns is not None and abs(report.offset_ns) < FRAME_NS for report in reports)


@pytest.mark.parametrize("way", WAYS)
def test_arrival_is_between_capture_and_now(camera: LabCameras, way: Way) -> None:
    clock = SystemClock()
    with watching(camera.urls[0], way) as seen:
        seen.until(lambda: len(seen.units) >= 50, "50 frames")
        units, frames = seen.track(Track.VIDEO), seen.frames()
        host_ns = clock.utc_ns() - clock.boot_ns()
    for unit, frame in zip(units[25:], frames[25:], strict=True):
        assert -10 * NS_PER_MS < unit.arrival_ns + host_ns - frame.utc_ns < 150 * NS_PER_MS


@pytest.mark.parametrize("way", WAYS)
def test_h265_with_b_frames_is_in_decoding_order(way: Way) -> None:
    with LabCameras(1, size=SIZE, codec="h265", gop=12, bframes=2) as camera, watching(camera.urls[0], way) as seen:
        seen.until(lambda: seen.units != [] and seen.units[-1].utc_source is UtcSource.RTCP, "a sender report")
        seen.until(lambda: len(seen.units) >= 60, "60 frames")
        units, frames = seen.units, seen.frames()
    assert seen.caps.caps.video.codec is Codec.H265
    numbers = [frame.n for frame in frames]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    shown = [frame.utc_ns for _, frame in sorted(zip(units, frames, strict=True), key=lambda pair: pair[0].pts_ns)]
    assert shown == sorted(shown)
    assert all(later.dts_ns > earlier.dts_ns for earlier, later in pairwise(units))
    assert any(unit.pts_ns > unit.dts_ns for unit in units)
    for unit, frame in zip(units, frames, strict=True):
        # Before the first report nobody can tell a picture that waited for its reference from a slow network.
        allowed = FRAME_NS if unit.utc_source is UtcSource.RTCP else 5 * FRAME_NS
        assert abs(unit.utc_ns - frame.utc_ns) < allowed
    assert units[-1].utc_source is UtcSource.RTCP


@pytest.fixture(scope="module")
def sounding_camera() -> Iterator[LabCameras]:
    with LabCameras(1, size=SIZE, gop=5, audio="aac") as cameras:
        yield cameras


@pytest.mark.parametrize("way", WAYS)
def test_aac_comes_beside_the_video(sounding_camera: LabCameras, way: Way) -> None:
    with watching(sounding_camera.urls[0], way) as seen:
        seen.until(lambda: len(seen.track(Track.AUDIO)) >= 20, "20 audio frames")
        seen.until(lambda: len(seen.track(Track.VIDEO)) >= 25, "25 frames")
    audio = seen.caps.caps.audio
    assert audio is not None
    assert (audio.codec, audio.channels) == (Codec.AAC, 1)
    assert seen.opened.audio == f"aac {audio.rate} Hz 1 ch"
    units = seen.track(Track.AUDIO)
    assert [unit.seq for unit in units] == list(range(len(units)))
    frame_ns = 1024 * NS_PER_S // audio.rate
    steps = [later.pts_ns - earlier.pts_ns for earlier, later in pairwise(units)]
    assert sum(steps) == pytest.approx(len(steps) * frame_ns, abs=frame_ns)
    assert max(steps) < 2 * frame_ns
    assert not units[0].data.startswith(b"\xff\xf1")
    assert all(unit.key and unit.dts_ns == unit.pts_ns for unit in units)
    numbers = [frame.n for frame in seen.frames()]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


@pytest.fixture(scope="module", params=["pcmu", "pcma"])
def g711_camera(request: pytest.FixtureRequest) -> Iterator[tuple[LabCameras, str]]:
    with LabCameras(1, size=SIZE, gop=5, audio=request.param) as cameras:
        yield cameras, request.param


@pytest.mark.parametrize("way", TCP_WAYS)
def test_g711_becomes_aac(g711_camera: tuple[LabCameras, str], way: Way) -> None:
    camera, law = g711_camera
    with watching(camera.urls[0], way) as seen:
        seen.until(lambda: len(seen.track(Track.AUDIO)) >= 10, "10 audio frames")
    assert seen.opened.audio == f"{law} 8000 Hz 1 ch"
    audio = seen.caps.caps.audio
    assert audio is not None
    assert (audio.codec, audio.rate, audio.channels, audio.config) == (Codec.AAC, 8000, 1, bytes.fromhex("1588"))
    units = seen.track(Track.AUDIO)
    steps = [later.pts_ns - earlier.pts_ns for earlier, later in pairwise(units)]
    assert all(abs(step - 128 * NS_PER_MS) < 10 * NS_PER_MS for step in steps)


@pytest.mark.parametrize("way", TCP_WAYS)
def test_g711_that_nobody_encodes_is_reported_and_video_goes_on(g711_camera: tuple[LabCameras, str], way: Way) -> None:
    with watching(g711_camera[0].urls[0], way, transcoder=None) as seen:
        seen.until(lambda: len(seen.track(Track.VIDEO)) >= 25, "25 frames")
    assert seen.opened.audio is None
    assert seen.track(Track.AUDIO) == []
    notices = [event.kind for event in seen.events if isinstance(event, StreamNotice)]
    assert notices == [NoticeKind.AUDIO_UNSUPPORTED]


@pytest.mark.parametrize("way", TCP_WAYS)
def test_silent_audio_does_not_touch_the_video(sounding_camera: LabCameras, way: Way) -> None:
    camera = sounding_camera
    with watching(camera.urls[0], way) as seen:
        seen.until(lambda: len(seen.track(Track.AUDIO)) >= 5, "audio")
        camera.mute()
        seen.until(lambda: seen.units[-1].track is Track.VIDEO, "video")
        before = len(seen.track(Track.VIDEO))
        seen.until(lambda: len(seen.track(Track.VIDEO)) >= before + 50, "50 frames", 4)
        heard = len(seen.track(Track.AUDIO))
        camera.unmute()
        seen.until(lambda: len(seen.track(Track.AUDIO)) >= heard + 10, "audio again")
        numbers = [frame.n for frame in seen.frames()]
        sound = seen.track(Track.AUDIO)
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    hole = max(later.pts_ns - earlier.pts_ns for earlier, later in pairwise(sound))
    assert hole > NS_PER_S
    assert all(later.dts_ns > earlier.dts_ns for earlier, later in pairwise(sound))


@pytest.fixture(scope="module")
def locked_camera() -> Iterator[LabCameras]:
    with LabCameras(1, size=SIZE, gop=5, user="admin", password="p@ss/word") as cameras:
        yield cameras


@pytest.mark.parametrize("way", WAYS)
def test_credentials_are_used(locked_camera: LabCameras, way: Way) -> None:
    with watching(locked_camera.urls[0], way) as seen:
        seen.until(lambda: len(seen.units) >= 1, "a frame")
    assert seen.opened.auth == ("digest-md5" if way[0] is Backend.DIRECT else "")


@pytest.mark.parametrize("way", TCP_WAYS)
@pytest.mark.parametrize("password", ["wrong", None])
def test_a_wrong_or_missing_password_is_called_that(locked_camera: LabCameras, way: Way, password: str | None) -> None:
    bare = f"rtsp://127.0.0.1:{locked_camera.port}/cam_01"
    user = None if password is None else "admin"
    with watching(bare, way, user=user, password=password) as seen:
        failure = seen.failed()
    assert failure.kind is FailureKind.AUTH_FAILED
    assert failure.detail.rtsp_status == 401
    assert "wrong" not in str(failure)


@pytest.mark.parametrize("way", WAYS)
def test_an_unknown_path_is_called_that(camera: LabCameras, way: Way) -> None:
    with watching(f"rtsp://127.0.0.1:{camera.port}/nope", way) as seen:
        failure = seen.failed()
    assert (failure.kind, failure.detail.rtsp_status) == (FailureKind.NOT_FOUND, 404)


@pytest.mark.parametrize("way", WAYS)
def test_a_killed_camera_is_noticed_within_a_second_and_nothing_before_it_is_lost(way: Way) -> None:
    with LabCameras(1, size=SIZE, gop=5) as camera, watching(camera.urls[0], way) as seen:
        seen.until(lambda: len(seen.units) >= 25, "25 frames")
        camera.kill()
        failure = seen.failed(1)
        numbers = [frame.n for frame in seen.frames()]
        count = len(seen.events)
        seen.round()
    assert failure.kind in (FailureKind.RESET, FailureKind.EOS)
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert len(seen.events) == count
    assert seen.events[-1] is failure


@pytest.mark.parametrize("way", WAYS)
def test_the_end_of_the_stream_is_a_failure(way: Way) -> None:
    with LabCameras(1, size=SIZE, gop=5) as camera, watching(camera.urls[0], way) as seen:
        seen.until(lambda: len(seen.units) >= 5, "frames")
        camera.eos()
        failure = seen.failed(3)
    assert failure.kind is FailureKind.EOS


@pytest.mark.parametrize("way", TCP_WAYS)
def test_a_closed_port_is_called_refused(way: Way) -> None:
    with watching(f"rtsp://127.0.0.1:{free_port()}/cam", way) as seen:
        failure = seen.failed()
    assert failure.kind is FailureKind.REFUSED


@pytest.mark.parametrize("way", TCP_WAYS)
def test_an_unknown_host_is_called_unreachable(way: Way) -> None:
    with watching("rtsp://no-such-host.invalid/cam", way) as seen:
        assert seen.failed(30).kind is FailureKind.UNREACHABLE


@contextmanager
def peer(reply: bytes | None) -> Iterator[int]:
    """A server on a port that says ``reply`` to whatever comes, or nothing at all, ever."""
    listener = socket.create_server(("127.0.0.1", 0))
    held: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            held.append(client)
            if reply is not None:
                client.recv(4096)
                client.sendall(reply)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
        for client in held:
            client.close()


@pytest.mark.parametrize("way", TCP_WAYS)
def test_a_server_that_says_nothing_is_called_a_timeout(way: Way) -> None:
    with peer(None) as port, watching(f"rtsp://127.0.0.1:{port}/", way, connect_timeout_ns=NS_PER_S) as seen:
        assert seen.failed(4).kind is FailureKind.TIMEOUT


@pytest.mark.parametrize("way", TCP_WAYS)
@pytest.mark.parametrize("reply", [b"\x00\x01garbage\r\n\r\n" * 20, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"])
def test_a_server_that_does_not_speak_rtsp_is_called_that(way: Way, reply: bytes) -> None:
    with peer(reply) as port, watching(f"rtsp://127.0.0.1:{port}/", way) as seen:
        assert seen.failed().kind is FailureKind.PROTOCOL


@pytest.mark.parametrize("way", TCP_WAYS)
def test_without_media_the_session_fails(way: Way) -> None:
    with LabCameras(1, size=SIZE, gop=5) as camera:
        camera.pause()
        with watching(camera.urls[0], way, no_media_timeout_ns=NS_PER_S) as seen:
            assert seen.failed(8).kind is FailureKind.NO_MEDIA


@pytest.mark.parametrize("way", TCP_WAYS)
def test_another_resolution_in_mid_stream_is_a_caps_change_at_a_keyframe(way: Way) -> None:
    with changing_camera() as (url, change), watching(url, way) as seen:
        seen.until(lambda: len(seen.units) >= 10, "frames")
        change()
        seen.until(lambda: seen.units[-1].caps_id == 1, "the other caps")
        units = seen.units
    changes = [event.caps for event in seen.events if isinstance(event, CapsChanged)]
    assert [(caps.id, caps.video.width) for caps in changes] == [(0, 320), (1, 640)]
    assert next(unit for unit in units if unit.caps_id == 1).key
    assert [unit.seq for unit in units] == list(range(len(units)))


@contextmanager
def changing_camera() -> Iterator[tuple[str, Callable[[], None]]]:
    """A camera whose picture can be made larger while it plays."""
    from evertape_lab.gstreamer import GLib, Gst, GstRtspServer

    size = [320]
    found: list[object] = []
    server = GstRtspServer.RTSPServer.new()
    server.set_service("0")
    factory = GstRtspServer.RTSPMediaFactory.new()
    factory.set_launch(
        "( videotestsrc is-live=true ! videoscale ! capsfilter name=size caps=video/x-raw,width=320,height=192 "
        "! x264enc tune=zerolatency key-int-max=10 speed-preset=ultrafast ! rtph264pay config-interval=-1 name=pay0 )"
    )
    factory.set_shared(True)
    factory.connect("media-configure", lambda _f, media: found.append(media.get_element().get_by_name("size")))
    server.get_mount_points().add_factory("/cam", factory)
    context = GLib.MainContext.new()
    loop = GLib.MainLoop.new(context, False)
    source = server.create_source(None)
    source.attach(context)
    thread = threading.Thread(target=loop.run)
    thread.start()

    def change() -> None:
        size[0] = 640
        caps = Gst.Caps.from_string("video/x-raw,width=640,height=384")
        found[0].set_property("caps", caps)  # type: ignore[attr-defined]

    try:
        yield f"rtsp://127.0.0.1:{server.get_bound_port()}/cam", change
    finally:
        server.client_filter(lambda _server, _client: GstRtspServer.RTSPFilterResult.REMOVE)
        loop.quit()
        thread.join()
        source.destroy()
