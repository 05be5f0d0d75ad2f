"""Tells each process what to do: when it has started, and again when that has changed.

Threads: the owner's loop only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evertape.config.show import reveal
from evertape.engine.assignments import Assignments
from evertape.engine.child_face import Child
from evertape.engine.children import DATA, HUB, KEEPER, RESTREAM
from evertape.engine.declared_volumes import DeclaredVolumes
from evertape.ipc.messages import (
    DiskAssignment,
    HubAssignment,
    KeeperAssignment,
    RecorderAssignment,
    RestreamAssignment,
    RestreamStream,
)
from evertape.ipc.places import socket_path, streams_dir
from evertape.types import CameraId

if TYPE_CHECKING:
    from evertape.engine.supervisor import Supervisor


class Instructions:
    """See the module.

    Args:
        supervisor: whose processes.
        volumes: in use.
    """

    def __init__(self, supervisor: Supervisor, volumes: DeclaredVolumes) -> None:
        self._supervisor = supervisor
        self._volumes = volumes
        self._told: dict[str, DiskAssignment] = {}

    def begin(self, child: Child) -> None:
        """Tell a process that has just started."""
        if child.name == KEEPER:
            child.send(self.keeper())
        elif child.name == HUB:
            child.send(self.hub())
        elif child.name == RESTREAM:
            child.send(self.restream())
        elif child.name.startswith("disk-"):
            self._told.pop(child.name, None)
            self.tell_disk(child.name)
        else:
            child.send(self.recorder(int(child.name.removeprefix("recorder-"))))

    def tell_disk(self, process: str) -> None:
        """Tell a disk process its assignment, if it is another one than it was told last."""
        name = process.removeprefix("disk-")
        if process == DATA:
            new = self._assignments.data_folder()
        elif name in self._volumes and process in self._supervisor.children:
            new = self._assignments.disk(name, self._volumes[name])
        else:
            return  # on its way out
        if self._told.get(process) != new:
            self._told[process] = new
            self._supervisor.children[process].send(new)

    def recorder(self, number: int) -> RecorderAssignment:
        """What a recorder is to do."""
        supervisor = self._supervisor
        wanted = supervisor.wishes.book.wanted
        volumes, holds = self._volumes.endpoints(), supervisor.refusals.holds
        return self._assignments.recorder(number, supervisor.placed, wanted, volumes, holds)

    def keeper(self) -> KeeperAssignment:
        """What the keeper is to do."""
        return self._assignments.keeper(self._volumes.endpoints(), self._supervisor.space.terms)

    def hub(self) -> HubAssignment:
        """What the hub must know."""
        supervisor = self._supervisor
        return HubAssignment(
            data=str(supervisor.data.root),
            config_file=str(supervisor.loaded.source),
            service=supervisor.service,
            version=supervisor.machine.version,
            config=reveal(supervisor.config),
        )

    def restream(self) -> RestreamAssignment:
        """What the restream serves: each camera's streams, by the names that they have in its URLs."""
        supervisor = self._supervisor
        streams = []
        for name, number in supervisor.placed.items():
            socket = socket_path(supervisor.data.root, f"recorder-{number}")
            streams.append(RestreamStream(path=f"/{name}", camera=name, stream="main", socket=socket))
            if supervisor.config.cameras[CameraId(name)].sub_url is not None:
                streams.append(RestreamStream(path=f"/{name}/sub", camera=name, stream="sub", socket=socket))
        listen = supervisor.config.restream.listen
        return RestreamAssignment(data=str(supervisor.data.root), listen=listen, streams=tuple(streams))

    @property
    def _assignments(self) -> Assignments:
        supervisor = self._supervisor
        root = supervisor.data.root
        journal = socket_path(root, DATA)
        memory, claims = supervisor.machine.memory, streams_dir(root)
        return Assignments(supervisor.config, str(root), supervisor.service, journal, memory, claims)
