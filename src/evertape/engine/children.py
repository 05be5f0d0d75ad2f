"""The processes of the service by name: started, watched twice a second, ended in the right order.

Threads: the owner's loop only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from evertape.clock import Clock
from evertape.engine.process import Child, ChildProcess, ProcessOwner
from evertape.engine.storage_service import StorageConsumers
from evertape.ipc.places import socket_path

DATA = "disk-data"
"""The data folder's disk process."""
KEEPER = "keeper"
HUB = "hub"
RESTREAM = "restream"
_DISK, _RECORDER = "disk-", "recorder-"
_CHECK_S = 0.5
_RETIRE_S = 2.5


class Children(dict[str, Child]):
    """See the module.

    Args:
        owner: who is told about them.
        root: the data directory, below which their sockets are found.
        service: the run of the service.
        clock: for recorders in this process.
        log_level: for all of them.
        in_process: recorders run in this process.
    """

    def __init__(
        self, owner: ProcessOwner, root: Path, service: str, clock: Clock, log_level: str, *, in_process: bool
    ) -> None:
        super().__init__()
        self._owner = owner
        self._root = root
        self._service = service
        self._clock = clock
        self._log_level = log_level
        self._in_process = in_process
        self.consumers = StorageConsumers()
        """Whom recorders in this process tell about their storage, besides their own recordings."""
        self._leaving: set[asyncio.Task[bool]] = set()
        """Processes of volumes that are no longer declared, on their way out."""

    @property
    def recorders(self) -> dict[int, Child]:
        """By number."""
        return {int(name.removeprefix(_RECORDER)): child for name, child in self.items() if name.startswith(_RECORDER)}

    def spawn_disk(self, name: str) -> None:
        """Start a disk process, ``disk-`` and the volume."""
        self._spawn(name, "evertape.disk.process", "--socket", socket_path(self._root, name))

    def spawn_keeper(self) -> None:
        """Start the keeper."""
        self._spawn(KEEPER, "evertape.engine.keeper_main")

    def spawn_hub(self) -> None:
        """Start the hub."""
        # Named, not imported: it lies above the engine.
        self._spawn(HUB, "evertape.hub.main")

    def spawn_restream(self) -> None:
        """Start the restream."""
        self._spawn(RESTREAM, "evertape.hub.restream_main")

    def spawn_recorder(self, number: int) -> None:
        """Start a recorder, as a process or in this one."""
        name = f"{_RECORDER}{number}"
        feed = socket_path(self._root, name)
        if not self._in_process:
            self._spawn(name, "evertape.engine.recorder_main", "--service", self._service, "--feed-socket", feed)
            return
        # Imported here: a supervisor proper has no business with capture and its memory.
        from evertape.engine.in_process import InProcessRecorder

        child = self[name] = InProcessRecorder(name, self._service, self._clock, feed, self._owner, self.consumers)
        child.start()

    def _spawn(self, name: str, module: str, *arguments: str) -> None:
        every = (*arguments, "--log-level", self._log_level)
        child = self[name] = ChildProcess(name, module, lambda: every, self._owner)
        child.start()

    async def watch(self, also: Callable[[], None]) -> None:
        """Replace whoever hangs, until cancelled; calls ``also`` each time."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            await asyncio.sleep(_CHECK_S)
            late = loop.time() - began - _CHECK_S
            for child in list(self.values()):
                if late > _CHECK_S:
                    # We did not run; whoever seems silent was not heard, or did not run either.
                    child.excuse(late)
                else:
                    child.check()
            also()

    def retire(self, name: str) -> None:
        """Let a process go that is not needed any more."""
        child = self.pop(name, None)
        if child is not None:
            task = asyncio.get_running_loop().create_task(child.stop(_RETIRE_S))
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

    async def stop_recorders(self, deadline_s: float) -> bool:
        """Ask all recorders to leave; False if one was ended by force or left something unfinished."""
        return all(await asyncio.gather(*(child.stop(deadline_s) for child in self.recorders.values())))

    async def stop_hub(self, deadline_s: float) -> None:
        """Ask hub and restream to leave, if there are any; they leave nothing unfinished that matters."""
        faces = [self[name] for name in (HUB, RESTREAM) if name in self]
        await asyncio.gather(*(face.stop(deadline_s) for face in faces))

    async def stop_volumes(self, deadline_s: float) -> bool:
        """The same of the disk processes of all volumes; the data folder's stays."""
        disks = [child for name, child in self.items() if name.startswith(_DISK) and name != DATA]
        return all(await asyncio.gather(*(child.stop(deadline_s) for child in disks), *self._leaving))
