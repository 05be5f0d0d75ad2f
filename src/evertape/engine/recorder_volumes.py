"""The volumes of one recorder: its connections to their disk processes, and what their states mean to its cameras.

Threads: the owner's loop only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from evertape.clock import Clock
from evertape.domain.volumes import Suspects
from evertape.engine.disk_link import DiskLink, lost_volumes
from evertape.engine.recording import RecordingBranch
from evertape.ipc.messages import VolumeEndpoint
from evertape.types import NS_PER_S, BootNs


class RecorderVolumes:
    """See the module.

    Args:
        name: the recorder.
        clock: both clocks.
        recordings: every camera's recording, those of removed cameras included, as long as they have files to finish.
        changed: something people look at changed.
    """

    def __init__(
        self,
        name: str,
        clock: Clock,
        recordings: Callable[[], Iterable[RecordingBranch]],
        changed: Callable[[], None],
    ) -> None:
        self.links: dict[str, DiskLink] = {}
        self.suspects = Suspects()
        self._name = name
        self._clock = clock
        self._recordings = recordings
        self._changed = changed

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
            for recording in self._recordings():
                recording.volume_failed(link, "other")
            link.shutdown()
            self.suspects.forget(name)
        for name, endpoint in wanted.items():
            if name not in self.links:
                self.links[name] = DiskLink(endpoint, self._name, self._clock, self._volume_changed)

    def look(self, now: BootNs, hung_after_ns: int) -> None:
        """Judge which volumes keep up, and give those up that owe an answer for too long. Once a round."""
        for link in self.links.values():
            link.look(now)
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

    def _volume_changed(self, link: DiskLink) -> None:
        if link.usable:
            self.suspects.returned(link.endpoint.name)
            now = self._clock.boot_ns()
            for recording in self._recordings():
                recording.pump(now)
        elif link.state != "full":
            # A full volume may still take what is under way; its writers say so themselves if not.
            for recording in self._recordings():
                recording.volume_failed(link, link.state)
        self._changed()
