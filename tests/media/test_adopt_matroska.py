"""Other recorders' Matroska files become segments too: every picture, in order, byte for byte, with its time."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from evertape.mp4.foreign import ForeignFileError
from evertape.mp4.matroska import is_matroska, read_matroska
from media.test_adopt_recordings import AAC, B_FRAMES, H264, HEVC, NS, Ours, packets, record, state_of

pytestmark = pytest.mark.skipif(
    shutil.which("ffmpeg") is None or shutil.which("ffprobe") is None, reason="ffmpeg makes the recordings of others"
)
LIVE = ("-f", "matroska", "-live", "1")


@pytest.fixture
def theirs(tmp_path: Path) -> Ours:
    return Ours(tmp_path)


@pytest.mark.parametrize(
    ("name", "options", "sound"),
    [
        ("plain, with sound", (*H264, *AAC), True),
        ("B-pictures", (*B_FRAMES, *AAC), True),
        ("hevc", HEVC, False),
        ("sizes unknown", (*B_FRAMES, *AAC, *LIVE), True),
        ("small clusters", (*H264, "-cluster_time_limit", "200"), False),
    ],
)
def test_every_picture_and_sound_comes_along_in_order_and_byte_for_byte(
    theirs: Ours, name: str, options: tuple[str, ...], sound: bool
) -> None:
    source = record(theirs.top / "cam_01" / "20250923" / "cam_01_20250923_143052.mkv", *options, sound=sound)
    before = state_of(theirs.top)
    report = theirs.adopt()
    assert (report.taken, report.broken, report.left_out, report.cut) == (1, {}, {}, []), name
    (row,) = theirs.rows()
    made = theirs.file(row)
    old, new = packets(source), packets(made)
    assert len(old) == len(new) == 75 == report.pictures
    assert [one["data_hash"] for one in new] == [one["data_hash"] for one in old]
    assert [one["flags"][0] for one in new] == [one["flags"][0] for one in old]
    shift = float(old[0]["pts_time"]) - float(new[0]["pts_time"])
    assert all(
        abs(float(one["pts_time"]) - float(other["pts_time"]) - shift) < 1e-4
        for one, other in zip(old, new, strict=True)
    )
    heard = [one["data_hash"] for one in packets(source, "a")]
    assert [one["data_hash"] for one in packets(made, "a")] == heard
    assert bool(heard) == sound
    decoded = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", str(made), "-f", "null", "-"], capture_output=True, check=True, timeout=60
    )
    assert decoded.stderr == b""
    assert state_of(theirs.top) == before
    start = int(datetime(2025, 9, 23, 14, 30, 52, tzinfo=UTC).timestamp()) * NS
    assert (row.camera, row.start_utc, row.first_video, row.last_video) == ("cam_01", start, 0, 74)
    assert theirs.audit() == []


def test_sound_stays_with_its_pictures(theirs: Ours) -> None:
    source = record(theirs.top / "cam_20250923_143052.mkv", *B_FRAMES, *AAC, sound=True)
    theirs.adopt()
    made = theirs.file(theirs.rows()[0])

    def apart(path: Path) -> float:
        return float(packets(path, "a")[10]["pts_time"]) - float(packets(path)[10]["pts_time"])

    assert apart(made) == pytest.approx(apart(source), abs=2e-3)


@pytest.mark.skipif(shutil.which("gst-launch-1.0") is None, reason="GStreamer's tools are not installed")
def test_what_gstreamer_writes_is_taken_in_also_if_it_was_killed(theirs: Ours) -> None:
    target = theirs.top / "cam_01_20250923_143052.mkv"
    pipeline = "videotestsrc num-buffers=75 ! video/x-raw,width=320,height=180,framerate=25/1 ! x264enc key-int-max=25"
    command = ["gst-launch-1.0", "-q", *pipeline.split(), "!", "h264parse", "!", "matroskamux", "!"]
    made = subprocess.run([*command, "filesink", f"location={target}"], capture_output=True, check=False, timeout=60)
    if made.returncode:
        pytest.skip("GStreamer has no x264enc here")
    whole = target.read_bytes()
    target.write_bytes(whole[: len(whole) * 2 // 3])
    report = theirs.adopt()
    assert (report.taken, report.cut, report.broken) == (1, [target.name], {})
    assert [len(packets(theirs.file(row))) for row in theirs.rows()] == [report.pictures]
    assert 30 < report.pictures < 75
    assert theirs.audit() == []


def test_what_cannot_be_kept_is_named(theirs: Ours) -> None:
    record(theirs.top / "a_20250923_143052.mkv", "-c:v", "mjpeg", "-pix_fmt", "yuvj420p", seconds=0.2)
    record(theirs.top / "b_20250923_143052.mkv", *H264, "-c:a", "pcm_s16le", seconds=1, sound=True)
    report = theirs.adopt()
    assert report.broken == {"a_20250923_143052.mkv": "it has no H.264 or H.265 in it (video V_MJPEG)"}
    assert report.left_out == {"audio A_PCM/INT/LIT": 1}


def test_damage_never_does_worse_than_be_named(theirs: Ours) -> None:
    good = record(theirs.top / "cam_20250923_143052.mkv", *H264, *AAC, seconds=0.4, sound=True)
    whole = good.read_bytes()
    for at in [*range(700), *range(700, len(whole), 211)]:
        data = bytearray(whole)
        data[at] ^= 0xFF
        good.write_bytes(bytes(data))
        with good.open("rb") as file:
            if is_matroska(file):
                try:
                    read_matroska(file)
                except ForeignFileError:
                    continue


def test_when_it_was_made_is_in_it(theirs: Ours) -> None:
    made = ("-metadata", "creation_time=2025-09-23T12:00:00Z")
    source = record(theirs.top / "gate" / "clip.mkv", *H264, *made, seconds=1)
    os.utime(source, (0, 0))
    with source.open("rb") as file:
        created = read_matroska(file).created_utc
    assert created == int(datetime(2025, 9, 23, 12, tzinfo=UTC).timestamp()) * NS
    assert theirs.adopt().by == {"creation_time": 1}


def test_a_block_with_several_frames_costs_that_track_only(theirs: Ours) -> None:
    source = record(theirs.top / "cam_20250923_143052.mkv", *H264, *AAC, seconds=1, sound=True)
    with source.open("rb") as file:
        first = read_matroska(file).audio[0]
    data = bytearray(source.read_bytes())
    (flags,) = struct.unpack_from("B", data, first.offset - 1)
    data[first.offset - 1] = flags | 0x02
    source.write_bytes(bytes(data))
    report = theirs.adopt()
    assert (report.taken, report.left_out) == (1, {"audio A_AAC, several frames in a block": 1})
