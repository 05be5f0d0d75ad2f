"""``python -m evertape.hub.work_probe``: what a camera offers; see ``hub.work``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evertape.config.edit import camera_of
from evertape.engine.camera_look import failure_text, probe_camera, probe_json
from evertape.hub.work import serve
from evertape.media.probe import ProbeFailedError


def look(order: dict[str, Any]) -> dict[str, Any]:
    """The order holds a camera's keys and ``data_directory``, the answer is that of ``camera probe --json``."""
    data = Path(order.pop("data_directory"))
    try:
        return probe_json(probe_camera(camera_of(order), data=data))
    except ProbeFailedError as error:
        return {"ok": False, "error": failure_text(error), "hint": error.hint}


if __name__ == "__main__":
    serve(look)
