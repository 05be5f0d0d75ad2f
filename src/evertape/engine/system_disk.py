"""Whether a folder lies on the disk of the system itself, which footage would fill. Blocking."""

from __future__ import annotations

from pathlib import Path

from evertape.disk.mounts import read_mounts
from evertape.engine.volume_terms import containing


def on_system_disk(path: Path) -> bool:
    """Whether a folder that exists lies in the root file system. Raises ``OSError``."""
    real, mounts = path.resolve(), read_mounts()
    if mounts:
        return containing(mounts, real).point == "/"
    return real.stat().st_dev == Path("/").stat().st_dev
