"""From RTSP to files: every frame once, across rotations, with right times, without a warning from ffprobe."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from evertape.ipc.events import SegmentClock, SegmentClosed
from evertape_lab.audit import assert_every_frame_once, scan_file
from evertape_lab.fleet import LabCameras
from evertape_lab.rig import Rig

FRAME_NS = 40_000_000


def probe(path: Path) -> tuple[str, dict[str, int]]:
    """What ffprobe complains about, and the packets it counts per kind of stream."""
    done = subprocess.run(
        ["ffprobe", "-v", "warning", "-count_packets", "-show_entries", "stream=codec_type,nb_read_packets",
         "-of", "csv=p=0", str(path)],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    rows = [line.split(",") for line in done.stdout.split()]
    return done.stderr, {kind: int(count) for kind, count, *_ in rows if count != "N/A"}


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"count": 4}, id="h264"),
        pytest.param({"count": 2, "codec": "h265"}, id="h265"),
        pytest.param({"count": 2, "audio": "aac"}, id="h264-aac"),
        pytest.param({"count": 1, "audio": "pcma", "bframes": 2}, id="h264-bframes-g711"),
        pytest.param({"count": 1, "gop": 100}, id="h264-gop-of-4-s"),
    ],
)
def test_every_frame_is_on_disk_once_across_rotations(tmp_path: Path, options: dict[str, int | str]) -> None:
    count = int(options["count"])
    names = [f"cam_{n + 1:02d}" for n in range(count)]

    async def scenario(lab: LabCameras) -> None:
        urls = dict(zip(names, lab.urls, strict=True))
        async with Rig(tmp_path, urls, settings='[recording]\nrotation = "4s"\n') as rig:
            await rig.recorded(names, 11, timeout_s=25)
        assert rig.clean
        assert_every_frame_once(rig.files(), cameras=names, at_least=250, not_sent=lab.not_sent)
        closed = {e.path: e for e in rig.events(SegmentClosed) if isinstance(e, SegmentClosed)}
        assert len(closed) == len(rig.files()) >= 3 * count
        better = {e.segment: e for e in rig.events(SegmentClock) if isinstance(e, SegmentClock)}
        for path in rig.files():
            complaints, packets = probe(path)
            event = closed[str(path.relative_to(rig.data.recordings))]
            frames = scan_file(path)
            assert complaints == ""
            assert packets["video"] == len(frames) == event.last_video - event.first_video + 1
            if len(frames) >= 25:
                assert (packets.get("audio", 0) > 0) == ("audio" in options)
            clock = better.get(event.segment, event)
            assert clock.utc_source == "rtcp"
            assert abs(clock.start_utc - frames[0].utc_ns) <= FRAME_NS, "the start is right to a frame"
            assert event.bytes == path.stat().st_size
            assert abs(event.duration - len(frames) * FRAME_NS) <= FRAME_NS

    with LabCameras(**options) as lab:  # type: ignore[arg-type]
        asyncio.run(scenario(lab))
