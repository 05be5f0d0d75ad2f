"""What other people's software makes of our files: FFmpeg and GStreamer, on real H.264, H.265 and AAC."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from evertape.errors import UsageError
from evertape.mp4.boxes import child, children
from evertape.mp4.cutter import FragmentCutter
from evertape.mp4.entries import parse_entry
from evertape.mp4.export import ExportCodecError, ExportPart, Gaps, export
from evertape.mp4.index import build_index
from evertape.mp4.model import FragmentInfo, SegmentHeader
from evertape.mp4.scan import repair_plan, scan
from evertape.mp4.writer import PAGE, FragmentWriter
from evertape.types import (
    AccessUnit,
    AudioCaps,
    CameraId,
    Epoch,
    SegmentId,
    StreamCaps,
    Track,
    UtcSource,
    VideoCaps,
)

pytestmark = pytest.mark.skipif(shutil.which("ffprobe") is None, reason="needs ffmpeg")

S = 1_000_000_000
BASE = 7 * S
UTC = 1_767_225_600_123_456_789
EPOCH = Epoch("e" * 32)


class Footage(NamedTuple):
    source: Path
    caps: StreamCaps
    units: list[AccessUnit]


def run(*args: str | Path) -> str:
    """Run a tool that must succeed and say nothing."""
    done = subprocess.run([str(a) for a in args], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stderr.splitlines() if "vsync" not in line]  # a warning about our own option
    assert said == []
    return done.stdout


def probe(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        run("ffprobe", "-v", "warning", "-show_streams", "-show_format", "-show_packets", "-of", "json", path)
    )
    return found


def pictures(path: Path) -> list[tuple[float, str]]:
    """Presentation time in seconds and hash of each decoded picture."""
    out = run(
        "ffmpeg",
        "-v",
        "warning",
        "-i",
        path,
        "-map",
        "0:v",
        "-vsync",
        "passthrough",
        "-f",
        "framehash",
        "-hash",
        "md5",
        "-",
    )
    tick = next(line for line in out.splitlines() if line.startswith("#tb 0:")).split(":")[1].split("/")
    rows = [line.split(",") for line in out.splitlines() if not line.startswith("#")]
    return [(round(int(r[2]) * int(tick[0]) / int(tick[1]), 4), r[-1].strip()) for r in rows]


def encode(path: Path, codec: str, b_frames: int, size: str = "320x240") -> None:
    video = ["-c:v", codec, "-preset", "ultrafast", "-g", "25", "-pix_fmt", "yuv420p"]
    if codec == "libx265":
        video += ["-x265-params", f"log-level=error:bframes={b_frames}:keyint=25:min-keyint=25:open-gop=0"]
        video += ["-tag:v", "hvc1"]
    else:
        video += ["-bf", str(b_frames), "-sc_threshold", "0"]
    run(
        "ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", f"testsrc2=s={size}:r=25:d=4", "-f", "lavfi", "-i",
        "sine=r=48000:d=4", *video, "-c:a", "aac", "-b:a", "48k", "-video_track_timescale", "90000", path,
    )  # fmt: skip


def load(path: Path) -> Footage:
    """The access units of an MP4 made by FFmpeg; times from ffprobe, payload from the places it names."""
    raw = path.read_bytes()
    moov = child(raw, 0, len(raw), b"moov")
    assert moov is not None
    video: VideoCaps | None = None
    audio: AudioCaps | None = None
    for trak in (b for b in children(raw, moov.body, moov.end) if b.kind == b"trak"):
        table = child(raw, trak.body, trak.end, b"mdia", b"minf", b"stbl")
        assert table is not None
        entry = parse_entry(raw, table, 48_000)
        video, audio = (entry, audio) if isinstance(entry, VideoCaps) else (video, entry)
    assert video is not None
    packets = probe(path)["packets"]
    start = min(float(p["dts_time"]) for p in packets if p["stream_index"] == 0)
    counts, units = [0, 0], []
    for p in packets:
        track = Track(p["stream_index"])
        rate = 90_000 if track is Track.VIDEO else 48_000
        dts, pts = (BASE + round((int(p[k]) / rate - start) * S) for k in ("dts", "pts"))
        at, size = int(p["pos"]), int(p["size"])
        payload, key = raw[at : at + size], "K" in p["flags"]
        utc = UTC + pts - BASE
        units.append(AccessUnit(EPOCH, track, counts[track], dts, pts, 0, utc, UtcSource.RTCP, 1000, key, 0, payload))
        counts[track] += 1
    return Footage(path, StreamCaps(0, video, audio), units)


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, int], Footage]:
    made: dict[tuple[str, int], Footage] = {}
    folder = tmp_path_factory.mktemp("footage")

    def get(codec: str, b_frames: int) -> Footage:
        if (codec, b_frames) not in made:
            path = folder / f"{codec}_{b_frames}.mp4"
            encode(path, codec, b_frames)
            made[codec, b_frames] = load(path)
        return made[codec, b_frames]

    return get


def header_for(units: list[AccessUnit], segment: str = "a") -> SegmentHeader:
    first = next(u for u in units if u.track is Track.VIDEO)
    return SegmentHeader(
        segment_id=SegmentId(segment * 32),
        camera_id=CameraId("yard"),
        camera_name="Höf & Yard",
        epoch=first.epoch,
        caps_id=0,
        first_video_seq=first.seq,
        base_dts_ns=first.dts_ns,
        start_utc_ns=first.utc_ns,
        start_utc_source=UtcSource.RTCP,
        start_utc_error_ns=1000,
        start_boot_ns=0,
    )


def write(path: Path, caps: StreamCaps, units: list[AccessUnit], *, close: bool = True) -> list[FragmentInfo]:
    header, infos = header_for(units), []
    writer, cutter = FragmentWriter(header, caps), FragmentCutter()
    cuts = [*cutter.push(units)]
    if (last := cutter.flush()) is not None:
        cuts.append(last)
    with path.open("wb") as file:
        file.write(writer.init_segment())
        for cut in cuts:
            info, buffers = writer.fragment(cut.units, cut.next_dts_ns)
            infos.append(info)
            file.writelines(buffers)
        if close:
            file.write(build_index(header, infos))
    return infos


KINDS = [("libx264", 0), ("libx264", 2), ("libx265", 0), ("libx265", 2)]


@pytest.mark.parametrize("close", [True, False], ids=["closed", "killed"])
@pytest.mark.parametrize("codec, b_frames", KINDS)
def test_ffprobe_finds_every_unit_at_its_time_without_a_warning(
    footage: Callable[[str, int], Footage], tmp_path: Path, codec: str, b_frames: int, close: bool
) -> None:
    f = footage(codec, b_frames)
    path = tmp_path / "segment.mp4"
    write(path, f.caps, f.units, close=close)
    found = probe(path)
    video = [u for u in f.units if u.track is Track.VIDEO]
    got = [p for p in found["packets"] if p["stream_index"] == 0]
    assert len(got) == len(video) == 100
    for p, u in zip(got, video, strict=True):
        assert abs(float(p["pts_time"]) - (u.pts_ns - BASE) / S) < 2e-5
        assert abs(float(p["dts_time"]) - (u.dts_ns - BASE) / S) < 2e-5
        assert ("K" in p["flags"]) == u.key
    audio = [u for u in f.units if u.track is Track.AUDIO]
    sound = [p for p in found["packets"] if p["stream_index"] == 1]
    assert len(sound) == len(audio)
    # The first is from before the first picture (the encoder's priming); it is squeezed, the others are exact.
    for p, u in list(zip(sound, audio, strict=True))[2:]:
        assert abs(float(p["pts_time"]) - (u.pts_ns - BASE) / S) < 5e-5
    end = max((u.pts_ns - BASE) / S for u in f.units)
    assert end < float(found["format"]["duration"]) < end + 0.1
    assert found["format"]["tags"]["title"] == "Höf & Yard"
    assert found["format"]["tags"]["date"].startswith("2026-01-01T00:00:00")


@pytest.mark.parametrize("codec, b_frames", KINDS)
def test_ffmpeg_decodes_the_same_pictures_and_sound_as_from_the_source(
    footage: Callable[[str, int], Footage], tmp_path: Path, codec: str, b_frames: int
) -> None:
    f = footage(codec, b_frames)
    path = tmp_path / "segment.mp4"
    write(path, f.caps, f.units)
    assert [h for _, h in pictures(path)] == [h for _, h in pictures(f.source)]
    decode = ("-map", "0:a", "-f", "md5", "-")
    assert "MD5=" in run("ffmpeg", "-v", "warning", "-i", path, *decode)


def test_seeking_lands_on_the_right_picture(footage: Callable[[str, int], Footage], tmp_path: Path) -> None:
    f = footage("libx264", 0)
    path = tmp_path / "segment.mp4"
    write(path, f.caps, f.units)
    wanted = dict(pictures(path))[2.6]
    out = run(
        "ffmpeg", "-v", "warning", "-ss", "2.6", "-i", path, "-map", "0:v", "-frames:v", "1", "-f", "framehash",
        "-hash", "md5", "-",
    )  # fmt: skip
    assert out.splitlines()[-1].split(",")[-1].strip() == wanted


def test_a_file_cut_at_any_page_still_plays(footage: Callable[[str, int], Footage], tmp_path: Path) -> None:
    f = footage("libx264", 0)
    whole, cut = tmp_path / "whole.mp4", tmp_path / "cut.mp4"
    infos = write(whole, f.caps, f.units, close=False)
    data = whole.read_bytes()
    # Pages around each header, which is where it could hurt.
    pages = {p for i in infos[1:] for p in range(i.offset // PAGE, (i.moof_offset + 900) // PAGE + 1)}
    for page in sorted(pages):
        cut.write_bytes(data[: page * PAGE])
        done = subprocess.run(
            ["ffprobe", "-v", "error", "-count_packets", "-select_streams", "v", "-show_entries",
             "stream=nb_read_packets", "-of", "csv=p=0", str(cut)],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"cut at {page * PAGE}: {done.stderr}"
        kept = sum(i.video.units for i in infos if i.video and i.end <= page * PAGE)
        assert int(done.stdout.split(",")[0]) >= kept


def test_a_file_cut_in_a_header_plays_without_a_warning_after_repair(
    footage: Callable[[str, int], Footage], tmp_path: Path
) -> None:
    f = footage("libx264", 2)
    path = tmp_path / "segment.mp4"
    infos = write(path, f.caps, f.units, close=False)
    for keep in (20, 250, infos[-1].size // 2):
        write(path, f.caps, f.units, close=False)
        with path.open("r+b") as file:
            file.truncate(infos[-1].offset + keep)
            plan = repair_plan(scan(file))
            file.truncate(plan.truncate_to)
            file.seek(0, 2)
            file.write(plan.append)
        expected = sum(i.video.units for i in infos[:-1] if i.video)
        assert len(pictures(path)) == expected
        assert len([p for p in probe(path)["packets"] if p["stream_index"] == 0]) == expected


_GST = """
import sys, gi
gi.require_version("Gst", "1.0")
from gi.repository import Gst
Gst.init(None)
path, seek = sys.argv[1], float(sys.argv[2])
q = "queue max-size-time=0 max-size-bytes=0 max-size-buffers=0"
p = Gst.parse_launch(f"filesrc location={path} ! qtdemux name=d d.video_0 ! {q} ! fakesink name=v sync=false "
                     f"d.audio_0 ! {q} ! fakesink name=a sync=false")
seen = {"v": [], "a": []}
for name in seen:
    def note(pad, info, n=name):
        b = info.get_buffer()
        seen[n].append((b.pts, b.has_flags(Gst.BufferFlags.DELTA_UNIT)))
        return Gst.PadProbeReturn.OK
    # A probe, because a sink drops what lies before the instant that was asked for.
    p.get_by_name(name).get_static_pad("sink").add_probe(Gst.PadProbeType.BUFFER, note)
p.set_state(Gst.State.PAUSED)
p.get_state(5 * Gst.SECOND)
if seek >= 0:
    seen["v"].clear(); seen["a"].clear()
    assert p.seek_simple(Gst.Format.TIME, Gst.SeekFlags.FLUSH | Gst.SeekFlags.KEY_UNIT, int(seek * Gst.SECOND))
    p.get_state(5 * Gst.SECOND)
p.set_state(Gst.State.PLAYING)
kinds = Gst.MessageType.EOS | Gst.MessageType.ERROR | Gst.MessageType.WARNING
m = p.get_bus().timed_pop_filtered(20 * Gst.SECOND, kinds)
p.set_state(Gst.State.NULL)
print(m.type.first_value_nick if m else "timeout", len(seen["v"]), len(seen["a"]), *(seen["v"] or [(-1, True)])[0])
"""


@pytest.mark.skipif(shutil.which("gst-launch-1.0") is None, reason="needs GStreamer")
@pytest.mark.parametrize("close", [True, False], ids=["closed", "killed"])
def test_gstreamer_plays_it_through_and_seeks_to_the_key_unit(
    footage: Callable[[str, int], Footage], tmp_path: Path, close: bool
) -> None:
    f = footage("libx264", 0)
    path = tmp_path / "segment.mp4"
    write(path, f.caps, f.units, close=close)

    def play(seek: str) -> list[str]:
        done = subprocess.run([sys.executable, "-c", _GST, str(path), seek], capture_output=True, text=True, timeout=60)
        return done.stdout.split()

    audio = sum(u.track is Track.AUDIO for u in f.units)
    assert play("-1")[:3] == ["eos", "100", str(audio)]
    state, count, _, first, delta = play("2.6")
    assert (state, count, delta) == ("eos", "50", "False")
    assert abs(int(first) - 2 * S) < S // 1000


class Pieces(NamedTuple):
    first: Path
    second: Path
    footage: Footage


@pytest.fixture
def two_segments(footage: Callable[[str, int], Footage], tmp_path: Path) -> Callable[[Epoch, int], Pieces]:
    """Seconds 0 to 2 and 2 to 4 of the footage as two files, the second one later by a gap or in another session."""

    def make(epoch: Epoch, gap_s: int) -> Pieces:
        f = footage("libx264", 0)
        border = next(i for i, u in enumerate(f.units) if u.key and u.track is Track.VIDEO and u.dts_ns >= BASE + 2 * S)
        moved = [
            replace(
                u,
                epoch=epoch,
                seq=u.seq if epoch == EPOCH else u.seq - 40,
                # Another session counts from 0 again; only UTC tells the distance.
                dts_ns=u.dts_ns + (gap_s * S if epoch == EPOCH else -S),
                pts_ns=u.pts_ns + (gap_s * S if epoch == EPOCH else -S),
                utc_ns=u.utc_ns + gap_s * S,
            )
            for u in f.units[border:]
        ]
        first, second = tmp_path / "first.mp4", tmp_path / "second.mp4"
        write(first, f.caps, f.units[:border])
        write(second, f.caps, moved)
        return Pieces(first, second, f)

    return make


@pytest.mark.parametrize("codec, b_frames", KINDS)
def test_an_export_is_an_ordinary_mp4_with_its_index_in_front(
    footage: Callable[[str, int], Footage], tmp_path: Path, codec: str, b_frames: int
) -> None:
    f = footage(codec, b_frames)
    path, out = tmp_path / "segment.mp4", tmp_path / "export.mp4"
    write(path, f.caps, f.units)
    told: list[tuple[int, int]] = []
    with out.open("wb") as file:
        result = export([ExportPart(path)], file, progress=lambda done, total: told.append((done, total)))
    raw = out.read_bytes()
    assert [b.kind for b in children(raw, 0, len(raw))] == [b"ftyp", b"moov", b"mdat"]
    assert result.size == len(raw)
    assert told[-1][0] == told[-1][1] > 0
    assert (result.pictures, result.gaps) == (100, ())
    assert abs(result.duration_ns - 4 * S) < 100_000
    # Also the times: the first picture is at 0, as in the source.
    assert pictures(out) == pictures(f.source)
    assert abs(float(probe(out)["format"]["duration"]) - 4.0) < 0.03


@pytest.mark.parametrize("epoch", [EPOCH, Epoch("f" * 32)], ids=["same session", "another session"])
@pytest.mark.parametrize("gap_s", [0, 3])
def test_an_export_keeps_time_true_across_files_and_gaps(
    two_segments: Callable[[Epoch, int], Pieces], tmp_path: Path, epoch: Epoch, gap_s: int
) -> None:
    pieces = two_segments(epoch, gap_s)
    out = tmp_path / "export.mp4"
    with out.open("wb") as file:
        result = export([ExportPart(pieces.first), ExportPart(pieces.second)], file)
    source = pictures(pieces.footage.source)
    expected = [(t if t < 2 else round(t + gap_s, 4), h) for t, h in source]
    assert pictures(out) == expected
    assert [round(g.duration_ns / S, 3) for g in result.gaps] == ([gap_s] if gap_s else [])
    if gap_s:
        assert abs(result.gaps[0].utc_ns - (UTC + 2 * S)) < S // 1000
    # Sound goes on through the gap without a hole, so that editors which count frames stay in step.
    times = [float(p["pts_time"]) for p in probe(out)["packets"] if p["stream_index"] == 1]
    steps = [b - a for a, b in pairwise(times)]
    assert max(steps) < 2 * 1024 / 48000 + 1e-3
    assert times[-1] > 3.9 + gap_s


def test_an_export_can_close_gaps(two_segments: Callable[[Epoch, int], Pieces], tmp_path: Path) -> None:
    pieces = two_segments(Epoch("f" * 32), 3)
    out = tmp_path / "export.mp4"
    with out.open("wb") as file:
        result = export([ExportPart(pieces.first), ExportPart(pieces.second)], file, gaps=Gaps.CLOSE)
    assert len(result.gaps) == 1
    assert abs(result.end_utc_ns - (UTC + 7 * S)) < S // 1000
    assert pictures(out) == pictures(pieces.footage.source)


def test_an_export_of_a_range_without_footage_says_so(
    two_segments: Callable[[Epoch, int], Pieces], tmp_path: Path
) -> None:
    pieces = two_segments(EPOCH, 3)
    parts = [ExportPart(pieces.first), ExportPart(pieces.second)]
    for start, end in ((-9, -8), (3, 4), (20, 30)):
        with (tmp_path / "export.mp4").open("wb") as file, pytest.raises(UsageError, match="no footage"):
            export(parts, file, from_utc_ns=UTC + start * S, to_utc_ns=UTC + end * S)
    with (tmp_path / "export.mp4").open("wb") as file:
        # From within the gap: what comes next, not a picture that stands still from before it.
        assert export(parts, file, from_utc_ns=UTC + 4 * S).start_utc_ns == UTC + 5 * S


def test_an_export_begins_at_the_key_unit_before_and_ends_in_time(
    two_segments: Callable[[Epoch, int], Pieces], tmp_path: Path
) -> None:
    pieces = two_segments(EPOCH, 0)
    out = tmp_path / "export.mp4"
    with out.open("wb") as file:
        result = export(
            [ExportPart(pieces.first), ExportPart(pieces.second)],
            file,
            from_utc_ns=UTC + 1_700_000_000,
            to_utc_ns=UTC + 2_500_000_000,
        )
    assert result.start_utc_ns == UTC + S
    source = [(round(t - 1, 4), h) for t, h in pictures(pieces.footage.source) if 1 <= t < 2.5]
    assert len(source) == result.pictures
    assert pictures(out) == [(abs(t), h) for t, h in source]


def test_an_export_obeys_supersession_and_never_doubles(footage: Callable[[str, int], Footage], tmp_path: Path) -> None:
    f = footage("libx264", 0)
    old, new, out = tmp_path / "old.mp4", tmp_path / "new.mp4", tmp_path / "export.mp4"
    border = next(i for i, u in enumerate(f.units) if u.track is Track.VIDEO and u.seq == 50)
    write(old, f.caps, f.units[: border + 30])
    write(new, f.caps, f.units[border:])
    for end in (50, None):
        with out.open("wb") as file:
            export([ExportPart(old, end_video_seq=end), ExportPart(new)], file)
        assert pictures(out) == pictures(f.source)


def test_an_export_over_a_change_of_size_holds_both_descriptions(
    footage: Callable[[str, int], Footage], tmp_path: Path
) -> None:
    f = footage("libx264", 0)
    encode(tmp_path / "small.mp4", "libx264", 0, "160x120")
    g = load(tmp_path / "small.mp4")
    later = [replace(u, epoch=Epoch("f" * 32), utc_ns=u.utc_ns + 4 * S) for u in g.units]
    write(tmp_path / "a.mp4", f.caps, f.units)
    write(tmp_path / "b.mp4", g.caps, later)
    with (tmp_path / "export.mp4").open("wb") as file:
        export([ExportPart(tmp_path / "a.mp4"), ExportPart(tmp_path / "b.mp4")], file)
    scaled = ("-vf", "scale=320:240:flags=neighbor", "-map", "0:v", "-f", "null", "-")
    run("ffmpeg", "-v", "warning", "-i", tmp_path / "export.mp4", *scaled)
    assert len([p for p in probe(tmp_path / "export.mp4")["packets"] if p["stream_index"] == 0]) == 200


def test_an_export_over_a_change_of_codec_says_what_to_do(
    footage: Callable[[str, int], Footage], tmp_path: Path
) -> None:
    f, g = footage("libx264", 0), footage("libx265", 0)
    write(tmp_path / "a.mp4", f.caps, f.units)
    write(tmp_path / "b.mp4", g.caps, [replace(u, epoch=Epoch("f" * 32)) for u in g.units])
    with (
        (tmp_path / "export.mp4").open("wb") as file,
        pytest.raises(ExportCodecError, match=r"h264 to h265.*two files"),
    ):
        export([ExportPart(tmp_path / "a.mp4"), ExportPart(tmp_path / "b.mp4")], file)


def test_audio_that_pauses_inside_a_fragment_is_filled_with_silence(
    footage: Callable[[str, int], Footage], tmp_path: Path
) -> None:
    f = footage("libx264", 0)
    quiet = (BASE + S * 11 // 10, BASE + S * 13 // 10)
    kept = [u for u in f.units if u.track is Track.VIDEO or not quiet[0] < u.dts_ns < quiet[1]]
    counts, units = [0, 0], []
    for u in kept:
        units.append(replace(u, seq=counts[u.track]))
        counts[u.track] += 1
    write(tmp_path / "segment.mp4", f.caps, units)
    out = tmp_path / "export.mp4"
    with out.open("wb") as file:
        export([ExportPart(tmp_path / "segment.mp4")], file)
    assert pictures(out) == pictures(f.source)
    run("ffmpeg", "-v", "warning", "-i", out, "-map", "0:a", "-f", "null", "-")
    by_time = {round(float(p["pts_time"]), 3): int(p["size"]) for p in probe(out)["packets"] if p["stream_index"] == 1}
    silent = [size for t, size in by_time.items() if 1.13 < t < 1.27]
    assert silent
    assert set(silent) == {6}
    original = {
        round((u.dts_ns - BASE) / S, 3): len(u.data) for u in units if u.track is Track.AUDIO and u.dts_ns > BASE
    }
    assert {t: by_time.get(t) for t in original} == original
