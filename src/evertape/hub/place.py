"""Where a running hub listens, as it wrote it down for whoever looks."""

from __future__ import annotations

import json
from pathlib import Path

from evertape.ipc.places import run_dir

FILE = "hub.json"
"""In the directory of the sockets."""


def hub_url(root: Path) -> str:
    """The URL of the hub of this data directory, for a browser on this machine; empty if none says that it listens."""
    try:
        found = json.loads((run_dir(root) / FILE).read_text(encoding="utf-8"))
        return str(found["url"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
