"""How much footage lies on each volume, and how long a volume lasts: from the index, never by walking the disk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from evertape.domain.forecast import Forecast, forecast
from evertape.domain.retention_terms import Terms
from evertape.domain.storage_label import StorageLabel, VolumeFacts, label_of
from evertape.engine.space import rate_of
from evertape.ipc.messages import VolumeInfo
from evertape.store.reader import Reader


class Usage(NamedTuple):
    """Of one volume: bytes of finished files, how many there are, and bytes per hour of the last day."""

    bytes: int
    files: int
    rate: float = 0.0


def usage_in(index: Reader, now: int) -> dict[str, Usage]:
    """By the volume's id; blocking. ``now``: UTC ns. Raises as the index does."""
    return {
        volume: Usage(held.bytes, held.files, rate_of(index, volume, now))
        for volume, held in index.totals_by_volume().items()
    }


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


def terms_of(raw: Mapping[str, Any]) -> Terms:
    """By what the service deletes, from its answer to ``status``; the defaults if it does not say."""
    return msgspec.convert(raw["retention"], Terms) if "retention" in raw else Terms()


def forecast_of(info: VolumeInfo, usage: Mapping[str, Usage], terms: Terms) -> Forecast:
    """What is to be expected of a volume; nothing, while the index cannot be read."""
    held = usage.get(info.volume_id)
    return forecast(terms, info.free, info.total, held.bytes, held.rate) if held is not None else Forecast()
