"""Recording is started and stopped in the window while its pictures are watched: exact files, no picture missed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pytestqt", reason="pytest-qt is not installed")

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from evertape.config.desktop import Grid
from evertape_desktop.backend.http_link import LocalLink
from evertape_desktop.video import frames
from evertape_lab.audit import scan_file
from evertape_lab.fleet import LabCameras
from faults.desktop_desk import LOOP, Desk
from hub.served_hub import ServedHub, pictures

TIMES = 50 if os.environ.get("EVERTAPE_LONG") else 12
SIZE = (320, 180)


@pytest.fixture
def lab() -> Iterator[LabCameras]:
    with LabCameras(count=1, size="320x180", bitrate=300, gop=5) as cameras:
        yield cameras


@pytest.fixture
def hub(lab: LabCameras) -> Iterator[ServedHub]:
    # Not tmp_path: a socket's path may be 107 bytes long.
    folder = Path(tempfile.mkdtemp(prefix="evt-"))
    served = ServedHub(folder / "data", f'[cameras.door]\nurl = "{lab.urls[0]}"\nrecord = false\n')
    served.start()
    served.log_in()
    yield served
    assert served.stop() == 0
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.timeout(300)
def test_each_file_is_exact_and_the_pictures_in_the_window_go_on(
    qtbot: QtBot, hub: ServedHub, lab: LabCameras, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D1, by hand: the buttons of the row."""
    monkeypatch.setattr(frames, "DEPTH", 1000)
    desk = Desk(qtbot, LocalLink(hub.data), Grid.ONE)
    try:
        desk.until(lambda: "door" in desk.control._rows and "door" in desk.grid.shown, 30, "the camera")
        row, watched = desk.control.row("door"), desk.count("door", size=SIZE)["door"]
        left_out, shown_last = len(lab.not_sent), []
        for turn in range(TIMES):
            desk.until(row.start_button.isEnabled, 10, "it can be started")
            qtbot.mouseClick(row.start_button, Qt.MouseButton.LeftButton)
            assert row.state_text == "starting…"
            desk.until(lambda: desk.told[-1:] == ["+door"], 10, "it has begun")
            assert row.state_text == "Recording to recordings"
            seen = len(watched.seen)
            desk.until(lambda seen=seen, turn=turn: len(watched.seen) > seen + turn % 7, 10, "pictures pass")
            shown_last.append(watched.seen[-1])
            qtbot.mouseClick(row.stop_button, Qt.MouseButton.LeftButton)
            assert row.state_text == "stopping…"
            desk.until(lambda: desk.told[-1:] == ["-door"], 10, "it has ended")
        assert desk.told == ["+door", "-door"] * TIMES
        segments = closed(desk, hub)
    finally:
        desk.close()
    assert watched.missed == 0 or lab.not_sent[left_out:] or watched.skipped, watched.seen
    assert watched.away == 0 and len(watched.seen) > 4 * TIMES
    assert len(segments) == len(hub.files()) == TIMES
    every: list[int] = []
    for segment, shown in zip(segments, shown_last, strict=True):
        numbers = [frame.n for frame in scan_file(hub.data / "recordings" / segment["path"])]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))) or lab.not_sent
        assert round(segment["seconds"] * 25) == len(numbers) or lab.not_sent
        # What could be seen when it was stopped is there, and little that came after.
        assert shown is not None and (numbers[-1] - shown) % LOOP < 25
        every += numbers
    assert len(every) == len(set(every)), "no frame is in two files"
    last = hub.data / "recordings" / segments[-1]["path"]
    assert pictures(last) == len(scan_file(last))
    print(f"{TIMES} recordings, {len(every)} frames in them, {len(watched.seen)} pictures watched")  # noqa: T201


def closed(desk: Desk, hub: ServedHub) -> list[dict[str, Any]]:
    """The finished files as the ledger has them, once it has them all."""
    found: list[dict[str, Any]] = []

    def all_there() -> bool:
        answer = hub.get("/cameras/door/segments", start="2020-01-01T00:00:00Z", end="2100-01-01T00:00:00Z")
        found[:] = [part["segment"] for part in answer["parts"] if part["segment"]["state"] == "closed"]
        return len(found) >= TIMES

    desk.until(all_there, 15, "the ledger has them")
    return sorted(found, key=lambda segment: str(segment["start"]))
