"""Recording is started and stopped by hand while somebody watches: exact files, and an undisturbed viewer."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

from evertape.ipc.channel import Channel, connect
from evertape.ipc.events import SegmentClosed
from evertape.ipc.messages import FeedUnits, Hello, Message, Subscribe
from evertape.ipc.places import socket_path
from evertape.types import Track
from evertape_lab.audit import scan_file
from evertape_lab.fleet import LabCameras
from evertape_lab.rig import Rig
from evertape_lab.sei import find_frames

TIMES = 50


class Viewer:
    """Somebody who watches, through the recorder's socket as everybody does."""

    def __init__(self, rig: Rig) -> None:
        self.frames: list[int] = []
        self.keyframes: set[int] = set()
        self.skipped = 0
        self._channel = Channel(connect(socket_path(rig.data.root, "recorder-0")), self._message)
        self._channel.send(Hello(role="viewer", name="test", pid=0))
        self._channel.send(Subscribe(camera="cam_01"))

    def _message(self, _channel: Channel, message: Message, payload: bytes) -> None:
        if not isinstance(message, FeedUnits):
            return
        self.skipped += message.skipped
        at = 0
        for unit in message.units:
            if unit.track == Track.VIDEO:
                (frame,) = find_frames(payload, at, at + unit.size)
                self.frames.append(frame.n)
                if unit.key:
                    self.keyframes.add(frame.n)
            at += unit.size

    def close(self) -> None:
        self._channel.close()


def test_each_file_is_exact_to_its_frames_and_the_viewer_loses_none(tmp_path: Path) -> None:
    """D1."""
    spans: list[tuple[int, int, int]] = []

    async def once(rig: Rig, viewer: Viewer, frames: int) -> None:
        """Start, let ``frames`` pass, stop; note what the viewer had at each moment."""
        files = info(rig).segments
        rig.supervisor.set_wishes(("cam_01",), True, "a test")
        await rig.until(
            lambda: info(rig).state == "recording" and info(rig).segments == files + 1, 10, "recording began"
        )
        # The viewer's socket is another one: what it was sent before the state was may still be unread.
        heard = viewer.frames[-1]
        await rig.until(lambda: viewer.frames[-1] > heard, 10, "a frame passes")
        began = viewer.frames[-1]
        await rig.until(lambda: viewer.frames[-1] >= began + frames, 10, "frames pass")
        stop = viewer.frames[-1]
        rig.supervisor.set_wishes(("cam_01",), False, "a test")
        await rig.until(lambda: info(rig).state == "stopped", 10, "recording stopped")
        spans.append((began, stop, viewer.frames[-1]))

    def info(rig: Rig):  # type: ignore[no-untyped-def]
        camera = rig.camera("cam_01")
        assert camera is not None
        return camera.recording

    async def scenario(url: str) -> Viewer:
        async with Rig(tmp_path, {"cam_01": url}) as rig:
            await rig.recorded(["cam_01"], 1)
            viewer = Viewer(rig)
            rig.supervisor.set_wishes(("cam_01",), False, "a test")
            await rig.until(lambda: bool(viewer.frames) and info(rig).state == "stopped", 10, "somebody watches")
            for turn in range(TIMES):
                await once(rig, viewer, turn % 7)
            viewer.close()
        assert rig.clean
        closed = [e for e in rig.events(SegmentClosed) if isinstance(e, SegmentClosed)]
        assert [event.reason for event in closed] == ["stop"] * (TIMES + 1)
        for event in closed:
            frames = [frame.n for frame in scan_file(rig.data.recordings / event.path)]
            assert len(frames) == event.last_video - event.first_video + 1
            assert frames == list(range(frames[0], frames[0] + len(frames)))
            # The first was begun before anybody watched.
            assert frames[0] in viewer.keyframes or event is closed[0]
        files = [[frame.n for frame in scan_file(rig.data.recordings / event.path)] for event in closed]
        every = [n for frames in files for n in frames]
        assert len(every) == len(set(every)), "no frame is in two files"
        for (began, stop, seen), frames in zip(spans, files[1:], strict=True):
            assert frames[0] <= began
            # What the viewer had when the stop was said is there; nothing that came after it was obeyed is.
            assert stop <= frames[-1] <= seen
        probe = [
            "ffprobe",
            "-v",
            "warning",
            "-count_frames",
            "-show_entries",
            "stream=nb_read_frames",
            "-of",
            "csv=p=0",
        ]
        last = str(rig.data.recordings / closed[-1].path)
        shown = subprocess.run([*probe, last], capture_output=True, text=True, check=True, timeout=30)
        assert (int(shown.stdout.strip().rstrip(",")), shown.stderr) == (len(files[-1]), "")
        return viewer

    with LabCameras(count=1, gop=5) as lab:
        viewer = asyncio.run(scenario(lab.urls[0]))
        assert not lab.not_sent
    assert viewer.skipped == 0
    assert viewer.frames == list(range(viewer.frames[0], viewer.frames[0] + len(viewer.frames)))


def test_starts_and_stops_without_a_pause_double_nothing_and_end_cleanly(tmp_path: Path) -> None:
    async def scenario(url: str) -> None:
        async with Rig(tmp_path, {"cam_01": url}) as rig:
            await rig.recorded(["cam_01"], 1)
            for turn in range(200):
                rig.supervisor.set_wishes(("cam_01",), turn % 2 == 1, "a test")
                if turn % 5 == 0:
                    await asyncio.sleep(0)
            await rig.recorded(["cam_01"], 1)
        assert rig.clean
        frames = [frame.n for path in rig.files() for frame in scan_file(path)]
        assert len(frames) == len(set(frames))
        (wishes,) = (rig.data.root / "state").glob("wishes.json")
        assert '"cam_01": true' in wishes.read_text()

    with LabCameras(count=1, gop=5) as lab:
        asyncio.run(scenario(lab.urls[0]))
