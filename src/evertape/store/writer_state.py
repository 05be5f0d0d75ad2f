"""The writer's part that is not about footage: runs of the service, wishes, volumes, who has which camera."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, select, update

from evertape.ipc.events import (
    AnyEvent,
    CameraStateChanged,
    GapClosed,
    GapOpened,
    RecordingStateChanged,
    RecordWish,
    ServiceStarted,
    ServiceStopped,
    VolumeStateChanged,
)
from evertape.store import tables
from evertape.store.convert import chunks
from evertape.store.upsert import insert_new, known_ids


def apply_state(connection: Connection, events: Sequence[AnyEvent]) -> None:
    """Take these events in, within the caller's transaction."""
    _apply_runs(connection, events)
    _place(connection, events)
    _apply_wishes(connection, events)
    _apply_volumes(connection, events)


def _apply_runs(connection: Connection, events: Sequence[AnyEvent]) -> None:
    table = tables.runs
    found: dict[str, dict[str, Any]] = {}
    for event in events:
        if not event.service:
            continue
        run = found.setdefault(
            event.service,
            {"service": event.service, "started_at": event.at, "host_boot": "", "version": "", "stopped_at": None,
             "last_at": event.at},
        )  # fmt: skip
        run["last_at"] = max(run["last_at"], event.at)
        if isinstance(event, ServiceStarted):
            run |= {"started_at": event.at, "host_boot": event.host_boot, "version": event.version}
        elif isinstance(event, ServiceStopped):
            run["stopped_at"] = event.at
    known = {
        row["service"]: row
        for part in chunks(list(found))
        for row in connection.execute(select(table).where(table.c.service.in_(part))).mappings()
    }
    for service, run in found.items():
        old = known.get(service)
        if old is None:
            connection.execute(table.insert().values(**run))
            continue
        changes = {
            "last_at": max(run["last_at"], old["last_at"]),
            "stopped_at": run["stopped_at"] or old["stopped_at"],
        }
        if run["version"]:
            changes |= {name: run[name] for name in ("started_at", "host_boot", "version")}
        if any(old[name] != value for name, value in changes.items()):
            connection.execute(update(table).where(table.c.service == service).values(**changes))


def _place(connection: Connection, events: Sequence[AnyEvent]) -> None:
    """Remember which recorder has which camera, so that its death explains the right gaps."""
    seen = {
        (event.camera, event.service, event.source)
        for event in events
        if isinstance(event, CameraStateChanged | RecordingStateChanged | GapOpened | GapClosed)
        and event.source.startswith("recorder")
    }
    if not seen:
        return
    table = tables.placements.c
    services = {service for _, service, _ in seen}
    known = {
        tuple(row)
        for part in chunks(list(services))
        for row in connection.execute(select(table.camera, table.service, table.process).where(table.service.in_(part)))
    }
    fresh = [{"camera": c, "service": s, "process": p} for c, s, p in sorted(seen - known)]
    if fresh:
        connection.execute(tables.placements.insert(), fresh)


# -- wishes, volumes, the rest ------------------------------------------------------------------------------


def _apply_wishes(connection: Connection, events: Sequence[AnyEvent]) -> None:
    """What somebody said; and that a recorder tries to record shows that the configuration wishes it."""
    about = [e for e in events if isinstance(e, RecordWish | RecordingStateChanged)]
    if not about:
        return
    table = tables.wishes
    cameras = sorted({event.camera for event in about})
    history: dict[str, list[tuple[int, bool]]] = {camera: [] for camera in cameras}
    for part in chunks(cameras):
        for row in connection.execute(select(table).where(table.c.camera.in_(part))).mappings():
            history[row["camera"]].append((row["at"], row["wanted"]))
    fresh: dict[str, dict[str, Any]] = {}
    for event in about:
        past = history[event.camera]
        if isinstance(event, RecordWish):
            wish = (event.at, event.wanted)
            by = event.by
        elif event.state in ("recording", "waiting") and not _wanted_at(past, event.at):
            wish, by = (event.at, True), "configuration"
        else:
            continue
        past.append(wish)
        fresh[event.id] = {"id": event.id, "camera": event.camera, "at": wish[0], "wanted": wish[1], "by": by}
    insert_new(connection, table, fresh)


def _wanted_at(history: Iterable[tuple[int, bool]], at: int) -> bool:
    return max((wish for wish in history if wish[0] <= at), default=(0, False))[1]


def _apply_volumes(connection: Connection, events: Sequence[AnyEvent]) -> None:
    newest: dict[str, VolumeStateChanged] = {}
    for event in events:
        if isinstance(event, VolumeStateChanged) and event.volume_id:
            newest[event.volume_id] = event
    table = tables.volumes
    known = known_ids(connection, table, list(newest))
    for key, event in newest.items():
        values = {
            "name": event.volume, "state": event.state, "reason": event.reason, "at": event.at, "free": event.free,
            "total": event.total,
        }  # fmt: skip
        if key not in known:
            connection.execute(table.insert().values(id=key, **values))
        else:
            connection.execute(update(table).where(table.c.id == key, table.c.at <= event.at).values(**values))
