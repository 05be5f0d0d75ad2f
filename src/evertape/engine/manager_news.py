"""Keeps the service manager informed, from the supervisor's loop: if that hangs, the manager hears nothing and acts."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Mapping

from evertape.engine.notify import ServiceManager
from evertape.engine.supervisor import Supervisor
from evertape.ipc.messages import CameraInfo

_LOOK_S = 0.2
_STATUS_S = 2.0
_PATIENCE_S = 10.0
"""How long a recorder that does not report may keep the service from being called ready."""


@contextlib.asynccontextmanager
async def informed(supervisor: Supervisor, manager: ServiceManager) -> AsyncIterator[None]:
    """Tell the manager when the service is ready, that it is alive, how it is doing, and when it ends."""
    task = asyncio.get_running_loop().create_task(_tell(supervisor, manager)) if manager else None
    try:
        yield
    finally:
        if task is not None:
            task.cancel()


async def _tell(supervisor: Supervisor, manager: ServiceManager) -> None:
    loop = asyncio.get_running_loop()
    began, ready = loop.time(), False
    pause = _STATUS_S if manager.watchdog_s is None else min(_STATUS_S, manager.watchdog_s / 4)
    while True:
        known = supervisor.status.cameras
        if not ready:
            everybody = all(name in known for name in supervisor.placed)
            ready = everybody or loop.time() - began > _PATIENCE_S
            if ready:
                manager.ready()
        manager.status(summary(supervisor.placed, known) if ready else "starting")
        manager.alive()
        await asyncio.sleep(pause if ready else _LOOK_S)


def summary(wanted: Collection[str], known: Mapping[str, CameraInfo]) -> str:
    """One line: how many cameras are recorded, and why others that should be are not."""
    asked = [name for name in wanted if name not in known or known[name].recording.wanted]
    missing = [name for name in asked if name not in known or known[name].recording.state != "recording"]
    line = f"recording {len(asked) - len(missing)} of {len(asked)} cameras"
    if not missing:
        return line
    why = [_why(name, known.get(name)) for name in missing[:4]]
    more = f" and {len(missing) - 4} more" if len(missing) > 4 else ""
    return f"{line}; not: {', '.join(why)}{more}"


def _why(name: str, info: CameraInfo | None) -> str:
    if info is None:
        return f"{name} (starting)"
    reasons = [info.recording.reason, *(stream.reason for stream in info.streams if stream.stream == "main")]
    return f"{name} ({next((reason for reason in reasons if reason), info.recording.state)})"
