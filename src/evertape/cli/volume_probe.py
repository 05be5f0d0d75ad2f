"""Looks at one volume without writing to it, in a process of its own, because the look may hang.

``python -m evertape.cli.volume_probe NAME PATH MOUNT VOLUME_ID MIN_FREE RESUME_FREE`` prints one JSON object.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

DEADLINE_S = 5.0
"""As long as the service gives a probe before it calls a volume hung."""


def look(name: str, path: str, *, is_mount: bool, volume_id: str, min_free: int, resume_free: int) -> dict[str, Any]:
    """The volume's state as a running service would report it. May hang; writes nothing.

    Args:
        name: as configured.
        path: its directory.
        is_mount: it is only used while something is mounted there.
        volume_id: the identity it must have; empty: it was never used.
        min_free: bytes, as configured.
        resume_free: bytes, as configured.
    """
    from evertape.disk.fault import VolumeFaultError
    from evertape.disk.marker import open_volume, read_marker
    from evertape.domain.volume_state import Observation, VolumeStatus, observe

    found: dict[str, Any] = {"marker": ""}
    try:
        handle = open_volume(
            path, is_mount=is_mount, expected_id=volume_id, name=name, with_marker=bool(volume_id), may_create=False
        )
        marker = read_marker(handle.root)
        found["marker"] = marker.id if marker is not None else ""
        space = handle.check(0)
        seen = Observation(free=space.free, total=space.total)
    except VolumeFaultError as fault:
        seen = Observation(fault=fault.fault, text=fault.what, errno=fault.number)
    status = observe(VolumeStatus(), seen, min_free, resume_free, 0)
    return found | {
        "state": str(status.state),
        "reason": status.reason,
        "errno": status.errno,
        "usable": status.state.usable,
        "free": status.free,
        "total": status.total,
    }


def look_apart(arguments: Sequence[str], deadline_s: float = DEADLINE_S) -> dict[str, Any]:
    """``look`` in a process of its own; one that hangs is left behind, because it cannot be killed."""
    command = [sys.executable, "-m", "evertape.cli.volume_probe", *arguments]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    hung = {"state": "hung", "usable": False, "free": 0, "total": 0, "marker": ""}
    try:
        out, _ = process.communicate(timeout=deadline_s)
        answer: dict[str, Any] = json.loads(out)
    except subprocess.TimeoutExpired:
        process.kill()
        return hung | {"reason": f"it did not answer in {deadline_s:.0f} s"}
    except ValueError:
        return hung | {"state": "unknown", "reason": f"the look at it ended with status {process.returncode}"}
    return answer


def main(argv: Sequence[str]) -> None:
    """See the module."""
    name, path, mount, volume_id, min_free, resume_free = argv
    answer = look(
        name,
        path,
        is_mount=mount == "mount",
        volume_id=volume_id,
        min_free=int(min_free),
        resume_free=int(resume_free),
    )
    print(json.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1:])
