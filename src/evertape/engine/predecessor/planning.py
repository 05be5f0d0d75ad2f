"""What an import would do. Pure: everything that was looked at comes in, nothing is changed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path, PureWindowsPath
from typing import Any

from evertape.config.desktop import DesktopSettings
from evertape.config.schema import Config
from evertape.config.trial import trial
from evertape.domain.file_names import camera_id
from evertape.engine.predecessor import cameras, desktop, settings
from evertape.engine.predecessor.cameras import plan_cameras
from evertape.engine.predecessor.desktop import plan_desktop
from evertape.engine.predecessor.model import Fate, ImportPlan, Item, NewVolume, Predecessor, Seen, Table, Value
from evertape.engine.predecessor.places import OWN, PATHS, adoptions, recording_path
from evertape.engine.predecessor.reading import TABLES
from evertape.engine.predecessor.settings import plan_settings
from evertape.engine.predecessor.values import shown
from evertape.errors import ConfigError

VOLUME = "old_disk"
"""What the volume is called."""
_BOOKKEEPING = frozenset(("id", "created_at", "updated_at"))


def plan(
    predecessor: Predecessor, config: Config, seen: Seen | None = None, desktop_now: DesktopSettings | None = None
) -> ImportPlan:
    """What becomes of everything in the database.

    Cameras that are configured already, values that were set to something else than usual, and what ``desktop.toml``
    says, stay as they are: a second import adds nothing.

    Args:
        predecessor: the database.
        config: as it is.
        seen: what ``look_at`` found; without it nothing is said of recordings, and no volume added.
        desktop_now: what ``desktop.toml`` says.
    """
    seen = seen or Seen()
    found = plan_cameras(_with_latency(predecessor), config)
    changed, items, values = plan_settings(predecessor, found.config)
    volume, about = _volume(predecessor, changed, seen)
    window = plan_desktop(predecessor, found.order, desktop_now or DesktopSettings())
    extra = [*_whole_tables(predecessor), *_unknown_columns(predecessor)]
    return ImportPlan(
        predecessor.path,
        shown("version", predecessor.version),
        (*found.items, *items, *about, *window.items, *extra),
        tuple(found.new),
        values,
        volume,
        {name: table for name, table in window.settings.items() if table},
        found.ids,
        adoptions(seen, found.ids, {folder.name: camera_id(folder.name) for folder in seen.folders}),
        tuple(found.left),
    )


def desktop_settings(plan: ImportPlan) -> dict[str, dict[str, Any]]:
    """What goes into ``desktop.toml``, by table, as ``evertape.config.desktop`` has it; only what is to be changed."""
    return {name: dict(table) for name, table in plan.desktop.items()}


def _with_latency(predecessor: Predecessor) -> Table:
    """The cameras; what was set for all of them is each one's."""
    table = predecessor.tables.get("cameras", Table("cameras", ()))
    latency: Value = predecessor.settings("streaming").get("latency_ms")
    return table if latency is None else Table("cameras", tuple({"latency_ms": latency} | dict(r) for r in table.rows))


def _volume(predecessor: Predecessor, config: Config, seen: Seen) -> tuple[NewVolume | None, list[Item]]:
    source, said = recording_path(predecessor)
    if not source:
        return None, []

    def left(why: str, fate: Fate = Fate.LEFT) -> tuple[None, list[Item]]:
        return None, [Item(source, shown("path", said), fate, reason=why)]

    path = Path(os.path.normpath(said))
    if PureWindowsPath(said).drive and not path.is_absolute():
        return left("it is a place on Windows; evertape volume add names a place to record to")
    if not path.is_absolute():
        return left("it is a folder beside the program; evertape volume add names a place to record to")
    own = path / OWN
    if any(os.path.normpath(volume.path) in (str(own), str(path)) for volume in config.volumes.values()):
        return left("it is a volume already", Fate.SAME)
    if config.volumes:
        return left(f"volumes are declared here already; evertape volume add NAME {own} adds this one", Fate.KEPT)
    if not seen.place_there:
        return left("it is not there now; mount the disk, and import again, or evertape volume add")
    fields = {"path": str(own), "role": "primary"} | ({"mount": False} if seen.system_disk else {})
    try:
        trial(config, volumes={VOLUME: fields})
    except ConfigError as error:
        return left(error.what)
    why = "a folder of its own beside the old recordings, which stay"
    if seen.system_disk:
        why = f"{why}; on the disk of the system itself, which footage will fill: only if somebody says so"
    item = Item(source, shown("path", said), Fate.TAKEN, f"volumes.{VOLUME}.path", str(own), why)
    return NewVolume(VOLUME, own, seen.system_disk), [item]


def _whole_tables(predecessor: Predecessor) -> list[Item]:
    items = [Item(name, "", Fate.LEFT, reason="there is no such table in it") for name in predecessor.missing]
    items += [Item(name, "", Fate.UNKNOWN, reason="nobody knows this table") for name in predecessor.unknown]
    items += [
        Item(table.name, "", Fate.LEFT, reason=f"{table.more} more rows, which the old recorder did not read either")
        for table in predecessor.tables.values()
        if table.more
    ]
    return items


def _unknown_columns(predecessor: Predecessor) -> list[Item]:
    """Columns that nothing was said of; their values are not shown, because nobody knows what they hold."""
    paths: Mapping[str, set[str]] = {"storage": set(PATHS), "recording": set(PATHS), "streaming": {"latency_ms"}}
    items = []
    for name in TABLES:
        if name in ("cameras", "menu_keys", "ptz_keys"):
            continue
        known = settings.columns(name) | desktop.columns(name) | paths.get(name, set()) | _BOOKKEEPING
        unknown = [one for one in predecessor.settings(name) if one not in known]
        items += [Item(f"{name}.{one}", "", Fate.UNKNOWN) for one in unknown]
    if predecessor.settings("streaming").get("latency_ms") is not None:
        value = shown("latency_ms", predecessor.settings("streaming")["latency_ms"])
        items.append(Item("streaming.latency_ms", value, Fate.NEEDLESS, reason="it is each new camera's own: latency"))
    return items


KNOWN: Mapping[str, set[str]] = {
    name: settings.columns(name)
    | desktop.columns(name)
    | (set(PATHS[:1]) if name == "storage" else set())
    | (
        {one for names in cameras.COLUMNS.values() for one in names} | cameras.NEVER.keys()
        if name == "cameras"
        else set()
    )
    | ({"latency_ms"} if name == "streaming" else set())
    for name in TABLES
}
"""Every column that is understood, by table; the guide names each."""
