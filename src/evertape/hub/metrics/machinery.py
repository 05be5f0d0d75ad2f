"""The figures of volumes, processes, memory and alerts. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from evertape.domain.alerting import Alerted
from evertape.domain.volume_state import VolumeState
from evertape.engine.usage import Usage, forecast_of, terms_of
from evertape.hub.api.state import VolumeStatus, parse_homecoming, parse_volumes
from evertape.hub.metrics import catalogue as m
from evertape.hub.metrics.cameras import Sees
from evertape.hub.metrics.page import Page
from evertape.ipc.messages import VolumeInfo
from evertape.types import NS_PER_S

_DAY_S = 86_400
_HOUR_S = 3_600
_MS_PER_S = 1_000


def put_service(page: Page, raw: Mapping[str, Any]) -> None:
    """The run of the service, its memory and its processes."""
    page.put(m.START_TIME, raw["started_utc"] / NS_PER_S)
    page.put(m.RING_BYTES, raw["ring"]["bytes"])
    page.put(m.RING_BUDGET, raw["ring"]["budget"])
    if (home := parse_homecoming(raw)) is not None:
        page.put(m.HOMECOMING_FILES, home.files - home.files_done)
        page.put(m.HOMECOMING_BYTES, home.bytes - home.bytes_done)
    for process in raw["processes"]:
        name, runs = process["name"], bool(process["pid"])
        page.put(m.PROCESS_UP, runs, process=name)
        page.put(m.RESTARTS, process["generation"], process=name)
        if runs:
            page.put(m.CPU, process["cpu_s"], process=name)
            page.put(m.MEMORY, process["rss"], process=name)


def put_volumes(page: Page, raw: Mapping[str, Any], usage: Mapping[str, Usage] | None) -> None:
    """The volumes; without ``usage``, what the index knows of them is left out."""
    terms = terms_of(raw)
    for info in parse_volumes(raw):
        _volume(page, info)
        held = usage.get(info.volume_id) if usage is not None else None
        if usage is not None and held is not None:
            lasts = forecast_of(info, usage, terms)
            page.put(m.USED, held.bytes, volume=info.name)
            page.put(m.FILES, held.files, volume=info.name)
            page.put(m.WRITE_RATE, lasts.bytes_per_hour / _HOUR_S, volume=info.name)
            page.put(m.SPACE_LEFT, _seconds(lasts.days_left), volume=info.name)
            page.put(m.REACH, _seconds(lasts.days_kept), volume=info.name)


def put_alerts(page: Page, active: Iterable[Alerted], sees: Sees) -> None:
    """What is wrong, as far as it is about no camera or one that whoever asks may see."""
    shown = Counter((one.kind, str(one.severity)) for one in active if not one.camera or sees(one.camera))
    for (kind, severity), number in shown.items():
        page.put(m.ALERTS, number, kind=kind, severity=severity)


def _volume(page: Page, info: VolumeInfo) -> None:
    name = info.name
    page.put(m.VOLUME_INFO, 1, volume=name, id=info.volume_id, role=info.role)
    # A newer engine may know a state that this hub does not.
    for state in dict.fromkeys([*map(str, VolumeState), info.state]):
        page.put(m.VOLUME_STATE, state == info.state, volume=name, state=state)
    page.put(m.USABLE, VolumeStatus.is_usable(info.state), volume=name)
    page.put(m.FREE, info.free if info.total else None, volume=name)
    page.put(m.SIZE, info.total or None, volume=name)
    page.put(m.WRITE_LATENCY, info.write_ms / _MS_PER_S if info.write_ms else None, volume=name)
    page.put(m.SYNC_LATENCY, info.sync_ms / _MS_PER_S if info.sync_ms else None, volume=name)
    page.put(m.OPEN_FILES, info.open_files, volume=name)


def _seconds(days: float | None) -> float | None:
    return None if days is None else days * _DAY_S
