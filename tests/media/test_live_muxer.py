"""What browsers are sent, seen by ffprobe: every picture once, at its time."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from evertape.mp4.codecs import audio_codec, video_codec
from evertape.mp4.foreign import ForeignMovie, read_foreign
from evertape.mp4.live import LiveMuxer
from evertape.types import AudioCaps, Codec, StreamCaps, Track, VideoCaps

pytestmark = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")

ENCODERS = {
    "h264 with B pictures and sound": ["-c:v", "libx264", "-bf", "2", "-g", "25", "-c:a", "aac", "-ar", "48000"],
    "h264": ["-c:v", "libx264", "-bf", "0", "-an"],
    "h265": ["-c:v", "libx265", "-x265-params", "log-level=error", "-tag:v", "hvc1", "-an"],
}


@pytest.fixture(params=list(ENCODERS))
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    file = tmp_path / "source.mp4"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=3", "-f", "lavfi", "-i",
         "sine=r=48000:d=3", "-shortest", *ENCODERS[request.param], str(file)],
        check=True, timeout=60,
    )  # fmt: skip
    return file


def muxed(source: Path, target: Path) -> ForeignMovie:
    """The same units as a browser is sent them."""
    with open(source, "rb") as file:
        movie = read_foreign(file)
        muxer = LiveMuxer(movie.caps)
        parts = [muxer.init()]
        both = [(Track.VIDEO, sample) for sample in movie.video] + [(Track.AUDIO, sample) for sample in movie.audio]
        for track, sample in sorted(both, key=lambda one: one[1].dts_ns):
            file.seek(sample.offset)
            data = file.read(sample.size)
            parts.append(muxer.fragment(track, sample.dts_ns, sample.pts_ns, sample.key, data))
    target.write_bytes(b"".join(parts))
    return movie


def packets(file: Path, kind: str) -> list[dict[str, Any]]:
    entries = "packet=pts_time,dts_time,flags,size"
    done = subprocess.run(
        ["ffprobe", "-v", "error", "-select_streams", kind, "-show_entries", entries, "-of", "json", str(file)],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stderr == ""
    found: list[dict[str, Any]] = json.loads(done.stdout)["packets"]
    return found


@pytest.mark.parametrize("kind", ["v", "a"])
def test_every_unit_arrives_once_at_its_time(source: Path, tmp_path: Path, kind: str) -> None:
    target = tmp_path / "live.mp4"
    movie = muxed(source, target)
    sent = movie.video if kind == "v" else movie.audio
    if not sent:
        assert movie.caps.audio is None
        return
    seen = packets(target, kind)
    assert len(seen) == len(sent) > 70
    for got, sample in zip(seen, sent, strict=True):
        assert abs(float(got["pts_time"]) - sample.pts_ns / 1e9) < 0.0015
        assert int(got["size"]) == sample.size
        assert ("K" in got["flags"]) is sample.key
    times = [float(got["dts_time"]) for got in seen]
    assert times == sorted(set(times)), "no two at one time, none backwards"


def test_it_decodes_without_a_word(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "live.mp4"
    muxed(source, target)
    done = subprocess.run(
        ["ffmpeg", "-v", "warning", "-i", str(target), "-f", "null", "-"],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stderr == ""


def test_the_codec_is_named_as_ffmpegs_own_names_say(source: Path, tmp_path: Path) -> None:
    movie = muxed(source, tmp_path / "live.mp4")
    done = subprocess.run(
        ["ffprobe", "-v", "error", "-show_entries", "stream=codec_name,profile,level", "-of", "json", str(source)],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    stream = json.loads(done.stdout)["streams"][0]
    name = video_codec(movie.caps.video)
    if stream["codec_name"] == "h264":
        assert name.startswith("avc1.64") and int(name[-2:], 16) == stream["level"]
    else:
        assert name.startswith("hvc1.1.6.L") and f".L{stream['level']}." in name
    if movie.caps.audio is not None:
        assert audio_codec(movie.caps.audio) == "mp4a.40.2"


def test_a_clock_that_runs_backwards_does_not() -> None:
    muxer = LiveMuxer(StreamCaps(0, VideoCaps(Codec.H264, bytes.fromhex("0164001f"), 16, 16)))
    made = [muxer.fragment(Track.VIDEO, at, at, True, b"x") for at in (0, 40_000_000, 20_000_000, 60_000_000)]
    times = [int.from_bytes(part[part.index(b"tfdt") + 8 :][:8], "big") for part in made]
    assert times == sorted(set(times))


def test_names_of_high_tiers_and_odd_sound() -> None:
    config = bytes([1, 0x20 | 2, 0x20, 0, 0, 0, 0xB0, 0, 0, 0, 0, 0, 153])
    assert video_codec(VideoCaps(Codec.H265, config, 16, 16)) == "hvc1.2.4.H153.b0"
    assert audio_codec(AudioCaps(Codec.AAC, bytes([0xF9, 0x40]), 48000, 2)) == "mp4a.40.42"
