"""A whole installation for one scenario: cameras, volumes, the real service, its journal, its footage.

The service runs in this process's event loop as ``serve`` runs it, with real child processes; time is real.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Self

from evertape.clock import Clock, SystemClock
from evertape.config.load import load_text
from evertape.config.paths import DataDir
from evertape.disk.journal_reader import read_from
from evertape.engine.supervisor import Machine, Supervisor
from evertape.ipc.events import Event
from evertape.ipc.messages import CameraInfo
from evertape_lab.footage import logical_ranges

_POLL_S = 0.02
_SMALL_DISKS = '[storage]\nmin_record_free = "1MB"\nresume_free = "2MB"\n'
"""Goes before what a scenario says of ``[storage]`` itself."""


class Rig:
    """See the module. An asynchronous context manager; leaving it stops the service cleanly.

    Args:
        folder: an empty folder; the data directory is ``folder/data``.
        urls: camera id to URL.
        volumes: name to (path, role); none: the built-in one.
        settings: further TOML; with a table ``[hub]`` in it there is a hub.
        own: camera id to further TOML of its own.
        with_keeper: run the keeper too.
        clock: the service's clocks; a clock of one's own is seen by the recorders only if they run ``in_process``.
        in_process: run the recorders in this process.
    """

    def __init__(
        self,
        folder: Path,
        urls: dict[str, str],
        volumes: dict[str, tuple[Path, str]] | None = None,
        settings: str = "",
        *,
        own: dict[str, str] | None = None,
        with_keeper: bool = False,
        clock: Clock | None = None,
        in_process: bool = False,
    ) -> None:
        self._clock = clock or SystemClock()
        self._in_process = in_process
        self.data = DataDir(folder / "data")
        self.volumes = volumes or {}
        self._with_hub = "[hub]" in settings
        text = "" if self._with_hub else "[hub]\nenabled = false\n"
        text += (
            settings.replace("[storage]\n", _SMALL_DISKS, 1) if "[storage]\n" in settings else _SMALL_DISKS + settings
        )
        more = own or {}
        text += "".join(f'\n[cameras.{name}]\nurl = "{url}"\n{more.get(name, "")}' for name, url in urls.items())
        for name, (path, role) in self.volumes.items():
            text += f'\n[volumes.{name}]\npath = "{path}"\nrole = "{role}"\n'
            if not os.path.ismount(path):
                text += "mount = false\n"
        self.data.recordings.mkdir(parents=True, exist_ok=True)
        self.data.config_file.write_text(text)
        self._text = text
        self._with_keeper = with_keeper
        self._task: asyncio.Task[bool] | None = None
        self._editing = asyncio.Lock()
        self.clean: bool | None = None

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.stop()

    def start(self) -> None:
        """Start the service."""
        loaded = load_text(self._text, self.data.config_file)
        machine = Machine(memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), boot_id="", version="lab")
        self.supervisor = Supervisor(
            self.data,
            loaded,
            self._clock,
            machine,
            with_keeper=self._with_keeper,
            with_hub=self._with_hub,
            in_process=self._in_process,
        )
        self._task = asyncio.get_running_loop().create_task(self.supervisor.run())

    async def stop(self) -> bool:
        """Stop it; True if every file was finished in time."""
        if self._task is None:
            return True
        self.supervisor.ask_to_stop("the rig is taken down")
        self.clean = await self._task
        self._task = None
        return self.clean

    async def change_url(self, camera: str, url: str) -> None:
        """Edit a camera's URL in the configuration and have the service take it up."""
        async with self._editing:
            old = re.search(rf'\[cameras\.{camera}\]\nurl = "([^"]*)"', self._text)
            if old is None:
                raise KeyError(camera)
            self._text = self._text[: old.start(1)] + url + self._text[old.end(1) :]
            self.data.config_file.write_text(self._text)
            await self.supervisor.reload()

    # -- looking --------------------------------------------------------------------------------------------

    def camera(self, name: str) -> CameraInfo | None:
        """A camera's latest status."""
        return self.supervisor.status.cameras.get(name)

    def infos(self) -> dict[str, CameraInfo]:
        """Every camera's latest status."""
        return self.supervisor.status.cameras

    def forget(self) -> None:
        """Take nothing for news that was heard before now."""
        self.supervisor.status.cameras.clear()

    def pids(self) -> dict[str, int]:
        """Every process of the service by name; a part that runs in this one is not among them."""
        found = {name: child.pid for name, child in self.supervisor.children.items()}
        return {name: pid for name, pid in found.items() if pid is not None and pid != os.getpid()}

    async def until(self, condition: Callable[[], bool], timeout_s: float, what: str = "") -> float:
        """Wait for a condition; returns the seconds it took. Raises ``AssertionError`` when the time is up."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while not condition():
            if loop.time() - began > timeout_s:
                raise AssertionError(f"not within {timeout_s} s: {what or condition}")
            if self._task is not None and self._task.done():
                raise AssertionError(f"the service ended: {self._task.result()}")
            await asyncio.sleep(_POLL_S)
        return loop.time() - began

    def durable_s(self, name: str) -> float:
        """Seconds of a camera made durable so far."""
        info = self.camera(name)
        return info.recording.recorded_s if info is not None else 0.0

    async def recorded(self, names: Iterable[str], seconds: float, timeout_s: float = 15.0) -> None:
        """Wait until each of these cameras has ``seconds`` more durable than now."""
        goals = {name: self.durable_s(name) + seconds for name in names}
        await self.until(
            lambda: all(self.durable_s(name) >= goal for name, goal in goals.items()),
            timeout_s + seconds,
            f"{seconds} s of {', '.join(goals)} durable",
        )

    def events(self, kind: type[Event] | None = None) -> list[Event]:
        """What the journal holds, oldest first; all of it, or the events of one type."""
        found: list[Event] = []
        file, offset = "", 0
        while True:
            read = read_from(self.data.journal, file, offset)
            found += read.events
            if (read.position.file, read.position.offset) == (file, offset):
                break
            file, offset = read.position.file, read.position.offset
        return [event for event in found if kind is None or isinstance(event, kind)]

    def files(self) -> list[Path]:
        """Every file of footage on the volumes, wherever they are mounted."""
        roots = [path for path, _ in self.volumes.values()] or [self.data.recordings]
        return sorted(path for root in roots for path in root.glob("*/*/*.mp4"))

    def ranges(self) -> list[tuple[Path, int, int]]:
        """What of the files counts; for the auditor."""
        return logical_ranges(self.files())
