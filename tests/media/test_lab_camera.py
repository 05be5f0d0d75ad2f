"""The lab's cameras as their clients see them: real processes, real RTSP, counted frames."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from evertape.types import NS_PER_MS, NS_PER_S, Codec
from evertape_lab import LabCameras
from evertape_lab.audit import SeenFrame, assert_every_frame_once, scan_file
from evertape_lab.loop import LoopParams, load_audio_loop, load_video_loop
from evertape_lab.sei import find_frames

# Without a bound ffmpeg looks at the stream for seconds before it writes.
INPUT = ["-analyzeduration", "100000", "-rtsp_transport"]
FFMPEG = ["ffmpeg", "-nostdin", "-loglevel", "error", "-y", *INPUT]
SIZE = "320x192"
NTP_TO_UNIX_S = 2_208_988_800  # RFC 868: 1900 to 1970


def until(condition: Callable[[], bool], what: str, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain: {what}"
        time.sleep(0.02)


@contextmanager
def recording(
    url: str, path: Path, *, transport: str = "tcp", codec: str = "h264"
) -> Iterator[subprocess.Popen[bytes]]:
    """An ffmpeg that writes the bare video stream to ``path`` as it comes."""
    output = ["-map", "0:v", "-c", "copy", "-flush_packets", "1", "-f", "hevc" if codec == "h265" else codec, str(path)]
    process = subprocess.Popen([*FFMPEG, transport, "-i", url, *output])
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def seen(path: Path) -> list[SeenFrame]:
    return scan_file(path) if path.exists() else []


def ffprobe(url: str) -> subprocess.CompletedProcess[str]:
    command = ["ffprobe", "-v", "error", *INPUT, "tcp", "-of", "json", "-show_streams", url]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_two_recorded_cameras_are_there_frame_by_frame(tmp_path: Path, codec: str) -> None:
    with LabCameras(2, codec=codec, audio="aac") as cameras:
        files = [tmp_path / "one.mkv", tmp_path / "two.mkv"]
        clients = [
            subprocess.Popen([*FFMPEG, "tcp", "-i", url, "-t", "3", "-c", "copy", str(path)])
            for url, path in zip(cameras.urls, files, strict=True)
        ]
        assert [client.wait(timeout=30) for client in clients] == [0, 0]
        report = assert_every_frame_once(files, cameras=["cam_01", "cam_02"], at_least=70, not_sent=cameras.not_sent)
    for camera in report.cameras.values():
        assert camera.first % 25 == 0, "the first frame is a key frame"
        assert abs(camera.last_utc_ns - time.time_ns()) < 10 * NS_PER_S
        for n, utc_ns in [(camera.first, camera.first_utc_ns), (camera.last, camera.last_utc_ns)]:
            assert 0 <= utc_ns - n * 40 * NS_PER_MS < 40 * NS_PER_MS, "UTC follows from the number, but for the slot"


def test_b_frames_are_sent_in_decoding_order_with_the_time_they_are_shown(tmp_path: Path) -> None:
    path = tmp_path / "a.h264"
    with LabCameras(bframes=2, gop=30, size=SIZE) as cameras, recording(cameras.urls[0], path):
        until(lambda: len(seen(path)) >= 40, "frames")
        assert_every_frame_once([path], not_sent=cameras.not_sent)
    shown = [frame.utc_ns // (40 * NS_PER_MS) for frame in seen(path)]
    assert shown != sorted(shown), "there are B-frames"
    assert sorted(shown)[:30] == list(range(min(shown), min(shown) + 30))


def test_the_burned_in_clock_is_utc_modulo_the_loop(tmp_path: Path) -> None:
    path = tmp_path / "a.h264"
    with LabCameras(gop=10, size=SIZE) as cameras, recording(cameras.urls[0], path):
        until(lambda: len(seen(path)) >= 30, "frames")
    loop = load_video_loop(LoopParams(width=320, height=192, gop=10))
    seconds = loop.params.loop_frames // 25
    data = path.read_bytes()
    for frame in seen(path)[:25]:
        index = frame.utc_ns % (seconds * NS_PER_S) // (40 * NS_PER_MS)
        picture = loop.frames[index].tail[4:]  # one slice, without its length
        assert data.find(picture, frame.offset, frame.offset + len(picture) + 200) > 0


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_sender_reports_agree_with_the_sei_within_10_ms(transport: str) -> None:
    from evertape_lab.gstreamer import Gst

    with LabCameras(audio="pcma", size=SIZE) as cameras:
        pipeline = Gst.parse_launch(
            f"rtspsrc location={cameras.urls[0]} protocols={transport} add-reference-timestamp-meta=true ! "
            "application/x-rtp,media=video ! rtph264depay ! h264parse ! appsink name=out sync=false"
        )
        out = pipeline.get_by_name("out")
        ntp = Gst.Caps.from_string("timestamp/x-ntp")
        errors: list[int] = []

        def pulled() -> bool:
            sample = out.emit("try-pull-sample", NS_PER_S)
            if sample is not None:
                buffer = sample.get_buffer()
                (frame,) = find_frames(buffer.extract_dup(0, buffer.get_size()))
                meta = buffer.get_reference_timestamp_meta(ntp)
                if meta is not None:
                    errors.append(meta.timestamp - NTP_TO_UNIX_S * NS_PER_S - frame.utc_ns)
            return len(errors) >= 20

        pipeline.set_state(Gst.State.PLAYING)
        try:
            until(pulled, "frames with a sender report's time", 30)
        finally:
            pipeline.set_state(Gst.State.NULL)
    assert max(abs(error) for error in errors) < 10 * NS_PER_MS


@pytest.mark.parametrize("auth", ["digest", "basic"])
def test_a_wrong_password_gets_401_and_the_right_one_a_picture(auth: str) -> None:
    with LabCameras(user="admin", password="s3cret", auth=auth, size=SIZE, gop=10) as cameras:
        bare = cameras.urls[0].replace("admin:s3cret@", "")
        assert "401 Unauthorized" in ffprobe(bare).stderr
        assert "401 Unauthorized" in ffprobe(bare.replace("rtsp://", "rtsp://admin:wrong@")).stderr
        assert ffprobe(cameras.urls[0]).returncode == 0
        command_line = Path(f"/proc/{cameras.pid}/cmdline").read_bytes()
        assert b"s3cret" not in command_line


def test_an_unknown_path_gets_404() -> None:
    with LabCameras(size=SIZE) as cameras:
        assert "404 Not Found" in ffprobe(cameras.urls[0] + "x").stderr


@pytest.mark.parametrize("audio, name", [("aac", "aac"), ("pcma", "pcm_alaw"), ("pcmu", "pcm_mulaw")])
def test_sound_and_sub_stream_are_what_was_asked_for(audio: str, name: str) -> None:
    with LabCameras(size="640x360", gop=10, audio=audio) as cameras:
        main, sub = (json.loads(ffprobe(url).stdout)["streams"] for url in (cameras.urls[0], cameras.sub_urls[0]))
    assert [(stream["codec_name"], stream.get("width")) for stream in main] == [("h264", 640), (name, None)]
    assert [(stream["codec_name"], stream.get("width")) for stream in sub] == [("h264", 320)]


def test_a_paused_camera_keeps_its_session_and_goes_on_at_a_key_frame(tmp_path: Path) -> None:
    path = tmp_path / "a.h264"
    with LabCameras(audio="aac", size=SIZE) as cameras, recording(cameras.urls[0], path) as client:
        until(lambda: len(seen(path)) >= 5, "frames")
        cameras.pause("cam_01")
        cameras.mute("cam_01")
        last = seen(path)[-1].n
        until(lambda: time.time_ns() > (last + 40) * 40 * NS_PER_MS, "forty frames' time")
        assert seen(path)[-1].n <= last + 2, "what was under way when it paused"
        cameras.resume("cam_01")
        until(lambda: seen(path)[-1].n > last + 40, "frames after the pause")
        assert client.poll() is None
        ((camera, first, end),) = cameras.not_sent
        assert (camera, (end + 1) % 25) == ("cam_01", 0)
        assert last < first <= last + 3
        assert_every_frame_once([path], not_sent=cameras.not_sent)


def test_whoever_connects_to_a_paused_camera_sees_it_only_after_the_pause(tmp_path: Path) -> None:
    path = tmp_path / "a.h264"
    with LabCameras(size=SIZE, gop=10) as cameras:
        cameras.pause()
        with recording(cameras.urls[0], path):
            connected = time.time_ns() + 1500 * NS_PER_MS
            until(lambda: time.time_ns() > connected, "time for a client to connect")
            cameras.resume()
            until(lambda: len(seen(path)) > 0, "frames after the pause")
    assert seen(path)[0].utc_ns > connected


def test_a_muted_camera_sends_its_picture_on(tmp_path: Path) -> None:
    picture, sound = tmp_path / "a.h264", tmp_path / "a.aac"
    command = [*FFMPEG, "tcp", "-i", "URL", "-map", "0:v", "-c", "copy", "-flush_packets", "1", str(picture)]
    command += ["-map", "0:a", "-c", "copy", "-flush_packets", "1", str(sound)]
    with LabCameras(size=SIZE, gop=10, audio="aac") as cameras:
        command[command.index("URL")] = cameras.urls[0]
        client = subprocess.Popen(command)
        try:
            until(lambda: len(seen(picture)) >= 10 and sound.stat().st_size > 1000, "picture and sound")
            cameras.mute("cam_01")
            muted = len(seen(picture))
            until(lambda: len(seen(picture)) >= muted + 5, "what was under way")
            silent_size = sound.stat().st_size
            until(lambda: len(seen(picture)) >= muted + 25, "a second of picture")
            assert sound.stat().st_size == silent_size
            cameras.unmute("cam_01")
            until(lambda: sound.stat().st_size > silent_size + 1000, "sound again")
        finally:
            client.terminate()
            client.wait()
    assert_every_frame_once([picture], not_sent=cameras.not_sent)


def test_a_frozen_camera_sends_later_what_is_due_then(tmp_path: Path) -> None:
    path = tmp_path / "a.h264"
    with LabCameras(size=SIZE, gop=10) as cameras, recording(cameras.urls[0], path):
        until(lambda: len(seen(path)) >= 5, "frames")
        cameras.freeze()
        last = seen(path)[-1].n
        until(lambda: time.time_ns() > (last + 50) * 40 * NS_PER_MS, "fifty frames' time")
        cameras.thaw()
        until(lambda: seen(path)[-1].n > last + 50, "frames after the thaw")
        assert cameras.not_sent
        assert_every_frame_once([path], not_sent=cameras.not_sent)


def test_a_killed_camera_returns_on_its_port_with_higher_numbers_even_as_another_codec(tmp_path: Path) -> None:
    before, after = tmp_path / "a.h264", tmp_path / "b.h265"
    with LabCameras(size=SIZE, gop=10) as cameras:
        urls = cameras.urls
        with recording(urls[0], before) as client:
            until(lambda: len(seen(before)) >= 5, "frames")
            cameras.kill()
            client.wait(timeout=10)
        cameras.restart(codec="h265")
        assert cameras.urls == urls
        with recording(urls[0], after, codec="h265"):
            until(lambda: len(seen(after)) >= 5, "frames of the returned camera")
    assert seen(after)[0].n > seen(before)[-1].n


def test_end_of_stream_ends_the_clients(tmp_path: Path) -> None:
    path = tmp_path / "a.h264"
    with LabCameras(size=SIZE, gop=10) as cameras:
        with recording(cameras.urls[0], path) as client:
            until(lambda: len(seen(path)) >= 5, "frames")
            cameras.eos()
            assert client.wait(timeout=10) == 0
        assert ffprobe(cameras.urls[0]).returncode == 0, "whoever comes later gets a picture"


def test_an_unknown_command_or_camera_is_refused() -> None:
    with LabCameras(size=SIZE) as cameras:
        for command in ["dance", "pause cam_07"]:
            with pytest.raises(ValueError, match=command):
                cameras.command(command)


def test_cameras_end_with_their_parent_and_stop_cleanly_when_told() -> None:
    with LabCameras(size=SIZE) as cameras:
        assert cameras.stop() == 0
        cameras.start()
        process = cameras._process
        assert process is not None
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(timeout=10) == 0


def test_a_port_in_use_is_said_in_plain_words() -> None:
    with LabCameras(size=SIZE) as cameras:
        command = [sys.executable, "-m", "evertape_lab.camera", "--port", str(cameras.port), "--size", "320x192"]
        env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
        second = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert second.returncode == 4
    assert f"cannot listen on 127.0.0.1:{cameras.port}" in second.stderr


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_a_loop_has_the_rhythm_and_the_bit_rate_asked_for(
    codec: Codec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    params = LoopParams(codec=codec, width=320, height=192, fps=20, gop=30, bitrate=400)
    loop = load_video_loop(params)
    assert params.loop_frames == 120, "a whole number of GOPs and of seconds"
    assert [index for index, frame in enumerate(loop.frames) if frame.key] == [0, 30, 60, 90]
    assert loop.kbit_per_s == pytest.approx(400, rel=0.07)
    (cached,) = (tmp_path / "evertape" / "lab").glob("*.loop")
    written = cached.stat().st_mtime_ns
    assert load_video_loop(params) == loop
    assert cached.stat().st_mtime_ns == written, "it was not encoded again"
    cached.write_bytes(b"torn")
    assert load_video_loop(params).params == params


def test_the_tone_closes_without_a_rest() -> None:
    aac = load_audio_loop("aac")
    assert len(aac.units) * aac.samples % aac.rate == 0
    assert aac.rate == 16000
    alaw = load_audio_loop("pcma")
    assert {len(unit) for unit in alaw.units} == {alaw.samples}
