"""How much footage lies on each volume, from the index: never by walking the disk."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import NamedTuple

from evertape.cli.place import Place
from evertape.domain.storage_label import StorageLabel, VolumeFacts, label_of
from evertape.ipc.messages import VolumeInfo


class Usage(NamedTuple):
    """Of one volume: bytes of finished files, how many there are, and bytes per hour of the last day."""

    bytes: int
    files: int
    rate: float = 0.0


def usage_by_volume(place: Place) -> dict[str, Usage]:
    """By the volume's id; empty while the index cannot be read, which must not keep anybody from seeing the rest."""
    from evertape.clock import SystemClock
    from evertape.engine.space import rate_of
    from evertape.store.failures import IndexBusyError, IndexDamagedError
    from evertape.store.index import Index

    with contextlib.suppress(IndexBusyError, IndexDamagedError), Index.open_readonly(place.data.index_file) as index:
        now = int(SystemClock().utc_ns())
        return {
            volume: Usage(held.bytes, held.files, rate_of(index, volume, now))
            for volume, held in index.totals_by_volume().items()
        }
    return {}


def label_with(info: VolumeInfo, usage: Mapping[str, Usage]) -> StorageLabel:
    """What people read of a volume, with the numbers of the index."""
    held = usage.get(info.volume_id, Usage(0, 0)) if usage else None
    return label_of(
        VolumeFacts(
            state=info.state,
            is_mount=info.is_mount,
            was_usable=info.was_usable,
            errno=info.errno,
            reason=info.reason,
            free=info.free,
            used=held.bytes if held is not None else None,
            files=held.files if held is not None else 0,
        )
    )
