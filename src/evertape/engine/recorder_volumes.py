"""The volumes of one recorder: its connections to their disk processes, and what their states mean to its cameras.

Threads: the owner's loop only.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from evertape.clock import Clock
from evertape.domain.volumes import Suspects
from evertape.engine.alarm import Alarm
from evertape.engine.camera import CameraWorker
from evertape.engine.disk_link import DiskLink, lost_volumes
from evertape.engine.storage_service import StorageConsumers, StorageService
from evertape.ipc.events import AnyEvent, EventStamp
from evertape.ipc.messages import VolumeEndpoint
from evertape.types import NS_PER_S, BootNs


class VolumesHost(Protocol):
    """What they need from the recorder."""

    clock: Clock
    stamp: EventStamp
    cameras: dict[str, CameraWorker]
    """Those that stream."""

    def workers(self) -> Iterable[CameraWorker]:
        """They, and the removed ones whose files are not finished."""

    def journal(self, event: AnyEvent) -> None:
        """Write an event down."""

    def status_changed(self) -> None:
        """Something people look at changed: send the status soon."""


class RecorderVolumes:
    """See the module.

    Args:
        name: the recorder.
        host: it.
        consumers: whom to tell of them, besides the recordings themselves.
    """

    def __init__(self, name: str, host: VolumesHost, consumers: StorageConsumers | None = None) -> None:
        self.links: dict[str, DiskLink] = {}
        self.suspects = Suspects()
        self.service = StorageService(self._recorded, consumers)
        self._slow: dict[str, Alarm] = {}
        self._name = name
        self._host = host

    def assign(self, volumes: Iterable[VolumeEndpoint]) -> None:
        """Take over which volumes there are; those that stay keep their connections."""
        wanted = {volume.name: volume for volume in volumes}
        for name, link in list(self.links.items()):
            endpoint = wanted.get(name)
            if endpoint is not None and (endpoint.socket, endpoint.path) == (link.endpoint.socket, link.endpoint.path):
                # Another place in the order, or another role: whoever chooses next obeys it.
                link.endpoint = endpoint
                continue
            del self.links[name]
            for worker in self._host.workers():
                worker.recording.volume_failed(link, "other")
            link.shutdown()
            self.suspects.forget(name)
            self.service.forget(name)
            self._slow.pop(name).set(False)
        for name, endpoint in wanted.items():
            if name not in self.links:
                self.links[name] = DiskLink(endpoint, self._name, self._host.clock, self._volume_changed)
                self._slow[name] = Alarm("volume_slow", self._host, volume=name)

    def look(self, now: BootNs, hung_after_ns: int) -> None:
        """Judge which volumes keep up, and give those up that owe an answer for too long. Once a round."""
        for name, link in self.links.items():
            link.look(now)
            self._slow[name].set(link.slow, f"the volume {name} does not take footage as fast as it comes")
        for link in lost_volumes(list(self.links.values()), now, hung_after_ns):
            waited = link.waited_ns(now) / NS_PER_S
            self.suspects.failed(link.endpoint.name, now)
            link.give_up("hung", f"no answer for {waited:.1f} s")

    @property
    def usable(self) -> int:
        """How many take footage."""
        return sum(link.usable for link in self.links.values())

    def close(self) -> None:
        """Let go of all of them."""
        for link in self.links.values():
            link.shutdown()

    def _recorded(self) -> list[str]:
        return [name for name, worker in self._host.cameras.items() if worker.recording.wanted]

    def _volume_changed(self, link: DiskLink) -> None:
        if link.usable:
            self.suspects.returned(link.endpoint.name)
        # Those that record are told first, by the service; it says so in the log before they say what they do.
        self.service.volume_changed(link.info, state=link.state, role=link.endpoint.role)
        now = self._host.clock.boot_ns()
        for worker in self._host.workers():
            if link.usable:
                worker.recording.pump(now)
            elif link.state != "full":
                # A full volume may still take what is under way; its writers say so themselves if not.
                worker.recording.volume_failed(link, link.state)
        self._host.status_changed()
