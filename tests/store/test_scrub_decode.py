"""The check in the background decodes a sample: pictures that do not come out are found though every hash is right."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from evertape.domain.cause import Cause
from evertape.domain.coverage import GapSpan
from evertape.engine.keeper_decode import SampleDecoder, UndecidedError
from evertape.engine.keeper_link import KeeperLink
from evertape.ipc.events import Alert, SegmentClosed, SegmentDamaged
from evertape.ipc.messages import AdoptSegment, GroupFound, JobDone, SegmentPiece
from evertape.media.decode_sample import PREFIX, Counted, Decoded, Verdict, decode, judge
from evertape.mp4.foreign import read_foreign
from evertape.mp4.model import FragmentInfo, SegmentHeader, SeqRange
from evertape.mp4.remux import Remux
from evertape.mp4.sample import group_of
from evertape.mp4.scan import ScannedSegment, scan
from evertape.store.index import Index
from evertape.store.rows import GapRow, SegmentRow
from evertape.types import CameraId, Epoch, SegmentId, StreamCaps, UtcNs, UtcSource
from evertape_lab.disk_peer import DiskRig
from evertape_lab.keeper_peer import KeeperUnderTest, look, write_down
from evertape_lab.story import START as STORY_START
from evertape_lab.story import Story

NS = 10**9
START = 1_767_225_600 * NS
GOP, GROUPS = 25, 4
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg makes the pictures")


def encoded(folder: Path, codec: str = "libx264", options: tuple[str, ...] = ()) -> Path:
    """Four groups of 25 pictures."""
    path = folder / f"{codec}.mp4"
    command = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25", "-t", str(GROUPS)]
    more = ["-preset", "ultrafast", "-g", str(GOP), "-sc_threshold", "0", "-bf", "0", *options]
    subprocess.run([*command, "-c:v", codec, *more, str(path)], check=True, timeout=60)
    return path


def decoders(codec: str = "h264") -> bool:
    """Whether this machine has one that tells what it conceals."""
    name = {"h264": "avdec_h264", "h265": "avdec_h265"}[codec]
    text = f"import sys; from evertape.media.gst.lib import first_element; sys.exit(first_element({name!r}) is None)"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", text], env=env, check=False, capture_output=True, timeout=30)
    return done.returncode == 0


def segment(source: Path, segment_id: str, *, zeroed: tuple[int, ...] = (), start: int = START) -> bytes:
    """A segment of these pictures; of the groups in ``zeroed`` most of each picture's bytes are others."""
    data = bytearray(source.read_bytes())
    with source.open("rb") as file:
        movie = read_foreign(file)
    for number, sample in enumerate(movie.video):
        if number // GOP in zeroed:
            # What a disk that lost its pages gives out; the sizes of NAL units stay.
            data[sample.offset + 8 : sample.offset + sample.size] = b"\x5a" * (sample.size - 8)
    spoilt = source.with_name(f"{segment_id}.mp4")
    spoilt.write_bytes(bytes(data))
    header = SegmentHeader(
        SegmentId(segment_id), CameraId("door"), "Door", Epoch(segment_id[::-1]), 0, 0, 0, start,
        UtcSource.ARRIVAL, NS, 0,
    )  # fmt: skip
    with spoilt.open("rb") as file:
        return b"".join(Remux(file, movie, header))


class Held:
    """A volume with files that a disk process took in, so their hashes are of what is in them today."""

    def __init__(self, rig: DiskRig, files: dict[str, bytes]) -> None:
        self.rig = rig
        volume = rig.folder / "volume"
        folder = volume / "door" / "20260101"
        folder.mkdir(parents=True)
        for name, data in files.items():
            (folder / f"{name}.mp4").write_bytes(data)
        self.disk = rig.disk(volume)
        story = Story("one")
        story.started((START - STORY_START) / NS)
        story.wish((START - STORY_START) / NS)
        write_down(rig, story.events)
        keeper = self.disk.connect("keeper")
        keeper.state("online")
        for number, name in enumerate(files):
            keeper.send(AdoptSegment(request=number, path=f"door/20260101/{name}.mp4"))
            assert keeper.wait(JobDone).ok
        for event in (rig.event(SegmentClosed), *rig.events(SegmentClosed)):
            assert event.hash

    def row(self, segment_id: str, accept: Callable[[SegmentRow], object]) -> SegmentRow:
        def asked(index: Index) -> SegmentRow | None:
            row = index.segment(segment_id)
            return row if row is not None and accept(row) else None

        found = look(self.rig, asked, 200.0)  # decoders run only while nobody else wants the processor
        assert found is not None
        return found

    def gaps(self) -> list[tuple[int, int]]:
        with Index.open_readonly(self.rig.data / "index.sqlite3") as index:
            report = index.coverage("door", UtcNs(START), UtcNs(START + GROUPS * NS), UtcNs(START + 10**13))
        gaps = [span for span in report.spans if isinstance(span, GapSpan)]
        assert {gap.cause for gap in gaps} <= {Cause.FOOTAGE_DAMAGED}
        return [(gap.start, gap.end) for gap in gaps]


@needs_ffmpeg
@pytest.mark.timeout(300)
def test_pictures_that_do_not_come_out_are_in_the_ledger_with_their_groups_and_told_of(
    rig: DiskRig, tmp_path: Path
) -> None:
    if not decoders():
        pytest.skip("GStreamer has no avdec_h264")
    good, bad = "a" * 32, "b" * 32
    source = encoded(tmp_path)
    held = Held(
        rig, {"good": segment(source, good, start=START + 3600 * NS), "bad": segment(source, bad, zeroed=(1, 2))}
    )
    with KeeperUnderTest(rig, {"usb1": held.disk}, scrub_rate=NS, scrub_interval=1, decode_interval=1) as keeper:
        row = held.row(bad, lambda row: row.damaged)
        assert row.damaged == f"{PREFIX}: pictures 25 to 74"
        (event, *_) = rig.events(SegmentDamaged)
        assert [(one.first_video, one.last_video) for one in event.spans] == [(GOP, 3 * GOP - 1)]
        look(rig, lambda _index: held.gaps() == [(START + NS, START + 3 * NS)], 60.0)
        # It is looked at again and again: it stays damaged, and is told of once.
        again = held.row(bad, lambda now: now.damaged and now.checked_at != row.checked_at)
        assert again.damaged == row.damaged
        held.row(good, lambda row: row.checked_at)
        assert keeper.rss() > 0, "heartbeats go on"
    assert held.gaps() == [(START + NS, START + 3 * NS)]
    assert [(alert.kind, alert.state) for alert in rig.events(Alert)] == [("footage_damaged", "raised")]
    assert {one.segment for one in rig.events(SegmentDamaged)} == {bad}


@needs_ffmpeg
@pytest.mark.parametrize(
    ("codec", "name", "options"),
    [("libx264", "h264", ()), ("libx265", "h265", ("-x265-params", "log-level=none:open-gop=0"))],
)
def test_a_group_is_sound_or_damaged_as_its_pictures_are(
    tmp_path: Path, codec: str, name: str, options: tuple[str, ...]
) -> None:
    if not decoders(name):
        pytest.skip(f"GStreamer has no decoder for {name}")
    data = segment(encoded(tmp_path, codec, options), "c" * 32, zeroed=(1,))
    path = tmp_path / "segment.mp4"
    path.write_bytes(data)
    with path.open("rb") as file:
        scanned = scan(file)
    verdicts = []
    for unit in (3, GOP, 2 * GOP - 1, 3 * GOP):
        group = group_of(scanned, unit)
        assert group is not None
        assert (group.first_video, group.last_video) == (unit // GOP * GOP, unit // GOP * GOP + GOP - 1)
        sample = data[: group.head] + data[group.offset : group.offset + group.size]
        verdicts.append(asyncio.run(decode(name, sample, GOP)).verdict)
    assert verdicts == [Verdict.SOUND, Verdict.DAMAGED, Verdict.DAMAGED, Verdict.SOUND]


def test_without_a_decoder_nothing_is_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GST_PLUGIN_SYSTEM_PATH_1_0", str(tmp_path))
    monkeypatch.setenv("GST_REGISTRY_1_0", str(tmp_path / "registry"))
    found = asyncio.run(decode("h264", b"no film", 25))
    assert found.verdict is Verdict.NO_DECODER


def test_a_decoder_that_is_late_says_nothing(tmp_path: Path) -> None:
    assert asyncio.run(decode("h264", b"no film", 25, 0.001)).verdict is Verdict.UNDECIDED


@pytest.mark.parametrize(
    ("counted", "verdict"),
    [
        (Counted(25, 0, False), Verdict.SOUND),
        (Counted(13, 0, False), Verdict.SOUND),  # a lossy network
        (Counted(12, 0, False), Verdict.DAMAGED),
        (Counted(25, 20, False), Verdict.DAMAGED),
        (Counted(25, 0, True), Verdict.DAMAGED),
        (Counted(0, 0, False), Verdict.DAMAGED),
    ],
)
def test_what_counts_as_damage(counted: Counted, verdict: Verdict) -> None:
    assert judge(counted, 25).verdict is verdict


class _Link:
    """A volume with one file of ten groups of ten pictures, a second each."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    async def find_group(self, _segment: str, _path: str, unit: int) -> GroupFound:
        self.asked.append(unit // 10)
        first = unit // 10 * 10
        return GroupFound(
            request=0, head=1, offset=unit // 10, size=1, first_video=first, last_video=first + 9,
            start_utc=first // 10 * NS, end_utc=(first // 10 + 1) * NS, file_start_utc=0,
        )  # fmt: skip

    async def read_segment(
        self, _segment: str, _path: str, offset: int, size: int, *, fresh: bool
    ) -> tuple[SegmentPiece, bytes]:
        assert not fresh
        return SegmentPiece(request=0, total=100, sync_ms=0.0), bytes([offset]) * size


ROW = SegmentRow(
    id="s", camera="door", volume="v", path="p", epoch="e", generation=0, first_video=0, last_video=99,
    start_utc=100 * NS, end_utc=110 * NS, duration=10 * NS, utc_source="arrival", utc_error=0, codec="h264", width=1,
    height=1,
)  # fmt: skip


class _Decoder:
    """Knows which groups are bad."""

    def __init__(self, *bad: int, verdict: Verdict = Verdict.DAMAGED) -> None:
        self.bad, self.verdict, self.calls = bad, verdict, 0

    async def __call__(self, _codec: str, data: bytes, _pictures: int) -> Decoded:
        self.calls += 1
        return Decoded(self.verdict, "bad") if data[1] in self.bad else Decoded(Verdict.SOUND)


async def _no_wait(_size: int) -> None:
    return None


def _run(decoder: _Decoder, gaps: list[GapRow] | None = None) -> list[tuple[int, int, int, int]]:
    async def run() -> list[tuple[int, int, int, int]]:
        link = cast(KeeperLink, _Link())
        sampler = SampleDecoder(_no_wait, decoder)
        text, spans = await (sampler.sample(link, ROW) if gaps is None else sampler.again(link, ROW, gaps))
        assert bool(text) == bool(spans)
        return [(one.first_video, one.last_video, one.start_utc, one.end_utc) for one in spans]

    return asyncio.run(run())


def test_the_neighbours_of_a_damaged_group_are_looked_at_until_pictures_come_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("evertape.engine.keeper_decode.random.randint", lambda _first, _last: 44)
    assert _run(_Decoder(3, 4, 5, 8)) == [(30, 59, 103 * NS, 106 * NS)]
    assert _run(_Decoder(8)) == []
    everything = _Decoder(*range(10))
    assert _run(everything) == [(0, 99, 100 * NS, 110 * NS)]
    assert everything.calls == 10


def test_what_was_damaged_is_decoded_again_where_it_was() -> None:
    gap = GapRow(
        id="damaged-s-0", camera="door", cause="footage_damaged", start_utc=103 * NS, end_utc=106 * NS, opened_at=0
    )
    assert _run(_Decoder(3, 4, 5), [gap]) == [(30, 59, 103 * NS, 106 * NS)]
    assert _run(_Decoder(), [gap]) == []
    with pytest.raises(UndecidedError):
        _run(_Decoder(4, verdict=Verdict.UNDECIDED), [gap])


def test_a_codec_without_a_decoder_is_not_tried_again() -> None:
    decoder = _Decoder(*range(10), verdict=Verdict.NO_DECODER)

    async def run() -> int:
        link = _Link()
        sampler = SampleDecoder(_no_wait, decoder)
        for _ in range(3):
            assert await sampler.sample(cast(KeeperLink, link), ROW) == ("", ())
        return len(link.asked)

    assert asyncio.run(run()) == 1
    assert decoder.calls == 1


def test_samples_are_due_at_their_interval_and_not_at_all_if_nobody_wants_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run() -> list[bool]:
        sampler = SampleDecoder(_no_wait, _Decoder())
        due = [sampler.due]
        sampler.assign(3600 * NS)
        due.append(sampler.due)
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: later)
        due.append(sampler.due)
        await sampler.sample(cast(KeeperLink, _Link()), ROW)
        due.append(sampler.due)
        sampler.assign(0)
        return [*due, sampler.due]

    later = time.monotonic() + 3601
    assert asyncio.run(run()) == [False, False, True, False, False]


def test_a_group_too_large_is_cut_and_a_file_without_a_keyframe_has_none() -> None:
    def fragment(index: int, key: bool) -> FragmentInfo:
        return FragmentInfo(
            index, SeqRange(index * 5, index * 5 + 4), None, index, UtcSource.ARRIVAL, 0, index, index, index + 1, key,
            1000 + 100 * index, 100, 1010 + 100 * index,
        )  # fmt: skip

    def scanned(*keys: int) -> ScannedSegment:
        fragments = [fragment(n, n in keys) for n in range(8)]
        return ScannedSegment(cast(SegmentHeader, None), cast(StreamCaps, None), fragments, True, 0, 0, 1000, None)

    group = group_of(scanned(0, 4), 12)
    assert group is not None
    assert (group.offset, group.size, group.first_video, group.last_video) == (1000, 400, 0, 19)
    cut = group_of(scanned(0), 12, most=250)
    assert cut is not None
    assert cut.size == 200
    assert group_of(scanned(), 12) is None
    assert group_of(scanned(4), 12) is None
