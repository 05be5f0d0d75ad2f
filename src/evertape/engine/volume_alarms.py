"""Tells people of volumes that cannot be used: once for the installation, because it hears every disk process.

Threads: the owner's loop only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from evertape.clock import Clock
from evertape.domain.storage_label import REMEDIES, StorageTrouble, label_of, trouble_of
from evertape.domain.volume_outage import WELL, Outage, is_unusable, step
from evertape.domain.volumes import RETIRED
from evertape.engine.alarm import UNUSED, Alarm
from evertape.engine.declared_volumes import Declared
from evertape.engine.storage_service import facts_of, is_usable
from evertape.ipc.events import AnyEvent, EventStamp
from evertape.ipc.messages import VolumeInfo
from evertape.types import BootNs

KIND = "volume_unusable"


class VolumeAlarmsHost(Protocol):
    """What they need from the supervisor."""

    clock: Clock

    @property
    def stamp(self) -> EventStamp:
        """For events of the supervisor."""

    @property
    def volumes(self) -> Mapping[str, Declared]:
        """The volumes in use, by name."""

    def journal(self, event: AnyEvent) -> None:
        """Write an event down and tell the clients that listen."""


class VolumeAlarms:
    """One alarm for each volume that is used: cameras are recorded to it, or would be.

    Args:
        host: the supervisor.
        anything_wanted: whether some camera is to be recorded now.
    """

    def __init__(self, host: VolumeAlarmsHost, anything_wanted: Callable[[], bool]) -> None:
        self._host = host
        self._anything_wanted = anything_wanted
        self._outages: dict[str, Outage] = {}
        self._alarms: dict[str, Alarm] = {}

    def look(self, infos: Mapping[str, VolumeInfo]) -> None:
        """Judge every volume by its latest news; call it with each, and twice a second."""
        now, used = BootNs(self._host.clock.boot_ns()), self._used()
        for name in dict.fromkeys([*self._outages, *used]):
            if name not in used:
                self._outages.pop(name)
                self._set(name, False, f"the volume {name} is not used any more", why=UNUSED)
                continue
            info = infos.get(name)
            state = info.state if info is not None else "unknown"
            outage = self._outages[name] = step(self._outages.get(name, WELL), is_unusable(state), now)
            if outage.told and info is not None:
                others = _usable(infos, used)
                trouble = (trouble_of(facts_of(info)) or StorageTrouble.ERROR).code
                goes_on = next(iter(others), "")
                self._set(name, True, text_of(info, others), state=state, trouble=trouble, goes_on_with=goes_on)
            elif not outage.told:
                self._set(name, False, f"the volume {name} can be used again")

    def _used(self) -> list[str]:
        if not self._anything_wanted():
            return []
        return [name for name, declared in self._host.volumes.items() if declared.role != RETIRED]

    def _set(self, name: str, on: bool, text: str, **detail: str) -> None:
        alarm = self._alarms.get(name)
        if alarm is None:
            if not on:
                return
            alarm = self._alarms[name] = Alarm(KIND, self._host, volume=name)
        if on:
            alarm.set(True, text, **detail)
        else:
            alarm.set(False, over=text, **detail)


def text_of(info: VolumeInfo, others: Iterable[str]) -> str:
    """What a person is told: what is wrong, what Evertape does about it, and what the person can do.

    Args:
        info: what its disk process says.
        others: the names of the volumes that can be used.
    """
    facts = facts_of(info)
    label, trouble = label_of(facts), trouble_of(facts) or StorageTrouble.ERROR
    place = next(iter(others), "")
    does = f"recording goes on with {place}" if place else "new footage waits in memory, as long as that lasts"
    return f"Volume {info.name}: {label.text} ({label.reason}); {does}. What you can do: {REMEDIES[trouble]}"


def _usable(infos: Mapping[str, VolumeInfo], used: Iterable[str]) -> list[str]:
    found = [infos[name] for name in used if name in infos and is_usable(infos[name].state)]
    # As recorders prefer them: those of one role in the order of the configuration.
    return [info.name for info in sorted(found, key=lambda info: info.role != "primary")]
