"""The volumes that the configuration declares, each with the identity that was learned at its first use.

Threads: the owner's loop only. No file system is touched but the kernel's mount table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from evertape.config.schema import Config
from evertape.disk.mounts import read_mounts
from evertape.engine.state_files import KnownVolume
from evertape.engine.volume_terms import only_while_mounted
from evertape.ipc.messages import VolumeEndpoint, VolumeInfo

BUILT_IN = "recordings"
"""The volume inside the data directory, used only while no other is declared."""
_USED = ("online", "low", "slow", "full")


@dataclass(slots=True)
class Declared:
    """A volume as it is to be used.

    Args:
        path: where.
        role: ``primary`` or ``spill``.
        is_mount: only while something is mounted there.
        volume_id: the identity it must have; empty: not known yet.
    """

    path: Path
    role: str
    is_mount: bool
    volume_id: str = ""


class DeclaredVolumes(Mapping[str, Declared]):
    """The volumes in use, by name, in the order of the configuration.

    Args:
        built_in: where the built-in volume is.
        socket: a disk process's socket, by the volume's name.
    """

    def __init__(self, built_in: Path, socket: Callable[[str], str]) -> None:
        self.known: dict[str, KnownVolume] = {}
        """What was learned at the first use; remembered across restarts."""
        self._built_in = built_in
        self._socket = socket
        self._volumes: dict[str, Declared] = {}

    def __getitem__(self, name: str) -> Declared:
        return self._volumes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._volumes)

    def __len__(self) -> int:
        return len(self._volumes)

    def take(self, config: Config) -> list[str]:
        """Follow a configuration; returns the names that are no longer declared."""
        mounts = read_mounts()
        wanted: dict[str, Declared] = {}
        for name, volume in config.volumes.items():
            known = self.known.get(name)
            if known is not None and known.path != str(volume.path):
                known = None
            wanted[name] = Declared(
                volume.path,
                str(volume.role),
                is_mount=only_while_mounted(volume, known, mounts),
                volume_id=known.volume_id if known is not None else "",
            )
        if not wanted:
            old = self._volumes.get(BUILT_IN)
            learned = old.volume_id if old is not None else ""
            wanted[BUILT_IN] = Declared(self._built_in, "primary", is_mount=False, volume_id=learned)
        gone = [name for name in self._volumes if name not in wanted]
        self._volumes = wanted
        return gone

    def learn(self, info: VolumeInfo) -> bool:
        """Take note of an identity; True if it was the volume's first use, which is to be remembered."""
        declared = self._volumes.get(info.name)
        if declared is None or declared.volume_id or not info.volume_id or info.state not in _USED:
            return False
        if info.path != str(declared.path):
            return False  # said before its process heard that the volume has moved
        # From now on it has to be this one, mounted or not as it is now.
        declared.volume_id = info.volume_id
        self.known[info.name] = KnownVolume(str(declared.path), info.volume_id, declared.is_mount)
        return True

    def endpoints(self) -> tuple[VolumeEndpoint, ...]:
        """What recorders and the keeper must know of them."""
        return tuple(
            VolumeEndpoint(
                name=name, role=declared.role, order=order, socket=self._socket(name), path=str(declared.path)
            )
            for order, (name, declared) in enumerate(self._volumes.items())
        )
