"""Plays the lab's scenarios, as short as their rows allow; gives tests a disk process and a disk of their own."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from evertape_lab.disk_peer import DiskRig
from evertape_lab.disks import LoopVolume
from evertape_lab.scenario import Result, play, why_not
from evertape_lab.script import load_script

MARGIN_S = 1.0
"""Added to each promised time: the machine has two cores, and other tests may be using them."""

Play = Callable[[str], Result]


@pytest.fixture
def rig() -> Iterator[DiskRig]:
    """Disk processes and a journal, in a folder of their own; its path is short, because sockets lie in it."""
    folder = Path(tempfile.mkdtemp(prefix="evt-"))
    try:
        with DiskRig(folder) as made:
            yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def usb(rig: DiskRig) -> Iterator[LoopVolume]:
    """A disk that can be pulled, mounted."""
    with LoopVolume(rig.folder) as volume:
        yield volume


@pytest.fixture
def holds(tmp_path: Path, record_property: Callable[[str, object], None]) -> Play:
    """Plays the scenario of a row; fails unless everything that it promises came true, and prints its figures."""

    def run(row: str) -> Result:
        script = load_script(row)
        if reason := why_not(script):
            pytest.skip(reason)
        result = play(script, tmp_path, is_quick=True, margin_s=MARGIN_S)
        print(result.line())  # noqa: T201 - the figures, for whoever reads the run
        record_property(row, json.dumps(result.json()))
        assert result.ok, json.dumps(result.json(), indent=1)
        return result

    return run
