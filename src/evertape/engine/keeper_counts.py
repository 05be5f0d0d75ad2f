"""What a pass of retention did to a volume, for the log and for the journal."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Protocol

from evertape.domain.retention import Kept
from evertape.engine.keeper_link import KeeperLink
from evertape.ipc.events import AnyEvent, EventStamp, RetentionPass
from evertape.types import NS_PER_MS

log = logging.getLogger(__name__)


class BookHost(Protocol):
    """Where it is written down."""

    stamp: EventStamp

    def write_down(self, event: AnyEvent) -> None:
        """Put an event into the journal."""


@dataclass(slots=True)
class Count:
    """Files and bytes that went, files that would not, bytes that are still to be freed, and what was free before."""

    free_before: int = 0
    files: int = 0
    bytes: int = 0
    failed: int = 0
    missing_bytes: int = 0


def book(
    host: BookHost, link: KeeperLink, why: str, count: Count, kept: Kept, took: int, *, indexed: bool
) -> RetentionPass:
    """Log it if there is anything to say, and write it down; returns what was written.

    Args:
        host: the keeper.
        link: the volume.
        why: as in ``RetentionPass``.
        count: what was done.
        kept: what stayed.
        took: nanoseconds.
        indexed: the index was asked.
    """
    if count.files or count.failed or count.missing_bytes:
        log.info(
            "[STORAGE] retention on %s (%s): %d files deleted, %.1f MB; %d could not be; %.1f MB free, %.1f MB before",
            link.endpoint.name, why, count.files, count.bytes / 1e6, count.failed, link.info.free / 1e6,
            count.free_before / 1e6,
        )  # fmt: skip
    done = RetentionPass(
        **host.stamp(),
        volume=link.endpoint.name,
        volume_id=link.volume_id,
        why=why,
        files=count.files,
        bytes=count.bytes,
        failed=count.failed,
        protected=kept.protected,
        young=kept.young,
        missing_bytes=count.missing_bytes,
        free_before=count.free_before,
        free_after=link.info.free,
        took=took // NS_PER_MS * NS_PER_MS,
        indexed=indexed,
    )
    host.write_down(done)
    return done
