"""What retention would do, from the index; and a thin face on a directory's free space for other programs. Blocking."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from evertape.domain.forecast import LOOK_BACK_NS, Forecast, bytes_per_hour, forecast
from evertape.domain.retention import Candidate, Eviction, Goals, Kept, Why, plan
from evertape.domain.retention_terms import Protection, Terms, bytes_needed, excesses
from evertape.domain.volume_state import VolumeState
from evertape.domain.volumes import RETIRED
from evertape.ipc.messages import VolumeInfo
from evertape.store.reader import Reader
from evertape.store.retention import held_by_camera, oldest, protected_spans, written
from evertape.store.rows import CLOSED


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be planned.

    Args:
        terms: by which it is decided.
        volumes: ids of those that can be reached.
        now: UTC ns.
        need: bytes to free, by volume; see ``needs``.
        full: volumes too full to be recorded to.
        camera: only this one's footage; empty: all.
        older_than: only by this age, in nanoseconds, whatever the rules say.
        by_age: whether the rules about age count.
    """

    terms: Terms
    volumes: tuple[str, ...]
    now: int
    need: Mapping[str, int] = field(default_factory=dict)
    full: Collection[str] = ()
    camera: str = ""
    older_than: int | None = None
    by_age: bool = True


def needs(terms: Terms, volumes: Iterable[VolumeInfo], rates: Mapping[str, float]) -> dict[str, int]:
    """How many bytes have to go, by volume id; of those only that need it.

    Args:
        terms: see there.
        volumes: as they were last reported.
        rates: bytes expected before the next look, by id.
    """
    found = {
        info.volume_id: bytes_needed(
            terms, info.free, info.total, full=is_full(info), coming=int(rates.get(info.volume_id, 0))
        )
        for info in volumes
        if info.role != RETIRED  # nothing is written there, so nothing has to make room
    }
    return {volume: count for volume, count in found.items() if count}


def is_full(info: VolumeInfo) -> bool:
    """Whether nothing is recorded to the volume for want of space."""
    return info.state == VolumeState.FULL


def evictions(
    index: Reader, question: Question, *, skip: Collection[str] = (), kept: Kept | None = None
) -> Iterator[Eviction]:
    """What goes, lazily. ``index`` must be a snapshot. Raises as it does.

    Args:
        index: see ``Reader.snapshot``.
        question: what is to be planned.
        skip: segments that could not be deleted.
        kept: counts what stays although it would have gone.
    """
    terms = question.terms
    protection = Protection([*terms.protected, *protected_spans(index)])
    goals = Goals(
        volumes=question.volumes,
        need=dict(question.need),
        full=question.full,
        excess=excesses(held_by_camera(index, question.volumes), terms),
        camera=question.camera,
        older_than=question.older_than,
        by_age=question.by_age,
    )

    def source(volume: str, before: int, camera: str = "") -> Iterator[Candidate]:
        return oldest(index, volume, before, camera)

    return plan(source, goals, terms, protection, question.now, skip=skip, kept=kept)


def chosen(
    index: Reader,
    segments: Collection[str],
    question: Question,
    *,
    skip: Collection[str] = (),
    kept: Kept | None = None,
) -> Iterator[Eviction]:
    """What goes of segments that a person chose: those that are finished, still there, and not protected.

    Args:
        index: a snapshot.
        segments: their ids.
        question: says what is protected, and which volumes can be reached.
        skip: segments that could not be deleted.
        kept: counts what stays because it is protected.
    """
    protection = Protection([*question.terms.protected, *protected_spans(index)])
    for row in index.segments_by_id(list(segments)).values():
        if row.id in skip or row.state != CLOSED or row.end_utc is None or row.volume not in question.volumes:
            continue
        if not protection.covers(row.camera, row.start_utc, row.end_utc):
            one = Candidate(row.id, row.camera, row.volume, row.path, row.start_utc, row.end_utc, row.bytes or 0)
            yield Eviction(one, Why.PERSON)
        elif kept is not None:
            kept.protected += 1
            kept.protected_bytes += row.bytes or 0


def rate_of(index: Reader, volume: str, now: int) -> float:
    """Bytes per hour that a volume was written at over the last day."""
    total, first = written(index, volume, now - LOOK_BACK_NS)
    return bytes_per_hour(total, first, now)


def forecasts(index: Reader, terms: Terms, volumes: Iterable[VolumeInfo], now: int) -> dict[str, Forecast]:
    """What is to be expected of each volume, by id."""
    held = index.totals_by_volume()
    found: dict[str, Forecast] = {}
    for info in volumes:
        if info.volume_id:
            bytes_held = held[info.volume_id].bytes if info.volume_id in held else 0
            rate = rate_of(index, info.volume_id, now)
            found[info.volume_id] = forecast(terms, info.free, info.total, bytes_held, rate)
    return found
