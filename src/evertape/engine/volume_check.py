"""A look at the volumes now, when somebody asks for one. The disk processes look; nobody here touches a disk."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from evertape.ipc.messages import ProbeVolume, VolumeInfo

if TYPE_CHECKING:
    from evertape.engine.supervisor import Supervisor

_POLL_S = 0.02
DEADLINE_S = 6.0
"""A look that hangs is reported as such after ``storage.probe_deadline``, 5 s by default."""


async def check_volumes(supervisor: Supervisor, deadline_s: float = DEADLINE_S) -> list[VolumeInfo]:
    """Have every volume looked at, and wait for what is found; one that does not answer in time keeps its last word."""
    before = dict(supervisor.status.volumes)
    names = list(supervisor.volumes)
    for name in names:
        if (child := supervisor.children.get(f"disk-{name}")) is not None:
            child.send(ProbeVolume())
    loop = asyncio.get_running_loop()
    deadline = loop.time() + deadline_s
    # Each report is another object, also one that says the same.
    while loop.time() < deadline and any(supervisor.status.volumes.get(name) is before.get(name) for name in names):
        await asyncio.sleep(_POLL_S)
    return [info for name in names if (info := supervisor.status.volumes.get(name)) is not None]
