"""Small things the service remembers between runs, apart from configuration and journal.

Written by the data folder's disk process (``PutState``, atomically), read here at the start.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from evertape.domain.wish import Said
from evertape.types import UtcNs

log = logging.getLogger(__name__)

WISHES = "wishes.json"
VOLUMES = "volumes.json"
SCHEDULES = "schedules.json"
ADOPTED = "adopted.json"
ALERTS = "alerts.json"
REFUSED = "refused.json"


@dataclass(frozen=True, slots=True)
class KnownVolume:
    """What was learned of a volume when it was first used: it has to be the same one ever after.

    Args:
        path: where it was.
        volume_id: the UUID in its marker file.
        is_mount: something was mounted exactly there.
    """

    path: str
    volume_id: str
    is_mount: bool


@dataclass(frozen=True, slots=True)
class KnownSchedule:
    """The schedule that was in force for a camera, and until when its changes have been written down.

    Args:
        schedule: its text.
        zone: the time zone it is meant in; ``None``: the machine's.
        at: UTC ns.
    """

    schedule: str
    zone: str | None
    at: UtcNs


@dataclass(frozen=True, slots=True)
class TakenIn:
    """How far another installation's ledger was taken in.

    Args:
        ours: cameras that were ours before; of these nothing is taken in.
        file: of its journal, in which it goes on.
        offset: byte in that file.
    """

    ours: tuple[str, ...]
    file: str = ""
    offset: int = 0


@dataclass(frozen=True, slots=True)
class KnownAlert:
    """What a person was told of a camera, and what is not over; the fields are those of ``Alert``."""

    camera: str
    kind: str
    alert: str
    text: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """When a login was last refused, or last tried again in spite of that.

    Args:
        utc: ns, by the wall clock.
        boot: ns, by the clock of the boot that ``host`` names.
        host: the kernel's boot id; empty where there is none.
    """

    utc: int
    boot: int
    host: str


def read_wishes(folder: Path) -> dict[str, Said]:
    """What somebody said of which camera; empty if nothing is on record."""
    wishes = {}
    for name, entry in _read(folder / WISHES).items():
        if isinstance(entry, bool):
            wishes[str(name)] = Said(entry)
        elif isinstance(entry, dict) and isinstance(entry.get("wanted"), bool) and isinstance(entry.get("until"), int):
            wishes[str(name)] = Said(entry["wanted"], UtcNs(entry["until"]))
        else:
            log.warning("[RECORDING] what was said of camera %s is unreadable; it is forgotten", name)
    return wishes


def read_volumes(folder: Path) -> dict[str, KnownVolume]:
    """The volumes used so far, by name."""
    known = {}
    for name, entry in _read(folder / VOLUMES).items():
        if isinstance(entry, dict) and {"path", "volume_id", "is_mount"} <= entry.keys():
            known[str(name)] = KnownVolume(str(entry["path"]), str(entry["volume_id"]), bool(entry["is_mount"]))
        else:
            log.warning("[STORAGE] what was known of volume %s is unreadable; it is learned anew", name)
    return known


def read_schedules(folder: Path) -> dict[str, KnownSchedule]:
    """The schedules that were in force, by camera. What cannot be read was none."""
    known = {}
    for name, entry in _read(folder / SCHEDULES).items():
        if isinstance(entry, dict) and isinstance(entry.get("at"), int) and isinstance(entry.get("schedule"), str):
            zone = entry.get("zone")
            known[str(name)] = KnownSchedule(entry["schedule"], None if zone is None else str(zone), UtcNs(entry["at"]))
    return known


def read_adopted(folder: Path) -> dict[str, TakenIn]:
    """How far the ledgers of other installations' disks were taken in, by volume id."""
    known = {}
    for name, entry in _read(folder / ADOPTED).items():
        if isinstance(entry, dict) and isinstance(entry.get("ours"), list) and isinstance(entry.get("offset"), int):
            known[str(name)] = TakenIn(tuple(map(str, entry["ours"])), str(entry.get("file", "")), entry["offset"])
    return known


def read_alerts(folder: Path) -> list[KnownAlert]:
    """What people were told of cameras and what is not over. What cannot be read is told again."""
    found = _read(folder / ALERTS).get("cameras")
    fields = KnownAlert.__dataclass_fields__.keys()
    entries = found if isinstance(found, list) else []
    return [KnownAlert(**entry) for entry in entries if isinstance(entry, dict) and entry.keys() == fields]


def alerts_text(known: Iterable[KnownAlert]) -> bytes:
    """The content of that file."""
    return json.dumps({"cameras": [asdict(entry) for entry in known]}, indent=1).encode() + b"\n"


def read_refused(folder: Path) -> dict[str, Refusal]:
    """The logins that were refused lately, by ``CameraUrl.login_key``."""
    fields = Refusal.__dataclass_fields__.keys()
    found = _read(folder / REFUSED).items()
    return {key: Refusal(**entry) for key, entry in found if isinstance(entry, dict) and entry.keys() == fields}


def refused_text(known: Mapping[str, Refusal]) -> bytes:
    """The content of that file."""
    return json.dumps({key: asdict(entry) for key, entry in sorted(known.items())}, indent=1).encode() + b"\n"


def adopted_text(known: Mapping[str, TakenIn]) -> bytes:
    """The content of that file."""
    return json.dumps({name: asdict(entry) for name, entry in sorted(known.items())}, indent=1).encode() + b"\n"


def schedules_text(known: Mapping[str, KnownSchedule]) -> bytes:
    """The content of the schedules' file."""
    return json.dumps({name: asdict(entry) for name, entry in sorted(known.items())}, indent=1).encode() + b"\n"


def wishes_text(wishes: Mapping[str, Said]) -> bytes:
    """The content of the wishes' file."""
    entries = {name: said.wanted if said.until is None else asdict(said) for name, said in sorted(wishes.items())}
    return json.dumps(entries, indent=1).encode() + b"\n"


def volumes_text(known: Mapping[str, KnownVolume]) -> bytes:
    """The content of the volumes' file."""
    return json.dumps({name: asdict(volume) for name, volume in sorted(known.items())}, indent=1).encode() + b"\n"


def _read(path: Path) -> dict[str, object]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        # Replaced atomically, so this is a broken disk, not a torn write. Recording matters more.
        log.error("[STORAGE] %s cannot be read (%s); starting as if it were empty", path, error)
        return {}
    return data if isinstance(data, dict) else {}
