"""Where a camera's footage goes, and what it means when that fails.

Threads: the owner's loop only.
"""

from __future__ import annotations

import logging

from evertape.domain.cause import Cause, cause_of_fault
from evertape.domain.classify import Failure, Part, classify_error, classify_fault
from evertape.domain.error_table import Classification, ErrorPriority, Restart
from evertape.domain.failure import ErrorDetail
from evertape.domain.recording_retry import Durable, Failed
from evertape.domain.storage_fault import StorageFault
from evertape.domain.volumes import RETIRED, Candidate, choose_volume
from evertape.engine.disk_link import USABLE_STATES, DiskLink
from evertape.engine.recording_host import RecordingHost
from evertape.engine.recording_retry import RecordingRetry
from evertape.errors import UsageError
from evertape.ipc.events import WriterReplaced
from evertape.types import BootNs, SegmentId

log = logging.getLogger(__name__)

_MOST_PARTIAL = 2
"""So many writers in a row may fail for reasons that are not their volume's; then it is passed over all the same."""


class RecordingStorage:
    """See the module.

    Args:
        camera: whose footage.
        host: the recorder.
    """

    def __init__(self, camera: str, host: RecordingHost) -> None:
        self._camera = camera
        self._host = host
        self.retry = RecordingRetry(camera, host)
        self.preferred = ""
        """The volume that somebody asked for; until it fails, or something else is asked for."""
        self._fault: str | None = None
        """Why the latest writer failed; ``None`` once footage became durable again."""
        self._failed_on: set[str] = set()
        """Volumes that failed a writer, of which no news has come since."""
        self._left: dict[str, int] = {}
        """Volumes that were left because of their state, and when."""
        self._partial = 0
        self._replacing: tuple[str, str, int] | None = None
        """Why the next writer is begun, which volume the last one was on, and since when; see ``WriterReplaced``."""

    # -- where to -------------------------------------------------------------------------------------------

    def choose(self) -> DiskLink | None:
        """The volume to write to now; one that keeps up, if there is one."""
        return self._asked_for() or self._choose(congested=False) or self._choose(congested=True)

    def prefer(self, volume: str) -> None:
        """Write to this volume as long as it takes footage; empty: no wish any more.

        Raises:
            UsageError: there is no such volume, or it takes no footage now.
        """
        link = self._host.links.get(volume)
        if volume and link is None:
            known = ", ".join(self._host.links) or "none"
            raise UsageError(f"there is no volume {volume!r}", hint=f"the volumes are: {known}")
        if link is not None and not _takes(link):
            why = RETIRED if link.endpoint.role == RETIRED else link.state
            raise UsageError(f"the volume {volume} takes no footage now ({why})")
        self.preferred = volume

    @property
    def usable(self) -> bool:
        """A volume at least says that it is well, or has not been heard of yet, as in the first moments."""
        links = self._host.links.values()
        return any(_takes(link) or (link.state == "unknown" and link.endpoint.role != RETIRED) for link in links)

    def replaces(self, why: str, old: str) -> None:
        """The next writer takes the place of one on volume ``old``."""
        self._replacing = (why, old, self._host.clock.boot_ns())

    def accepted(self, link: DiskLink, segment: SegmentId) -> None:
        """A new file exists on the disk."""
        if self._replacing is None:
            return
        host, (why, old, since) = self._host, self._replacing
        self._replacing = None
        host.journal(
            WriterReplaced(
                **host.stamp(),
                camera=self._camera,
                why=why,
                old_volume=old,
                volume=link.endpoint.name,
                segment=segment,
                took=host.clock.boot_ns() - since,
            )
        )

    # -- troubles -------------------------------------------------------------------------------------------

    def writer_failed(self, link: DiskLink, fault: str, errno: int, text: str) -> None:
        """A writer failed: what it means for its volume."""
        name, found = link.endpoint.name, _classify(fault, errno)
        self._fault = fault
        self._failed_on.add(name)
        blames_volume = found.restart is Restart.FAILOVER or found.priority is ErrorPriority.CRITICAL
        self._partial += not blames_volume
        if blames_volume or self._partial > _MOST_PARTIAL:
            self._pass_over(name)
        if self._replacing is None:
            self.replaces(fault, name)
        level = logging.ERROR if found.priority is ErrorPriority.CRITICAL else logging.WARNING
        log.log(
            level, "[RECORDING] %s: writing to %s failed (%s): %s; %s",
            self._camera, name, fault, text, found.action.replace("_", " "),
        )  # fmt: skip
        self.retry.tell(Failed())
        link.probe()

    def volume_failed(self, link: DiskLink, fault: str, *, in_flight: bool) -> None:
        """A volume cannot be used any more; ``in_flight``: footage was under way to it."""
        name = link.endpoint.name
        if self.preferred == name:
            self.preferred = ""
        if not in_flight and name not in self._failed_on:
            return
        self._failed_on.discard(name)
        self._left.setdefault(name, self._host.clock.boot_ns())
        self._fault = fault
        if self._replacing is None:
            self.replaces(fault, name)
        self.retry.tell(Failed())
        log.warning("[RECORDING] Stopping recording due to storage error (%s on %s: %s)", self._camera, name, fault)
        log.info("[STREAMING] Streaming continues (%s)", self._camera)

    def volume_filled(self, link: DiskLink, *, is_written_to: bool) -> None:
        """A volume takes no new file; the one that is written to is left at the next keyframe."""
        name = link.endpoint.name
        if not is_written_to and name not in self._failed_on:
            return
        self._failed_on.discard(name)
        if self.preferred == name:
            self.preferred = ""
        self._left.setdefault(name, self._host.clock.boot_ns())
        log.warning("[RECORDING] Stopping recording due to storage error (%s on %s: full)", self._camera, name)
        log.info("[STREAMING] Streaming continues (%s)", self._camera)

    def durable(self, link: DiskLink) -> None:
        """Footage became durable on this volume."""
        name = link.endpoint.name
        self._host.suspects.durable(name)
        self._fault, self._partial = None, 0
        self._failed_on.discard(name)
        if not link.usable:
            return  # what was on its way to a volume that was left: it takes no more
        if name in self._left:
            self.retry.back(name, self._left.pop(name))
        self.retry.tell(Durable(), name, elsewhere=bool(self._left))

    @property
    def cause(self) -> Cause:
        """Why no volume takes footage now."""
        links = [link for link in self._host.links.values() if link.endpoint.role != RETIRED]
        first = min(links, key=lambda link: (link.endpoint.role != "primary", link.endpoint.order), default=None)
        if first is not None and first.state in _FAULTS:
            # What holds now, not what the first writer met.
            return cause_of_fault(first.state)
        if self._fault is not None:
            return cause_of_fault(self._fault)
        # It is there and takes footage, only not as fast as it comes.
        return Cause.STORAGE_SLOW if first is not None and first.state in USABLE_STATES else Cause.STORAGE_MISSING

    # -- inside ---------------------------------------------------------------------------------------------

    def _pass_over(self, name: str) -> None:
        suspects, now = self._host.suspects, BootNs(self._host.clock.boot_ns())
        until = suspects.until(name)
        # Sixteen cameras that meet the same failure have met one failure.
        if until is None or until <= now:
            suspects.failed(name, now)

    def _asked_for(self) -> DiskLink | None:
        link = self._host.links.get(self.preferred)
        if link is None or not _takes(link) or link.congested:
            return None
        until = self._host.suspects.until(self.preferred)
        return link if until is None or until <= self._host.clock.boot_ns() else None

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


def _takes(link: DiskLink) -> bool:
    """New files may be begun there."""
    return link.usable and link.endpoint.role != RETIRED


_FAULTS = frozenset(map(str, StorageFault))


def _classify(fault: str, errno: int) -> Classification:
    """By the kernel's number where there is one: it tells an exhausted process from a bad volume."""
    if errno:
        return classify_error(Failure(detail=ErrorDetail(errno=errno), part=Part.FILE))
    return classify_fault(fault)
