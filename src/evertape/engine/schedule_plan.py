"""When a camera is recorded: what holds now, who says so, until when; and its coming week. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evertape.config.schema import Config
from evertape.domain.schedule import Schedule, coming
from evertape.engine.wish_book import terms_of
from evertape.types import NS_PER_S, CameraId, UtcNs

WEEK_NS = 7 * 24 * 3600 * NS_PER_S


@dataclass(frozen=True, slots=True)
class Plan:
    """When one camera is recorded.

    Args:
        camera: its id.
        wanted: now.
        by: ``schedule``, ``person`` or ``configuration``.
        until: UTC ns until which that holds; ``None``: for good.
        schedule: its text; ``always`` without one.
        zone: the time zone it is meant in; ``None``: the machine's.
        spans: of the coming week, UTC ns; ``None``: there is no schedule.
    """

    camera: str
    wanted: bool
    by: str
    until: int | None
    schedule: str
    zone: str | None
    spans: list[tuple[UtcNs, UtcNs]] | None


def plan(config: Config, camera: str, held: Mapping[str, Any] | None, now: UtcNs) -> Plan:
    """A camera's plan; ``held`` says what holds now, ``None``: the service does not know the camera yet."""
    there: Schedule | None = terms_of(config, CameraId(camera)).scheduled
    known = held or {"wanted": False, "by": "", "until": None}
    return Plan(
        camera=camera,
        wanted=bool(known["wanted"]),
        by=str(known["by"]),
        until=known["until"],
        schedule=str(there) if there is not None else "always",
        zone=there.zone if there is not None else None,
        spans=coming(there, now, UtcNs(now + WEEK_NS)) if there is not None else None,
    )
