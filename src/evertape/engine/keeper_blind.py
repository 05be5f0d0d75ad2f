"""What to delete when there is no index: by the names of files, the oldest first. Pure.

A name's time is UTC or local, and says only when a file begins; so what might touch a protected span is kept.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime

from evertape.disk.layout import parse_name
from evertape.domain.retention import Candidate, Eviction, Why
from evertape.domain.retention_terms import DAY_NS, Protection, Terms
from evertape.ipc.messages import FoundFile
from evertape.types import NS_PER_S

ZONES_NS = 15 * 3600 * NS_PER_S
"""By how much local time may differ from UTC, and a bit."""
LONGEST_NS = DAY_NS
"""``recording.rotation`` goes up to this."""


def pick(
    files: Iterable[FoundFile],
    volume: str,
    need: int,
    terms: Terms,
    protection: Protection,
    now: int,
    *,
    full: bool,
    skip: Collection[str] = (),
) -> list[Eviction]:
    """The first files that may go, until ``need`` bytes are reached.

    Args:
        files: the oldest of the volume, in order.
        volume: its id.
        need: bytes.
        terms: for ``min_age``.
        protection: what must stay.
        now: UTC ns.
        full: nothing can be recorded to the volume.
        skip: paths that were tried.
    """
    chosen: list[Eviction] = []
    for file in files:
        if need <= 0:
            break
        if file.open or file.path in skip:
            continue
        begins = _begins(file.path)
        camera = file.path.split("/")[0]
        keep = terms.rule_for(camera).min_age
        keep = min(keep, terms.emergency_age) if full else keep
        if begins is None or (keep and begins + ZONES_NS + LONGEST_NS > now - keep):
            continue
        if protection.covers(camera, begins - ZONES_NS, begins + ZONES_NS + LONGEST_NS):
            continue
        candidate = Candidate("", camera, volume, file.path, begins, begins, file.bytes)
        chosen.append(Eviction(candidate, Why.EMERGENCY if full else Why.SPACE))
        need -= file.bytes
    return chosen


def _begins(path: str) -> int | None:
    """What a file's name says, taken for UTC; ``None`` if it says nothing."""
    name = parse_name(path.rpartition("/")[2])
    if name is None:
        return None
    try:
        moment = datetime.strptime(name.day + name.time, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    return int(moment.timestamp()) * NS_PER_S
