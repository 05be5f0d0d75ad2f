from __future__ import annotations

from uuid import uuid4

import pytest

from evertape.domain.failure import FailureKind
from evertape.media.capture import Backend, CaptureRequest, NoticeKind, Transport
from evertape.media.probe import ProbeFailedError, probe_stream, profile_name
from evertape.types import NS_PER_MS, NS_PER_S, Codec, Epoch, UtcSource, VideoCaps
from evertape_lab import LabCameras
from evertape_lab.fleet import free_port

BACKENDS = [Backend.DIRECT, Backend.RTSPSRC]


def request(url: str, backend: Backend = Backend.AUTO, **options: str | int) -> CaptureRequest:
    return CaptureRequest(url, Epoch(uuid4().hex), backend=backend, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_probe_measures_what_the_camera_sends(backend: Backend) -> None:
    options: dict[str, str | int] = {"size": "320x192", "fps": 20, "gop": 30, "bitrate": 300, "audio": "pcma"}
    with LabCameras(1, **options) as camera:
        report = probe_stream(request(camera.urls[0], backend))
    assert (report.video.codec, report.video.width, report.video.height) == (Codec.H264, 320, 192)
    assert report.profile.startswith("Constrained Baseline ")
    assert report.fps == pytest.approx(20, abs=0.5)
    assert report.gop == 30
    assert report.gop_ns == pytest.approx(1.5 * NS_PER_S, abs=50 * NS_PER_MS)
    assert not report.b_frames
    assert report.bit_rate is not None
    assert 100_000 < report.bit_rate < 900_000
    assert report.audio_source == "pcma 8000 Hz 1 ch"
    assert report.audio is not None
    assert (report.audio.codec, report.audio.rate) == (Codec.AAC, 8000)
    assert report.clock_source is UtcSource.RTCP
    assert report.clock_offset_ns is not None
    assert abs(report.clock_offset_ns) < 100 * NS_PER_MS
    assert (report.transport, report.backend, report.auth) == (Transport.TCP, backend, "none")
    assert 0 < report.first_frame_ns < 5 * NS_PER_S


def test_a_probe_sees_b_frames_and_the_servers_name() -> None:
    with LabCameras(1, size="320x192", codec="h265", bframes=2) as camera:
        report = probe_stream(request(camera.urls[0]))
    assert report.video.codec is Codec.H265
    assert report.profile.startswith("Main ")
    assert report.b_frames
    assert "GStreamer" in report.server


def test_one_keyframe_within_the_time_gives_no_gop() -> None:
    with LabCameras(1, size="320x192", gop=100, fps=25) as camera:
        report = probe_stream(request(camera.urls[0]), NS_PER_S)
    assert report.gop is None
    assert report.fps == pytest.approx(25, abs=1)


def test_audio_that_cannot_be_encoded_is_told() -> None:
    with LabCameras(1, size="320x192", audio="pcmu") as camera:
        report = probe_stream(request(camera.urls[0]), transcoder=lambda _raw: None)
    assert report.audio is None
    assert [notice.kind for notice in report.notices] == [NoticeKind.AUDIO_UNSUPPORTED]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_failed_probe_says_why_and_what_to_check(backend: Backend) -> None:
    with pytest.raises(ProbeFailedError) as caught:
        probe_stream(request(f"rtsp://admin:hunter2@127.0.0.1:{free_port()}/cam", backend))
    assert caught.value.kind is FailureKind.REFUSED
    assert "port" in caught.value.hint
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "config, codec, name",
    [
        ("01640028ff", Codec.H264, "High 4.0"),
        ("014d401fff", Codec.H264, "Main 3.1"),
        ("0142c01eff", Codec.H264, "Constrained Baseline 3.0"),
        ("01f4000aff", Codec.H264, "profile 244 1.0"),
        ("01016000000090000000000078f000", Codec.H265, "Main 4.0"),
        ("01026000000090000000000099f000", Codec.H265, "Main 10 5.1"),
    ],
)
def test_profile_and_level_are_written_as_people_do(config: str, codec: Codec, name: str) -> None:
    assert profile_name(VideoCaps(codec, bytes.fromhex(config), 1920, 1080)) == name
