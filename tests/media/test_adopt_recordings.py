"""Other recorders' MP4 files become segments: every picture, in order, byte for byte, with its time."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from evertape.clock import SystemClock
from evertape.config.paths import DataDir
from evertape.disk.marker import VolumeHandle, open_volume
from evertape.engine.audit import Audit, volume_roots
from evertape.engine.import_files import Import, ImportReport, Target
from evertape.engine.import_source import Rules
from evertape.mp4.digest import hash_file
from evertape.mp4.scan import scan
from evertape.store.index import Index
from evertape.store.rows import SegmentRow

NS = 1_000_000_000
pytestmark = pytest.mark.skipif(
    shutil.which("ffmpeg") is None or shutil.which("ffprobe") is None, reason="ffmpeg makes the recordings of others"
)
PICTURE = ("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25")
SOUND = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000")
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "25")
B_FRAMES = ("-c:v", "libx264", "-preset", "veryfast", "-g", "25", "-bf", "2")
HEVC = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:keyint=25")
AAC = ("-c:a", "aac")


def record(path: Path, *options: str, seconds: float = 3.0, sound: bool = False) -> Path:
    """A recording as another program writes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    inputs = [*PICTURE, *(SOUND if sound else ())]
    command = ["ffmpeg", "-v", "error", "-y", *inputs, "-t", str(seconds), *options, str(path)]
    subprocess.run(command, check=True, timeout=60)
    return path


def packets(path: Path, stream: str = "v") -> list[dict[str, Any]]:
    """What ffprobe finds in a file."""
    command = ["ffprobe", "-v", "error", "-select_streams", stream, "-show_packets", "-show_data_hash", "md5"]
    done = subprocess.run([*command, "-of", "json", str(path)], capture_output=True, check=True, timeout=60)
    found: list[dict[str, Any]] = json.loads(done.stdout).get("packets", [])
    return found


class Ours:
    """An installation of ours, with one volume; no service runs."""

    def __init__(self, folder: Path) -> None:
        self.data = DataDir(folder / "data")
        self.volume = folder / "volume"
        self.top = folder / "theirs"
        for path in (self.data.root, self.volume, self.top):
            path.mkdir()
        self.handle: VolumeHandle = open_volume(str(self.volume), is_mount=False, expected_id="", name="usb")

    def adopt(self, rules: Rules | None = None, *, dry: bool = False, **more: Any) -> ImportReport:
        target = None if dry else Target(self.handle, "utc", 1_000_000, 0)
        return Import(self.data, self.top, target, rules or Rules({}, zone=UTC), SystemClock(), **more).run()

    def rows(self) -> list[SegmentRow]:
        with Index.open_readonly(self.data.index_file) as index:
            return sorted(index.every_segment(), key=lambda row: row.start_utc)

    def file(self, row: SegmentRow) -> Path:
        return self.volume / row.path

    def audit(self) -> list[str]:
        roots = volume_roots({"usb": self.volume})
        return [one.text for one in Audit(self.data, roots, SystemClock(), running=False, deep=True).run().findings]


@pytest.fixture
def ours(tmp_path: Path) -> Ours:
    return Ours(tmp_path)


def state_of(top: Path) -> dict[str, tuple[int, int, str]]:
    files = [path for path in sorted(top.rglob("*")) if path.is_file()]
    return {
        str(path): (path.stat().st_size, path.stat().st_mtime_ns, hashlib.md5(path.read_bytes()).hexdigest())
        for path in files
    }


@pytest.mark.parametrize(
    ("name", "options", "sound"),
    [
        ("progressive with B-pictures and sound", (*B_FRAMES, *AAC), True),
        ("index in front", (*H264, *AAC, "-movflags", "+faststart"), True),
        ("hevc, parameter sets in band", (*HEVC, "-tag:v", "hev1", *AAC), True),
        ("fragmented", (*H264, *AAC, "-movflags", "frag_keyframe+empty_moov"), True),
        (
            "fragmented small",
            (*B_FRAMES, "-movflags", "empty_moov+default_base_moof", "-frag_duration", "300000"),
            False,
        ),
        ("index and fragments", (*H264, "-movflags", "frag_keyframe"), False),
    ],
)
def test_every_picture_and_sound_comes_along_in_order_and_byte_for_byte(
    ours: Ours, name: str, options: tuple[str, ...], sound: bool
) -> None:
    source = record(ours.top / "cam_01_20250923_143052.mp4", *options, sound=sound)
    before = state_of(ours.top)
    report = ours.adopt()
    assert (report.taken, report.broken, report.left_out) == (1, {}, {}), name
    (row,) = ours.rows()
    made = ours.file(row)
    theirs, mine = packets(source), packets(made)
    assert len(theirs) == len(mine) == 75 == report.pictures
    assert [one["data_hash"] for one in mine] == [one["data_hash"] for one in theirs]
    assert [one["flags"][0] for one in mine] == [one["flags"][0] for one in theirs]
    shift = float(theirs[0]["pts_time"]) - float(mine[0]["pts_time"])
    assert all(
        abs(float(one["pts_time"]) - float(other["pts_time"]) - shift) < 1e-4
        for one, other in zip(theirs, mine, strict=True)
    )
    heard = [one["data_hash"] for one in packets(source, "a")]
    assert [one["data_hash"] for one in packets(made, "a")] == heard
    assert bool(heard) == sound
    decoded = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", str(made), "-f", "null", "-"], capture_output=True, check=True, timeout=60
    )
    assert decoded.stderr == b""
    assert state_of(ours.top) == before
    start = int(datetime(2025, 9, 23, 14, 30, 52, tzinfo=UTC).timestamp()) * NS
    assert (row.camera, row.start_utc, row.first_video, row.last_video) == ("cam_01", start, 0, 74)
    assert row.end_utc is not None
    assert abs(row.end_utc - start - 3 * NS) < 0.13 * NS  # to the pictures that B-pictures and priming shift
    assert row.hash == hash_file(made)[0]
    with made.open("rb") as file:
        found = scan(file, trust_index=False)
    assert (found.closed, found.problem) == (True, None)
    assert row.path == "cam_01/20250923/cam_01_20250923_143052.mp4"
    assert ours.audit() == []


def test_when_it_began_is_known_by_its_name_or_its_header_or_its_age(ours: Ours) -> None:
    made = ("-metadata", "creation_time=2025-09-23T12:00:00Z")
    record(ours.top / "gate" / "2025-09-23" / "10-00-00.mp4", *H264, *made, seconds=1)
    record(ours.top / "gate" / "clip.mp4", *H264, *made, seconds=1)
    plain = record(ours.top / "gate" / "other.mp4", *H264, seconds=1)
    at = int(datetime(2025, 9, 23, 15, tzinfo=UTC).timestamp())
    os.utime(plain, (at, at))
    report = ours.adopt()
    assert report.by == {"its name": 1, "creation_time": 1, "when it was last written to": 1}
    hours = [(row.start_utc / NS - at) / 3600 for row in ours.rows()]
    assert hours == [-5.0, -3.0, pytest.approx(-1 / 3600)]
    assert {row.camera for row in ours.rows()} == {"gate"}


def test_cameras_are_called_as_somebody_says(ours: Ours) -> None:
    for folder in ("Front Door", "Back"):
        record(ours.top / folder / "20250923_143052.mp4", *H264, seconds=1)
    rules = Rules({"Front Door": "door"}, names={"door": "The door"}, zone=UTC)
    assert ours.adopt(rules, dry=True).cameras == {"door": 1, "back": 1}
    assert ours.adopt(rules).cameras == {"door": 1, "back": 1}
    door = next(row for row in ours.rows() if row.camera == "door")
    with ours.file(door).open("rb") as file:
        assert scan(file).header.camera_name == "The door"


def test_a_dry_run_shows_everything_and_does_nothing(ours: Ours) -> None:
    record(ours.top / "cam_20250923_143052.mp4", *H264, seconds=1)
    report = ours.adopt(dry=True)
    assert [(one.file, one.camera, one.pictures, one.known) for one in report.planned] == [
        ("cam_20250923_143052.mp4", "cam", 25, False)
    ]
    assert report.taken == 0
    assert list(ours.volume.glob("cam*")) == []
    assert ours.rows() == []


def test_what_is_broken_is_named_and_the_rest_is_taken(ours: Ours) -> None:
    good = record(ours.top / "cam_20250923_143052.mp4", *H264, seconds=1)
    whole = good.read_bytes()
    (ours.top / "unfinished_20250923_143100.mp4").write_bytes(whole[: whole.index(b"moov") - 4])
    (ours.top / "empty_20250923_143100.mp4").write_bytes(b"")
    (ours.top / "text_20250923_143100.mp4").write_bytes(b"this is a text and no film" * 20)
    record(ours.top / "jpegs_20250923_143100.mp4", "-c:v", "mjpeg", "-pix_fmt", "yuvj420p", seconds=0.2)
    front = record(ours.top / "front.mp4", *H264, "-movflags", "+faststart", seconds=2)
    front.write_bytes(front.read_bytes()[:-20_000])
    (ours.top / "notes.txt").write_text("no recording")
    report = ours.adopt()
    assert {path: text.split(" (")[0] for path, text in report.broken.items()} == {
        "unfinished_20250923_143100.mp4": "it has no index",
        "empty_20250923_143100.mp4": "it is no MP4",
        "text_20250923_143100.mp4": "it is no MP4",
        "jpegs_20250923_143100.mp4": "it has no H.264 or H.265 in it",
    }
    assert (report.files, report.taken, report.cut) == (6, 2, ["front.mp4"])
    assert [len(packets(ours.file(row))) for row in ours.rows() if row.camera == "cam"] == [25]
    assert 25 <= report.pictures - 25 < 50
    assert ours.audit() == []


def test_damaged_headers_never_do_worse_than_be_named(ours: Ours) -> None:
    good = record(ours.top / "cam_20250923_143052.mp4", *H264, *AAC, seconds=1, sound=True)
    whole = good.read_bytes()
    place = whole.index(b"moov")
    for step in range(0, len(whole) - place, 97):
        data = bytearray(whole)
        data[place + step] ^= 0xFF
        good.write_bytes(bytes(data))
        report = ours.adopt(dry=True)
        assert len(report.broken) + len(report.planned) == 1


def test_an_interrupted_adoption_goes_on_and_takes_nothing_twice(ours: Ours) -> None:
    first = record(ours.top / "cam_20250923_143000.mp4", *H264, seconds=1)
    for minute in range(1, 4):
        shutil.copy(first, first.with_name(f"cam_20250923_143{minute}00.mp4"))
    seen: list[int] = []

    def pulled(done: int, _all: int) -> None:
        seen.append(done)
        if len(seen) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ours.adopt(progress=pulled)
    assert len(ours.rows()) == 2
    report = ours.adopt()
    assert (report.taken, report.known) == (2, 2)
    assert len(ours.rows()) == 4
    assert ours.adopt().known == 4
    assert len(list(ours.volume.glob("cam/*/*.mp4"))) == 4
    assert ours.audit() == []


def test_killed_before_it_could_say_so_a_file_is_not_there_twice(ours: Ours, monkeypatch: pytest.MonkeyPatch) -> None:
    record(ours.top / "cam_20250923_143052.mp4", *H264, seconds=1)
    with monkeypatch.context() as patch:
        patch.setattr(Import, "_write_down", lambda _self: None)
        ours.adopt()
    (ours.volume / ".evertape" / "incoming" / "half.part").write_bytes(b"half")
    assert ours.rows() == []
    assert ours.adopt().taken == 1
    assert len(list(ours.volume.glob("cam/*/*.mp4"))) == 1
    assert ours.audit() == []


def test_segments_of_ours_without_their_volume_keep_who_they_are(ours: Ours, tmp_path: Path) -> None:
    record(ours.top / "cam_20250923_143052.mp4", *H264, seconds=2)
    ours.adopt()
    (row,) = ours.rows()
    (tmp_path / "second").mkdir()
    other = Ours(tmp_path / "second")
    cut = other.top / "some.mp4"
    shutil.copy(ours.file(row), cut)
    with cut.open("rb") as file:
        fragments = scan(file).fragments
    os.truncate(cut, fragments[-1].offset + 100)  # never finished
    assert other.adopt().by == {"its own header": 1}
    (found,) = other.rows()
    assert (found.id, found.camera, found.start_utc) == (row.id, row.camera, row.start_utc)
    assert len(packets(other.file(found))) == sum(one.video.units for one in fragments[:-1] if one.video is not None)
    assert other.audit() == []


def test_the_verb_takes_a_folder_in_and_the_archive_exports_it(ours: Ours, tmp_path: Path) -> None:
    record(ours.top / "Yard" / "2025-09-23" / "14-30-52.mp4", *H264, *AAC, seconds=2, sound=True)
    (ours.top / "half_20250923_143052.mp4").write_bytes(b"\0\0\0\x10ftypisom\0\0\0\0")
    ours.handle.close()
    ours.data.config_file.write_text(f'[volumes.usb]\npath = "{ours.volume}"\nmount = false\n')

    def verb(*arguments: str, code: int = 0) -> str:
        command = [sys.executable, "-m", "evertape.cli.main", "--data", str(ours.data.root), *arguments]
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "200"}
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    dry = verb("adopt", str(ours.top), "--dry-run", "--zone", "utc", "--camera", "Yard=yard_1", code=1)
    assert "Yard/2025-09-23/14-30-52.mp4: yard_1" in dry
    assert "1 file would be taken in: 1 of yard_1" in dry
    said = verb("adopt", str(ours.top), "--zone", "utc", "--camera", "Yard=yard_1", code=1)
    assert "1 file taken in (50 pictures): 1 of yard_1" in said
    assert "! older than retention.max_age: 1 file." in said
    assert "✗ half_20250923_143052.mp4: it has no index" in said
    out = tmp_path / "out.mp4"
    verb("export", "yard_1", "--from", "2025-09-23T14:30:00Z", "--to", "2025-09-23T14:31:00Z", "-o", str(out))
    assert len(packets(out)) == 50
    verb("adopt", str(ours.top / "nowhere"), code=2)
    verb("adopt", str(ours.volume), "--dry-run", code=2)
