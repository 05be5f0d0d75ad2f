"""What is known of the volumes, from events as they happen and from the state that is asked for. Pure.

Kept as the engine's own ``VolumeInfo``, so that its labels and its decisions about who is told serve the window too.
"""

from __future__ import annotations

import errno as numbers
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from evertape.domain.storage_label import StorageTrouble, VolumeFacts, trouble_of
from evertape.domain.volume_state import VolumeState
from evertape.domain.volumes import RETIRED
from evertape.engine.storage_service import facts_of, is_usable
from evertape.ipc.messages import VolumeInfo
from evertape_desktop.backend.model import EventLook, ServiceLook, VolumeLook, utc_ns
from evertape_desktop.recording.latest import Latest

_MOUNTS = frozenset({StorageTrouble.USB_DISCONNECTED.code, StorageTrouble.NOT_MOUNTED.code})
_NUMBERS = {
    StorageTrouble.DIRECTORY_NOT_FOUND.code: numbers.ENOENT,
    StorageTrouble.NOT_AVAILABLE.code: numbers.ENODEV,
}


@dataclass(frozen=True, slots=True)
class Volume:
    """One volume.

    Args:
        info: as its disk process says.
        used: bytes of footage on it; ``None``: not known.
        files: how many files that is.
        total: bytes.
    """

    info: VolumeInfo
    used: int | None = None
    files: int = 0

    @property
    def name(self) -> str:
        """As configured."""
        return self.info.name

    @property
    def facts(self) -> VolumeFacts:
        """What its label is made from."""
        plain = facts_of(self.info)
        return VolumeFacts(
            plain.state, plain.is_mount, plain.was_usable, plain.errno, plain.reason, plain.free, self.used, self.files
        )

    @property
    def trouble(self) -> StorageTrouble | None:
        """What is wrong with it."""
        return trouble_of(self.facts)

    @property
    def usable(self) -> bool:
        """New footage may be written there."""
        return is_usable(self.info.state)

    @property
    def is_bad(self) -> bool:
        """Nothing can be written where something should be."""
        return not self.usable and self.info.role != RETIRED and self.info.state != VolumeState.UNKNOWN

    @property
    def is_spill(self) -> bool:
        """It takes footage only while no primary volume does."""
        return self.info.role == "spill"

    @property
    def rank(self) -> int:
        """The lower, the more somebody should look at it."""
        if self.is_bad:
            return 1 if self.is_spill else 0
        return 2 if self.trouble is not None else 3


class StorageBook:
    """See the module. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._volumes: dict[str, Volume] = {}
        self._latest = Latest()

    @property
    def volumes(self) -> Sequence[Volume]:
        """The worst first, else in the order of the configuration."""
        return sorted(self._volumes.values(), key=lambda volume: volume.rank)

    def volume(self, name: str) -> Volume | None:
        """One of them."""
        return self._volumes.get(name)

    def heard(self, event: EventLook, now_s: float) -> Volume | None:
        """An event; the volume that it is about, as it is now, if it is about one's state."""
        if event.kind != "volume_state":
            return None
        said = event.fields
        name, state = str(said.get("volume", "")), str(said.get("state", ""))
        known = self._volumes.get(name)
        if known is None:
            return None  # nobody has said yet that it is a volume, or it no longer is
        before = known.info
        self._latest.heard(name, state, now_s)
        info = msgspec.structs.replace(
            before,
            state=state,
            reason=str(said.get("reason", "")),
            layer=str(said.get("layer", "")),
            errno=_number(said, "errno"),
            free=_number(said, "free") or before.free,
            total=_number(said, "total") or before.total,
            since_utc=_instant(event.at),
            was_usable=before.was_usable or any(map(is_usable, (before.state, state, str(said.get("old", ""))))),
        )
        self._volumes[name] = heard = Volume(info, known.used, known.files)
        return heard

    def saw(self, look: ServiceLook, now_s: float) -> Sequence[Volume]:
        """A state; all volumes that it knows more of than events have said."""
        seen = {}
        for volume in look.volumes:
            if self._latest.believes(volume.name, volume.state, now_s):
                seen[volume.name] = Volume(
                    _info(volume, self._volumes.get(volume.name)), volume.used, volume.files or 0
                )
        self._volumes = {
            volume.name: seen.get(volume.name) or self._volumes[volume.name]
            for volume in look.volumes
            if volume.name in seen or volume.name in self._volumes
        }
        return list(seen.values())


def _info(look: VolumeLook, known: Volume | None) -> VolumeInfo:
    """The other way round than the hub: from its word for the trouble to what makes the same label."""
    trouble = look.trouble or ""
    was_usable = look.usable or trouble == StorageTrouble.USB_DISCONNECTED.code
    if known is not None and trouble != StorageTrouble.NOT_MOUNTED.code:
        was_usable = was_usable or known.info.was_usable
    return VolumeInfo(
        name=look.name,
        volume_id=look.id,
        role=look.role,
        path=look.path,
        state=look.state,
        reason=look.reason,
        since_utc=_instant(look.since or ""),
        free=look.free,
        total=look.total,
        layer=look.noticed_by,
        errno=_NUMBERS.get(trouble, 0),
        is_mount=trouble in _MOUNTS or (known is not None and known.info.is_mount),
        was_usable=was_usable,
        declared=look.declared,
    )


def _instant(text: str) -> int:
    try:
        return utc_ns(text) if text else 0
    except ValueError:
        return 0


def _number(said: dict[str, Any], name: str) -> int:
    found = said.get(name, 0)
    return found if isinstance(found, int) else 0
