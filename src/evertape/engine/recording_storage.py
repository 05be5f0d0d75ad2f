"""Where a camera's footage goes, and what it means when that fails.

Threads: the owner's loop only.
"""

from __future__ import annotations

import logging

from evertape.domain.cause import Cause, cause_of_fault
from evertape.domain.classify import Failure, Part, classify_error, classify_fault
from evertape.domain.error_table import Classification, ErrorPriority, Restart
from evertape.domain.failure import ErrorDetail
from evertape.domain.storage_fault import StorageFault
from evertape.domain.volumes import Candidate, choose_volume
from evertape.engine.disk_link import USABLE_STATES, DiskLink
from evertape.engine.recording_host import RecordingHost
from evertape.types import BootNs

log = logging.getLogger(__name__)


class RecordingStorage:
    """See the module.

    Args:
        camera: whose footage.
        host: the recorder.
    """

    def __init__(self, camera: str, host: RecordingHost) -> None:
        self._camera = camera
        self._host = host
        self._fault: str | None = None
        """Why the latest writer failed; ``None`` once footage became durable again."""

    def choose(self) -> DiskLink | None:
        """The volume to write to now; one that keeps up, if there is one."""
        return self._choose(congested=False) or self._choose(congested=True)

    def writer_failed(self, link: DiskLink, fault: str, errno: int, text: str) -> None:
        """A writer failed: what it means for its volume."""
        host, name = self._host, link.endpoint.name
        self._fault = fault
        found = _classify(fault, errno)
        if found.restart is Restart.FAILOVER or found.priority is ErrorPriority.CRITICAL:
            until, now = host.suspects.until(name), BootNs(host.clock.boot_ns())
            # Sixteen cameras that meet the same failure have met one failure.
            if until is None or until <= now:
                host.suspects.failed(name, now)
        self._say(link, found, f"failed ({fault}): {text}")
        link.probe()

    def volume_failed(self, link: DiskLink, fault: str) -> None:
        """A volume with footage under way cannot be used any more."""
        self._fault = fault
        self._say(link, _classify(fault, 0), f"cannot be used any more ({fault})")

    def durable(self, link: DiskLink) -> bool:
        """Footage became durable on this volume; whether that ends a trouble."""
        self._host.suspects.durable(link.endpoint.name)
        over, self._fault = self._fault is not None, None
        return over

    @property
    def cause(self) -> Cause:
        """Why no volume takes footage now."""
        if self._fault is not None:
            return cause_of_fault(self._fault)
        links = self._host.links.values()
        first = min(links, key=lambda link: (link.endpoint.role != "primary", link.endpoint.order), default=None)
        return _cause_of_state(first.state) if first else Cause.STORAGE_MISSING

    def _choose(self, congested: bool) -> DiskLink | None:
        host = self._host
        name = choose_volume(
            (
                Candidate(
                    name, link.endpoint.role, link.endpoint.order, link.state if link.usable else "unknown",
                    host.suspects.until(name),
                )
                for name, link in host.links.items()
                if congested or not link.congested
            ),
            BootNs(host.clock.boot_ns()),
        )  # fmt: skip
        return None if name is None else host.links[name]

    def _say(self, link: DiskLink, found: Classification, text: str) -> None:
        level = logging.ERROR if found.priority is ErrorPriority.CRITICAL else logging.WARNING
        log.log(
            level, "[RECORDING] %s: writing to %s %s; %s",
            self._camera, link.endpoint.name, text, found.action.replace("_", " "),
        )  # fmt: skip
        log.info("[STREAMING] %s: streaming continues", self._camera)


def _classify(fault: str, errno: int) -> Classification:
    """By the kernel's number where there is one: it tells an exhausted process from a bad volume."""
    if errno:
        return classify_error(Failure(detail=ErrorDetail(errno=errno), part=Part.FILE))
    return classify_fault(fault)


def _cause_of_state(state: str) -> Cause:
    if state in USABLE_STATES:
        # It is there and takes footage, only not as fast as it comes.
        return Cause.STORAGE_SLOW
    return cause_of_fault(state) if state in set(StorageFault) else Cause.STORAGE_MISSING
