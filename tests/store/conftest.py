"""Real processes on a temporary folder: the data folder's, volumes', the keeper."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from evertape_lab.disk_peer import DiskRig


@pytest.fixture
def rig() -> Iterator[DiskRig]:
    # Not tmp_path: a socket's path may be 107 bytes long.
    folder = Path(tempfile.mkdtemp(prefix="evt-"))
    try:
        with DiskRig(folder) as made:
            yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)
