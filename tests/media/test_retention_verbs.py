"""Deleting and keeping footage as a person does it: a real service, a real camera, real files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evertape import DiskSpaceManager
from evertape_lab import LabCameras

EVERTAPE = [sys.executable, "-m", "evertape.cli.main"]
ENV = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "200"}

SMALL = """
[storage]
min_record_free = "1MB"
resume_free = "1MB"
[retention]
start_free = "1MB"
start_percent = 0.0
"""
"""The disk that the tests run on may be nearly full."""


def verb(data: Path, *arguments: str, code: int = 0) -> Any:
    command = [*EVERTAPE, "--data", str(data), *arguments, "--json"]
    done = subprocess.run(command, env=ENV, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


def recording(data: Path, state: str) -> dict[str, Any]:
    """What ``status`` says once the camera's recording is in this state and has footage."""
    deadline = time.monotonic() + 20
    while True:
        done = subprocess.run(
            [*EVERTAPE, "--data", str(data), "status", "--json"], env=ENV, capture_output=True, text=True, check=False
        )
        status: dict[str, Any] = json.loads(done.stdout) if done.returncode == 0 else {"cameras": []}
        now = [c["recording"] for c in status["cameras"] if c["recording"]["state"] == state]
        if now and now[0]["frames"]:
            return status
        assert time.monotonic() < deadline, f"not {state}: {status}"
        time.sleep(0.05)


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """A service that has recorded one file of one camera and records the next."""
    place = tmp_path / "data"
    place.mkdir()
    with LabCameras(1) as lab, (tmp_path / "log").open("wb") as log:
        (place / "evertape.toml").write_text(f'[hub]\nenabled = false\n{SMALL}[cameras.door]\nurl = "{lab.urls[0]}"\n')
        process = subprocess.Popen([*EVERTAPE, "serve", "--data", str(place)], env=ENV, stderr=log)
        try:
            recording(place, "recording")
            verb(place, "record", "stop", "door")
            recording(place, "stopped")
            verb(place, "record", "start", "door")
            recording(place, "recording")
            yield place
        finally:
            process.terminate()
            process.wait(10)


def files(data: Path) -> int:
    return len(list((data / "recordings" / "door").rglob("*.mp4")))


def test_footage_is_protected_planned_for_deleted_and_accounted_for(data: Path) -> None:
    planned = verb(data, "retention", "plan", "--max-age", "0s")
    assert planned["files"] == 1
    assert planned["bytes"] > 10_000
    assert [(row["camera"], row["why"]) for row in planned["plan"]] == [("door", "person")]
    assert verb(data, "retention", "plan")["files"] == 0

    kept = verb(data, "protect", "door", "--from", "1h ago", "--why", "a theft")
    assert (kept["camera"], kept["on_record"]) == ("door", True)
    assert kept["files"] == 2
    (listed,) = verb(data, "protect", "list")["protections"]
    assert (listed["id"], listed["why"]) == (kept["protection"], "a theft")
    planned = verb(data, "retention", "plan", "--max-age", "0s")
    assert (planned["files"], planned["kept"]["protected"]) == (0, 1)
    done = verb(data, "retention", "run", "--max-age", "0s")
    assert (done["files"], done["protected"], done["failed"]) == (0, 1, 0)
    assert files(data) == 2

    verb(data, "unprotect", kept["protection"])
    assert verb(data, "protect", "list")["protections"] == []
    verb(data, "unprotect", kept["protection"], code=2)
    done = verb(data, "retention", "run", "--camera", "door", "--max-age", "0s")
    assert (done["files"], done["failed"], done["done"]) == (1, 0, True)
    assert done["on"] == {"recordings": 1}
    assert files(data) == 1, "the one that is being written stays"
    gaps = verb(data, "timeline", "door")["gaps"]
    assert "removed_by_person" in {gap["cause"] for gap in gaps}
    verb(data, "audit")  # exits with 0: everything is accounted for

    space = DiskSpaceManager(data)
    assert 0 < space.free_percent < 100
    assert space.free_gb * 1e9 == pytest.approx(space.free_bytes, rel=0.01)
    assert space.auto_cleanup(older_than_ns=3600 * 10**9).files == 0
    assert recording(data, "recording")["volumes"][0].keys() >= {"days_left", "days_kept", "bytes_per_hour"}

    assert "garage" in verb(data, "protect", "garage", "--from", "1h ago", code=2)["error"]
    assert "--max-age" in verb(data, "retention", "plan", "--max-age", "7", code=2)["error"]
    assert "--from" in verb(data, "protect", "door", code=2)["error"]
