"""What a killed recorder leaves behind plays; the costs of crashes are in ``test_crashes_*``."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from pathlib import Path

import pytest

from evertape.ipc.events import ProcessDied, ProcessStarted, SegmentClosed
from evertape_lab.audit import audit_files
from evertape_lab.fleet import LabCameras
from evertape_lab.rig import Rig

SETTINGS = '[recording]\nrotation = "1min"\n'


def pid_of(rig: Rig, name: str) -> int:
    pid = rig.supervisor.children[name].pid
    assert pid is not None
    return pid


def restarts(rig: Rig, name: str) -> list[float]:
    """Seconds from each death of a process to its successor's start, by the journal's boot-time clock."""
    died = [e for e in rig.events(ProcessDied) if isinstance(e, ProcessDied) and e.process == name]
    started = [e for e in rig.events(ProcessStarted) if isinstance(e, ProcessStarted) and e.process == name]
    return [min(s.boot for s in started if s.boot >= d.boot) / 1e9 - d.boot / 1e9 for d in died]


@pytest.mark.timed
@pytest.mark.faults
def test_a_killed_recorder_costs_little_and_its_file_plays_to_the_last_fragment(tmp_path: Path) -> None:
    async def scenario(url: str) -> None:
        async with Rig(tmp_path, {"cam_01": url}, settings=SETTINGS) as rig:
            await rig.recorded(["cam_01"], 3)
            os.kill(pid_of(rig, "recorder-0"), signal.SIGKILL)
            await rig.until(
                lambda: any(isinstance(e, SegmentClosed) and e.reason == "writer_gone" for e in rig.events()),
                5,
                "the disk process finishes the file of the recorder that is gone",
            )
            await rig.until(lambda: rig.durable_s("cam_01") < 2, 5, "a new recorder counts from zero")
            await rig.recorded(["cam_01"], 3)
        assert rig.clean
        (restart,) = restarts(rig, "recorder-0")
        assert restart < 1.0
        first, *_ = rig.files()
        quiet = subprocess.run(
            ["ffprobe", "-v", "warning", "-count_frames", "-show_entries", "stream=nb_read_frames",
             "-of", "csv=p=0", str(first)],
            capture_output=True, text=True, check=True, timeout=30,
        )  # fmt: skip
        assert quiet.stderr == ""
        report = audit_files([first])
        assert int(quiet.stdout.strip().rstrip(",")) == report.cameras["cam_01"].count
        whole = audit_files(rig.files()).cameras["cam_01"]
        assert whole.doubled == {}
        (hole,) = whole.missing
        # At most a second not handed over, then restart, session and keyframe: 2 s; doubled for a busy machine.
        assert hole.count <= 25 * 6

    with LabCameras(count=1) as lab:
        asyncio.run(scenario(lab.urls[0]))
