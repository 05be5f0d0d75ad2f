"""What the supervisor knows: of the machine once, of everybody else from their latest news."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field

import msgspec

from evertape.ipc.messages import CameraInfo, HomecomingNews, HubListens, RecorderStatus, VolumeInfo


@dataclass(frozen=True, slots=True)
class Machine:
    """What the supervisor must know of the machine.

    Args:
        memory: bytes of RAM.
        boot_id: the kernel's boot id, or empty.
        version: of the program.
        log_level: for the children.
    """

    memory: int
    boot_id: str
    version: str
    log_level: str = "info"


@dataclass(slots=True)
class Status:
    """The latest news of everybody."""

    cameras: dict[str, CameraInfo] = field(default_factory=dict)
    volumes: dict[str, VolumeInfo] = field(default_factory=dict)
    rings: dict[str, tuple[int, int]] = field(default_factory=dict)
    pipelines: dict[str, int] = field(default_factory=dict)
    homecoming: HomecomingNews | None = None
    hub: HubListens | None = None

    def recorder_said(self, recorder: str, news: RecorderStatus, known: Container[str]) -> None:
        """Take note of a recorder's news; of cameras that are not ``known`` any more there is none to keep."""
        for camera in news.cameras:
            if camera.id in known:
                self.cameras[camera.id] = camera
        self.rings[recorder] = (news.ring_bytes, news.ring_budget)
        self.pipelines[recorder] = news.pipelines

    def volume_said(self, info: VolumeInfo) -> None:
        """Take note of a volume's news."""
        if (old := self.volumes.get(info.name)) is not None and old.was_usable and not info.was_usable:
            # Its process was replaced meanwhile, and has not seen what we have.
            info = msgspec.structs.replace(info, was_usable=True)
        self.volumes[info.name] = info

    def keep(self, cameras: Container[str]) -> None:
        """Forget every camera but these."""
        self.cameras = {name: info for name, info in self.cameras.items() if name in cameras}
