"""The service as a process of its own, started again when it dies, as a service manager does.

What a ``Rig`` shows of the service comes from its control socket here.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

import evertape
from evertape.cli.client import ServiceClient
from evertape.errors import EvertapeError
from evertape.ipc.messages import CameraInfo
from evertape_lab.rig import Rig

RESTART_S = 0.1
"""How long systemd waits before it starts a service again (RestartSec), unless told otherwise."""
_LOOK_S = 0.2
_PATIENCE_S = 20.0
SUPERVISOR = "supervisor"


class Served(Rig):
    """See the module.

    Attributes:
        exits: how each run ended: its exit code, or the negative number of a signal.
        stopped_after_s: how long it took to leave when it was asked to.
    """

    _process: asyncio.subprocess.Process | None = None
    _looking: asyncio.Task[None] | None = None
    _stopping = False
    stopped_after_s: float | None = None

    def start(self) -> None:
        """Start the service, and keep it running until ``stop``."""
        self.exits: list[int] = []
        self._infos: dict[str, CameraInfo] = {}
        self._pids: dict[str, int] = {}
        self._stopping = False
        loop = asyncio.get_running_loop()
        self._task = loop.create_task(self._keep())
        self._looking = loop.create_task(self._look())

    async def stop(self, number: int = signal.SIGTERM) -> bool:
        """Ask it to leave by a signal; True if it said that every file was finished."""
        if self._task is None:
            return True
        self._stopping, began = True, time.monotonic()
        if self._process is not None:
            self._process.send_signal(number)
        try:
            self.clean = await asyncio.wait_for(self._task, _PATIENCE_S)
        except TimeoutError:
            self.clean = False
            for pid in self.pids().values():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.stopped_after_s = time.monotonic() - began
        self._task = None
        if self._looking is not None:
            self._looking.cancel()
        return self.clean

    def camera(self, name: str) -> CameraInfo | None:
        """A camera's latest status."""
        return self._infos.get(name)

    def infos(self) -> dict[str, CameraInfo]:
        """Every camera's latest status."""
        return self._infos

    def forget(self) -> None:
        """Take nothing for news that was heard before now."""
        self._infos = {}

    def pids(self) -> dict[str, int]:
        """Every process of the service by name."""
        return self._pids if self._process is None else {**self._pids, SUPERVISOR: self._process.pid}

    async def _keep(self) -> bool:
        command = [sys.executable, "-m", "evertape.cli.main", "serve", "--data", str(self.data.root)]
        source = str(Path(evertape.__file__).parents[1])
        env = {**os.environ, "PYTHONPATH": os.pathsep.join([source, os.environ.get("PYTHONPATH", "")])}
        while True:
            with open(self.data.root / "serve.log", "ab") as log:
                self._process = await asyncio.create_subprocess_exec(*command, env=env, stderr=log, stdout=log)
            code = await self._process.wait()
            self._process = None
            self.exits.append(code)
            if self._stopping:
                return code == 0
            await asyncio.sleep(RESTART_S)

    async def _look(self) -> None:
        while True:
            with contextlib.suppress(EvertapeError, OSError):
                said = await asyncio.to_thread(self._ask)
                self._infos = {c["id"]: msgspec.convert(c, CameraInfo) for c in said["cameras"]}
                self._pids = {p["name"]: p["pid"] for p in said["processes"] if p["pid"]}
            await asyncio.sleep(_LOOK_S)

    def _ask(self) -> dict[str, Any]:
        with ServiceClient(self.data.root) as client:
            said: dict[str, Any] = client.request("status")
        return said
