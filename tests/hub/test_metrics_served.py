"""The figures of a real service: what is recorded, and what dies, is seen in them."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import httpx

from evertape_lab import LabCameras
from hub.served_hub import ServedHub, until
from hub.test_metrics import Figures


def test_recording_and_a_killed_disk_process_are_seen_in_the_figures(tmp_path: Path) -> None:
    with LabCameras(1, user="viewer", password="s3cret") as lab:
        hub = ServedHub(tmp_path / "data", f'[cameras.door]\nurl = "{lab.urls[0]}"\n')
        hub.start()
        try:
            url = hub.url()

            def figures() -> Figures:
                answer = httpx.get(f"{url}/metrics", timeout=30)
                assert answer.status_code == 200, answer.text
                return Figures(answer.text)

            def frames() -> float:
                return figures()("camera_frames_recorded_total", camera="door") or 0

            until(lambda: frames() > 30, "pictures are recorded")
            before, processes = frames(), _processes(figures())
            disk = next(name for name in processes if name.startswith("disk-") and name != "disk-data")
            assert processes[disk] == 0
            os.kill(hub.pid(disk), signal.SIGKILL)
            until(lambda: _processes(figures())[disk] == 1, "its replacement is counted")
            # Everything that was in memory meanwhile is recorded as well.
            until(lambda: frames() > before + 60, "recording goes on")
            volume = disk.removeprefix("disk-")
            until(lambda: figures()("volume_sync_latency_seconds", volume=volume), "its next probe tells of its syncs")
            now = figures()
            assert now("up") == 1 and now("process_up", process=disk) == 1
            assert now("camera_frames_lost_total", camera="door") == 0
            assert (now("process_cpu_seconds_total", process="recorder-0") or 0) > 0
            assert "s3cret" not in now.text and str(hub.data) not in now.text
        finally:
            hub.stop()
        assert "Traceback" not in hub.log()


def _processes(figures: Figures) -> dict[str, float]:
    return {
        dict(labels)["process"]: value
        for (name, labels), value in figures.samples.items()
        if name == "evertape_process_restarts_total"
    }
