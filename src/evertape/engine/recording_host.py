"""What a camera's recording needs from the recorder it lives in."""

from __future__ import annotations

from typing import Protocol

from evertape.clock import Clock
from evertape.domain.recording_retry import RetryPolicy
from evertape.domain.volumes import Suspects
from evertape.engine.disk_link import DiskLink
from evertape.engine.storage_notice import StorageNews
from evertape.ipc.events import AnyEvent, EventStamp


class RecordingHost(Protocol):
    """See the module."""

    clock: Clock
    stamp: EventStamp
    links: dict[str, DiskLink]
    suspects: Suspects
    retry: RetryPolicy

    @property
    def storage(self) -> StorageNews:
        """Tells of volumes that go and return."""

    def journal(self, event: AnyEvent) -> None:
        """Write an event down."""

    def status_changed(self) -> None:
        """Something people look at changed: send the status soon."""
